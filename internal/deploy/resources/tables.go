package resources

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

var tableBinding = binding{
	skip:   append([]string{"TableName", "Tags", "TimeToLiveSpecification", "PointInTimeRecoverySpecification"}, tableElsewhere...),
	rename: map[string]string{"SSESpecification.SSEEnabled": "Enabled"},
}

func (c *clients) tables() map[string]*kind {
	return map[string]*kind{"AWS::DynamoDB::Table": {
		input: func() any { return new(dynamodb.CreateTableInput) }, binding: tableBinding, check: checkTable,
		create: c.createTable, update: c.updateTable,
		read: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
			name := r.PhysicalID
			if name == "" {
				name = r.Name
			}
			t, err := c.table(ctx, name)
			if err != nil {
				return deploy.State{}, err
			}
			return tableState(t), nil
		},
		remove: func(ctx context.Context, r *deploy.Request) error {
			if _, err := c.dynamo.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &r.PhysicalID}); err != nil {
				return err
			}
			return await(ctx, func(ctx context.Context) (bool, error) {
				_, err := c.table(ctx, r.PhysicalID)
				if gone(err) {
					return true, nil
				}
				return false, err
			})
		},
	}}
}

// checkTable refuses a stream without a view, which CloudFormation asks for, and
// point-in-time recovery settings beyond on and off.
func checkTable(props *template.Node) error {
	if s := props.Get("StreamSpecification"); s != nil && s.Get("StreamViewType") == nil && s.Kind == template.Map {
		return template.Errorf(s, "StreamSpecification", "Property validation failure: [StreamViewType] is required", "add StreamViewType: NEW_AND_OLD_IMAGES, or another view")
	}
	return nil
}

func (c *clients) table(ctx context.Context, name string) (*types.TableDescription, error) {
	out, err := c.dynamo.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return nil, err
	}
	return out.Table, nil
}

// activeTable waits until the table and its indexes can be used.
func (c *clients) activeTable(ctx context.Context, name string) (t *types.TableDescription, err error) {
	err = await(ctx, func(ctx context.Context) (bool, error) {
		if t, err = c.table(ctx, name); err != nil || t.TableStatus != types.TableStatusActive {
			return false, err
		}
		return !slices.ContainsFunc(t.GlobalSecondaryIndexes, func(g types.GlobalSecondaryIndexDescription) bool {
			return g.IndexStatus != types.IndexStatusActive
		}), nil
	})
	return t, err
}

func tableState(t *types.TableDescription) deploy.State {
	st := deploy.State{PhysicalID: str(t.TableName), Attrs: map[string]string{"Arn": str(t.TableArn)}}
	if t.LatestStreamArn != nil {
		st.Attrs["StreamArn"] = *t.LatestStreamArn
	}
	return st
}

// tableInput binds the properties. CloudFormation's stream specification has no
// StreamEnabled: being there means yes.
func tableInput(r *deploy.Request) (*dynamodb.CreateTableInput, error) {
	in := &dynamodb.CreateTableInput{}
	if err := tableBinding.bind(r.Props, in); err != nil {
		return nil, err
	}
	in.TableName = &r.Name
	if in.StreamSpecification != nil {
		in.StreamSpecification.StreamEnabled = ptr(true)
	}
	return in, nil
}

func dynamoTags(m map[string]string) []types.Tag {
	var out []types.Tag
	for _, k := range sortedKeys(m) {
		out = append(out, types.Tag{Key: ptr(k), Value: ptr(m[k])})
	}
	return out
}

func (c *clients) createTable(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in, err := tableInput(r)
	if err != nil {
		return deploy.State{}, err
	}
	in.Tags = dynamoTags(tagMap(r.Props.Get("Tags"), r.Tags))
	if _, err := c.dynamo.CreateTable(ctx, in); err != nil {
		return deploy.State{}, err
	}
	t, err := c.activeTable(ctx, r.Name)
	if err != nil {
		return deploy.State{PhysicalID: r.Name}, err
	}
	return tableState(t), errors.Join(c.tableExtras(ctx, r, str(t.TableName), template.M()), c.tableParts(ctx, r, t, template.M()))
}

