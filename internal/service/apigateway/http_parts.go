package apigateway

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

const maxHTTPTimeout = 30_000 // milliseconds

func number(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// checkIntegrationV2 refuses what the data plane does not do.
func checkIntegrationV2(i *types.Integration) error {
	switch i.IntegrationType {
	case types.IntegrationTypeAwsProxy:
		if i.IntegrationSubtype != nil {
			return badRequest("Service integrations (IntegrationSubtype %s) are not supported", *i.IntegrationSubtype)
		}
		if _, err := targetFunction(deref(i.IntegrationUri)); err != nil {
			return badRequest("Invalid integration URI specified: %s", deref(i.IntegrationUri))
		}
		if v := deref(i.PayloadFormatVersion); v != "1.0" && v != "2.0" {
			return badRequest("PayloadFormatVersion is a required parameter for integration AWS_PROXY: 1.0 or 2.0")
		}
	case types.IntegrationTypeHttpProxy:
		u, err := url.Parse(plainVariables(deref(i.IntegrationUri)))
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return badRequest("HttpIntegration requires a valid HTTP URI")
		}
		if deref(i.IntegrationMethod) == "" {
			return badRequest("IntegrationMethod is a required parameter for integration HTTP_PROXY")
		}
	default:
		return badRequest("Integration type %s is not supported for HTTP APIs: use AWS_PROXY or HTTP_PROXY", i.IntegrationType)
	}
	if i.ConnectionType == types.ConnectionTypeVpcLink {
		return badRequest("VPC links are not supported: use connection type INTERNET")
	}
	if len(i.RequestParameters) > 0 || len(i.ResponseParameters) > 0 {
		return badRequest("Parameter mapping is not supported")
	}
	if t := deref(i.TimeoutInMillis); t < minTimeoutMillis || t > maxHTTPTimeout {
		return badRequest("Timeout should be between %d and %d milliseconds", minTimeoutMillis, maxHTTPTimeout)
	}
	return nil
}

// targetFunction takes a function's ARN: HTTP APIs accept the plain one as well as the invocation path.
func targetFunction(uri string) (string, error) {
	if strings.HasPrefix(uri, "arn:") && strings.Contains(uri, ":function:") && !strings.Contains(uri, ":lambda:path/") {
		return uri, nil
	}
	return functionOf(uri)
}

// CreateIntegration makes an integration that routes may target.
//
// Errors: NotFoundException, BadRequestException.
// Differs: service integrations, VPC links and parameter mapping are refused.
func (s *Service) CreateIntegration(ctx context.Context, in *v2.CreateIntegrationInput) (*v2.CreateIntegrationOutput, error) {
	i := *as[types.Integration](in)
	i.IntegrationId = ptr(newID(partIDLength))
	if i.ConnectionType == "" {
		i.ConnectionType = types.ConnectionTypeInternet
	}
	if i.TimeoutInMillis == nil {
		i.TimeoutInMillis = ptr(int32(maxHTTPTimeout))
	}
	if i.PayloadFormatVersion == nil {
		i.PayloadFormatVersion = ptr("1.0")
	}
	if i.IntegrationMethod == nil && i.IntegrationType == types.IntegrationTypeAwsProxy {
		i.IntegrationMethod = ptr("POST")
	}
	if err := checkIntegrationV2(&i); err != nil {
		return nil, err
	}
	err := s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		put(&a.Integrations, *i.IntegrationId, i)
		return nil
	})
	return as[v2.CreateIntegrationOutput](i), err
}

// GetIntegrationV2 describes an integration.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetIntegrationV2(ctx context.Context, in *v2.GetIntegrationInput) (*v2.GetIntegrationOutput, error) {
	a, err := s.http(ctx, in.ApiId)
	if err != nil {
		return nil, err
	}
	i, ok := a.Integrations[*in.IntegrationId]
	if !ok {
		return nil, notFound("Unable to find Integration by ID %s", *in.IntegrationId)
	}
	return as[v2.GetIntegrationOutput](i), nil
}

