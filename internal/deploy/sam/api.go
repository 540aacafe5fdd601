package sam

import (
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/deploy/template"
)

const anyMethod = "x-amazon-apigateway-any-method"

// api is a REST or HTTP API that routes are gathered for.
type api struct {
	id       string
	src, key *template.Node
	props    *template.Node
	paths    *template.Node
	v2       bool
	implicit bool
	body     *template.Node // the author's own document, if there is one

	conditions map[*template.Node]string // of operations that functions with a condition have added
	routes     []string                  // the condition, or "", of each of them
	validators *template.Node            // request validators that routes name
	tags       *template.Node            // of functions that propagate theirs to the implicit API
}

// openAPI is the version of the document.
func (a *api) openAPI(t *transformer) string {
	if v := t.value(a.props.Get("OpenApiVersion")).Text(); v != "" && a.body == nil {
		return v
	}
	if a.body != nil && a.body.Get("openapi") != nil {
		return a.body.Get("openapi").Text()
	}
	return "2.0"
}

func (t *transformer) register(a *api) {
	a.conditions = map[*template.Node]string{}
	t.apis = append(t.apis, a)
	if a.v2 {
		t.http[a.id] = a
	} else {
		t.rest[a.id] = a
	}
	if body := a.props.Get("DefinitionBody"); body != nil && body.Kind == template.Map {
		if fn, _ := body.Function(); fn != "" {
			t.fail(body, "", "a document from a function or an include is not transformed here", "write the document into DefinitionBody")
			return
		}
		a.body = body
		if a.paths = body.Get("paths"); a.paths == nil {
			a.paths = template.M()
			body.Set("paths", a.paths)
		}
	}
}

// stageText is the part of generated ids that names the stage.
func (a *api) stageText(t *transformer) string {
	if a.implicit {
		return "Prod"
	}
	v := t.value(a.props.Get("StageName"))
	if !v.IsScalar() {
		return "Stage"
	}
	return alnum(v.Text())
}

func alnum(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, s)
}

// apiOf finds the API of an event, or makes the implicit one.
func (t *transformer) apiOf(all map[string]*api, implicit string, ref, key *template.Node, f *function) *api {
	id := implicit
	if ref != nil {
		fn, arg := ref.Function()
		id = arg.Text()
		if fn == "" {
			id = ref.Text()
		}
		if all[id] == nil {
			t.fail(ref, "", "Resource with id ["+f.id+"] is invalid. Event with id ["+key.Value+"] is invalid. RestApiId property of Api event must reference a valid resource in the same template.", "write !Ref of an AWS::Serverless API")
			return nil
		}
		return all[id]
	}
	if all[id] == nil {
		kind := "Api"
		if implicit == "ServerlessHttpApi" {
			kind = "HttpApi"
		}
		props := template.M()
		if g := t.g[kind]; g != nil {
			props = g.Clone()
		}
		t.register(&api{id: id, src: template.M().Place(key.Pos), key: key, props: props, paths: template.M(), v2: kind == "HttpApi", implicit: true})
	}
	return all[id]
}

// addRoute puts an operation into an API's document. Two functions on one route are an error.
func (t *transformer) addRoute(a *api, key *template.Node, path, method string, op *template.Node) {
	item := a.paths.Get(path)
	if item == nil {
		item = template.M()
		a.paths.Set(path, item)
	}
	if old := item.Get(method); old != nil && old.Get("x-amazon-apigateway-integration") != nil {
		t.fail(key, "", "API method \""+strings.ToLower(method)+"\" defined multiple times for path \""+path+"\".", "keep one of the events")
		return
	}
	item.Set(method, op.Place(key.Pos))
}

var apiProps = []string{"Name", "StageName", "DefinitionBody", "Description", "Cors", "Auth", "BinaryMediaTypes", "EndpointConfiguration", "Variables", "MethodSettings", "AccessLogSetting", "TracingEnabled",
	"OpenApiVersion", "Models", "GatewayResponses", "MinimumCompressionSize", "Tags", "Mode", "DisableExecuteApiEndpoint", "ApiKeySourceType", "FailOnWarnings", "AlwaysDeploy", "PropagateTags"}

var refusedAPIProps = map[string]string{
	"DefinitionUri": "documents are not fetched from a bucket here: write them into DefinitionBody", "Domain": "custom domains are not served here", "CanarySetting": "canary stages are not served here",
	"CacheClusterEnabled": "responses are not cached here", "CacheClusterSize": "responses are not cached here", "MergeDefinitions": "definitions are not merged here", "SecurityPolicy": "TLS is set by the platform's own options here",
	"CorsConfiguration": "this is an HttpApi's property; a REST API has Cors", "EndpointAccessMode": "endpoints have no access modes here", "Policy": "use Auth.ResourcePolicy on AWS; here policies of APIs are not checked",
}

