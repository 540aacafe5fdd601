package codec

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/leatdev/leat/internal/wire/model"
)

// BindREST reads the members that travel outside the body: labels of the path
// (already unescaped), query parameters (without those fixed by the operation's
// URI) and headers. It fails with *Error.
func (p *Plan) BindREST(labels map[string]string, query url.Values, header http.Header, v any) error {
	rv := reflect.ValueOf(v).Elem()
	for i := range p.root.fields {
		f := &p.root.fields[i]
		if f.location == model.QueryString && f.node.kind == kindMap {
			if err := p.root.bindRest(f, query, rv.Field(f.index)); err != nil {
				return err
			}
			continue
		}
		if err := f.bind(labels, query, header, rv.Field(f.index)); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) bind(labels map[string]string, query url.Values, header http.Header, v reflect.Value) error {
	switch f.location {
	case model.Label:
		if s, ok := labels[f.wire]; ok {
			return f.node.setText(v, s)
		}
	case model.QueryString:
		return f.bindQuery(query, v)
	case model.Header:
		return f.bindHeader(header, v)
	case model.Headers:
		m := map[string]string{}
		for name, values := range header {
			if len(name) > len(f.wire) && strings.EqualFold(name[:len(f.wire)], f.wire) {
				m[strings.ToLower(name[len(f.wire):])] = strings.Join(values, ",")
			}
		}
		if len(m) > 0 && v.Type() == reflect.TypeFor[map[string]string]() {
			v.Set(reflect.ValueOf(m))
		}
	}
	return nil
}

func (f *field) bindQuery(query url.Values, v reflect.Value) error {
	values, ok := query[f.wire]
	if !ok {
		return nil
	}
	if f.node.kind != kindList {
		return f.node.setText(v, values[0])
	}
	return f.node.bindList(values, v)
}

func (n *node) bindList(values []string, v reflect.Value) error {
	s := reflect.MakeSlice(n.typ, len(values), len(values))
	for i, text := range values {
		if err := n.elem.setText(s.Index(i), text); err != nil {
			return err
		}
	}
	n.target(v).Set(s)
	return nil
}

// bindRest collects the parameters that no other member claims.
func (n *node) bindRest(f *field, query url.Values, v reflect.Value) error {
	m := reflect.MakeMap(f.node.typ)
	for name, values := range query {
		if n.claims(name) {
			continue
		}
		ev := reflect.New(f.node.typ.Elem()).Elem()
		var err error
		if f.node.elem.kind == kindList {
			err = f.node.elem.bindList(values, ev)
		} else {
			err = f.node.elem.setText(ev, values[0])
		}
		if err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(name).Convert(f.node.typ.Key()), ev)
	}
	if m.Len() > 0 {
		v.Set(m)
	}
	return nil
}

// claims tells whether a query parameter is a member of its own.
func (n *node) claims(name string) bool {
	for i := range n.fields {
		if f := &n.fields[i]; f.location == model.QueryString && f.wire == name {
			return true
		}
	}
	return false
}

func (f *field) bindHeader(header http.Header, v reflect.Value) error {
	values := header.Values(f.wire)
	if len(values) == 0 {
		return nil
	}
	if f.node.kind == kindList {
		var all []string
		for _, s := range values {
			for part := range strings.SplitSeq(s, ",") {
				all = append(all, strings.TrimSpace(part))
			}
		}
		return f.node.bindList(all, v)
	}
	// A string with a media type (AWS's "jsonvalue") travels as it is; only
	// blobs in headers are base64.
	return f.node.setText(v, values[0])
}

// payload gives the member that is the whole body, nil if the members are
// spread over a JSON body.
func (n *node) payload() *field {
	if n.shape == nil || n.shape.Payload == "" {
		return nil
	}
	for i := range n.fields {
		if n.fields[i].name == n.shape.Payload {
			return &n.fields[i]
		}
	}
	return nil
}

// DecodeRESTBody reads the body of a REST request; an empty one has no members.
// It takes ownership of body as DecodeJSON does.
func (p *Plan) DecodeRESTBody(body []byte, v any) error {
	rv := reflect.ValueOf(v).Elem()
	f := p.root.payload()
	if f == nil {
		if len(bytes.TrimSpace(body)) == 0 {
			return nil
		}
		return p.DecodeJSON(body, v)
	}
	if len(body) == 0 {
		return nil
	}
	fv := rv.Field(f.index)
	switch f.node.kind {
	case kindBlob:
		f.node.target(fv).SetBytes(body)
		return nil
	case kindString:
		f.node.target(fv).SetString(string(body))
		return nil
	case kindReader:
		f.node.setReader(fv, body)
		return nil
	}
	d := jsonDecoder{b: body}
	if err := d.value(f.node, fv); err != nil {
		return err
	}
	if d.peek() != 0 {
		return errMalformed
	}
	return nil
}

