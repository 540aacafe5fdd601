package resources

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

func (c *clients) functionParts() map[string]*kind {
	return map[string]*kind{
		"AWS::Lambda::Version": {create: c.publish, remove: c.unpublish,
			read: func(_ context.Context, r *deploy.Request) (deploy.State, error) {
				if r.PhysicalID == "" {
					return deploy.State{}, deploy.ErrNotFound
				}
				return versionState(r.PhysicalID), nil
			}},
		"AWS::Lambda::Alias": {input: func() any { return new(lambda.CreateAliasInput) }, binding: aliasBinding, create: c.createAlias, update: c.updateAlias, read: c.readAlias,
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.lambda.DeleteAlias(ctx, &lambda.DeleteAliasInput{FunctionName: ptr(r.Props.Get("FunctionName").Text()), Name: ptr(r.Props.Get("Name").Text())})
				return err
			}},
		"AWS::Lambda::Permission": {input: func() any { return new(lambda.AddPermissionInput) }, create: c.permit,
			remove: func(ctx context.Context, r *deploy.Request) error {
				fn := r.Props.Get("FunctionName").Text()
				_, err := c.lambda.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: &fn, StatementId: &r.PhysicalID})
				return err
			}},
		"AWS::Lambda::EventSourceMapping": {input: func() any { return new(lambda.CreateEventSourceMappingInput) }, binding: mappingBinding,
			create: c.createMapping, update: c.updateMapping, read: c.readMapping, remove: c.deleteMapping},
		"AWS::Lambda::LayerVersion": {input: func() any { return new(lambda.PublishLayerVersionInput) }, create: c.publishLayer, remove: c.deleteLayer,
			read: func(_ context.Context, r *deploy.Request) (deploy.State, error) {
				if r.PhysicalID == "" {
					return deploy.State{}, deploy.ErrNotFound
				}
				return layerState(r.PhysicalID), nil
			}},
		"AWS::Lambda::LayerVersionPermission": {create: c.permitLayer, remove: func(ctx context.Context, r *deploy.Request) error {
			name, version := layerParts(r.Props.Get("LayerVersionArn").Text())
			_, err := c.lambda.RemoveLayerVersionPermission(ctx, &lambda.RemoveLayerVersionPermissionInput{LayerName: &name, VersionNumber: &version, StatementId: &r.PhysicalID})
			return err
		}},
		"AWS::Lambda::Url":               {input: func() any { return new(lambda.CreateFunctionUrlConfigInput) }, binding: urlBinding, create: c.createURL, update: c.updateURL, read: c.readURL, remove: c.deleteURL},
		"AWS::Lambda::EventInvokeConfig": {input: func() any { return new(lambda.PutFunctionEventInvokeConfigInput) }, create: c.putInvoke, update: c.putInvoke, remove: c.deleteInvoke},
	}
}

func versionState(arn string) deploy.State {
	return deploy.State{PhysicalID: arn, Attrs: map[string]string{"FunctionArn": arn, "Version": arn[strings.LastIndexByte(arn, ':')+1:]}}
}

func (c *clients) publish(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &lambda.PublishVersionInput{}
	if err := (binding{skip: []string{"ProvisionedConcurrencyConfig"}}).bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	out, err := c.lambda.PublishVersion(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	return versionState(str(out.FunctionArn)), c.provision(ctx, r, str(out.Version))
}

func (c *clients) unpublish(ctx context.Context, r *deploy.Request) error {
	i := strings.LastIndexByte(r.PhysicalID, ':')
	if i < 0 {
		return deploy.ErrNotFound
	}
	_, err := c.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: ptr(r.PhysicalID[:i]), Qualifier: ptr(r.PhysicalID[i+1:])})
	return err
}

var aliasBinding = binding{skip: []string{"RoutingConfig", "ProvisionedConcurrencyConfig"}}

func aliasState(arn *string) deploy.State {
	return deploy.State{PhysicalID: str(arn), Attrs: map[string]string{"AliasArn": str(arn)}}
}

// routing turns CloudFormation's list of weights into the API's map.
func routing(props *template.Node) (*types.AliasRoutingConfiguration, error) {
	list := props.At("RoutingConfig", "AdditionalVersionWeights")
	if list == nil {
		return nil, nil
	}
	weights := template.M()
	for _, it := range list.Items {
		weights.Set(it.Get("FunctionVersion").Text(), it.Get("FunctionWeight"))
	}
	cfg := &types.AliasRoutingConfiguration{}
	return cfg, binding{}.bind(template.M("AdditionalVersionWeights", weights), cfg)
}

