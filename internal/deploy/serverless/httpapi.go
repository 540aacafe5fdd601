package serverless

import (
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/deploy/template"
)

// httpAPI gathers the httpApi events of all functions.
type httpAPI struct{ routes []*httpRoute }

type httpRoute struct {
	f      *function
	key, n *template.Node
	route  string // "GET /x" or "*"
}

func (f *function) httpEvent(e template.Entry) {
	n, route := e.Val, ""
	if n.IsScalar() {
		route = n.Text()
		n = template.M()
		n.Pos = e.Key.Pos
	} else {
		f.c.keys("httpApi", n, []string{"method", "path", "authorizer"}, nil, nil)
		route = strings.TrimSpace(n.Get("method").Text() + " " + n.Get("path").Text())
		if n.Get("path").Text() == "*" || n.Get("path") == nil {
			route = "*"
		}
	}
	if method, path, ok := strings.Cut(route, " "); ok {
		if method == "*" {
			method = "ANY"
		}
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		route = strings.ToUpper(method) + " " + path
	}
	if route != "*" && !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"}, strings.Split(route, " ")[0]) {
		f.c.fail(e.Key, "httpApi", "an httpApi event needs a method and a path", "write httpApi: 'GET /path', or '*'")
		return
	}
	if f.c.httpAPI == nil {
		f.c.httpAPI = &httpAPI{}
	}
	f.c.httpAPI.routes = append(f.c.httpAPI.routes, &httpRoute{f, e.Key, n, route})
}

// writeHTTP writes the API that httpApi events make.
func (c *compiler) writeHTTP() {
	settings := c.provider.Get("httpApi")
	c.keys("provider.httpApi", settings, []string{"id", "name", "payload", "cors", "authorizers", "disableDefaultEndpoint", "metrics", "shouldStartNameWithService", "timeout", "useProviderTags"}, nil, nil)
	if c.httpAPI == nil {
		return
	}
	api := settings.Get("id")
	if api == nil {
		api = template.Ref("HttpApi")
		c.writeHTTPAPI(settings)
	}
	authorizers := c.httpAuthorizers(settings.Get("authorizers"), api)
	format := orNode(settings.Get("payload"), template.Str("2.0"))
	for _, r := range c.httpAPI.routes {
		c.add(r.f.id+"LambdaPermissionHttpApi", r.key, template.M("Type", "AWS::Lambda::Permission", "Properties", template.M("FunctionName", r.f.arn, "Action", "lambda:InvokeFunction", "Principal", "apigateway.amazonaws.com",
			"SourceArn", joined("arn:", template.Ref("AWS::Partition"), ":execute-api:", template.Ref("AWS::Region"), ":", template.Ref("AWS::AccountId"), ":", api, "/*"))))
		integration := "HttpApiIntegration" + r.f.id
		c.add(integration, r.key, template.M("Type", "AWS::ApiGatewayV2::Integration", "Properties", template.M("ApiId", api, "IntegrationType", "AWS_PROXY", "IntegrationUri", r.f.arn, "PayloadFormatVersion", format, "TimeoutInMillis", 30000)))
		id, key := "HttpApiRouteDefault", "$default"
		if r.route != "*" {
			id, key = "HttpApiRoute"+pathID(r.route), r.route
		}
		if c.resources.Get(id) != nil {
			c.fail(r.key, r.route, "this route is another event's already", "keep one of the events")
			continue
		}
		props := template.M("ApiId", api, "RouteKey", key, "Target", template.M("Fn::Join", template.L("/", template.L("integrations", template.Ref(integration)))))
		c.protect(r, props, authorizers)
		c.add(id, r.key, template.M("Type", "AWS::ApiGatewayV2::Route", "Properties", props, "DependsOn", integration))
	}
}

func (c *compiler) writeHTTPAPI(settings *template.Node) {
	name := settings.Get("name")
	if name == nil {
		text := c.stage + "-" + c.service
		if settings.Get("shouldStartNameWithService").Text() == "true" {
			text = c.service + "-" + c.stage
		}
		name = template.Str(text)
	}
	tags := c.provider.Get("tags")
	if settings.Get("useProviderTags").Text() == "false" {
		tags = nil
	}
	metrics := settings.Get("metrics").Text() == "true"
	c.add("HttpApi", c.provider, template.M("Type", "AWS::ApiGatewayV2::Api", "Properties", template.M("Name", name, "ProtocolType", "HTTP", "Tags", tags, "CorsConfiguration", httpCors(settings.Get("cors")), "DisableExecuteApiEndpoint", settings.Get("disableDefaultEndpoint"))))
	c.add("HttpApiStage", c.provider, template.M("Type", "AWS::ApiGatewayV2::Stage", "Properties", template.M("ApiId", template.Ref("HttpApi"), "StageName", "$default", "AutoDeploy", true,
		"DefaultRouteSettings", template.M("DetailedMetricsEnabled", metrics), "Tags", tags)))
	c.output("HttpApiId", "Id of the HTTP API", template.Ref("HttpApi"))
	c.output("HttpApiUrl", "URL of the HTTP API", joined("https://", template.Ref("HttpApi"), ".execute-api.", template.Ref("AWS::Region"), ".", template.Ref("AWS::URLSuffix")))
}

