package template

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// pseudoParameters are the names that Ref and Sub know in every template.
var pseudoParameters = []string{"AWS::AccountId", "AWS::NotificationARNs", "AWS::NoValue", "AWS::Partition", "AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix"}

// functions are the intrinsic functions: for those that take a list, how many
// items it may have.
var functions = map[string][2]int{
	"Ref": {}, "Fn::GetAtt": {}, "Fn::Sub": {}, "Fn::Join": {2, 2}, "Fn::Split": {2, 2}, "Fn::Select": {2, 2}, "Fn::FindInMap": {3, 3},
	"Fn::If": {3, 3}, "Fn::And": {2, 10}, "Fn::Or": {2, 10}, "Fn::Not": {1, 1}, "Fn::Equals": {2, 2}, "Fn::ImportValue": {}, "Fn::Base64": {},
	"Fn::Cidr": {2, 3}, "Fn::GetAZs": {},
}

// absentFunctions are AWS's functions that are refused, with the reason.
var absentFunctions = map[string]string{
	"Fn::Transform":    "macros and AWS::Include are not run here",
	"Fn::ForEach":      "the AWS::LanguageExtensions transform is not run here",
	"Fn::Length":       "the AWS::LanguageExtensions transform is not run here",
	"Fn::ToJsonString": "the AWS::LanguageExtensions transform is not run here",
	"Fn::RefAll":       "rule functions are not evaluated here",
	"Fn::ValueOf":      "rule functions are not evaluated here",
}

// Function returns the name and argument of an intrinsic function call, or "".
// A map with one key that looks like a function is one.
func (n *Node) Function() (string, *Node) {
	if n == nil || n.Kind != Map || len(n.Entries) != 1 {
		return "", nil
	}
	name := n.Entries[0].Key.Value
	if name == "Ref" || strings.HasPrefix(name, "Fn::") {
		return name, n.Entries[0].Val
	}
	return "", nil
}

// Reference is a use of another part of the template.
type Reference struct {
	Kind string // "ref" (parameter, pseudo parameter or resource), "att" (a resource's attribute), "condition", "map"
	Name string
	Attr string // of "att"
	Node *Node
}

// References calls visit for every use in the tree. With branch set, only the
// branch of an Fn::If that holds is followed.
func References(n *Node, branch func(condition string) (bool, bool), visit func(Reference)) {
	n.Walk(func(x *Node) bool {
		fn, arg := x.Function()
		switch fn {
		case "Ref":
			visit(Reference{Kind: "ref", Name: arg.Text(), Node: arg})
		case "Fn::GetAtt":
			if id, attr, ok := getAttParts(arg); ok {
				visit(Reference{Kind: "att", Name: id, Attr: attr.Text(), Node: arg})
			}
		case "Fn::Sub":
			subReferences(arg, visit)
		case "Fn::FindInMap":
			if len(arg.Items) > 0 && arg.Items[0].IsScalar() {
				visit(Reference{Kind: "map", Name: arg.Items[0].Text(), Node: arg.Items[0]})
			}
		case "Fn::If":
			return ifReferences(arg, branch, visit)
		}
		return true
	})
}

func ifReferences(arg *Node, branch func(string) (bool, bool), visit func(Reference)) bool {
	if len(arg.Items) != 3 || !arg.Items[0].IsScalar() {
		return true
	}
	visit(Reference{Kind: "condition", Name: arg.Items[0].Text(), Node: arg.Items[0]})
	if branch == nil {
		return true
	}
	holds, known := branch(arg.Items[0].Text())
	if !known {
		return true
	}
	chosen := arg.Items[2]
	if holds {
		chosen = arg.Items[1]
	}
	References(chosen, branch, visit)
	return false
}

func getAttParts(arg *Node) (string, *Node, bool) {
	if arg.Kind == String {
		id, attr, ok := strings.Cut(arg.Value, ".")
		return id, Str(attr).Place(arg.Pos), ok
	}
	if arg.Kind != List || len(arg.Items) != 2 || arg.Items[0].Kind != String {
		return "", nil, false
	}
	return arg.Items[0].Value, arg.Items[1], true
}

var subVariable = regexp.MustCompile(`\$\{([^}]*)\}`)

// subParts returns the text of an Fn::Sub and its own variables.
func subParts(arg *Node) (text *Node, vars *Node, ok bool) {
	if arg.Kind == List && len(arg.Items) == 2 && arg.Items[0].IsScalar() && arg.Items[1].Kind == Map {
		return arg.Items[0], arg.Items[1], true
	}
	return arg, nil, arg.IsScalar()
}

func subReferences(arg *Node, visit func(Reference)) {
	text, vars, ok := subParts(arg)
	if !ok {
		return
	}
	for _, m := range subVariable.FindAllStringSubmatch(text.Value, -1) {
		name := strings.TrimSpace(m[1])
		if strings.HasPrefix(name, "!") || vars.Get(name) != nil {
			continue
		}
		at := &Node{Kind: String, Value: "${" + name + "}", Pos: text.Pos}
		if id, attr, ok := strings.Cut(name, "."); ok {
			visit(Reference{Kind: "att", Name: id, Attr: attr, Node: at})
		} else {
			visit(Reference{Kind: "ref", Name: name, Node: at})
		}
	}
}

