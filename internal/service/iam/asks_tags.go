package iam

import (
	"reflect"
	"strings"
)

// requestTags are the condition keys of the tags that a request brings (aws:RequestTag/KEY) or
// names (aws:TagKeys): members Tags, a list or a map, and TagKeys; nil without any.
func requestTags(in any) map[string][]string {
	v := reflect.Indirect(reflect.ValueOf(in))
	if v.Kind() != reflect.Struct {
		return nil
	}
	keys := map[string][]string{}
	add := func(key, value string) {
		keys["aws:requesttag/"+strings.ToLower(key)] = []string{value}
		keys["aws:tagkeys"] = append(keys["aws:tagkeys"], key)
	}
	switch tags := reflect.Indirect(fieldOf(v, "Tags")); tags.Kind() {
	case reflect.Map:
		for _, k := range tags.MapKeys() {
			if value := reflect.Indirect(tags.MapIndex(k)); k.Kind() == reflect.String && value.Kind() == reflect.String {
				add(k.String(), value.String())
			}
		}
	case reflect.Slice:
		for i := range tags.Len() {
			tag := reflect.Indirect(tags.Index(i))
			if tag.Kind() != reflect.Struct {
				break
			}
			key, value := reflect.Indirect(fieldOf(tag, "Key")), reflect.Indirect(fieldOf(tag, "Value"))
			if key.Kind() == reflect.String && value.Kind() == reflect.String {
				add(key.String(), value.String())
			}
		}
	}
	if names := fieldOf(v, "TagKeys"); names.Kind() == reflect.Slice {
		for i := range names.Len() {
			if k := names.Index(i); k.Kind() == reflect.String {
				keys["aws:tagkeys"] = append(keys["aws:tagkeys"], k.String())
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return keys
}

// fieldOf is a struct's field, or the zero value.
func fieldOf(v reflect.Value, name string) reflect.Value {
	f := v.FieldByName(name)
	if f.IsValid() && f.CanInterface() {
		return f
	}
	return reflect.Value{}
}
