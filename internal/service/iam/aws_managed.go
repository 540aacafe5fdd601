package iam

import (
	"strings"
	"time"
)

// awsManagedCreated stands for the unknown dates of AWS's own policies.
var awsManagedCreated = time.Date(2015, time.February, 6, 18, 39, 46, 0, time.UTC)

// allow makes a document that allows the actions on everything.
func allow(actions ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}]}`
}

var logActions = []string{"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}

func withLogs(actions ...string) string { return allow(append(actions, logActions...)...) }

// awsManagedDocuments are AWS's own managed policies for the services here, by
// path and name ("AWS managed policy reference").
var awsManagedDocuments = map[string]string{
	"/AdministratorAccess": allow("*"),
	"/PowerUserAccess":     `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"}]}`,
	"/ReadOnlyAccess": allow("kinesis:Get*", "kinesis:List*", "kinesis:Describe*", "kinesis:SubscribeToShard", "dynamodb:BatchGet*", "dynamodb:Describe*", "dynamodb:Get*", "dynamodb:List*",
		"dynamodb:PartiQLSelect", "dynamodb:Query", "dynamodb:Scan", "sns:Get*", "sns:List*", "sqs:Get*", "sqs:List*", "sqs:Receive*", "s3:Get*", "s3:List*", "lambda:Get*", "lambda:List*",
		"glue:Get*", "glue:List*", "logs:Get*", "logs:Describe*", "logs:FilterLogEvents", "cloudwatch:Get*", "cloudwatch:List*", "iam:Get*", "iam:List*", "cloudformation:Describe*", "cloudformation:Get*", "cloudformation:List*", "apigateway:GET"),
	"/service-role/AWSLambdaBasicExecutionRole":          allow(logActions...),
	"/service-role/AWSLambdaKinesisExecutionRole":        withLogs("kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:ListStreams", "kinesis:SubscribeToShard"),
	"/service-role/AWSLambdaDynamoDBExecutionRole":       withLogs("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"),
	"/service-role/AWSLambdaSQSQueueExecutionRole":       withLogs("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
	"/service-role/AWSLambdaRole":                        allow("lambda:InvokeFunction"),
	"/service-role/AWSLambdaVPCAccessExecutionRole":      withLogs("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
	"/service-role/AmazonAPIGatewayPushToCloudWatchLogs": withLogs("logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:FilterLogEvents"),
	"/AWSLambda_FullAccess":                              withLogs("lambda:*", "cloudformation:DescribeStacks", "cloudformation:ListStackResources", "cloudwatch:ListMetrics", "cloudwatch:GetMetricData", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "iam:ListRoles", "iam:PassRole"),
	"/AWSLambda_ReadOnlyAccess":                          allow("lambda:Get*", "lambda:List*", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:FilterLogEvents"),
	"/AWSLambdaExecute":                                  allow("logs:*", "s3:GetObject", "s3:PutObject"),
	"/AWSLambdaInvocation-DynamoDB":                      allow("lambda:InvokeFunction", "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"),
	"/AWSXRayDaemonWriteAccess":                          allow("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:GetSamplingStatisticSummaries"),
	"/AmazonKinesisFullAccess":                           allow("kinesis:*"),
	"/AmazonKinesisReadOnlyAccess":                       allow("kinesis:Get*", "kinesis:List*", "kinesis:Describe*"),
	"/AmazonDynamoDBFullAccess":                          allow("dynamodb:*", "kinesis:ListStreams", "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:ListEventSourceMappings", "lambda:ListFunctions"),
	"/AmazonDynamoDBFullAccess_v2":                       allow("dynamodb:*", "kinesis:ListStreams", "kinesis:DescribeStream", "kinesis:DescribeStreamSummary"),
	"/AmazonDynamoDBReadOnlyAccess":                      allow("dynamodb:BatchGetItem", "dynamodb:Describe*", "dynamodb:List*", "dynamodb:GetItem", "dynamodb:GetResourcePolicy", "dynamodb:Query", "dynamodb:Scan", "dynamodb:PartiQLSelect"),
	"/AmazonSNSFullAccess":                               allow("sns:*"),
	"/AmazonSNSReadOnlyAccess":                           allow("sns:GetTopicAttributes", "sns:List*", "sns:GetSubscriptionAttributes"),
	"/AmazonSQSFullAccess":                               allow("sqs:*"),
	"/AmazonSQSReadOnlyAccess":                           allow("sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListDeadLetterSourceQueues", "sqs:ListQueues", "sqs:ListMessageMoveTasks", "sqs:ListQueueTags"),
	"/AmazonS3FullAccess":                                allow("s3:*", "s3-object-lambda:*"),
	"/AmazonS3ReadOnlyAccess":                            allow("s3:Get*", "s3:List*", "s3:Describe*"),
	"/CloudWatchLogsFullAccess":                          allow("logs:*", "cloudwatch:GenerateQuery"),
	"/CloudWatchFullAccess":                              allow("cloudwatch:*", "logs:*", "sns:*"),
	"/CloudWatchReadOnlyAccess":                          allow("cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*", "logs:Get*", "logs:Describe*", "logs:FilterLogEvents"),
	"/AWSGlueSchemaRegistryFullAccess": allow("glue:CreateRegistry", "glue:UpdateRegistry", "glue:DeleteRegistry", "glue:GetRegistry", "glue:ListRegistries", "glue:CreateSchema", "glue:UpdateSchema", "glue:DeleteSchema",
		"glue:GetSchema", "glue:ListSchemas", "glue:RegisterSchemaVersion", "glue:DeleteSchemaVersions", "glue:GetSchemaByDefinition", "glue:GetSchemaVersion", "glue:GetSchemaVersionsDiff", "glue:ListSchemaVersions",
		"glue:CheckSchemaVersionValidity", "glue:PutSchemaVersionMetadata", "glue:RemoveSchemaVersionMetadata", "glue:QuerySchemaVersionMetadata", "glue:GetTags", "glue:TagResource", "glue:UnTagResource"),
	"/AWSGlueSchemaRegistryReadonlyAccess": allow("glue:GetRegistry", "glue:ListRegistries", "glue:GetSchema", "glue:ListSchemas", "glue:GetSchemaByDefinition", "glue:GetSchemaVersion", "glue:ListSchemaVersions",
		"glue:GetSchemaVersionsDiff", "glue:CheckSchemaVersionValidity", "glue:QuerySchemaVersionMetadata", "glue:GetTags"),
	"/AmazonAPIGatewayInvokeFullAccess": allow("execute-api:Invoke", "execute-api:ManageConnections"),
	"/AmazonAPIGatewayAdministrator":    allow("apigateway:*"),
	"/AWSCloudFormationFullAccess":      allow("cloudformation:*"),
}

const awsManagedPrefix = ":iam::aws:policy"

// awsManaged finds one of AWS's own policies; its ARN keeps the partition it was asked with.
func awsManaged(arn string) (*managed, bool) {
	partition, name, ok := strings.Cut(strings.TrimPrefix(arn, "arn:"), awsManagedPrefix)
	doc, known := awsManagedDocuments[name]
	if !ok || !known || !strings.HasPrefix(arn, "arn:") || strings.Contains(partition, ":") {
		return nil, false
	}
	return awsManagedRecord(arn, name, doc), true
}

func awsManagedRecord(arn, name, doc string) *managed {
	i := strings.LastIndexByte(name, '/')
	base := name[i+1:]
	id := strings.ToUpper(strings.ReplaceAll(base, "_", ""))
	const idLength = 17
	return &managed{
		Name: base, Path: name[:i+1], ARN: arn, ID: "ANPA" + (id + strings.Repeat("X", idLength))[:idLength],
		Created: awsManagedCreated, Updated: awsManagedCreated, Default: 1, Last: 1,
		Versions: map[int]policyVersion{1: {doc, awsManagedCreated}},
	}
}

func allAWSManaged() []*managed {
	out := make([]*managed, 0, len(awsManagedDocuments))
	for name, doc := range awsManagedDocuments {
		out = append(out, awsManagedRecord("arn:aws"+awsManagedPrefix+name, name, doc))
	}
	return out
}
