package sam

import (
	"slices"

	"github.com/leatdev/leat/internal/deploy/template"
)

// authorize names the authorizer of a route: the event's own, or the API's
// default; NONE switches it off.
func (t *transformer) authorize(a *api, op, auth *template.Node, method string) {
	if auth != nil {
		for _, e := range auth.Entries {
			if !slices.Contains([]string{"Authorizer", "OverrideApiAuth", "InvokeRole"}, e.Key.Value) {
				t.fail(e.Key, "", "this way of protecting a route is not served here", "use a Lambda authorizer")
			}
		}
	}
	name := auth.Get("Authorizer").Text()
	if name == "" {
		name = a.props.At("Auth", "DefaultAuthorizer").Text()
	}
	if name == "" || name == "NONE" || method == "options" {
		return
	}
	if name == "AWS_IAM" {
		t.fail(auth, "AWS_IAM", "routes are not protected by IAM here", "use a Lambda authorizer")
		return
	}
	if a.props.At("Auth", "Authorizers", name) == nil {
		at := auth
		if at == nil {
			at = a.props.At("Auth", "DefaultAuthorizer")
		}
		t.fail(at, name, "Unable to set Authorizer ["+name+"] on API method because it wasn't defined in the API's Authorizers.", "define it under Auth.Authorizers")
		return
	}
	op.Set("security", template.L(template.M(name, template.L())))
}

// authorizers writes an API's Lambda authorizers into its document, and lets
// API Gateway call them.
func (t *transformer) authorizers(a *api, doc *template.Node) {
	auth := a.props.Get("Auth")
	if auth == nil {
		return
	}
	for _, e := range auth.Entries {
		if !slices.Contains([]string{"DefaultAuthorizer", "Authorizers", "AddDefaultAuthorizerToCorsPreflight", "AddApiKeyRequiredToCorsPreflight", "EnableIamAuthorizer", "ResourcePolicy"}, e.Key.Value) || e.Key.Value == "EnableIamAuthorizer" && e.Val.Text() == "true" || e.Key.Value == "ResourcePolicy" && a.v2 {
			t.fail(e.Key, "", "this way of protecting an API is not served here", "use Lambda authorizers")
		}
	}
	list := auth.Get("Authorizers")
	if list == nil {
		return
	}
	defs := template.M()
	for _, e := range list.Entries {
		if e.Val.Get("FunctionArn") == nil {
			t.fail(e.Key, "", "only Lambda authorizers are served here", "give FunctionArn")
			continue
		}
		defs.Set(e.Key.Value, t.authorizer(a, e))
		if !mayCall(a, e.Val) {
			continue
		}
		t.add(a.id+e.Key.Value+"AuthorizerPermission", a.src, child("AWS::Lambda::Permission", a.src, template.M("Action", "lambda:InvokeFunction", "FunctionName", e.Val.Get("FunctionArn"),
			"Principal", "apigateway.amazonaws.com", "SourceArn", template.M("Fn::Sub", template.L(a.partition()+":execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/authorizers/*", template.M("__ApiId__", template.Ref(a.id)))))))
	}
	if doc.Get("swagger") != nil {
		doc.Set("securityDefinitions", defs)
	} else {
		doc.Set("components", merged(doc.Get("components"), template.M("securitySchemes", defs)))
	}
	t.protectPaths(a, auth)
}

// partition is how SAM writes the beginning of an ARN, by the kind of API.
func (a *api) partition() string {
	if a.v2 {
		return "arn:${AWS::Partition}"
	}
	return "arn:aws"
}

// mayCall reports whether an authorizer's function gets a permission for the API: a REST API's does unless it is switched
// off, an HTTP API's only if it is asked for. Without one, FunctionInvokeRole has to let the API call it.
func mayCall(a *api, authorizer *template.Node) bool {
	if a.v2 {
		return authorizer.Get("EnableFunctionDefaultPermissions").Text() == "true"
	}
	return authorizer.Get("DisableFunctionDefaultPermissions").Text() != "true"
}

// protectPaths gives the default authorizer to the routes that stand in the author's document,
// and to OPTIONS if asked.
func (t *transformer) protectPaths(a *api, auth *template.Node) {
	name := auth.Get("DefaultAuthorizer").Text()
	if name == "" {
		return
	}
	preflight := auth.Get("AddDefaultAuthorizerToCorsPreflight").Text() != "false" && !a.v2
	for _, path := range a.paths.Entries {
		for _, m := range path.Val.Entries {
			if m.Val.Kind == template.Map && m.Val.Get("security") == nil && (m.Key.Value == "options" && preflight || m.Key.Value != "options" && a.body != nil) {
				m.Val.Set("security", template.L(template.M(name, template.L())))
			}
		}
	}
}

func (t *transformer) authorizer(a *api, e template.Entry) *template.Node {
	uri := template.M("Fn::Sub", template.L("arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${__FunctionArn__}/invocations", template.M("__FunctionArn__", e.Val.Get("FunctionArn"))))
	identity := e.Val.Get("Identity")
	ttl := identity.Get("ReauthorizeEvery")
	if a.v2 {
		x := template.M("type", "request", "authorizerUri", uri, "authorizerCredentials", e.Val.Get("FunctionInvokeRole"), "authorizerResultTtlInSeconds", ttl, "identitySource", sources(identity, true),
			"authorizerPayloadFormatVersion", e.Val.Get("AuthorizerPayloadFormatVersion"), "enableSimpleResponses", e.Val.Get("EnableSimpleResponses"))
		return template.M("type", "apiKey", "name", "Unused", "in", "header", "x-amazon-apigateway-authorizer", x)
	}
	x := template.M("type", "token", "authorizerUri", uri, "authorizerCredentials", e.Val.Get("FunctionInvokeRole"), "authorizerResultTtlInSeconds", ttl, "identityValidationExpression", identity.Get("ValidationExpression"))
	header := "Authorization"
	if h := identity.Get("Header"); h != nil {
		header = h.Text()
	}
	if e.Val.Get("FunctionPayloadType").Text() == "REQUEST" {
		header = "Unused"
		x.Set("type", template.Str("request"))
		x.Set("identitySource", sources(identity, false))
		if x.Get("identitySource") == nil {
			x.Delete("identitySource")
		}
	}
	return template.M("type", "apiKey", "name", header, "in", "header", "x-amazon-apigateway-authorizer", x, "x-amazon-apigateway-authtype", "custom")
}

// sources lists where an authorizer looks, in API Gateway's words.
func sources(identity *template.Node, v2 bool) *template.Node {
	var out []string
	lead := "method.request."
	if v2 {
		lead = "$request."
	}
	for _, k := range [][2]string{{"Headers", "header."}, {"QueryStrings", "querystring."}} {
		if list := identity.Get(k[0]); list != nil {
			for _, it := range list.Items {
				out = append(out, lead+k[1]+it.Text())
			}
		}
	}
	for _, k := range [][2]string{{"StageVariables", "stageVariables."}, {"Context", "context."}} {
		if list := identity.Get(k[0]); list != nil {
			for _, it := range list.Items {
				mark := ""
				if v2 {
					mark = "$"
				}
				out = append(out, mark+k[1]+it.Text())
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	if v2 {
		return template.Of(out)
	}
	text := out[0]
	for _, s := range out[1:] {
		text += ", " + s
	}
	return template.Str(text)
}
