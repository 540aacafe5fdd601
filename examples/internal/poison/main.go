// Command poison shows what becomes of a record that a function cannot handle: it is bisected out of a
// batch of 1,000 and sent to the failure destination, the 999 others are handled, and so are
// the records of the other shard. It prints what happened and fails when that is not what must be.
//
//	go run ./examples/internal/poison
//
// It opens a platform of its own in memory, or uses the one at -endpoint. The function is Python.
package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/leatdev/leat"
	"github.com/leatdev/leat/internal/sdkhttp"
)

const (
	perShard = 1000
	perPut   = 500
	poison   = "sick-0617"
	name     = "poison"
	limit    = 2 * time.Minute
)

// handler tells the script which records it was given, and fails on the poisoned one.
const handler = `import base64, json, os, urllib.request

def handler(event, context):
    names = [base64.b64decode(r["kinesis"]["data"]).decode() for r in event["Records"]]
    failed = os.environ["POISON"] in names
    urllib.request.urlopen(os.environ["REPORT_TO"], json.dumps({"names": names, "failed": failed}).encode()).close()
    if failed:
        raise ValueError("cannot stomach " + os.environ["POISON"])
    return {}
`

func main() {
	log.SetFlags(0)
	endpoint := flag.String("endpoint", "", "a running platform; without one it opens its own")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := run(ctx, *endpoint, os.Stdout); err != nil {
		log.Fatal("poison: ", err)
	}
}

func run(ctx context.Context, endpoint string, w io.Writer) error {
	if endpoint == "" {
		p, err := leat.Open(ctx, leat.Options{Memory: true})
		if err != nil {
			return err
		}
		defer func() { _ = p.Close(ctx) }()
		endpoint = p.URL()
	}
	s := newScript(endpoint)
	defer s.server.Close()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if err := s.put(ctx); err != nil {
		return err
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	report, err := s.reported(ctx)
	if err != nil {
		return err
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	return s.print(w, report)
}

// given is what one invocation was given.
type given struct {
	Names  []string
	Failed bool
}

type script struct {
	cfg    aws.Config
	server *httptest.Server
	queue  string // URL
	sent   map[string]string

	mu          sync.Mutex
	invocations []given
	news        chan struct{}
}

func newScript(endpoint string) *script {
	s := &script{
		cfg: aws.Config{
			Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		},
		sent: map[string]string{}, news: make(chan struct{}, 1),
	}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var g given
		if err := json.NewDecoder(r.Body).Decode(&g); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		s.invocations = append(s.invocations, g)
		s.mu.Unlock()
		select {
		case s.news <- struct{}{}:
		default:
		}
	}))
	return s
}

// prepare makes the stream, the failure destination and the function.
func (s *script) prepare(ctx context.Context) error {
	streams := kinesis.NewFromConfig(s.cfg)
	if _, err := streams.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String(name), ShardCount: aws.Int32(2)}); err != nil {
		return err
	}
	if err := kinesis.NewStreamExistsWaiter(streams).Wait(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String(name)}, limit); err != nil {
		return err
	}
	q, err := sqs.NewFromConfig(s.cfg).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(name)})
	if err != nil {
		return err
	}
	s.queue = *q.QueueUrl
	role, err := s.role(ctx)
	if err != nil {
		return err
	}
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	file, err := z.Create("app.py")
	if err != nil {
		return err
	}
	if _, err := io.WriteString(file, handler); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	functions := lambda.NewFromConfig(s.cfg)
	_, err = functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String(name), Runtime: lambdatypes.RuntimePython312, Handler: aws.String("app.handler"), Role: &role, Timeout: aws.Int32(30),
		Code:        &lambdatypes.FunctionCode{ZipFile: code.Bytes()},
		Environment: &lambdatypes.Environment{Variables: map[string]string{"POISON": poison, "REPORT_TO": s.server.URL}},
	})
	if err != nil {
		return err
	}
	return lambda.NewFunctionActiveV2Waiter(functions).Wait(ctx, &lambda.GetFunctionInput{FunctionName: aws.String(name)}, limit)
}

// role makes the function's role, which may read the stream and write to the queue.
func (s *script) role(ctx context.Context) (string, error) {
	c := iam.NewFromConfig(s.cfg)
	out, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(name), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	if err != nil {
		return "", err
	}
	_, err = c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String(name), PolicyName: aws.String(name), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kinesis:*","sqs:SendMessage"],"Resource":"*"}]}`)})
	return *out.Role.Arn, err
}

