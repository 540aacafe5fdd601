package apigateway

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/leatdev/leat/internal/kv"
)

// ImportRestApi makes a REST API of an OpenAPI document.
//
// Limits: 6 MB.
// Errors: BadRequestException, LimitExceededException.
// Differs: as CreateRestApi and PutIntegration; documentation and endpoint settings in the document are not read.
func (s *Service) ImportRestApi(ctx context.Context, in *apigateway.ImportRestApiInput) (*apigateway.ImportRestApiOutput, error) { //nolint:revive,staticcheck // AWS's spelling
	doc, err := parseOpenAPI(in.Body)
	if err != nil {
		return nil, err
	}
	a := s.newRest(&apigateway.CreateRestApiInput{Name: &doc.Info.Title})
	if err := a.load(doc, in.Parameters["basepath"]); err != nil {
		return nil, err
	}
	if err := s.add(ctx, "rest", *a.API.Id, a); err != nil {
		return nil, err
	}
	return as[apigateway.ImportRestApiOutput](a.API), nil
}

// PutRestApi replaces an API's definition by an OpenAPI document, or merges it in.
//
// Limits: 6 MB.
// Errors: NotFoundException, BadRequestException.
// Differs: as ImportRestApi.
func (s *Service) PutRestApi(ctx context.Context, in *apigateway.PutRestApiInput) (out *apigateway.PutRestApiOutput, err error) { //nolint:revive,staticcheck // AWS's spelling
	doc, err := parseOpenAPI(in.Body)
	if err != nil {
		return nil, err
	}
	err = s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		if in.Mode != types.PutModeMerge {
			root := a.Resources[*a.API.RootResourceId]
			root.ResourceMethods = nil
			a.Resources = map[string]types.Resource{*root.Id: root}
			a.Authorizers, a.Validators, a.Responses, a.Models = nil, nil, nil, nil
			if doc.Info.Title != "" {
				a.API.Name = &doc.Info.Title
			}
		}
		if err := a.load(doc, in.Parameters["basepath"]); err != nil {
			return err
		}
		out = as[apigateway.PutRestApiOutput](a.API)
		return nil
	})
	return out, err
}

// load takes a document into the API.
func (a *restAPI) load(doc *openAPI, basePath string) error {
	if doc.Info.Description != "" {
		a.API.Description = &doc.Info.Description
	}
	if doc.Info.Version != "" {
		a.API.Version = &doc.Info.Version
	}
	if len(doc.BinaryMediaTypes) > 0 {
		a.API.BinaryMediaTypes = doc.BinaryMediaTypes
	}
	for name, schema := range doc.schemas() {
		m := types.Model{Id: ptr(newID(partIDLength)), Name: ptr(name), ContentType: ptr("application/json"), Schema: ptr(string(schema))}
		put(&a.Models, name, m)
	}
	for name, m := range a.Models {
		if err := a.checkModel(&m); err != nil {
			return badRequest("Invalid OpenAPI input: model %s: %v", name, err)
		}
	}
	if len(doc.Policy) > 0 {
		a.API.Policy = ptr(string(doc.Policy))
		if err := checkPolicy(a.API.Policy); err != nil {
			return err
		}
	}
	validators := a.loadValidators(doc)
	authorizers, err := a.loadAuthorizers(doc)
	if err != nil {
		return err
	}
	for kind, g := range doc.GatewayResponses {
		response := types.GatewayResponse{ResponseType: types.GatewayResponseType(kind), ResponseParameters: g.Parameters, ResponseTemplates: g.Templates}
		if g.StatusCode != "" {
			response.StatusCode = ptr(g.StatusCode.String())
		}
		put(&a.Responses, kind, response)
	}
	prefix := ""
	if basePath == "prepend" {
		prefix = doc.BasePath
	}
	return doc.operations(func(path, method string, op *openOperation) error {
		return a.loadOperation(doc, prefix+path, method, op, validators, authorizers)
	})
}

