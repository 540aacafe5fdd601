package dynamodb_test

import (
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const inv = "One or more parameter values were invalid: "

func units(n int64) *types.ProvisionedThroughput {
	return &types.ProvisionedThroughput{ReadCapacityUnits: &n, WriteCapacityUnits: &n}
}

func ceiling(read, write int64) *types.OnDemandThroughput {
	return &types.OnDemandThroughput{MaxReadRequestUnits: &read, MaxWriteRequestUnits: &write}
}

func warm(read, write int64) *types.WarmThroughput {
	return &types.WarmThroughput{ReadUnitsPerSecond: &read, WriteUnitsPerSecond: &write}
}

func strs(names ...string) (out []types.AttributeDefinition) {
	for _, n := range names {
		out = append(out, types.AttributeDefinition{AttributeName: &n, AttributeType: "S"})
	}
	return out
}

func schema(parts ...string) (out []types.KeySchemaElement) {
	for _, p := range parts {
		name, kind := p[1:], types.KeyTypeHash
		if p[0] == '>' {
			kind = types.KeyTypeRange
		}
		out = append(out, types.KeySchemaElement{AttributeName: &name, KeyType: kind})
	}
	return out
}

func index(name string, ks []types.KeySchemaElement, proj *types.Projection) types.GlobalSecondaryIndex {
	return types.GlobalSecondaryIndex{IndexName: &name, KeySchema: ks, Projection: proj}
}

func TestTablesThatAWSRefusesAreRefusedInItsWords(t *testing.T) {
	t.Parallel()
	b := start(t)
	type in = *sdk.CreateTableInput
	gsi := func(in in, change func(*types.GlobalSecondaryIndex)) {
		g := index("gsi", keys("g"), all())
		change(&g)
		in.AttributeDefinitions, in.GlobalSecondaryIndexes = strs("pk", "g"), []types.GlobalSecondaryIndex{g}
	}
	provisioned := func(in in) { in.BillingMode, in.ProvisionedThroughput = "PROVISIONED", units(10) }
	const initial = " is lower than initial throughput for OnDemand. See: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html#on-demand-capacity-mode-initial"
	for want, change := range map[string]func(in){
		"Attribute Name is duplicated: pk":                                                func(in in) { in.AttributeDefinitions = strs("pk", "pk") },
		"Invalid KeySchema: Some index key attribute have no definition":                  func(in in) { in.AttributeDefinitions = []types.AttributeDefinition{} },
		"Invalid KeySchema: The first KeySchemaElement is not a HASH key type":            func(in in) { in.KeySchema = schema(">pk") },
		"Invalid KeySchema: The second KeySchemaElement is not a RANGE key type":          func(in in) { in.KeySchema = schema("#pk", "#sk") },
		"Both the Hash Key and the Range Key element in the KeySchema have the same name": func(in in) { in.KeySchema = schema("#pk", ">pk") },
		inv + "Some AttributeDefinitions are not used. AttributeDefinitions: [pk, g, x], keys used: [pk, g]": func(in in) {
			gsi(in, func(g *types.GlobalSecondaryIndex) { g.Projection = &types.Projection{} })
			in.AttributeDefinitions = strs("pk", "g", "x")
		},
		inv + "Unknown ProjectionType: null": func(in in) { gsi(in, func(g *types.GlobalSecondaryIndex) { g.Projection = &types.Projection{} }) },
		inv + "ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified": func(in in) {
			gsi(in, func(g *types.GlobalSecondaryIndex) {
				g.Projection = &types.Projection{ProjectionType: "KEYS_ONLY", NonKeyAttributes: []string{"x"}}
			})
		},
		inv + "Duplicate element in NonKeyAttributes: x": func(in in) {
			gsi(in, func(g *types.GlobalSecondaryIndex) {
				g.Projection = &types.Projection{ProjectionType: "INCLUDE", NonKeyAttributes: []string{"x", "y", "x"}}
			})
		},
		inv + "All HASH key attributes must precede RANGE key attributes in the KeySchema": func(in in) {
			gsi(in, func(g *types.GlobalSecondaryIndex) { g.KeySchema = schema("#g", ">pk", "#h") })
			in.AttributeDefinitions = strs("pk", "g", "h")
		},
		"The KeySchema contains multiple key attributes with the same name": func(in in) { gsi(in, func(g *types.GlobalSecondaryIndex) { g.KeySchema = schema("#g", ">pk", ">pk") }) },
		inv + "The KeySchema exceeds the maximum allowed number of HASH key attributes": func(in in) {
			gsi(in, func(g *types.GlobalSecondaryIndex) { g.KeySchema = schema("#a", "#b", "#c", "#d", "#e") })
			in.AttributeDefinitions = strs("pk", "a", "b", "c", "d", "e")
		},
		inv + "The KeySchema exceeds the maximum allowed number of RANGE key attributes": func(in in) {
			gsi(in, func(g *types.GlobalSecondaryIndex) { g.KeySchema = schema("#pk", ">a", ">b", ">c", ">d", ">e") })
			in.AttributeDefinitions = strs("pk", "a", "b", "c", "d", "e")
		},
		inv + "Table is being created with a stream enabled, UpdateViewType is required": func(in in) { in.StreamSpecification = &types.StreamSpecification{StreamEnabled: awssdk.Bool(true)} },
		inv + "Table is being created with a stream disabled, UpdateViewType should not be specified": func(in in) {
			in.StreamSpecification = &types.StreamSpecification{StreamEnabled: awssdk.Bool(false), StreamViewType: "NEW_IMAGE"}
		},
		"Invalid table-class parameter provided. Please try again with a valid table-class value: [STANDARD, STANDARD_INFREQUENT_ACCESS].": func(in in) { in.TableClass = "GLASS" },
		inv + "SSEType can not be specified if Enabled is false": func(in in) {
			in.SSESpecification = &types.SSESpecification{Enabled: awssdk.Bool(false), SSEType: "KMS"}
		},
		inv + "KMSMasterKeyId can not be specified if Enabled is false": func(in in) { in.SSESpecification = &types.SSESpecification{KMSMasterKeyId: awssdk.String("k")} },
		inv + "SSEType KMS is required if KMSMasterKeyId is specified": func(in in) {
			in.SSESpecification = &types.SSESpecification{Enabled: awssdk.Bool(true), KMSMasterKeyId: awssdk.String("k")}
		},
		inv + "SSEType AES256 is not supported": func(in in) {
			in.SSESpecification = &types.SSESpecification{Enabled: awssdk.Bool(true), SSEType: "AES256"}
		},
		"1 validation error detected: Value '' at 'sSESpecification.kMSMasterKeyId' failed to satisfy constraint: Member must have length greater than or equal to 1": func(in in) {
			in.SSESpecification = &types.SSESpecification{Enabled: awssdk.Bool(true), KMSMasterKeyId: awssdk.String("")}
		},
		inv + "MaxReadRequestUnits for OnDemandThroughput cannot be specified when table BillingMode is PROVISIONED.": func(in in) { provisioned(in); in.OnDemandThroughput = ceiling(0, 5) },
		inv + "MaxWriteRequestUnits for OnDemandThroughput for index: gsi cannot be specified when table BillingMode is PROVISIONED.": func(in in) {
			provisioned(in)
			gsi(in, func(g *types.GlobalSecondaryIndex) {
				g.ProvisionedThroughput, g.OnDemandThroughput = units(1), &types.OnDemandThroughput{MaxWriteRequestUnits: awssdk.Int64(5)}
			})
		},
		inv + "Requested MaxReadRequestUnits for OnDemandThroughput for table is outside of valid range":                           func(in in) { in.OnDemandThroughput = ceiling(-1, 5) },
		inv + "Requested MaxWriteRequestUnits for OnDemandThroughput for table is outside of valid range":                          func(in in) { in.OnDemandThroughput = ceiling(1, 0) },
		inv + "Requested MaxReadRequestUnits for OnDemandThroughput for index : gsi is outside of valid range":                     func(in in) { gsi(in, func(g *types.GlobalSecondaryIndex) { g.OnDemandThroughput = ceiling(0, 0) }) },
		inv + "Requested ReadUnitsPerSecond for WarmThroughput for table" + initial:                                                func(in in) { in.WarmThroughput = warm(11_999, 4000) },
		inv + "Requested WriteUnitsPerSecond for WarmThroughput for index gsi" + initial:                                           func(in in) { gsi(in, func(g *types.GlobalSecondaryIndex) { g.WarmThroughput = warm(12_000, 3999) }) },
		inv + "Requested ReadUnitsPerSecond for WarmThroughput for table is lower than ReadCapacityUnits of ProvisionedThroughput": func(in in) { provisioned(in); in.WarmThroughput = warm(9, 10) },
		"Duplicate Tag Keys provided as input: Duplicate Tag Key found a": func(in in) {
			in.Tags = []types.Tag{{Key: awssdk.String("a"), Value: awssdk.String("1")}, {Key: awssdk.String("a"), Value: awssdk.String("2")}}
		},
		"2 validation errors detected: Value '0' at 'provisionedThroughput.writeCapacityUnits' failed to satisfy constraint: Member must have value greater than or equal to 1; Value '0' at 'provisionedThroughput.readCapacityUnits' failed to satisfy constraint: Member must have value greater than or equal to 1": func(in in) {
			in.BillingMode, in.ProvisionedThroughput = "PROVISIONED", units(0)
		},
	} {
		in := &sdk.CreateTableInput{TableName: awssdk.String("things"), BillingMode: "PAY_PER_REQUEST", KeySchema: keys("pk"), AttributeDefinitions: strs("pk")}
		change(in)
		_, err := b.CreateTable(t.Context(), in)
		refused(t, err, "ValidationException", want)
	}
}

func TestTableUpdatesThatAWSRefusesAreRefusedInItsWords(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "free", hash: "pk", sort: "sk", types: map[string]types.ScalarAttributeType{"g": "S"},
		gsi: []types.GlobalSecondaryIndex{index("gsi", keys("g"), all())},
		lsi: []types.LocalSecondaryIndex{{IndexName: awssdk.String("lsi"), KeySchema: keys("pk", "g"), Projection: all()}}})
	paid := index("gsi", keys("g"), all())
	paid.ProvisionedThroughput = units(2)
	if _, err := b.CreateTable(t.Context(), &sdk.CreateTableInput{TableName: awssdk.String("paid"), KeySchema: keys("pk"), AttributeDefinitions: strs("pk", "g"), ProvisionedThroughput: units(5), GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{paid}}); err != nil {
		t.Fatal(err)
	}
	type in = *sdk.UpdateTableInput
	type ups = []types.GlobalSecondaryIndexUpdate
	create := types.GlobalSecondaryIndexUpdate{Create: &types.CreateGlobalSecondaryIndexAction{IndexName: awssdk.String("more"), KeySchema: keys("h"), Projection: all()}}
	remove := func(name string) types.GlobalSecondaryIndexUpdate {
		return types.GlobalSecondaryIndexUpdate{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: &name}}
	}
	update := func(name string, u types.UpdateGlobalSecondaryIndexAction) types.GlobalSecondaryIndexUpdate {
		u.IndexName = &name
		return types.GlobalSecondaryIndexUpdate{Update: &u}
	}
	on := &types.StreamSpecification{StreamEnabled: awssdk.Bool(true), StreamViewType: "NEW_IMAGE"}
	yes := awssdk.Bool(true)
	const required = "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required"
	for _, c := range []struct {
		table  string
		change func(in)
		want   string
	}{
		{"free", func(in) {}, required},
		{"absent", func(in) {}, required},
		{"free", func(in in) { in.GlobalSecondaryIndexUpdates = ups{} }, required},
		{"free", func(in in) { in.AttributeDefinitions = strs("pk") }, required},
		{"free", func(in in) { in.GlobalSecondaryIndexUpdates, in.DeletionProtectionEnabled = ups{}, yes }, inv + "List of GlobalSecondaryIndexUpdates is empty"},
		{"free", func(in in) { in.GlobalSecondaryIndexUpdates = ups{{}} }, inv + "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null"},
		{"free", func(in in) { u := remove("gsi"); u.Create = create.Create; in.GlobalSecondaryIndexUpdates = ups{u} }, inv + "Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object"},
		{"free", func(in in) { in.GlobalSecondaryIndexUpdates = ups{remove("lsi")} }, "Cannot delete an index that is not a GlobalSecondaryIndex: lsi"},
		{"free", func(in in) {
			in.GlobalSecondaryIndexUpdates = ups{update("lsi", types.UpdateGlobalSecondaryIndexAction{OnDemandThroughput: ceiling(1, 1)})}
		}, "Cannot update an index that is not a GlobalSecondaryIndex: lsi"},
		{"free", func(in in) { in.GlobalSecondaryIndexUpdates = ups{create} }, inv + "AttributeDefinitions is not specified for index: more"},
		{"free", func(in in) { in.GlobalSecondaryIndexUpdates, in.AttributeDefinitions = ups{create}, strs("x") }, inv + "Some index key attributes are not defined in AttributeDefinitions. Keys: [h], AttributeDefinitions: [x]"},
		{"paid", func(in in) { in.GlobalSecondaryIndexUpdates, in.AttributeDefinitions = ups{create}, strs("h") }, inv + "Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: more"},
		{"free", func(in in) {
			in.GlobalSecondaryIndexUpdates = ups{update("gsi", types.UpdateGlobalSecondaryIndexAction{ProvisionedThroughput: units(1)})}
		}, inv + "The only Updates for index: gsi when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput"},
		{"free", func(in in) {
			in.GlobalSecondaryIndexUpdates = ups{update("gsi", types.UpdateGlobalSecondaryIndexAction{OnDemandThroughput: &types.OnDemandThroughput{}})}
		}, inv + "The only Updates for index: gsi when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput"},
		{"free", func(in in) {
			in.GlobalSecondaryIndexUpdates = ups{update("gsi", types.UpdateGlobalSecondaryIndexAction{WarmThroughput: &types.WarmThroughput{}})}
		}, inv + "WarmThroughput must have at least one of ReadUnitsPerSecond or WriteUnitsPerSecond specified for index: gsi"},
		{"free", func(in in) {
			in.GlobalSecondaryIndexUpdates = ups{update("gsi", types.UpdateGlobalSecondaryIndexAction{WarmThroughput: warm(1, 1)})}
		}, inv + "Requested ReadUnitsPerSecond for WarmThroughput for index gsi is lower than current WarmThroughput, decreasing WarmThroughput is not supported"},
		{"paid", func(in in) {
			in.GlobalSecondaryIndexUpdates = ups{update("gsi", types.UpdateGlobalSecondaryIndexAction{OnDemandThroughput: ceiling(1, 1)})}
		}, inv + "MaxReadRequestUnits for OnDemandThroughput for index : gsi cannot be specified when the table BillingMode is PROVISIONED"},
		{"paid", func(in in) {
			in.GlobalSecondaryIndexUpdates = ups{update("gsi", types.UpdateGlobalSecondaryIndexAction{ProvisionedThroughput: units(2)})}
		}, "The provisioned throughput for the index gsi will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the index: 2. Requested ReadCapacityUnits: 2. Current WriteCapacityUnits provisioned for the index: 2. Requested WriteCapacityUnits: 2. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."},
		{"paid", func(in in) { in.OnDemandThroughput = ceiling(1, 1) }, inv + "MaxReadRequestUnits for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED"},
		{"free", func(in in) { in.OnDemandThroughput = ceiling(1, 0) }, inv + "Requested MaxWriteRequestUnits for OnDemandThroughput for table is outside of valid range"},
		{"free", func(in in) { in.OnDemandThroughput = ceiling(-2, 1) }, inv + "Requested MaxReadRequestUnits for OnDemandThroughput for table is outside of valid range"},
		{"free", func(in in) { in.WarmThroughput = warm(13_000, 3999) }, inv + "Requested WriteUnitsPerSecond for WarmThroughput for table is lower than current WarmThroughput, decreasing WarmThroughput is not supported"},
		{"free", func(in in) { in.ProvisionedThroughput = units(1) }, inv + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"},
		{"free", func(in in) { in.BillingMode = "PROVISIONED" }, inv + "ProvisionedThroughput must be specified when BillingMode is PROVISIONED"},
		{"free", func(in in) { in.BillingMode, in.ProvisionedThroughput = "PROVISIONED", units(1) }, inv + "ProvisionedThroughput must be specified for index: gsi"},
		{"free", func(in in) { in.SSESpecification, in.DeletionProtectionEnabled = &types.SSESpecification{}, yes }, inv + "Server-Side Encryption modification must be the only operation in the request"},
		{"free", func(in in) { in.SSESpecification = &types.SSESpecification{} }, inv + "Table is already encrypted by default"},
		{"free", func(in in) { in.TableClass, in.BillingMode = "STANDARD", "PAY_PER_REQUEST" }, inv + "TableClass modification must be the only operation in the request"},
		{"free", func(in in) { in.DeletionProtectionEnabled, in.StreamSpecification = yes, on }, inv + "DeletionProtection modification must be the only operation in the request"},
		{"free", func(in in) { in.WarmThroughput, in.GlobalSecondaryIndexUpdates = warm(1, 1), ups{create} }, inv + "Create global secondary index cannot be specified when updating WarmThroughput"},
		{"free", func(in in) { in.OnDemandThroughput, in.StreamSpecification = ceiling(1, 1), on }, inv + "OnDemandThroughput can only be combined with BillingMode in an UpdateTable request"},
		{"paid", func(in in) { in.ProvisionedThroughput, in.StreamSpecification = units(1), on }, inv + "You cannot modify stream status while updating table IOPS"},
		{"paid", func(in in) { in.ProvisionedThroughput, in.GlobalSecondaryIndexUpdates = units(1), ups{remove("gsi")} }, inv + "You cannot create or delete index while updating table IOPS"},
		{"free", func(in in) { in.StreamSpecification, in.GlobalSecondaryIndexUpdates = on, ups{remove("gsi")} }, inv + "You cannot create or delete index while changing stream status"},
		{"free", func(in in) { in.StreamSpecification = &types.StreamSpecification{StreamEnabled: yes} }, inv + "If stream is being enabled then UpdateViewType is required"},
		{"free", func(in in) {
			in.StreamSpecification = &types.StreamSpecification{StreamEnabled: awssdk.Bool(false), StreamViewType: "NEW_IMAGE"}
		}, inv + "If stream is being disabled, then UpdateViewType must not be specified"},
	} {
		in := &sdk.UpdateTableInput{TableName: &c.table}
		c.change(in)
		_, err := b.UpdateTable(t.Context(), in)
		refused(t, err, "ValidationException", c.want)
	}
	_, err := b.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: awssdk.String("free"), GlobalSecondaryIndexUpdates: ups{remove("ghost")}})
	refused(t, err, "ResourceNotFoundException", "Requested resource not found: Index ghost for table free")
}

