package resources

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

// patches is a list of changes to a REST API's part.
type patches []types.PatchOperation

func (p *patches) replace(path, value string) {
	*p = append(*p, types.PatchOperation{Op: types.OpReplace, Path: &path, Value: &value})
}

func (p *patches) add(path string) {
	*p = append(*p, types.PatchOperation{Op: types.OpAdd, Path: &path})
}

func (p *patches) remove(path string) {
	*p = append(*p, types.PatchOperation{Op: types.OpRemove, Path: &path})
}

// scalars adds a replacement for every scalar property that changed: pairs of property and path.
func (p *patches) scalars(r *deploy.Request, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if changed(r, pairs[i]) {
			p.replace(pairs[i+1], r.Props.Get(pairs[i]).Text())
		}
	}
}

// pointer escapes a JSON pointer's part.
func pointer(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

func (c *clients) restAPIs() map[string]*kind {
	return map[string]*kind{
		"AWS::ApiGateway::RestApi": {
			input: func() any { return new(apigateway.CreateRestApiInput) }, binding: apiBinding, check: checkAPI,
			create: c.createAPI, update: c.updateAPI,
			read: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
				if r.PhysicalID == "" {
					return deploy.State{}, deploy.ErrNotFound
				}
				return c.apiState(ctx, r.PhysicalID)
			},
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.rest.DeleteRestApi(ctx, &apigateway.DeleteRestApiInput{RestApiId: &r.PhysicalID})
				return err
			},
		},
		"AWS::ApiGateway::Deployment": {create: c.createDeployment, update: c.updateDeployment, remove: c.deleteDeployment},
		"AWS::ApiGateway::Stage": {
			input: func() any { return new(apigateway.CreateStageInput) }, binding: stageBinding,
			create: c.createStage, update: c.updateStage, read: c.readStage,
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.rest.DeleteStage(ctx, &apigateway.DeleteStageInput{RestApiId: optional(r.Props, "RestApiId"), StageName: &r.PhysicalID})
				return err
			},
		},
		"AWS::ApiGateway::Account": {create: c.setAccount, update: c.setAccount, remove: func(context.Context, *deploy.Request) error { return nil }},
	}
}

var apiBinding = binding{rename: map[string]string{"ApiKeySourceType": "ApiKeySource"}, skip: []string{"Body", "FailOnWarnings", "Mode", "Parameters", "Policy", "Tags"}}

func checkAPI(props *template.Node) error {
	if props.Get("Body") == nil && props.Get("Name") == nil {
		return template.Errorf(props, "Name", "Property validation failure: [Name] is required by AWS::ApiGateway::RestApi", "add Name, or a Body with a title")
	}
	return nil
}

func (c *clients) apiState(ctx context.Context, id string) (deploy.State, error) {
	st := deploy.State{PhysicalID: id, Attrs: map[string]string{"RestApiId": id}}
	pages := apigateway.NewGetResourcesPaginator(c.rest, &apigateway.GetResourcesInput{RestApiId: &id})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return deploy.State{}, err
		}
		for _, res := range out.Items {
			if str(res.Path) == "/" {
				st.Attrs["RootResourceId"] = str(res.Id)
			}
		}
	}
	return st, nil
}

