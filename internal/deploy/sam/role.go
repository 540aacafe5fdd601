package sam

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/leatdev/leat/internal/deploy/template"
)

//go:embed policies.json
var policiesJSON []byte

// policyTemplates reads policies.json once.
var policyTemplates = sync.OnceValue(func() *template.Node {
	n, err := template.FromJSON(policiesJSON)
	if err != nil {
		panic("sam: policies.json: " + err.Error())
	}
	return n
})

const managedPrefix = "arn:aws:iam::aws:policy/"

// role writes the function's own role.
func (f *function) role() {
	trust := f.props.Get("AssumeRolePolicyDocument")
	if trust == nil {
		trust = template.M("Version", "2012-10-17", "Statement", template.L(template.M("Action", template.L("sts:AssumeRole"), "Effect", "Allow", "Principal", template.M("Service", template.L("lambda.amazonaws.com")))))
	}
	f.attach(managedPrefix + "service-role/AWSLambdaBasicExecutionRole")
	if tr := f.t.value(f.props.Get("Tracing")); tr != nil && tr.Text() != "Disabled" {
		f.attach(managedPrefix + "AWSXrayWriteOnlyAccess")
	}
	if f.props.Get("VpcConfig") != nil {
		f.attach(managedPrefix + "service-role/AWSLambdaVPCAccessExecutionRole")
	}
	f.policies()
	for _, name := range f.eventRoles {
		f.attach(managedPrefix + "service-role/" + name)
	}
	props := template.M("AssumeRolePolicyDocument", trust, "ManagedPolicyArns", template.Of(f.managed), "PermissionsBoundary", f.props.Get("PermissionsBoundary"), "Path", f.props.Get("RolePath"), "Tags", tagList(f.props.Get("Tags"), true))
	if len(f.inline) > 0 {
		props.Set("Policies", template.Of(f.inline))
	}
	f.t.add(f.id+"Role", f.src, child("AWS::IAM::Role", f.src, props))
}

// attach adds a managed policy once.
func (f *function) attach(arn string) {
	if !slices.ContainsFunc(f.managed, func(n *template.Node) bool { return n.Text() == arn }) {
		f.managed = append(f.managed, template.Str(arn))
	}
}

// policies reads the Policies property: names and ARNs of managed policies,
// documents, and policy templates.
func (f *function) policies() {
	list := f.props.Get("Policies")
	if list == nil {
		return
	}
	items := list.Items
	if list.Kind != template.List {
		items = []*template.Node{list}
	}
	for i, p := range items {
		switch fn, _ := p.Function(); {
		case fn == "Fn::If":
			f.t.fail(p, "", "a policy that depends on a condition is not transformed here", "put the condition on values within the policy")
		case fn != "":
			f.managed = append(f.managed, p)
		case p.IsScalar():
			f.attach(policyARN(p.Text()))
		case p.Get("Statement") != nil:
			f.addPolicy(i, p)
		case p.Kind == template.Map && len(p.Entries) == 1:
			f.templatePolicy(i, p.Entries[0])
		default:
			f.t.fail(p, "", "Resource with id ["+f.id+"] is invalid. a policy must be a name, an ARN, a document or a policy template", "correct the policy")
		}
	}
}

func (f *function) addPolicy(i int, doc *template.Node) {
	f.inline = append(f.inline, template.M("PolicyName", f.id+"RolePolicy"+strconv.Itoa(i), "PolicyDocument", doc))
}

// policyARN gives the ARN of a managed policy by its name.
func policyARN(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	plain := []string{"AWSLambdaExecute", "AWSLambdaInvocation-DynamoDB", "AWSLambda_FullAccess", "AWSLambda_ReadOnlyAccess", "AWSLambdaFullAccess", "AWSLambdaReadOnlyAccess"}
	if strings.HasPrefix(name, "AWSLambda") && !slices.Contains(plain, name) || name == "AmazonAPIGatewayPushToCloudWatchLogs" {
		return managedPrefix + "service-role/" + name
	}
	return managedPrefix + name
}

// templatePolicy fills one of AWS's policy templates.
func (f *function) templatePolicy(i int, e template.Entry) {
	all := policyTemplates()
	tpl := all.Get(e.Key.Value)
	if tpl == nil {
		f.t.fail(e.Key, "", "Resource with id ["+f.id+"] is invalid. Specified policy template '"+e.Key.Value+"' does not exist", "check the name")
		return
	}
	if tpl.Kind == template.Null {
		f.t.fail(e.Key, "", "this policy template is for a service that is not here", "remove it")
		return
	}
	values := map[string]*template.Node{}
	for _, name := range tpl.Get("Parameters").Items {
		if values[name.Value] = e.Val.Get(name.Value); values[name.Value] == nil {
			f.t.fail(e.Key, "", "Resource with id ["+f.id+"] is invalid. Must specify valid parameter values for policy template '"+e.Key.Value+"'", "add "+name.Value)
			return
		}
	}
	doc := fill(tpl.Get("Definition"), values)
	f.addPolicy(i, doc)
}

// fill copies a tree with Refs to parameters replaced; its places are the caller's.
func fill(n *template.Node, values map[string]*template.Node) *template.Node {
	if fn, arg := n.Function(); fn == "Ref" && values[arg.Text()] != nil {
		return values[arg.Text()].Clone()
	}
	c := *n
	c.Pos = template.Pos{}
	c.Items, c.Entries = nil, nil
	for _, it := range n.Items {
		c.Items = append(c.Items, fill(it, values))
	}
	for _, e := range n.Entries {
		c.Entries = append(c.Entries, template.Entry{Key: template.Str(e.Key.Value), Val: fill(e.Val, values)})
	}
	return &c
}