func (c *clients) createAlias(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &lambda.CreateAliasInput{}
	if err := aliasBinding.bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	var err error
	if in.RoutingConfig, err = routing(r.Props); err != nil {
		return deploy.State{}, err
	}
	out, err := c.lambda.CreateAlias(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	return aliasState(out.AliasArn), c.provision(ctx, r, str(out.Name))
}

func (c *clients) updateAlias(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &lambda.UpdateAliasInput{}
	if err := aliasBinding.bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	var err error
	if in.RoutingConfig, err = routing(r.Props); err != nil {
		return deploy.State{}, err
	}
	if in.RoutingConfig == nil {
		in.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}
	}
	out, err := c.lambda.UpdateAlias(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	return aliasState(out.AliasArn), c.provision(ctx, r, str(out.Name))
}

func (c *clients) readAlias(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	out, err := c.lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: ptr(r.Props.Get("FunctionName").Text()), Name: ptr(r.Props.Get("Name").Text())})
	if err != nil {
		return deploy.State{}, err
	}
	return aliasState(out.AliasArn), nil
}

func (c *clients) permit(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &lambda.AddPermissionInput{}
	if err := (binding{}).bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	id := stableID(r)
	in.StatementId = &id
	_, err := c.lambda.AddPermission(ctx, in)
	if alreadyThere(err) { // an interrupted call did it
		err = nil
	}
	return deploy.State{PhysicalID: id, Attrs: map[string]string{"Id": id}}, err
}

// alreadyThere reports whether a call with an identity of our own making found its own work.
func alreadyThere(err error) bool {
	if err == nil {
		return false
	}
	s := err.Error()
	return strings.Contains(s, "ResourceConflictException") && strings.Contains(s, "already exists")
}

var mappingBinding = binding{skip: []string{"Tags"}, rename: map[string]string{"KmsKeyArn": "KMSKeyArn"}}

// mappingDefaults are what a mapping's settings fall back to when a template no longer names them.
var mappingDefaults = template.M("FilterCriteria", template.M("Filters", template.L()), "DestinationConfig", template.M("OnFailure", template.M()),
	"BisectBatchOnFunctionError", false, "MaximumRetryAttempts", -1, "MaximumRecordAgeInSeconds", -1, "ParallelizationFactor", 1,
	"TumblingWindowInSeconds", 0, "MaximumBatchingWindowInSeconds", 0, "FunctionResponseTypes", template.L(), "Enabled", true, "ScalingConfig", template.M(),
	"MetricsConfig", template.M("Metrics", template.L()), "ProvisionedPollerConfig", template.M())

func mappingState(id, arn *string) deploy.State {
	return deploy.State{PhysicalID: str(id), Attrs: map[string]string{"Id": str(id), "EventSourceMappingArn": str(arn)}}
}

func (c *clients) createMapping(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &lambda.CreateEventSourceMappingInput{}
	if err := mappingBinding.bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	if tags := tagMap(r.Props.Get("Tags"), r.Tags); len(tags) > 0 {
		in.Tags = tags
	}
	out, err := c.lambda.CreateEventSourceMapping(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	return mappingState(out.UUID, out.EventSourceMappingArn), c.settledMapping(ctx, str(out.UUID))
}

// settledMapping waits until a mapping is neither being made nor changed.
func (c *clients) settledMapping(ctx context.Context, id string) error {
	return await(ctx, func(ctx context.Context) (bool, error) {
		out, err := c.lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &id})
		if err != nil {
			return false, err
		}
		return str(out.State) == "Enabled" || str(out.State) == "Disabled", nil
	})
}

func (c *clients) updateMapping(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &lambda.UpdateEventSourceMappingInput{}
	b := mappingBinding
	b.skip = append([]string{"EventSourceArn", "StartingPosition", "StartingPositionTimestamp"}, b.skip...)
	props := restored(r, mappingDefaults)
	if props.Get("BatchSize") == nil && r.Old.Get("BatchSize") != nil {
		size := 100
		if strings.Contains(props.Get("EventSourceArn").Text(), ":sqs:") {
			size = 10
		}
		props.Set("BatchSize", template.Int(size))
	}
	if err := b.bind(props, in); err != nil {
		return deploy.State{}, err
	}
	in.UUID = &r.PhysicalID
	out, err := c.lambda.UpdateEventSourceMapping(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	if err := c.settledMapping(ctx, r.PhysicalID); err != nil {
		return deploy.State{}, err
	}
	return mappingState(out.UUID, out.EventSourceMappingArn), c.tagLambda(ctx, r, str(out.EventSourceMappingArn))
}

// readMapping finds a mapping by its id or, after an interrupted call, as the one
// between source and function, of which the service allows one.
func (c *clients) readMapping(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	if r.PhysicalID != "" {
		out, err := c.lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &r.PhysicalID})
		if err != nil {
			return deploy.State{}, err
		}
		return mappingState(out.UUID, out.EventSourceMappingArn), nil
	}
	out, err := c.lambda.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{
		EventSourceArn: ptr(r.Props.Get("EventSourceArn").Text()), FunctionName: ptr(r.Props.Get("FunctionName").Text())})
	if err != nil {
		return deploy.State{}, err
	}
	if len(out.EventSourceMappings) == 0 {
		return deploy.State{}, deploy.ErrNotFound
	}
	m := out.EventSourceMappings[0]
	return mappingState(m.UUID, m.EventSourceMappingArn), nil
}

