package confluent

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/leatdev/leat/internal/subjects"
)

// The media types of the API, the preferred one first.
var mediaTypes = []string{
	"application/vnd.schemaregistry.v1+json", "application/vnd.schemaregistry+json", "application/json",
}

// accepted are the types of request bodies.
var accepted = append([]string{"application/octet-stream"}, mediaTypes...)

// goTypes are the words of a JSON decoder that mean nothing to a client.
var goTypes = regexp.MustCompile(`^json: | into Go \S+|jsontext: `)

// unexpected says what a body has that a call does not take. The decoder draws between "cannot" and "unable to"
// once per process; a client that matches on texts needs one of them, always.
func unexpected(err error) *failure {
	text := strings.Replace(err.Error(), "json: unable to ", "json: cannot ", 1)
	return &failure{http.StatusBadRequest, http.StatusBadRequest, "Unexpected JSON: " + goTypes.ReplaceAllString(text, "")}
}

// text is an answer that is not wrapped in JSON: a bare schema.
type text string

// noContent is an answer without a body.
type noContent struct{}

// answer runs a handler and sends what it returns.
func (c *call) answer(serve func(*call) (any, error)) {
	contentType, ok := negotiate(c.r.Header.Values("Accept"))
	if !ok {
		c.fail(errNotAcceptable)
		return
	}
	body, err := serve(c)
	if err != nil {
		c.fail(err)
		return
	}
	if _, ok := body.(noContent); ok {
		c.w.WriteHeader(http.StatusNoContent)
		return
	}
	var b []byte
	if t, ok := body.(text); ok {
		b = []byte(t)
	} else if b, err = json.Marshal(body, json.Deterministic(true), json.FormatNilSliceAsNull(false)); err != nil {
		c.fail(err)
		return
	}
	c.send(http.StatusOK, contentType, b)
}

func (c *call) send(status int, contentType string, body []byte) {
	h := c.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Vary", "Accept-Encoding, User-Agent")
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body) // the client has gone if this fails
	}
}

// negotiate picks the first type of ours that the client accepts.
func negotiate(accept []string) (string, bool) {
	if len(accept) == 0 {
		return mediaTypes[0], true
	}
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		t, params, err := mime.ParseMediaType(part)
		switch {
		case err != nil || params["q"] == "0":
		case t == "*/*" || t == "application/*":
			return mediaTypes[0], true
		case slices.Contains(mediaTypes, t):
			return t, true
		}
	}
	return "", false
}

// decode reads a JSON body. Members that are not known are ignored, as Confluent does.
func (c *call) decode(into any) error {
	if ct := c.r.Header.Get("Content-Type"); ct != "" {
		t, _, err := mime.ParseMediaType(ct)
		if err != nil || !slices.Contains(accepted, t) {
			return errMediaType
		}
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, MaxBodyBytes))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &failure{http.StatusRequestEntityTooLarge, http.StatusRequestEntityTooLarge, "Request Entity Too Large"}
	case err != nil:
		return &failure{http.StatusBadRequest, http.StatusBadRequest, "The request body could not be read"}
	case len(b) == 0:
		return unprocessable(http.StatusUnprocessableEntity, "Request body must not be null")
	}
	if err := json.Unmarshal(b, into); err != nil {
		return unexpected(err)
	}
	return nil
}

// flag reads a boolean of the query as Java does: anything but "true" is false.
func (c *call) flag(name string) bool { return strings.EqualFold(c.query.Get(name), "true") }

// page cuts a list by offset and limit. A negative limit is none.
func page[T any](c *call, list []T) ([]T, error) {
	offset, limit := 0, -1
	for name, into := range map[string]*int{"offset": &offset, "limit": &limit} {
		if s := c.query.Get(name); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil {
				return nil, errNotFound // what JAX-RS answers to a parameter that is no number
			}
			*into = n
		}
	}
	list = list[min(max(offset, 0), len(list)):]
	if limit >= 0 {
		list = list[:min(limit, len(list))]
	}
	return list, nil
}

// subject is the name in the path, in the context of the request, with its alias followed.
func (c *call) subject() (subjects.Name, error) {
	n := c.rawName(c.args["subject"])
	if n.Subject == "" {
		return n, nil
	}
	cfg, err := c.store.Config(c.r.Context(), n, false)
	var absent *subjects.Error
	if errors.As(err, &absent) {
		return n, nil
	}
	if err == nil && cfg.Alias != "" {
		n = c.rawName(cfg.Alias)
	}
	return n, err
}

// rawName qualifies a subject with the context of the request.
func (c *call) rawName(s string) subjects.Name {
	n := subjects.ParseName(s)
	if n.Context == subjects.DefaultContext && n.Subject == s {
		n.Context = c.context
	}
	return n
}

// scope is what a configuration or mode request is about: a subject, a context (":.name:") or the whole registry.
func (c *call) scope() subjects.Name {
	s, ok := c.args["subject"]
	switch {
	case ok:
		return c.rawName(s)
	case c.context != subjects.DefaultContext:
		return subjects.Name{Context: c.context}
	}
	return subjects.Name{}
}

// prefix is the subjectPrefix of a list: all contexts unless the client says otherwise.
func (c *call) prefix() subjects.Prefix {
	s, ok := c.query["subjectPrefix"]
	switch {
	case ok && c.context == subjects.DefaultContext:
		return subjects.ParsePrefix(s[0])
	case ok:
		return subjects.Prefix(c.rawName(s[0]))
	case c.context != subjects.DefaultContext:
		return subjects.Prefix{Context: c.context}
	}
	return subjects.Prefix{}
}

// versionArg reads the version in the path.
func (c *call) versionArg() (int, error) {
	s := c.args["version"]
	if s == "latest" || s == "-1" {
		return subjects.Latest, nil
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 1 {
		return 0, unprocessable(codeInvalidVersion, "The specified version '"+s+"' is not a valid version id. "+
			`Allowed values are between [1, 2^31-1] and the string "latest"`)
	}
	return int(n), nil
}

func (c *call) idArg() (int, error) {
	n, err := strconv.ParseInt(c.args["id"], 10, 32)
	if err != nil {
		return 0, errNotFound
	}
	return int(n), nil
}
