package apigateway

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
	"github.com/leatdev/leat/internal/wire"
)

// restAPI is a REST API as stored, and, without stages and deployments, as deployed.
type restAPI struct {
	API         types.RestApi
	Resources   map[string]types.Resource
	Authorizers map[string]types.Authorizer       `json:",omitempty"`
	Models      map[string]types.Model            `json:",omitempty"` // by name
	Validators  map[string]types.RequestValidator `json:",omitempty"`
	Responses   map[string]types.GatewayResponse  `json:",omitempty"` // by response type
	Stages      map[string]types.Stage            `json:",omitempty"`
	Deployments map[string]types.Deployment       `json:",omitempty"`
}

// API is the REST API management API (v1).
func (s *Service) API() wire.Service {
	return wire.Service{Model: "apigateway", Operations: []wire.Operation{
		wire.Op("CreateRestApi", s.CreateRestApi), wire.Op("GetRestApi", s.GetRestApi), wire.Op("GetRestApis", s.GetRestApis),
		wire.Op("UpdateRestApi", s.UpdateRestApi), wire.Op("DeleteRestApi", s.DeleteRestApi),
		wire.Op("ImportRestApi", s.ImportRestApi), wire.Op("PutRestApi", s.PutRestApi),
		wire.Op("CreateResource", s.CreateResource), wire.Op("GetResource", s.GetResource), wire.Op("GetResources", s.GetResources),
		wire.Op("UpdateResource", s.UpdateResource), wire.Op("DeleteResource", s.DeleteResource),
		wire.Op("PutMethod", s.PutMethod), wire.Op("GetMethod", s.GetMethod), wire.Op("UpdateMethod", s.UpdateMethod), wire.Op("DeleteMethod", s.DeleteMethod),
		wire.Op("PutMethodResponse", s.PutMethodResponse), wire.Op("GetMethodResponse", s.GetMethodResponse), wire.Op("DeleteMethodResponse", s.DeleteMethodResponse),
		wire.Op("PutIntegration", s.PutIntegration), wire.Op("GetIntegration", s.GetIntegration), wire.Op("UpdateIntegration", s.UpdateIntegration), wire.Op("DeleteIntegration", s.DeleteIntegration),
		wire.Op("PutIntegrationResponse", s.PutIntegrationResponse), wire.Op("GetIntegrationResponse", s.GetIntegrationResponse), wire.Op("DeleteIntegrationResponse", s.DeleteIntegrationResponse),
		wire.Op("CreateDeployment", s.CreateDeployment), wire.Op("GetDeployment", s.GetDeployment), wire.Op("GetDeployments", s.GetDeployments),
		wire.Op("UpdateDeployment", s.UpdateDeployment), wire.Op("DeleteDeployment", s.DeleteDeployment),
		wire.Op("CreateStage", s.CreateStage), wire.Op("GetStage", s.GetStage), wire.Op("GetStages", s.GetStages), wire.Op("UpdateStage", s.UpdateStage), wire.Op("DeleteStage", s.DeleteStage),
		wire.Op("CreateAuthorizer", s.CreateAuthorizer), wire.Op("GetAuthorizer", s.GetAuthorizer), wire.Op("GetAuthorizers", s.GetAuthorizers),
		wire.Op("UpdateAuthorizer", s.UpdateAuthorizer), wire.Op("DeleteAuthorizer", s.DeleteAuthorizer), wire.Op("FlushStageAuthorizersCache", s.FlushStageAuthorizersCache),
		wire.Op("CreateModel", s.CreateModel), wire.Op("GetModel", s.GetModel), wire.Op("GetModels", s.GetModels), wire.Op("UpdateModel", s.UpdateModel), wire.Op("DeleteModel", s.DeleteModel),
		wire.Op("CreateRequestValidator", s.CreateRequestValidator), wire.Op("GetRequestValidator", s.GetRequestValidator), wire.Op("GetRequestValidators", s.GetRequestValidators),
		wire.Op("UpdateRequestValidator", s.UpdateRequestValidator), wire.Op("DeleteRequestValidator", s.DeleteRequestValidator),
		wire.Op("PutGatewayResponse", s.PutGatewayResponse), wire.Op("GetGatewayResponse", s.GetGatewayResponse), wire.Op("GetGatewayResponses", s.GetGatewayResponses), wire.Op("DeleteGatewayResponse", s.DeleteGatewayResponse),
		wire.Op("GetAccount", s.GetAccount), wire.Op("UpdateAccount", s.UpdateAccount),
		wire.Op("TagResource", s.TagResource), wire.Op("UntagResource", s.UntagResource), wire.Op("GetTags", s.GetTags),
	}}
}

