// Package conformance_test drives every operation of every model through the
// SDK's own clients: what a client sends must reach the handler whole, and what
// a handler returns must reach the client whole, in every protocol the client
// speaks. The SDK modules' wire snapshots are a second, independent witness.
package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire"
	"github.com/leatdev/leat/internal/wire/model"
)

// subject is a service with its SDK client.
type subject struct {
	id     string
	module string
	client func(*http.Client) any
	// variant tells subjects of one service apart: clients of another protocol.
	variant string
}

// doer serves a client's requests in process.
type doer struct{ h http.Handler }

func (d *doer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	in.Body, in.ContentLength, in.RequestURI = io.NopCloser(bytes.NewReader(body)), int64(len(body)), r.URL.RequestURI()
	in.Host = r.URL.Host
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, in)
	res := w.Result()
	res.Request = r
	return res, nil
}

// method is one operation of an SDK client.
type method struct {
	name    string
	in, out reflect.Type // structs
	call    func(in any) (any, error)
}

func methods(client any) []method {
	v := reflect.ValueOf(client)
	var out []method
	for i := range v.NumMethod() {
		m := v.Method(i)
		t := m.Type()
		if t.NumIn() != 3 || t.NumOut() != 2 || t.In(0) != reflect.TypeFor[context.Context]() {
			continue
		}
		out = append(out, method{name: v.Type().Method(i).Name, in: t.In(1).Elem(), out: t.Out(0).Elem(), call: func(in any) (any, error) {
			r := m.Call([]reflect.Value{reflect.ValueOf(context.Background()), reflect.ValueOf(in)})
			err, _ := r[1].Interface().(error)
			return r[0].Interface(), err
		}})
	}
	return out
}

// hasStream tells whether an operation's output is an event stream.
func hasStream(op *model.Operation) bool {
	for _, s := range []*model.Shape{op.Input, op.Output} {
		if s == nil {
			continue
		}
		for _, m := range s.Members {
			if m.Shape.EventStream {
				return true
			}
		}
	}
	return false
}

// stripValidation lets snapshots through that miss what the client demands.
func stripValidation(s *middleware.Stack) error {
	_, _ = s.Initialize.Remove("OperationInputValidation")
	return nil
}

// filler makes values with every member set.
type filler struct {
	shape func(reflect.Type) []reflect.Type
}

var day = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (f filler) fill(v reflect.Value, name string, depth int) {
	t := v.Type()
	switch {
	case t == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(day))
	case t.Kind() == reflect.Pointer:
		if depth > 8 {
			return
		}
		v.Set(reflect.New(t.Elem()))
		f.fill(v.Elem(), name, depth)
	case t == reflect.TypeFor[[]byte]():
		v.SetBytes([]byte("blob\x00\xff of " + name))
	case t.Kind() == reflect.Slice:
		if depth > 8 {
			return
		}
		v.Set(reflect.MakeSlice(t, 2, 2))
		for i := range 2 {
			f.fill(v.Index(i), name, depth+1)
		}
	case t.Kind() == reflect.Map:
		if depth > 8 {
			return
		}
		e := reflect.New(t.Elem()).Elem()
		f.fill(e, name, depth+1)
		v.Set(reflect.MakeMap(t))
		k := reflect.New(t.Key()).Elem()
		f.fill(k, "key0", depth+1)
		v.SetMapIndex(k, e)
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if sf := t.Field(i); sf.IsExported() && sf.Name != "ResultMetadata" {
				f.fill(v.Field(i), sf.Name, depth+1)
			}
		}
	case t.Kind() == reflect.String:
		v.SetString(enumValue(t, "__"+name+"__"))
	case t.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(7)
	case v.CanFloat():
		v.SetFloat(1.5)
	case t.Kind() == reflect.Interface:
		f.union(v, name, depth)
	}
}

// enumValue is the first value of an enumeration.
func enumValue(t reflect.Type, other string) string {
	m, ok := t.MethodByName("Values")
	if !ok {
		return other
	}
	all := m.Func.Call([]reflect.Value{reflect.Zero(t)})[0]
	return all.Index(0).String()
}