// references checks that every function call is well formed and every reference
// leads somewhere.
func (b *builder) references() {
	for _, r := range b.t.Resources {
		b.calls(r.Properties)
		b.resolve(r.Properties, true)
		if r.Condition != nil {
			b.resolveOne(Reference{Kind: "condition", Name: r.Condition.Text(), Node: r.Condition}, true)
		}
		for _, d := range r.DependsOn {
			if b.t.resources[d.Value] == nil {
				b.unresolved(d, d.Value)
			}
		}
	}
	for _, o := range b.t.Outputs {
		for _, n := range []*Node{o.Value, o.Export} {
			b.calls(n)
			b.resolve(n, true)
		}
		if o.Condition != nil {
			b.resolveOne(Reference{Kind: "condition", Name: o.Condition.Text(), Node: o.Condition}, true)
		}
	}
	b.calls(b.t.Conditions)
	b.resolve(b.t.Conditions, false)
}

func (b *builder) calls(n *Node) {
	n.Walk(func(x *Node) bool {
		if x.Kind == String && strings.Contains(x.Value, "{{resolve:") {
			b.fail(x, "", "dynamic references are not resolved here", "pass the value as a parameter")
		}
		fn, arg := x.Function()
		if fn == "" {
			return true
		}
		arity, known := functions[fn]
		switch {
		case absentFunctions[fn] != "" || strings.HasPrefix(fn, "Fn::ForEach"):
			b.fail(x.Entries[0].Key, "", absentFunctions[cutName(fn)], "write the result out")
		case !known:
			b.fail(x.Entries[0].Key, "", "Template error: Unrecognized intrinsic function: "+fn, "check the spelling")
		default:
			b.arguments(fn, arg, arity)
		}
		return true
	})
}

func cutName(fn string) string {
	if strings.HasPrefix(fn, "Fn::ForEach") {
		return "Fn::ForEach"
	}
	return fn
}

func (b *builder) arguments(fn string, arg *Node, arity [2]int) {
	var ok bool
	want := ""
	switch fn {
	case "Ref":
		ok, want = arg.Kind == String, "the name of a resource or parameter"
	case "Fn::GetAtt":
		_, _, ok = getAttParts(arg)
		want = "a resource and an attribute"
	case "Fn::Sub":
		_, _, ok = subParts(arg)
		want = "a string, or a list of a string and a map"
	case "Fn::ImportValue", "Fn::Base64", "Fn::GetAZs":
		ok, want = arg.Kind != List, "a string"
	default:
		ok = arg.Kind == List && len(arg.Items) >= arity[0] && len(arg.Items) <= arity[1]
		want = fmt.Sprintf("a list of %d to %d items", arity[0], arity[1])
		if arity[0] == arity[1] {
			want = fmt.Sprintf("a list of %d items", arity[0])
		}
	}
	if !ok {
		b.fail(arg, "", "Template error: every "+fn+" object must have "+want, "correct the argument")
	}
}

func (b *builder) resolve(n *Node, resourcesToo bool) {
	References(n, nil, func(r Reference) { b.resolveOne(r, resourcesToo) })
	if !resourcesToo {
		n.Walk(func(x *Node) bool { // {"Condition": name} is a reference within conditions only
			if c := x.Get("Condition"); x != n && c.IsScalar() && len(x.Entries) == 1 {
				b.resolveOne(Reference{Kind: "condition", Name: c.Text(), Node: c}, false)
			}
			return true
		})
	}
}

func (b *builder) unresolved(n *Node, name string) {
	next := "define it, or correct the name"
	if near := b.nearest(name); near != "" {
		next = "did you mean " + near + "?"
	}
	b.fail(n, "", "Template format error: Unresolved resource dependencies ["+name+"] in the Resources block of the template", next)
}

// nearest finds a name that differs only in case or by a letter or two.
func (b *builder) nearest(name string) string {
	best, score := "", 3
	for id := range b.t.resources {
		if d := distance(strings.ToLower(id), strings.ToLower(name)); d < score || d == score && id < best && best != "" {
			best, score = id, d
		}
	}
	for id := range b.t.params {
		if d := distance(strings.ToLower(id), strings.ToLower(name)); d < score {
			best, score = id, d
		}
	}
	return best
}

// distance is Levenshtein's; names are short.
func distance(a, b string) int {
	if len(a) > MaxLogicalID || len(b) > MaxLogicalID {
		return MaxLogicalID
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost = 1 + min(prev, row[j], row[j+1])
			}
			prev, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

func (b *builder) resolveOne(r Reference, resourcesToo bool) {
	switch r.Kind {
	case "condition":
		if b.t.Conditions.Get(r.Name) == nil {
			b.fail(r.Node, "", "Template format error: Unresolved condition dependency "+r.Name, "define it under Conditions")
		}
	case "map":
		if b.t.Mappings.Get(r.Name) == nil {
			b.fail(r.Node, "", "Template error: Mapping named '"+r.Name+"' is not present in the 'Mappings' section of template.", "define it under Mappings")
		}
	case "att":
		if b.t.resources[r.Name] == nil || !resourcesToo {
			b.fail(r.Node, "", "Template error: instance of Fn::GetAtt references undefined resource "+r.Name, "define the resource, or correct the name")
		}
	case "ref":
		switch {
		case slices.Contains(pseudoParameters, r.Name), b.t.params[r.Name] != nil:
		case b.t.resources[r.Name] == nil:
			b.unresolved(r.Node, r.Name)
		case !resourcesToo:
			b.fail(r.Node, "", "Template format error: Unresolved dependencies ["+r.Name+"]. Cannot reference resources in the Conditions block of the template", "use a parameter")
		}
	}
}