// put fills the two shards: the hash keys say which record goes where.
func (s *script) put(ctx context.Context) error {
	const upper = "170141183460469231731687303715884105728" // where the second shard begins
	streams := kinesis.NewFromConfig(s.cfg)
	for kind, hash := range map[string]string{"sick": "0", "well": upper} {
		for at := 0; at < perShard; at += perPut {
			in := &kinesis.PutRecordsInput{StreamName: aws.String(name)}
			for i := at; i < at+perPut; i++ {
				in.Records = append(in.Records, types.PutRecordsRequestEntry{
					Data: fmt.Appendf(nil, "%s-%04d", kind, i), PartitionKey: aws.String(fmt.Sprint(i % 7)), ExplicitHashKey: aws.String(hash),
				})
			}
			out, err := streams.PutRecords(ctx, in)
			if err != nil {
				return err
			}
			for i, r := range out.Records {
				if r.SequenceNumber == nil {
					return fmt.Errorf("a record was refused: %s", aws.ToString(r.ErrorMessage))
				}
				s.sent[string(in.Records[i].Data)] = *r.SequenceNumber
			}
		}
	}
	return nil
}

func (s *script) connect(ctx context.Context) error {
	_, err := lambda.NewFromConfig(s.cfg).CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
		FunctionName: aws.String(name), EventSourceArn: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/" + name),
		StartingPosition: lambdatypes.EventSourcePositionTrimHorizon, BatchSize: aws.Int32(perShard),
		BisectBatchOnFunctionError: aws.Bool(true), MaximumRetryAttempts: aws.Int32(0),
		DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String("arn:aws:sqs:us-east-1:000000000000:" + name)}},
	})
	return err
}

// reported waits for the report at the failure destination.
func (s *script) reported(ctx context.Context) (string, error) {
	for {
		out, err := sqs.NewFromConfig(s.cfg).ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &s.queue, WaitTimeSeconds: 20})
		if err != nil {
			return "", err
		}
		if len(out.Messages) > 0 {
			return *out.Messages[0].Body, nil
		}
	}
}

// settle waits until all records but the poisoned one are handled.
func (s *script) settle(ctx context.Context) error {
	for len(s.handled()) < 2*perShard-1 {
		select {
		case <-s.news:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d records were handled: %w", len(s.handled()), 2*perShard-1, ctx.Err())
		}
	}
	return nil
}

// handled counts how often each record was handled.
func (s *script) handled() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[string]int{}
	for _, g := range s.invocations {
		if !g.Failed {
			for _, x := range g.Names {
				n[x]++
			}
		}
	}
	return n
}

// print tells what happened, and gives an error when it is not what must be.
func (s *script) print(w io.Writer, report string) error {
	handled := s.handled()
	var sick, well, failed, others int
	var sizes []string
	for x, n := range handled {
		if n != 1 {
			return fmt.Errorf("record %s was handled %d times", x, n)
		}
		if strings.HasPrefix(x, "sick") {
			sick++
		} else {
			well++
		}
	}
	for _, g := range s.invocations {
		switch {
		case g.Failed:
			failed++
			sizes = append(sizes, fmt.Sprint(len(g.Names)))
		case strings.HasPrefix(g.Names[0], "well"):
			others++
		}
	}
	var r struct {
		RequestContext   struct{ Condition string }
		KinesisBatchInfo struct {
			StartSequenceNumber, EndSequenceNumber string
			BatchSize                              int
		}
	}
	if err := json.Unmarshal([]byte(report), &r); err != nil {
		return err
	}
	left, err := s.left()
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(report), "  ", "  "); err != nil {
		return err
	}
	fmt.Fprintf(w, "Two shards of %d records; %s is poison. BatchSize %d, BisectBatchOnFunctionError, MaximumRetryAttempts 0.\n\n", perShard, poison, perShard)
	fmt.Fprintf(w, "failed invocations        %d, of batches of %s\n", failed, strings.Join(sizes, ", "))
	fmt.Fprintf(w, "poisoned shard            %d of %d records handled, each once; %s never\n", sick, perShard, poison)
	fmt.Fprintf(w, "other shard               %d of %d records handled, in %d invocation(s), none failed\n", well, perShard, others)
	fmt.Fprintf(w, "messages at the failure destination: %d\n\n  %s\n\n", left, pretty.String())
	b := r.KinesisBatchInfo
	if sick != perShard-1 || well != perShard || handled[poison] != 0 || left != 1 || b.BatchSize != 1 ||
		b.StartSequenceNumber != s.sent[poison] || b.EndSequenceNumber != s.sent[poison] || r.RequestContext.Condition != "RetryAttemptsExhausted" || !slices.Contains(sizes, "1") {
		return errors.New("that is not what must be")
	}
	fmt.Fprintln(w, "All as it must be.")
	return nil
}

// left is how many messages the failure destination holds, the one that was received among them.
func (s *script) left() (int, error) {
	out, err := sqs.NewFromConfig(s.cfg).GetQueueAttributes(context.Background(), &sqs.GetQueueAttributesInput{
		QueueUrl: &s.queue, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll},
	})
	if err != nil {
		return 0, err
	}
	var visible, hidden int
	_, err = fmt.Sscan(out.Attributes["ApproximateNumberOfMessages"]+" "+out.Attributes["ApproximateNumberOfMessagesNotVisible"], &visible, &hidden)
	return visible + hidden, err
}
