package apigateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// forwarding is a request on its way to an HTTP endpoint.
type forwarding struct {
	uri, method     string
	vars, stageVars map[string]string
	parameters      map[string]string // integration.request.path.x → method.request.path.y, and so on
	timeoutMillis   int
	failed          func(timeout bool)
}

// hopByHop are headers that belong to one connection.
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// target fills the variables of the integration's URI.
func (f forwarding) target(c *call) (*url.URL, error) {
	values := map[string]string{}
	for name, v := range f.vars {
		values[name] = v
	}
	query := c.r.URL.Query()
	for to, from := range f.parameters {
		value := f.parameter(c, from)
		switch {
		case strings.HasPrefix(to, "integration.request.path."):
			values[strings.TrimPrefix(to, "integration.request.path.")] = value
		case strings.HasPrefix(to, "integration.request.querystring."):
			query.Set(strings.TrimPrefix(to, "integration.request.querystring."), value)
		}
	}
	uri := withVariables(f.uri, f.stageVars)
	for name, v := range values {
		escaped := strings.ReplaceAll(url.PathEscape(v), "%2F", "/")
		uri = strings.ReplaceAll(strings.ReplaceAll(uri, "{"+name+"}", escaped), "{"+name+"+}", escaped)
	}
	u, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	given := u.Query()
	for k, v := range query {
		given[k] = v
	}
	u.RawQuery = given.Encode()
	return u, nil
}

// parameter reads a mapping expression: 'static', method.request.KIND.NAME.
func (f forwarding) parameter(c *call, from string) string {
	if static, ok := strings.CutPrefix(from, "'"); ok {
		return strings.TrimSuffix(static, "'")
	}
	kind, name, _ := strings.Cut(strings.TrimPrefix(from, "method.request."), ".")
	switch kind {
	case "path":
		return f.vars[name]
	case "querystring":
		return c.r.URL.Query().Get(name)
	case "header":
		return c.r.Header.Get(name)
	}
	return ""
}

// forward hands the request to the endpoint and its answer to the caller.
func (s *Service) forward(c *call, f forwarding) {
	u, err := f.target(c)
	if err != nil {
		f.failed(false)
		return
	}
	ctx, cancel := context.WithCancelCause(c.r.Context())
	defer cancel(nil)
	timer := s.clock.AfterFunc(time.Duration(f.timeoutMillis)*time.Millisecond, func() { cancel(errTimedOut) })
	defer timer.Stop()
	method := f.method
	if method == "" || method == "ANY" {
		method = c.r.Method
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(c.body))
	if err != nil {
		f.failed(false)
		return
	}
	for k, v := range c.headersOf() {
		if k != "Host" {
			req.Header[k] = v
		}
	}
	for to, from := range f.parameters {
		if name, ok := strings.CutPrefix(to, "integration.request.header."); ok {
			req.Header.Set(name, f.parameter(c, from))
		}
	}
	for _, h := range hopByHop {
		req.Header.Del(h)
	}
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		f.failed(errors.Is(context.Cause(ctx), errTimedOut))
		return
	}
	defer resp.Body.Close()
	for k, v := range resp.Header {
		c.w.Header()[k] = v
	}
	for _, h := range hopByHop {
		c.w.Header().Del(h)
	}
	c.w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(c.w, io.LimitReader(resp.Body, maxBodyBytes)) // the caller has gone if this fails
}
