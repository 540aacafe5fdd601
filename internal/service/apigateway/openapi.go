package apigateway

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// openAPI is the part of an OpenAPI document (2.0 or 3.0, JSON or YAML) that API
// Gateway reads: paths, their integrations, authorizers, validators, models.
type openAPI struct {
	Swagger string `json:"swagger"`
	OpenAPI string `json:"openapi"`
	Info    struct {
		Title       string `json:"title"`
		Description string `json:"description"`
		Version     string `json:"version"`
	} `json:"info"`
	BasePath   string                                `json:"basePath"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Tags       []struct{ Name string }               `json:"tags"`
	Security   []map[string][]string                 `json:"security"`
	Components struct {
		SecuritySchemes map[string]securityScheme  `json:"securitySchemes"`
		Schemas         map[string]json.RawMessage `json:"schemas"`
	} `json:"components"`
	SecurityDefinitions map[string]securityScheme  `json:"securityDefinitions"`
	Definitions         map[string]json.RawMessage `json:"definitions"`

	Validators map[string]struct {
		Body       bool `json:"validateRequestBody"`
		Parameters bool `json:"validateRequestParameters"`
	} `json:"x-amazon-apigateway-request-validators"`
	Validator        string          `json:"x-amazon-apigateway-request-validator"`
	BinaryMediaTypes []string        `json:"x-amazon-apigateway-binary-media-types"`
	Policy           json.RawMessage `json:"x-amazon-apigateway-policy"`
	GatewayResponses map[string]struct {
		StatusCode json.Number       `json:"statusCode"`
		Parameters map[string]string `json:"responseParameters"`
		Templates  map[string]string `json:"responseTemplates"`
	} `json:"x-amazon-apigateway-gateway-responses"`
	Cors *struct {
		AllowOrigins, AllowMethods, AllowHeaders, ExposeHeaders []string
		AllowCredentials                                        bool
		MaxAge                                                  *int32
	} `json:"x-amazon-apigateway-cors"`
}

type securityScheme struct {
	Type       string `json:"type"`
	Name       string `json:"name"`
	In         string `json:"in"`
	AuthType   string `json:"x-amazon-apigateway-authtype"`
	Authorizer *struct {
		Type               string      `json:"type"`
		URI                string      `json:"authorizerUri"`
		Credentials        string      `json:"authorizerCredentials"`
		IdentitySource     string      `json:"identitySource"`
		IdentityValidation string      `json:"identityValidationExpression"`
		TTL                *int32      `json:"authorizerResultTtlInSeconds"`
		PayloadVersion     json.Number `json:"authorizerPayloadFormatVersion"`
		Simple             bool        `json:"enableSimpleResponses"`
	} `json:"x-amazon-apigateway-authorizer"`
}

// openOperation is one method of a path.
type openOperation struct {
	OperationID string `json:"operationId"`
	Parameters  []struct {
		Name     string          `json:"name"`
		In       string          `json:"in"`
		Required bool            `json:"required"`
		Schema   json.RawMessage `json:"schema"`
	} `json:"parameters"`
	RequestBody struct {
		Content map[string]struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
	Responses   map[string]openResponse `json:"responses"`
	Security    []map[string][]string   `json:"security"`
	Validator   string                  `json:"x-amazon-apigateway-request-validator"`
	Auth        struct{ Type string }   `json:"x-amazon-apigateway-auth"`
	Integration *openIntegration        `json:"x-amazon-apigateway-integration"`
}

type openResponse struct {
	Headers map[string]json.RawMessage `json:"headers"`
}

type openIntegration struct {
	Type               string            `json:"type"`
	URI                string            `json:"uri"`
	HTTPMethod         string            `json:"httpMethod"`
	Credentials        string            `json:"credentials"`
	Passthrough        string            `json:"passthroughBehavior"`
	Timeout            int32             `json:"timeoutInMillis"`
	ConnectionType     string            `json:"connectionType"`
	ContentHandling    string            `json:"contentHandling"`
	PayloadVersion     json.Number       `json:"payloadFormatVersion"`
	RequestParameters  map[string]string `json:"requestParameters"`
	RequestTemplates   map[string]string `json:"requestTemplates"`
	CacheNamespace     string            `json:"cacheNamespace"`
	CacheKeyParameters []string          `json:"cacheKeyParameters"`
	Responses          map[string]struct {
		StatusCode json.Number       `json:"statusCode"`
		Parameters map[string]string `json:"responseParameters"`
		Templates  map[string]string `json:"responseTemplates"`
	} `json:"responses"`
}

// parseOpenAPI reads a document in JSON or YAML.
func parseOpenAPI(body []byte) (*openAPI, error) {
	if len(body) > maxImportSize {
		return nil, badRequest("The document is larger than %d bytes", maxImportSize)
	}
	var tree any
	if err := yaml.Unmarshal(body, &tree); err != nil {
		return nil, badRequest("Invalid OpenAPI input.")
	}
	text, err := json.Marshal(jsonable(tree))
	if err != nil {
		return nil, badRequest("Invalid OpenAPI input.")
	}
	doc := &openAPI{}
	if err := json.Unmarshal(text, doc); err != nil {
		return nil, badRequest("Invalid OpenAPI input: %v", err)
	}
	if doc.Swagger == "" && doc.OpenAPI == "" {
		return nil, badRequest("Invalid OpenAPI input: neither swagger nor openapi names a version")
	}
	return doc, nil
}

// jsonable gives maps with keys of any kind (response codes are numbers in YAML) text keys.
func jsonable(v any) any {
	switch v := v.(type) {
	case map[any]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[fmt.Sprint(k)] = jsonable(e)
		}
		return out
	case map[string]any:
		for k, e := range v {
			v[k] = jsonable(e)
		}
		return v
	case []any:
		for i, e := range v {
			v[i] = jsonable(e)
		}
		return v
	default:
		return v
	}
}

func (d *openAPI) schemes() map[string]securityScheme {
	if len(d.SecurityDefinitions) > 0 {
		return d.SecurityDefinitions
	}
	return d.Components.SecuritySchemes
}

func (d *openAPI) schemas() map[string]json.RawMessage {
	if len(d.Definitions) > 0 {
		return d.Definitions
	}
	return d.Components.Schemas
}

const anyMethod = "x-amazon-apigateway-any-method"

// operations visits the methods of all paths in a fixed order.
func (d *openAPI) operations(visit func(path, method string, op *openOperation) error) error {
	for _, path := range slices.Sorted(keys(d.Paths)) {
		for _, name := range slices.Sorted(keys(d.Paths[path])) {
			method := strings.ToUpper(name)
			if name == anyMethod {
				method = "ANY"
			}
			if !slices.Contains(httpMethods, method) {
				continue // summary, parameters, extensions
			}
			op := &openOperation{}
			if err := json.Unmarshal(d.Paths[path][name], op); err != nil {
				return badRequest("Invalid OpenAPI input: %s %s: %v", method, path, err)
			}
			if err := visit(path, method, op); err != nil {
				return err
			}
		}
	}
	return nil
}

// keys iterates over a map's keys.
func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// modelName is the model that a schema refers to, "" when it is written out.
func modelName(schema json.RawMessage) string {
	var ref struct {
		Ref string `json:"$ref"`
	}
	if json.Unmarshal(schema, &ref) != nil || ref.Ref == "" {
		return ""
	}
	return ref.Ref[strings.LastIndexByte(ref.Ref, '/')+1:]
}