// document is the OpenAPI document of an API.
func (a *api) document(version string) *template.Node {
	if a.body != nil {
		return a.body
	}
	title := template.Ref("AWS::StackName")
	if n := a.props.Get("Name"); n != nil && !a.implicit {
		title = n
	}
	doc := template.M()
	if version == "2.0" {
		doc.Set("swagger", template.Str("2.0"))
	} else {
		doc.Set("openapi", template.Str(version))
	}
	doc.Set("info", template.M("version", "1.0", "title", title))
	doc.Set("paths", a.paths)
	return doc
}

func (t *transformer) writeREST(a *api) {
	t.known(a.id, a.props, apiProps, refusedAPIProps)
	if !a.implicit && a.props.Get("StageName") == nil {
		t.fail(a.key, "", "Resource with id ["+a.id+"] is invalid. Missing required property 'StageName'.", "add StageName")
		return
	}
	open := t.value(a.props.Get("OpenApiVersion"))
	t.cors(a)
	doc := a.document(a.openAPI(t))
	t.authorizers(a, doc)
	t.models(a, doc)
	t.gatewayResponses(a, doc)
	t.resourcePolicy(a, doc)
	if a.validators != nil {
		doc.Set("x-amazon-apigateway-request-validators", merged(doc.Get("x-amazon-apigateway-request-validators"), a.validators))
	}
	a.settle(t)
	p := a.props
	if a.tags != nil {
		p.Set("Tags", merged(a.tags, p.Get("Tags")))
	}
	props := template.M("Name", p.Get("Name"), "Description", p.Get("Description"), "Body", doc, "BinaryMediaTypes", binaryTypes(p.Get("BinaryMediaTypes")), "MinimumCompressionSize", p.Get("MinimumCompressionSize"),
		"Mode", p.Get("Mode"), "DisableExecuteApiEndpoint", p.Get("DisableExecuteApiEndpoint"), "ApiKeySourceType", p.Get("ApiKeySourceType"), "FailOnWarnings", p.Get("FailOnWarnings"), "Tags", tagList(p.Get("Tags"), false))
	if e := p.Get("EndpointConfiguration"); e.IsScalar() {
		props.Set("EndpointConfiguration", template.M("Types", template.L(e)))
		props.Set("Parameters", template.M("endpointConfigurationTypes", e))
	} else if e != nil {
		props.Set("EndpointConfiguration", template.M("Types", template.L(e.Get("Type")), "VpcEndpointIds", e.Get("VPCEndpointIds")))
		if typ := e.Get("Type"); typ != nil {
			props.Set("Parameters", template.M("endpointConfigurationTypes", typ))
		}
	}
	t.add(a.id, a.src, resource("AWS::ApiGateway::RestApi", a.src, props))
	sum := hash(doc.Canonical())
	deployment := a.id + "Deployment" + sum[:10]
	dep := template.M("RestApiId", template.Ref(a.id), "Description", "RestApi deployment id: "+sum[:40])
	if open == nil {
		dep.Set("StageName", template.Str("Stage"))
	}
	t.add(deployment, a.src, child("AWS::ApiGateway::Deployment", a.src, dep))
	stageName := p.Get("StageName")
	if a.implicit {
		stageName = template.Str("Prod")
	}
	stage := a.id + a.stageText(t) + "Stage"
	if a.stageText(t) == "Stage" {
		stage = a.id + "Stage"
	}
	t.add(stage, a.src, child("AWS::ApiGateway::Stage", a.src, template.M("RestApiId", template.Ref(a.id), "DeploymentId", template.Ref(deployment), "StageName", stageName, "Variables", p.Get("Variables"),
		"MethodSettings", p.Get("MethodSettings"), "AccessLogSetting", p.Get("AccessLogSetting"), "TracingEnabled", p.Get("TracingEnabled"), "Tags", tagList(p.Get("Tags"), false))))
	t.ids[a.id+".Stage"], t.ids[a.id+".Deployment"] = stage, deployment
}

// binaryTypes undoes SAM's spelling of / as ~1.
func binaryTypes(list *template.Node) *template.Node {
	if list == nil {
		return nil
	}
	out := template.L()
	for _, it := range list.Items {
		if it.IsScalar() {
			it = template.Str(strings.ReplaceAll(it.Text(), "~1", "/"))
		}
		out.Items = append(out.Items, it)
	}
	return out
}

