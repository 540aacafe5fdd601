package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

// Handles tells whether ServeHTTP serves a request: function URLs, by path or by host, and links to code.
func (s *Service) Handles(r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, URLPath) || strings.HasPrefix(r.URL.Path, CodePath) {
		return true
	}
	_, ok := idOfHost(r.Host)
	return ok
}

// idOfHost takes the id of a function URL out of a host name.
func idOfHost(host string) (string, bool) {
	id, rest, _ := strings.Cut(host, ".")
	return id, len(id) == 32 && strings.HasPrefix(rest, "lambda-url.")
}

// ServeHTTP serves function URLs and links to code.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, CodePath) {
		s.serveCode(w, r)
		return
	}
	id, byHost := idOfHost(r.Host)
	path := r.URL.EscapedPath()
	if !byHost {
		id, path, _ = strings.Cut(strings.TrimPrefix(path, URLPath), "/")
		path = "/" + path
	}
	ref, f, u, err := s.findURL(r.Context(), id)
	if err != nil {
		urlError(w, http.StatusNotFound, "Not Found")
		return
	}
	v := &visit{s: s, w: w, r: r, ref: ref, f: f, url: u, path: path}
	v.serve()
}

func urlError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"Message": message})
}

func (s *Service) findURL(ctx context.Context, id string) (reference, *function, *functionURL, error) {
	var o *urlOwner
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		o, err = getRecord[urlOwner](r, keyOfURL(id))
		return err
	})
	if err != nil || o == nil {
		return reference{}, nil, nil, noURL()
	}
	ref := reference{functionKey{o.Account, o.Region, o.Name}, o.Qualifier}
	f, err := s.load(ctx, ref)
	if err != nil || f.URLs[ref.qualifier] == nil {
		return ref, nil, nil, noURL()
	}
	return ref, f, f.URLs[ref.qualifier], nil
}

// visit is one request to a function URL.
type visit struct {
	s    *Service
	w    http.ResponseWriter
	r    *http.Request
	ref  reference
	f    *function
	url  *functionURL
	path string // for the function, escaped
	body []byte
	iam  *aws.Caller // of a signed request
}

