package serverless

import (
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/deploy/template"
)

var defaultHeaders = []string{"Content-Type", "X-Amz-Date", "Authorization", "X-Api-Key", "X-Amz-Security-Token", "X-Amz-User-Agent", "X-Amzn-Trace-Id"}

// restAPI gathers the http events of all functions.
type restAPI struct {
	methods []*restMethod
	cors    map[string]*restCors
	order   []string // paths with CORS
	deps    []string // logical ids of methods
}

type restMethod struct {
	f            *function
	key, n       *template.Node
	path, method string
}

type restCors struct {
	key                             *template.Node
	origin                          string
	headers, methods                []string
	credentials, maxAge, cache, exp *template.Node
}

var httpKeys = []string{"path", "method", "cors", "authorizer", "integration", "request", "operationId", "documentation", "timeoutInMillis"}

var refusedHTTP = map[string]string{"private": "usage plans and keys are not kept here", "async": "requests are answered by the function: asynchronous ones need mapping templates, which are not here", "connectionType": "there are no VPCs here",
	"connectionId": "there are no VPCs here", "response": "responses are the function's own: mapping templates are not here", "scopes": "scopes belong to Cognito, which is not here"}

func (f *function) restEvent(e template.Entry) {
	n, path, method := e.Val, "", ""
	if n.IsScalar() {
		method, path, _ = strings.Cut(strings.TrimSpace(n.Text()), " ")
		n = template.M()
		n.Pos = e.Key.Pos
	} else {
		f.c.keys("http", n, httpKeys, map[string]string{"operationId": "", "documentation": ""}, refusedHTTP)
		path, method = n.Get("path").Text(), n.Get("method").Text()
	}
	method = strings.ToUpper(method)
	if method == "*" {
		method = "ANY"
	}
	if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"}, method) || path == "" && n.Get("path") == nil && e.Val.IsScalar() {
		f.c.fail(e.Key, "http", "an http event needs a method and a path", "write http: GET path, or path: and method:")
		return
	}
	if i := strings.ToLower(n.Get("integration").Text()); i != "" && i != "lambda-proxy" && i != "aws-proxy" && i != "aws_proxy" && i != "lambda_proxy" {
		f.c.fail(n.Get("integration"), "", "only the proxy integration is served here", "leave integration out")
	}
	if f.c.rest == nil {
		f.c.rest = &restAPI{cors: map[string]*restCors{}}
	}
	m := &restMethod{f: f, key: e.Key, n: n, path: strings.Trim(path, "/"), method: method}
	for _, old := range f.c.rest.methods {
		if old.path == m.path && old.method == m.method {
			f.c.fail(e.Key, method+" /"+m.path, "this method and path is another event's already", "keep one of the events")
		}
	}
	f.c.rest.methods = append(f.c.rest.methods, m)
	f.corsOf(m, n.Get("cors"))
}

// corsOf gathers what browsers may do on a path, from all its methods.
func (f *function) corsOf(m *restMethod, n *template.Node) {
	if n == nil || n.Text() == "false" {
		return
	}
	c := f.c.rest.cors[m.path]
	if c == nil {
		c = &restCors{key: m.key, origin: "*", methods: []string{"OPTIONS"}}
		f.c.rest.cors[m.path] = c
		f.c.rest.order = append(f.c.rest.order, m.path)
	}
	f.c.keys("http.cors", mapOrNil(n), []string{"origin", "origins", "headers", "methods", "allowCredentials", "maxAge", "cacheControl", "exposedHeaders"}, nil, nil)
	if o := n.Get("origin"); o != nil {
		c.origin = o.Text()
	} else if list := n.Get("origins"); list != nil {
		c.origin = strings.Join(texts(list), ",")
	}
	if h := n.Get("headers"); h != nil {
		c.headers = append(c.headers, texts(h)...)
	} else {
		c.headers = append(c.headers, defaultHeaders...)
	}
	method := []string{m.method}
	if m.method == "ANY" {
		method = []string{"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"}
	}
	if list := n.Get("methods"); list != nil {
		method = texts(list)
	}
	for _, x := range method {
		if !slices.Contains(c.methods, x) {
			c.methods = append(c.methods, x)
		}
	}
	c.credentials, c.maxAge, c.cache, c.exp = orNode(n.Get("allowCredentials"), c.credentials), orNode(n.Get("maxAge"), c.maxAge), orNode(n.Get("cacheControl"), c.cache), orNode(n.Get("exposedHeaders"), c.exp)
}

