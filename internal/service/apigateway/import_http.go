package apigateway

import (
	"context"
	"strings"

	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/leatdev/leat/internal/kv"
)

// ImportApi makes an HTTP API of an OpenAPI 3.0 document.
//
// Limits: 6 MB.
// Errors: BadRequestException, LimitExceededException.
// Differs: as CreateRoute and CreateIntegration; models and validators in the document are not read, as HTTP APIs have none.
func (s *Service) ImportApi(ctx context.Context, in *v2.ImportApiInput) (*v2.ImportApiOutput, error) { //nolint:revive,staticcheck // AWS's spelling
	doc, err := parseOpenAPI([]byte(deref(in.Body)))
	if err != nil {
		return nil, err
	}
	a := s.newHTTP(ctx, v2.CreateApiInput{Name: &doc.Info.Title, ProtocolType: types.ProtocolTypeHttp})
	if err := a.load(doc); err != nil {
		return nil, err
	}
	if err := s.add(ctx, "http", *a.API.ApiId, a); err != nil {
		return nil, err
	}
	return as[v2.ImportApiOutput](a.API), nil
}

// ReimportApi replaces an HTTP API's routes, integrations and authorizers by a document's.
//
// Limits: 6 MB.
// Errors: NotFoundException, BadRequestException.
// Differs: as ImportApi.
func (s *Service) ReimportApi(ctx context.Context, in *v2.ReimportApiInput) (out *v2.ReimportApiOutput, err error) { //nolint:revive,staticcheck // AWS's spelling
	doc, err := parseOpenAPI([]byte(deref(in.Body)))
	if err != nil {
		return nil, err
	}
	err = s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		a.Routes, a.Integrations, a.Authorizers, a.API.CorsConfiguration = nil, nil, nil, nil
		if err := a.load(doc); err != nil {
			return err
		}
		out = as[v2.ReimportApiOutput](a.API)
		return nil
	})
	return out, err
}

// load takes a document into the API.
func (a *httpAPI) load(doc *openAPI) error {
	if doc.Info.Title != "" {
		a.API.Name = &doc.Info.Title
	}
	if doc.Info.Description != "" {
		a.API.Description = &doc.Info.Description
	}
	if doc.Info.Version != "" {
		a.API.Version = &doc.Info.Version
	}
	if c := doc.Cors; c != nil {
		a.API.CorsConfiguration = &types.Cors{
			AllowOrigins: c.AllowOrigins, AllowMethods: c.AllowMethods, AllowHeaders: c.AllowHeaders, ExposeHeaders: c.ExposeHeaders,
			AllowCredentials: &c.AllowCredentials, MaxAge: c.MaxAge,
		}
	}
	authorizers, err := a.loadAuthorizers(doc)
	if err != nil {
		return err
	}
	err = doc.operations(func(path, method string, op *openOperation) error {
		key := method + " " + path
		if path == "/$default" {
			key = "$default"
		}
		return a.loadRoute(key, op, doc, authorizers)
	})
	if err != nil {
		return err
	}
	return checkHTTP(&a.API)
}

func (a *httpAPI) loadAuthorizers(doc *openAPI) (map[string]string, error) {
	ids := map[string]string{}
	for name, scheme := range doc.schemes() {
		if scheme.Authorizer == nil {
			continue
		}
		src := scheme.Authorizer
		az := types.Authorizer{
			AuthorizerId: ptr(newID(partIDLength)), Name: ptr(name), AuthorizerType: types.AuthorizerType(strings.ToUpper(src.Type)), AuthorizerUri: &src.URI,
			AuthorizerPayloadFormatVersion: ptr(src.PayloadVersion.String()), EnableSimpleResponses: ptr(src.Simple), AuthorizerResultTtlInSeconds: src.TTL,
		}
		if src.IdentitySource != "" {
			for _, one := range strings.Split(src.IdentitySource, ",") {
				az.IdentitySource = append(az.IdentitySource, strings.TrimSpace(one))
			}
		}
		if err := checkAuthorizerV2(&az); err != nil {
			return nil, err
		}
		put(&a.Authorizers, *az.AuthorizerId, az)
		ids[name] = *az.AuthorizerId
	}
	return ids, nil
}

func (a *httpAPI) loadRoute(key string, op *openOperation, doc *openAPI, authorizers map[string]string) error {
	r := types.Route{RouteId: ptr(newID(partIDLength)), RouteKey: &key, AuthorizationType: types.AuthorizationTypeNone, ApiKeyRequired: ptr(false)}
	if op.OperationID != "" {
		r.OperationName = &op.OperationID
	}
	security := op.Security
	if security == nil {
		security = doc.Security
	}
	for _, alternative := range security {
		for name := range alternative {
			id, ok := authorizers[name]
			if !ok && name != "NONE" {
				return badRequest("Invalid OpenAPI input: security scheme %q is not a Lambda authorizer", name)
			}
			if ok {
				r.AuthorizationType, r.AuthorizerId = types.AuthorizationTypeCustom, &id
			}
		}
	}
	if op.Integration != nil {
		i := httpIntegration(op.Integration)
		if err := checkIntegrationV2(&i); err != nil {
			return err
		}
		put(&a.Integrations, *i.IntegrationId, i)
		r.Target = ptr("integrations/" + *i.IntegrationId)
	}
	if err := a.checkRoute(r); err != nil {
		return err
	}
	put(&a.Routes, *r.RouteId, r)
	return nil
}

func httpIntegration(src *openIntegration) types.Integration {
	i := types.Integration{
		IntegrationId: ptr(newID(partIDLength)), IntegrationType: types.IntegrationType(strings.ToUpper(src.Type)), IntegrationUri: &src.URI,
		IntegrationMethod: ptr(strings.ToUpper(src.HTTPMethod)), ConnectionType: types.ConnectionTypeInternet, PayloadFormatVersion: ptr("1.0"),
		TimeoutInMillis: ptr(int32(maxHTTPTimeout)), RequestParameters: src.RequestParameters,
	}
	if src.PayloadVersion != "" {
		i.PayloadFormatVersion = ptr(src.PayloadVersion.String())
	}
	if src.ConnectionType != "" {
		i.ConnectionType = types.ConnectionType(strings.ToUpper(src.ConnectionType))
	}
	if src.Timeout != 0 {
		i.TimeoutInMillis = ptr(src.Timeout)
	}
	return i
}
