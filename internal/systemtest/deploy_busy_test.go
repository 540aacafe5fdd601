package systemtest_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kintypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/leattest"
)

const (
	deployBusyRounds = 20
	deployBusyPuts   = 100 // calls of the producer in each round, as fast as it can
	deployBusyBatch  = 20  // records in each
)

func deployBusyTemplate(round int) string {
	return fmt.Sprintf(`Transform: AWS::Serverless-2016-10-31
Resources:
  Stream: {Type: AWS::Kinesis::Stream, Properties: {Name: busy, ShardCount: 1}}
  Table: {Type: AWS::Serverless::SimpleTable, Properties: {TableName: seen, PrimaryKey: {Name: id, Type: String}}}
  Busy:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: busy
      Runtime: python3.12
      Handler: busy.handler
      CodeUri: code/
      Timeout: 30
      Policies: [{DynamoDBCrudPolicy: {TableName: !Ref Table}}]
      Environment: {Variables: {ROUND: '%d'}}
      Events:
        Get: {Type: HttpApi, Properties: {Path: /, Method: get}}
        Stream: {Type: Kinesis, Properties: {Stream: !GetAtt Stream.Arn, StartingPosition: TRIM_HORIZON, BatchSize: 500}}
`, round)
}

const deployBusyCode = `import base64, os, boto3

table = boto3.resource("dynamodb").Table("seen")

def handler(event, context):
    if "Records" not in event:
        return {"statusCode": 200, "body": os.environ["ROUND"]}
    ids = [base64.b64decode(r["kinesis"]["data"]).decode() for r in event["Records"]]
    table.put_item(Item={"id": ids[0], "ids": set(ids)})
`

// TestTwentyDeploysUnderLoadLoseNothing redeploys a function that a stream and
// an HTTP client keep busy: every record reaches the table, no request fails.
func TestTwentyDeploysUnderLoadLoseNothing(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	dir := deployFolder(t, "app", map[string]string{"template.yaml": deployBusyTemplate(0), "code/busy.py": deployBusyCode})
	deployOK(t, p, "deploy", dir)
	var page string
	for _, id := range deployPhysical(t, p, "app", "AWS::ApiGatewayV2::Api") {
		page = p.URL() + "/_aws/execute-api/" + id + "/$default/"
	}
	load, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	var asked, put atomic.Int64
	wg.Go(func() { deployBusyAsk(load, t, page, &asked) })
	k := kinesis.NewFromConfig(p.Config())
	for round := 1; round <= deployBusyRounds; round++ {
		before := asked.Load()
		var producer sync.WaitGroup
		producer.Go(func() { deployBusyPut(t, k, &put) })
		deployWrite(t, dir, map[string]string{"template.yaml": deployBusyTemplate(round)})
		deployOK(t, p, "deploy", dir)
		leattest.Eventually(t, func(context.Context) error { // every version answers at least once
			if asked.Load() <= before {
				return fmt.Errorf("no request was answered in round %d", round)
			}
			return nil
		})
		producer.Wait()
	}
	stop()
	wg.Wait()
	if _, body, err := deployGet(t.Context(), page, ""); err != nil || body != fmt.Sprint(deployBusyRounds) {
		t.Errorf("after the last deploy: %q, %v", body, err)
	}
	db := dynamodb.NewFromConfig(p.Config())
	leattest.Eventually(t, func(ctx context.Context) error {
		n, err := deployCount(ctx, db, "seen")
		if err == nil && n != put.Load() {
			err = fmt.Errorf("%d of %d records have arrived", n, put.Load())
		}
		return err
	})
	t.Logf("%d records and %d requests during %d deploys", put.Load(), asked.Load(), deployBusyRounds)
}

func deployBusyAsk(ctx context.Context, t *testing.T, page string, asked *atomic.Int64) {
	for ctx.Err() == nil {
		status, body, err := deployGet(t.Context(), page, "")
		if err != nil || status != http.StatusOK {
			t.Errorf("request %d: %d %q, %v", asked.Load(), status, body, err)
			return
		}
		asked.Add(1)
	}
}

func deployBusyPut(t *testing.T, k *kinesis.Client, put *atomic.Int64) {
	for range deployBusyPuts {
		in := &kinesis.PutRecordsInput{StreamName: aws.String("busy")}
		for i := range deployBusyBatch {
			id := fmt.Sprint(put.Load() + int64(i))
			in.Records = append(in.Records, kintypes.PutRecordsRequestEntry{Data: []byte(id), PartitionKey: &id})
		}
		out, err := k.PutRecords(t.Context(), in)
		if err != nil || aws.ToInt32(out.FailedRecordCount) != 0 {
			t.Errorf("put: %v, %v", out, err)
			return
		}
		put.Add(int64(len(in.Records)))
	}
}

// deployCount counts the distinct ids in the batches of a table.
func deployCount(ctx context.Context, db *dynamodb.Client, table string) (int64, error) {
	ids := map[string]bool{}
	pages := dynamodb.NewScanPaginator(db, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, item := range page.Items {
			if set, ok := item["ids"].(*ddbtypes.AttributeValueMemberSS); ok {
				for _, id := range set.Value {
					ids[id] = true
				}
			}
		}
	}
	return int64(len(ids)), nil
}
