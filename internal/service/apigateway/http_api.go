package apigateway

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
	"github.com/leatdev/leat/internal/wire"
)

// httpAPI is an HTTP API as stored.
type httpAPI struct {
	API          types.Api
	Routes       map[string]types.Route       `json:",omitempty"`
	Integrations map[string]types.Integration `json:",omitempty"`
	Authorizers  map[string]types.Authorizer  `json:",omitempty"`
	Stages       map[string]types.Stage       `json:",omitempty"`
	Deployments  map[string]types.Deployment  `json:",omitempty"`
}

// APIv2 is the HTTP API management API (v2).
func (s *Service) APIv2() wire.Service {
	return wire.Service{Model: "apigatewayv2", Operations: []wire.Operation{
		wire.Op("CreateApi", s.CreateApi), wire.Op("GetApi", s.GetApi), wire.Op("GetApis", s.GetApis), wire.Op("UpdateApi", s.UpdateApi), wire.Op("DeleteApi", s.DeleteApi),
		wire.Op("ImportApi", s.ImportApi), wire.Op("ReimportApi", s.ReimportApi), wire.Op("DeleteCorsConfiguration", s.DeleteCorsConfiguration),
		wire.Op("CreateRoute", s.CreateRoute), wire.Op("GetRoute", s.GetRoute), wire.Op("GetRoutes", s.GetRoutes), wire.Op("UpdateRoute", s.UpdateRoute), wire.Op("DeleteRoute", s.DeleteRoute),
		wire.Op("CreateIntegration", s.CreateIntegration), wire.Op("GetIntegration", s.GetIntegrationV2), wire.Op("GetIntegrations", s.GetIntegrations), wire.Op("UpdateIntegration", s.UpdateIntegrationV2), wire.Op("DeleteIntegration", s.DeleteIntegrationV2),
		wire.Op("CreateAuthorizer", s.CreateAuthorizerV2), wire.Op("GetAuthorizer", s.GetAuthorizerV2), wire.Op("GetAuthorizers", s.GetAuthorizersV2), wire.Op("UpdateAuthorizer", s.UpdateAuthorizerV2), wire.Op("DeleteAuthorizer", s.DeleteAuthorizerV2),
		wire.Op("ResetAuthorizersCache", s.ResetAuthorizersCache),
		wire.Op("CreateStage", s.CreateStageV2), wire.Op("GetStage", s.GetStageV2), wire.Op("GetStages", s.GetStagesV2), wire.Op("UpdateStage", s.UpdateStageV2), wire.Op("DeleteStage", s.DeleteStageV2),
		wire.Op("CreateDeployment", s.CreateDeploymentV2), wire.Op("GetDeployment", s.GetDeploymentV2), wire.Op("GetDeployments", s.GetDeploymentsV2), wire.Op("UpdateDeployment", s.UpdateDeploymentV2), wire.Op("DeleteDeployment", s.DeleteDeploymentV2),
		wire.Op("TagResource", s.TagResourceV2), wire.Op("UntagResource", s.UntagResourceV2), wire.Op("GetTags", s.GetTagsV2),
	}}
}

func loadHTTP(r kv.Reader, p place, id string) (*httpAPI, error) {
	a, ok, err := record.Load[httpAPI](r, p.key("http", id))
	if err == nil && !ok {
		err = notFound("Invalid API identifier specified %s:%s", p.account, id)
	}
	return a, err
}

func (s *Service) http(ctx context.Context, id *string) (a *httpAPI, err error) {
	p := placeOf(ctx)
	err = s.store.View(ctx, func(r kv.Reader) error {
		a, err = loadHTTP(r, p, deref(id))
		return err
	})
	return a, err
}

