package inspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/inspect"
	"github.com/leatdev/leat/leattest"
)

func api() *inspect.API {
	return inspect.New("1.2.3", []inspect.Question{
		{Path: "streams", Summary: "All streams", Answer: func(context.Context, url.Values) (any, error) { return []string{"a", "b"}, nil }},
		{
			Path: "streams/records", Summary: "Records of a stream",
			Parameters: []inspect.Parameter{{Name: "stream", Description: "its name", Required: true}, {Name: "limit"}},
			Answer: func(_ context.Context, q url.Values) (any, error) {
				return map[string]string{"stream": q.Get("stream"), "limit": q.Get("limit")}, nil
			},
		},
		{Path: "refused", Answer: func(context.Context, url.Values) (any, error) {
			return nil, aws.StatusErrorf(404, "ResourceNotFoundException", "no stream x")
		}},
		{Path: "broken", Answer: func(context.Context, url.Values) (any, error) { return nil, errors.New("the disk is gone") }},
		{Path: "odd", Answer: func(context.Context, url.Values) (any, error) { return make(chan int), nil }},
	})
}

func ask(t *testing.T, method, target string) (*http.Response, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	api().ServeHTTP(w, httptest.NewRequest(method, target, nil))
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("%s: content type %q", target, got)
	}
	var body map[string]any
	if strings.HasPrefix(w.Body.String(), "{") {
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
	}
	return w.Result(), body
}

func TestAnswersAndRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, path string
		status       int
		key, want    string
	}{
		{"GET", "streams/records?stream=s&limit=5", 200, "stream", "s"},
		{"HEAD", "streams/records?stream=s", 200, "limit", ""},
		{"GET", "streams/records", 400, "code", "MissingParameter"},
		{"GET", "streams/records?stream=", 400, "message", "the parameter stream is required"},
		{"GET", "refused", 404, "code", "ResourceNotFoundException"},
		{"GET", "refused", 404, "message", "no stream x"},
		{"GET", "broken", 500, "code", "InternalFailure"},
		{"GET", "odd", 500, "code", "InternalFailure"},
		{"GET", "nothing", 404, "code", "NotFound"},
		{"GET", "", 404, "code", "NotFound"},
		{"GET", "streams/", 404, "code", "NotFound"},
		{"POST", "streams", 405, "code", "MethodNotAllowed"},
		{"DELETE", "streams", 405, "code", "MethodNotAllowed"},
		{"PUT", "openapi.json", 405, "code", "MethodNotAllowed"},
	} {
		resp, body := ask(t, c.method, inspect.Prefix+c.path)
		if got, _ := body[c.key].(string); resp.StatusCode != c.status || got != c.want {
			t.Errorf("%s %s: %d %v, want %d and %s = %q", c.method, c.path, resp.StatusCode, body, c.status, c.key, c.want)
		}
		if c.status == 405 && resp.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s: Allow %q", c.method, c.path, resp.Header.Get("Allow"))
		}
	}
}

// checkDocument holds a document to what OpenAPI 3.1 requires of the parts used here.
func checkDocument(t *testing.T, doc map[string]any) (paths map[string]any) {
	t.Helper()
	info, _ := doc["info"].(map[string]any)
	if v, _ := doc["openapi"].(string); !strings.HasPrefix(v, "3.1.") || info["title"] == "" || info["version"] == nil {
		t.Fatalf("openapi %v, info %v", doc["openapi"], info)
	}
	paths, _ = doc["paths"].(map[string]any)
	ids := map[any]string{}
	for path, item := range paths {
		if !strings.HasPrefix(path, "/") {
			t.Errorf("path %q does not begin with a slash", path)
		}
		for method, op := range item.(map[string]any) {
			o := op.(map[string]any)
			if method != "get" {
				t.Errorf("%s has %s: the API is read-only", path, method)
			}
			if other, twice := ids[o["operationId"]]; twice || o["operationId"] == "" {
				t.Errorf("%s and %s are both %v", path, other, o["operationId"])
			}
			ids[o["operationId"]] = path
			for _, p := range o["parameters"].([]any) {
				if param := p.(map[string]any); param["name"] == "" || param["in"] != "query" || param["schema"] == nil {
					t.Errorf("%s: parameter %v", path, param)
				}
			}
			for status, resp := range o["responses"].(map[string]any) {
				if resp.(map[string]any)["description"] == nil {
					t.Errorf("%s: response %s has no description", path, status)
				}
			}
		}
	}
	return paths
}

func TestTheAPIDescribesItself(t *testing.T) {
	t.Parallel()
	_, doc := ask(t, "GET", inspect.Prefix+"openapi.json")
	paths := checkDocument(t, doc)
	if len(paths) != 5 || paths[inspect.Prefix+"streams/records"] == nil {
		t.Errorf("paths: %v", paths)
	}
}

func TestAPlatformsDocumentListsWhatItAnswers(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	get := func(path string) (int, []byte) {
		resp, err := http.Get(p.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var raw json.RawMessage
		if err := json.NewDecoder(resp.Body).Decode(&raw); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return resp.StatusCode, raw
	}
	_, raw := get(inspect.Prefix + "openapi.json")
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	paths := checkDocument(t, doc)
	if len(paths) == 0 {
		t.Fatal("no paths")
	}
	for path, item := range paths {
		required := false
		for _, param := range item.(map[string]any)["get"].(map[string]any)["parameters"].([]any) {
			required = required || param.(map[string]any)["required"].(bool)
		}
		want := http.StatusOK
		if required {
			want = http.StatusBadRequest
		}
		if status, body := get(path); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
}