func TestCeilingsOfOnDemandThroughputAreChangedOneByOne(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	show := func(d *types.OnDemandThroughput) (out [2]int64) {
		if d != nil {
			out = [2]int64{awssdk.ToInt64(d.MaxReadRequestUnits), awssdk.ToInt64(d.MaxWriteRequestUnits)}
		}
		return out
	}
	for _, c := range []struct {
		set              *types.OnDemandThroughput
		answer, standing [2]int64
	}{
		{ceiling(1000, 500), [2]int64{1000, 500}, [2]int64{1000, 500}},
		{&types.OnDemandThroughput{MaxReadRequestUnits: awssdk.Int64(2000)}, [2]int64{2000, 500}, [2]int64{2000, 500}},
		{&types.OnDemandThroughput{MaxWriteRequestUnits: awssdk.Int64(-1)}, [2]int64{2000, -1}, [2]int64{2000, 0}},
		{ceiling(-1, -1), [2]int64{-1, -1}, [2]int64{}},
	} {
		out, err := b.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: awssdk.String("things"), OnDemandThroughput: c.set})
		if err != nil {
			t.Fatal(err)
		}
		d, err := b.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: awssdk.String("things")})
		if got := show(out.TableDescription.OnDemandThroughput); err != nil || got != c.answer || show(d.Table.OnDemandThroughput) != c.standing {
			t.Errorf("%v: answer %v, then %v, %v", show(c.set), got, show(d.Table.OnDemandThroughput), err)
		}
	}
}

