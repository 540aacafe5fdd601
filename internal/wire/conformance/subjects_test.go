package conformance_test

import (
	"bytes"
	"net/http"
	"reflect"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwschemas "github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbschemas "github.com/aws/aws-sdk-go-v2/service/dynamodb/schemas"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesisschemas "github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqsschemas "github.com/aws/aws-sdk-go-v2/service/sqs/schemas"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"
	"github.com/aws/smithy-go/transport/http/protocol/rpcv2"
)

var (
	key      = credentials.NewStaticCredentialsProvider("AKID", "SECRET", "")
	endpoint = awssdk.String("http://localhost:4566")
	stack    = []func(*middleware.Stack) error{stripValidation}
	once     = func() awssdk.Retryer { return awssdk.NopRetryer{} }
)

const region = "us-east-1"

var subjects = []subject{
	{id: "kinesis", module: "kinesis", client: func(h *http.Client) any {
		return kinesis.New(kinesis.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h})
	}},
	{id: "dynamodb", module: "dynamodb", client: func(h *http.Client) any {
		return dynamodb.New(dynamodb.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h})
	}},
	{id: "dynamodbstreams", module: "dynamodbstreams", client: func(h *http.Client) any {
		return dynamodbstreams.New(dynamodbstreams.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h})
	}},
	{id: "lambda", module: "lambda", client: func(h *http.Client) any {
		return lambda.New(lambda.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h})
	}},
	{id: "glue", module: "glue", client: func(h *http.Client) any {
		return glue.New(glue.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h})
	}},
	{id: "sns", module: "sns", client: func(h *http.Client) any {
		return sns.New(sns.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h})
	}},
	{id: "sqs", module: "sqs", client: func(h *http.Client) any {
		return sqs.New(sqs.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h, DisableMessageChecksumValidation: true})
	}},
	{id: "iam", module: "iam", client: func(h *http.Client) any {
		return iam.New(iam.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h})
	}},
	{id: "sts", module: "sts", client: func(h *http.Client) any {
		return sts.New(sts.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h})
	}},
	{id: "logs", module: "cloudwatchlogs", client: func(h *http.Client) any {
		return cloudwatchlogs.New(cloudwatchlogs.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h})
	}},
	{id: "cloudwatch", module: "cloudwatch", client: func(h *http.Client) any {
		return cloudwatch.New(cloudwatch.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h})
	}},
	{id: "cloudformation", module: "cloudformation", client: func(h *http.Client) any {
		return cloudformation.New(cloudformation.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h})
	}},
	{id: "apigateway", module: "apigateway", client: func(h *http.Client) any {
		return apigateway.New(apigateway.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h})
	}},
	{id: "apigatewayv2", module: "apigatewayv2", client: func(h *http.Client) any {
		return apigatewayv2.New(apigatewayv2.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h})
	}},
	{id: "kinesis", variant: " over RPC v2 CBOR", client: func(h *http.Client) any {
		return kinesis.New(kinesis.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h,
			Protocol: rpcv2.NewCBOR(kinesisschemas.Kinesis_20131202)})
	}},
	{id: "dynamodb", variant: " over RPC v2 CBOR", client: func(h *http.Client) any {
		return dynamodb.New(dynamodb.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h,
			Protocol: rpcv2.NewCBOR(ddbschemas.DynamoDB_20120810)})
	}},
	{id: "sqs", variant: " over RPC v2 CBOR", client: func(h *http.Client) any {
		return sqs.New(sqs.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h,
			DisableMessageChecksumValidation: true, Protocol: rpcv2.NewCBOR(sqsschemas.AmazonSQS)})
	}},
	{id: "cloudwatch", variant: " over JSON", client: func(h *http.Client) any {
		return cloudwatch.New(cloudwatch.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h,
			Protocol: awsjson.New10(cwschemas.GraniteServiceVersion20100801)})
	}},
	{id: "cloudwatch", variant: " over query", client: func(h *http.Client) any {
		return cloudwatch.New(cloudwatch.Options{Region: region, BaseEndpoint: endpoint, Credentials: key, APIOptions: stack, Retryer: once(), HTTPClient: h,
			Protocol: awsquery.New(cwschemas.GraniteServiceVersion20100801)})
	}},
}

// noSnapshots and noResponses are the services whose modules ship none.
var (
	noSnapshots = []string{"apigateway", "apigatewayv2"}
	noResponses = []string{"apigateway", "apigatewayv2", "cloudformation", "iam", "sns", "sts"}
	// wordless are errors whose shapes have no message.
	wordless = []string{"InvalidIdFormat", "MessageNotInflight"}
	// untyped are errors that the SDK leaves generic.
	untyped = []string{"RuntimeAliasDeletedException", "RuntimeVersionDeletedException"}
)

// unionCases lists the member structs of an SDK union.
func unionCases(t reflect.Type) []reflect.Type {
	switch t {
	case reflect.TypeFor[ddbtypes.AttributeValue]():
		return structs(ddbtypes.AttributeValueMemberS{}, ddbtypes.AttributeValueMemberN{}, ddbtypes.AttributeValueMemberB{}, ddbtypes.AttributeValueMemberBOOL{},
			ddbtypes.AttributeValueMemberNULL{}, ddbtypes.AttributeValueMemberL{}, ddbtypes.AttributeValueMemberM{}, ddbtypes.AttributeValueMemberSS{},
			ddbtypes.AttributeValueMemberNS{}, ddbtypes.AttributeValueMemberBS{})
	case reflect.TypeFor[streamtypes.AttributeValue]():
		return structs(streamtypes.AttributeValueMemberS{}, streamtypes.AttributeValueMemberM{}, streamtypes.AttributeValueMemberL{}, streamtypes.AttributeValueMemberB{})
	case reflect.TypeFor[cwtypes.EvaluationCriteria]():
		return structs(cwtypes.EvaluationCriteriaMemberPromQLCriteria{})
	case reflect.TypeFor[cwtypes.EvaluationWindow]():
		return structs(cwtypes.EvaluationWindowMemberSlidingWindow{})
	case reflect.TypeFor[logtypes.IntegrationDetails]():
		return structs(logtypes.IntegrationDetailsMemberOpenSearchIntegrationDetails{})
	case reflect.TypeFor[logtypes.ResourceConfig]():
		return structs(logtypes.ResourceConfigMemberOpenSearchResourceConfig{})
	case reflect.TypeFor[iamtypes.PolicyIdentifier]():
		return structs(iamtypes.PolicyIdentifierMemberPolicyArn{}, iamtypes.PolicyIdentifierMemberInlinePolicyIdentifier{}, iamtypes.PolicyIdentifierMemberPolicyType{})
	}
	return nil
}

func structs(vs ...any) []reflect.Type {
	var out []reflect.Type
	for _, v := range vs {
		out = append(out, reflect.TypeOf(v))
	}
	return out
}

// adjust makes the generic fill legal where a client or HTTP demands it.
func adjust(v any) {
	switch x := v.(type) {
	case *lambda.InvokeAsyncInput:
		x.InvokeArgs = bytes.NewReader([]byte("args"))
	case *apigateway.GetExportInput:
		x.Accepts = awssdk.String("application/json") // the client sends nothing else
	}
	if f := reflect.ValueOf(v).Elem().FieldByName("StatusCode"); f.IsValid() && f.CanInt() {
		f.SetInt(http.StatusOK)
	}
	if f := reflect.ValueOf(v).Elem().FieldByName("Status"); f.IsValid() && f.CanInt() {
		f.SetInt(http.StatusAccepted)
	}
}