// GetIntegrations lists an API's integrations.
//
// Errors: NotFoundException, BadRequestException.
// Differs: nothing.
func (s *Service) GetIntegrations(ctx context.Context, in *v2.GetIntegrationsInput) (*v2.GetIntegrationsOutput, error) {
	a, err := s.http(ctx, in.ApiId)
	if err != nil {
		return nil, err
	}
	page, next, err := page2(sortedValues(a.Integrations), func(i types.Integration) string { return *i.IntegrationId }, in.NextToken, in.MaxResults)
	return &v2.GetIntegrationsOutput{Items: page, NextToken: next}, err
}

// UpdateIntegrationV2 changes an integration: what is given replaces what was.
//
// Errors: NotFoundException, BadRequestException.
// Differs: as CreateIntegration.
func (s *Service) UpdateIntegrationV2(ctx context.Context, in *v2.UpdateIntegrationInput) (out *v2.UpdateIntegrationOutput, err error) {
	err = s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		i, ok := a.Integrations[*in.IntegrationId]
		if !ok {
			return notFound("Unable to find Integration by ID %s", *in.IntegrationId)
		}
		fill(&i, in)
		if err := checkIntegrationV2(&i); err != nil {
			return err
		}
		a.Integrations[*i.IntegrationId] = i
		out = as[v2.UpdateIntegrationOutput](i)
		return nil
	})
	return out, err
}

// DeleteIntegrationV2 removes an integration that no route targets.
//
// Errors: NotFoundException, ConflictException.
// Differs: nothing.
func (s *Service) DeleteIntegrationV2(ctx context.Context, in *v2.DeleteIntegrationInput) (*v2.DeleteIntegrationOutput, error) {
	return nil, s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		if _, ok := a.Integrations[*in.IntegrationId]; !ok {
			return notFound("Unable to find Integration by ID %s", *in.IntegrationId)
		}
		for _, r := range a.Routes {
			if deref(r.Target) == "integrations/"+*in.IntegrationId {
				return conflict("Cannot delete Integration '%s' due to associated Route", *in.IntegrationId)
			}
		}
		delete(a.Integrations, *in.IntegrationId)
		return nil
	})
}

func checkAuthorizerV2(az *types.Authorizer) error {
	if az.AuthorizerType != types.AuthorizerTypeRequest {
		return badRequest("Authorizers of type %s are not supported: use REQUEST", az.AuthorizerType)
	}
	if _, err := functionOf(deref(az.AuthorizerUri)); err != nil {
		return badRequest("Invalid AuthorizerUri: %s", deref(az.AuthorizerUri))
	}
	if v := deref(az.AuthorizerPayloadFormatVersion); v != "1.0" && v != "2.0" {
		return badRequest("AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer: 1.0 or 2.0")
	}
	if deref(az.EnableSimpleResponses) && *az.AuthorizerPayloadFormatVersion != "2.0" {
		return badRequest("EnableSimpleResponses is only supported for AuthorizerPayloadFormatVersion 2.0")
	}
	for _, src := range az.IdentitySource {
		if _, err := parseSourceV2(src); err != nil {
			return err
		}
	}
	if deref(az.AuthorizerResultTtlInSeconds) > 0 && len(az.IdentitySource) == 0 {
		return badRequest("IdentitySource is required when caching is enabled")
	}
	return nil
}

// CreateAuthorizerV2 makes a Lambda authorizer.
//
// Errors: NotFoundException, BadRequestException.
// Differs: JWT is refused.
func (s *Service) CreateAuthorizerV2(ctx context.Context, in *v2.CreateAuthorizerInput) (*v2.CreateAuthorizerOutput, error) {
	az := *as[types.Authorizer](in)
	az.AuthorizerId = ptr(newID(partIDLength))
	if az.AuthorizerResultTtlInSeconds == nil {
		az.AuthorizerResultTtlInSeconds = ptr(int32(0))
	}
	if err := checkAuthorizerV2(&az); err != nil {
		return nil, err
	}
	err := s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		put(&a.Authorizers, *az.AuthorizerId, az)
		return nil
	})
	return as[v2.CreateAuthorizerOutput](az), err
}

