package apigateway

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
)

// fill copies the fields of from into those of to that have the same name and
// type. The SDK has one Go type for a thing and others, field for field the
// same, for the replies and the requests that carry it. Unset fields are not copied.
func fill[T any](to *T, from any) *T {
	dst, src := reflect.ValueOf(to).Elem(), reflect.Indirect(reflect.ValueOf(from))
	for i := range dst.NumField() {
		f := dst.Type().Field(i)
		if !f.IsExported() || f.Name == "ResultMetadata" {
			continue
		}
		v := src.FieldByName(f.Name)
		if v.IsValid() && !v.IsZero() && v.Type() == f.Type {
			dst.Field(i).Set(v)
		}
	}
	return to
}

// as makes a reply of a thing.
func as[T any](from any) *T { return fill(new(T), from) }

// sortedValues lists a map's values by key.
func sortedValues[V any](m map[string]V) []V {
	out := make([]V, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

const (
	defaultLimit = 25
	maxLimit     = 500
)

// paginate takes a page of a sorted list; position is the key of the last element before it.
func paginate[V any](all []V, key func(V) string, position *string, limit *int32) (page []V, next *string) {
	size := defaultLimit
	if limit != nil {
		size = int(min(*limit, maxLimit))
	}
	start := 0
	if position != nil {
		start, _ = slices.BinarySearchFunc(all, *position, func(v V, p string) int { return cmp.Or(cmp.Compare(key(v), p), -1) })
	}
	end := min(start+max(size, 1), len(all))
	if end < len(all) {
		next = ptr(key(all[end-1]))
	}
	return append([]V{}, all[start:end]...), next
}

// patch applies patch operations to a struct: a path names a member, and
// behind it the key of a map or an element of a list. allowed are the members that may be
// changed; AWS's pages list them by resource under "Patch Operations".
func patch(target any, ops []types.PatchOperation, allowed ...string) error {
	for _, op := range ops {
		path := deref(op.Path)
		parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
		for i, p := range parts {
			parts[i] = strings.ReplaceAll(strings.ReplaceAll(p, "~1", "/"), "~0", "~")
		}
		if !strings.HasPrefix(path, "/") || !slices.Contains(allowed, parts[0]) {
			return badRequest("Invalid patch path  '%s' specified for op '%s'. Must be one of: [/%s]", path, op.Op, strings.Join(allowed, ", /"))
		}
		field := member(reflect.ValueOf(target).Elem(), parts[0])
		if !field.IsValid() || !apply(field, parts[1:], op) {
			return badRequest("Invalid patch operation '%s' on '%s'", op.Op, path)
		}
	}
	return nil
}

// member finds a field by the API's name of it, without regard to case.
func member(v reflect.Value, name string) reflect.Value {
	return v.FieldByNameFunc(func(f string) bool { return strings.EqualFold(f, name) })
}

func apply(v reflect.Value, path []string, op types.PatchOperation) bool {
	if v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		if len(path) == 0 {
			return false
		}
		f := member(v, path[0])
		return f.IsValid() && apply(f, path[1:], op)
	case reflect.Map:
		return applyMap(v, path, op)
	case reflect.Slice:
		return applySlice(v, path, op)
	default:
		return len(path) == 0 && set(v, op)
	}
}

func applyMap(v reflect.Value, path []string, op types.PatchOperation) bool {
	if len(path) == 0 {
		return false
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	key := reflect.ValueOf(path[0])
	if op.Op == types.OpRemove && len(path) == 1 {
		v.SetMapIndex(key, reflect.Value{})
		return true
	}
	elem := reflect.New(v.Type().Elem()).Elem()
	if old := v.MapIndex(key); old.IsValid() {
		elem.Set(old)
	}
	if !apply(elem, path[1:], op) {
		return false
	}
	v.SetMapIndex(key, elem)
	return true
}

func applySlice(v reflect.Value, path []string, op types.PatchOperation) bool {
	if v.Type().Elem().Kind() != reflect.String || len(path) > 1 {
		return false
	}
	value := deref(op.Value)
	if len(path) == 1 && path[0] != "-" {
		value = path[0]
	}
	at := -1
	for i := range v.Len() {
		if v.Index(i).String() == value || strconv.Itoa(i) == value {
			at = i
		}
	}
	switch {
	case op.Op == types.OpRemove && at >= 0:
		v.Set(reflect.AppendSlice(v.Slice(0, at), v.Slice(at+1, v.Len())))
	case op.Op == types.OpRemove:
	case at < 0:
		if op.Op == types.OpReplace && deref(op.Value) != "" {
			value = deref(op.Value)
		}
		v.Set(reflect.Append(v, reflect.ValueOf(value).Convert(v.Type().Elem())))
	case op.Value != nil:
		v.Index(at).SetString(*op.Value)
	}
	return true
}

// set gives a scalar a value, or takes it away.
func set(v reflect.Value, op types.PatchOperation) bool {
	if op.Op == types.OpRemove {
		v.SetZero()
		return true
	}
	if op.Op != types.OpReplace && op.Op != types.OpAdd {
		return false
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	value := deref(op.Value)
	switch v.Kind() {
	case reflect.String:
		v.SetString(value)
	case reflect.Bool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return false
		}
		v.SetBool(b)
	case reflect.Int32:
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			return false
		}
		v.SetInt(n)
	case reflect.Float64:
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return false
		}
		v.SetFloat(n)
	default:
		return false
	}
	return true
}
