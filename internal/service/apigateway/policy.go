package apigateway

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/leatdev/leat/internal/policy"
)

// access is what policies are asked: may this call be made.
func (c *call) access() *policy.Request {
	return &policy.Request{
		Action: "execute-api:Invoke", Resource: c.executeARN(c.path), Account: c.f.home.Account,
		Context: map[string][]string{"aws:sourceip": {c.sourceIP()}, "aws:useragent": {c.r.UserAgent()}},
	}
}

// checkPolicy refuses a resource policy that cannot be read.
func checkPolicy(text *string) error {
	if deref(text) == "" {
		return nil
	}
	if _, err := policy.Parse(*text); err != nil {
		return badRequest("Invalid policy document. Please check the policy syntax and ensure that Principals are valid.")
	}
	return nil
}

// compilePolicy reads an API's resource policy; nil if it has none. Its resources may begin
// at the API: execute-api:/STAGE/METHOD/PATH.
func (a *restAPI) compilePolicy(h home, api string) (*policy.Document, error) {
	if deref(a.API.Policy) == "" {
		return nil, nil
	}
	doc, err := policy.Parse(*a.API.Policy)
	if err != nil {
		return nil, err
	}
	full := "arn:aws:execute-api:" + h.Region + ":" + h.Account + ":" + api + "/"
	for _, s := range doc.Statements {
		for _, list := range [][]string{s.Resources, s.NotResources} {
			for i, r := range list {
				if rest, ok := strings.CutPrefix(r, "execute-api:/"); ok {
					list[i] = full + rest
				}
			}
		}
	}
	return doc, nil
}

// lets asks the API's resource policy. Callers have no identity here: a method without an
// authorizer needs an explicit Allow, one with an authorizer no Deny ("How API Gateway
// resource policies affect authorization workflow"). It answers the caller itself when that refuses.
func (c *call) lets(rm *restMethod) bool {
	doc := c.f.rest.policy
	if doc == nil {
		return true
	}
	req := c.access()
	why := ""
	switch policy.Resource(req, doc) {
	case policy.Allow:
		return true
	case policy.ExplicitDeny:
		why = " with an explicit deny"
	case policy.ImplicitDeny:
		if deref(rm.method.AuthorizationType) == "CUSTOM" {
			return true
		}
	}
	c.gateway(types.GatewayResponseTypeAccessDenied, "User: anonymous is not authorized to perform: execute-api:Invoke on resource: "+veiled(req.Resource)+why)
	return false
}

// veiled hides an ARN's account but its last four digits, as AWS does towards strangers.
func veiled(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) == 6 && len(parts[4]) == 12 {
		parts[4] = "********" + parts[4][8:]
	}
	return strings.Join(parts, ":")
}
