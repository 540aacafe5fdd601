package apigateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// pathPrefix is the path form of an API's address.
const pathPrefix = "/_aws/execute-api/"

// stageKey names what a caller addresses.
type stageKey struct{ api, stage string }

// front is what a stage serves, compiled.
type front struct {
	home  home
	api   string
	stage string
	rest  *restFront
	http  *httpFront
}

// call is one request on its way through the gateway.
type call struct {
	w     http.ResponseWriter
	r     *http.Request
	f     *front
	path  string // behind the stage, beginning with a slash
	body  []byte
	id    string
	start time.Time
	host  string // as the caller addressed the API, without port
}

// Matches tells whether a request is for an API: by path or by host.
func Matches(r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, pathPrefix) {
		return true
	}
	_, ok := apiOfHost(r.Host)
	return ok
}

// apiOfHost takes the API out of API.execute-api[.REGION].localhost[:PORT].
func apiOfHost(host string) (string, bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	api, rest, ok := strings.Cut(host, ".")
	if !ok || api == "" || !strings.HasPrefix(rest, "execute-api.") {
		return "", false
	}
	return api, strings.HasSuffix(rest, "localhost") || strings.HasSuffix(rest, "amazonaws.com")
}

// ServeHTTP serves the callers of all APIs.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	api, rest := "", r.URL.EscapedPath()
	if tail, ok := strings.CutPrefix(rest, pathPrefix); ok {
		api, rest, _ = strings.Cut(tail, "/")
		rest = "/" + rest
	} else {
		api, _ = apiOfHost(r.Host)
	}
	c := &call{w: w, r: r, id: newRequestID(), start: s.clock.Now(), host: r.Host}
	w.Header().Set("x-amzn-RequestId", c.id)
	f, path, err := s.find(r.Context(), api, rest)
	switch {
	case err != nil:
		s.log.Error("API gateway", "api", api, "error", err)
		writeJSON(w, http.StatusInternalServerError, `{"message": "Internal server error"}`)
		return
	case f == nil:
		s.noStage(c, api)
		return
	}
	c.f, c.path = f, path
	if c.body, err = readBody(w, r); err != nil {
		c.unread(err)
		return
	}
	if f.rest != nil {
		s.serveREST(c)
	} else {
		s.serveHTTPAPI(c)
	}
}

// noStage answers a caller of a stage that is not there.
func (s *Service) noStage(c *call, api string) {
	kind := ""
	err := s.store.View(c.r.Context(), func(r kv.Reader) error {
		h, ok, err := record.Load[home](r, homeKey(api))
		if ok {
			kind = h.Kind
		}
		return err
	})
	if err == nil && kind == "http" {
		writeJSON(c.w, http.StatusNotFound, `{"message":"Not Found"}`)
		return
	}
	c.w.Header().Set("x-amzn-ErrorType", "ForbiddenException")
	writeJSON(c.w, http.StatusForbidden, `{"message":"Forbidden"}`)
}

// unread answers a caller whose body could not be read.
func (c *call) unread(err error) {
	var large *http.MaxBytesError
	switch {
	case !errors.As(err, &large):
		writeJSON(c.w, http.StatusBadRequest, `{"message":"Bad Request"}`)
	case c.f.rest != nil:
		c.gateway(types.GatewayResponseTypeRequestTooLarge, "")
	default:
		c.httpFailure(errTooLarge)
	}
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil || r.ContentLength == 0 {
		return nil, nil
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
}

func writeJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the caller has gone if this fails
}

// find gives the stage that a path addresses and what of the path lies behind it.
// An HTTP API's $default stage needs no segment of its own.
func (s *Service) find(ctx context.Context, api, path string) (*front, string, error) {
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	first = decodeSegment(first)
	f, err := s.front(ctx, stageKey{api, first})
	if err != nil || f != nil {
		return f, "/" + rest, err
	}
	f, err = s.front(ctx, stageKey{api, "$default"})
	if f != nil && f.rest != nil {
		return nil, "", err
	}
	return f, path, err
}

// front compiles a stage, once until its API changes; nil if there is no such stage.
func (s *Service) front(ctx context.Context, key stageKey) (*front, error) {
	s.mu.RLock()
	f, ok := s.compiled[key]
	changes := s.changes
	s.mu.RUnlock()
	if ok {
		return f, nil
	}
	f, err := s.compile(ctx, key)
	if err != nil || f == nil {
		return nil, err // absent stages are not remembered: callers could invent any number of names
	}
	s.mu.Lock()
	if s.changes == changes { // else what was read may be older than a change that has been forgotten already
		s.compiled[key] = f
	}
	s.mu.Unlock()
	return f, nil
}

// forget drops what was compiled of an API.
func (s *Service) forget(api string) {
	s.mu.Lock()
	s.changes++
	for key := range s.compiled {
		if key.api == api {
			delete(s.compiled, key)
		}
	}
	s.mu.Unlock()
	s.auth.forget(api)
}

func (s *Service) compile(ctx context.Context, key stageKey) (f *front, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		h, ok, err := record.Load[home](r, homeKey(key.api))
		if err != nil || !ok {
			return err
		}
		p := place{h.Account, h.Region}
		if h.Kind == "rest" {
			f, err = compileREST(r, p, *h, key)
		} else {
			f, err = compileHTTP(r, p, *h, key)
		}
		return err
	})
	return f, err
}