// RESTReply is a rendered REST output.
type RESTReply struct {
	Status int // 0: the operation's own
	Body   []byte
	Stream io.Reader // instead of Body
	Type   string    // of the content; "" when there is none
}

// RenderREST splits v into headers and body. Header members are set on header.
func (p *Plan) RenderREST(header http.Header, dst []byte, v any) (RESTReply, error) {
	rv := reflect.ValueOf(v).Elem()
	var reply RESTReply
	for i := range p.root.fields {
		f := &p.root.fields[i]
		if f.location == model.Body {
			continue
		}
		fv, ok := f.node.source(rv.Field(f.index))
		if !ok {
			continue
		}
		switch f.location {
		case model.StatusCode:
			reply.Status = int(fv.Int())
		case model.Header:
			header.Set(f.wire, f.headerText(fv))
		case model.Headers:
			for it := fv.MapRange(); it.Next(); {
				header.Set(f.wire+it.Key().String(), it.Value().String())
			}
		}
	}
	err := p.renderRESTBody(&reply, dst, rv)
	return reply, err
}

func (f *field) headerText(v reflect.Value) string {
	if f.node.kind != kindList {
		return f.node.text(v, "rfc822")
	}
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = f.node.elem.text(v.Index(i), "rfc822")
	}
	return strings.Join(parts, ", ")
}

func (p *Plan) renderRESTBody(reply *RESTReply, dst []byte, rv reflect.Value) error {
	f := p.root.payload()
	var err error
	if f == nil {
		reply.Type = "application/json"
		reply.Body, err = p.root.appendJSONBody(dst, rv)
		return err
	}
	fv, ok := f.node.source(rv.Field(f.index))
	if !ok {
		return nil
	}
	switch f.node.kind {
	case kindBlob:
		reply.Type, reply.Body = "application/octet-stream", append(dst, fv.Bytes()...)
	case kindString:
		reply.Type, reply.Body = "text/plain", append(dst, fv.String()...)
	case kindReader:
		reply.Type, reply.Stream = "application/octet-stream", fv.Interface().(io.Reader)
	default:
		reply.Type = "application/json"
		reply.Body, err = f.node.appendJSON(dst, fv)
	}
	return err
}

// Streams tells whether requests of this plan carry a raw payload instead of
// JSON.
func (p *Plan) Streams() bool {
	f := p.root.payload()
	return f != nil && (f.node.kind == kindBlob || f.node.kind == kindReader)
}

// AppendMemberJSON appends one member of an error shape, named as shape's JSON
// does, without the key; shape may be nil.
func AppendMemberJSON(dst []byte, member *model.Member, v any) ([]byte, error) {
	var shape *model.Shape
	if member != nil {
		shape = member.Shape
	}
	rv := reflect.ValueOf(v)
	if !rv.IsValid() {
		return append(dst, "null"...), nil
	}
	n, err := nodeFor(rv.Type(), shape, member)
	if err != nil {
		return dst, err
	}
	return n.appendJSONOrNull(dst, rv)
}

// AppendMemberXML appends <name>value</name> for one member of an error shape.
func AppendMemberXML(dst []byte, name string, member *model.Member, v any) ([]byte, error) {
	var shape *model.Shape
	if member != nil {
		shape = member.Shape
	}
	rv := reflect.ValueOf(v)
	if !rv.IsValid() {
		return dst, nil
	}
	n, err := nodeFor(rv.Type(), shape, member)
	if err != nil {
		return dst, err
	}
	ev, ok := n.source(rv)
	if !ok {
		return dst, nil
	}
	return n.appendXMLMember(dst, name, ev, false)
}

// AppendString appends s as a JSON string.
func AppendString(dst []byte, s string) []byte { return appendJSONString(dst, s) }

// EventPayload gives the blob that is the whole payload of an event; ok is false
// when the event's members are spread over a body.
func (p *Plan) EventPayload(v any) (payload []byte, ok bool) {
	for i := range p.root.fields {
		f := &p.root.fields[i]
		if f.member != nil && f.member.EventBody && f.node.kind == kindBlob {
			return reflect.ValueOf(v).Elem().Field(f.index).Bytes(), true
		}
	}
	return nil, false
}
