package leat

import (
	"io"
	"net/http"
)

// There is no container registry here, and functions are not containers. The
// Serverless Framework nevertheless asks for its repository before it removes a
// service, and goes on only when it hears that there is none.

const describeRepositories = "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"

func asksForContainers(r *http.Request) bool {
	return r.Header.Get("X-Amz-Target") == describeRepositories
}

func noContainers(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("x-amzn-ErrorType", "RepositoryNotFoundException")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, `{"__type":"RepositoryNotFoundException","message":"There is no container registry here."}`) // the client has gone if this fails
}
