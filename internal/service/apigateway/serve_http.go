package apigateway

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// httpFront is an HTTP API on a stage.
type httpFront struct {
	api       *httpAPI
	variables map[string]string
	tree      node[types.Route]
	fallback  *types.Route // $default
}

func compileHTTP(r kv.Reader, p place, h home, key stageKey) (*front, error) {
	live, err := loadHTTP(r, p, key.api)
	if err != nil {
		return nil, err
	}
	st, ok := live.Stages[key.stage]
	if !ok {
		return nil, nil
	}
	a := live
	if !deref(st.AutoDeploy) {
		if a, ok, err = record.Load[httpAPI](r, deploymentKey(key.api, deref(st.DeploymentId))); err != nil || !ok {
			return nil, err
		}
	}
	hf := &httpFront{api: a, variables: st.StageVariables}
	for _, route := range a.Routes {
		method, path, err := parseRouteKey(*route.RouteKey)
		if err != nil {
			return nil, err
		}
		if method == "" {
			hf.fallback = &route
			continue
		}
		hf.tree.add(path, method, route)
	}
	return &front{home: h, api: key.api, stage: key.stage, http: hf}, nil
}

// httpEvent is the input of a Lambda integration, payload 2.0 ("Create AWS
// Lambda proxy integrations for HTTP APIs in API Gateway").
type httpEvent struct {
	Version         string            `json:"version"`
	Type            string            `json:"type,omitempty"` // authorizers only
	RouteArn        string            `json:"routeArn,omitempty"`
	IdentitySource  []string          `json:"identitySource,omitempty"`
	RouteKey        string            `json:"routeKey"`
	RawPath         string            `json:"rawPath"`
	RawQueryString  string            `json:"rawQueryString"`
	Cookies         []string          `json:"cookies,omitempty"`
	Headers         map[string]string `json:"headers"`
	Query           map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext  httpContext       `json:"requestContext"`
	PathParameters  map[string]string `json:"pathParameters,omitempty"`
	StageVariables  map[string]string `json:"stageVariables,omitempty"`
	Body            *string           `json:"body,omitempty"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

type httpContext struct {
	AccountID    string         `json:"accountId"`
	APIID        string         `json:"apiId"`
	Authorizer   map[string]any `json:"authorizer,omitempty"`
	DomainName   string         `json:"domainName"`
	DomainPrefix string         `json:"domainPrefix"`
	HTTP         httpInfo       `json:"http"`
	RequestID    string         `json:"requestId"`
	RouteKey     string         `json:"routeKey"`
	Stage        string         `json:"stage"`
	Time         string         `json:"time"`
	TimeEpoch    int64          `json:"timeEpoch"`
}

type httpInfo struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// rawPath is the path with its stage, decoded, as payload 2.0 has it.
func (c *call) rawPath() string {
	p := "/" + strings.Join(mapped(segments(c.path), decodeSegment), "/")
	if strings.HasSuffix(c.path, "/") && p != "/" {
		p += "/"
	}
	if c.f.stage != "$default" {
		p = "/" + c.f.stage + p
	}
	return p
}

// event2 builds payload 2.0: lower-case headers, several values joined by commas, cookies apart.
func (c *call) event2(routeKey string, vars map[string]string) *httpEvent {
	ev := &httpEvent{
		Version: "2.0", RouteKey: routeKey, RawPath: c.rawPath(), RawQueryString: c.r.URL.RawQuery,
		Headers: map[string]string{}, PathParameters: nilIfEmpty(vars), StageVariables: nilIfEmpty(c.f.http.variables),
	}
	for k, v := range c.headersOf() {
		if k == "Cookie" {
			ev.Cookies = strings.Split(strings.Join(v, "; "), "; ")
			continue
		}
		ev.Headers[strings.ToLower(k)] = strings.Join(v, ",")
	}
	ev.Headers["content-length"] = strconv.Itoa(len(c.body))
	query := c.r.URL.Query()
	if len(query) > 0 {
		ev.Query = map[string]string{}
		for k, v := range query {
			ev.Query[k] = strings.Join(v, ",")
		}
	}
	prefix, _, _ := strings.Cut(c.domain(), ".")
	ev.RequestContext = httpContext{
		AccountID: c.f.home.Account, APIID: c.f.api, DomainName: c.domain(), DomainPrefix: prefix,
		HTTP:      httpInfo{c.r.Method, ev.RawPath, c.protocol(), c.sourceIP(), c.r.UserAgent()},
		RequestID: c.id, RouteKey: routeKey, Stage: c.f.stage,
		Time: c.start.UTC().Format(requestTimeFormat), TimeEpoch: c.start.UnixMilli(),
	}
	ev.Body, ev.IsBase64Encoded = setBody(c.body, !textual(c.r.Header.Get("Content-Type")))
	return ev
}

// textual tells the content types whose bodies HTTP APIs pass on as text.
// All others, forms among them, travel in base64.
func textual(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch media {
	case "application/json", "application/javascript", "application/xml":
		return true
	}
	return strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml")
}

func (s *Service) serveHTTPAPI(c *call) {
	hf := c.f.http
	c.w.Header().Set("Apigw-Requestid", c.id)
	preflight := c.cors()
	route, vars, ok := hf.tree.match(segments(c.path), c.r.Method)
	switch {
	case preflight: // answered by the CORS configuration, whatever the routes say
		c.w.WriteHeader(http.StatusNoContent)
		return
	case !ok && hf.fallback != nil:
		route, vars = *hf.fallback, map[string]string{}
	case !ok:
		writeJSON(c.w, http.StatusNotFound, `{"message":"Not Found"}`)
		return
	}
	i, ok := hf.api.Integrations[strings.TrimPrefix(deref(route.Target), "integrations/")]
	if !ok {
		writeJSON(c.w, http.StatusNotFound, `{"message":"Not Found"}`)
		return
	}
	identity, ok := s.authorizeHTTP(c, route, vars)
	if !ok {
		return
	}
	if i.IntegrationType == types.IntegrationTypeAwsProxy {
		s.proxyHTTP(c, i, route, vars, identity)
		return
	}
	s.forward(c, forwarding{
		uri: deref(i.IntegrationUri), method: deref(i.IntegrationMethod), vars: vars, stageVars: hf.variables, timeoutMillis: int(deref(i.TimeoutInMillis)),
		failed: func(bool) { writeJSON(c.w, http.StatusServiceUnavailable, `{"message":"Service Unavailable"}`) },
	})
}

// cors adds the headers that the API's configuration says, and tells whether the request is a preflight.
func (c *call) cors() bool {
	conf, origin := c.f.http.api.API.CorsConfiguration, c.r.Header.Get("Origin")
	if conf == nil || origin == "" {
		return false
	}
	preflight := c.r.Method == http.MethodOptions && c.r.Header.Get("Access-Control-Request-Method") != ""
	allowed := ""
	for _, o := range conf.AllowOrigins {
		prefix, wildcard := strings.CutSuffix(o, "*")
		if o == "*" {
			allowed = "*"
		} else if strings.EqualFold(o, origin) || (wildcard && strings.HasPrefix(origin, prefix)) {
			allowed = origin
		}
		if allowed != "" {
			break
		}
	}
	if allowed == "" {
		return preflight
	}
	h := c.w.Header()
	h.Set("Access-Control-Allow-Origin", allowed)
	if deref(conf.AllowCredentials) {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(conf.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(conf.ExposeHeaders, ","))
	}
	if !preflight {
		return false
	}
	if len(conf.AllowMethods) > 0 {
		h.Set("Access-Control-Allow-Methods", strings.Join(conf.AllowMethods, ","))
	}
	if len(conf.AllowHeaders) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(conf.AllowHeaders, ","))
	}
	if conf.MaxAge != nil {
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(*conf.MaxAge)))
	}
	return true
}

// proxyHTTP hands a request to a function, in the payload its integration asks for.
func (s *Service) proxyHTTP(c *call, i types.Integration, route types.Route, vars map[string]string, identity map[string]any) {
	hf := c.f.http
	var event any
	if deref(i.PayloadFormatVersion) == "2.0" {
		ev := c.event2(*route.RouteKey, vars)
		ev.RequestContext.Authorizer = nilIfEmpty(map[string]any{"lambda": identity})
		if identity == nil {
			ev.RequestContext.Authorizer = nil
		}
		event = ev
	} else {
		ev := c.event1(*route.RouteKey, vars)
		ev.RequestContext.Authorizer = textContext(identity)
		event = ev
	}
	fn, err := targetFunction(withVariables(deref(i.IntegrationUri), hf.variables))
	if err != nil {
		writeJSON(c.w, http.StatusInternalServerError, `{"message":"Internal Server Error"}`)
		return
	}
	sources := []string{c.executeARN(c.path)}
	if _, path, ok := strings.Cut(*route.RouteKey, " "); ok {
		sources = append(sources, c.executeARN(path))
	} else {
		sources = append(sources, c.apiARN(c.f.stage+"/"+*route.RouteKey))
	}
	out, err := s.invoke(c, Invocation{FunctionARN: fn, Role: deref(i.CredentialsArn), Sources: sources}, event, int(deref(i.TimeoutInMillis)))
	if err != nil {
		c.httpFailure(err)
		return
	}
	parse := parseProxyResponse
	if deref(i.PayloadFormatVersion) == "2.0" {
		parse = parseResponse2
	}
	res, err := parse(out)
	if err != nil {
		s.log.Warn("API gateway: malformed Lambda proxy response", "function", fn, "error", err)
		writeJSON(c.w, http.StatusInternalServerError, `{"message":"Internal Server Error"}`)
		return
	}
	c.writeProxy(res, true)
}

// event1 is payload 1.0 as HTTP APIs send it.
func (c *call) event1(routeKey string, vars map[string]string) *proxyEvent {
	_, resource, found := strings.Cut(routeKey, " ")
	if !found {
		resource = routeKey
	}
	ev := c.event(resource, routeKey, vars, c.f.http.variables)
	ev.Version = "1.0"
	ev.Path = c.rawPath()
	ev.RequestContext.Path = ev.Path
	ev.Body, ev.IsBase64Encoded = setBody(c.body, !textual(c.r.Header.Get("Content-Type")))
	return ev
}