func mapOrNil(n *template.Node) *template.Node {
	if n.Kind == template.Map {
		return n
	}
	return nil
}

func texts(n *template.Node) []string {
	var out []string
	if n.IsScalar() {
		return strings.Split(n.Text(), ",")
	}
	for _, it := range n.Items {
		out = append(out, it.Text())
	}
	return out
}

// writeREST writes the API that http events make.
func (c *compiler) writeREST() {
	settings := c.provider.Get("apiGateway")
	c.keys("provider.apiGateway", settings, []string{"restApiId", "restApiRootResourceId", "binaryMediaTypes", "minimumCompressionSize", "description", "disableDefaultEndpoint", "shouldStartNameWithService", "request", "metrics"}, nil,
		map[string]string{"usagePlan": "usage plans are not kept here", "apiKeys": "usage plans are not kept here", "resourcePolicy": "policies of APIs are not checked here", "restApiResources": "give the API's resources to the events here", "websocketApiId": "WebSocket APIs are not served here", "apiKeySourceType": "keys are not kept here", "timeoutInMillis": "requests may take 29 s"})
	if c.rest == nil {
		return
	}
	api, root := template.Ref("ApiGatewayRestApi"), template.GetAtt("ApiGatewayRestApi", "RootResourceId")
	if id := settings.Get("restApiId"); id != nil {
		api, root = id, settings.Get("restApiRootResourceId")
		if root == nil {
			c.fail(id, "", "an API of another stack needs its root resource too", "add restApiRootResourceId")
			return
		}
	} else {
		c.writeAPI(settings)
	}
	resources := c.writeResources(api, root)
	for _, path := range c.rest.order {
		c.writeCors(path, api, resources[path])
	}
	for _, m := range c.rest.methods {
		c.writeMethod(m, api, resources[m.path])
	}
	c.writeDeployment(api)
	for _, m := range c.rest.methods {
		m.f.permission(m.f.id+"LambdaPermissionApiGateway", m.key, "apigateway.amazonaws.com", "SourceArn",
			joined("arn:", template.Ref("AWS::Partition"), ":execute-api:", template.Ref("AWS::Region"), ":", template.Ref("AWS::AccountId"), ":", api, "/*/*"))
	}
}

func (c *compiler) writeAPI(settings *template.Node) {
	name := c.provider.Get("apiName")
	if name == nil {
		text := c.stage + "-" + c.service
		if settings.Get("shouldStartNameWithService").Text() == "true" {
			text = c.service + "-" + c.stage
		}
		name = template.Str(text)
	}
	endpoint := "EDGE"
	if e := c.provider.Get("endpointType"); e != nil {
		endpoint = strings.ToUpper(e.Text())
	}
	c.add("ApiGatewayRestApi", c.provider, template.M("Type", "AWS::ApiGateway::RestApi", "Properties", template.M("Name", name, "EndpointConfiguration", template.M("Types", template.L(endpoint)), "Policy", "",
		"BinaryMediaTypes", settings.Get("binaryMediaTypes"), "MinimumCompressionSize", settings.Get("minimumCompressionSize"), "Description", settings.Get("description"), "DisableExecuteApiEndpoint", settings.Get("disableDefaultEndpoint"))))
	c.output("ServiceEndpoint", "URL of the service endpoint", joined("https://", template.Ref("ApiGatewayRestApi"), ".execute-api.", template.Ref("AWS::Region"), ".", template.Ref("AWS::URLSuffix"), "/"+c.stage))
}

