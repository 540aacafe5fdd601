// Package codec moves Go values in and out of AWS's body formats: JSON, CBOR,
// query forms, XML and the HTTP-bound parts of REST requests.
//
// A value's Go type and its shape in the service's model are married once, into
// a plan: a tree of nodes that knows for every member its Go field, its name on
// the wire and its format. All formats walk the same plan, so a member that is
// right in one format is right in all.
//
//	(reflect.Type, *model.Shape) ──build, cached──▶ node ──┬─▶ JSON  decode / append
//	                                                       ├─▶ CBOR  decode / append
//	                                                       ├─▶ query decode
//	                                                       ├─▶ XML   append
//	                                                       ├─▶ REST  bind / render
//	                                                       └─▶ constraints
package codec

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/wire/model"
)

// JSONUnmarshaler reads a member's raw JSON value itself; raw is valid only
// during the call.
type JSONUnmarshaler interface {
	UnmarshalWireJSON(raw []byte) error
}

// JSONAppender writes a member's JSON value itself.
type JSONAppender interface {
	AppendWireJSON(dst []byte) ([]byte, error)
}

// kind is what a node does with its value; it follows the Go type.
type kind uint8

const (
	kindStruct kind = iota + 1
	kindList
	kindMap
	kindString
	kindBlob
	kindBool
	kindInt
	kindFloat
	kindTime
	kindUnion
	kindAny
	kindReader
)

// fast marks the exact Go types that the hot loops set without reflection's help.
type fast uint8

const (
	slow fast = iota
	fastString
	fastStringPtr
	fastBytes
	fastInt32Ptr
	fastInt64Ptr
	fastBoolPtr
	fastTimePtr
)

// node is a Go type together with its shape. Nodes are immutable once published.
type node struct {
	kind  kind
	fast  fast
	ptr   bool         // the Go type is a pointer to typ
	typ   reflect.Type // without the pointer
	shape *model.Shape // nil where the model says nothing
	ref   *model.Member

	timeFormat string
	zeroOmit   bool // a string that means "absent" when empty (enumerations)
	unmarshals bool // *typ is a JSONUnmarshaler
	appends    bool // typ or *typ is a JSONAppender
	appendsPtr bool

	fields []field // of structs, in the model's order
	byWire map[string]*field
	elem   *node // of lists and maps
	key    *node
	union  *union
}

// field is one member of a struct.
type field struct {
	name     string // the API's member name
	lower    string // the name in validation texts
	wire     string // its name in bodies
	query    string // its name in query requests and their XML replies
	jsonKey  []byte // "wire":
	index    int    // of the Go field
	location model.Location
	member   *model.Member
	node     *node
}

type planKey struct {
	typ   reflect.Type
	shape *model.Shape
	time  string
}

// Plan tells how a Go type travels as a shape. It is safe for concurrent use.
type Plan struct {
	root *node
}

var (
	plans   sync.Map // planKey -> *node
	buildMu sync.Mutex
)

// For gives the plan of a Go type, a struct or a pointer to one, for a shape. A
// nil shape means that members are named as the Go fields. It fails when the
// type cannot carry the shape, which is a programming error of a service.
func For(typ reflect.Type, shape *model.Shape) (*Plan, error) {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	n, err := nodeFor(typ, shape, nil)
	if err != nil {
		return nil, err
	}
	return &Plan{root: n}, nil
}

func nodeFor(typ reflect.Type, shape *model.Shape, ref *model.Member) (*node, error) {
	k := keyOf(typ, shape, ref)
	if n, ok := plans.Load(k); ok {
		return n.(*node), nil
	}
	buildMu.Lock()
	defer buildMu.Unlock()
	b := builder{fresh: map[planKey]*node{}}
	n, err := b.node(typ, shape, ref)
	if err != nil {
		return nil, err
	}
	for k, n := range b.fresh {
		plans.Store(k, n)
	}
	return n, nil
}

func keyOf(typ reflect.Type, shape *model.Shape, ref *model.Member) planKey {
	k := planKey{typ: typ, shape: shape}
	if ref != nil {
		k.time = ref.TimeFormat
	}
	return k
}

// builder holds the nodes of one build; they are published together, so that no
// reader meets a recursive node half filled.
type builder struct {
	fresh map[planKey]*node
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	readerType   = reflect.TypeFor[io.Reader]()
	closerType   = reflect.TypeFor[io.ReadCloser]()
	bytesType    = reflect.TypeFor[[]byte]()
	unmarshaler  = reflect.TypeFor[JSONUnmarshaler]()
	appenderType = reflect.TypeFor[JSONAppender]()
)