// changeHTTP lets fn change an HTTP API, and deploys it to the stages that deploy by themselves.
func (s *Service) changeHTTP(ctx context.Context, id *string, fn func(kv.Txn, *httpAPI) error) error {
	p := placeOf(ctx)
	return s.update(ctx, deref(id), func(t kv.Txn) error {
		a, err := loadHTTP(t, p, deref(id))
		if err != nil {
			return err
		}
		if err := fn(t, a); err != nil {
			return err
		}
		return record.Save(t, p.key("http", deref(id)), a)
	})
}

// page2 takes a page as v2 does: MaxResults is a text.
func page2[V any](all []V, key func(V) string, token, maxResults *string) ([]V, *string, error) {
	limit := int32(maxLimit)
	if maxResults != nil {
		n, ok := number(*maxResults)
		if !ok || n < 1 {
			return nil, nil, badRequest("Invalid maxResults: %s", *maxResults)
		}
		limit = int32(min(n, maxLimit))
	}
	page, next := paginate(all, key, token, &limit)
	return page, next, nil
}

func (s *Service) newHTTP(ctx context.Context, from any) *httpAPI {
	a := &httpAPI{API: *as[types.Api](from)}
	id := newID(apiIDLength)
	a.API.ApiId, a.API.CreatedDate, a.API.ApiEndpoint = &id, ptr(s.now()), ptr(s.apiEndpoint(ctx, id))
	a.API.ProtocolType = types.ProtocolTypeHttp
	if a.API.RouteSelectionExpression == nil {
		a.API.RouteSelectionExpression = ptr("$request.method $request.path")
	}
	if a.API.ApiKeySelectionExpression == nil {
		a.API.ApiKeySelectionExpression = ptr("$request.header.x-api-key")
	}
	if a.API.DisableExecuteApiEndpoint == nil {
		a.API.DisableExecuteApiEndpoint = ptr(false)
	}
	return a
}

// apiEndpoint is the host by which an API can be reached here.
func (s *Service) apiEndpoint(ctx context.Context, id string) string {
	u, err := url.Parse(s.endpoint)
	if err != nil || u.Host == "" {
		u = &url.URL{Scheme: "http", Host: "localhost:4566"}
	}
	host := id + ".execute-api." + placeOf(ctx).region + ".localhost"
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}

func checkHTTP(a *types.Api) error {
	if a.ProtocolType != types.ProtocolTypeHttp {
		return badRequest("Protocol %s is not supported: only HTTP is", a.ProtocolType)
	}
	if c := a.CorsConfiguration; c != nil && deref(c.AllowCredentials) && slices.Contains(c.AllowOrigins, "*") {
		return badRequest("AllowCredentials cannot be true when AllowOrigins contains *")
	}
	return nil
}

// CreateApi makes an HTTP API; with Target it gets an integration, a catch-all or the given route, and a $default stage.
//
// Limits: 600 APIs a region; 50 tags.
// Errors: BadRequestException, LimitExceededException.
// Differs: WEBSOCKET is refused.
func (s *Service) CreateApi(ctx context.Context, in *v2.CreateApiInput) (*v2.CreateApiOutput, error) { //nolint:revive,staticcheck // AWS's spelling
	if in.ProtocolType != types.ProtocolTypeHttp {
		return nil, badRequest("Protocol %s is not supported: only HTTP is", in.ProtocolType)
	}
	if len(in.Tags) > maxTags {
		return nil, badRequest("The number of tags exceeds the limit of %d", maxTags)
	}
	a := s.newHTTP(ctx, in)
	if err := checkHTTP(&a.API); err != nil {
		return nil, err
	}
	if in.Target != nil {
		if err := a.quickCreate(s, deref(in.RouteKey), *in.Target); err != nil {
			return nil, err
		}
	}
	if err := s.add(ctx, "http", *a.API.ApiId, a); err != nil {
		return nil, err
	}
	return as[v2.CreateApiOutput](a.API), nil
}