// GetAuthorizerV2 describes an authorizer.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetAuthorizerV2(ctx context.Context, in *v2.GetAuthorizerInput) (*v2.GetAuthorizerOutput, error) {
	a, err := s.http(ctx, in.ApiId)
	if err != nil {
		return nil, err
	}
	az, ok := a.Authorizers[*in.AuthorizerId]
	if !ok {
		return nil, notFound("Unable to find Authorizer by ID %s", *in.AuthorizerId)
	}
	return as[v2.GetAuthorizerOutput](az), nil
}

// GetAuthorizersV2 lists an API's authorizers.
//
// Errors: NotFoundException, BadRequestException.
// Differs: nothing.
func (s *Service) GetAuthorizersV2(ctx context.Context, in *v2.GetAuthorizersInput) (*v2.GetAuthorizersOutput, error) {
	a, err := s.http(ctx, in.ApiId)
	if err != nil {
		return nil, err
	}
	page, next, err := page2(sortedValues(a.Authorizers), func(z types.Authorizer) string { return *z.AuthorizerId }, in.NextToken, in.MaxResults)
	return &v2.GetAuthorizersOutput{Items: page, NextToken: next}, err
}

// UpdateAuthorizerV2 changes an authorizer: what is given replaces what was.
//
// Errors: NotFoundException, BadRequestException.
// Differs: nothing.
func (s *Service) UpdateAuthorizerV2(ctx context.Context, in *v2.UpdateAuthorizerInput) (out *v2.UpdateAuthorizerOutput, err error) {
	err = s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		az, ok := a.Authorizers[*in.AuthorizerId]
		if !ok {
			return notFound("Unable to find Authorizer by ID %s", *in.AuthorizerId)
		}
		fill(&az, in)
		if err := checkAuthorizerV2(&az); err != nil {
			return err
		}
		a.Authorizers[*az.AuthorizerId] = az
		out = as[v2.UpdateAuthorizerOutput](az)
		return nil
	})
	return out, err
}

// DeleteAuthorizerV2 removes an authorizer that no route uses.
//
// Errors: NotFoundException, ConflictException.
// Differs: nothing.
func (s *Service) DeleteAuthorizerV2(ctx context.Context, in *v2.DeleteAuthorizerInput) (*v2.DeleteAuthorizerOutput, error) {
	return nil, s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		if _, ok := a.Authorizers[*in.AuthorizerId]; !ok {
			return notFound("Unable to find Authorizer by ID %s", *in.AuthorizerId)
		}
		for _, r := range a.Routes {
			if deref(r.AuthorizerId) == *in.AuthorizerId {
				return conflict("Cannot delete Authorizer '%s' due to associated Route", *in.AuthorizerId)
			}
		}
		delete(a.Authorizers, *in.AuthorizerId)
		return nil
	})
}

// ResetAuthorizersCache forgets what a stage's authorizers decided.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) ResetAuthorizersCache(ctx context.Context, in *v2.ResetAuthorizersCacheInput) (*v2.ResetAuthorizersCacheOutput, error) {
	a, err := s.http(ctx, in.ApiId)
	if err != nil {
		return nil, err
	}
	if _, ok := a.Stages[*in.StageName]; !ok {
		return nil, notFound("Unable to find Stage by name %s", *in.StageName)
	}
	s.auth.forget(*in.ApiId)
	return nil, nil
}