func (a *restAPI) loadValidators(doc *openAPI) map[string]string {
	ids := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(doc.Validators)) {
		v := types.RequestValidator{
			Id: ptr(newID(partIDLength)), Name: ptr(name),
			ValidateRequestBody: doc.Validators[name].Body, ValidateRequestParameters: doc.Validators[name].Parameters,
		}
		put(&a.Validators, *v.Id, v)
		ids[name] = *v.Id
	}
	return ids
}

func (a *restAPI) loadAuthorizers(doc *openAPI) (map[string]string, error) {
	ids := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(doc.schemes())) {
		scheme := doc.schemes()[name]
		if scheme.Authorizer == nil {
			continue // API keys and IAM: refused where a method asks for them
		}
		src := scheme.Authorizer
		az := types.Authorizer{
			Id: ptr(newID(partIDLength)), Name: ptr(name), Type: types.AuthorizerType(strings.ToUpper(src.Type)), AuthorizerUri: &src.URI,
			AuthorizerResultTtlInSeconds: ptr(int32(defaultAuthTTL)), AuthType: ptr("custom"),
		}
		if src.TTL != nil {
			az.AuthorizerResultTtlInSeconds = src.TTL
		}
		if src.Credentials != "" {
			az.AuthorizerCredentials = &src.Credentials
		}
		if src.IdentityValidation != "" {
			az.IdentityValidationExpression = &src.IdentityValidation
		}
		switch {
		case src.IdentitySource != "":
			az.IdentitySource = &src.IdentitySource
		case az.Type == types.AuthorizerTypeToken:
			az.IdentitySource = ptr("method.request.header." + scheme.Name)
		}
		if err := checkAuthorizer(&az); err != nil {
			return nil, err
		}
		put(&a.Authorizers, *az.Id, az)
		ids[name] = *az.Id
	}
	return ids, nil
}

// at finds the resource of a path, making what is missing on the way.
func (a *restAPI) at(path string) (types.Resource, error) {
	r := a.Resources[*a.API.RootResourceId]
	for _, seg := range segments(path) {
		var next *types.Resource
		for _, c := range a.Resources {
			if deref(c.ParentId) == *r.Id && *c.PathPart == seg {
				next = &c
				break
			}
		}
		if next == nil {
			made, err := a.addResource(r, seg)
			if err != nil {
				return made, err
			}
			next = &made
		}
		r = *next
	}
	return r, nil
}

func (a *restAPI) loadOperation(doc *openAPI, path, method string, op *openOperation, validators, authorizers map[string]string) error {
	r, err := a.at(path)
	if err != nil {
		return err
	}
	m := types.Method{HttpMethod: &method, AuthorizationType: ptr("NONE"), ApiKeyRequired: ptr(false)}
	if op.OperationID != "" {
		m.OperationName = &op.OperationID
	}
	if err := a.loadSecurity(doc, &m, op, authorizers); err != nil {
		return err
	}
	name := op.Validator
	if name == "" {
		name = doc.Validator
	}
	if id, ok := validators[name]; ok {
		m.RequestValidatorId = &id
	}
	a.loadRequest(&m, op)
	for status, resp := range op.Responses {
		mr := types.MethodResponse{StatusCode: ptr(status)}
		for h := range resp.Headers {
			put(&mr.ResponseParameters, "method.response.header."+h, false)
		}
		put(&m.MethodResponses, status, mr)
	}
	if op.Integration != nil {
		if m.MethodIntegration, err = restIntegration(op.Integration, *r.Id); err != nil {
			return err
		}
	}
	if err := a.checkMethod(&m); err != nil {
		return err
	}
	for _, name := range m.RequestModels {
		written := a.Models[name]
		if err := a.checkModel(&written); err != nil {
			return err
		}
	}
	put(&r.ResourceMethods, method, m)
	a.Resources[*r.Id] = r
	return nil
}