// writeResources makes the tree of paths and returns the resource of each.
func (c *compiler) writeResources(api, root *template.Node) map[string]*template.Node {
	out := map[string]*template.Node{"": root}
	for _, m := range c.rest.methods {
		path := ""
		for _, part := range strings.Split(m.path, "/") {
			if part == "" {
				continue
			}
			parent := path
			path = strings.TrimPrefix(path+"/"+part, "/")
			if out[path] != nil {
				continue
			}
			id := "ApiGatewayResource" + pathID(path)
			if c.resources.Get(id) != nil {
				c.fail(m.key, path, "this path and another have the same logical id", "name the path's variables alike")
			}
			c.add(id, m.key, template.M("Type", "AWS::ApiGateway::Resource", "Properties", template.M("ParentId", out[parent], "PathPart", part, "RestApiId", api)))
			out[path] = template.Ref(id)
		}
	}
	return out
}

// writeCors answers OPTIONS by a mock.
func (c *compiler) writeCors(path string, api, resource *template.Node) {
	x := c.rest.cors[path]
	origin, _, _ := strings.Cut(x.origin, ",")
	values := template.M("Access-Control-Allow-Origin", "'"+origin+"'", "Access-Control-Allow-Headers", "'"+strings.Join(unsorted(x.headers), ",")+"'", "Access-Control-Allow-Methods", "'"+strings.Join(x.methods, ",")+"'")
	if x.credentials.Text() == "true" {
		values.Set("Access-Control-Allow-Credentials", template.Str("'true'"))
	}
	if x.maxAge != nil {
		values.Set("Access-Control-Max-Age", template.Str("'"+x.maxAge.Text()+"'"))
	}
	if x.cache != nil {
		values.Set("Cache-Control", template.Str("'"+x.cache.Text()+"'"))
	}
	if x.exp != nil {
		values.Set("Access-Control-Expose-Headers", template.Str("'"+strings.Join(texts(x.exp), ",")+"'"))
	}
	params, shown := template.M(), template.M()
	for _, e := range values.Entries {
		params.Set("method.response.header."+e.Key.Value, e.Val)
		shown.Set("method.response.header."+e.Key.Value, template.Boolean(true))
	}
	if strings.Contains(x.origin, ",") {
		c.fail(x.key, x.origin, "several origins need a mapping template, which is not served here", "allow one origin, or '*'")
	}
	id := "ApiGatewayMethod" + pathID(path) + "Options"
	c.add(id, x.key, template.M("Type", "AWS::ApiGateway::Method", "Properties", template.M("AuthorizationType", "NONE", "HttpMethod", "OPTIONS",
		"MethodResponses", template.L(template.M("StatusCode", "200", "ResponseParameters", shown, "ResponseModels", template.M())), "RequestParameters", template.M(),
		"Integration", template.M("Type", "MOCK", "RequestTemplates", template.M("application/json", "{statusCode:200}"), "ContentHandling", "CONVERT_TO_TEXT",
			"IntegrationResponses", template.L(template.M("StatusCode", "200", "ResponseParameters", params, "ResponseTemplates", template.M("application/json", "")))),
		"ResourceId", resource, "RestApiId", api)))
	c.rest.deps = append(c.rest.deps, id)
}