// setStage checks and stores a stage.
func (a *httpAPI) setStage(st types.Stage) error {
	name := *st.StageName
	if name != "$default" && !stagePattern.MatchString(name) {
		return badRequest("Stage name only allows a-zA-Z0-9_- or $default")
	}
	if _, ok := a.Stages[name]; !ok && len(a.Stages) >= maxStages {
		return tooMany("Maximum number of stages for this API has been reached: %d", maxStages)
	}
	if id := deref(st.DeploymentId); id != "" {
		if _, ok := a.Deployments[id]; !ok {
			return notFound("Unable to find Deployment by ID %s", id)
		}
	}
	put(&a.Stages, name, st)
	return nil
}

// CreateStageV2 serves an API under a name, or under $default without one; AutoDeploy serves every change at once.
//
// Limits: 10 stages an API.
// Errors: NotFoundException, ConflictException, BadRequestException, LimitExceededException.
// Differs: route settings and access logs are kept and change nothing.
func (s *Service) CreateStageV2(ctx context.Context, in *v2.CreateStageInput) (*v2.CreateStageOutput, error) {
	st := *as[types.Stage](in)
	st.CreatedDate = ptr(s.now())
	st.LastUpdatedDate, st.AutoDeploy = st.CreatedDate, ptr(deref(in.AutoDeploy))
	err := s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		if _, ok := a.Stages[*in.StageName]; ok {
			return conflict("Stage already exists")
		}
		return a.setStage(st)
	})
	return as[v2.CreateStageOutput](st), err
}

// GetStageV2 describes a stage.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetStageV2(ctx context.Context, in *v2.GetStageInput) (*v2.GetStageOutput, error) {
	a, err := s.http(ctx, in.ApiId)
	if err != nil {
		return nil, err
	}
	st, ok := a.Stages[*in.StageName]
	if !ok {
		return nil, notFound("Unable to find Stage by name %s", *in.StageName)
	}
	return as[v2.GetStageOutput](st), nil
}

// GetStagesV2 lists an API's stages.
//
// Errors: NotFoundException, BadRequestException.
// Differs: nothing.
func (s *Service) GetStagesV2(ctx context.Context, in *v2.GetStagesInput) (*v2.GetStagesOutput, error) {
	a, err := s.http(ctx, in.ApiId)
	if err != nil {
		return nil, err
	}
	page, next, err := page2(sortedValues(a.Stages), func(st types.Stage) string { return *st.StageName }, in.NextToken, in.MaxResults)
	return &v2.GetStagesOutput{Items: page, NextToken: next}, err
}

// UpdateStageV2 changes a stage: what is given replaces what was.
//
// Errors: NotFoundException, BadRequestException.
// Differs: as CreateStageV2.
func (s *Service) UpdateStageV2(ctx context.Context, in *v2.UpdateStageInput) (out *v2.UpdateStageOutput, err error) {
	err = s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		st, ok := a.Stages[*in.StageName]
		if !ok {
			return notFound("Unable to find Stage by name %s", *in.StageName)
		}
		fill(&st, in)
		st.LastUpdatedDate = ptr(s.now())
		out = as[v2.UpdateStageOutput](st)
		return a.setStage(st)
	})
	return out, err
}

// DeleteStageV2 stops serving a stage.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) DeleteStageV2(ctx context.Context, in *v2.DeleteStageInput) (*v2.DeleteStageOutput, error) {
	return nil, s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		if _, ok := a.Stages[*in.StageName]; !ok {
			return notFound("Unable to find Stage by name %s", *in.StageName)
		}
		delete(a.Stages, *in.StageName)
		return nil
	})
}