// quickCreate makes the parts that CreateApi's Target stands for.
func (a *httpAPI) quickCreate(s *Service, routeKey, target string) error {
	i := types.Integration{
		ApiGatewayManaged: ptr(true), IntegrationId: ptr(newID(partIDLength)), IntegrationUri: &target,
		IntegrationType: types.IntegrationTypeHttpProxy, IntegrationMethod: ptr("ANY"), PayloadFormatVersion: ptr("1.0"),
		ConnectionType: types.ConnectionTypeInternet, TimeoutInMillis: ptr(int32(maxHTTPTimeout)),
	}
	if strings.HasPrefix(target, "arn:") {
		i.IntegrationType, i.PayloadFormatVersion, i.IntegrationMethod = types.IntegrationTypeAwsProxy, ptr("2.0"), ptr("POST")
	}
	if err := checkIntegrationV2(&i); err != nil {
		return err
	}
	if routeKey == "" {
		routeKey = "$default"
	}
	r := types.Route{ApiGatewayManaged: ptr(true), RouteId: ptr(newID(partIDLength)), RouteKey: &routeKey, Target: ptr("integrations/" + *i.IntegrationId), AuthorizationType: types.AuthorizationTypeNone, ApiKeyRequired: ptr(false)}
	put(&a.Integrations, *i.IntegrationId, i)
	put(&a.Routes, *r.RouteId, r)
	now := s.now()
	put(&a.Stages, "$default", types.Stage{ApiGatewayManaged: ptr(true), StageName: ptr("$default"), AutoDeploy: ptr(true), CreatedDate: &now, LastUpdatedDate: &now})
	return a.checkRoute(r)
}

// GetApi describes an HTTP API.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetApi(ctx context.Context, in *v2.GetApiInput) (*v2.GetApiOutput, error) { //nolint:revive,staticcheck // AWS's spelling
	a, err := s.http(ctx, in.ApiId)
	if err != nil {
		return nil, err
	}
	return as[v2.GetApiOutput](a.API), nil
}

// GetApis lists the HTTP APIs of the account and region.
//
// Errors: BadRequestException.
// Differs: nothing.
func (s *Service) GetApis(ctx context.Context, in *v2.GetApisInput) (*v2.GetApisOutput, error) { //nolint:revive,staticcheck // AWS's spelling
	p := placeOf(ctx)
	var all []types.Api
	err := s.store.View(ctx, func(r kv.Reader) error {
		return r.Scan(kv.PrefixRange(p.key("http")), func(_, v []byte) error {
			a, err := record.Decode[httpAPI](v)
			if err == nil {
				all = append(all, a.API)
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	page, next, err := page2(all, func(a types.Api) string { return *a.ApiId }, in.NextToken, in.MaxResults)
	return &v2.GetApisOutput{Items: page, NextToken: next}, err
}

// UpdateApi changes an API: what is given replaces what was.
//
// Errors: NotFoundException, BadRequestException.
// Differs: the quick-create members (Target, RouteKey, CredentialsArn) are refused.
func (s *Service) UpdateApi(ctx context.Context, in *v2.UpdateApiInput) (out *v2.UpdateApiOutput, err error) { //nolint:revive,staticcheck // AWS's spelling
	if in.Target != nil || in.RouteKey != nil || in.CredentialsArn != nil {
		return nil, badRequest("Target, RouteKey and CredentialsArn cannot be updated: change the route and the integration")
	}
	err = s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		fill(&a.API, in)
		out = as[v2.UpdateApiOutput](a.API)
		return checkHTTP(&a.API)
	})
	return out, err
}

// DeleteApi removes an API with all its parts.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) DeleteApi(ctx context.Context, in *v2.DeleteApiInput) (*v2.DeleteApiOutput, error) { //nolint:revive,staticcheck // AWS's spelling
	p, id := placeOf(ctx), *in.ApiId
	return nil, s.update(ctx, id, func(t kv.Txn) error {
		if _, err := loadHTTP(t, p, id); err != nil {
			return err
		}
		return remove(t, p, "http", id)
	})
}

// DeleteCorsConfiguration ends the answering of preflight requests.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) DeleteCorsConfiguration(ctx context.Context, in *v2.DeleteCorsConfigurationInput) (*v2.DeleteCorsConfigurationOutput, error) {
	return nil, s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		a.API.CorsConfiguration = nil
		return nil
	})
}

