// Package inspect is the inspection API: what the platform can tell of itself,
// as JSON under /_leat/api/, described by an OpenAPI document. The console, the command line
// and users' scripts read the same answers; there is no other door.
//
// The API is read-only. Package leat registers a question for each thing a room can show.
package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sort"
	"strings"

	"github.com/leatdev/leat/internal/aws"
)

// Prefix is where the API lives.
const Prefix = "/_leat/api/"

// Parameter is one query parameter of a question.
type Parameter struct {
	Name, Description string
	Required          bool
}

// Question is one path and how to answer it.
type Question struct {
	Path       string // below Prefix: "streams"
	Summary    string
	Parameters []Parameter
	// Answer returns what is encoded as JSON. An *aws.Error decides the status.
	Answer func(ctx context.Context, query url.Values) (any, error)
}

// API answers questions.
type API struct {
	questions map[string]Question
	version   string
}

// New makes an API that answers the questions, and "openapi.json" on its own account.
func New(version string, questions []Question) *API {
	a := &API{questions: map[string]Question{}, version: version}
	for _, q := range questions {
		a.questions[q.Path] = q
	}
	return a
}

// ServeHTTP answers one question.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		reply(w, http.StatusMethodNotAllowed, errorBody("MethodNotAllowed", "the inspection API is read-only"))
		return
	}
	path := strings.TrimPrefix(r.URL.Path, Prefix)
	if path == "openapi.json" {
		reply(w, http.StatusOK, a.openAPI())
		return
	}
	q, ok := a.questions[path]
	if !ok {
		reply(w, http.StatusNotFound, errorBody("NotFound", "no such path; see "+Prefix+"openapi.json"))
		return
	}
	query := r.URL.Query()
	for _, p := range q.Parameters {
		if p.Required && query.Get(p.Name) == "" {
			reply(w, http.StatusBadRequest, errorBody("MissingParameter", "the parameter "+p.Name+" is required"))
			return
		}
	}
	answer, err := q.Answer(r.Context(), query)
	var known *aws.Error
	switch {
	case errors.As(err, &known):
		reply(w, known.HTTPStatus(), errorBody(known.Code, known.Message))
	case err != nil:
		reply(w, http.StatusInternalServerError, errorBody("InternalFailure", err.Error()))
	default:
		reply(w, http.StatusOK, answer)
	}
}

func errorBody(code, message string) map[string]string {
	return map[string]string{"code": code, "message": message}
}

func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"code":"InternalFailure","message":"the answer could not be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client has gone if this fails
}

// openAPI describes the questions as an OpenAPI 3.1 document.
func (a *API) openAPI() map[string]any {
	paths := map[string]any{}
	names := make([]string, 0, len(a.questions))
	for name := range a.questions {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		q := a.questions[name]
		params := []any{}
		for _, p := range q.Parameters {
			params = append(params, map[string]any{
				"name": p.Name, "in": "query", "required": p.Required, "description": p.Description, "schema": map[string]string{"type": "string"},
			})
		}
		paths[Prefix+name] = map[string]any{"get": map[string]any{
			"summary": q.Summary, "operationId": strings.ReplaceAll(name, "/", "_"), "parameters": params,
			"responses": map[string]any{"200": map[string]any{"description": "the answer", "content": map[string]any{"application/json": map[string]any{}}}},
		}}
	}
	return map[string]any{
		"openapi": "3.1.0",
		"info":    map[string]string{"title": "Leat inspection API", "version": a.version, "description": "What the platform can tell of itself. Read-only."},
		"paths":   paths,
	}
}