// rest reads a REST API.
func (s *Service) rest(ctx context.Context, id *string) (a *restAPI, err error) {
	p := placeOf(ctx)
	err = s.store.View(ctx, func(r kv.Reader) error {
		a, err = loadRest(r, p, deref(id))
		return err
	})
	return a, err
}

func loadRest(r kv.Reader, p place, id string) (*restAPI, error) {
	a, ok, err := record.Load[restAPI](r, p.key("rest", id))
	if err == nil && !ok {
		err = notFound("Invalid API identifier specified %s:%s", p.account, id)
	}
	return a, err
}

// changeRest lets fn change a REST API.
func (s *Service) changeRest(ctx context.Context, id *string, fn func(kv.Txn, *restAPI) error) error {
	p := placeOf(ctx)
	return s.update(ctx, deref(id), func(t kv.Txn) error {
		a, err := loadRest(t, p, deref(id))
		if err != nil {
			return err
		}
		if err := fn(t, a); err != nil {
			return err
		}
		return record.Save(t, p.key("rest", deref(id)), a)
	})
}

// newRest makes an API with its root resource and the two models that every API has.
func (s *Service) newRest(in *apigateway.CreateRestApiInput) *restAPI {
	root := newID(apiIDLength)
	a := &restAPI{
		API:       *as[types.RestApi](in),
		Resources: map[string]types.Resource{root: {Id: &root, Path: ptr("/")}},
		Models: map[string]types.Model{
			"Empty": {Id: ptr(newID(partIDLength)), Name: ptr("Empty"), ContentType: ptr("application/json"), Description: ptr("This is a default empty schema model"),
				Schema: ptr("{\n  \"$schema\": \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Empty Schema\",\n  \"type\" : \"object\"\n}")},
			"Error": {Id: ptr(newID(partIDLength)), Name: ptr("Error"), ContentType: ptr("application/json"), Description: ptr("This is a default error schema model"),
				Schema: ptr("{\n  \"$schema\" : \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Error Schema\",\n  \"type\" : \"object\",\n  \"properties\" : {\n    \"message\" : { \"type\" : \"string\" }\n  }\n}")},
		},
	}
	a.API.Id, a.API.RootResourceId, a.API.CreatedDate = ptr(newID(apiIDLength)), &root, ptr(s.now())
	if a.API.ApiKeySource == "" {
		a.API.ApiKeySource = types.ApiKeySourceTypeHeader
	}
	if a.API.EndpointConfiguration == nil {
		a.API.EndpointConfiguration = &types.EndpointConfiguration{Types: []types.EndpointType{types.EndpointTypeEdge}}
	}
	return a
}

// add stores a new API under its account's limit.
func (s *Service) add(ctx context.Context, kind, id string, rec any) error {
	p := placeOf(ctx)
	return s.update(ctx, id, func(t kv.Txn) error {
		n := 0
		if err := t.Scan(kv.PrefixRange(p.key(kind)), func(_, _ []byte) error { n++; return nil }); err != nil {
			return err
		}
		if n >= maxAPIs {
			return tooMany("Maximum number of APIs reached: %d", maxAPIs)
		}
		if err := record.Save(t, homeKey(id), home{p.account, p.region, kind}); err != nil {
			return err
		}
		return record.Save(t, p.key(kind, id), rec)
	})
}

// CreateRestApi makes a REST API with the root resource "/".
//
// Limits: 600 APIs a region; 50 tags.
// Errors: BadRequestException, NotFoundException (CloneFrom), LimitExceededException.
// Differs: endpoint types, compression and VPC settings are kept and change nothing. Of a policy's condition keys aws:SourceIp and aws:UserAgent are known.
func (s *Service) CreateRestApi(ctx context.Context, in *apigateway.CreateRestApiInput) (*apigateway.CreateRestApiOutput, error) { //nolint:revive,staticcheck // AWS's spelling
	if len(in.Tags) > maxTags {
		return nil, badRequest("The number of tags exceeds the limit of %d", maxTags)
	}
	if deref(in.Name) == "" {
		return nil, badRequest("API name cannot be empty")
	}
	if err := checkPolicy(in.Policy); err != nil {
		return nil, err
	}
	a := s.newRest(in)
	if in.CloneFrom != nil {
		from, err := s.rest(ctx, in.CloneFrom)
		if err != nil {
			return nil, err
		}
		from.API.Id, from.API.Name, from.API.CreatedDate = a.API.Id, a.API.Name, a.API.CreatedDate
		from.Stages, from.Deployments = nil, nil
		a = from
	}
	if err := s.add(ctx, "rest", *a.API.Id, a); err != nil {
		return nil, err
	}
	return as[apigateway.CreateRestApiOutput](a.API), nil
}

