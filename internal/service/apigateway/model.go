package apigateway

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// modelURL is the place under which a model's schema is compiled.
const modelURL = "model:///"

// compileModel compiles a model's JSON schema; models are draft 4 unless they say otherwise.
// What it refers to are the API's other models: by AWS's URL of a model,
// https://apigateway.amazonaws.com/restapis/API/models/NAME, or as OpenAPI documents do.
func (a *restAPI) compileModel(text string) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	c.UseLoader(a)
	doc, err := readModel(text)
	if err != nil {
		return nil, err
	}
	const name = modelURL + "/itself"
	if err := c.AddResource(name, doc); err != nil {
		return nil, err
	}
	return c.Compile(name)
}

// Load implements jsonschema.URLLoader: only models of the API are read, for a model
// must not make the server read files or call URLs.
func (a *restAPI) Load(url string) (any, error) {
	name, ok := strings.CutPrefix(url, modelURL)
	m, known := a.Models[name]
	if !ok || !known {
		return nil, fmt.Errorf("references to other documents are not supported: %s", url)
	}
	return readModel(deref(m.Schema))
}

func readModel(text string) (any, error) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	own := map[string]json.RawMessage{}
	_ = json.Unmarshal([]byte(text), &own) // a schema that is no object has no definitions
	return rewriteRefs(doc, own["definitions"] == nil), nil
}

// rewriteRefs points references to other models to modelURL. Where a schema has
// definitions of its own, #/definitions/X is one of those.
func rewriteRefs(v any, noDefinitions bool) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if ref, ok := e.(string); ok && k == "$ref" {
				v[k] = rewriteRef(ref, noDefinitions)
			} else {
				v[k] = rewriteRefs(e, noDefinitions)
			}
		}
	case []any:
		for i, e := range v {
			v[i] = rewriteRefs(e, noDefinitions)
		}
	}
	return v
}

func rewriteRef(ref string, noDefinitions bool) string {
	if name, ok := strings.CutPrefix(ref, "#/components/schemas/"); ok {
		return modelURL + name
	}
	if name, ok := strings.CutPrefix(ref, "#/definitions/"); ok && noDefinitions {
		return modelURL + name
	}
	if rest, ok := strings.CutPrefix(ref, "https://apigateway.amazonaws.com/restapis/"); ok {
		if _, name, ok := strings.Cut(rest, "/models/"); ok {
			return modelURL + name
		}
	}
	return ref
}
