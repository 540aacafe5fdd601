package serverless

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/leatdev/leat/internal/deploy/template"
)

// maxVariableDepth is how deep variables may lead to variables.
const maxVariableDepth = 64

// variable matches the inside of ${…} that is a variable and not a piece of Fn::Sub.
var variable = regexp.MustCompile(`^[a-zA-Z]\w*(\([^)]*\)|\.[a-z0-9-]+)*(:[^:]|:$|\()`)

// resolver replaces variables. Values are resolved where they are used, so that a value may
// stand anywhere in the document.
type resolver struct {
	o     Options
	root  *template.Node
	files map[string]*template.Node
	depth int
	busy  map[*template.Node]bool
}

// missing marks a value that a source does not have; a fallback may stand in.
type missing struct{ source, address string }

func (m *missing) Error() string { return "Value not found at \"" + m.source + "\" source" }

// resolve returns the tree with its variables replaced.
func (r *resolver) resolve(n *template.Node) (*template.Node, error) {
	if n == nil {
		return nil, nil
	}
	if r.depth++; r.depth > maxVariableDepth+template.MaxDepth {
		return nil, template.Errorf(n, "", "variables lead too deep", "look for one that leads back to itself")
	}
	defer func() { r.depth-- }()
	switch n.Kind {
	case template.String:
		return r.text(n)
	case template.List:
		out := &template.Node{Kind: template.List, Pos: n.Pos}
		for _, it := range n.Items {
			v, err := r.resolve(it)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, v)
		}
		return out, nil
	case template.Map:
		out := &template.Node{Kind: template.Map, Pos: n.Pos}
		for _, e := range n.Entries {
			k, err := r.resolve(e.Key)
			if err != nil {
				return nil, err
			}
			v, err := r.resolve(e.Val)
			if err != nil {
				return nil, err
			}
			out.Entries = append(out.Entries, template.Entry{Key: k, Val: v})
		}
		return out, nil
	}
	return n, nil
}

// text replaces the variables of one string. A string that is one variable alone
// takes its value's kind.
func (r *resolver) text(n *template.Node) (*template.Node, error) {
	if !strings.Contains(n.Value, "${") {
		return n, nil
	}
	if r.busy[n] {
		return nil, template.Errorf(n, "", "Cannot resolve variable: it leads back to itself", "break the circle")
	}
	r.busy[n] = true
	defer delete(r.busy, n)
	var out strings.Builder
	s := n.Value
	for {
		start := strings.Index(s, "${")
		if start < 0 {
			out.WriteString(s)
			break
		}
		end := closing(s, start+2)
		if end < 0 {
			out.WriteString(s)
			break
		}
		inside := s[start+2 : end]
		v, is, err := r.expression(n, inside)
		if err != nil {
			return nil, err
		}
		if !is {
			out.WriteString(s[:start+2])
			s = s[start+2:]
			continue
		}
		if start == 0 && end == len(s)-1 && out.Len() == 0 {
			return at(v, n.Pos), nil
		}
		out.WriteString(s[:start])
		if !v.IsScalar() {
			return nil, template.Errorf(n, "${"+inside+"}", "Cannot resolve variable: a string cannot hold "+v.Kind.String(), "use the variable alone")
		}
		out.WriteString(v.Text())
		s = s[end+1:]
	}
	c := template.Str(out.String())
	c.Pos = n.Pos
	return c, nil
}

// at gives a value the place of its use where it has none of its own.
func at(v *template.Node, pos template.Pos) *template.Node {
	if v == nil {
		return &template.Node{Kind: template.Null, Pos: pos}
	}
	c := *v
	if c.IsScalar() || c.Pos.IsZero() {
		c.Pos = pos
	}
	return &c
}

