package glue

import (
	"bytes"
	"context"
	"sort"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/leatdev/leat/internal/subjects"
	"github.com/leatdev/leat/schema"
)

// GetSchemaVersionsDiff describes the difference of two versions as a JSON Patch (RFC 6902) that turns the first into the second.
//
// Limits: none.
// Errors: InvalidInputException, EntityNotFoundException.
// Differs: a Protobuf schema is compared as a list of the lines of its canonical form.
func (s *Service) GetSchemaVersionsDiff(ctx context.Context, in *glue.GetSchemaVersionsDiffInput) (*glue.GetSchemaVersionsDiffOutput, error) {
	first, err := s.version(ctx, nil, in.SchemaId, in.FirstSchemaVersionNumber)
	if err != nil {
		return nil, err
	}
	second, err := s.version(ctx, nil, in.SchemaId, in.SecondSchemaVersionNumber)
	if err != nil {
		return nil, err
	}
	a, err := document(first)
	if err != nil {
		return nil, err
	}
	b, err := document(second)
	if err != nil {
		return nil, err
	}
	patch := []change{}
	if err := diff("", a, b, &patch); err != nil {
		return nil, err
	}
	out, err := json.Marshal(patch)
	if err != nil {
		return nil, err
	}
	return &glue.GetSchemaVersionsDiffOutput{Diff: ptr(string(out))}, nil
}

// document is a version as JSON.
func document(v subjects.Version) (jsontext.Value, error) {
	if v.Type != schema.Protobuf {
		return jsontext.Value(v.Canonical), nil
	}
	return json.Marshal(strings.Split(strings.TrimSuffix(v.Canonical, "\n"), "\n"))
}

// change is one operation of a JSON Patch.
type change struct {
	Op    string         `json:"op"`
	Path  string         `json:"path"`
	Value jsontext.Value `json:"value,omitzero"`
}

// diff appends what turns a into b. Numbers keep their digits: values are compared by their text.
func diff(path string, a, b jsontext.Value, out *[]change) error {
	if bytes.Equal(a, b) {
		return nil
	}
	switch kind := a.Kind(); {
	case kind == '{' && b.Kind() == '{':
		return diffObjects(path, a, b, out)
	case kind == '[' && b.Kind() == '[':
		return diffArrays(path, a, b, out)
	}
	*out = append(*out, change{"replace", path, b})
	return nil
}

func diffObjects(path string, a, b jsontext.Value, out *[]change) error {
	var am, bm map[string]jsontext.Value
	if err := json.Unmarshal(a, &am); err != nil {
		return err
	}
	if err := json.Unmarshal(b, &bm); err != nil {
		return err
	}
	for _, k := range sortedKeys(am) {
		if _, ok := bm[k]; !ok {
			*out = append(*out, change{Op: "remove", Path: path + "/" + pointer.Replace(k)})
		}
	}
	for _, k := range sortedKeys(bm) {
		old, ok := am[k]
		if !ok {
			*out = append(*out, change{"add", path + "/" + pointer.Replace(k), bm[k]})
			continue
		}
		if err := diff(path+"/"+pointer.Replace(k), old, bm[k], out); err != nil {
			return err
		}
	}
	return nil
}

// pointer escapes a member name for a JSON Pointer.
var pointer = strings.NewReplacer("~", "~0", "/", "~1")

func sortedKeys(m map[string]jsontext.Value) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// diffArrays leaves what both arrays begin and end with alone and changes what is between, element by element.
func diffArrays(path string, a, b jsontext.Value, out *[]change) error {
	var as, bs []jsontext.Value
	if err := json.Unmarshal(a, &as); err != nil {
		return err
	}
	if err := json.Unmarshal(b, &bs); err != nil {
		return err
	}
	start := 0
	for start < len(as) && start < len(bs) && bytes.Equal(as[start], bs[start]) {
		start++
	}
	for len(as) > start && len(bs) > start && bytes.Equal(as[len(as)-1], bs[len(bs)-1]) {
		as, bs = as[:len(as)-1], bs[:len(bs)-1]
	}
	common := min(len(as), len(bs))
	for i := start; i < common; i++ {
		if err := diff(path+"/"+strconv.Itoa(i), as[i], bs[i], out); err != nil {
			return err
		}
	}
	for range as[common:] { // each removal moves the next one into its place
		*out = append(*out, change{Op: "remove", Path: path + "/" + strconv.Itoa(common)})
	}
	for i := common; i < len(bs); i++ {
		*out = append(*out, change{"add", path + "/" + strconv.Itoa(i), bs[i]})
	}
	return nil
}