// tableExtras sets what CreateTable does not: time to live, and backups.
func (c *clients) tableExtras(ctx context.Context, r *deploy.Request, name string, old *template.Node) error {
	ttl, was := r.Props.Get("TimeToLiveSpecification"), old.Get("TimeToLiveSpecification")
	if ttl == nil && was != nil && was.Get("Enabled").Text() == "true" {
		ttl = template.M("AttributeName", was.Get("AttributeName"), "Enabled", false)
	}
	if ttl != nil && !template.Equal(ttl, was) && (was != nil || ttl.Get("Enabled").Text() == "true") {
		spec := &types.TimeToLiveSpecification{}
		if err := (binding{}).bind(ttl, spec); err != nil {
			return err
		}
		if err := c.setTTL(ctx, name, spec); err != nil {
			return err
		}
	}
	pitr := r.Props.Get("PointInTimeRecoverySpecification")
	if pitr == nil || template.Equal(pitr, old.Get("PointInTimeRecoverySpecification")) {
		return nil
	}
	spec := &types.PointInTimeRecoverySpecification{}
	if err := (binding{}).bind(pitr, spec); err != nil {
		return err
	}
	_, err := c.dynamo.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{TableName: &name, PointInTimeRecoverySpecification: spec})
	return err
}

// setTTL changes time to live, unless it is so already, which the service refuses.
func (c *clients) setTTL(ctx context.Context, name string, spec *types.TimeToLiveSpecification) error {
	now, err := c.dynamo.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &name})
	if err != nil {
		return err
	}
	if d := now.TimeToLiveDescription; d != nil {
		on := d.TimeToLiveStatus == types.TimeToLiveStatusEnabled || d.TimeToLiveStatus == types.TimeToLiveStatusEnabling
		if on == *spec.Enabled && (!on || str(d.AttributeName) == str(spec.AttributeName)) {
			return nil
		}
	}
	_, err = c.dynamo.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: &name, TimeToLiveSpecification: spec})
	return err
}

func (c *clients) updateTable(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	r.Name = r.PhysicalID
	want, err := tableInput(r)
	if err != nil {
		return deploy.State{}, err
	}
	have, err := c.activeTable(ctx, r.PhysicalID)
	if err != nil {
		return deploy.State{}, err
	}
	for _, in := range tableUpdates(want, have) {
		in.TableName = &r.PhysicalID
		if _, err := c.dynamo.UpdateTable(ctx, in); err != nil {
			return deploy.State{}, err
		}
		if have, err = c.activeTable(ctx, r.PhysicalID); err != nil {
			return deploy.State{}, err
		}
	}
	if err := errors.Join(c.tableExtras(ctx, r, r.PhysicalID, r.Old), c.tableParts(ctx, r, have, r.Old)); err != nil {
		return deploy.State{}, err
	}
	return tableState(have), c.tagTable(ctx, r, str(have.TableArn))
}

func (c *clients) tagTable(ctx context.Context, r *deploy.Request, arn string) error {
	if !changed(r, "Tags") && len(r.Tags) == 0 {
		return nil
	}
	set, drop := tagDiff(r)
	if len(drop) > 0 {
		if _, err := c.dynamo.UntagResource(ctx, &dynamodb.UntagResourceInput{ResourceArn: &arn, TagKeys: drop}); err != nil {
			return err
		}
	}
	if len(set) == 0 {
		return nil
	}
	_, err := c.dynamo.TagResource(ctx, &dynamodb.TagResourceInput{ResourceArn: &arn, Tags: dynamoTags(set)})
	return err
}

// tableUpdates lists the calls that bring a table from what it has to what is
// wanted. The service takes one index at a time, and changes of stream, protection or
// class alone.
func tableUpdates(want *dynamodb.CreateTableInput, have *types.TableDescription) []*dynamodb.UpdateTableInput {
	var out []*dynamodb.UpdateTableInput
	mode := want.BillingMode
	if mode == "" {
		mode = types.BillingModeProvisioned
	}
	was := types.BillingModeProvisioned
	if have.BillingModeSummary != nil && have.BillingModeSummary.BillingMode != "" {
		was = have.BillingModeSummary.BillingMode
	}
	capacity := &dynamodb.UpdateTableInput{}
	if mode != was {
		capacity.BillingMode = mode
	}
	if mode == types.BillingModeProvisioned && !sameCapacity(want.ProvisionedThroughput, have.ProvisionedThroughput) {
		capacity.ProvisionedThroughput = want.ProvisionedThroughput
	}
	if mode == types.BillingModeProvisioned && was != mode {
		capacity.GlobalSecondaryIndexUpdates = provisionIndexes(want, have)
	}
	if capacity.BillingMode != "" || capacity.ProvisionedThroughput != nil {
		out = append(out, capacity)
	}
	if want.DeletionProtectionEnabled != nil && (have.DeletionProtectionEnabled == nil || *have.DeletionProtectionEnabled != *want.DeletionProtectionEnabled) {
		out = append(out, &dynamodb.UpdateTableInput{DeletionProtectionEnabled: want.DeletionProtectionEnabled})
	}
	if want.TableClass != "" && (have.TableClassSummary == nil || have.TableClassSummary.TableClass != want.TableClass) {
		out = append(out, &dynamodb.UpdateTableInput{TableClass: want.TableClass})
	}
	out = append(out, capacityUpdates(want, have)...)
	out = append(out, streamUpdates(want.StreamSpecification, have.StreamSpecification)...)
	return append(out, indexUpdates(want, have)...)
}

