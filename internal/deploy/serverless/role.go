package serverless

import (
	"github.com/leatdev/leat/internal/deploy/template"
)

// writeRole writes the role that functions share, if any function uses it.
func (c *compiler) writeRole() {
	role := c.provider.At("iam", "role")
	c.keys("provider.iam", c.provider.Get("iam"), []string{"role", "deploymentRole"}, nil, nil)
	if fn, _ := role.Function(); role != nil && role.Kind == template.Map && fn == "" {
		c.keys("provider.iam.role", role, []string{"name", "path", "statements", "managedPolicies", "permissionsBoundary", "permissionBoundary", "tags", "mode"}, nil, nil)
	}
	if c.providerRole() != nil || !c.sharesRole() {
		return
	}
	prefix := c.service + "-" + c.stage
	logs := func(tail string) *template.Node {
		return template.L(template.Sub("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/" + prefix + tail))
	}
	statements := template.L(
		template.M("Effect", "Allow", "Action", []string{"logs:CreateLogStream", "logs:CreateLogGroup", "logs:TagResource"}, "Resource", logs("*:*")),
		template.M("Effect", "Allow", "Action", []string{"logs:PutLogEvents"}, "Resource", logs("*:*:*")))
	for _, list := range []*template.Node{role.Get("statements"), c.provider.Get("iamRoleStatements")} {
		if list != nil {
			for _, s := range list.Items {
				if s.Get("Effect") == nil || s.Get("Action") == nil && s.Get("NotAction") == nil {
					c.fail(s, "", "a statement needs Effect, Action and Resource", "add what is missing")
				}
				statements.Items = append(statements.Items, s)
			}
		}
	}
	for _, first := range c.roleOrder {
		s := c.role[first]
		statements.Items = append(statements.Items, template.M("Effect", "Allow", "Action", s.actions, "Resource", s.resources))
	}
	name := role.Get("name")
	if name == nil {
		name = template.M("Fn::Join", template.L("-", template.L(c.service, c.stage, template.Ref("AWS::Region"), "lambdaRole")))
	}
	path := role.Get("path")
	if path == nil {
		path = template.Str("/")
	}
	props := template.M("AssumeRolePolicyDocument", template.M("Version", "2012-10-17", "Statement", template.L(template.M("Effect", "Allow", "Principal", template.M("Service", template.L("lambda.amazonaws.com")), "Action", template.L("sts:AssumeRole")))),
		"Policies", template.L(template.M("PolicyName", template.M("Fn::Join", template.L("-", template.L(c.service, c.stage, "lambda"))), "PolicyDocument", template.M("Version", "2012-10-17", "Statement", statements))),
		"Path", path, "RoleName", name, "PermissionsBoundary", orNode(orNode(role.Get("permissionsBoundary"), role.Get("permissionBoundary")), c.provider.Get("rolePermissionsBoundary")),
		"ManagedPolicyArns", orNode(role.Get("managedPolicies"), c.provider.Get("iamManagedPolicies")))
	if tags := role.Get("tags"); tags != nil {
		list := template.L()
		for _, e := range tags.Entries {
			list.Items = append(list.Items, template.M("Key", e.Key.Value, "Value", e.Val))
		}
		props.Set("Tags", list)
	}
	if c.provider.Get("vpc") != nil && props.Get("ManagedPolicyArns") == nil {
		props.Set("ManagedPolicyArns", template.L(joined("arn:", template.Ref("AWS::Partition"), ":iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole")))
	}
	c.add("IamRoleLambdaExecution", c.provider, template.M("Type", "AWS::IAM::Role", "Properties", props))
}

// sharesRole reports whether a function has no role of its own.
func (c *compiler) sharesRole() bool {
	list := c.doc.Get("functions")
	if list == nil {
		return false
	}
	for _, e := range list.Entries {
		if e.Val.Get("role") == nil {
			return true
		}
	}
	return false
}
