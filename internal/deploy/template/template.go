package template

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// CloudFormation's limits on the parts of a template.
const (
	MaxResources    = 500
	MaxParameters   = 200
	MaxOutputs      = 200
	MaxMappings     = 200
	MaxLogicalID    = 255
	MaxDescription  = 1024
	MaxMappingAttrs = 200
)

// SAMTransform is the only macro that is run.
const SAMTransform = "AWS::Serverless-2016-10-31"

// Template is a checked template: its sections are well formed and every
// reference in it leads somewhere.
type Template struct {
	Root        *Node
	Description string
	Transforms  []string
	Parameters  []*Parameter // in source order, as are all lists here
	Mappings    *Node        // nil or a Map of Maps of Maps
	Conditions  *Node        // nil or a Map
	Rules       []*Rule
	Resources   []*Resource
	Outputs     []*Output

	params    map[string]*Parameter
	resources map[string]*Resource
}

// Resource is one entry of the Resources section.
type Resource struct {
	ID                  string
	Type                string
	Properties          *Node // a Map, never nil
	DependsOn           []*Node
	Condition           *Node  // nil, or the condition's name
	DeletionPolicy      string // Delete, Retain or RetainExceptOnCreate
	UpdateReplacePolicy string // Delete or Retain
	Node                *Node  // the whole entry
	Key                 *Node  // the logical id, with its place
	TypeNode            *Node
}

// Output is one entry of the Outputs section.
type Output struct {
	ID          string
	Description string
	Value       *Node
	Export      *Node // nil, or the expression of the exported name
	Condition   *Node
	Key         *Node
}

// Resource returns the resource of a logical id, or nil.
func (t *Template) Resource(id string) *Resource { return t.resources[id] }

// Parameter returns the parameter of a name, or nil.
func (t *Template) Parameter(name string) *Parameter { return t.params[name] }

var logicalID = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// sections are the top-level keys and whether they are acted on; the refused
// ones carry the reason.
var sections = map[string]string{
	"AWSTemplateFormatVersion": "", "Description": "", "Metadata": "", "Parameters": "", "Mappings": "", "Conditions": "",
	"Resources": "", "Outputs": "", "Transform": "",
	"Rules": "",
	"Hooks": "hooks are not run here",
}

// New checks a document as a CloudFormation template in which no SAM types are
// left. The error is Errors.
func New(root *Node) (*Template, error) {
	b := &builder{t: &Template{Root: root, params: map[string]*Parameter{}, resources: map[string]*Resource{}}}
	if root == nil || root.Kind != Map {
		b.fail(root, "", "Template format error: unsupported structure.", "the top level of a template is a map with a Resources section")
		return nil, b.errs.Err()
	}
	b.head()
	b.parameters()
	b.rules()
	b.mappings()
	b.conditions()
	b.resourcesSection()
	b.outputs()
	if len(b.errs) == 0 {
		b.references()
	}
	if err := b.errs.Err(); err != nil {
		return nil, err
	}
	if _, err := Order(b.t, nil); err != nil {
		return nil, err
	}
	return b.t, nil
}

// builder collects problems while a Template is put together.
type builder struct {
	t    *Template
	errs Errors
}

func (b *builder) fail(n *Node, text, reason, next string) {
	b.errs = append(b.errs, Errorf(n, text, reason, next))
}

func (b *builder) head() {
	root := b.t.Root
	for _, e := range root.Entries {
		why, known := sections[e.Key.Value]
		switch {
		case !known:
			b.fail(e.Key, "", fmt.Sprintf("Template format error: Invalid template property or properties [%s]", e.Key.Value), "remove it, or move it under Metadata")
		case why != "":
			b.fail(e.Key, "", why, "remove the section")
		}
	}
	if v := root.Get("AWSTemplateFormatVersion"); v != nil && v.Text() != "2010-09-09" {
		b.fail(v, "", "Template format error: "+v.Text()+" is not a supported value for AWSTemplateFormatVersion.", "write 2010-09-09")
	}
	if d := root.Get("Description"); d != nil {
		b.t.Description = d.Text()
		if !d.IsScalar() || len(d.Text()) > MaxDescription {
			b.fail(d, "", "Template format error: 'Description' length is greater than 1024.", "shorten it")
		}
	}
	list := root.Get("Transform")
	if list.IsScalar() {
		list = L(list)
	}
	if list != nil {
		for _, it := range list.Items {
			if it.Text() != SAMTransform {
				b.fail(it, "", "this macro is not run here", "only "+SAMTransform+" is; expand the template before deploying it")
			}
			b.t.Transforms = append(b.t.Transforms, it.Text())
		}
	}
}