func (c *clients) createAPI(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &apigateway.CreateRestApiInput{}
	if err := apiBinding.bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	if in.Name == nil {
		title := r.Props.At("Body", "info", "title").Text()
		if title == "" {
			title = r.LogicalID
		}
		in.Name = &title
	}
	if p := r.Props.Get("Policy"); document(p) != "" {
		in.Policy = ptr(document(p))
	}
	if tags := tagMap(r.Props.Get("Tags"), r.Tags); len(tags) > 0 {
		in.Tags = tags
	}
	out, err := c.rest.CreateRestApi(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	st := deploy.State{PhysicalID: str(out.Id)}
	if err := c.putBody(ctx, r, str(out.Id)); err != nil {
		return st, err
	}
	full, err := c.apiState(ctx, str(out.Id))
	if err != nil {
		return st, err
	}
	return full, nil
}

// putBody imports the OpenAPI document, if there is one.
func (c *clients) putBody(ctx context.Context, r *deploy.Request, id string) error {
	body := r.Props.Get("Body")
	if body == nil {
		return nil
	}
	in := &apigateway.PutRestApiInput{RestApiId: &id, Mode: types.PutModeOverwrite, Body: []byte(document(body)),
		FailOnWarnings: r.Props.Get("FailOnWarnings").Text() == "true", Parameters: tagMap(r.Props.Get("Parameters"), nil)}
	if r.Props.Get("Mode").Text() == "merge" {
		in.Mode = types.PutModeMerge
	}
	_, err := c.rest.PutRestApi(ctx, in)
	return err
}

func (c *clients) updateAPI(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	if changed(r, "Body", "Mode", "Parameters", "FailOnWarnings") {
		if err := c.putBody(ctx, r, r.PhysicalID); err != nil {
			return deploy.State{}, err
		}
	}
	var p patches
	p.scalars(r, "Name", "/name", "Description", "/description", "ApiKeySourceType", "/apiKeySource", "MinimumCompressionSize", "/minimumCompressionSize")
	if changed(r, "DisableExecuteApiEndpoint") {
		p.replace("/disableExecuteApiEndpoint", strconv.FormatBool(r.Props.Get("DisableExecuteApiEndpoint").Text() == "true"))
	}
	if changed(r, "Policy") {
		p.replace("/policy", document(r.Props.Get("Policy")))
	}
	if changed(r, "EndpointConfiguration") {
		if t := strs(r.Props.At("EndpointConfiguration", "Types")); len(t) == 1 {
			p.replace("/endpointConfiguration/types/0", t[0])
		}
	}
	old := map[string]bool{}
	for _, m := range strs(r.Old.Get("BinaryMediaTypes")) {
		old[m] = true
	}
	for _, m := range strs(r.Props.Get("BinaryMediaTypes")) {
		if !old[m] {
			p.add("/binaryMediaTypes/" + pointer(m))
		}
		delete(old, m)
	}
	for m := range old {
		p.remove("/binaryMediaTypes/" + pointer(m))
	}
	if len(p) > 0 {
		if _, err := c.rest.UpdateRestApi(ctx, &apigateway.UpdateRestApiInput{RestApiId: &r.PhysicalID, PatchOperations: p}); err != nil {
			return deploy.State{}, err
		}
	}
	if err := c.tagREST(ctx, r, "/restapis/"+r.PhysicalID); err != nil {
		return deploy.State{}, err
	}
	return c.apiState(ctx, r.PhysicalID)
}

func (c *clients) tagREST(ctx context.Context, r *deploy.Request, path string) error {
	arn := "arn:aws:apigateway:" + c.o.Region + "::" + path
	set, drop := tagDiff(r)
	if len(drop) > 0 {
		if _, err := c.rest.UntagResource(ctx, &apigateway.UntagResourceInput{ResourceArn: &arn, TagKeys: drop}); err != nil {
			return err
		}
	}
	if len(set) == 0 || !changed(r, "Tags") && len(r.Tags) == 0 {
		return nil
	}
	_, err := c.rest.TagResource(ctx, &apigateway.TagResourceInput{ResourceArn: &arn, Tags: set})
	return err
}

func (c *clients) createDeployment(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &apigateway.CreateDeploymentInput{}
	if err := (binding{}).bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	out, err := c.rest.CreateDeployment(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	return deploymentState(str(out.Id)), nil
}

func deploymentState(id string) deploy.State {
	return deploy.State{PhysicalID: id, Attrs: map[string]string{"DeploymentId": id}}
}

func (c *clients) updateDeployment(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	var p patches
	p.scalars(r, "Description", "/description")
	if len(p) == 0 {
		return deploymentState(r.PhysicalID), nil
	}
	_, err := c.rest.UpdateDeployment(ctx, &apigateway.UpdateDeploymentInput{RestApiId: optional(r.Props, "RestApiId"), DeploymentId: &r.PhysicalID, PatchOperations: p})
	return deploymentState(r.PhysicalID), err
}

// deleteDeployment deletes the stage that the deployment made, while it still
// shows the deployment: the service refuses to delete what a stage shows.
func (c *clients) deleteDeployment(ctx context.Context, r *deploy.Request) error {
	api := optional(r.Props, "RestApiId")
	if stage := optional(r.Props, "StageName"); stage != nil {
		out, err := c.rest.GetStage(ctx, &apigateway.GetStageInput{RestApiId: api, StageName: stage})
		if err != nil && !gone(err) {
			return err
		}
		if err == nil && str(out.DeploymentId) == r.PhysicalID {
			if _, err := c.rest.DeleteStage(ctx, &apigateway.DeleteStageInput{RestApiId: api, StageName: stage}); err != nil && !gone(err) {
				return err
			}
		}
	}
	_, err := c.rest.DeleteDeployment(ctx, &apigateway.DeleteDeploymentInput{RestApiId: api, DeploymentId: &r.PhysicalID})
	return err
}

var stageBinding = binding{skip: []string{"AccessLogSetting", "MethodSettings", "Tags"}}

func (c *clients) createStage(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &apigateway.CreateStageInput{}
	if err := stageBinding.bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	if in.StageName == nil {
		in.StageName = ptr("default")
	}
	if tags := tagMap(r.Props.Get("Tags"), r.Tags); len(tags) > 0 {
		in.Tags = tags
	}
	out, err := c.rest.CreateStage(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	st := deploy.State{PhysicalID: str(out.StageName)}
	return st, c.patchStage(ctx, r, str(out.StageName), stageSettings(r))
}

func (c *clients) patchStage(ctx context.Context, r *deploy.Request, name string, p patches) error {
	if len(p) == 0 {
		return nil
	}
	_, err := c.rest.UpdateStage(ctx, &apigateway.UpdateStageInput{RestApiId: optional(r.Props, "RestApiId"), StageName: &name, PatchOperations: p})
	return err
}

// methodSettings maps CloudFormation's names to the paths of stage patches.
var methodSettings = [][2]string{{"MetricsEnabled", "metrics/enabled"}, {"LoggingLevel", "logging/loglevel"}, {"DataTraceEnabled", "logging/dataTrace"},
	{"ThrottlingBurstLimit", "throttling/burstLimit"}, {"ThrottlingRateLimit", "throttling/rateLimit"}, {"CachingEnabled", "caching/enabled"},
	{"CacheTtlInSeconds", "caching/ttlInSeconds"}, {"CacheDataEncrypted", "caching/dataEncrypted"}}

// stageSettings are the patches for what CreateStage does not take.
func stageSettings(r *deploy.Request) patches {
	var p patches
	if changed(r, "AccessLogSetting") {
		if a := r.Props.Get("AccessLogSetting"); a == nil {
			p.remove("/accessLogSettings")
		} else {
			p.replace("/accessLogSettings/destinationArn", a.Get("DestinationArn").Text())
			p.replace("/accessLogSettings/format", a.Get("Format").Text())
		}
	}
	list := r.Props.Get("MethodSettings")
	if list == nil || !changed(r, "MethodSettings") {
		return p
	}
	for _, s := range list.Items {
		path := strings.TrimPrefix(s.Get("ResourcePath").Text(), "/")
		if path != "*" {
			path = pointer("/" + path)
		}
		for _, m := range methodSettings {
			if v := s.Get(m[0]); v != nil {
				p.replace("/"+path+"/"+s.Get("HttpMethod").Text()+"/"+m[1], v.Text())
			}
		}
	}
	return p
}

func (c *clients) updateStage(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	var p patches
	p.scalars(r, "DeploymentId", "/deploymentId", "Description", "/description")
	if changed(r, "TracingEnabled") {
		p.replace("/tracingEnabled", strconv.FormatBool(r.Props.Get("TracingEnabled").Text() == "true"))
	}
	now, was := tagMap(r.Props.Get("Variables"), nil), tagMap(r.Old.Get("Variables"), nil)
	for _, k := range sortedKeys(now) {
		if was[k] != now[k] {
			p.replace("/variables/"+pointer(k), now[k])
		}
	}
	for _, k := range sortedKeys(was) {
		if _, ok := now[k]; !ok {
			p.remove("/variables/" + pointer(k))
		}
	}
	p = append(p, stageSettings(r)...)
	if err := c.patchStage(ctx, r, r.PhysicalID, p); err != nil {
		return deploy.State{}, err
	}
	return deploy.State{PhysicalID: r.PhysicalID}, c.tagREST(ctx, r, "/restapis/"+r.Props.Get("RestApiId").Text()+"/stages/"+r.PhysicalID)
}

func (c *clients) readStage(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	name := optional(r.Props, "StageName")
	out, err := c.rest.GetStage(ctx, &apigateway.GetStageInput{RestApiId: optional(r.Props, "RestApiId"), StageName: name})
	if err != nil {
		return deploy.State{}, err
	}
	return deploy.State{PhysicalID: str(out.StageName)}, nil
}

func (c *clients) setAccount(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	id := r.PhysicalID
	if id == "" {
		id = stableID(r)
	}
	st := deploy.State{PhysicalID: id, Attrs: map[string]string{"Id": id}}
	role := r.Props.Get("CloudWatchRoleArn").Text()
	if role == "" {
		return st, nil
	}
	var p patches
	p.replace("/cloudwatchRoleArn", role)
	_, err := c.rest.UpdateAccount(ctx, &apigateway.UpdateAccountInput{PatchOperations: p})
	return st, err
}
