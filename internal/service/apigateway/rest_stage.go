package apigateway

import (
	"context"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

var stagePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// snapshot is what a deployment keeps: the definition without stages and deployments.
func (a *restAPI) snapshot() *restAPI {
	c := *a
	c.Stages, c.Deployments = nil, nil
	return &c
}

// deployable refuses an API that could answer nothing.
func (a *restAPI) deployable() error {
	methods := 0
	for _, r := range a.Resources {
		for _, m := range r.ResourceMethods {
			methods++
			if m.MethodIntegration == nil {
				return badRequest("No integration defined for method")
			}
		}
	}
	if methods == 0 {
		return badRequest("The REST API doesn't contain any methods")
	}
	return nil
}

// CreateDeployment freezes the API as it is, and puts it on a stage if one is named.
//
// Errors: NotFoundException, BadRequestException, LimitExceededException.
// Differs: cache clusters and canaries are refused.
func (s *Service) CreateDeployment(ctx context.Context, in *apigateway.CreateDeploymentInput) (out *apigateway.CreateDeploymentOutput, err error) {
	if deref(in.CacheClusterEnabled) || in.CanarySettings != nil {
		return nil, badRequest("Cache clusters and canary deployments are not supported")
	}
	d := types.Deployment{Id: ptr(newID(partIDLength)), CreatedDate: ptr(s.now()), Description: in.Description}
	err = s.changeRest(ctx, in.RestApiId, func(t kv.Txn, a *restAPI) error {
		if err := a.deployable(); err != nil {
			return err
		}
		if err := record.Save(t, deploymentKey(*in.RestApiId, *d.Id), a.snapshot()); err != nil {
			return err
		}
		put(&a.Deployments, *d.Id, d)
		if in.StageName == nil {
			return nil
		}
		st, ok := a.Stages[*in.StageName]
		if !ok {
			st = types.Stage{StageName: in.StageName, CreatedDate: d.CreatedDate, Description: in.StageDescription, TracingEnabled: deref(in.TracingEnabled)}
		}
		for k, v := range in.Variables {
			put(&st.Variables, k, v)
		}
		st.DeploymentId, st.LastUpdatedDate = d.Id, d.CreatedDate
		return a.setStage(st)
	})
	return as[apigateway.CreateDeploymentOutput](d), err
}

// setStage checks and stores a stage.
func (a *restAPI) setStage(st types.Stage) error {
	if !stagePattern.MatchString(*st.StageName) {
		return badRequest("Stage name only allows a-zA-Z0-9_-")
	}
	if _, ok := a.Stages[*st.StageName]; !ok && len(a.Stages) >= maxStages {
		return tooMany("Maximum number of stages for this API has been reached: %d", maxStages)
	}
	if _, ok := a.Deployments[deref(st.DeploymentId)]; !ok {
		return badRequest("Invalid Deployment identifier specified")
	}
	if st.CacheClusterEnabled || st.CanarySettings != nil {
		return badRequest("Cache clusters and canary deployments are not supported")
	}
	put(&a.Stages, *st.StageName, st)
	return nil
}

// GetDeployment describes a deployment; embed=apisummary adds its methods.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetDeployment(ctx context.Context, in *apigateway.GetDeploymentInput) (out *apigateway.GetDeploymentOutput, err error) {
	p := placeOf(ctx)
	err = s.store.View(ctx, func(r kv.Reader) error {
		a, err := loadRest(r, p, *in.RestApiId)
		if err != nil {
			return err
		}
		d, ok := a.Deployments[*in.DeploymentId]
		if !ok {
			return notFound("Invalid Deployment identifier specified")
		}
		for _, e := range in.Embed {
			if e != "apisummary" {
				continue
			}
			snap, _, err := record.Load[restAPI](r, deploymentKey(*in.RestApiId, *d.Id))
			if err != nil {
				return err
			}
			d.ApiSummary = snap.summary()
		}
		out = as[apigateway.GetDeploymentOutput](d)
		return nil
	})
	return out, err
}

func (a *restAPI) summary() map[string]map[string]types.MethodSnapshot {
	out := map[string]map[string]types.MethodSnapshot{}
	for _, r := range a.Resources {
		for name, m := range r.ResourceMethods {
			if out[*r.Path] == nil {
				out[*r.Path] = map[string]types.MethodSnapshot{}
			}
			out[*r.Path][name] = types.MethodSnapshot{AuthorizationType: m.AuthorizationType, ApiKeyRequired: deref(m.ApiKeyRequired)}
		}
	}
	return out
}

// GetDeployments lists an API's deployments.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetDeployments(ctx context.Context, in *apigateway.GetDeploymentsInput) (*apigateway.GetDeploymentsOutput, error) {
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	page, next := paginate(sortedValues(a.Deployments), func(d types.Deployment) string { return *d.Id }, in.Position, in.Limit)
	return &apigateway.GetDeploymentsOutput{Items: page, Position: next}, nil
}

// UpdateDeployment changes a deployment's description.
//
// Errors: NotFoundException, BadRequestException.
// Differs: nothing.
func (s *Service) UpdateDeployment(ctx context.Context, in *apigateway.UpdateDeploymentInput) (out *apigateway.UpdateDeploymentOutput, err error) {
	err = s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		d, ok := a.Deployments[*in.DeploymentId]
		if !ok {
			return notFound("Invalid Deployment identifier specified")
		}
		if err := patch(&d, in.PatchOperations, "description"); err != nil {
			return err
		}
		a.Deployments[*d.Id] = d
		out = as[apigateway.UpdateDeploymentOutput](d)
		return nil
	})
	return out, err
}