func (v *visit) serve() {
	if v.cors() {
		return
	}
	ctx, ok := v.admit()
	if !ok {
		return
	}
	event, err := json.Marshal(v.event())
	if err != nil {
		urlError(v.w, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	out, err := v.s.call(ctx, v.ref, runtime.Invocation{RequestID: newUUID(), Payload: event, TraceID: v.s.newTraceID()})
	switch {
	case aws.IsCode(err, "TooManyRequestsException"):
		urlError(v.w, http.StatusTooManyRequests, "Rate Exceeded.")
	case err != nil || out.FunctionError != "":
		v.w.Header().Set("Content-Type", "application/json")
		v.w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(v.w, "Internal Server Error")
	default:
		v.w.Header().Set("X-Amzn-RequestId", out.RequestID)
		v.answer(out.Payload)
	}
}

const forbidden = "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"

// admit reads the body and tells whether the caller may use the URL; it answers when not.
func (v *visit) admit() (context.Context, bool) {
	ctx, body := v.r.Context(), io.Reader(v.r.Body)
	if v.url.AuthType == types.FunctionUrlAuthTypeAwsIam {
		if v.s.opt.Door == nil {
			urlError(v.w, http.StatusForbidden, forbidden)
			return nil, false
		}
		actx, signedBody, signed, err := v.s.opt.Door.Authenticate(v.r)
		if err != nil || !signed {
			urlError(v.w, http.StatusForbidden, forbidden)
			return nil, false
		}
		ctx, body = actx, signedBody
		v.iam = &aws.RequestFrom(ctx).Caller
	}
	b, err := io.ReadAll(io.LimitReader(body, MaxSyncPayload+1))
	if _, bad := aws.AsError(err); bad { // the body is not what was signed
		urlError(v.w, http.StatusForbidden, forbidden)
		return nil, false
	}
	if err != nil || len(b) > MaxSyncPayload {
		urlError(v.w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return nil, false
	}
	v.body = b
	if !v.allowed(ctx) {
		urlError(v.w, http.StatusForbidden, forbidden)
		return nil, false
	}
	return ctx, true
}

// allowed goes by policies: a public URL needs a statement that makes it public, as on AWS.
func (v *visit) allowed(ctx context.Context) bool {
	p := v.f.Policies[v.ref.qualifier]
	if v.iam != nil {
		text := ""
		if p != nil {
			text = p.text()
		}
		return v.s.opt.Door.Check(ctx, "lambda:InvokeFunctionUrl", v.ref.arn(), text) == nil
	}
	if p == nil {
		return false
	}
	for _, raw := range p.Statements {
		var st statement
		if json.Unmarshal(raw, &st) != nil || st.Principal != "*" || st.Action != "lambda:InvokeFunctionUrl" {
			continue
		}
		if len(st.Condition) == 0 || len(st.Condition) == 1 && maps.Equal(st.Condition["StringEquals"], map[string]string{"lambda:FunctionUrlAuthType": "NONE"}) {
			return true
		}
	}
	return false
}

// cors sets the headers of the URL's CORS settings and answers preflight requests.
func (v *visit) cors() (answered bool) {
	c, origin := v.url.Cors, v.r.Header.Get("Origin")
	if c == nil || origin == "" {
		return false
	}
	preflight := v.r.Method == http.MethodOptions && v.r.Header.Get("Access-Control-Request-Method") != ""
	h := v.w.Header()
	if slices.Contains(c.AllowOrigins, "*") || slices.Contains(c.AllowOrigins, origin) {
		allow := origin
		if slices.Contains(c.AllowOrigins, "*") && !deref(c.AllowCredentials) {
			allow = "*"
		}
		h.Set("Access-Control-Allow-Origin", allow)
		h.Add("Vary", "Origin")
		if deref(c.AllowCredentials) {
			h.Set("Access-Control-Allow-Credentials", "true")
		}
		if len(c.ExposeHeaders) > 0 {
			h.Set("Access-Control-Expose-Headers", strings.Join(c.ExposeHeaders, ","))
		}
		if preflight {
			h.Set("Access-Control-Allow-Methods", strings.Join(c.AllowMethods, ","))
			h.Set("Access-Control-Allow-Headers", strings.Join(c.AllowHeaders, ","))
			if c.MaxAge != nil {
				h.Set("Access-Control-Max-Age", strconv.Itoa(int(*c.MaxAge)))
			}
		}
	}
	if preflight {
		v.w.WriteHeader(http.StatusOK)
	}
	return preflight
}

// urlEvent is the event of a function URL: payload format 2.0.
type urlEvent struct {
	Version  string            `json:"version"`
	RouteKey string            `json:"routeKey"`
	RawPath  string            `json:"rawPath"`
	RawQuery string            `json:"rawQueryString"`
	Cookies  []string          `json:"cookies,omitempty"`
	Headers  map[string]string `json:"headers"`
	Query    map[string]string `json:"queryStringParameters,omitempty"`
	Context  map[string]any    `json:"requestContext"`
	Body     string            `json:"body,omitempty"`
	Base64   bool              `json:"isBase64Encoded"`
}

func (v *visit) event() *urlEvent {
	path, err := url.PathUnescape(v.path)
	if err != nil {
		path = v.path
	}
	ip, _, err := net.SplitHostPort(v.r.RemoteAddr)
	if err != nil {
		ip = v.r.RemoteAddr
	}
	now := v.s.clock.Now().UTC()
	domain := v.url.ID + ".lambda-url." + v.ref.region + ".on.aws"
	rc := map[string]any{
		"accountId": "anonymous", "apiId": v.url.ID, "domainName": domain, "domainPrefix": v.url.ID,
		"http": map[string]string{
			"method": v.r.Method, "path": path, "protocol": v.r.Proto, "sourceIp": ip, "userAgent": v.r.UserAgent(),
		},
		"requestId": newUUID(), "routeKey": "$default", "stage": "$default",
		"time": now.Format("02/Jan/2006:15:04:05 +0000"), "timeEpoch": now.UnixMilli(),
	}
	if c := v.iam; c != nil {
		rc["accountId"] = c.Account
		rc["authorizer"] = map[string]any{"iam": map[string]any{
			"accessKey": c.AccessKeyID, "accountId": c.Account, "callerId": c.UserID, "cognitoIdentity": nil,
			"principalOrgId": nil, "userArn": c.ARN, "userId": c.UserID,
		}}
	}
	e := &urlEvent{
		Version: "2.0", RouteKey: "$default", RawPath: path, RawQuery: v.r.URL.RawQuery, Headers: v.headers(ip), Context: rc,
		Query: map[string]string{},
	}
	for k, vs := range v.r.URL.Query() {
		e.Query[k] = strings.Join(vs, ",")
	}
	for _, c := range v.r.Cookies() {
		e.Cookies = append(e.Cookies, c.Name+"="+c.Value)
	}
	if e.Base64 = len(v.body) > 0 && !isText(v.r.Header.Get("Content-Type")); e.Base64 {
		e.Body = base64.StdEncoding.EncodeToString(v.body)
	} else {
		e.Body = string(v.body)
	}
	return e
}

// headers are the request's, in lower case, several values joined by commas.
func (v *visit) headers(ip string) map[string]string {
	h := map[string]string{}
	for k, vs := range v.r.Header {
		if k != "Cookie" {
			h[strings.ToLower(k)] = strings.Join(vs, ",")
		}
	}
	host, port, err := net.SplitHostPort(v.r.Host)
	if err != nil {
		host, port = v.r.Host, "80"
	}
	h["host"] = host
	proto := "http"
	if v.r.TLS != nil {
		proto = "https"
	}
	h["x-forwarded-proto"], h["x-forwarded-port"], h["x-forwarded-for"] = proto, port, ip
	return h
}

// isText tells whether a body of a content type goes to the function as it is.
func isText(contentType string) bool {
	t, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	t = strings.TrimSpace(t)
	return t == "" || strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "+json") || strings.HasSuffix(t, "+xml") ||
		slices.Contains([]string{"application/json", "application/xml", "application/javascript", "application/graphql"}, t)
}

// urlResponse is what a function answers; without a status code the whole answer is the body.
type urlResponse struct {
	StatusCode *int           `json:"statusCode"`
	Headers    map[string]any `json:"headers"`
	Cookies    []string       `json:"cookies"`
	Body       *string        `json:"body"`
	Base64     bool           `json:"isBase64Encoded"`
}

func (v *visit) answer(payload []byte) {
	var r urlResponse
	isObject := bytes.HasPrefix(bytes.TrimSpace(payload), []byte("{"))
	if isObject {
		if err := json.Unmarshal(payload, &r); err != nil && r.StatusCode != nil {
			v.broken()
			return
		}
	}
	h := v.w.Header()
	if r.StatusCode == nil {
		h.Set("Content-Type", "application/json")
		var text string
		if json.Unmarshal(payload, &text) == nil {
			payload = []byte(text)
		}
		_, _ = v.w.Write(payload)
		return
	}
	body := []byte(deref(r.Body))
	if r.Base64 {
		var err error
		if body, err = base64.StdEncoding.DecodeString(deref(r.Body)); err != nil {
			v.broken()
			return
		}
	}
	if *r.StatusCode < 100 || *r.StatusCode > 599 {
		v.broken()
		return
	}
	h.Set("Content-Type", "application/json")
	for k, val := range r.Headers {
		if text, ok := val.(string); ok {
			h.Set(k, text)
		} else if b, err := json.Marshal(val); err == nil {
			h.Set(k, string(b))
		}
	}
	for _, c := range r.Cookies {
		h.Add("Set-Cookie", c)
	}
	v.w.WriteHeader(*r.StatusCode)
	_, _ = v.w.Write(body)
}

// broken answers for a function whose response is no response.
func (v *visit) broken() {
	v.w.Header().Set("Content-Type", "application/json")
	v.w.WriteHeader(http.StatusBadGateway)
	_, _ = io.WriteString(v.w, "Internal Server Error")
}