func httpCors(n *template.Node) *template.Node {
	if n == nil || n.Text() == "false" {
		return nil
	}
	methods := []string{"OPTIONS", "GET", "POST", "PUT", "PATCH", "HEAD", "DELETE"}
	list := func(name string, fallback *template.Node) *template.Node {
		v := n.Get(name)
		if v == nil {
			return fallback
		}
		if v.IsScalar() {
			return template.L(v)
		}
		return v
	}
	return template.M("AllowCredentials", n.Get("allowCredentials"), "AllowHeaders", list("allowedHeaders", template.Of(defaultHeaders)), "AllowMethods", list("allowedMethods", template.Of(methods)),
		"AllowOrigins", list("allowedOrigins", template.L("*")), "ExposeHeaders", list("exposedResponseHeaders", nil), "MaxAge", n.Get("maxAge"))
}

// httpAuthorizers makes the Lambda authorizers of the API.
func (c *compiler) httpAuthorizers(list, api *template.Node) map[string]string {
	out := map[string]string{}
	if list == nil {
		return out
	}
	for _, e := range list.Entries {
		if e.Val.Get("type").Text() != "request" {
			c.fail(e.Val, e.Key.Value, "JWT authorizers are not served here", "use type: request with a function")
			continue
		}
		c.keys("provider.httpApi.authorizers."+e.Key.Value, e.Val, []string{"type", "functionName", "functionArn", "name", "resultTtlInSeconds", "enableSimpleResponses", "payloadVersion", "identitySource", "managedExternally"}, nil, nil)
		arn := e.Val.Get("functionArn")
		if fn := e.Val.Get("functionName"); fn != nil {
			if c.doc.At("functions", fn.Text()) == nil {
				c.fail(fn, "", "no function of this service has this name", "name a function, or give functionArn")
				continue
			}
			arn = template.GetAtt(functionID(fn.Text())+"LambdaFunction", "Arn")
		}
		if arn == nil {
			c.fail(e.Key, "", "an authorizer needs a function", "add functionName")
			continue
		}
		source := e.Val.Get("identitySource")
		if source.IsScalar() {
			source = template.L(source)
		}
		id := "HttpApiAuthorizer" + functionID(e.Key.Value)
		c.add(id, e.Key, template.M("Type", "AWS::ApiGatewayV2::Authorizer", "Properties", template.M("ApiId", api, "Name", orNode(e.Val.Get("name"), template.Str(e.Key.Value)), "AuthorizerType", "REQUEST", "AuthorizerUri", invocation(arn),
			"AuthorizerPayloadFormatVersion", orNode(e.Val.Get("payloadVersion"), template.Str("2.0")), "AuthorizerResultTtlInSeconds", e.Val.Get("resultTtlInSeconds"), "EnableSimpleResponses", e.Val.Get("enableSimpleResponses"), "IdentitySource", source)))
		c.add("LambdaPermission"+id, e.Key, template.M("Type", "AWS::Lambda::Permission", "Properties", template.M("FunctionName", arn, "Action", "lambda:InvokeFunction", "Principal", "apigateway.amazonaws.com",
			"SourceArn", joined("arn:", template.Ref("AWS::Partition"), ":execute-api:", template.Ref("AWS::Region"), ":", template.Ref("AWS::AccountId"), ":", api, "/*"))))
		out[e.Key.Value] = id
	}
	return out
}

// protect puts an authorizer before a route.
func (c *compiler) protect(r *httpRoute, props *template.Node, authorizers map[string]string) {
	auth := r.n.Get("authorizer")
	if auth == nil {
		return
	}
	name := auth.Text()
	if auth.Kind == template.Map {
		name = auth.Get("name").Text()
	}
	id := authorizers[name]
	if id == "" {
		c.fail(auth, "", "Event references not configured authorizer '"+name+"'", "define it under provider.httpApi.authorizers, of type request")
		return
	}
	props.Set("AuthorizationType", template.Str("CUSTOM"))
	props.Set("AuthorizerId", template.Ref(id))
}
