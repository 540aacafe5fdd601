// A handler that speaks the Runtime API with the standard library alone, so that
// building it needs nothing from elsewhere.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

type event struct {
	Do      string  `json:"do"`
	Seconds float64 `json:"seconds"`
	Code    int     `json:"code"`
}

var base = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"

func main() {
	if os.Getenv("EXIT_IN_INIT") != "" {
		fmt.Println("leaving early")
		os.Exit(3)
	}
	for count := 1; ; count++ {
		resp, err := http.Get(base + "invocation/next")
		if err != nil {
			os.Exit(1)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		id := resp.Header.Get("Lambda-Runtime-Aws-Request-Id")
		out, failure := handle(body, resp.Header, count)
		where := "invocation/" + id + "/response"
		if failure != nil {
			where = "invocation/" + id + "/error"
			out = failure
		}
		b, _ := json.Marshal(out)
		r, err := http.Post(base+where, "application/json", bytes.NewReader(b))
		if err != nil {
			os.Exit(1)
		}
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
}

func handle(body []byte, h http.Header, count int) (any, map[string]any) {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, map[string]any{"errorType": "UnmarshalTypeError", "errorMessage": err.Error()}
	}
	switch e.Do {
	case "echo":
		fmt.Println("echo: " + string(body))
		deadline, _ := strconv.ParseInt(h.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
		return map[string]any{
			"event": json.RawMessage(body), "count": count, "request": h.Get("Lambda-Runtime-Aws-Request-Id"),
			"function":  os.Getenv("AWS_LAMBDA_FUNCTION_NAME"),
			"remaining": time.Until(time.UnixMilli(deadline)) > 0 && time.Until(time.UnixMilli(deadline)) <= 30*time.Second,
		}, nil
	case "raise":
		return nil, map[string]any{"errorType": "errorString", "errorMessage": "no such luck"}
	case "sleep":
		time.Sleep(time.Duration(e.Seconds * float64(time.Second)))
	case "exit":
		os.Exit(e.Code)
	case "call":
		r, err := http.Get(os.Getenv("AWS_ENDPOINT_URL") + "/hello")
		if err != nil {
			return nil, map[string]any{"errorType": "call", "errorMessage": err.Error()}
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		return string(b), nil
	}
	return nil, nil
}