func (f filler) union(v reflect.Value, name string, depth int) {
	cases := f.shape(v.Type())
	if len(cases) == 0 {
		return
	}
	c := cases[(depth+len(name))%len(cases)]
	if depth > 8 {
		c = cases[0]
	}
	p := reflect.New(c)
	f.fill(p.Elem(), name, depth+1)
	v.Set(p)
}

// clear zeroes what is not on the wire.
func clearMetadata(v any) any {
	if f := reflect.ValueOf(v).Elem().FieldByName("ResultMetadata"); f.IsValid() {
		f.SetZero()
	}
	return v
}

// served is a server whose every operation records its input and answers out.
type served struct {
	mu  sync.Mutex
	in  any
	out any
	err error
}

func serve(t *testing.T, s subject, ms []method) (*wire.Server, *served) {
	t.Helper()
	m, err := model.Load(s.id)
	if err != nil {
		t.Fatal(err)
	}
	rec := &served{}
	svc := wire.Service{Model: s.id, NoConstraints: true}
	for _, me := range ms {
		if op := m.Operations[me.name]; op == nil || hasStream(op) {
			continue
		}
		svc.Operations = append(svc.Operations, wire.OpFor(me.name, me.in, me.out, func(_ context.Context, in any) (any, error) {
			rec.mu.Lock()
			defer rec.mu.Unlock()
			rec.in = in
			if rec.err != nil {
				return nil, rec.err
			}
			return rec.out, nil
		}))
	}
	srv, err := wire.NewServer(wire.Options{Services: []wire.Service{svc}})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Check(); err != nil {
		t.Fatal(err)
	}
	return srv, rec
}

// inProcess joins a client to a server of its service.
func inProcess(t *testing.T, s subject) ([]method, *served) {
	t.Helper()
	var d doer
	ms := methods(s.client(&http.Client{Transport: &d}))
	srv, rec := serve(t, s, ms)
	d.h = srv
	return ms, rec
}

func modelHas(t *testing.T, id, op string) bool {
	t.Helper()
	m, err := model.Load(id)
	if err != nil {
		t.Fatal(err)
	}
	o := m.Operations[op]
	return o != nil && !hasStream(o)
}

func TestEveryMemberOfEveryOperationTravelsBothWays(t *testing.T) {
	t.Parallel()
	for _, s := range subjects {
		t.Run(s.id+s.variant, func(t *testing.T) {
			t.Parallel()
			ms, rec := inProcess(t, s)
			n := 0
			for _, m := range ms {
				if !modelHas(t, s.id, m.name) {
					continue
				}
				n++
				bothWays(t, m, rec)
			}
			if n < 4 {
				t.Errorf("only %d operations were tried", n)
			}
		})
	}
}

func bothWays(t *testing.T, m method, rec *served) {
	t.Helper()
	f := filler{shape: unionCases}
	in, out := reflect.New(m.in), reflect.New(m.out)
	f.fill(in.Elem(), m.name, 0)
	f.fill(out.Elem(), m.name, 0)
	adjust(in.Interface())
	adjust(out.Interface())
	rec.out, rec.in = out.Interface(), nil
	got, err := m.call(in.Interface())
	if err != nil {
		t.Errorf("%s: %v", m.name, err)
		return
	}
	if diff := difference(in.Interface(), rec.in); diff != "" {
		t.Errorf("%s input: %s", m.name, diff)
	}
	if diff := difference(out.Interface(), clearMetadata(got)); diff != "" {
		t.Errorf("%s output: %s", m.name, diff)
	}
}

// difference names the first place where two values differ.
func difference(want, got any) string {
	if got == nil {
		return "nothing arrived"
	}
	return differ(reflect.ValueOf(want), reflect.ValueOf(got), "")
}