// checkRoute refuses routes that the data plane could not serve.
func (a *httpAPI) checkRoute(r types.Route) error {
	if _, _, err := parseRouteKey(*r.RouteKey); err != nil {
		return err
	}
	switch r.AuthorizationType {
	case "", types.AuthorizationTypeNone:
	case types.AuthorizationTypeCustom:
		if _, ok := a.Authorizers[deref(r.AuthorizerId)]; !ok {
			return badRequest("Invalid Authorizer identifier specified")
		}
	default:
		return badRequest("Authorization type %s is not supported: use NONE, or CUSTOM with a Lambda authorizer", r.AuthorizationType)
	}
	if deref(r.ApiKeyRequired) {
		return badRequest("ApiKeyRequired is not currently supported for HTTP APIs")
	}
	if r.Target != nil {
		if _, ok := a.Integrations[strings.TrimPrefix(*r.Target, "integrations/")]; !ok {
			return badRequest("Unable to find Integration with target '%s'", *r.Target)
		}
	}
	for id, other := range a.Routes {
		if *other.RouteKey == *r.RouteKey && id != *r.RouteId {
			return conflict("Route with key %s already exists for this API", *r.RouteKey)
		}
	}
	return nil
}

// CreateRoute makes a route: "METHOD /path", "ANY /path" or "$default".
//
// Limits: 300 routes an API.
// Errors: NotFoundException, BadRequestException, ConflictException, LimitExceededException.
// Differs: JWT and AWS_IAM authorization are refused.
func (s *Service) CreateRoute(ctx context.Context, in *v2.CreateRouteInput) (out *v2.CreateRouteOutput, err error) {
	r := *as[types.Route](in)
	r.RouteId, r.ApiKeyRequired = ptr(newID(partIDLength)), ptr(deref(in.ApiKeyRequired))
	if r.AuthorizationType == "" {
		r.AuthorizationType = types.AuthorizationTypeNone
	}
	err = s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		if len(a.Routes) >= maxRoutes {
			return tooMany("Maximum number of routes for this API has been reached: %d", maxRoutes)
		}
		if err := a.checkRoute(r); err != nil {
			return err
		}
		put(&a.Routes, *r.RouteId, r)
		return nil
	})
	return as[v2.CreateRouteOutput](r), err
}

// GetRoute describes a route.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetRoute(ctx context.Context, in *v2.GetRouteInput) (*v2.GetRouteOutput, error) {
	a, err := s.http(ctx, in.ApiId)
	if err != nil {
		return nil, err
	}
	r, ok := a.Routes[*in.RouteId]
	if !ok {
		return nil, notFound("Unable to find Route by ID %s", *in.RouteId)
	}
	return as[v2.GetRouteOutput](r), nil
}

// GetRoutes lists an API's routes.
//
// Errors: NotFoundException, BadRequestException.
// Differs: nothing.
func (s *Service) GetRoutes(ctx context.Context, in *v2.GetRoutesInput) (*v2.GetRoutesOutput, error) {
	a, err := s.http(ctx, in.ApiId)
	if err != nil {
		return nil, err
	}
	page, next, err := page2(sortedValues(a.Routes), func(r types.Route) string { return *r.RouteId }, in.NextToken, in.MaxResults)
	return &v2.GetRoutesOutput{Items: page, NextToken: next}, err
}

