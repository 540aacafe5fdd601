package template

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Limits of a template's text. The first is CloudFormation's own (a template
// given by URL); the others keep a hostile file from taking the machine.
const (
	MaxBytes = 1 << 20 // size of the text
	MaxDepth = 64      // nesting of lists and maps
	MaxNodes = 200_000 // values, counted after aliases are followed
)

// loader turns text into Nodes.
type loader struct {
	file  string
	nodes int
	errs  Errors
}

// Load reads a YAML or JSON document. File names it in positions. YAML aliases
// and merge keys are followed and the short forms of intrinsic functions become
// the long ones. Duplicate keys, several documents, and text beyond the limits
// are refused. The error is an *Error or Errors.
func Load(file string, src []byte) (*Node, error) {
	l := &loader{file: file}
	if len(src) > MaxBytes {
		return nil, &Error{Pos: Pos{File: file}, Reason: fmt.Sprintf("Template may not exceed %d bytes in size.", MaxBytes), Next: "split it into several stacks"}
	}
	trimmed := bytes.TrimLeft(bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(trimmed) == 0 {
		return nil, &Error{Pos: Pos{file, 1, 1}, Reason: "Template format error: the file is empty", Next: "write a template with a Resources section"}
	}
	if trimmed[0] == '{' {
		if n, err := l.loadJSON(src); err == nil {
			return n, nil
		} else if json := err; !looksLikeFlowYAML(file, trimmed) {
			return nil, json
		}
		l.nodes = 0
	}
	return l.loadYAML(src)
}

// looksLikeFlowYAML tells a YAML file that begins with a flow mapping from JSON
// that is broken, whose errors are better given by the JSON reader.
func looksLikeFlowYAML(file string, trimmed []byte) bool {
	if strings.HasSuffix(file, ".json") {
		return false
	}
	rest := bytes.TrimLeft(trimmed[1:], " \t\r\n")
	return len(rest) > 0 && rest[0] != '"' && rest[0] != '}'
}

func (l *loader) loadYAML(src []byte) (*Node, error) {
	var doc yaml.Node
	dec, err := yaml.NewLoader(bytes.NewReader(src), yaml.WithV3Defaults())
	if err != nil {
		return nil, l.yamlError(err)
	}
	if err := dec.Load(&doc); err != nil {
		return nil, l.yamlError(err)
	}
	var second yaml.Node
	if err := dec.Load(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, l.yamlError(err)
		}
		return nil, &Error{Pos: Pos{l.file, second.Line, second.Column}, Text: "---", Reason: "Template format error: a second document in the file", Next: "keep one document"}
	}
	root := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		root = doc.Content[0]
	}
	n := l.node(root, 0, nil)
	return n, l.errs.Err()
}

// yamlError turns the parser's error into ours; its text carries the place.
func (l *loader) yamlError(err error) error {
	e := &Error{Pos: Pos{File: l.file}, Reason: "Template format error: YAML not well-formed: " + strings.TrimPrefix(err.Error(), "yaml: "), Next: "correct the YAML at this place"}
	var le *yaml.LoadError
	if errors.As(err, &le) {
		e.Pos.Line, e.Pos.Col = le.Mark.Line, le.Mark.Column
		e.Reason = "Template format error: YAML not well-formed: " + le.Message
	}
	return e
}

func (l *loader) fail(e *Error) *Node {
	l.errs = append(l.errs, e)
	return &Node{Kind: Null, Pos: e.Pos}
}

// count keeps the limits on size and depth.
func (l *loader) count(n *Node, depth int) error {
	l.nodes++
	if l.nodes > MaxNodes {
		return Errorf(n, "", fmt.Sprintf("Template format error: more than %d values", MaxNodes), "split the template, or expand fewer aliases")
	}
	if depth > MaxDepth {
		return Errorf(n, "", fmt.Sprintf("Template format error: nested deeper than %d levels", MaxDepth), "flatten this value")
	}
	return nil
}

func duplicateKey(key *Node) *Error {
	return Errorf(key, key.Value, "Template format error: duplicate key", "keep one of the two")
}