func (b *builder) node(typ reflect.Type, shape *model.Shape, ref *model.Member) (*node, error) {
	k := keyOf(typ, shape, ref)
	if n, ok := plans.Load(k); ok {
		return n.(*node), nil
	}
	if n, ok := b.fresh[k]; ok {
		return n, nil
	}
	n := &node{typ: typ, shape: shape, ref: ref}
	b.fresh[k] = n
	if typ.Kind() == reflect.Pointer {
		n.ptr, n.typ = true, typ.Elem()
	}
	n.timeFormat = timeFormatOf(shape, ref)
	n.unmarshals = reflect.PointerTo(n.typ).Implements(unmarshaler)
	n.appends = n.typ.Implements(appenderType) && n.typ.Kind() != reflect.Interface
	n.appendsPtr = !n.appends && reflect.PointerTo(n.typ).Implements(appenderType)
	if err := b.fill(n); err != nil {
		return nil, err
	}
	n.fast = fastOf(n)
	return n, nil
}

func timeFormatOf(shape *model.Shape, ref *model.Member) string {
	if ref != nil && ref.TimeFormat != "" {
		return ref.TimeFormat
	}
	if shape != nil {
		return shape.TimeFormat
	}
	return ""
}

// fill chooses the node's kind by its Go type and checks it against the shape.
func (b *builder) fill(n *node) error {
	switch t := n.typ; {
	case t == timeType:
		n.kind = kindTime
	case t == readerType || t == closerType:
		n.kind = kindReader
	case t.Kind() == reflect.Interface:
		return n.fillInterface(b)
	case t.Kind() == reflect.Struct:
		n.kind = kindStruct
		if n.unmarshals && (n.appends || n.appendsPtr) {
			return nil // the type does everything itself
		}
		return b.structure(n)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		n.kind = kindBlob
	case t.Kind() == reflect.Slice:
		n.kind = kindList
		return b.list(n)
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		n.kind = kindMap
		return b.mapping(n)
	case t.Kind() == reflect.String:
		n.kind = kindString
		n.zeroOmit = !n.ptr && (t.Name() != "string" || t.PkgPath() != "")
	case t.Kind() == reflect.Bool:
		n.kind = kindBool
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		n.kind = kindInt
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		n.kind = kindFloat
	default:
		return fmt.Errorf("codec: type %v cannot travel", t)
	}
	return n.agree()
}

// agree refuses pairs such as a string for a list before they corrupt a body.
func (n *node) agree() error {
	if n.shape == nil || n.unmarshals || n.appends || n.appendsPtr {
		return nil
	}
	ok := true
	switch n.shape.Kind {
	case model.Structure:
		ok = n.kind == kindStruct || n.kind == kindUnion || n.kind == kindAny || n.shape.EventStream
	case model.List:
		ok = n.kind == kindList || n.kind == kindAny
	case model.Map:
		ok = n.kind == kindMap || n.kind == kindAny
	case model.Blob:
		ok = n.kind == kindBlob || n.kind == kindReader || n.kind == kindString
	case model.Boolean:
		ok = n.kind == kindBool
	case model.Integer, model.Long:
		ok = n.kind == kindInt
	case model.Float, model.Double:
		ok = n.kind == kindFloat
	case model.Timestamp:
		ok = n.kind == kindTime || n.kind == kindString
	case model.String:
		ok = n.kind == kindString || n.kind == kindBlob || n.kind == kindAny
	}
	if !ok {
		return fmt.Errorf("codec: type %v cannot carry shape %s", n.typ, n.shape.Name)
	}
	return nil
}

func (n *node) fillInterface(b *builder) error {
	if n.typ.NumMethod() == 0 {
		n.kind = kindAny
		return nil
	}
	u, ok := unionOf(n.typ)
	if !ok {
		return fmt.Errorf("codec: interface %v is no registered union", n.typ)
	}
	n.kind = kindUnion
	return b.union(n, u)
}

func (b *builder) list(n *node) error {
	var shape *model.Shape
	var ref *model.Member
	if err := n.agree(); err != nil {
		return err
	}
	if n.shape != nil && n.shape.Kind == model.List {
		ref = n.shape.Elem
		shape = ref.Shape
	}
	var err error
	n.elem, err = b.node(n.typ.Elem(), shape, ref)
	return err
}

func (b *builder) mapping(n *node) error {
	if err := n.agree(); err != nil {
		return err
	}
	var shape *model.Shape
	var key, ref *model.Member
	if n.shape != nil && n.shape.Kind == model.Map {
		key, ref = n.shape.Key, n.shape.Value
		shape = ref.Shape
	}
	var err error
	if n.elem, err = b.node(n.typ.Elem(), shape, ref); err != nil {
		return err
	}
	var keyShape *model.Shape
	if key != nil {
		keyShape = key.Shape
	}
	n.key, err = b.node(n.typ.Key(), keyShape, key)
	return err
}