// CreateDeploymentV2 freezes the API as it is, and puts it on a stage if one is named.
//
// Errors: NotFoundException, BadRequestException.
// Differs: nothing.
func (s *Service) CreateDeploymentV2(ctx context.Context, in *v2.CreateDeploymentInput) (*v2.CreateDeploymentOutput, error) {
	d := types.Deployment{
		DeploymentId: ptr(newID(partIDLength)), CreatedDate: ptr(s.now()), Description: in.Description,
		DeploymentStatus: types.DeploymentStatusDeployed, AutoDeployed: ptr(false),
	}
	err := s.changeHTTP(ctx, in.ApiId, func(t kv.Txn, a *httpAPI) error {
		frozen := *a
		frozen.Stages, frozen.Deployments = nil, nil
		if err := record.Save(t, deploymentKey(*in.ApiId, *d.DeploymentId), &frozen); err != nil {
			return err
		}
		put(&a.Deployments, *d.DeploymentId, d)
		if in.StageName == nil {
			return nil
		}
		st, ok := a.Stages[*in.StageName]
		if !ok {
			return notFound("Unable to find Stage by name %s", *in.StageName)
		}
		if deref(st.AutoDeploy) {
			return badRequest("Deployment cannot be set on stage %s: it deploys automatically", *in.StageName)
		}
		st.DeploymentId, st.LastUpdatedDate = d.DeploymentId, d.CreatedDate
		return a.setStage(st)
	})
	return as[v2.CreateDeploymentOutput](d), err
}

// GetDeploymentV2 describes a deployment.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetDeploymentV2(ctx context.Context, in *v2.GetDeploymentInput) (*v2.GetDeploymentOutput, error) {
	a, err := s.http(ctx, in.ApiId)
	if err != nil {
		return nil, err
	}
	d, ok := a.Deployments[*in.DeploymentId]
	if !ok {
		return nil, notFound("Unable to find Deployment by ID %s", *in.DeploymentId)
	}
	return as[v2.GetDeploymentOutput](d), nil
}

// GetDeploymentsV2 lists an API's deployments.
//
// Errors: NotFoundException, BadRequestException.
// Differs: automatic deployments are not listed.
func (s *Service) GetDeploymentsV2(ctx context.Context, in *v2.GetDeploymentsInput) (*v2.GetDeploymentsOutput, error) {
	a, err := s.http(ctx, in.ApiId)
	if err != nil {
		return nil, err
	}
	page, next, err := page2(sortedValues(a.Deployments), func(d types.Deployment) string { return *d.DeploymentId }, in.NextToken, in.MaxResults)
	return &v2.GetDeploymentsOutput{Items: page, NextToken: next}, err
}

// UpdateDeploymentV2 changes a deployment's description.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) UpdateDeploymentV2(ctx context.Context, in *v2.UpdateDeploymentInput) (out *v2.UpdateDeploymentOutput, err error) {
	err = s.changeHTTP(ctx, in.ApiId, func(_ kv.Txn, a *httpAPI) error {
		d, ok := a.Deployments[*in.DeploymentId]
		if !ok {
			return notFound("Unable to find Deployment by ID %s", *in.DeploymentId)
		}
		fill(&d, in)
		a.Deployments[*d.DeploymentId] = d
		out = as[v2.UpdateDeploymentOutput](d)
		return nil
	})
	return out, err
}

// DeleteDeploymentV2 removes a deployment that no stage serves.
//
// Errors: NotFoundException, ConflictException.
// Differs: nothing.
func (s *Service) DeleteDeploymentV2(ctx context.Context, in *v2.DeleteDeploymentInput) (*v2.DeleteDeploymentOutput, error) {
	return nil, s.changeHTTP(ctx, in.ApiId, func(t kv.Txn, a *httpAPI) error {
		if _, ok := a.Deployments[*in.DeploymentId]; !ok {
			return notFound("Unable to find Deployment by ID %s", *in.DeploymentId)
		}
		for _, st := range a.Stages {
			if deref(st.DeploymentId) == *in.DeploymentId {
				return conflict("Cannot delete Deployment '%s': stage %s serves it", *in.DeploymentId, *st.StageName)
			}
		}
		delete(a.Deployments, *in.DeploymentId)
		return t.Delete(deploymentKey(*in.ApiId, *in.DeploymentId))
	})
}