func (t *transformer) models(a *api, doc *template.Node) {
	if given := a.props.Get("Models"); given != nil {
		m := template.M() // SAM writes names in small letters
		for _, e := range given.Entries {
			m.Set(strings.ToLower(e.Key.Value), e.Val)
		}
		if doc.Get("swagger") != nil {
			doc.Set("definitions", m)
		} else {
			doc.Set("components", merged(doc.Get("components"), template.M("schemas", m)))
		}
	}
}

// gatewayResponses writes SAM's form of gateway responses into the document.
func (t *transformer) gatewayResponses(a *api, doc *template.Node) {
	g := a.props.Get("GatewayResponses")
	if g == nil {
		return
	}
	out := template.M()
	for _, e := range g.Entries {
		r := template.M("statusCode", e.Val.Get("StatusCode"), "responseTemplates", e.Val.Get("ResponseTemplates"))
		params := template.M()
		if src := e.Val.Get("ResponseParameters"); src != nil {
			for _, where := range src.Entries {
				prefix := map[string]string{"Headers": "gatewayresponse.header.", "Paths": "gatewayresponse.path.", "QueryStrings": "gatewayresponse.querystring."}[where.Key.Value]
				if prefix == "" {
					t.fail(where.Key, "", "Resource with id ["+a.id+"] is invalid. Invalid gateway response parameter '"+where.Key.Value+"'", "use Headers, Paths or QueryStrings")
				}
				for _, p := range where.Val.Entries {
					params.Set(prefix+p.Key.Value, p.Val)
				}
			}
			r.Set("responseParameters", params)
		}
		out.Set(e.Key.Value, r)
	}
	doc.Set("x-amazon-apigateway-gateway-responses", out)
}

// resourcePolicy writes the statements of a policy of the author's own into the document.
func (t *transformer) resourcePolicy(a *api, doc *template.Node) {
	rp := a.props.At("Auth", "ResourcePolicy")
	if rp == nil {
		return
	}
	for _, e := range rp.Entries {
		if e.Key.Value != "CustomStatements" {
			t.fail(e.Key, "", "lists of addresses, accounts and VPCs are not made into a policy here", "write CustomStatements")
		}
	}
	list := rp.Get("CustomStatements")
	if list != nil && list.Kind != template.List {
		list = template.L(list)
	}
	if list != nil {
		doc.Set("x-amazon-apigateway-policy", template.M("Version", "2012-10-17", "Statement", list))
	}
}

var httpAPIProps = []string{"Name", "StageName", "DefinitionBody", "Description", "CorsConfiguration", "Auth", "AccessLogSettings", "DefaultRouteSettings", "RouteSettings", "StageVariables", "Tags",
	"DisableExecuteApiEndpoint", "FailOnWarnings", "PropagateTags"}

func (t *transformer) writeHTTP(a *api) {
	t.known(a.id, a.props, httpAPIProps, map[string]string{"DefinitionUri": refusedAPIProps["DefinitionUri"], "Domain": refusedAPIProps["Domain"], "Cors": "this is an Api's property; an HttpApi has CorsConfiguration"})
	doc := a.document("3.0.1")
	list := template.L()
	if own := a.props.Get("Tags"); own != nil {
		for _, e := range own.Entries {
			list.Items = append(list.Items, template.M("name", e.Key.Value, "x-amazon-apigateway-tag-value", e.Val))
		}
	}
	doc.Set("tags", template.L(append(anys(list.Items), template.M("name", "httpapi:createdBy", "x-amazon-apigateway-tag-value", "SAM"))...))
	t.authorizers(a, doc)
	a.settle(t)
	if c := httpCors(a.props.Get("CorsConfiguration")); c != nil {
		doc.Set("x-amazon-apigateway-cors", c)
	}
	p := a.props
	props := template.M("Body", doc, "Description", p.Get("Description"), "DisableExecuteApiEndpoint", p.Get("DisableExecuteApiEndpoint"), "FailOnWarnings", p.Get("FailOnWarnings"))
	t.add(a.id, a.src, resource("AWS::ApiGatewayV2::Api", a.src, props))
	name, stage := p.Get("StageName"), a.id+"ApiGatewayDefaultStage"
	if name == nil || a.implicit {
		name = template.Str("$default")
	} else if text := t.value(name); text.IsScalar() && text.Text() != "$default" {
		stage = a.id + alnum(text.Text()) + "Stage"
	} else if text.Text() != "$default" {
		stage = a.id + "Stage"
	}
	tags := template.M("httpapi:createdBy", "SAM")
	if own := p.Get("Tags"); own != nil {
		for _, e := range own.Entries {
			tags.Set(e.Key.Value, e.Val)
		}
	}
	t.add(stage, a.src, child("AWS::ApiGatewayV2::Stage", a.src, template.M("ApiId", template.Ref(a.id), "StageName", name, "AutoDeploy", true, "Tags", tags, "StageVariables", p.Get("StageVariables"),
		"AccessLogSettings", p.Get("AccessLogSettings"), "DefaultRouteSettings", p.Get("DefaultRouteSettings"), "RouteSettings", p.Get("RouteSettings"))))
	t.ids[a.id+".Stage"] = stage
}

