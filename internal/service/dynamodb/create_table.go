package dynamodb

import (
	"context"
	"crypto/rand"
	"fmt"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// CreateTable makes a table with its indexes and, if asked for, a change stream. Its refusals
// (keys, definitions, projections, throughput, stream, encryption, class, tags) are worded
// and ordered as AWS answered in October 2026.
//
// Limits: 5 local and 20 global indexes, 20 non-key attributes projected into an index and 100 into all, 4 partition and 4 sort attributes an index key.
// Errors: ResourceInUseException, ValidationException.
// Differs: the answer says CREATING as on AWS, but the table serves at once and is ACTIVE when next described. GlobalTableSourceArn and GlobalTableSettingsReplicationMode are refused: there is one region.
func (s *Service) CreateTable(ctx context.Context, in *dynamodb.CreateTableInput) (*dynamodb.CreateTableOutput, error) {
	if err := createMembers(in); err != nil {
		return nil, err
	}
	t, err := s.define(aws.RequestFrom(ctx), in)
	if err != nil {
		return nil, err
	}
	var d *types.TableDescription
	_, err = s.update(ctx, func(tx kv.Txn, fx *effects) error {
		old, err := s.table(tx, t.Account, t.Region, t.Name)
		if err != nil {
			return err
		}
		if old != nil {
			return resourceInUse("Table already exists: %s", t.Name)
		}
		if t.ID, err = nextNumber(tx); err != nil {
			return err
		}
		if in.StreamSpecification != nil && awssdk.ToBool(in.StreamSpecification.StreamEnabled) {
			if err := s.openStream(tx, t, string(in.StreamSpecification.StreamViewType)); err != nil {
				return err
			}
		}
		if err := s.saveTable(tx, t); err != nil {
			return err
		}
		d, err = s.describe(tx, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	d.TableStatus = types.TableStatusCreating
	for i := range d.GlobalSecondaryIndexes {
		d.GlobalSecondaryIndexes[i].IndexStatus = types.IndexStatusCreating
	}
	return &dynamodb.CreateTableOutput{TableDescription: d}, nil
}

func createMembers(in *dynamodb.CreateTableInput) error {
	var p problems
	switch {
	case in.TableName == nil:
		p.add("null", "tableName", mustNotBeNull)
	case *in.TableName == "":
		return validation("1 validation error detected: Value '' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case !isARN(*in.TableName):
		p.name("tableName", *in.TableName, minTableName)
	}
	if in.AttributeDefinitions == nil {
		p.add("null", "attributeDefinitions", mustNotBeNull)
	}
	p.attributes(in.AttributeDefinitions)
	p.keySchema("keySchema", in.KeySchema, 2)
	p.enum(string(in.BillingMode), "billingMode", []string{"PROVISIONED", "PAY_PER_REQUEST"})
	p.throughput("provisionedThroughput", in.ProvisionedThroughput)
	for i, g := range in.GlobalSecondaryIndexes {
		at := fmt.Sprintf("globalSecondaryIndexes.%d.member", i+1)
		p.index(at, g.IndexName, g.KeySchema, g.Projection, 2*maxKeyParts)
		p.throughput(at+".provisionedThroughput", g.ProvisionedThroughput)
	}
	for i, l := range in.LocalSecondaryIndexes {
		p.index(fmt.Sprintf("localSecondaryIndexes.%d.member", i+1), l.IndexName, l.KeySchema, l.Projection, 2)
	}
	if in.StreamSpecification != nil {
		if in.StreamSpecification.StreamEnabled == nil {
			p.add("null", "streamSpecification.streamEnabled", mustNotBeNull)
		}
		p.enum(string(in.StreamSpecification.StreamViewType), "streamSpecification.streamViewType", viewSet)
	}
	p.sse(in.SSESpecification)
	return p.err()
}

func (p *problems) sse(sp *types.SSESpecification) {
	if sp == nil {
		return
	}
	p.enum(string(sp.SSEType), "sSESpecification.sSEType", []string{"AES256", "KMS"})
	if sp.KMSMasterKeyId != nil && *sp.KMSMasterKeyId == "" {
		p.add("''", "sSESpecification.kMSMasterKeyId", "Member must have length greater than or equal to 1")
	}
}

// checkClass refuses a table class there is not, which AWS words by itself.
func checkClass(c types.TableClass) error {
	switch c {
	case "", types.TableClassStandard, types.TableClassStandardInfrequentAccess:
		return nil
	}
	return validation("Invalid table-class parameter provided. Please try again with a valid table-class value: [STANDARD, STANDARD_INFREQUENT_ACCESS].")
}

var viewSet = []string{viewOld, viewBoth, viewKeys, viewNew}

// define builds a new table's definition from a checked request.
func (s *Service) define(req *aws.Request, in *dynamodb.CreateTableInput) (*Table, error) {
	if in.GlobalTableSourceArn != nil || in.GlobalTableSettingsReplicationMode != "" {
		return nil, validation("Global tables are not supported: GlobalTableSourceArn and GlobalTableSettingsReplicationMode must not be specified")
	}
	if len(in.VectorIndexes) > 0 {
		return nil, validation("Vector indexes are not supported: VectorIndexes must not be specified")
	}
	r := refOf(req, *in.TableName)
	t := &Table{
		Account: r.account, Region: r.region, Name: r.name, UUID: uuid(), Created: s.millis(),
		Protected: awssdk.ToBool(in.DeletionProtectionEnabled), Class: string(in.TableClass),
		MaxOnDemand: maxOf(nil, in.OnDemandThroughput), Warm: warmOf(nil, in.WarmThroughput),
	}
	var err error
	if t.Hash, t.Range, err = tableSchema(in.KeySchema); err != nil {
		return nil, err
	}
	switch {
	case in.LocalSecondaryIndexes != nil && len(in.LocalSecondaryIndexes) == 0:
		return nil, invalidParam("List of LocalSecondaryIndexes is empty")
	case in.GlobalSecondaryIndexes != nil && len(in.GlobalSecondaryIndexes) == 0:
		return nil, invalidParam("List of GlobalSecondaryIndexes is empty")
	}
	if len(in.LocalSecondaryIndexes) > 0 && t.Range == "" {
		return nil, invalidParam("Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
	}
	if err := t.setAttrs(in.AttributeDefinitions, keySchemas(in)...); err != nil {
		return nil, err
	}
	if err := t.newThroughput(in); err != nil {
		return nil, err
	}
	for _, l := range in.LocalSecondaryIndexes {
		if err := t.addIndex(indexInput{name: *l.IndexName, schema: l.KeySchema, proj: l.Projection}); err != nil {
			return nil, err
		}
	}
	for _, g := range in.GlobalSecondaryIndexes {
		if err := t.addIndex(globalInput(g)); err != nil {
			return nil, err
		}
	}
	if err := checkStream(in.StreamSpecification); err != nil {
		return nil, err
	}
	if err := checkClass(in.TableClass); err != nil {
		return nil, err
	}
	if t.SSE, err = sseOf(req, in.SSESpecification); err != nil {
		return nil, err
	}
	if in.ResourcePolicy != nil {
		if err := checkPolicy(*in.ResourcePolicy); err != nil {
			return nil, err
		}
		t.Policy = &Policy{Text: *in.ResourcePolicy, Revision: revision(s.millis())}
	}
	if t.Tags, err = addTags(nil, in.Tags); err != nil {
		return nil, err
	}
	t.prepare()
	return t, nil
}

// keySchemas lists the key schemas of a new table, its own first.
func keySchemas(in *dynamodb.CreateTableInput) [][]types.KeySchemaElement {
	out := [][]types.KeySchemaElement{in.KeySchema}
	for _, l := range in.LocalSecondaryIndexes {
		out = append(out, l.KeySchema)
	}
	for _, g := range in.GlobalSecondaryIndexes {
		out = append(out, g.KeySchema)
	}
	return out
}

// newThroughput takes over the billing mode, and checks what depends on it.
func (t *Table) newThroughput(in *dynamodb.CreateTableInput) error {
	if err := t.setBilling(in.BillingMode, in.ProvisionedThroughput, t.Created); err != nil {
		return err
	}
	if err := checkMax(in.OnDemandThroughput, t.OnDemand, "", false); err != nil {
		return err
	}
	return checkWarm(t, in.WarmThroughput, nil, t.Provisioned, "", false)
}

func globalInput(g types.GlobalSecondaryIndex) indexInput {
	return indexInput{name: *g.IndexName, global: true, schema: g.KeySchema, proj: g.Projection, prov: g.ProvisionedThroughput, demand: g.OnDemandThroughput, warm: g.WarmThroughput}
}

func checkStream(sp *types.StreamSpecification) error {
	switch {
	case sp == nil:
		return nil
	case *sp.StreamEnabled && sp.StreamViewType == "":
		return invalidParam("Table is being created with a stream enabled, UpdateViewType is required")
	case !*sp.StreamEnabled && sp.StreamViewType != "":
		return invalidParam("Table is being created with a stream disabled, UpdateViewType should not be specified")
	}
	return nil
}

// sseOf keeps the encryption that was asked for. The data is as safe as the disk it
// lies on; the setting is shown to those who ask for it.
func sseOf(req *aws.Request, sp *types.SSESpecification) (*SSE, error) {
	if sp == nil {
		return nil, nil
	}
	on, key := awssdk.ToBool(sp.Enabled), awssdk.ToString(sp.KMSMasterKeyId)
	switch {
	case !on && sp.SSEType != "":
		return nil, invalidParam("SSEType can not be specified if Enabled is false")
	case !on && key != "":
		return nil, invalidParam("KMSMasterKeyId can not be specified if Enabled is false")
	case sp.SSEType == types.SSETypeAes256:
		return nil, invalidParam("SSEType AES256 is not supported")
	case key != "" && sp.SSEType == "":
		return nil, invalidParam("SSEType KMS is required if KMSMasterKeyId is specified")
	case !on:
		return nil, nil
	}
	if key == "" {
		key = "alias/aws/dynamodb"
	}
	if !isARN(key) {
		resource := "key/" + key
		if len(key) > 6 && key[:6] == "alias/" {
			resource = key
		}
		key = req.ARN("kms", resource).String()
	}
	return &SSE{Type: "KMS", KeyARN: key}, nil
}

// uuid draws a random UUID.
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