// node converts one YAML node. Stack holds the aliases being followed, to find
// one that contains itself.
func (l *loader) node(y *yaml.Node, depth int, stack []*yaml.Node) *Node {
	n := &Node{Pos: Pos{l.file, y.Line, y.Column}}
	if err := l.count(n, depth); err != nil {
		if len(l.errs) == 0 || l.nodes <= MaxNodes {
			l.errs.Append(err)
		}
		return n
	}
	if y.Kind == yaml.AliasNode {
		for _, s := range stack {
			if s == y.Alias {
				return l.fail(Errorf(n, "*"+y.Value, "Template format error: the anchor contains itself", "remove the alias"))
			}
		}
		return l.node(y.Alias, depth, append(stack, y.Alias))
	}
	tag := y.Tag
	if strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!") {
		return l.shortForm(y, n, depth, stack)
	}
	switch y.Kind {
	case yaml.ScalarNode:
		l.scalar(y, n)
	case yaml.SequenceNode:
		n.Kind = List
		for _, c := range y.Content {
			n.Items = append(n.Items, l.node(c, depth+1, stack))
		}
	case yaml.MappingNode:
		l.mapping(y, n, depth, stack)
	}
	return n
}

func (l *loader) scalar(y *yaml.Node, n *Node) {
	n.Value = y.Value
	switch y.ShortTag() {
	case "!!null":
		n.Kind, n.Value = Null, ""
	case "!!bool":
		n.Kind, n.Value = Bool, strings.ToLower(y.Value)
	case "!!int", "!!float":
		n.Kind = Number
	default:
		n.Kind = String
	}
}

func (l *loader) mapping(y *yaml.Node, n *Node, depth int, stack []*yaml.Node) {
	n.Kind = Map
	seen := map[string]bool{}
	var merges []*Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.ShortTag() == "!!merge" {
			merges = append(merges, l.node(v, depth+1, stack))
			continue
		}
		key := l.node(k, depth+1, stack)
		if !key.IsScalar() {
			l.fail(Errorf(key, "", "Template format error: a key must be a string", "quote it"))
			continue
		}
		key.Kind = String
		if seen[key.Value] {
			l.fail(duplicateKey(key))
			continue
		}
		seen[key.Value] = true
		n.Entries = append(n.Entries, Entry{key, l.node(v, depth+1, stack)})
	}
	for _, m := range merges {
		l.merge(n, m, seen)
	}
}

// merge adds what `<<` names, without overriding what the map itself says.
func (l *loader) merge(into, from *Node, seen map[string]bool) {
	switch from.Kind {
	case List:
		for _, it := range from.Items {
			l.merge(into, it, seen)
		}
	case Map:
		for _, e := range from.Entries {
			if !seen[e.Key.Value] {
				seen[e.Key.Value] = true
				into.Entries = append(into.Entries, e)
			}
		}
	default:
		l.fail(Errorf(from, "", "Template format error: << needs a map or a list of maps", ""))
	}
}

// shortForms maps YAML tags to the functions they abbreviate.
var shortForms = map[string]string{
	"!Ref": "Ref", "!Condition": "Condition", "!GetAtt": "Fn::GetAtt", "!Sub": "Fn::Sub", "!Join": "Fn::Join",
	"!Split": "Fn::Split", "!Select": "Fn::Select", "!FindInMap": "Fn::FindInMap", "!If": "Fn::If", "!And": "Fn::And",
	"!Or": "Fn::Or", "!Not": "Fn::Not", "!Equals": "Fn::Equals", "!ImportValue": "Fn::ImportValue",
	"!Base64": "Fn::Base64", "!Cidr": "Fn::Cidr", "!GetAZs": "Fn::GetAZs", "!Transform": "Fn::Transform",
}

// shortForm turns `!Fn value` into {"Fn::Fn": value}.
func (l *loader) shortForm(y *yaml.Node, n *Node, depth int, stack []*yaml.Node) *Node {
	name, ok := shortForms[y.Tag]
	if !ok {
		return l.fail(Errorf(n, y.Tag, "Template format error: unknown tag", "use one of !Ref !Sub !GetAtt !Join !If … or quote the text"))
	}
	plain := *y
	plain.Tag = ""
	if y.Kind == yaml.ScalarNode {
		plain.Tag = "!!str"
	}
	arg := l.node(&plain, depth+1, stack)
	if name == "Fn::GetAtt" && arg.Kind == String {
		if id, attr, ok := strings.Cut(arg.Value, "."); ok {
			p := arg.Pos
			arg = L(id, attr).Place(p)
		}
	}
	n.Kind = Map
	n.Entries = []Entry{{&Node{Kind: String, Value: name, Pos: n.Pos}, arg}}
	return n
}