// closing finds the brace that closes the variable that begins before from.
func closing(s string, from int) int {
	depth := 1
	for i := from; i < len(s); i++ {
		switch {
		case s[i] == '$' && i+1 < len(s) && s[i+1] == '{':
			depth++
			i++
		case s[i] == '{':
			depth++
		case s[i] == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// expression evaluates the inside of ${…}: alternatives, of which the first that
// has a value counts. It says false if this is no variable of the Framework.
func (r *resolver) expression(n *template.Node, inside string) (*template.Node, bool, error) {
	if !variable.MatchString(strings.TrimSpace(inside)) {
		return nil, false, nil
	}
	var lost *missing
	for _, alt := range alternatives(inside) {
		v, err := r.alternative(n, strings.TrimSpace(alt))
		if m, ok := err.(*missing); ok {
			lost = m
			continue
		}
		if err != nil {
			return nil, true, err
		}
		return v, true, nil
	}
	return nil, true, template.Errorf(n, "${"+inside+"}", "Cannot resolve variable: "+lost.Error(), "define "+lost.address+", or give a fallback after a comma")
}

// alternatives splits at commas outside of quotes, braces and parentheses.
func alternatives(s string) []string {
	var out []string
	depth, start := 0, 0
	var quote byte
	for i := range len(s) {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '{' || c == '(':
			depth++
		case c == '}' || c == ')':
			depth--
		case c == ',' && depth == 0:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// alternative evaluates one alternative: a literal or source(parameters):address.
func (r *resolver) alternative(n *template.Node, alt string) (*template.Node, error) {
	if len(alt) >= 2 && (alt[0] == '\'' || alt[0] == '"') && alt[len(alt)-1] == alt[0] {
		return r.text(&template.Node{Kind: template.String, Value: alt[1 : len(alt)-1], Pos: n.Pos})
	}
	if strings.HasPrefix(alt, "${") {
		return r.text(&template.Node{Kind: template.String, Value: alt, Pos: n.Pos})
	}
	if strings.Contains(alt, "${") {
		inner, err := r.text(&template.Node{Kind: template.String, Value: alt, Pos: n.Pos})
		if err != nil {
			return nil, err
		}
		alt = inner.Text()
	}
	if !variable.MatchString(alt) {
		return literal(alt, n.Pos), nil
	}
	source, address := alt, ""
	if i := outsideColon(alt); i >= 0 {
		source, address = alt[:i], strings.TrimSpace(alt[i+1:])
	}
	param := ""
	if open := strings.IndexByte(source, '('); open >= 0 {
		param = strings.TrimSpace(strings.TrimSuffix(source[open+1:], ")"))
		source = source[:open]
	}
	return r.source(n, source, param, address)
}

func outsideColon(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ':':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// literal reads a bare word: true, false, null or a number.
func literal(s string, pos template.Pos) *template.Node {
	n := &template.Node{Kind: template.String, Value: s, Pos: pos}
	switch {
	case s == "true" || s == "false":
		n.Kind = template.Bool
	case s == "null" || s == "":
		n.Kind, n.Value = template.Null, ""
	default:
		if _, err := strconv.ParseFloat(s, 64); err == nil && json.Valid([]byte(s)) {
			n.Kind = template.Number
		}
	}
	return n
}

// absentSources are the Framework's sources that are refused.
var absentSources = map[string]string{
	"ssm": "the SSM parameter store is not here", "s3": "variables are not read from buckets here", "git": "the git source is a plugin's", "doppler": "secrets of services are not fetched here",
	"terraform": "Terraform states are not read here", "vault": "secrets of services are not fetched here", "output": "other services' outputs are read with ${cf:…} here",
}

func (r *resolver) source(n *template.Node, source, param, address string) (*template.Node, error) {
	name, region, _ := strings.Cut(source, ".")
	switch name {
	case "self":
		return r.self(address)
	case "env":
		if v, ok := r.o.Env(address); ok {
			return template.Str(v), nil
		}
		return nil, &missing{"env", address}
	case "opt":
		return r.option(address)
	case "sls":
		return r.sls(n, address)
	case "param":
		return r.param(address)
	case "aws":
		switch address {
		case "accountId":
			return template.Str(r.o.Account), nil
		case "region":
			return template.Str(r.region()), nil
		}
		return nil, &missing{"aws", address}
	case "file":
		return r.file(n, param, address)
	case "cf":
		if param != "" {
			region = param
		}
		return r.output(region, address)
	case "strToBool":
		return strToBool(n, param)
	}
	if why := absentSources[name]; why != "" {
		return nil, template.Errorf(n, "${"+source+":"+address+"}", why, "write the value, or take it from ${env:…}")
	}
	return nil, template.Errorf(n, "${"+source+":"+address+"}", "Unrecognized configuration variable sources: \""+name+"\"", "the sources here are self, env, opt, param, file, cf, aws, sls and strToBool")
}

// walk goes down a dotted address, resolving on its way.
func (r *resolver) walk(n *template.Node, source, address string) (*template.Node, error) {
	var err error
	if address != "" {
		for _, part := range strings.Split(address, ".") {
			if n != nil && n.Kind == template.String {
				if n, err = r.text(n); err != nil {
					return nil, err
				}
			}
			switch {
			case n == nil:
			case n.Kind == template.List:
				i, cerr := strconv.Atoi(part)
				if cerr != nil || i < 0 || i >= len(n.Items) {
					return nil, &missing{source, address}
				}
				n = n.Items[i]
			default:
				n = n.Get(part)
			}
			if n == nil {
				return nil, &missing{source, address}
			}
		}
	}
	if n == nil || n.Kind == template.Null {
		return nil, &missing{source, address}
	}
	return r.resolve(n)
}

func (r *resolver) self(address string) (*template.Node, error) {
	v, err := r.walk(r.root, "self", address)
	if _, lost := err.(*missing); !lost {
		return v, err
	}
	switch address { // what the Framework fills in
	case "provider.stage":
		return template.Str(r.stage()), nil
	case "provider.region":
		return template.Str(r.region()), nil
	}
	return nil, err
}

// stage is the deployment's stage: by option, from the provider, or dev.
func (r *resolver) stage() string {
	if r.o.Stage != "" {
		return r.o.Stage
	}
	if s := r.root.At("provider", "stage"); s != nil && !r.busy[s] {
		if v, err := r.resolve(s); err == nil && v.Text() != "" {
			return v.Text()
		}
	}
	return "dev"
}

func (r *resolver) region() string {
	if r.o.Region != "" {
		return r.o.Region
	}
	if s := r.root.At("provider", "region"); s != nil && !r.busy[s] {
		if v, err := r.resolve(s); err == nil && v.Text() != "" {
			return v.Text()
		}
	}
	return "us-east-1"
}

func (r *resolver) option(address string) (*template.Node, error) {
	switch {
	case address == "stage" && r.o.Stage != "":
		return template.Str(r.o.Stage), nil
	case address == "region" && r.o.Region != "":
		return template.Str(r.o.Region), nil
	}
	if v, ok := r.o.Opt[address]; ok {
		return template.Str(v), nil
	}
	return nil, &missing{"opt", address}
}

func (r *resolver) sls(n *template.Node, address string) (*template.Node, error) {
	switch address {
	case "stage":
		return template.Str(r.stage()), nil
	case "instanceId":
		return template.Str(r.o.InstanceID), nil
	}
	return nil, template.Errorf(n, "${sls:"+address+"}", "Unsupported \"sls\" source address", "use sls:stage or sls:instanceId")
}

// param looks in --param, then the stage's parameters, then the default's; version 4
// keeps them under stages.
func (r *resolver) param(address string) (*template.Node, error) {
	if v, ok := r.o.Params[address]; ok {
		return template.Str(v), nil
	}
	for _, stage := range []string{r.stage(), "default"} {
		for _, n := range []*template.Node{r.root.At("params", stage), r.root.At("stages", stage, "params")} {
			if v, err := r.walk(n, "param", address); err == nil {
				return v, nil
			} else if _, lost := err.(*missing); !lost {
				return nil, err
			}
		}
	}
	return nil, &missing{"param", address}
}

func (r *resolver) output(region, address string) (*template.Node, error) {
	stack, key, ok := strings.Cut(address, ".")
	if !ok || r.o.Output == nil {
		return nil, &missing{"cf", address}
	}
	if region == "" {
		region = r.region()
	}
	v, err := r.o.Output(region, stack, key)
	if err != nil {
		return nil, err
	}
	if v == "" {
		return nil, &missing{"cf", address}
	}
	return template.Str(v), nil
}

func strToBool(n *template.Node, s string) (*template.Node, error) {
	switch strings.ToLower(strings.Trim(s, `'"`)) {
	case "true", "1":
		return template.Boolean(true), nil
	case "false", "0":
		return template.Boolean(false), nil
	}
	return nil, template.Errorf(n, "${strToBool("+s+")}", "Invalid \"strToBool\" input: Expected either \"true\", \"false\", \"0\", or \"1\". Received: "+s, "give one of them")
}

// file reads a YAML or JSON file, or another as text.
func (r *resolver) file(n *template.Node, name, address string) (*template.Node, error) {
	name = strings.Trim(name, `'"`)
	path := name
	if home, err := os.UserHomeDir(); err == nil && strings.HasPrefix(path, "~/") {
		path = filepath.Join(home, path[2:])
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.o.Dir, path)
	}
	switch filepath.Ext(path) {
	case ".js", ".cjs", ".mjs", ".ts":
		return nil, template.Errorf(n, "${file("+name+")}", "JavaScript files are not run here", "write the values as YAML or JSON")
	}
	doc, ok := r.files[path]
	if !ok {
		var err error
		if doc, err = r.load(n, name, path); err != nil {
			return nil, err
		}
		r.files[path] = doc
	}
	return r.walk(doc, "file("+name+")", address)
}

func (r *resolver) load(n *template.Node, name, path string) (*template.Node, error) {
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return nil, &missing{"file(" + name + ")", name}
	}
	if err != nil || info.Size() > template.MaxBytes {
		return nil, template.Errorf(n, "${file("+name+")}", fmt.Sprintf("the file cannot be read: %v", err), "files may have 1 MiB")
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, template.Errorf(n, "${file("+name+")}", "the file cannot be read: "+err.Error(), "check its permissions")
	}
	switch filepath.Ext(path) {
	case ".yml", ".yaml", ".json", ".tfstate":
		return template.Load(name, raw)
	}
	return template.Str(strings.TrimSpace(string(raw))), nil
}