// GetRestApi describes a REST API.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetRestApi(ctx context.Context, in *apigateway.GetRestApiInput) (*apigateway.GetRestApiOutput, error) { //nolint:revive,staticcheck // AWS's spelling
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	return as[apigateway.GetRestApiOutput](a.API), nil
}

// GetRestApis lists the REST APIs of the account and region by id.
//
// Limits: 500 a page, 25 by default.
// Differs: nothing.
func (s *Service) GetRestApis(ctx context.Context, in *apigateway.GetRestApisInput) (*apigateway.GetRestApisOutput, error) { //nolint:revive,staticcheck // AWS's spelling
	p := placeOf(ctx)
	var all []types.RestApi
	err := s.store.View(ctx, func(r kv.Reader) error {
		return r.Scan(kv.PrefixRange(p.key("rest")), func(_, v []byte) error {
			a, err := record.Decode[restAPI](v)
			if err == nil {
				all = append(all, a.API)
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	page, next := paginate(all, func(a types.RestApi) string { return *a.Id }, in.Position, in.Limit)
	return &apigateway.GetRestApisOutput{Items: page, Position: next}, nil
}

// UpdateRestApi changes an API by patch operations.
//
// Errors: NotFoundException, BadRequestException.
// Differs: nothing.
func (s *Service) UpdateRestApi(ctx context.Context, in *apigateway.UpdateRestApiInput) (out *apigateway.UpdateRestApiOutput, err error) { //nolint:revive,staticcheck // AWS's spelling
	err = s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		err := patch(&a.API, in.PatchOperations, "name", "description", "binaryMediaTypes", "minimumCompressionSize", "policy",
			"apiKeySource", "disableExecuteApiEndpoint", "endpointConfiguration", "version", "securityPolicy", "endpointAccessMode")
		out = as[apigateway.UpdateRestApiOutput](a.API)
		return cmp.Or(err, checkPolicy(a.API.Policy))
	})
	return out, err
}

// DeleteRestApi removes an API with its stages and deployments.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) DeleteRestApi(ctx context.Context, in *apigateway.DeleteRestApiInput) (*apigateway.DeleteRestApiOutput, error) { //nolint:revive,staticcheck // AWS's spelling
	p, id := placeOf(ctx), *in.RestApiId
	return nil, s.update(ctx, id, func(t kv.Txn) error {
		if _, err := loadRest(t, p, id); err != nil {
			return err
		}
		return remove(t, p, "rest", id)
	})
}

// remove deletes an API's records.
func remove(t kv.Txn, p place, kind, id string) error {
	deployments := kv.PrefixRange(kv.Key(kv.SpaceAPIGateway, "deployment", id))
	if err := t.DeleteRange(deployments.Start, deployments.End); err != nil {
		return err
	}
	if err := t.Delete(homeKey(id)); err != nil {
		return err
	}
	return t.Delete(p.key(kind, id))
}

// CreateAuthorizer makes a Lambda authorizer, TOKEN or REQUEST.
//
// Errors: BadRequestException, NotFoundException.
// Differs: COGNITO_USER_POOLS is refused.
func (s *Service) CreateAuthorizer(ctx context.Context, in *apigateway.CreateAuthorizerInput) (out *apigateway.CreateAuthorizerOutput, err error) {
	az := *as[types.Authorizer](in)
	az.Id = ptr(newID(partIDLength))
	if az.AuthorizerResultTtlInSeconds == nil {
		az.AuthorizerResultTtlInSeconds = ptr(int32(defaultAuthTTL))
	}
	if err := checkAuthorizer(&az); err != nil {
		return nil, err
	}
	err = s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		for _, other := range a.Authorizers {
			if *other.Name == *az.Name {
				return conflict("Authorizer name must be unique. Authorizer %s already exists in this RestApi.", *az.Name)
			}
		}
		put(&a.Authorizers, *az.Id, az)
		return nil
	})
	return as[apigateway.CreateAuthorizerOutput](az), err
}