// section returns a top-level map and keeps its limit on entries.
func (b *builder) section(name string, limit int) *Node {
	n := b.t.Root.Get(name)
	if n == nil {
		return nil
	}
	if n.Kind != Map {
		b.fail(n, "", fmt.Sprintf("Template format error: [/%s] must be a map", name), "write name: value pairs")
		return nil
	}
	if len(n.Entries) > limit {
		b.fail(n.Entries[limit].Key, "", fmt.Sprintf("Template format error: Number of %s, %d, is greater than maximum allowed, %d", strings.ToLower(name), len(n.Entries), limit), "split the template")
	}
	for _, e := range n.Entries {
		if name != "Mappings" && (!logicalID.MatchString(e.Key.Value) || len(e.Key.Value) > MaxLogicalID) {
			b.fail(e.Key, "", fmt.Sprintf("Template format error: %s name %s is non alphanumeric.", strings.TrimSuffix(name, "s"), e.Key.Value), "use letters and digits, at most 255")
		}
	}
	return n
}

func (b *builder) mappings() {
	n := b.section("Mappings", MaxMappings)
	if n == nil {
		return
	}
	b.t.Mappings = n
	for _, m := range n.Entries {
		if m.Val.Kind != Map {
			b.fail(m.Val, "", "Template format error: Every Mappings member "+m.Key.Value+" must be a map", "write Map: {Key: {Name: value}}")
			continue
		}
		for _, k := range m.Val.Entries {
			if k.Val.Kind != Map {
				b.fail(k.Val, "", "Template format error: Every Mappings attribute must be a String or a List.", "write Map: {Key: {Name: value}}")
			} else if len(k.Val.Entries) > MaxMappingAttrs {
				b.fail(k.Key, "", fmt.Sprintf("Template format error: more than %d mapping attributes", MaxMappingAttrs), "split the mapping")
			}
		}
	}
}

func (b *builder) conditions() {
	if n := b.section("Conditions", MaxResources); n != nil {
		b.t.Conditions = n
	}
}

func (b *builder) resourcesSection() {
	n := b.section("Resources", MaxResources)
	if n == nil || len(n.Entries) == 0 {
		if n == nil && b.t.Root.Get("Resources") != nil {
			return // already complained of
		}
		b.fail(b.t.Root, "Resources", "Template format error: At least one Resources member must be defined.", "add a resource")
		return
	}
	for _, e := range n.Entries {
		if r := b.resource(e); r != nil {
			b.t.Resources = append(b.t.Resources, r)
			b.t.resources[r.ID] = r
		}
	}
}

// resourceKeys are the attributes of a resource; the refused ones carry the
// reason.
var resourceKeys = map[string]string{
	"Type": "", "Properties": "", "DependsOn": "", "Condition": "", "DeletionPolicy": "", "UpdateReplacePolicy": "", "Metadata": "",
	"CreationPolicy": "creation policies wait for signals, which nothing here sends",
	"UpdatePolicy":   "update policies are carried out by CodeDeploy and Auto Scaling, which are not here",
}