func (c *clients) deleteMapping(ctx context.Context, r *deploy.Request) error {
	if _, err := c.lambda.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: &r.PhysicalID}); err != nil {
		return err
	}
	return await(ctx, func(ctx context.Context) (bool, error) {
		_, err := c.lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &r.PhysicalID})
		if gone(err) {
			return true, nil
		}
		return false, err
	})
}

func layerState(arn string) deploy.State {
	return deploy.State{PhysicalID: arn, Attrs: map[string]string{"LayerVersionArn": arn}}
}

func (c *clients) publishLayer(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &lambda.PublishLayerVersionInput{}
	if err := (binding{}).bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	if in.LayerName == nil {
		in.LayerName = &r.LogicalID
	}
	out, err := c.lambda.PublishLayerVersion(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	return layerState(str(out.LayerVersionArn)), nil
}

// layerParts splits arn:aws:lambda:region:account:layer:name:version.
func layerParts(arn string) (name string, version int64) {
	i := strings.LastIndexByte(arn, ':')
	if i < 0 {
		return arn, 0
	}
	for _, d := range arn[i+1:] {
		version = version*10 + int64(d-'0')
	}
	return arn[:i], version
}

func (c *clients) deleteLayer(ctx context.Context, r *deploy.Request) error {
	name, version := layerParts(r.PhysicalID)
	_, err := c.lambda.DeleteLayerVersion(ctx, &lambda.DeleteLayerVersionInput{LayerName: &name, VersionNumber: &version})
	return err
}

func (c *clients) permitLayer(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &lambda.AddLayerVersionPermissionInput{}
	if err := (binding{skip: []string{"LayerVersionArn"}}).bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	name, version := layerParts(r.Props.Get("LayerVersionArn").Text())
	id := stableID(r)
	in.LayerName, in.VersionNumber, in.StatementId = &name, &version, &id
	_, err := c.lambda.AddLayerVersionPermission(ctx, in)
	if alreadyThere(err) {
		err = nil
	}
	return deploy.State{PhysicalID: id, Attrs: map[string]string{"Id": id}}, err
}

var urlBinding = binding{rename: map[string]string{"TargetFunctionArn": "FunctionName"}}

func urlState(arn, url *string) deploy.State {
	return deploy.State{PhysicalID: str(arn), Attrs: map[string]string{"FunctionArn": str(arn), "FunctionUrl": str(url)}}
}

func (c *clients) createURL(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &lambda.CreateFunctionUrlConfigInput{}
	if err := urlBinding.bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	out, err := c.lambda.CreateFunctionUrlConfig(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	return urlState(out.FunctionArn, out.FunctionUrl), nil
}

func (c *clients) updateURL(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &lambda.UpdateFunctionUrlConfigInput{}
	if err := urlBinding.bind(restored(r, template.M("Cors", template.M(), "InvokeMode", "BUFFERED")), in); err != nil {
		return deploy.State{}, err
	}
	out, err := c.lambda.UpdateFunctionUrlConfig(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	return urlState(out.FunctionArn, out.FunctionUrl), nil
}

// optional reads an optional property.
func optional(props *template.Node, name string) *string {
	if n := props.Get(name); n != nil {
		return ptr(n.Text())
	}
	return nil
}

func (c *clients) readURL(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	out, err := c.lambda.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: optional(r.Props, "TargetFunctionArn"), Qualifier: optional(r.Props, "Qualifier")})
	if err != nil {
		return deploy.State{}, err
	}
	return urlState(out.FunctionArn, out.FunctionUrl), nil
}

func (c *clients) deleteURL(ctx context.Context, r *deploy.Request) error {
	_, err := c.lambda.DeleteFunctionUrlConfig(ctx, &lambda.DeleteFunctionUrlConfigInput{FunctionName: optional(r.Props, "TargetFunctionArn"), Qualifier: optional(r.Props, "Qualifier")})
	return err
}

func (c *clients) putInvoke(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &lambda.PutFunctionEventInvokeConfigInput{}
	if err := (binding{}).bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	_, err := c.lambda.PutFunctionEventInvokeConfig(ctx, in)
	return deploy.State{PhysicalID: str(in.FunctionName) + "|" + str(in.Qualifier)}, err
}

func (c *clients) deleteInvoke(ctx context.Context, r *deploy.Request) error {
	_, err := c.lambda.DeleteFunctionEventInvokeConfig(ctx, &lambda.DeleteFunctionEventInvokeConfigInput{FunctionName: optional(r.Props, "FunctionName"), Qualifier: optional(r.Props, "Qualifier")})
	return err
}
