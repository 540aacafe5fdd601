package apigateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	typesv2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/leatdev/leat/internal/policy"
)

const (
	defaultAuthTTL = 300 // seconds
	// maxAuthEntries bounds the remembered decisions; past it they start afresh.
	maxAuthEntries = 10_000
	authTimeout    = 29_000 // milliseconds
)

// authCache remembers what authorizers decided.
type authCache struct {
	mu      sync.Mutex
	entries map[string]authEntry
}

type authEntry struct {
	api    string
	until  time.Time
	result *authResult
}

// authResult is an authorizer's answer, understood.
type authResult struct {
	decide  func(*policy.Request) policy.Decision
	context map[string]any
}

func (c *authCache) get(key string, now time.Time) *authResult {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok || !now.Before(e.until) {
		return nil
	}
	return e.result
}

func (c *authCache) put(key, api string, until time.Time, r *authResult) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= maxAuthEntries {
		clear(c.entries)
	}
	c.entries[key] = authEntry{api, until, r}
}

func (c *authCache) forget(api string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, e := range c.entries {
		if e.api == api {
			delete(c.entries, k)
		}
	}
}

// authorizeREST asks the method's authorizer. It answers the caller itself when that refuses.
func (s *Service) authorizeREST(c *call, rm *restMethod, vars map[string]string) (map[string]any, bool) {
	if deref(rm.method.AuthorizationType) != "CUSTOM" {
		return nil, true
	}
	az, ok := c.f.rest.api.Authorizers[deref(rm.method.AuthorizerId)]
	if !ok {
		c.gateway(types.GatewayResponseTypeAuthorizerConfigurationError, "")
		return nil, false
	}
	identity, ok := c.identity(deref(az.IdentitySource), vars)
	if ok && az.Type == types.AuthorizerTypeToken && deref(az.IdentityValidationExpression) != "" {
		re, err := regexp.Compile(`^(?:` + *az.IdentityValidationExpression + `)$`)
		ok = err == nil && re.MatchString(identity)
	}
	if !ok {
		c.gateway(types.GatewayResponseTypeUnauthorized, "")
		return nil, false
	}
	arn := c.executeARN(c.path)
	result, err := s.ask(c, question{
		id: deref(az.Id), uri: deref(az.AuthorizerUri), role: deref(az.AuthorizerCredentials), stageVars: c.f.rest.variables, identity: identity, ttl: time.Duration(deref(az.AuthorizerResultTtlInSeconds)) * time.Second,
		event: func() any {
			if az.Type == types.AuthorizerTypeToken {
				return map[string]string{"type": "TOKEN", "methodArn": arn, "authorizationToken": identity}
			}
			ev := c.event(*rm.resource.Path, *rm.resource.Id, vars, c.f.rest.variables)
			ev.Type, ev.MethodArn = "REQUEST", arn
			return forAuthorizer(ev)
		},
	})
	switch {
	case errors.Is(err, errUnauthorized):
		c.gateway(types.GatewayResponseTypeUnauthorized, "")
		return nil, false
	case err != nil:
		s.log.Warn("API gateway: authorizer", "authorizer", deref(az.Name), "error", err)
		c.gateway(types.GatewayResponseTypeAuthorizerConfigurationError, "")
		return nil, false
	}
	if decision := result.decide(c.access()); decision != policy.Allow {
		message := ""
		if decision == policy.ExplicitDeny {
			message = "User is not authorized to access this resource with an explicit deny in an identity-based policy"
		}
		c.gateway(types.GatewayResponseTypeAccessDenied, message)
		return nil, false
	}
	return textContext(result.context), true
}

// textContext turns an authorizer's numbers and booleans into text, as REST APIs pass them on.
func textContext(in map[string]any) map[string]any {
	out := make(map[string]any, len(in))
	for k, v := range in {
		switch v := v.(type) {
		case json.Number:
			out[k] = v.String()
		case bool:
			out[k] = strconv.FormatBool(v)
		default:
			out[k] = v
		}
	}
	return out
}