func differ(a, b reflect.Value, path string) string {
	if r, ok := readerText(a); ok {
		if q, _ := readerText(b); q != r {
			return fmt.Sprintf("%s: want %q, got %q", path, r, q)
		}
		return ""
	}
	if a.Kind() == reflect.Interface && !a.IsNil() && !b.IsNil() {
		if a.Elem().Type() != b.Elem().Type() {
			return fmt.Sprintf("%s: want %v, got %v", path, a.Elem().Type(), b.Elem().Type())
		}
		return differ(a.Elem(), b.Elem(), path)
	}
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() != b.IsNil() {
			return fmt.Sprintf("%s: want nil %v, got nil %v", path, a.IsNil(), b.IsNil())
		}
		if a.IsNil() {
			return ""
		}
		return differ(a.Elem(), b.Elem(), path)
	case reflect.Struct:
		if a.Type() == reflect.TypeFor[time.Time]() {
			if !a.Interface().(time.Time).Equal(b.Interface().(time.Time)) {
				return fmt.Sprintf("%s: want %v, got %v", path, a, b)
			}
			return ""
		}
		for i := range a.NumField() {
			if a.Type().Field(i).IsExported() {
				if d := differ(a.Field(i), b.Field(i), path+"."+a.Type().Field(i).Name); d != "" {
					return d
				}
			}
		}
		return ""
	case reflect.Slice:
		if a.Len() != b.Len() || a.IsNil() != b.IsNil() {
			return fmt.Sprintf("%s: want %v, got %v", path, a, b)
		}
		for i := range a.Len() {
			if d := differ(a.Index(i), b.Index(i), path+"["+strconv.Itoa(i)+"]"); d != "" {
				return d
			}
		}
		return ""
	case reflect.Map:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s: want %v, got %v", path, a, b)
		}
		for it := a.MapRange(); it.Next(); {
			bv := b.MapIndex(it.Key())
			if !bv.IsValid() {
				return fmt.Sprintf("%s: no %v", path, it.Key())
			}
			if d := differ(it.Value(), bv, path+"["+it.Key().String()+"]"); d != "" {
				return d
			}
		}
		return ""
	}
	if !reflect.DeepEqual(a.Interface(), b.Interface()) {
		return fmt.Sprintf("%s: want %v, got %v", path, a, b)
	}
	return ""
}

func readerText(v reflect.Value) (string, bool) {
	if !v.IsValid() || !v.CanInterface() {
		return "", false
	}
	r, ok := v.Interface().(io.Reader)
	if !ok || v.Kind() == reflect.Pointer && v.IsNil() {
		return "", false
	}
	if s, ok := r.(io.Seeker); ok {
		if _, err := s.Seek(0, io.SeekStart); err != nil {
			return "", false
		}
	}
	b, err := io.ReadAll(r)
	return string(b), err == nil
}

func TestEveryErrorReachesTheClientAsItsType(t *testing.T) {
	t.Parallel()
	for _, s := range subjects {
		t.Run(s.id+s.variant, func(t *testing.T) {
			t.Parallel()
			mod, err := model.Load(s.id)
			if err != nil {
				t.Fatal(err)
			}
			ms, rec := inProcess(t, s)
			for _, m := range ms {
				if op := mod.Operations[m.name]; op != nil && !hasStream(op) {
					for _, e := range op.Errors {
						eachError(t, m, e, rec)
					}
				}
			}
		})
	}
}

func eachError(t *testing.T, m method, e *model.Shape, rec *served) {
	t.Helper()
	in := reflect.New(m.in)
	filler{shape: unionCases}.fill(in.Elem(), m.name, 0)
	adjust(in.Interface())
	rec.err = &aws.Error{Code: e.Name, Message: "why & <wherefore>"}
	defer func() { rec.err = nil }()
	_, err := m.call(in.Interface())
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Errorf("%s %s: %v", m.name, e.Name, err)
		return
	}
	if code := api.ErrorCode(); code != e.Name && code != e.ErrorCode || !slices.Contains(wordless, e.Name) && api.ErrorMessage() != rec.err.(*aws.Error).Message {
		t.Errorf("%s: got %s: %s, want %s", m.name, code, api.ErrorMessage(), e.Name)
	}
	if _, generic := api.(*smithy.GenericAPIError); generic && !slices.Contains(untyped, e.Name) {
		t.Errorf("%s: %s arrived untyped", m.name, e.Name)
	}
}
