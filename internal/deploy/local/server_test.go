package local_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	s3sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/local"
	"github.com/leatdev/leat/internal/deploy/resources"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/sdkhttp"
	"github.com/leatdev/leat/internal/service/apigateway"
	"github.com/leatdev/leat/internal/service/cloudformation"
	"github.com/leatdev/leat/internal/service/dynamodb"
	"github.com/leatdev/leat/internal/service/eventsource"
	"github.com/leatdev/leat/internal/service/glue"
	"github.com/leatdev/leat/internal/service/iam"
	"github.com/leatdev/leat/internal/service/kinesis"
	"github.com/leatdev/leat/internal/service/lambda"
	"github.com/leatdev/leat/internal/service/logs"
	"github.com/leatdev/leat/internal/service/s3"
	"github.com/leatdev/leat/internal/service/sns"
	"github.com/leatdev/leat/internal/service/sqs"
	"github.com/leatdev/leat/internal/shardlog"
	"github.com/leatdev/leat/internal/subjects"
	"github.com/leatdev/leat/internal/wire"
)

const region, account = "eu-west-1", "000000000000"

// server is a platform of the rooms that templates reach, behind one port.
type server struct {
	url      string
	deployer *local.Deployer
	cfg      awssdk.Config
}

// silent is a stream source without records.
type silent struct{}

func (silent) Describe(_ context.Context, arn string) (eventsource.Stream, error) {
	return eventsource.Stream{ARN: arn, Generation: "1", Retention: time.Hour}, nil
}
func (silent) Tip(context.Context, string, string) (string, error) { return "", nil }
func (silent) Read(context.Context, string, string, eventsource.Position, int) (eventsource.Page, error) {
	return eventsource.Page{CaughtUp: true}, nil
}
func (silent) Changed(string, string) <-chan struct{} { return nil }

// sink takes the changes of tables that are copied to streams.
type sink struct{}

func (sink) Exists(context.Context, string) (bool, error)             { return true, nil }
func (sink) Put(context.Context, string, []dynamodb.SinkRecord) error { return nil }

// reader reads templates from the object store.
type reader struct{ s *s3.Service }

func (r reader) ReadObject(ctx context.Context, bucket, key, _ string) (io.ReadCloser, error) {
	o, err := r.s.GetObject(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	return o, nil
}

// names resolves functions for mappings, which invoke nothing here.
type names struct{ s *lambda.Service }

func (n names) Function(_ context.Context, name string) (eventsource.Function, error) {
	if name == "nobody" {
		return eventsource.Function{}, eventsource.ErrNotFound
	}
	if !strings.HasPrefix(name, "arn:") {
		name = "arn:aws:lambda:" + region + ":" + account + ":function:" + name
	}
	return eventsource.Function{ARN: name, Role: "arn:aws:iam::" + account + ":role/r", Timeout: time.Second}, nil
}

func (names) Invoke(context.Context, eventsource.Invocation) (eventsource.Response, error) {
	return eventsource.Response{}, nil
}

// idle is an invoker that nothing is sent to.
type idle struct{}

func (idle) Invoke(context.Context, apigateway.Invocation) ([]byte, string, error) {
	return nil, "", nil
}

func start(t *testing.T) *server {
	t.Helper()
	store, log, quiet := kvtest.New(t), (*shardlog.Log)(nil), slog.New(slog.DiscardHandler)
	log = shardlog.New(store, shardlog.Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + ln.Addr().String()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	kin, err := kinesis.New(kinesis.Options{Store: store, Log: log, Clock: clock.System(), Logger: quiet})
	check(err)
	kin.Start()
	queues, err := sqs.Open(t.Context(), sqs.Options{Store: store, Clock: clock.System(), Endpoint: url, Logger: quiet, NameReuseDelay: -1})
	check(err)
	topics, err := sns.Open(t.Context(), sns.Options{Store: store, Clock: clock.System(), Logger: quiet, Endpoint: url})
	check(err)
	var front *wire.Server
	none := func(context.Context, string, []byte) error { return nil }
	objects, err := s3.New(t.Context(), s3.Options{Store: store, Logger: quiet, Invoke: none, SendToQueue: none, Publish: none,
		Authenticate: func(r *http.Request) (context.Context, *wire.Visit, error) { return front.Authenticate(r, "s3") }})
	check(err)
	functions, err := lambda.New(lambda.Options{Store: store, Dir: t.TempDir(), Clock: clock.System(), Log: quiet, Endpoint: url, Objects: reader{objects}})
	check(err)
	tables := dynamodb.New(dynamodb.Options{Store: store, Log: log, Logger: quiet, Sink: sink{}})
	tables.Start()
	mappings := eventsource.New(eventsource.Options{Store: store, Logger: quiet, Kinesis: silent{}, DynamoDB: silent{}, Invoker: names{functions}})
	groups := logs.New(logs.Options{Store: store, Clock: clock.System(), Logger: quiet})
	groups.Start()
	gateway := apigateway.New(apigateway.Options{Store: store, Logger: quiet, Invoker: idle{}, Endpoint: url})
	who := iam.New(iam.Options{Store: store, Clock: clock.System(), Logger: quiet})
	creds := credentials.NewStaticCredentialsProvider("test", "test", "")
	stacks := cloudformation.New(cloudformation.Options{Store: store, Clock: clock.System(), Logger: quiet, Objects: reader{objects}, Settle: time.Second,
		Engine: func(account, region string) cloudformation.Engine {
			return &deploy.Engine{Providers: resources.New(resources.Options{Endpoint: url, Region: region, Account: account, Credentials: creds})}
		}})
	fns := functions.API()
	fns.Operations = append(fns.Operations, mappings.Operations()...)
	front, err = wire.NewServer(wire.Options{Account: account, Region: region, Logger: quiet, Services: []wire.Service{
		kin.API(), queues.API(), topics.API(), fns, tables.API(), groups.API(), gateway.API(), gateway.APIv2(), who.API(), who.STS(), stacks.API(), glue.New(subjects.New(store, clock.System())).API()}})
	check(err)
	front.HandleHTTP(objects.Matches, objects.Handler())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = front.Serve(ln)
	}()
	t.Cleanup(func() {
		_ = stacks.Close()
		_ = front.Close()
		<-done
		for _, c := range []interface{ Close() error }{functions, topics, queues, objects, kin, groups} {
			_ = c.Close()
		}
		mappings.Close()
		tables.Close()
	})
	check(stacks.Start(t.Context()))
	cfg := awssdk.Config{Region: region, Credentials: creds, HTTPClient: sdkhttp.Client(), BaseEndpoint: &url}
	return &server{url, &local.Deployer{Stacks: sdk.NewFromConfig(cfg), Objects: s3sdk.NewFromConfig(cfg, func(o *s3sdk.Options) { o.UsePathStyle = true }), Endpoint: url, Region: region}, cfg}
}

// up deploys a path and returns the stack's outputs.
func (s *server) up(t *testing.T, path string, o local.Options) map[string]string {
	t.Helper()
	o.Region, o.Account = region, account
	o.Providers = resources.New(resources.Options{Endpoint: s.url, Region: region, Account: account})
	p, err := local.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.deployer.Plan(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	st, err := s.deployer.Carry(t.Context(), plan, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, x := range st.Outputs {
		out[*x.OutputKey] = *x.OutputValue
	}
	return out
}