// structure pairs members with Go fields. A member without a field is skipped
// on decode: the type's author chose not to have it.
func (b *builder) structure(n *node) error {
	if err := n.agree(); err != nil {
		return err
	}
	if n.shape == nil {
		return b.bareStruct(n)
	}
	for _, m := range n.shape.Members {
		sf, ok := fieldByMember(n.typ, m.Name)
		if !ok || m.Shape.EventStream {
			continue
		}
		fn, err := b.node(sf.Type, m.Shape, m)
		if err != nil {
			return fmt.Errorf("%v.%s: %w", n.typ, sf.Name, err)
		}
		n.fields = append(n.fields, field{
			name: m.Name, wire: m.WireOr(m.Name), query: m.QueryOr(m.Name), index: sf.Index[0], location: m.Location, member: m, node: fn,
		})
	}
	n.index()
	return nil
}

func (b *builder) bareStruct(n *node) error {
	for i := range n.typ.NumField() {
		sf := n.typ.Field(i)
		if !sf.IsExported() || sf.Anonymous || sf.Name == "ResultMetadata" {
			continue
		}
		fn, err := b.node(sf.Type, nil, nil)
		if err != nil {
			return fmt.Errorf("%v.%s: %w", n.typ, sf.Name, err)
		}
		n.fields = append(n.fields, field{name: sf.Name, wire: sf.Name, query: sf.Name, index: i, node: fn})
	}
	n.index()
	return nil
}

func (n *node) index() {
	n.byWire = make(map[string]*field, len(n.fields))
	for i := range n.fields {
		f := &n.fields[i]
		f.jsonKey = append(appendJSONString(nil, f.wire), ':')
		f.lower = lowerFirst(f.name)
		n.byWire[f.wire] = f
	}
}

// fieldByMember finds the Go field of a member: its name with a capital first
// letter, or any spelling that differs in case and underscores only.
func fieldByMember(t reflect.Type, member string) (reflect.StructField, bool) {
	if sf, ok := t.FieldByName(strings.ToUpper(member[:1]) + member[1:]); ok && len(sf.Index) == 1 && sf.IsExported() {
		return sf, true
	}
	want := fold(member)
	for i := range t.NumField() {
		if sf := t.Field(i); sf.IsExported() && fold(sf.Name) == want {
			return sf, true
		}
	}
	return reflect.StructField{}, false
}

func fold(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }

func fastOf(n *node) fast {
	if n.unmarshals || n.appends || n.appendsPtr {
		return slow
	}
	switch {
	case n.ptr && n.typ == reflect.TypeFor[string]():
		return fastStringPtr
	case !n.ptr && n.typ == reflect.TypeFor[string]():
		return fastString
	case !n.ptr && n.typ == bytesType:
		return fastBytes
	case n.ptr && n.typ == reflect.TypeFor[int32]():
		return fastInt32Ptr
	case n.ptr && n.typ == reflect.TypeFor[int64]():
		return fastInt64Ptr
	case n.ptr && n.typ == reflect.TypeFor[bool]():
		return fastBoolPtr
	case n.ptr && n.typ == timeType:
		return fastTimePtr
	}
	return slow
}

// present gives a field's value for a reply; ok is false when it is left out. A
// list that the model calls required is always sent: a nil one as an empty one.
func (f *field) present(v reflect.Value) (value reflect.Value, ok bool) {
	value, ok = f.node.source(v)
	return value, ok || f.node.kind == kindList && !f.node.ptr && f.member != nil && f.member.Required
}

// target gives the settable value behind v, allocating the pointer if there is one.
func (n *node) target(v reflect.Value) reflect.Value {
	if !n.ptr {
		return v
	}
	p := reflect.New(n.typ)
	v.Set(p)
	return p.Elem()
}

// source gives the value behind v; ok is false when v is absent.
func (n *node) source(v reflect.Value) (reflect.Value, bool) {
	switch {
	case n.ptr:
		if v.IsNil() {
			return v, false
		}
		return v.Elem(), true
	case n.kind == kindString && n.zeroOmit:
		return v, v.Len() != 0
	case n.kind == kindList || n.kind == kindMap || n.kind == kindBlob || n.kind == kindUnion || n.kind == kindAny || n.kind == kindReader:
		return v, !v.IsNil()
	case n.kind == kindTime:
		return v, !v.IsZero()
	}
	return v, true
}
