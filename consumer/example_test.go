package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat"
	"github.com/leatdev/leat/consumer"
	"github.com/leatdev/leat/producer"
	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
	"github.com/leatdev/leat/serde"
)

// Payment is what both sides agree on.
type Payment struct {
	ID     string `avro:"id" dynamodbav:"id"`
	Amount int64  `avro:"amount" dynamodbav:"amount"`
}

const paymentSchema = `{"type":"record","name":"Payment","namespace":"bank","fields":[
	{"name":"id","type":"string"},{"name":"amount","type":"long"}]}`

// pay is the whole of the sending side: it registers the schema, or finds it, and sends Avro.
func pay(ctx context.Context, cfg aws.Config, registryURL string, mode registry.Mode, payments ...Payment) error {
	encoder, err := serde.New[Payment](registry.Confluent(registryURL), serde.Schema(schema.Avro, paymentSchema), serde.Mode(mode))
	if err != nil {
		return err
	}
	p, err := producer.New(kinesis.NewFromConfig(cfg), producer.Options{Stream: "payments"})
	if err != nil {
		return err
	}
	out := producer.NewTyped(p, encoder)
	for _, payment := range payments {
		if _, err := out.Put(ctx, payment.ID, payment); err != nil {
			return errors.Join(err, out.Close(ctx))
		}
	}
	return out.Close(ctx)
}

// project is the whole of the receiving side: a Lambda handler that decodes by the
// id in each record and saves the payments in a table.
func project(cfg aws.Config, registryURL string) (func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error), error) {
	decoder, err := serde.New[Payment](registry.Confluent(registryURL))
	if err != nil {
		return nil, err
	}
	return consumer.Kinesis(decoder, consumer.Project[Payment](dynamodb.NewFromConfig(cfg), "payments", nil)), nil
}

// Payments travel from a producer over a stream into a table that is made for reading,
// once with a schema that is registered on the fly, once with one that must be there.
func Example_payments() {
	ctx := context.Background()
	platform, cfg := start(ctx)
	defer func() { _ = platform.Close(ctx) }()

	err := pay(ctx, cfg, platform.RegistryURL(), registry.MustExist, Payment{"p-0", 1})
	fmt.Println("without a registered schema:", errors.Is(err, registry.ErrNotFound))

	// Somebody creates the schema in advance: a pipeline, an administrator. This one registers it on the fly:
	must(pay(ctx, cfg, platform.RegistryURL(), registry.AutoRegister, Payment{"p-1", 1250}))
	must(pay(ctx, cfg, platform.RegistryURL(), registry.MustExist, Payment{"p-2", 99}, Payment{"p-1", 1300}))

	handler, err := project(cfg, platform.RegistryURL())
	must(err)
	event := records(ctx, kinesis.NewFromConfig(cfg))
	for range 2 { // Lambda delivers at least once
		answer, err := handler(ctx, event)
		must(err)
		fmt.Println(len(event.Records), "records,", len(answer.BatchItemFailures), "failures")
	}
	for _, id := range []string{"p-1", "p-2"} {
		fmt.Println(read(ctx, dynamodb.NewFromConfig(cfg), id))
	}
	// Output:
	// without a registered schema: true
	// 3 records, 0 failures
	// 3 records, 0 failures
	// {p-1 1300}
	// {p-2 99}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// start gives a platform with a stream and a table.
func start(ctx context.Context) (*leat.Platform, aws.Config) {
	p, err := leat.Open(ctx, leat.Options{Memory: true})
	must(err)
	cfg := aws.Config{Region: p.Region(), BaseEndpoint: aws.String(p.URL()), Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	_, err = kinesis.NewFromConfig(cfg).CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("payments"), ShardCount: aws.Int32(1)})
	must(err)
	err = kinesis.NewStreamExistsWaiter(kinesis.NewFromConfig(cfg), func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay = 10 * time.Millisecond }).
		Wait(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("payments")}, time.Minute)
	must(err)
	_, err = dynamodb.NewFromConfig(cfg).CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String("payments"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	})
	must(err)
	return p, cfg
}

// records are those of the stream, as Lambda hands them to a function.
func records(ctx context.Context, client *kinesis.Client) (e events.KinesisEvent) {
	it, err := client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: aws.String("payments"), ShardId: aws.String("shardId-000000000000"), ShardIteratorType: kinesistypes.ShardIteratorTypeTrimHorizon,
	})
	must(err)
	out, err := client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
	must(err)
	for _, r := range out.Records {
		e.Records = append(e.Records, events.KinesisEventRecord{
			EventID: "shardId-000000000000:" + *r.SequenceNumber,
			Kinesis: events.KinesisRecord{PartitionKey: *r.PartitionKey, SequenceNumber: *r.SequenceNumber, Data: r.Data},
		})
	}
	return e
}

func read(ctx context.Context, client *dynamodb.Client, id string) (p Payment) {
	out, err := client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String("payments"), Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}},
	})
	must(err)
	must(attributevalue.UnmarshalMap(out.Item, &p))
	return p
}
