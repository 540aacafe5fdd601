package sam

import (
	"strings"

	"github.com/leatdev/leat/internal/deploy/template"
)

// route is the path and method of an API event, as an OpenAPI document has them.
func (f *function) route(key, props *template.Node) (path, method string, ok bool) {
	p, m := f.t.value(props.Get("Path")), f.t.value(props.Get("Method"))
	if p.Text() == "" || m.Text() == "" {
		f.t.fail(key, "", "Resource with id ["+f.id+"] is invalid. Event with id ["+key.Value+"] is invalid. Event is missing Path or Method.", "add both")
		return "", "", false
	}
	method = strings.ToLower(m.Text())
	if method == "any" || method == "*" {
		method = anyMethod
	}
	return p.Text(), method, true
}

// invokePath is the part of an ARN that stands for a route: path parameters are stars.
func invokePath(path, method string) string {
	verb := strings.ToUpper(method)
	if method == anyMethod {
		verb = "*"
	}
	var b strings.Builder
	depth := 0
	for _, c := range path {
		switch {
		case c == '{':
			depth++
			b.WriteByte('*')
		case c == '}':
			depth--
		case depth == 0:
			b.WriteRune(c)
		}
	}
	return verb + b.String()
}

func (f *function) restEvent(id string, key, props *template.Node) {
	f.t.known(f.id, props, []string{"Path", "Method", "RestApiId", "Auth", "TimeoutInMillis", "RequestModel", "RequestParameters"}, map[string]string{"ResponseTransferMode": "responses are not streamed here"})
	path, method, ok := f.route(key, props)
	if !ok {
		return
	}
	a := f.t.apiOf(f.t.rest, "ServerlessRestApi", props.Get("RestApiId"), key, f)
	if a == nil {
		return
	}
	op := template.M("x-amazon-apigateway-integration", template.M("type", "aws_proxy", "httpMethod", "POST", "timeoutInMillis", props.Get("TimeoutInMillis"),
		"uri", template.Sub("arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${"+f.uri+"}/invocations")), "responses", template.M())
	f.requestModel(a, props, op)
	f.requestParameters(a, props, op)
	f.t.addRoute(a, key, path, method, op)
	a.when(op, f.src)
	f.t.authorize(a, op, props.Get("Auth"), method)
	stage := a.stageText(f.t)
	f.permission(id+"Permission"+stage, key, "apigateway.amazonaws.com", "SourceArn", template.M("Fn::Sub", template.L(
		"arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/${__Stage__}/"+invokePath(path, method),
		template.M("__ApiId__", template.Ref(a.id), "__Stage__", "*"))))
}

func (f *function) httpEvent(id string, key, props *template.Node) {
	f.t.known(f.id, props, []string{"Path", "Method", "ApiId", "Auth", "TimeoutInMillis", "PayloadFormatVersion", "RouteSettings"}, nil)
	path, method := "$default", anyMethod
	if props.Get("Path") != nil || props.Get("Method") != nil {
		var ok bool
		if path, method, ok = f.route(key, props); !ok {
			return
		}
	}
	a := f.t.apiOf(f.t.http, "ServerlessHttpApi", props.Get("ApiId"), key, f)
	if a == nil {
		return
	}
	format := props.Get("PayloadFormatVersion")
	if format == nil {
		format = template.Str("2.0")
	}
	op := template.M("x-amazon-apigateway-integration", template.M("type", "aws_proxy", "httpMethod", "POST", "timeoutInMillis", props.Get("TimeoutInMillis"),
		"uri", template.Sub("arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${"+f.uri+"}/invocations"), "payloadFormatVersion", format))
	arnPath := invokePath(path, method)
	if path == "$default" {
		op.Set("isDefaultRoute", template.Boolean(true))
		arnPath = "*"
	}
	op.Set("responses", template.M())
	f.t.addRoute(a, key, path, method, op)
	a.when(op, f.src)
	if rs := props.Get("RouteSettings"); rs != nil {
		a.routeSettings(path, method, rs)
	}
	f.t.authorize(a, op, props.Get("Auth"), method)
	f.permission(id+"Permission", key, "apigateway.amazonaws.com", "SourceArn", template.M("Fn::Sub", template.L(
		"arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/${__Stage__}/"+arnPath, template.M("__ApiId__", template.Ref(a.id), "__Stage__", "*"))))
}

// requestModel validates the body of a route against one of the API's models.
func (f *function) requestModel(a *api, props, op *template.Node) {
	rm := props.Get("RequestModel")
	if rm == nil {
		return
	}
	model := rm.Get("Model")
	if a.props.At("Models", model.Text()) == nil {
		f.t.fail(rm, model.Text(), "Unable to set RequestModel ["+model.Text()+"] on API method because it wasn't defined in the API's Models.", "define it under Models of the AWS::Serverless::Api")
		return
	}
	name := strings.ToLower(model.Text())
	required := rm.Get("Required").Text() == "true"
	if a.openAPI(f.t) == "2.0" {
		op.Set("parameters", template.L(template.M("in", "body", "name", name, "required", required, "schema", template.M("$ref", "#/definitions/"+name))))
	} else {
		op.Set("requestBody", template.M("content", template.M("application/json", template.M("schema", template.M("$ref", "#/components/schemas/"+name))), "required", required))
	}
	body, params := rm.Get("ValidateBody"), rm.Get("ValidateParameters")
	if body == nil && params == nil {
		return
	}
	for _, v := range []*template.Node{body, params} {
		if v != nil && v.Kind != template.Bool {
			f.t.fail(v, "", "Unable to set Validator to RequestModel ["+model.Text()+"] on API method because ValidateBody and ValidateParameters must be a boolean type, strings or intrinsics are not supported.", "write true or false")
		}
	}
	a.validator(op, body.Text() == "true", params.Text() == "true")
}