// UpdateRoute changes a route: what is given replaces what was.
//
// Errors: NotFoundException, BadRequestException, ConflictException.
// Differs: as CreateRoute.
func (s *Service) UpdateRoute(ctx context.Context, in *v2.UpdateRouteInput) (out *v2.UpdateRouteOutput, err error) {
	err = s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		r, ok := a.Routes[*in.RouteId]
		if !ok {
			return notFound("Unable to find Route by ID %s", *in.RouteId)
		}
		fill(&r, in)
		if err := a.checkRoute(r); err != nil {
			return err
		}
		a.Routes[*r.RouteId] = r
		out = as[v2.UpdateRouteOutput](r)
		return nil
	})
	return out, err
}

// DeleteRoute removes a route.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) DeleteRoute(ctx context.Context, in *v2.DeleteRouteInput) (*v2.DeleteRouteOutput, error) {
	return nil, s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		if _, ok := a.Routes[*in.RouteId]; !ok {
			return notFound("Unable to find Route by ID %s", *in.RouteId)
		}
		delete(a.Routes, *in.RouteId)
		return nil
	})
}

// changeTagsV2 changes the tags of the API or stage that an ARN names.
func (s *Service) changeTagsV2(ctx context.Context, arn string, fn func(map[string]string)) error {
	id, stage, err := splitARN(arn, "apis")
	if err != nil {
		return err
	}
	return s.changeHTTP(ctx, &id, func(_ kv.Txn, a *httpAPI) error {
		st, ok := a.Stages[stage]
		if stage != "" && !ok {
			return notFound("Invalid Stage identifier specified")
		}
		tags := maps.Clone(a.API.Tags)
		if stage != "" {
			tags = maps.Clone(st.Tags)
		}
		if tags == nil {
			tags = map[string]string{}
		}
		fn(tags)
		if len(tags) > maxTags {
			return badRequest("The number of tags exceeds the limit of %d", maxTags)
		}
		if stage == "" {
			a.API.Tags = tags
			return nil
		}
		st.Tags = tags
		a.Stages[stage] = st
		return nil
	})
}

// TagResourceV2 adds tags to an API or a stage.
//
// Limits: 50 tags.
// Errors: NotFoundException, BadRequestException.
// Differs: other resources than APIs and stages have no tags.
func (s *Service) TagResourceV2(ctx context.Context, in *v2.TagResourceInput) (*v2.TagResourceOutput, error) {
	return nil, s.changeTagsV2(ctx, *in.ResourceArn, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

// UntagResourceV2 removes tags.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) UntagResourceV2(ctx context.Context, in *v2.UntagResourceInput) (*v2.UntagResourceOutput, error) {
	return nil, s.changeTagsV2(ctx, *in.ResourceArn, func(tags map[string]string) {
		maps.DeleteFunc(tags, func(k, _ string) bool { return slices.Contains(in.TagKeys, k) })
	})
}

// GetTagsV2 lists the tags of an API or a stage.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetTagsV2(ctx context.Context, in *v2.GetTagsInput) (*v2.GetTagsOutput, error) {
	id, stage, err := splitARN(*in.ResourceArn, "apis")
	if err != nil {
		return nil, err
	}
	a, err := s.http(ctx, &id)
	if err != nil {
		return nil, err
	}
	tags := a.API.Tags
	if stage != "" {
		st, ok := a.Stages[stage]
		if !ok {
			return nil, notFound("Invalid Stage identifier specified")
		}
		tags = st.Tags
	}
	if tags == nil {
		tags = map[string]string{}
	}
	return &v2.GetTagsOutput{Tags: tags}, nil
}

// splitARN takes API and stage out of arn:aws:apigateway:REGION::/KIND/API[/stages/STAGE].
func splitARN(arn, kind string) (id, stage string, err error) {
	_, path, ok := strings.Cut(arn, "::/"+kind+"/")
	parts := strings.Split(path, "/")
	switch {
	case ok && len(parts) == 1 && parts[0] != "":
		return parts[0], "", nil
	case ok && len(parts) == 3 && parts[1] == "stages":
		return parts[0], parts[2], nil
	}
	return "", "", badRequest("Invalid resource ARN specified in the request: %s", arn)
}