// DeleteDeployment removes a deployment that no stage serves.
//
// Errors: NotFoundException, BadRequestException.
// Differs: nothing.
func (s *Service) DeleteDeployment(ctx context.Context, in *apigateway.DeleteDeploymentInput) (*apigateway.DeleteDeploymentOutput, error) {
	return nil, s.changeRest(ctx, in.RestApiId, func(t kv.Txn, a *restAPI) error {
		if _, ok := a.Deployments[*in.DeploymentId]; !ok {
			return notFound("Invalid Deployment identifier specified")
		}
		for _, st := range a.Stages {
			if deref(st.DeploymentId) == *in.DeploymentId {
				return badRequest("Active stages pointing to this deployment must be moved or deleted")
			}
		}
		delete(a.Deployments, *in.DeploymentId)
		return t.Delete(deploymentKey(*in.RestApiId, *in.DeploymentId))
	})
}

// CreateStage serves a deployment under a name.
//
// Limits: 10 stages an API.
// Errors: NotFoundException, ConflictException, BadRequestException, LimitExceededException.
// Differs: cache clusters and canaries are refused; method settings, access logs and tracing are kept and change nothing.
func (s *Service) CreateStage(ctx context.Context, in *apigateway.CreateStageInput) (out *apigateway.CreateStageOutput, err error) {
	st := *as[types.Stage](in)
	st.CreatedDate = ptr(s.now())
	st.LastUpdatedDate = st.CreatedDate
	err = s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		if _, ok := a.Stages[*in.StageName]; ok {
			return conflict("Stage already exists")
		}
		return a.setStage(st)
	})
	return as[apigateway.CreateStageOutput](st), err
}

// GetStage describes a stage.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetStage(ctx context.Context, in *apigateway.GetStageInput) (*apigateway.GetStageOutput, error) {
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	st, ok := a.Stages[*in.StageName]
	if !ok {
		return nil, notFound("Invalid stage identifier specified")
	}
	return as[apigateway.GetStageOutput](st), nil
}

// GetStages lists an API's stages, or those of one deployment.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetStages(ctx context.Context, in *apigateway.GetStagesInput) (*apigateway.GetStagesOutput, error) {
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	out := &apigateway.GetStagesOutput{Item: []types.Stage{}}
	for _, st := range sortedValues(a.Stages) {
		if in.DeploymentId == nil || deref(st.DeploymentId) == *in.DeploymentId {
			out.Item = append(out.Item, st)
		}
	}
	return out, nil
}

// UpdateStage changes a stage by patch operations; replacing /deploymentId serves another deployment.
//
// Errors: NotFoundException, BadRequestException.
// Differs: as CreateStage. A method setting is patched as /methodSettings or as AWS's /RESOURCE/METHOD/….
func (s *Service) UpdateStage(ctx context.Context, in *apigateway.UpdateStageInput) (out *apigateway.UpdateStageOutput, err error) {
	ops := make([]types.PatchOperation, len(in.PatchOperations))
	for i, op := range in.PatchOperations {
		ops[i] = methodSetting(op)
	}
	err = s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		st, ok := a.Stages[*in.StageName]
		if !ok {
			return notFound("Invalid stage identifier specified")
		}
		if err := patch(&st, ops, "deploymentId", "description", "variables", "tracingEnabled", "accessLogSettings", "methodSettings", "cacheClusterEnabled", "cacheClusterSize", "clientCertificateId", "documentationVersion", "webAclArn"); err != nil {
			return err
		}
		st.LastUpdatedDate = ptr(s.now())
		out = as[apigateway.UpdateStageOutput](st)
		return a.setStage(st)
	})
	return out, err
}

// settingNames maps AWS's paths of method settings to the members they set.
var settingNames = map[string]string{
	"logging/loglevel": "LoggingLevel", "logging/dataTrace": "DataTraceEnabled", "metrics/enabled": "MetricsEnabled",
	"throttling/burstLimit": "ThrottlingBurstLimit", "throttling/rateLimit": "ThrottlingRateLimit",
	"caching/enabled": "CachingEnabled", "caching/ttlInSeconds": "CacheTtlInSeconds", "caching/dataEncrypted": "CacheDataEncrypted",
}

// methodSetting turns "/*/*/logging/loglevel" into "/methodSettings/*~1*/LoggingLevel".
func methodSetting(op types.PatchOperation) types.PatchOperation {
	parts := strings.SplitN(strings.TrimPrefix(deref(op.Path), "/"), "/", 3)
	if len(parts) < 3 {
		return op
	}
	if name, ok := settingNames[parts[2]]; ok {
		op.Path = ptr("/methodSettings/" + parts[0] + "~1" + parts[1] + "/" + name)
	}
	return op
}

// DeleteStage stops serving a stage.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) DeleteStage(ctx context.Context, in *apigateway.DeleteStageInput) (*apigateway.DeleteStageOutput, error) {
	return nil, s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		if _, ok := a.Stages[*in.StageName]; !ok {
			return notFound("Invalid stage identifier specified")
		}
		delete(a.Stages, *in.StageName)
		return nil
	})
}