// put sets an element of a map that may be nil.
func put[V any](m *map[string]V, key string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = v
}

func checkAuthorizer(az *types.Authorizer) error {
	switch az.Type {
	case types.AuthorizerTypeToken:
		if deref(az.IdentitySource) == "" {
			return badRequest("Invalid Authorizer: a TOKEN authorizer needs an identity source")
		}
	case types.AuthorizerTypeRequest:
		if deref(az.IdentitySource) == "" && deref(az.AuthorizerResultTtlInSeconds) > 0 {
			return badRequest("Authorizer's identity sources must be specified when caching is enabled")
		}
	default:
		return badRequest("Authorizers of type %s are not supported: use TOKEN or REQUEST", az.Type)
	}
	if _, err := functionOf(deref(az.AuthorizerUri)); err != nil {
		return badRequest("Invalid Authorizer URI: %s. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation.", deref(az.AuthorizerUri))
	}
	return nil
}

// GetAuthorizer describes an authorizer.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetAuthorizer(ctx context.Context, in *apigateway.GetAuthorizerInput) (*apigateway.GetAuthorizerOutput, error) {
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	az, ok := a.Authorizers[*in.AuthorizerId]
	if !ok {
		return nil, notFound("Invalid Authorizer identifier specified")
	}
	return as[apigateway.GetAuthorizerOutput](az), nil
}

// GetAuthorizers lists an API's authorizers.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetAuthorizers(ctx context.Context, in *apigateway.GetAuthorizersInput) (*apigateway.GetAuthorizersOutput, error) {
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	page, next := paginate(sortedValues(a.Authorizers), func(z types.Authorizer) string { return *z.Id }, in.Position, in.Limit)
	return &apigateway.GetAuthorizersOutput{Items: page, Position: next}, nil
}

// UpdateAuthorizer changes an authorizer by patch operations.
//
// Errors: NotFoundException, BadRequestException.
// Differs: nothing.
func (s *Service) UpdateAuthorizer(ctx context.Context, in *apigateway.UpdateAuthorizerInput) (out *apigateway.UpdateAuthorizerOutput, err error) {
	err = s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		az, ok := a.Authorizers[*in.AuthorizerId]
		if !ok {
			return notFound("Invalid Authorizer identifier specified")
		}
		if err := patch(&az, in.PatchOperations, "name", "authorizerUri", "authorizerCredentials", "identitySource", "identityValidationExpression", "authorizerResultTtlInSeconds", "type", "authType"); err != nil {
			return err
		}
		a.Authorizers[*az.Id] = az
		out = as[apigateway.UpdateAuthorizerOutput](az)
		return checkAuthorizer(&az)
	})
	return out, err
}

// DeleteAuthorizer removes an authorizer that no method uses.
//
// Errors: NotFoundException, ConflictException.
// Differs: nothing.
func (s *Service) DeleteAuthorizer(ctx context.Context, in *apigateway.DeleteAuthorizerInput) (*apigateway.DeleteAuthorizerOutput, error) {
	return nil, s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		if _, ok := a.Authorizers[*in.AuthorizerId]; !ok {
			return notFound("Invalid Authorizer identifier specified")
		}
		for _, r := range a.Resources {
			for _, m := range r.ResourceMethods {
				if deref(m.AuthorizerId) == *in.AuthorizerId {
					return conflict("Cannot delete authorizer '%s', is referenced in method: %s %s", *in.AuthorizerId, *r.Path, *m.HttpMethod)
				}
			}
		}
		delete(a.Authorizers, *in.AuthorizerId)
		return nil
	})
}

// FlushStageAuthorizersCache forgets what a stage's authorizers decided.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) FlushStageAuthorizersCache(ctx context.Context, in *apigateway.FlushStageAuthorizersCacheInput) (*apigateway.FlushStageAuthorizersCacheOutput, error) {
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	if _, ok := a.Stages[*in.StageName]; !ok {
		return nil, notFound("Invalid Stage identifier specified")
	}
	s.auth.forget(*in.RestApiId)
	return nil, nil
}

// accountSettings are what UpdateAccount keeps.
type accountSettings struct{ CloudwatchRoleArn *string }

