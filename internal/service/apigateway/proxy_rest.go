package apigateway

import (
	"encoding/base64"
	"fmt"
	"mime"
	"net"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
)

// proxyEvent is the input of a Lambda proxy integration, payload 1.0
// ("Input format of a Lambda function for proxy integration").
type proxyEvent struct {
	Version            string              `json:"version,omitempty"` // HTTP APIs only
	Type               string              `json:"type,omitempty"`    // authorizers only
	MethodArn          string              `json:"methodArn,omitempty"`
	IdentitySource     *string             `json:"identitySource,omitempty"` // authorizers of HTTP APIs
	AuthorizationToken *string             `json:"authorizationToken,omitempty"`
	Resource           string              `json:"resource"`
	Path               string              `json:"path"`
	HTTPMethod         string              `json:"httpMethod"`
	Headers            map[string]string   `json:"headers"`
	MultiValueHeaders  map[string][]string `json:"multiValueHeaders"`
	Query              map[string]string   `json:"queryStringParameters"`
	MultiValueQuery    map[string][]string `json:"multiValueQueryStringParameters"`
	PathParameters     map[string]string   `json:"pathParameters"`
	StageVariables     map[string]string   `json:"stageVariables"`
	RequestContext     requestContext      `json:"requestContext"`
	Body               *string             `json:"body"`
	IsBase64Encoded    bool                `json:"isBase64Encoded"`
}

type requestContext struct {
	AccountID         string         `json:"accountId"`
	APIID             string         `json:"apiId"`
	Authorizer        map[string]any `json:"authorizer,omitempty"`
	DomainName        string         `json:"domainName"`
	DomainPrefix      string         `json:"domainPrefix"`
	ExtendedRequestID string         `json:"extendedRequestId"`
	HTTPMethod        string         `json:"httpMethod"`
	Identity          map[string]any `json:"identity"`
	Path              string         `json:"path"`
	Protocol          string         `json:"protocol"`
	RequestID         string         `json:"requestId"`
	RequestTime       string         `json:"requestTime"`
	RequestTimeEpoch  int64          `json:"requestTimeEpoch"`
	ResourceID        string         `json:"resourceId"`
	ResourcePath      string         `json:"resourcePath"`
	Stage             string         `json:"stage"`
}

const requestTimeFormat = "02/Jan/2006:15:04:05 -0700"

// nilIfEmpty keeps AWS's null for what is not there.
func nilIfEmpty[V any](m map[string]V) map[string]V {
	if len(m) == 0 {
		return nil
	}
	return m
}

// last flattens multiple values to the last of each, as payload 1.0 does.
func last(m map[string][]string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		if len(v) > 0 {
			out[k] = v[len(v)-1]
		}
	}
	return out
}

// headersOf are the request's headers with those the gateway adds.
func (c *call) headersOf() map[string][]string {
	out := make(map[string][]string, len(c.r.Header)+4)
	for k, v := range c.r.Header {
		out[k] = v
	}
	out["Host"] = []string{c.host}
	out["X-Forwarded-For"] = append(append([]string{}, out["X-Forwarded-For"]...), c.sourceIP())
	out["X-Forwarded-For"] = []string{strings.Join(out["X-Forwarded-For"], ", ")}
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	out["X-Forwarded-Proto"] = []string{scheme}
	_, port, err := net.SplitHostPort(c.r.Host)
	if err != nil {
		port = "80"
	}
	out["X-Forwarded-Port"] = []string{port}
	if out["X-Amzn-Trace-Id"] == nil {
		out["X-Amzn-Trace-Id"] = []string{fmt.Sprintf("Root=1-%08x-%s", c.start.Unix(), strings.ReplaceAll(c.id, "-", "")[:24])}
	}
	return out
}

func (c *call) sourceIP() string {
	ip, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		return c.r.RemoteAddr
	}
	return ip
}

func (c *call) domain() string {
	if host, _, err := net.SplitHostPort(c.host); err == nil {
		return host
	}
	return c.host
}

func (c *call) protocol() string { return fmt.Sprintf("HTTP/%d.%d", c.r.ProtoMajor, c.r.ProtoMinor) }