func anys(nodes []*template.Node) []any {
	out := make([]any, len(nodes))
	for i, n := range nodes {
		out[i] = n
	}
	return out
}

// httpCors is the document's form of CorsConfiguration; true allows every origin.
func httpCors(c *template.Node) *template.Node {
	if c == nil || c.Text() == "false" {
		return nil
	}
	if c.Text() == "true" {
		return template.M("allowOrigins", template.L("*"))
	}
	out := template.M()
	for _, e := range c.Entries {
		name := e.Key.Value
		out.Set(strings.ToLower(name[:1])+name[1:], e.Val)
	}
	return out
}

// restMethods is what a browser may use on a route that takes any method.
const restMethods = "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"

// cors adds an OPTIONS method, answered by a mock, to every path.
func (t *transformer) cors(a *api) {
	c := a.props.Get("Cors")
	if c == nil {
		return
	}
	origin, headers, methods, maxAge, credentials := c, (*template.Node)(nil), (*template.Node)(nil), (*template.Node)(nil), (*template.Node)(nil)
	if fn, _ := c.Function(); c.Kind == template.Map && fn == "" {
		origin, headers, methods, maxAge, credentials = c.Get("AllowOrigin"), c.Get("AllowHeaders"), c.Get("AllowMethods"), c.Get("MaxAge"), c.Get("AllowCredentials")
		if origin == nil {
			t.fail(c, "", "Resource with id ["+a.id+"] is invalid. Cors Properties must contain AllowOrigin.", "add AllowOrigin: \"'*'\"")
			return
		}
	}
	if credentials.Text() == "true" && (origin == nil || origin.Text() == "'*'") {
		t.fail(c, "", "Resource with id ["+a.id+"] is invalid. Unable to add Cors configuration because 'AllowCredentials' can not be true when 'AllowOrigin' is \"'*'\" or not set", "name the origin")
		return
	}
	v3 := strings.HasPrefix(a.openAPI(t), "3")
	for _, path := range a.paths.Entries {
		item := path.Val
		if item.Kind != template.Map || item.Get("options") != nil {
			continue
		}
		allowed := methods
		if allowed == nil {
			allowed = template.Str("'" + methodsOf(item) + "'")
		}
		params, shown := template.M(), template.M()
		set := func(name string, v *template.Node) {
			if v != nil {
				params.Set("method.response.header."+name, v)
				shown.Set(name, headerType(v3))
			}
		}
		set("Access-Control-Allow-Headers", headers)
		set("Access-Control-Allow-Methods", allowed)
		set("Access-Control-Allow-Origin", origin)
		set("Access-Control-Max-Age", maxAge)
		if credentials.Text() == "true" {
			set("Access-Control-Allow-Credentials", template.Str("'true'"))
		}
		op := template.M("summary", "CORS support")
		if !v3 {
			op = template.M("summary", "CORS support", "consumes", template.L("application/json"), "produces", template.L("application/json"))
		}
		item.Set("options", merged(op, template.M("x-amazon-apigateway-integration", template.M("type", "mock", "requestTemplates", template.M("application/json", "{\n  \"statusCode\" : 200\n}\n"),
			"responses", template.M("default", template.M("statusCode", "200", "responseParameters", params, "responseTemplates", template.M("application/json", "{}\n")))),
			"responses", template.M("200", template.M("description", "Default response for CORS method", "headers", shown)))))
	}
}

// headerType declares a header of a response.
func headerType(v3 bool) *template.Node {
	if v3 {
		return template.M("schema", template.M("type", "string"))
	}
	return template.M("type", "string")
}

// methodsOf lists the methods of a path for the CORS header.
func methodsOf(item *template.Node) string {
	keys := item.Keys()
	if slices.Contains(keys, anyMethod) {
		return restMethods
	}
	list := []string{"OPTIONS"}
	for _, k := range keys {
		list = append(list, strings.ToUpper(k))
	}
	slices.Sort(list)
	return strings.Join(list, ",")
}