// GetAccount tells the account's settings.
//
// Differs: throttle settings are AWS's defaults and are not enforced.
func (s *Service) GetAccount(ctx context.Context, _ *apigateway.GetAccountInput) (*apigateway.GetAccountOutput, error) {
	p := placeOf(ctx)
	out := &apigateway.GetAccountOutput{ThrottleSettings: &types.ThrottleSettings{BurstLimit: 5000, RateLimit: 10000}, ApiKeyVersion: ptr("4"), Features: []string{"UsagePlans"}}
	err := s.store.View(ctx, func(r kv.Reader) error {
		set, ok, err := record.Load[accountSettings](r, p.key("account"))
		if ok {
			out.CloudwatchRoleArn = set.CloudwatchRoleArn
		}
		return err
	})
	return out, err
}

// UpdateAccount changes the account's settings by patch operations.
//
// Errors: BadRequestException.
// Differs: the role for CloudWatch is kept and not used: access logs are not written.
func (s *Service) UpdateAccount(ctx context.Context, in *apigateway.UpdateAccountInput) (*apigateway.UpdateAccountOutput, error) {
	p := placeOf(ctx)
	err := s.update(ctx, "", func(t kv.Txn) error {
		set, ok, err := record.Load[accountSettings](t, p.key("account"))
		if err != nil {
			return err
		}
		if !ok {
			set = &accountSettings{}
		}
		if err := patch(set, in.PatchOperations, "cloudwatchRoleArn"); err != nil {
			return err
		}
		return record.Save(t, p.key("account"), set)
	})
	if err != nil {
		return nil, err
	}
	out, err := s.GetAccount(ctx, nil)
	if err != nil {
		return nil, err
	}
	return as[apigateway.UpdateAccountOutput](out), nil
}

// tagged finds the tags that an ARN of v1 names: an API's or a stage's.
func (a *restAPI) tagged(stage string) (*map[string]string, func()) {
	if stage == "" {
		return &a.API.Tags, func() {}
	}
	st := a.Stages[stage]
	return &st.Tags, func() { a.Stages[stage] = st }
}

// changeTags changes the tags of the API or stage that an ARN names.
func (s *Service) changeTags(ctx context.Context, arn string, fn func(map[string]string)) error {
	id, stage, err := splitARN(arn, "restapis")
	if err != nil {
		return err
	}
	return s.changeRest(ctx, &id, func(_ kv.Txn, a *restAPI) error {
		if _, ok := a.Stages[stage]; stage != "" && !ok {
			return notFound("Invalid Stage identifier specified")
		}
		tags, store := a.tagged(stage)
		changed := maps.Clone(*tags)
		if changed == nil {
			changed = map[string]string{}
		}
		fn(changed)
		if len(changed) > maxTags {
			return badRequest("The number of tags exceeds the limit of %d", maxTags)
		}
		*tags = changed
		store()
		return nil
	})
}

// TagResource adds tags to an API or a stage.
//
// Limits: 50 tags.
// Errors: NotFoundException, BadRequestException.
// Differs: other resources than APIs and stages have no tags.
func (s *Service) TagResource(ctx context.Context, in *apigateway.TagResourceInput) (*apigateway.TagResourceOutput, error) {
	return nil, s.changeTags(ctx, *in.ResourceArn, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

// UntagResource removes tags.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) UntagResource(ctx context.Context, in *apigateway.UntagResourceInput) (*apigateway.UntagResourceOutput, error) {
	return nil, s.changeTags(ctx, *in.ResourceArn, func(tags map[string]string) {
		maps.DeleteFunc(tags, func(k, _ string) bool { return slices.Contains(in.TagKeys, k) })
	})
}

// GetTags lists the tags of an API or a stage.
//
// Errors: NotFoundException.
// Differs: the whole list is returned.
func (s *Service) GetTags(ctx context.Context, in *apigateway.GetTagsInput) (*apigateway.GetTagsOutput, error) {
	id, stage, err := splitARN(*in.ResourceArn, "restapis")
	if err != nil {
		return nil, err
	}
	a, err := s.rest(ctx, &id)
	if err != nil {
		return nil, err
	}
	tags, _ := a.tagged(stage)
	if *tags == nil {
		*tags = map[string]string{}
	}
	return &apigateway.GetTagsOutput{Tags: *tags}, nil
}