// provisionIndexes gives the indexes that stay their throughput, which the call that makes
// their table provisioned must do; what they have is changed to that.
func provisionIndexes(want *dynamodb.CreateTableInput, have *types.TableDescription) (out []types.GlobalSecondaryIndexUpdate) {
	for i := range have.GlobalSecondaryIndexes {
		g := &have.GlobalSecondaryIndexes[i]
		for _, w := range want.GlobalSecondaryIndexes {
			if pt := w.ProvisionedThroughput; str(w.IndexName) == str(g.IndexName) && pt != nil {
				out = append(out, types.GlobalSecondaryIndexUpdate{Update: &types.UpdateGlobalSecondaryIndexAction{IndexName: g.IndexName, ProvisionedThroughput: pt}})
				g.ProvisionedThroughput = &types.ProvisionedThroughputDescription{ReadCapacityUnits: pt.ReadCapacityUnits, WriteCapacityUnits: pt.WriteCapacityUnits}
			}
		}
	}
	return out
}

func sameCapacity(want *types.ProvisionedThroughput, have *types.ProvisionedThroughputDescription) bool {
	return want == nil || have != nil && *want.ReadCapacityUnits == *have.ReadCapacityUnits && *want.WriteCapacityUnits == *have.WriteCapacityUnits
}

// streamUpdates turns a stream on or off; another view needs both.
func streamUpdates(want, have *types.StreamSpecification) []*dynamodb.UpdateTableInput {
	on := have != nil && have.StreamEnabled != nil && *have.StreamEnabled
	if want == nil && !on || want != nil && on && want.StreamViewType == have.StreamViewType {
		return nil
	}
	var out []*dynamodb.UpdateTableInput
	if on {
		out = append(out, &dynamodb.UpdateTableInput{StreamSpecification: &types.StreamSpecification{StreamEnabled: ptr(false)}})
	}
	if want != nil {
		out = append(out, &dynamodb.UpdateTableInput{StreamSpecification: want})
	}
	return out
}

func indexUpdates(want *dynamodb.CreateTableInput, have *types.TableDescription) []*dynamodb.UpdateTableInput {
	one := func(u types.GlobalSecondaryIndexUpdate) *dynamodb.UpdateTableInput {
		return &dynamodb.UpdateTableInput{AttributeDefinitions: want.AttributeDefinitions, GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{u}}
	}
	var out []*dynamodb.UpdateTableInput
	wanted := map[string]types.GlobalSecondaryIndex{}
	for _, g := range want.GlobalSecondaryIndexes {
		wanted[str(g.IndexName)] = g
	}
	standing := map[string]bool{}
	for _, g := range have.GlobalSecondaryIndexes {
		name := str(g.IndexName)
		w, keep := wanted[name]
		if !keep || !sameKeys(w.KeySchema, g.KeySchema) || !sameProjection(w.Projection, g.Projection) {
			out = append(out, one(types.GlobalSecondaryIndexUpdate{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: g.IndexName}}))
			continue
		}
		standing[name] = true
		if want.BillingMode != types.BillingModePayPerRequest && !sameCapacity(w.ProvisionedThroughput, g.ProvisionedThroughput) {
			out = append(out, one(types.GlobalSecondaryIndexUpdate{Update: &types.UpdateGlobalSecondaryIndexAction{IndexName: g.IndexName, ProvisionedThroughput: w.ProvisionedThroughput}}))
		}
	}
	for _, g := range want.GlobalSecondaryIndexes {
		if !standing[str(g.IndexName)] {
			out = append(out, one(types.GlobalSecondaryIndexUpdate{Create: &types.CreateGlobalSecondaryIndexAction{
				IndexName: g.IndexName, KeySchema: g.KeySchema, Projection: g.Projection, ProvisionedThroughput: g.ProvisionedThroughput}}))
		}
	}
	return out
}

func sameKeys(a, b []types.KeySchemaElement) bool {
	return slices.EqualFunc(a, b, func(x, y types.KeySchemaElement) bool {
		return str(x.AttributeName) == str(y.AttributeName) && x.KeyType == y.KeyType
	})
}

func sameProjection(a, b *types.Projection) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := slices.Sorted(slices.Values(a.NonKeyAttributes)), slices.Sorted(slices.Values(b.NonKeyAttributes))
	return a.ProjectionType == b.ProjectionType && slices.Equal(x, y)
}