// validator names the validator of a route, and defines it in the document.
func (a *api) validator(op *template.Node, body, params bool) {
	name := "no-validation"
	switch {
	case body && params:
		name = "body-and-params"
	case body:
		name = "body-only"
	case params:
		name = "params-only"
	}
	op.Set("x-amazon-apigateway-request-validator", template.Str(name))
	if a.validators == nil {
		a.validators = template.M()
	}
	a.validators.Set(name, template.M("validateRequestBody", body, "validateRequestParameters", params))
}

// places are where a request parameter may stand, in OpenAPI's words.
var places = map[string]string{"querystring": "query", "path": "path", "header": "header"}

// requestParameters declares the parameters of a route.
func (f *function) requestParameters(a *api, props, op *template.Node) {
	list := props.Get("RequestParameters")
	if list == nil {
		return
	}
	out := op.Get("parameters")
	if out == nil {
		out = template.L()
	}
	for _, it := range list.Items {
		name, settings := it.Text(), template.M()
		if it.Kind == template.Map && len(it.Entries) == 1 {
			name, settings = it.Entries[0].Key.Value, it.Entries[0].Val
		}
		parts := strings.SplitN(name, ".", 4)
		if len(parts) != 4 || parts[0] != "method" || parts[1] != "request" || places[parts[2]] == "" {
			f.t.fail(it, name, "Invalid value for 'RequestParameters' property. Keys must be in the format 'method.request.[querystring|path|header].{value}', e.g 'method.request.header.Authorization'.", "correct the name")
			continue
		}
		if settings.Get("Caching").Text() == "true" {
			f.t.fail(settings.Get("Caching"), "Caching", "responses are not cached here", "remove it")
		}
		p := template.M("in", places[parts[2]], "name", parts[3], "required", parts[2] == "path" || settings.Get("Required").Text() == "true")
		if a.openAPI(f.t) == "2.0" {
			p.Set("type", template.Str("string"))
		} else {
			p.Set("schema", template.M("type", "string"))
		}
		out.Items = append(out.Items, p)
	}
	op.Set("parameters", out)
}

// when notes that a route is there only if its function's condition holds.
func (a *api) when(op, src *template.Node) {
	c := src.Get("Condition").Text()
	if c != "" {
		a.conditions[op] = c
	}
	a.routes = append(a.routes, c)
}

// routeSettings gives the stage settings for one route.
func (a *api) routeSettings(path, method string, settings *template.Node) {
	name := path
	if path != "$default" {
		verb := strings.ToUpper(method)
		if method == anyMethod {
			verb = "ANY"
		}
		name = verb + " " + path
	}
	all := a.props.Get("RouteSettings")
	if all == nil {
		all = template.M()
	}
	all = all.Clone()
	all.Set(name, merged(all.Get(name), settings))
	a.props.Set("RouteSettings", all)
}

// settle puts routes under their functions' conditions; an API that is there for them alone depends on the same.
// It comes last: what looks into routes must see them.
func (a *api) settle(t *transformer) {
	for _, path := range a.paths.Entries {
		for i, m := range path.Val.Entries {
			if c := a.conditions[m.Val]; c != "" {
				path.Val.Entries[i].Val = onlyIf(c, m.Val)
			}
		}
	}
	if !a.implicit {
		return
	}
	names := template.L()
	seen := map[string]bool{}
	for _, c := range a.routes {
		if c == "" {
			return
		}
		if !seen[c] {
			seen[c] = true
			names.Items = append(names.Items, template.M("Condition", c))
		}
	}
	if len(names.Items) == 1 {
		a.src.Set("Condition", template.Str(a.routes[0]))
		return
	}
	id := a.id + "Condition"
	if all := t.root.Get("Conditions"); all != nil {
		all.Set(id, anyOf(names.Items))
		a.src.Set("Condition", template.Str(id))
	}
}

// maxOr is how many conditions Fn::Or takes.
const maxOr = 10

// anyOf joins conditions, in as many steps as it takes.
func anyOf(list []*template.Node) *template.Node {
	for len(list) > maxOr {
		var next []*template.Node
		for len(list) > 1 {
			n := min(maxOr, len(list))
			next = append(next, template.M("Fn::Or", append([]*template.Node(nil), list[:n]...)))
			list = list[n:]
		}
		list = append(next, list...)
	}
	return template.M("Fn::Or", list)
}

func onlyIf(condition string, n *template.Node) *template.Node {
	return template.M("Fn::If", template.L(condition, n, template.Ref("AWS::NoValue")))
}

// conditional puts a part of another resource under the function's condition.
func (f *function) conditional(n *template.Node) *template.Node {
	if c := f.src.Get("Condition").Text(); c != "" {
		return onlyIf(c, n)
	}
	return n
}