// loadSecurity finds the authorizer that a method, or the document, asks for.
func (a *restAPI) loadSecurity(doc *openAPI, m *types.Method, op *openOperation, authorizers map[string]string) error {
	if strings.EqualFold(op.Auth.Type, "AWS_IAM") {
		m.AuthorizationType = ptr("AWS_IAM") // refused by checkMethod
		return nil
	}
	security := op.Security
	if security == nil {
		security = doc.Security
	}
	for _, alternative := range security {
		for name := range alternative {
			id, ok := authorizers[name]
			switch scheme := doc.schemes()[name]; {
			case ok:
				m.AuthorizationType, m.AuthorizerId = ptr("CUSTOM"), &id
			case scheme.AuthType == "awsSigv4":
				m.AuthorizationType = ptr("AWS_IAM")
			case scheme.Type == "apiKey":
				m.ApiKeyRequired = ptr(true)
			case name == "NONE": // as SAM writes a method that no authorizer guards
			default:
				return badRequest("Invalid OpenAPI input: unknown security scheme %q", name)
			}
		}
	}
	return nil
}

// loadRequest takes parameters and body models.
func (a *restAPI) loadRequest(m *types.Method, op *openOperation) {
	kinds := map[string]string{"query": "querystring", "path": "path", "header": "header"}
	model := func(media string, schema json.RawMessage) {
		if name := modelName(schema); name != "" {
			put(&m.RequestModels, media, name)
		} else if len(schema) > 0 {
			inline := types.Model{Id: ptr(newID(partIDLength)), Name: ptr("Model" + newID(partIDLength)), ContentType: &media, Schema: ptr(string(schema))}
			put(&a.Models, *inline.Name, inline)
			put(&m.RequestModels, media, *inline.Name)
		}
	}
	for _, p := range op.Parameters {
		if kind, ok := kinds[p.In]; ok {
			put(&m.RequestParameters, "method.request."+kind+"."+p.Name, p.Required)
		} else if p.In == "body" {
			model("application/json", p.Schema)
		}
	}
	for media, c := range op.RequestBody.Content {
		model(media, c.Schema)
	}
}

// integrationTypes are the document's words for the API's.
var integrationTypes = map[string]types.IntegrationType{
	"aws_proxy": types.IntegrationTypeAwsProxy, "aws": types.IntegrationTypeAws, "http": types.IntegrationTypeHttp,
	"http_proxy": types.IntegrationTypeHttpProxy, "mock": types.IntegrationTypeMock,
}

func restIntegration(src *openIntegration, resourceID string) (*types.Integration, error) {
	i := &types.Integration{
		Type: integrationTypes[strings.ToLower(src.Type)], TimeoutInMillis: src.Timeout, PassthroughBehavior: ptr("WHEN_NO_MATCH"),
		RequestParameters: src.RequestParameters, RequestTemplates: src.RequestTemplates, CacheNamespace: &resourceID,
		CacheKeyParameters: src.CacheKeyParameters, ConnectionType: types.ConnectionType(src.ConnectionType),
	}
	if i.TimeoutInMillis == 0 {
		i.TimeoutInMillis = defaultTimeoutMillis
	}
	if src.Passthrough != "" {
		i.PassthroughBehavior = ptr(strings.ToUpper(src.Passthrough))
	}
	for _, text := range []struct {
		from string
		to   **string
	}{{src.URI, &i.Uri}, {src.HTTPMethod, &i.HttpMethod}, {src.Credentials, &i.Credentials}, {src.CacheNamespace, &i.CacheNamespace}} {
		if text.from != "" {
			*text.to = ptr(text.from)
		}
	}
	for pattern, r := range src.Responses {
		ir := types.IntegrationResponse{StatusCode: ptr(r.StatusCode.String()), ResponseParameters: r.Parameters, ResponseTemplates: r.Templates}
		if pattern != "default" {
			ir.SelectionPattern = ptr(pattern)
		}
		for _, t := range r.Templates {
			if !static(t) {
				return nil, badRequest("Mapping templates that are not static text are not supported")
			}
		}
		put(&i.IntegrationResponses, *ir.StatusCode, ir)
	}
	return i, checkIntegration(i)
}
