package resources

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

// tableElsewhere are the properties of a table that have calls of their own.
var tableElsewhere = []string{"ContributorInsightsSpecification", "KinesisStreamSpecification", "ResourcePolicy"}

// tableParts sets what has calls of its own: contributor insights, a resource policy, a stream that changes are copied to.
func (c *clients) tableParts(ctx context.Context, r *deploy.Request, t *types.TableDescription, old *template.Node) error {
	name := str(t.TableName)
	if now, was := r.Props.Get("ContributorInsightsSpecification"), old.Get("ContributorInsightsSpecification"); !template.Equal(now, was) {
		in := &dynamodb.UpdateContributorInsightsInput{TableName: &name, ContributorInsightsAction: types.ContributorInsightsActionDisable}
		if now.Get("Enabled").Text() == "true" {
			in.ContributorInsightsAction = types.ContributorInsightsActionEnable
			in.ContributorInsightsMode = types.ContributorInsightsMode(now.Get("Mode").Text())
		}
		if _, err := c.dynamo.UpdateContributorInsights(ctx, in); err != nil {
			return err
		}
	}
	if err := c.tablePolicy(ctx, str(t.TableArn), r.Props.Get("ResourcePolicy"), old.Get("ResourcePolicy")); err != nil {
		return err
	}
	return c.tableStream(ctx, name, r.Props.Get("KinesisStreamSpecification"), old.Get("KinesisStreamSpecification"))
}

func (c *clients) tablePolicy(ctx context.Context, arn string, now, was *template.Node) error {
	if template.Equal(now, was) {
		return nil
	}
	if now == nil {
		_, err := c.dynamo.DeleteResourcePolicy(ctx, &dynamodb.DeleteResourcePolicyInput{ResourceArn: &arn})
		return err
	}
	_, err := c.dynamo.PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{ResourceArn: &arn, Policy: ptr(document(now.Get("PolicyDocument")))})
	return err
}

// tableStream copies changes to a stream, or stops. The other stream's end comes first, since a table has room for few.
func (c *clients) tableStream(ctx context.Context, table string, now, was *template.Node) error {
	stream, before := now.Get("StreamArn").Text(), was.Get("StreamArn").Text()
	precision := types.ApproximateCreationDateTimePrecision(now.Get("ApproximateCreationDateTimePrecision").Text())
	if before != "" && before != stream {
		if _, err := c.dynamo.DisableKinesisStreamingDestination(ctx, &dynamodb.DisableKinesisStreamingDestinationInput{TableName: &table, StreamArn: &before}); err != nil {
			return err
		}
	}
	switch {
	case stream == "" || template.Equal(now, was):
		return nil
	case stream == before:
		_, err := c.dynamo.UpdateKinesisStreamingDestination(ctx, &dynamodb.UpdateKinesisStreamingDestinationInput{TableName: &table, StreamArn: &stream,
			UpdateKinesisStreamingConfiguration: &types.UpdateKinesisStreamingConfiguration{ApproximateCreationDateTimePrecision: precision}})
		return err
	}
	in := &dynamodb.EnableKinesisStreamingDestinationInput{TableName: &table, StreamArn: &stream}
	if precision != "" {
		in.EnableKinesisStreamingConfiguration = &types.EnableKinesisStreamingConfiguration{ApproximateCreationDateTimePrecision: precision}
	}
	if _, err := c.dynamo.EnableKinesisStreamingDestination(ctx, in); err != nil {
		return err
	}
	return await(ctx, func(ctx context.Context) (bool, error) {
		out, err := c.dynamo.DescribeKinesisStreamingDestination(ctx, &dynamodb.DescribeKinesisStreamingDestinationInput{TableName: &table})
		if err != nil {
			return false, err
		}
		for _, d := range out.KinesisDataStreamDestinations {
			if str(d.StreamArn) == stream {
				return d.DestinationStatus == types.DestinationStatusActive, nil
			}
		}
		return false, nil
	})
}

// capacityUpdates are the changes of a table's bounds: on-demand and warm throughput.
func capacityUpdates(want *dynamodb.CreateTableInput, have *types.TableDescription) []*dynamodb.UpdateTableInput {
	var out []*dynamodb.UpdateTableInput
	if w, h := want.OnDemandThroughput, have.OnDemandThroughput; w != nil && (h == nil || unequal(w.MaxReadRequestUnits, h.MaxReadRequestUnits) || unequal(w.MaxWriteRequestUnits, h.MaxWriteRequestUnits)) {
		out = append(out, &dynamodb.UpdateTableInput{OnDemandThroughput: w})
	} else if w == nil && h != nil {
		out = append(out, &dynamodb.UpdateTableInput{OnDemandThroughput: &types.OnDemandThroughput{MaxReadRequestUnits: ptr(int64(-1)), MaxWriteRequestUnits: ptr(int64(-1))}})
	}
	if w, h := want.WarmThroughput, have.WarmThroughput; w != nil && (h == nil || unequal(w.ReadUnitsPerSecond, h.ReadUnitsPerSecond) || unequal(w.WriteUnitsPerSecond, h.WriteUnitsPerSecond)) {
		out = append(out, &dynamodb.UpdateTableInput{WarmThroughput: w})
	}
	return out
}

func unequal(want, have *int64) bool { return want != nil && (have == nil || *want != *have) }
