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
		if fn, arg := p.Function(); fn == "Fn::If" {
			f.policyIf(i, p, arg)
			continue
		}
		switch managed, inline := f.policy(i, p); {
		case managed != nil && managed.IsScalar():
			f.attach(managed.Text())
		case managed != nil:
			f.managed = append(f.managed, managed)
		case inline != nil:
			f.inline = append(f.inline, inline)
		}
	}
}

// policy reads one policy: what is attached by name, ARN or function, or what is written into the role.
func (f *function) policy(i int, p *template.Node) (managed, inline *template.Node) {
	switch fn, _ := p.Function(); {
	case fn != "":
		return p, nil
	case p.IsScalar():
		return template.Str(policyARN(p.Text())), nil
	case p.Get("Statement") != nil:
		return nil, f.document(i, p)
	case p.Kind == template.Map && len(p.Entries) == 1:
		return nil, f.templatePolicy(i, p.Entries[0])
	}
	f.t.fail(p, "", "Resource with id ["+f.id+"] is invalid. Policy at index "+strconv.Itoa(i)+" in the 'Policies' property is not valid", "a policy is a name, an ARN, a document or a policy template")
	return nil, nil
}

// policyIf reads a policy that depends on a condition. Both branches must be of one kind, or nothing.
func (f *function) policyIf(i int, p, arg *template.Node) {
	if arg.Kind != template.List || len(arg.Items) != 3 {
		f.t.fail(p, "", "Structure of the SAM template is invalid. Fn::If requires 3 arguments", "write [Condition, policy, policy]")
		return
	}
	kind := ""
	branches := []*template.Node{arg.Items[0]}
	for _, it := range arg.Items[1:] {
		if fn, a := it.Function(); fn == "Ref" && a.Text() == "AWS::NoValue" {
			branches = append(branches, it)
			continue
		}
		managed, inline := f.policy(i, it)
		is := "managed"
		if managed == nil {
			is, managed = "inline", inline
		}
		if managed == nil {
			return // said already
		}
		if kind != "" && kind != is {
			f.t.fail(p, "", "Structure of the SAM template is invalid. Different policy types within the same Fn::If statement is unsupported. Separate different policy types into different Fn::If statements", "use two")
			return
		}
		kind = is
		branches = append(branches, managed)
	}
	choice := template.M("Fn::If", branches).Place(p.Pos)
	if kind == "inline" {
		f.inline = append(f.inline, choice)
	} else if kind == "managed" {
		f.managed = append(f.managed, choice)
	}
}

func (f *function) document(i int, doc *template.Node) *template.Node {
	return template.M("PolicyName", f.id+"RolePolicy"+strconv.Itoa(i), "PolicyDocument", doc)
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

// templatePolicy fills one of AWS's policy templates. Those for services that are not here are filled too: a permission
// does no harm, and the function that asks for it may call that service on AWS only.
func (f *function) templatePolicy(i int, e template.Entry) *template.Node {
	all := policyTemplates()
	tpl := all.Get(e.Key.Value)
	if tpl == nil {
		f.t.fail(e.Key, "", "Resource with id ["+f.id+"] is invalid. Specified policy template '"+e.Key.Value+"' does not exist", "check the name")
		return nil
	}
	values := map[string]*template.Node{}
	for _, name := range tpl.Get("Parameters").Items {
		if values[name.Value] = e.Val.Get(name.Value); values[name.Value] == nil {
			f.t.fail(e.Key, "", "Resource with id ["+f.id+"] is invalid. Must specify valid parameter values for policy template '"+e.Key.Value+"'", "add "+name.Value)
			return nil
		}
	}
	return f.document(i, fill(tpl.Get("Definition"), values))
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