// authEvent is payload 1.0 without its body, which authorizers do not see.
type authEvent struct {
	*proxyEvent
	Body            *struct{} `json:"body,omitempty"`
	IsBase64Encoded *struct{} `json:"isBase64Encoded,omitempty"`
}

func forAuthorizer(ev *proxyEvent) any { return authEvent{proxyEvent: ev} }

// identity reads the sources of a v1 authorizer, joined; false when one of them is missing.
func (c *call) identity(sources string, vars map[string]string) (string, bool) {
	if sources == "" {
		return "", true
	}
	var values []string
	for _, src := range strings.Split(sources, ",") {
		src = strings.TrimSpace(src)
		var v string
		switch {
		case strings.HasPrefix(src, "method.request.header."):
			v = c.r.Header.Get(strings.TrimPrefix(src, "method.request.header."))
		case strings.HasPrefix(src, "method.request.querystring."):
			v = c.r.URL.Query().Get(strings.TrimPrefix(src, "method.request.querystring."))
		case strings.HasPrefix(src, "stageVariables."):
			v = c.f.rest.variables[strings.TrimPrefix(src, "stageVariables.")]
		case strings.HasPrefix(src, "method.request.path."):
			v = vars[strings.TrimPrefix(src, "method.request.path.")]
		}
		if v == "" {
			return "", false
		}
		values = append(values, v)
	}
	return strings.Join(values, ","), true
}

// question is what an authorizer is asked.
type question struct {
	id, uri   string
	role      string // the authorizer's credentials
	stageVars map[string]string
	identity  string
	ttl       time.Duration
	event     func() any
	simple    bool // payload 2.0 with {"isAuthorized": …}
}

// errUnauthorized: the authorizer failed with the text "Unauthorized", its way to answer 401.
var errUnauthorized = errors.New("unauthorized")

func (s *Service) ask(c *call, q question) (*authResult, error) {
	key := c.f.api + "\x00" + c.f.stage + "\x00" + q.id + "\x00" + q.identity
	if q.ttl > 0 && q.identity != "" {
		if r := s.auth.get(key, s.clock.Now()); r != nil {
			return r, nil
		}
	}
	fn, err := functionOf(withVariables(q.uri, q.stageVars))
	if err != nil {
		return nil, err
	}
	out, err := s.invoke(c, Invocation{FunctionARN: fn, Role: q.role, Sources: []string{c.apiARN("authorizers/" + q.id)}}, q.event(), authTimeout)
	if errors.Is(err, errFunction) && saysUnauthorized(out) {
		return nil, errUnauthorized
	}
	if err != nil {
		return nil, err
	}
	result, err := parseAuth(out, q.simple)
	if err == nil && q.ttl > 0 && q.identity != "" {
		s.auth.put(key, c.f.api, s.clock.Now().Add(q.ttl), result)
	}
	return result, err
}

// saysUnauthorized tells an authorizer's way to answer 401: it fails with that word.
func saysUnauthorized(out []byte) bool {
	var failure struct {
		Message string `json:"errorMessage"`
	}
	return json.Unmarshal(out, &failure) == nil && failure.Message == "Unauthorized"
}

// authReply is what authorizers answer, in either form.
type authReply struct {
	PrincipalID    string          `json:"principalId"`
	PolicyDocument json.RawMessage `json:"policyDocument"`
	Context        map[string]any  `json:"context"`
	IsAuthorized   *bool           `json:"isAuthorized"`
}

