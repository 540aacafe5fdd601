package resources

import (
	"context"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/sdkhttp"
)

// Options say where the services are.
type Options struct {
	// Endpoint is the base URL of all services; empty for AWS itself.
	Endpoint string
	Region   string
	// Account is put into ARNs that no API returns.
	Account     string
	Credentials aws.CredentialsProvider
	// HTTP is the client that requests go through; nil is one that all registries share.
	HTTP aws.HTTPClient
}

// maxIdle is how many connections are kept open for the next call.
const maxIdle = 64

// sharedHTTP is the client of all registries that name none: connections are kept
// open between deploys.
var sharedHTTP = sync.OnceValue(func() aws.HTTPClient {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = maxIdle, maxIdle
	return sdkhttp.Over(&http.Client{Transport: t})
})

// clients are the SDK's clients that resource types call.
type clients struct {
	o       Options
	kinesis *kinesis.Client
	dynamo  *dynamodb.Client
	lambda  *lambda.Client
	sns     *sns.Client
	sqs     *sqs.Client
	s3      *s3.Client
	iam     *iam.Client
	logs    *cloudwatchlogs.Client
	rest    *apigateway.Client
	http    *apigatewayv2.Client
	glue    *glue.Client
}

// New returns the providers of all resource types, speaking to one endpoint.
func New(o Options) deploy.Registry {
	if o.HTTP == nil {
		o.HTTP = sharedHTTP()
	}
	cfg := aws.Config{Region: o.Region, Credentials: o.Credentials, HTTPClient: o.HTTP}
	if o.Endpoint != "" {
		cfg.BaseEndpoint = aws.String(o.Endpoint)
	}
	c := &clients{
		o: o, kinesis: kinesis.NewFromConfig(cfg), dynamo: dynamodb.NewFromConfig(cfg), lambda: lambda.NewFromConfig(cfg),
		sns: sns.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg), logs: cloudwatchlogs.NewFromConfig(cfg),
		rest: apigateway.NewFromConfig(cfg), http: apigatewayv2.NewFromConfig(cfg), glue: glue.NewFromConfig(cfg),
		s3: s3.NewFromConfig(cfg, func(so *s3.Options) { so.UsePathStyle = true }),
	}
	return c.registry()
}

// registry joins the calls with their schemas. A schema without calls, or calls
// without a schema, is a mistake in this package.
func (c *clients) registry() deploy.Registry {
	all := schemas()
	out := deploy.Registry{}
	for _, part := range []map[string]*kind{c.streams(), c.tables(), c.topics(), c.queues(), c.buckets(), c.identities(), c.functions(),
		c.functionParts(), c.logGroups(), c.restAPIs(), c.restParts(), c.httpAPIs(), c.registries(), c.markers()} {
		for typ, k := range part {
			k.schema = all[typ]
			if k.schema == nil {
				panic("resources: types.txt has no " + typ)
			}
			out[typ] = k
		}
	}
	all["AWS::SQS::Queue"].NameSuffix = fifoSuffix("FifoQueue")
	all["AWS::SNS::Topic"].NameSuffix = fifoSuffix("FifoTopic")
	all["AWS::S3::Bucket"].LowerName = true
	for typ := range all {
		if out[typ] == nil {
			panic("resources: no calls for " + typ)
		}
	}
	return out
}

// markers are types that exist in the stack alone.
func (c *clients) markers() map[string]*kind {
	handle := func(_ context.Context, r *deploy.Request) (deploy.State, error) {
		return deploy.State{PhysicalID: "https://cloudformation-waitcondition-" + c.o.Region + ".s3.amazonaws.com/" + r.StackName + "/" + r.LogicalID}, nil
	}
	note := func(_ context.Context, r *deploy.Request) (deploy.State, error) {
		return deploy.State{PhysicalID: stableID(r)}, nil
	}
	nothing := func(context.Context, *deploy.Request) error { return nil }
	return map[string]*kind{
		"AWS::CloudFormation::WaitConditionHandle": {create: handle, update: handle, read: handle, remove: nothing},
		"AWS::CDK::Metadata":                       {create: note, update: note, read: note, remove: nothing}, // what CDK counts; it makes nothing on AWS either
	}
}