func (b *builder) resource(e Entry) *Resource {
	if e.Val.Kind != Map {
		b.fail(e.Val, e.Key.Value, "Template format error: [/Resources/"+e.Key.Value+"] resource definition is malformed", "write Type and Properties")
		return nil
	}
	r := &Resource{ID: e.Key.Value, Key: e.Key, Node: e.Val, TypeNode: e.Val.Get("Type"), Condition: e.Val.Get("Condition"), Properties: e.Val.Get("Properties")}
	for _, a := range e.Val.Entries {
		why, known := resourceKeys[a.Key.Value]
		switch {
		case !known:
			b.fail(a.Key, "", "Template format error: Invalid template resource property '"+a.Key.Value+"'", "did you mean to put it under Properties?")
		case why != "":
			b.fail(a.Key, "", why, "remove it")
		}
	}
	if r.TypeNode.Text() == "" || r.TypeNode.Kind != String {
		b.fail(e.Key, "", "Template format error: [/Resources/"+r.ID+"] Every Resources object must contain a Type member.", "add Type: AWS::…")
		return nil
	}
	r.Type = r.TypeNode.Text()
	if r.Properties == nil || r.Properties.Kind == Null {
		r.Properties = M().Place(e.Key.Pos)
	} else if r.Properties.Kind != Map {
		b.fail(r.Properties, "", "Template format error: [/Resources/"+r.ID+"/Properties] must be a map", "write name: value pairs")
		r.Properties = M()
	}
	if r.Condition != nil && !r.Condition.IsScalar() {
		b.fail(r.Condition, "", "Template format error: Condition must be the name of a condition", "")
		r.Condition = nil
	}
	r.DeletionPolicy = b.policy(e.Val.Get("DeletionPolicy"), "DeletionPolicy", "Delete", "Retain", "RetainExceptOnCreate")
	r.UpdateReplacePolicy = b.policy(e.Val.Get("UpdateReplacePolicy"), "UpdateReplacePolicy", "Delete", "Retain")
	r.DependsOn = b.dependsOn(e.Val.Get("DependsOn"))
	return r
}

func (b *builder) policy(n *Node, name string, allowed ...string) string {
	if n == nil {
		return "Delete"
	}
	switch v := n.Text(); {
	case slices.Contains(allowed, v):
		return v
	case v == "Snapshot":
		b.fail(n, "", "Template error: resource types here do not support "+strings.ToLower(strings.TrimSuffix(name, "Policy"))+" policy Snapshot", "use Retain")
	default:
		b.fail(n, "", "Template format error: Unrecognized "+name+" "+n.Brief()+" for resource", "use one of "+strings.Join(allowed, ", "))
	}
	return "Delete"
}

func (b *builder) dependsOn(n *Node) []*Node {
	if n == nil {
		return nil
	}
	items := n.Items
	if n.Kind == String {
		items = []*Node{n}
	}
	for _, it := range items {
		if it.Kind != String {
			b.fail(it, "", "Template format error: Every DependsOn value must be a string.", "name a resource")
			return nil
		}
	}
	if len(items) == 0 && n.Kind != List {
		b.fail(n, "", "Template format error: DependsOn must be a string or list of strings.", "name one resource, or several in a list")
	}
	return items
}

func (b *builder) outputs() {
	n := b.section("Outputs", MaxOutputs)
	if n == nil {
		return
	}
	for _, e := range n.Entries {
		o := &Output{ID: e.Key.Value, Key: e.Key, Value: e.Val.Get("Value"), Description: e.Val.Get("Description").Text(), Condition: e.Val.Get("Condition")}
		for _, a := range e.Val.Entries {
			if !slices.Contains([]string{"Value", "Description", "Export", "Condition"}, a.Key.Value) {
				b.fail(a.Key, "", "Template format error: Invalid output property '"+a.Key.Value+"'", "use Value, Description, Export and Condition")
			}
		}
		if o.Value == nil {
			b.fail(e.Key, "", "Template format error: Every Outputs member must contain a Value object", "add Value")
			continue
		}
		if x := e.Val.Get("Export"); x != nil {
			if o.Export = x.Get("Name"); o.Export == nil {
				b.fail(x, "", "Template format error: Output "+o.ID+" is malformed. Every Export must have a Name member.", "write Export: {Name: …}")
			}
		}
		b.t.Outputs = append(b.t.Outputs, o)
	}
}
