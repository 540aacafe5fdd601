package runtime

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// api is the HTTP server of one instance: the Lambda Runtime API
// (2018-06-01) and the Extensions API (2020-01-01).
type api struct {
	in    *instance
	ln    net.Listener
	srv   *http.Server
	talks *talks
}

func newAPI(in *instance, ln net.Listener) *api {
	a := &api{in: in, ln: ln, talks: newTalks()}
	a.srv = &http.Server{Handler: a, ReadHeaderTimeout: time.Minute}
	return a
}

func (a *api) addr() string { return a.ln.Addr().String() }

func (a *api) serve() {
	go a.accept()
	_ = a.srv.Serve(otherListener{a.talks, a.ln.Addr()})
}

func (a *api) close() {
	a.ln.Close()
	a.talks.end()
	_ = a.srv.Close()
}

const (
	runtimePrefix   = "/2018-06-01/runtime/"
	extensionPrefix = "/2020-01-01/extension/"
)

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, ok := strings.CutPrefix(r.URL.Path, runtimePrefix); ok {
		a.runtime(w, r, rest)
		return
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, extensionPrefix); ok {
		a.extension(w, r, rest)
		return
	}
	http.NotFound(w, r)
}

func (a *api) runtime(w http.ResponseWriter, r *http.Request, path string) {
	id, verb, _ := strings.Cut(strings.TrimPrefix(path, "invocation/"), "/")
	switch {
	case r.Method == http.MethodGet && path == "invocation/next":
		a.next(w, r)
	case r.Method == http.MethodPost && path == "init/error":
		a.initError(w, r)
	case r.Method == http.MethodPost && strings.HasPrefix(path, "invocation/") && verb == "response":
		a.response(w, r, id)
	case r.Method == http.MethodPost && strings.HasPrefix(path, "invocation/") && verb == "error":
		a.invocationError(w, r, id)
	default:
		http.NotFound(w, r)
	}
}

// next waits for an invocation. Asking for it tells that the runtime is done with the one before.
func (a *api) next(w http.ResponseWriter, r *http.Request) {
	in := a.in
	in.runtimeParked()
	select {
	case call := <-in.calls:
		h := w.Header()
		h["Lambda-Runtime-Aws-Request-Id"] = []string{call.inv.RequestID}
		h["Lambda-Runtime-Deadline-Ms"] = []string{strconv.FormatInt(call.deadline.UnixMilli(), 10)}
		h["Lambda-Runtime-Invoked-Function-Arn"] = []string{call.inv.FunctionARN}
		h["Content-Type"] = []string{"application/json"}
		if call.inv.TraceID != "" {
			h["Lambda-Runtime-Trace-Id"] = []string{call.inv.TraceID}
		}
		if call.inv.ClientContext != "" {
			h["Lambda-Runtime-Client-Context"] = []string{call.inv.ClientContext}
		}
		h["Content-Length"] = []string{strconv.Itoa(len(call.inv.Payload))}
		_, _ = w.Write(call.inv.Payload)
	case <-r.Context().Done():
	case <-in.dead:
	}
}

// response takes a handler's answer, whole or streamed.
func (a *api) response(w http.ResponseWriter, r *http.Request, id string) {
	call := a.in.current(id)
	if call == nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	body, err := readBounded(r.Body, r.ContentLength, MaxPayloadBytes)
	if errors.Is(err, errTooLong) {
		a.in.answer(call, reply{payload: failure("Function.ResponseSizeTooLarge",
			"Response payload size exceeded maximum allowed payload size ("+strconv.Itoa(MaxPayloadBytes)+" bytes)."),
			errorType: "Function.ResponseSizeTooLarge"})
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 64<<20))
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			"Exceeded maximum allowed payload size ("+strconv.Itoa(MaxPayloadBytes)+" bytes).")
		return
	}
	if err != nil {
		return // the runtime broke off; its exit or the deadline ends the invocation
	}
	// A streaming handler that fails midway says so in trailers.
	if t := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); t != "" {
		a.in.answer(call, reply{payload: body, errorType: t})
	} else {
		a.in.answer(call, reply{payload: body})
	}
	accepted(w)
}

func (a *api) invocationError(w http.ResponseWriter, r *http.Request, id string) {
	call := a.in.current(id)
	if call == nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	body, errorType, err := readError(r)
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", err.Error())
		return
	}
	a.in.answer(call, reply{payload: body, errorType: errorType})
	accepted(w)
}

func (a *api) initError(w http.ResponseWriter, r *http.Request) {
	body, errorType, err := readError(r)
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", err.Error())
		return
	}
	if !a.in.initFailed(&initFailure{payload: body, errorType: errorType}) {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "Transition from Ready to InitError is not allowed.")
		return
	}
	accepted(w)
}

// readError reads a reported error and finds its type.
func readError(r *http.Request) (body []byte, errorType string, err error) {
	body, err = readBounded(r.Body, r.ContentLength, MaxErrorBytes)
	if err != nil {
		return nil, "", err
	}
	var e struct {
		ErrorType string `json:"errorType"`
	}
	_ = json.Unmarshal(body, &e)
	errorType = e.ErrorType
	if errorType == "" {
		errorType = r.Header.Get("Lambda-Runtime-Function-Error-Type")
	}
	if errorType == "" {
		errorType = "Runtime.Unknown"
	}
	return body, errorType, nil
}

var errTooLong = errors.New("body too long")

// readBounded reads at most limit bytes; length is the announced one, -1 if unknown.
func readBounded(r io.Reader, length, limit int64) ([]byte, error) {
	if length > limit {
		return nil, errTooLong
	}
	if length >= 0 {
		b := make([]byte, length)
		_, err := io.ReadFull(r, b)
		return b, err
	}
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = errTooLong
	}
	return b, err
}

func accepted(w http.ResponseWriter) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuse(w http.ResponseWriter, status int, errorType, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(failure(errorType, message))
}
