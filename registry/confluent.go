package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/leatdev/leat/schema"
)

// maxReplyBytes bounds what is read of one reply.
const maxReplyBytes = 16 << 20

// Option changes how a registry is asked.
type Option func(*options)

type options struct {
	settings
	client       *http.Client
	user, secret string
	normalize    bool
	glue         glueOptions
}

// CacheSize bounds the schemas kept by id and by definition; the default is DefaultCacheSize.
func CacheSize(n int) Option { return func(o *options) { o.cacheSize = max(n, 1) } }

// Retry sets how often a request is tried and the pause before the second attempt.
func Retry(attempts int, backoff time.Duration) Option {
	return func(o *options) { o.attempts, o.backoff = max(attempts, 1), backoff }
}

// BasicAuth signs requests to a Confluent registry with a user and a secret.
func BasicAuth(user, secret string) Option {
	return func(o *options) { o.user, o.secret = user, secret }
}

// HTTPClient is used for a Confluent registry instead of one with a ten-second time-out.
func HTTPClient(c *http.Client) Option { return func(o *options) { o.client = c } }

// Normalize asks a Confluent registry to compare and store schemas in normal form.
func Normalize() Option { return func(o *options) { o.normalize = true } }

func collect(opts []Option) options {
	o := options{
		settings: settings{cacheSize: DefaultCacheSize, attempts: DefaultAttempts, backoff: DefaultBackoff},
		client:   &http.Client{Timeout: 10 * time.Second},
	}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Confluent is a registry that speaks Confluent's REST API at baseURL.
func Confluent(baseURL string, opts ...Option) Registry {
	o := collect(opts)
	return newCached(&confluent{base: strings.TrimRight(baseURL, "/"), opts: o}, o.settings)
}

type confluent struct {
	base string
	opts options
}

// document is the JSON that the API sends and takes.
type document struct {
	Subject    string             `json:"subject,omitempty"`
	ID         uint32             `json:"id,omitempty"`
	Version    int                `json:"version,omitempty"`
	SchemaType schema.Type        `json:"schemaType,omitempty"`
	References []schema.Reference `json:"references,omitempty"`
	Schema     string             `json:"schema,omitempty"`
}

const contentType = "application/vnd.schemaregistry.v1+json"

func (c *confluent) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", contentType)
	if in != nil {
		req.Header.Set("Content-Type", contentType)
	}
	if c.opts.user != "" {
		req.SetBasicAuth(c.opts.user, c.opts.secret)
	}
	resp, err := c.opts.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxReplyBytes+1))
	if err != nil {
		return err
	}
	if len(b) > maxReplyBytes {
		return fmt.Errorf("registry: a reply is larger than %d bytes", maxReplyBytes)
	}
	if resp.StatusCode/100 != 2 {
		return confluentError(resp.StatusCode, b)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("registry: %s %s: %w", method, path, err)
	}
	return nil
}

func confluentError(status int, body []byte) error {
	var e struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &e) != nil || e.Code == 0 {
		e.Code, e.Message = status, strings.TrimSpace(string(body[:min(len(body), 500)]))
	}
	out := &Error{Status: status, Code: strconv.Itoa(e.Code), Message: e.Message}
	switch status {
	case http.StatusNotFound:
		out.kind = ErrNotFound
	case http.StatusConflict:
		out.kind = ErrIncompatible
	case http.StatusUnprocessableEntity:
		out.kind = ErrInvalid
	}
	return out
}

func (c *confluent) uuids() bool { return false }

// passing: the network, a busy server.
func (c *confluent) passing(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return e.Status == http.StatusTooManyRequests || e.Status >= http.StatusInternalServerError
	}
	var n net.Error
	return errors.As(err, &n) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// fetch resolves a reference of a schema.
func (c *confluent) fetch(ctx context.Context) schema.Resolver {
	return func(ref schema.Reference) (string, []schema.Reference, error) {
		version := "latest"
		if ref.Version > 0 {
			version = strconv.Itoa(ref.Version)
		}
		var d document
		// A deleted version may still be what an old schema refers to.
		path := "/subjects/" + url.PathEscape(ref.Subject) + "/versions/" + version + "?deleted=true"
		if err := c.do(ctx, http.MethodGet, path, nil, &d); err != nil {
			return "", nil, err
		}
		return d.Schema, d.References, nil
	}
}

func (c *confluent) parse(ctx context.Context, d document) (*schema.Schema, error) {
	typ, err := schema.ParseType(string(d.SchemaType))
	if err != nil {
		return nil, err
	}
	return schema.Parse(typ, d.Schema, d.References, c.fetch(ctx))
}

func (c *confluent) byID(ctx context.Context, id ID) (*schema.Schema, error) {
	if id.IsUUID() || id.Number == 0 {
		return nil, &Error{Code: "40403", Message: "a Confluent registry knows no schema " + id.String(), kind: ErrNotFound}
	}
	var d document
	if err := c.do(ctx, http.MethodGet, "/schemas/ids/"+id.String(), nil, &d); err != nil {
		return nil, err
	}
	return c.parse(ctx, d)
}

func (c *confluent) query() string {
	if c.opts.normalize {
		return "?normalize=true"
	}
	return ""
}

func (c *confluent) request(def Definition) document {
	d := document{SchemaType: def.Type, References: def.References, Schema: def.Text}
	if d.SchemaType == schema.Avro {
		d.SchemaType = "" // older registries know no schemaType
	}
	return d
}

func (c *confluent) register(ctx context.Context, subject string, def Definition) (Version, error) {
	s, err := schema.Parse(def.Type, def.Text, def.References, c.fetch(ctx))
	if err != nil {
		return Version{}, err
	}
	var d document
	if err := c.do(ctx, http.MethodPost, "/subjects/"+url.PathEscape(subject)+"/versions"+c.query(), c.request(def), &d); err != nil {
		return Version{}, err
	}
	if d.Version == 0 { // older registries answer the id alone
		return c.lookup(ctx, subject, def)
	}
	return Version{ID: ID{Number: d.ID}, Subject: subject, Number: d.Version, Schema: s}, nil
}

func (c *confluent) lookup(ctx context.Context, subject string, def Definition) (Version, error) {
	var d document
	if err := c.do(ctx, http.MethodPost, "/subjects/"+url.PathEscape(subject)+c.query(), c.request(def), &d); err != nil {
		return Version{}, err
	}
	return c.version(ctx, subject, d)
}

func (c *confluent) latest(ctx context.Context, subject string) (Version, error) {
	var d document
	if err := c.do(ctx, http.MethodGet, "/subjects/"+url.PathEscape(subject)+"/versions/latest", nil, &d); err != nil {
		return Version{}, err
	}
	return c.version(ctx, subject, d)
}

func (c *confluent) version(ctx context.Context, subject string, d document) (Version, error) {
	s, err := c.parse(ctx, d)
	if err != nil {
		return Version{}, err
	}
	return Version{ID: ID{Number: d.ID}, Subject: subject, Number: d.Version, Schema: s}, nil
}
