package template

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// ResourceState is what a Scope knows of a resource.
type ResourceState struct {
	Ref   string
	Attrs map[string]string
}

// Scope supplies the values that a template's functions ask for.
type Scope struct {
	Template   *Template
	Parameters map[string]*Node
	Account    string
	Region     string
	StackID    string
	StackName  string
	// NotificationARNs are the stack's topics.
	NotificationARNs []string
	// Resource returns a resource's state, or nil if it is known only after apply.
	Resource func(id string) *ResourceState
	// Import returns an exported value.
	Import func(name string) (string, error)

	conditions map[string]int // 1 in evaluation, 2 false, 3 true
}

// noValue is what Ref AWS::NoValue evaluates to; containers drop it.
var noValue = &Node{Kind: Null, Value: "AWS::NoValue"}

// Eval returns the tree with all functions replaced by values; nothing of the
// given tree is changed. The error is an *Error at the place of the function.
func (s *Scope) Eval(n *Node) (*Node, error) {
	v, err := s.eval(n)
	if v == noValue {
		return nil, err
	}
	return v, err
}

func (s *Scope) eval(n *Node) (*Node, error) {
	if n == nil {
		return nil, nil
	}
	switch n.Kind {
	case List:
		out := &Node{Kind: List, Pos: n.Pos}
		for _, it := range n.Items {
			v, err := s.eval(it)
			if err != nil {
				return nil, err
			}
			if v != noValue {
				out.Items = append(out.Items, v)
			}
		}
		return out, nil
	case Map:
		if fn, arg := n.Function(); fn != "" {
			v, err := s.call(fn, arg)
			return s.placed(v, n.Pos), err
		}
		out := &Node{Kind: Map, Pos: n.Pos}
		for _, e := range n.Entries {
			v, err := s.eval(e.Val)
			if err != nil {
				return nil, err
			}
			if v != noValue {
				out.Entries = append(out.Entries, Entry{e.Key, v})
			}
		}
		return out, nil
	}
	return n, nil
}

// placed gives a function's result the place of its call.
func (s *Scope) placed(v *Node, pos Pos) *Node {
	if v == nil || v == noValue {
		return v
	}
	c := *v
	c.Pos = pos
	return &c
}

// call evaluates one function. New has checked the form of arg.
func (s *Scope) call(fn string, arg *Node) (*Node, error) {
	switch fn {
	case "Ref":
		return s.ref(arg)
	case "Fn::GetAtt":
		return s.getAtt(arg)
	case "Fn::Sub":
		return s.sub(arg)
	case "Fn::If":
		holds, err := s.Condition(arg.Items[0].Text(), arg.Items[0])
		if err != nil {
			return nil, err
		}
		if holds {
			return s.eval(arg.Items[1])
		}
		return s.eval(arg.Items[2])
	case "Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals":
		holds, err := s.conditionCall(fn, arg)
		return Boolean(holds), err
	case "Fn::Join":
		return s.join(arg)
	case "Fn::Split":
		return s.split(arg)
	case "Fn::Select":
		return s.selectItem(arg)
	case "Fn::FindInMap":
		return s.findInMap(arg)
	}
	v, err := s.eval(arg)
	if err != nil || v.HasUnknown() {
		return unknown(fn), err
	}
	switch fn {
	case "Fn::ImportValue":
		return s.importValue(arg, v)
	case "Fn::Base64":
		return Str(base64.StdEncoding.EncodeToString([]byte(v.Text()))), nil
	case "Fn::GetAZs":
		return s.zones(v), nil
	case "Fn::Cidr":
		return cidr(arg, v)
	}
	return nil, Errorf(arg, fn, "Template error: Unrecognized intrinsic function: "+fn, "check the spelling")
}

func unknown(what string) *Node { return &Node{Kind: Unknown, Value: what} }

func (s *Scope) pseudo(name string) *Node {
	switch name {
	case "AWS::AccountId":
		return Str(s.Account)
	case "AWS::Region":
		return Str(s.Region)
	case "AWS::Partition":
		return Str("aws")
	case "AWS::URLSuffix":
		return Str("amazonaws.com")
	case "AWS::StackId":
		return Str(s.StackID)
	case "AWS::StackName":
		return Str(s.StackName)
	case "AWS::NoValue":
		return noValue
	case "AWS::NotificationARNs":
		return Of(append([]string{}, s.NotificationARNs...))
	}
	return nil
}

func (s *Scope) ref(arg *Node) (*Node, error) {
	name := arg.Text()
	if v := s.pseudo(name); v != nil {
		return v, nil
	}
	if v := s.Parameters[name]; v != nil {
		return v, nil
	}
	if s.Template.Resource(name) != nil && s.Resource != nil {
		if st := s.Resource(name); st != nil {
			return Str(st.Ref), nil
		}
		return unknown(name), nil
	}
	return nil, Errorf(arg, "", "Template format error: Unresolved resource dependencies ["+name+"] in the Resources block of the template", "define it, or correct the name")
}

func (s *Scope) getAtt(arg *Node) (*Node, error) {
	id, attrNode, ok := getAttParts(arg)
	if !ok {
		return nil, Errorf(arg, "", "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute", "write [Resource, Attribute]")
	}
	attr, err := s.eval(attrNode)
	if err != nil {
		return nil, err
	}
	return s.attribute(arg, id, attr.Text())
}

