package dynamodb

import (
	"context"
	"slices"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// DescribeTable tells everything about a table.
//
// Errors: ResourceNotFoundException, ValidationException.
// Differs: item counts and sizes are exact, where AWS's are hours old.
func (s *Service) DescribeTable(ctx context.Context, in *dynamodb.DescribeTableInput) (*dynamodb.DescribeTableOutput, error) {
	out := &dynamodb.DescribeTableOutput{}
	err := s.viewTable(ctx, in.TableName, func(r kv.Reader, t *Table) (err error) {
		out.Table, err = s.describe(r, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// viewTable runs fn on a table that a control operation names.
func (s *Service) viewTable(ctx context.Context, name *string, fn func(kv.Reader, *Table) error) error {
	ref, err := controlRef(ctx, name)
	if err != nil {
		return err
	}
	return storage(s.store.View(ctx, func(r kv.Reader) error {
		t, err := s.tableAt(r, ref.key())
		if err != nil {
			return err
		}
		if t == nil {
			return tableNotFound(ref.name)
		}
		return fn(r, t)
	}))
}

// changeTable runs fn on a copy of a table's definition and saves it.
func (s *Service) changeTable(ctx context.Context, name *string, fn func(kv.Txn, *Table) error) error {
	ref, err := controlRef(ctx, name)
	if err != nil {
		return err
	}
	_, err = s.update(ctx, func(tx kv.Txn, fx *effects) error {
		t, err := s.tableAt(tx, ref.key())
		if err != nil {
			return err
		}
		if t == nil {
			return tableNotFound(ref.name)
		}
		t = t.clone()
		if err := fn(tx, t); err != nil {
			return err
		}
		t.prepare()
		return s.saveTable(tx, t)
	})
	return err
}

func controlRef(ctx context.Context, name *string) (ref, error) {
	var p problems
	switch {
	case name == nil:
		p.add("null", "tableName", mustNotBeNull)
	case !isARN(*name):
		p.name("tableName", *name, minTableName)
	}
	if err := p.err(); err != nil {
		return ref{}, err
	}
	return refOf(aws.RequestFrom(ctx), *name), nil
}

func millisTime(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := time.UnixMilli(ms).UTC()
	return &t
}

// describe renders a definition with the table's figures.
func (s *Service) describe(r kv.Reader, t *Table) (*types.TableDescription, error) {
	c, err := readCounts(r, t.ID, baseIndex)
	if err != nil {
		return nil, err
	}
	d := &types.TableDescription{
		TableName: &t.Name, TableArn: awssdk.String(t.arn()), TableId: &t.UUID, TableStatus: types.TableStatusActive,
		CreationDateTime: millisTime(t.Created), KeySchema: t.schema(),
		ItemCount: &c.items, TableSizeBytes: &c.size, DeletionProtectionEnabled: &t.Protected,
		ProvisionedThroughput: describeThroughput(t.Provisioned), OnDemandThroughput: describeMax(t.MaxOnDemand),
		WarmThroughput: &types.TableWarmThroughputDescription{Status: types.TableStatusActive},
	}
	d.WarmThroughput.ReadUnitsPerSecond, d.WarmThroughput.WriteUnitsPerSecond = warmUnits(t, t.Warm, t.Provisioned)
	attrs := slices.SortedFunc(slices.Values(t.Attrs), func(a, b AttrDef) int { return strings.Compare(a.Name, b.Name) })
	for _, a := range attrs { // in order of name, as AWS shows them
		d.AttributeDefinitions = append(d.AttributeDefinitions, types.AttributeDefinition{AttributeName: awssdk.String(a.Name), AttributeType: types.ScalarAttributeType(a.Type)})
	}
	if t.OnDemand || t.BillingAt != 0 {
		mode := types.BillingModeProvisioned
		if t.OnDemand {
			mode = types.BillingModePayPerRequest
		}
		d.BillingModeSummary = &types.BillingModeSummary{BillingMode: mode, LastUpdateToPayPerRequestDateTime: millisTime(t.BillingAt)}
	}
	if t.Class != "" {
		d.TableClassSummary = &types.TableClassSummary{TableClass: types.TableClass(t.Class), LastUpdateDateTime: millisTime(t.ClassAt)}
	}
	if t.SSE != nil {
		d.SSEDescription = &types.SSEDescription{Status: types.SSEStatusEnabled, SSEType: types.SSEType(t.SSE.Type), KMSMasterKeyArn: &t.SSE.KeyARN}
	}
	if t.Stream != nil {
		d.LatestStreamArn, d.LatestStreamLabel = awssdk.String(t.streamARN()), &t.Stream.Label
		if t.Stream.Enabled {
			d.StreamSpecification = &types.StreamSpecification{StreamEnabled: awssdk.Bool(true), StreamViewType: types.StreamViewType(t.Stream.View)}
		}
	}
	return d, s.describeIndexes(r, t, d)
}

func (s *Service) describeIndexes(r kv.Reader, t *Table, d *types.TableDescription) error {
	for i := range t.Indexes {
		ix := &t.Indexes[i]
		c, err := readCounts(r, t.ID, ix.Num)
		if err != nil {
			return err
		}
		arn := awssdk.String(t.arn() + "/index/" + ix.Name)
		proj := &types.Projection{ProjectionType: types.ProjectionType(ix.Projection), NonKeyAttributes: slices.Sorted(slices.Values(ix.NonKey))}
		if !ix.Global {
			d.LocalSecondaryIndexes = append(d.LocalSecondaryIndexes, types.LocalSecondaryIndexDescription{
				IndexName: &ix.Name, IndexArn: arn, KeySchema: keySchemaOf(ix.Hash, ix.Range), Projection: proj, ItemCount: &c.items, IndexSizeBytes: &c.size,
			})
			continue
		}
		g := types.GlobalSecondaryIndexDescription{
			IndexName: &ix.Name, IndexArn: arn, KeySchema: keySchemaOf(ix.Hash, ix.Range), Projection: proj, ItemCount: &c.items, IndexSizeBytes: &c.size,
			IndexStatus: types.IndexStatusActive, ProvisionedThroughput: describeThroughput(ix.Provisioned), OnDemandThroughput: describeMax(ix.MaxOnDemand),
			WarmThroughput: &types.GlobalSecondaryIndexWarmThroughputDescription{Status: types.IndexStatusActive},
		}
		g.WarmThroughput.ReadUnitsPerSecond, g.WarmThroughput.WriteUnitsPerSecond = warmUnits(t, ix.Warm, ix.Provisioned)
		if ix.Filling {
			g.IndexStatus, g.Backfilling = types.IndexStatusCreating, awssdk.Bool(true)
		}
		d.GlobalSecondaryIndexes = append(d.GlobalSecondaryIndexes, g)
	}
	return nil
}

func describeThroughput(p Throughput) *types.ProvisionedThroughputDescription {
	return &types.ProvisionedThroughputDescription{
		ReadCapacityUnits: &p.Read, WriteCapacityUnits: &p.Write, NumberOfDecreasesToday: &p.DecreasesToday,
		LastIncreaseDateTime: millisTime(p.Increased), LastDecreaseDateTime: millisTime(p.Decreased),
	}
}
