package apigateway

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// proxyResponse is what a function answers ("Output format of a Lambda function for proxy integration").
type proxyResponse struct {
	StatusCode        json.Number              `json:"statusCode"`
	Headers           map[string]headerValue   `json:"headers"`
	MultiValueHeaders map[string][]headerValue `json:"multiValueHeaders"`
	Cookies           []string                 `json:"cookies"` // payload 2.0
	Body              *string                  `json:"body"`
	IsBase64Encoded   bool                     `json:"isBase64Encoded"`
	status            int
}

// headerValue is a header as a function writes it: a string, a number as it stands, or a boolean.
type headerValue struct {
	text string
	set  bool // false for null
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *headerValue) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '"':
		h.set = true
		return json.Unmarshal(b, &h.text)
	case '{', '[':
		return errors.New("a header's value is not a scalar")
	}
	h.text, h.set = string(b), string(b) != "null"
	return nil
}

// lowest and highest status code that a function may answer with.
const (
	minStatus = 200
	maxStatus = 599
)

// parseProxyResponse reads an answer that must have a status code.
func parseProxyResponse(out []byte) (*proxyResponse, error) {
	res := &proxyResponse{}
	if err := json.Unmarshal(out, res); err != nil {
		return nil, err
	}
	status, ok := number(res.StatusCode.String())
	if !ok || status < minStatus || status > maxStatus {
		return nil, fmt.Errorf("status code %q", res.StatusCode)
	}
	res.status = status
	return res, res.checkHeaders()
}

// checkHeaders refuses what cannot stand in a header: control characters would let a function's
// input end the header and begin another.
func (p *proxyResponse) checkHeaders() error {
	for name, values := range p.header() {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r) }) {
			return fmt.Errorf("header name %q", name)
		}
		if slices.ContainsFunc(values, unprintable) {
			return fmt.Errorf("value of header %s", name)
		}
	}
	if slices.ContainsFunc(p.Cookies, unprintable) {
		return errors.New("value of a cookie")
	}
	return nil
}

func unprintable(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// parseResponse2 reads an answer in payload 2.0. One without a status code is a 200 whose
// body is the whole answer.
func parseResponse2(out []byte) (*proxyResponse, error) {
	if !json.Valid(out) {
		return nil, errors.New("not JSON")
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(out, &keys) == nil {
		if _, ok := keys["statusCode"]; ok {
			return parseProxyResponse(out)
		}
	}
	body := string(out)
	var text string
	if json.Unmarshal(out, &text) == nil && string(out) != "null" {
		body = text
	}
	return &proxyResponse{status: http.StatusOK, Body: &body, Headers: map[string]headerValue{"Content-Type": {"application/json", true}}}, nil
}

// header merges single and multiple values; multiple ones win.
func (p *proxyResponse) header() http.Header {
	h := http.Header{}
	for k, v := range p.Headers {
		if v.set {
			h.Set(k, v.text)
		}
	}
	for k, values := range p.MultiValueHeaders {
		h.Del(k)
		for _, v := range values {
			if v.set {
				h.Add(k, v.text)
			}
		}
	}
	return h
}

// remapped are headers that a function of a REST API may not set: AWS renames them.
var remapped = []string{"Connection", "Date", "Server", "Www-Authenticate", "Content-Length"}

// writeProxy answers with what the function said. A body in base64 is decoded when decode is set.
func (c *call) writeProxy(res *proxyResponse, decode bool) {
	h, kind := res.header(), "application/json"
	if c.f.rest != nil {
		remap(h)
	} else {
		kind = "text/plain;charset=UTF-8"
		c.keepOwnCORS(h)
	}
	for _, name := range []string{"Connection", "Content-Length", "Transfer-Encoding"} {
		h.Del(name) // of this connection, which the server sets
	}
	for k, v := range h {
		c.w.Header()[k] = v
	}
	for _, cookie := range res.Cookies {
		c.w.Header().Add("Set-Cookie", cookie)
	}
	if c.w.Header().Get("Content-Type") == "" {
		c.w.Header().Set("Content-Type", kind)
	}
	body := []byte(deref(res.Body))
	if res.IsBase64Encoded && decode {
		if raw, err := base64.StdEncoding.DecodeString(deref(res.Body)); err == nil {
			body = raw
		}
	}
	c.w.WriteHeader(res.status)
	_, _ = c.w.Write(body) // the caller has gone if this fails
}

func remap(h http.Header) {
	for _, name := range remapped {
		if values, ok := h[name]; ok {
			h["X-Amzn-Remapped-"+name] = values
			h.Del(name)
		}
	}
}

// keepOwnCORS drops what the backend says about CORS if the API has a configuration of its own.
func (c *call) keepOwnCORS(h http.Header) {
	if c.f.http.api.API.CorsConfiguration == nil {
		return
	}
	for k := range h {
		if strings.HasPrefix(k, "Access-Control-") {
			h.Del(k)
		}
	}
}