func (s *Scope) attribute(at *Node, id, attr string) (*Node, error) {
	if s.Template.Resource(id) == nil || s.Resource == nil {
		return nil, Errorf(at, "", "Template error: instance of Fn::GetAtt references undefined resource "+id, "define the resource, or correct the name")
	}
	st := s.Resource(id)
	if st == nil {
		return unknown(id + "." + attr), nil
	}
	if v, ok := st.Attrs[attr]; ok {
		return Str(v), nil
	}
	return nil, Errorf(at, id+"."+attr, "Template error: resource "+id+" does not support attribute type "+attr+" in Fn::GetAtt", "see the attributes of "+s.Template.Resource(id).Type)
}

func (s *Scope) sub(arg *Node) (*Node, error) {
	text, vars, ok := subParts(arg)
	if !ok {
		return nil, Errorf(arg, "", "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments.", "give a string, or a list of a string and a map")
	}
	var failed error
	pending := false
	out := subVariable.ReplaceAllStringFunc(text.Value, func(m string) string {
		name := strings.TrimSpace(m[2 : len(m)-1])
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		v, err := s.subValue(arg, vars, name)
		switch {
		case err != nil:
			failed = err
		case v != nil && v.Kind == Unknown:
			pending = true
		case v == noValue:
		case !v.IsScalar():
			failed = Errorf(arg, m, "Template error: Fn::Sub can only put strings into a string", "use Fn::Join for lists")
		default:
			return v.Text()
		}
		return ""
	})
	if failed != nil {
		return nil, failed
	}
	if pending {
		return unknown("Fn::Sub"), nil
	}
	return Str(out), nil
}

func (s *Scope) subValue(arg, vars *Node, name string) (*Node, error) {
	if v := vars.Get(name); v != nil {
		return s.eval(v)
	}
	at := &Node{Kind: String, Value: name, Pos: arg.Pos}
	if id, attr, ok := strings.Cut(name, "."); ok {
		return s.attribute(at, id, attr)
	}
	return s.ref(at)
}

func (s *Scope) join(arg *Node) (*Node, error) {
	sep := arg.Items[0]
	list, err := s.eval(arg.Items[1])
	if err != nil {
		return nil, err
	}
	if list.Kind == Unknown || list.HasUnknown() {
		return unknown("Fn::Join"), nil
	}
	if list.Kind != List || !sep.IsScalar() {
		return nil, Errorf(arg, "", "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.", "correct the argument")
	}
	parts := make([]string, len(list.Items))
	for i, it := range list.Items {
		if !it.IsScalar() {
			return nil, Errorf(it, "", "Template error: every Fn::Join object requires a list of strings", "join strings only")
		}
		parts[i] = it.Text()
	}
	return Str(strings.Join(parts, sep.Text())), nil
}

func (s *Scope) split(arg *Node) (*Node, error) {
	v, err := s.eval(arg.Items[1])
	if err != nil {
		return nil, err
	}
	if v.Kind == Unknown {
		return unknown("Fn::Split"), nil
	}
	if !v.IsScalar() || arg.Items[0].Text() == "" {
		return nil, Errorf(arg, "", "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.", "correct the argument")
	}
	return Of(strings.Split(v.Text(), arg.Items[0].Text())), nil
}

func (s *Scope) selectItem(arg *Node) (*Node, error) {
	index, err := s.eval(arg.Items[0])
	if err != nil {
		return nil, err
	}
	list, err := s.eval(arg.Items[1])
	if err != nil {
		return nil, err
	}
	if index.Kind == Unknown || list.Kind == Unknown {
		return unknown("Fn::Select"), nil
	}
	i, err := strconv.Atoi(index.Text())
	if err != nil || list.Kind != List {
		return nil, Errorf(arg, "", "Template error: every Fn::Select object requires two non-null parameters, the integer index and the list.", "correct the argument")
	}
	if i < 0 || i >= len(list.Items) {
		return nil, Errorf(arg, "", "Template error: Fn::Select cannot select nonexistent value at index "+strconv.Itoa(i), fmt.Sprintf("the list has %d items", len(list.Items)))
	}
	return list.Items[i], nil
}

func (s *Scope) findInMap(arg *Node) (*Node, error) {
	keys := make([]string, 3)
	for i, it := range arg.Items {
		v, err := s.eval(it)
		if err != nil {
			return nil, err
		}
		if !v.IsScalar() {
			return nil, Errorf(it, "", "Template error: every Fn::FindInMap object requires three string parameters", "use names, Ref to parameters, or FindInMap")
		}
		keys[i] = v.Text()
	}
	v := s.Template.Mappings.At(keys...)
	if v == nil {
		return nil, Errorf(arg, "", "Template error: Unable to get mapping for "+strings.Join(keys, "::"), "add the key to the mapping")
	}
	return v, nil
}

func (s *Scope) importValue(arg, name *Node) (*Node, error) {
	if s.Import == nil {
		return nil, Errorf(arg, "", "No export named "+name.Text()+" found.", "deploy the stack that exports it first")
	}
	v, err := s.Import(name.Text())
	if err != nil {
		return nil, Errorf(arg, "", err.Error(), "deploy the stack that exports it first")
	}
	return Str(v), nil
}

// zones names the availability zones of a region: the first three letters, as every
// large region has.
func (s *Scope) zones(region *Node) *Node {
	name := region.Text()
	if name == "" {
		name = s.Region
	}
	return L(name+"a", name+"b", name+"c")
}