// unsorted takes out headers named twice, keeping the Framework's order for the default ones.
func unsorted(headers []string) []string {
	var out []string
	for _, h := range append(slices.Clone(defaultHeaders), headers...) {
		if slices.Contains(headers, h) && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

func (c *compiler) writeMethod(m *restMethod, api, resource *template.Node) {
	id := "ApiGatewayMethod" + pathID(m.path) + upperFirst(strings.ToLower(m.method))
	props := template.M("HttpMethod", m.method, "RequestParameters", c.requestParameters(m), "ResourceId", resource, "RestApiId", api, "ApiKeyRequired", false, "AuthorizationType", "NONE",
		"Integration", template.M("IntegrationHttpMethod", "POST", "Type", "AWS_PROXY", "TimeoutInMillis", m.n.Get("timeoutInMillis"), "Uri", invocation(m.f.arn)), "MethodResponses", template.L())
	deps := template.L(m.f.id + "LambdaPermissionApiGateway")
	if auth := m.n.Get("authorizer"); auth != nil {
		if a := c.restAuthorizer(m.f, auth, api); a != "" {
			props.Set("AuthorizationType", template.Str("CUSTOM"))
			props.Set("AuthorizerId", template.Ref(a))
			deps.Items = append(deps.Items, template.Str(a))
		}
	}
	c.requestSchemas(m, props, api)
	c.add(id, m.key, template.M("Type", "AWS::ApiGateway::Method", "Properties", props, "DependsOn", deps))
	c.rest.deps = append(c.rest.deps, id)
}

// invocation is the address by which API Gateway calls a function.
func invocation(arn *template.Node) *template.Node {
	return joined("arn:", template.Ref("AWS::Partition"), ":apigateway:", template.Ref("AWS::Region"), ":lambda:path/2015-03-31/functions/", arn, "/invocations")
}

// requestParameters says which parameters a request must have.
func (c *compiler) requestParameters(m *restMethod) *template.Node {
	out := template.M()
	req := m.n.Get("request")
	c.keys("http.request", req, []string{"parameters", "schemas", "schema"}, nil, map[string]string{"template": "mapping templates are not here", "passThrough": "mapping templates are not here", "uri": "only functions are integrated"})
	kinds := map[string]string{"paths": "path", "querystrings": "querystring", "headers": "header"}
	if params := req.Get("parameters"); params != nil {
		for _, k := range params.Entries {
			kind := kinds[k.Key.Value]
			if kind == "" {
				c.fail(k.Key, "", "unrecognized kind of request parameter", "use paths, querystrings or headers")
			}
			for _, p := range k.Val.Entries {
				required := p.Val.Text() != "false"
				if r := p.Val.Get("required"); r != nil {
					required = r.Text() == "true"
				}
				out.Set("method.request."+kind+"."+p.Key.Value, template.Boolean(required))
			}
		}
	}
	return out
}

// requestSchemas makes models of a request's schemas, and a validator.
func (c *compiler) requestSchemas(m *restMethod, props, api *template.Node) {
	schemas := orNode(m.n.At("request", "schemas"), m.n.At("request", "schema"))
	required := slices.ContainsFunc(props.Get("RequestParameters").Entries, func(e template.Entry) bool { return e.Val.Text() == "true" })
	if schemas == nil && !required {
		return
	}
	validator := "ApiGateway" + alnum(c.service) + "RequestValidator"
	c.add(validator, m.key, template.M("Type", "AWS::ApiGateway::RequestValidator", "Properties", template.M("RestApiId", api, "ValidateRequestBody", true, "ValidateRequestParameters", true, "Name", c.service+"-"+c.stage+" | Validate request body and querystring parameters")))
	props.Set("RequestValidatorId", template.Ref(validator))
	if schemas == nil {
		return
	}
	models := template.M()
	for _, e := range schemas.Entries {
		schema, name := e.Val, (*template.Node)(nil)
		id := "ApiGatewayMethod" + pathID(m.path) + upperFirst(strings.ToLower(m.method)) + alnum(upperFirst(strings.Map(alphaWords, e.Key.Value))) + "Model"
		if s := e.Val.Get("schema"); s != nil {
			schema, name = s, e.Val.Get("name")
		} else if shared := c.provider.At("apiGateway", "request", "schemas", e.Val.Text()); e.Val.IsScalar() && shared != nil {
			id, schema, name = "ApiGateway"+alnum(e.Val.Text())+"Model", orNode(shared.Get("schema"), shared), shared.Get("name")
		}
		if schema.Kind != template.Map {
			c.fail(e.Val, "", "a request's schema is a JSON schema, or the name of one under provider.apiGateway.request.schemas", "write the schema, or ${file(schema.json)}")
			continue
		}
		c.add(id, e.Key, template.M("Type", "AWS::ApiGateway::Model", "Properties", template.M("RestApiId", api, "ContentType", e.Key.Value, "Schema", schema, "Name", name)))
		models.Set(e.Key.Value, template.Ref(id))
	}
	props.Set("RequestModels", models)
}

// alphaWords keeps what may stand in a logical id.
func alphaWords(r rune) rune {
	if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return r
	}
	return -1
}

// restAuthorizer makes a Lambda authorizer: a function of the service, or an ARN.
func (c *compiler) restAuthorizer(f *function, n, api *template.Node) string {
	name, arn := n.Text(), (*template.Node)(nil)
	if n.Kind == template.Map {
		c.keys("http.authorizer", n, []string{"name", "arn", "type", "resultTtlInSeconds", "identitySource", "identityValidationExpression", "managedExternally"}, nil, map[string]string{"scopes": "scopes belong to Cognito, which is not here", "claims": "claims belong to Cognito, which is not here", "authorizerId": "authorizers of other stacks are not used here"})
		name, arn = n.Get("name").Text(), n.Get("arn")
		if name == "" && arn.IsScalar() {
			name = lastName(arn)
		}
	}
	typ := strings.ToUpper(n.Get("type").Text())
	if strings.EqualFold(name, "aws_iam") || typ == "AWS_IAM" || typ == "COGNITO_USER_POOLS" || strings.Contains(arn.Text(), ":cognito-idp:") {
		c.fail(n, "", "only Lambda authorizers are served here", "name a function")
		return ""
	}
	if arn == nil {
		if c.doc.At("functions", name) == nil {
			c.fail(n, name, "no function of this service has this name", "name a function, or give its arn")
			return ""
		}
		arn = template.GetAtt(functionID(name)+"LambdaFunction", "Arn")
	}
	if typ == "" {
		typ = "TOKEN"
	}
	ttl := orNode(n.Get("resultTtlInSeconds"), template.Int(300))
	source := orNode(n.Get("identitySource"), template.Str("method.request.header.Authorization"))
	id := functionID(name) + "ApiGatewayAuthorizer"
	c.add(id, n, template.M("Type", "AWS::ApiGateway::Authorizer", "Properties", template.M("AuthorizerResultTtlInSeconds", ttl, "IdentitySource", source, "IdentityValidationExpression", n.Get("identityValidationExpression"),
		"Name", name, "RestApiId", api, "AuthorizerUri", invocation(arn), "Type", typ)))
	c.add(functionID(name)+"LambdaPermissionApiGateway", n, template.M("Type", "AWS::Lambda::Permission", "Properties", template.M("FunctionName", arn, "Action", "lambda:InvokeFunction", "Principal", "apigateway.amazonaws.com",
		"SourceArn", joined("arn:", template.Ref("AWS::Partition"), ":execute-api:", template.Ref("AWS::Region"), ":", template.Ref("AWS::AccountId"), ":", api, "/*/*"))))
	return id
}

// writeDeployment deploys the API to the stage. Its id follows the API's content, where the
// Framework takes the time: the same service twice is no change.
func (c *compiler) writeDeployment(api *template.Node) {
	var content []byte
	deps := template.L()
	for _, e := range c.resources.Entries {
		if strings.HasPrefix(e.Val.Get("Type").Text(), "AWS::ApiGateway::") {
			content = append(content, e.Key.Value...)
			content = append(content, e.Val.Canonical()...)
		}
	}
	for _, d := range c.rest.deps {
		deps.Items = append(deps.Items, template.Str(d))
	}
	c.add("ApiGatewayDeployment"+hash(content)[:13], c.provider, template.M("Type", "AWS::ApiGateway::Deployment", "Properties", template.M("RestApiId", api, "StageName", c.stage), "DependsOn", deps))
}