// event builds payload 1.0; resource is the path's pattern.
func (c *call) event(resource, resourceID string, vars, stageVars map[string]string) *proxyEvent {
	headers := c.headersOf()
	query := c.r.URL.Query()
	decoded := "/" + strings.Join(mapped(segments(c.path), decodeSegment), "/")
	if strings.HasSuffix(c.path, "/") && decoded != "/" {
		decoded += "/"
	}
	prefix, _, _ := strings.Cut(c.domain(), ".")
	return &proxyEvent{
		Resource: resource, Path: decoded, HTTPMethod: c.r.Method,
		Headers: last(headers), MultiValueHeaders: headers,
		Query: nilIfEmpty(last(query)), MultiValueQuery: nilIfEmpty(map[string][]string(query)),
		PathParameters: nilIfEmpty(vars), StageVariables: nilIfEmpty(stageVars),
		RequestContext: requestContext{
			AccountID: c.f.home.Account, APIID: c.f.api, DomainName: c.domain(), DomainPrefix: prefix, ExtendedRequestID: c.id[:16],
			HTTPMethod: c.r.Method, Path: "/" + c.f.stage + decoded, Protocol: c.protocol(), RequestID: c.id,
			RequestTime: c.start.UTC().Format(requestTimeFormat), RequestTimeEpoch: c.start.UnixMilli(),
			ResourceID: resourceID, ResourcePath: resource, Stage: c.f.stage,
			Identity: map[string]any{
				"accessKey": nil, "accountId": nil, "caller": nil, "cognitoAuthenticationProvider": nil, "cognitoAuthenticationType": nil,
				"cognitoIdentityId": nil, "cognitoIdentityPoolId": nil, "principalOrgId": nil, "sourceIp": c.sourceIP(), "user": nil,
				"userAgent": c.r.UserAgent(), "userArn": nil,
			},
		},
	}
}

// setBody puts the body into an event, as text or base64.
func setBody(body []byte, binary bool) (*string, bool) {
	switch {
	case len(body) == 0:
		return nil, false
	case binary:
		return ptr(base64.StdEncoding.EncodeToString(body)), true
	default:
		return ptr(string(body)), false
	}
}

// matchesMedia tells whether a content type is one of an API's binary media types.
func matchesMedia(types []string, contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = contentType
	}
	for _, t := range types {
		group, wildcard := strings.CutSuffix(t, "/*")
		if t == "*/*" || strings.EqualFold(t, media) || (wildcard && strings.HasPrefix(strings.ToLower(media), strings.ToLower(group)+"/")) {
			return true
		}
	}
	return false
}

// proxyREST hands a request to a function and gives its answer.
func (s *Service) proxyREST(c *call, rm *restMethod, vars map[string]string, identity map[string]any) {
	rf, i := c.f.rest, rm.method.MethodIntegration
	ev := c.event(*rm.resource.Path, *rm.resource.Id, vars, rf.variables)
	ev.RequestContext.Authorizer = identity
	binary := matchesMedia(rf.api.API.BinaryMediaTypes, c.r.Header.Get("Content-Type"))
	ev.Body, ev.IsBase64Encoded = setBody(c.body, binary)
	fn, err := functionOf(withVariables(deref(i.Uri), rf.variables))
	if err != nil {
		c.gateway(types.GatewayResponseTypeApiConfigurationError, "")
		return
	}
	out, err := s.invoke(c, Invocation{
		FunctionARN: fn, Role: deref(i.Credentials),
		Sources: []string{c.executeARN(c.path), c.executeARN(*rm.resource.Path)},
	}, ev, int(i.TimeoutInMillis))
	if err != nil {
		c.restFailure(err)
		return
	}
	res, err := parseProxyResponse(out)
	if err != nil {
		s.log.Warn("API gateway: malformed Lambda proxy response", "function", fn, "error", err)
		c.gateway(types.GatewayResponseTypeDefault5xx, "")
		return
	}
	c.writeProxy(res, matchesMedia(rf.api.API.BinaryMediaTypes, accepted(c.r, res)))
}

// accepted is the content type that decides whether a base64 body is decoded:
// what the caller accepts first, as AWS has it.
func accepted(r *http.Request, res *proxyResponse) string {
	first, _, _ := strings.Cut(r.Header.Get("Accept"), ",")
	if first = strings.TrimSpace(first); first == "" || first == "*/*" {
		return res.header().Get("Content-Type")
	}
	return first
}

// withVariables replaces ${stageVariables.NAME}.
func withVariables(uri string, vars map[string]string) string {
	return variablePattern.ReplaceAllStringFunc(uri, func(m string) string {
		if name := variablePattern.FindStringSubmatch(m)[1]; name != "" {
			return vars[name]
		}
		return m
	})
}

// newRequestID makes a UUID.
func newRequestID() string {
	const hex = "0123456789abcdef"
	id := []byte(newID(36))
	for i := range id {
		id[i] = hex[id[i]%16]
	}
	for _, dash := range []int{8, 13, 18, 23} {
		id[dash] = '-'
	}
	id[14] = '4'
	return string(id)
}