func TestTagsThatAWSRefusesAreRefusedInItsWords(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	const things = "arn:aws:dynamodb:us-east-1:000000000000:table/things"
	tag := func(arn string, tags ...types.Tag) error {
		_, err := b.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: &arn, Tags: append([]types.Tag{}, tags...)})
		return err
	}
	kv := func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }
	_, none := b.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: awssdk.String(things), TagKeys: []string{}})
	_, empty := b.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: awssdk.String(things), TagKeys: []string{""}})
	_, reserved := b.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: awssdk.String(things), TagKeys: []string{"AWS:x"}})
	_, many := b.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: awssdk.String(things), TagKeys: strings.Split(strings.Repeat("k,", 50)+"k", ",")})
	long := strings.Repeat("é", 129)
	for _, c := range []struct {
		err  error
		want string
	}{
		{tag(things), "Atleast one Tag needs to be provided as Input."},
		{none, "Atleast one Tag Key needs to be provided as Input."},
		{empty, "The Tag Key provided is invalid, Key: "},
		{reserved, "Tag Key cannot be prefixed with aws:, Key: AWS:x"},
		{many, "Number of Tags exceed the current limit for the provided ResourceArn"},
		{tag(things+"/backup/1", kv("a", "")), inv + "Provided Arn is not a DynamoDB resource arn: " + things + "/backup/1"},
		{tag(things, kv(long, "x")), "The Tag Key provided is invalid, Key: " + long},
		{tag(things, kv(long[2:], strings.Repeat("é", 256))), ""},
		{tag(things, kv("a", long+long)), "The Tag Value provided is invalid, Value: " + long + long},
		{tag(things, kv("aws:x", "")), "Tag Key cannot be prefixed with aws:, Key: aws:x"},
		{tag(things, kv("a", ""), kv("a", "")), "Duplicate Tag Keys provided as input: Duplicate Tag Key found a"},
		{tag("things", kv("a", "")), inv + "ARNs must start with 'arn:': things"},
		{tag("arn:aws:s3:::bucket", kv("a", "")), inv + "Provided Arn is not a DynamoDB resource arn: arn:aws:s3:::bucket"},
		{tag(things+"/index/gsi", kv("a", "")), inv + "Invalid resource arn provided, only table or stream is accepted. Provided resource arn: " + things + "/index/gsi"},
	} {
		if c.want == "" && c.err == nil {
			continue
		}
		refused(t, c.err, "ValidationException", c.want)
	}
}
