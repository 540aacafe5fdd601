package resources

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leatdev/leat/internal/deploy/template"
)

// binding says how properties become a struct of the SDK.
type binding struct {
	skip   []string          // top-level properties that go elsewhere
	rename map[string]string // dotted property path → field name, where they differ
}

// bind fills the struct that into points to from a map of properties. A
// property goes to the field of its name; scalars are converted as CloudFormation
// converts them. Unknown values are passed over, so that a plan can be checked. An
// unknown or ill-formed property is a *template.Error at its place.
func (b binding) bind(props *template.Node, into any) error {
	return b.fill(props, reflect.ValueOf(into).Elem(), "")
}

func (b binding) fill(n *template.Node, v reflect.Value, path string) error {
	if n.Kind == template.Unknown || n.Kind == template.Null {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		if err := b.fill(n, p.Elem(), path); err != nil {
			return err
		}
		v.Set(p)
		return nil
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return fillTime(n, v)
		}
		return b.fillStruct(n, v, path)
	case reflect.Map:
		return b.fillMap(n, v, path)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(n.Text()))
			return nil
		}
		return b.fillSlice(n, v, path)
	}
	return fillScalar(n, v)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (b binding) fillStruct(n *template.Node, v reflect.Value, path string) error {
	if n.Kind != template.Map {
		return wrongForm(n, "a map")
	}
	for _, e := range n.Entries {
		name := e.Key.Value
		if path == "" && slices.Contains(b.skip, name) {
			continue
		}
		at := join(path, name)
		field := name
		if r := b.rename[at]; r != "" {
			field = r
		}
		f := v.FieldByName(field)
		if !f.IsValid() || !f.CanSet() || field == "ResultMetadata" {
			return template.Errorf(e.Key, at, "Encountered unsupported property "+name, "the properties here are "+strings.Join(fieldNames(v.Type()), ", "))
		}
		if err := b.fill(e.Val, f, at); err != nil {
			return err
		}
	}
	return nil
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && f.Name != "ResultMetadata" {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (b binding) fillMap(n *template.Node, v reflect.Value, path string) error {
	if n.Kind != template.Map {
		return wrongForm(n, "a map")
	}
	m := reflect.MakeMap(v.Type())
	for _, e := range n.Entries {
		el := reflect.New(v.Type().Elem()).Elem()
		if err := b.fill(e.Val, el, join(path, "*")); err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(e.Key.Value).Convert(v.Type().Key()), el)
	}
	v.Set(m)
	return nil
}

func (b binding) fillSlice(n *template.Node, v reflect.Value, path string) error {
	if n.Kind != template.List {
		return wrongForm(n, "a list")
	}
	s := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
	for i, it := range n.Items {
		if err := b.fill(it, s.Index(i), path); err != nil {
			return err
		}
	}
	v.Set(s)
	return nil
}

func wrongForm(n *template.Node, want string) error {
	return template.Errorf(n, "", "Property validation failure: Value of property must be "+want, "this is "+n.Kind.String())
}

func fillTime(n *template.Node, v reflect.Value) error {
	if sec, err := strconv.ParseFloat(n.Text(), 64); err == nil && !math.IsInf(sec, 0) && !math.IsNaN(sec) {
		v.Set(reflect.ValueOf(time.UnixMilli(int64(sec * 1000)).UTC()))
		return nil
	}
	t, err := time.Parse(time.RFC3339, n.Text())
	if err != nil {
		return wrongForm(n, "a time: seconds since 1970, or RFC 3339")
	}
	v.Set(reflect.ValueOf(t))
	return nil
}

func fillScalar(n *template.Node, v reflect.Value) error {
	if !n.IsScalar() {
		return wrongForm(n, scalarName(v.Kind()))
	}
	var err error
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Text())
	case reflect.Bool:
		var x bool
		if x, err = strconv.ParseBool(strings.ToLower(n.Text())); err == nil {
			v.SetBool(x)
		}
	case reflect.Int, reflect.Int32, reflect.Int64:
		var x int64
		if x, err = strconv.ParseInt(strings.TrimSuffix(n.Text(), ".0"), 10, v.Type().Bits()); err == nil {
			v.SetInt(x)
		}
	case reflect.Float32, reflect.Float64:
		var x float64
		if x, err = strconv.ParseFloat(n.Text(), 64); err == nil {
			v.SetFloat(x)
		}
	default:
		return fmt.Errorf("resources: no binding for %s", v.Type())
	}
	if err != nil {
		return wrongForm(n, scalarName(v.Kind()))
	}
	return nil
}

func scalarName(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

// tagMap reads tags, written as a list of Key and Value or as a map, and adds the
// stack's.
func tagMap(n *template.Node, stack map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range stack {
		out[k] = v
	}
	if n != nil {
		for _, e := range n.Entries {
			out[e.Key.Value] = e.Val.Text()
		}
		for _, it := range n.Items {
			out[it.Get("Key").Text()] = it.Get("Value").Text()
		}
	}
	return out
}

// document renders a policy or other JSON document, given as a map or as text.
func document(n *template.Node) string {
	if n == nil {
		return ""
	}
	if n.IsScalar() {
		return n.Text()
	}
	return string(n.JSON())
}

// strs reads a list of strings; a lone string is a list of one.
func strs(n *template.Node) []string {
	if n.IsScalar() {
		return []string{n.Text()}
	}
	var out []string
	if n != nil {
		for _, it := range n.Items {
			out = append(out, it.Text())
		}
	}
	return out
}