func parseAuth(out []byte, simple bool) (*authResult, error) {
	var reply authReply
	d := json.NewDecoder(bytes.NewReader(out))
	d.UseNumber() // context values come back as they were written
	if err := d.Decode(&reply); err != nil {
		return nil, err
	}
	if simple {
		if reply.IsAuthorized == nil {
			return nil, errors.New("the authorizer's answer has no isAuthorized")
		}
		decision := policy.ImplicitDeny
		if *reply.IsAuthorized {
			decision = policy.Allow
		}
		return &authResult{context: reply.Context, decide: func(*policy.Request) policy.Decision { return decision }}, nil
	}
	if reply.PolicyDocument == nil || reply.PrincipalID == "" {
		return nil, errors.New("the authorizer's answer has no principalId or no policyDocument")
	}
	doc, err := policy.Parse(string(reply.PolicyDocument))
	if err != nil {
		return nil, fmt.Errorf("the authorizer's policyDocument: %w", err)
	}
	context := map[string]any{"principalId": reply.PrincipalID}
	for k, v := range reply.Context {
		switch v.(type) {
		case map[string]any, []any:
			return nil, fmt.Errorf("the authorizer's context value %q is not a scalar", k)
		}
		context[k] = v
	}
	return &authResult{context: context, decide: func(r *policy.Request) policy.Decision { return policy.Identity(r, doc) }}, nil
}

// parseSourceV2 reads an identity source of an HTTP API: $request.header.X, $request.querystring.X, $context.X, $stageVariables.X.
func parseSourceV2(src string) (func(c *call) string, error) {
	switch {
	case strings.HasPrefix(src, "$request.header."):
		name := strings.TrimPrefix(src, "$request.header.")
		return func(c *call) string { return c.r.Header.Get(name) }, nil
	case strings.HasPrefix(src, "$request.querystring."):
		name := strings.TrimPrefix(src, "$request.querystring.")
		return func(c *call) string { return c.r.URL.Query().Get(name) }, nil
	case strings.HasPrefix(src, "$stageVariables."):
		name := strings.TrimPrefix(src, "$stageVariables.")
		return func(c *call) string { return c.f.http.variables[name] }, nil
	}
	return nil, badRequest("Invalid identity source: %s", src)
}

// authorizeHTTP asks a route's authorizer. It answers the caller itself when that refuses.
func (s *Service) authorizeHTTP(c *call, route typesv2.Route, vars map[string]string) (map[string]any, bool) {
	if route.AuthorizationType != typesv2.AuthorizationTypeCustom {
		return nil, true
	}
	az := c.f.http.api.Authorizers[deref(route.AuthorizerId)]
	var values []string
	for _, src := range az.IdentitySource {
		read, err := parseSourceV2(src)
		if err != nil || read(c) == "" {
			writeJSON(c.w, http.StatusUnauthorized, `{"message":"Unauthorized"}`)
			return nil, false
		}
		values = append(values, read(c))
	}
	arn := c.executeARN(c.path)
	version2 := deref(az.AuthorizerPayloadFormatVersion) == "2.0"
	result, err := s.ask(c, question{
		id: deref(az.AuthorizerId), uri: deref(az.AuthorizerUri), role: deref(az.AuthorizerCredentialsArn), stageVars: c.f.http.variables, identity: strings.Join(values, ","),
		ttl: time.Duration(deref(az.AuthorizerResultTtlInSeconds)) * time.Second, simple: version2 && deref(az.EnableSimpleResponses),
		event: func() any {
			if version2 {
				ev := c.event2(*route.RouteKey, vars)
				ev.Type, ev.RouteArn, ev.IdentitySource, ev.Body = "REQUEST", arn, values, nil
				return ev
			}
			ev := c.event1(*route.RouteKey, vars)
			ev.Type, ev.MethodArn = "REQUEST", arn
			ev.IdentitySource = ptr(strings.Join(values, ","))
			ev.AuthorizationToken = ev.IdentitySource
			return forAuthorizer(ev)
		},
	})
	switch {
	case errors.Is(err, errUnauthorized):
		writeJSON(c.w, http.StatusUnauthorized, `{"message":"Unauthorized"}`)
		return nil, false
	case err != nil:
		s.log.Warn("API gateway: authorizer", "authorizer", deref(az.Name), "error", err)
		writeJSON(c.w, http.StatusInternalServerError, `{"message":"Internal Server Error"}`)
		return nil, false
	}
	if result.decide(c.access()) != policy.Allow {
		writeJSON(c.w, http.StatusForbidden, `{"message":"Forbidden"}`)
		return nil, false
	}
	if result.context == nil {
		result.context = map[string]any{}
	}
	return result.context, true
}
