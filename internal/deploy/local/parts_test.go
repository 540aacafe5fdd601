package local_test

import (
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	kin "github.com/aws/aws-sdk-go-v2/service/kinesis"
	lambdasdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/deploy/local"
)

// parts has every property that a call of its own sets, besides the one that makes the resource.
const parts = `
Resources:
  Stream: {Type: AWS::Kinesis::Stream, Properties: {Name: parts-stream, ShardCount: 1, MaxRecordSizeInKiB: 2048, DesiredShardLevelMetrics: [IncomingBytes, IteratorAgeMilliseconds]}}
  Policy:
    Type: AWS::Kinesis::ResourcePolicy
    Properties:
      ResourceArn: !GetAtt Stream.Arn
      ResourcePolicy: {Version: '2012-10-17', Statement: [{Sid: A, Effect: Allow, Principal: {AWS: '000000000000'}, Action: 'kinesis:GetRecords', Resource: !GetAtt Stream.Arn}]}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: parts-table
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
      OnDemandThroughput: {MaxReadRequestUnits: 10, MaxWriteRequestUnits: 20}
      ContributorInsightsSpecification: {Enabled: true}
      KinesisStreamSpecification: {StreamArn: !GetAtt Stream.Arn}
      ResourcePolicy: {PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: {AWS: '000000000000'}, Action: 'dynamodb:GetItem', Resource: '*'}]}}
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]}}}
  Grant: {Type: AWS::IAM::RolePolicy, Properties: {RoleName: !Ref Role, PolicyName: p, PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: ['sqs:*', 'kinesis:*'], Resource: '*'}]}}}
  Fn:
    Type: AWS::Lambda::Function
    Properties: {FunctionName: parts-fn, Runtime: python3.12, Handler: index.h, Role: !GetAtt Role.Arn, Code: {ZipFile: 'def h(e, c): return 1'}, RuntimeManagementConfig: {UpdateRuntimeOn: FunctionUpdate}}
  Version: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Fn}}
  Alias: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Fn, FunctionVersion: !GetAtt Version.Version, Name: live, ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 1}}}
  Queue: {Type: AWS::SQS::Queue}
  QueuePolicy: {Type: AWS::SQS::QueueInlinePolicy, Properties: {Queue: !Ref Queue, PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: '*', Action: 'sqs:SendMessage', Resource: !GetAtt Queue.Arn}]}}}
  Topic: {Type: AWS::SNS::Topic}
  TopicPolicy: {Type: AWS::SNS::TopicInlinePolicy, Properties: {TopicArn: !Ref Topic, PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: '*', Action: 'sns:Publish', Resource: !Ref Topic}]}}}
  FromStream:
    Type: AWS::Lambda::EventSourceMapping
    DependsOn: Grant
    Properties: {FunctionName: !Ref Fn, EventSourceArn: !GetAtt Stream.Arn, StartingPosition: LATEST, MetricsConfig: {Metrics: [EventCount]}}
Outputs: {M: {Value: !Ref FromStream}}
`

func TestPropertiesWithCallsOfTheirOwnAreSetChangedAndTakenAway(t *testing.T) {
	t.Parallel()
	s := start(t)
	out := s.up(t, folder(t, map[string]string{"template.yaml": parts}), local.Options{})
	streams, tables, fns := kin.NewFromConfig(s.cfg), ddb.NewFromConfig(s.cfg), lambdasdk.NewFromConfig(s.cfg)
	shown := func() (metrics, maxKiB int, insights ddbtypes.ContributorInsightsStatus, destination ddbtypes.DestinationStatus, provisioned, measured int) {
		t.Helper()
		st, err := streams.DescribeStreamSummary(t.Context(), &kin.DescribeStreamSummaryInput{StreamName: awssdk.String("parts-stream")})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range st.StreamDescriptionSummary.EnhancedMonitoring {
			metrics += len(m.ShardLevelMetrics)
		}
		maxKiB = int(awssdk.ToInt32(st.StreamDescriptionSummary.MaxRecordSizeInKiB))
		ci, err := tables.DescribeContributorInsights(t.Context(), &ddb.DescribeContributorInsightsInput{TableName: awssdk.String("parts-table")})
		if err != nil {
			t.Fatal(err)
		}
		kd, err := tables.DescribeKinesisStreamingDestination(t.Context(), &ddb.DescribeKinesisStreamingDestinationInput{TableName: awssdk.String("parts-table")})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range kd.KinesisDataStreamDestinations {
			destination = d.DestinationStatus
		}
		if pc, err := fns.GetProvisionedConcurrencyConfig(t.Context(), &lambdasdk.GetProvisionedConcurrencyConfigInput{FunctionName: awssdk.String("parts-fn"), Qualifier: awssdk.String("live")}); err == nil {
			provisioned = int(*pc.RequestedProvisionedConcurrentExecutions)
		}
		m, err := fns.GetEventSourceMapping(t.Context(), &lambdasdk.GetEventSourceMappingInput{UUID: awssdk.String(out["M"])})
		if err != nil {
			t.Fatal(err)
		}
		if m.MetricsConfig != nil {
			measured = len(m.MetricsConfig.Metrics)
		}
		return metrics, maxKiB, ci.ContributorInsightsStatus, destination, provisioned, measured
	}
	policies := func() (n int) {
		for _, arn := range []string{"arn:aws:dynamodb:" + region + ":" + account + ":table/parts-table"} {
			if _, err := tables.GetResourcePolicy(t.Context(), &ddb.GetResourcePolicyInput{ResourceArn: &arn}); err == nil {
				n++
			}
		}
		if p, err := streams.GetResourcePolicy(t.Context(), &kin.GetResourcePolicyInput{ResourceARN: awssdk.String("arn:aws:kinesis:" + region + ":" + account + ":stream/parts-stream")}); err == nil && strings.Contains(awssdk.ToString(p.Policy), "GetRecords") {
			n++
		}
		return n
	}
	if m, k, i, d, p, me := shown(); m != 2 || k != 2048 || i != ddbtypes.ContributorInsightsStatusEnabled || d != ddbtypes.DestinationStatusActive || p != 1 || me != 1 || policies() != 2 {
		t.Errorf("as made: %d metrics, %d KiB, insights %s, destination %s, %d provisioned, %d measured, %d policies", m, k, i, d, p, me, policies())
	}
	tb, err := tables.DescribeTable(t.Context(), &ddb.DescribeTableInput{TableName: awssdk.String("parts-table")})
	if err != nil || tb.Table.OnDemandThroughput == nil || *tb.Table.OnDemandThroughput.MaxWriteRequestUnits != 20 {
		t.Errorf("on-demand throughput %v %v", tb, err)
	}
	rm, err := fns.GetRuntimeManagementConfig(t.Context(), &lambdasdk.GetRuntimeManagementConfigInput{FunctionName: awssdk.String("parts-fn")})
	if err != nil || rm.UpdateRuntimeOn != lambdatypes.UpdateRuntimeOnFunctionUpdate {
		t.Errorf("runtime management %v %v", rm, err)
	}
	second := strings.NewReplacer(", MaxRecordSizeInKiB: 2048", "", "[IncomingBytes, IteratorAgeMilliseconds]", "[ALL]", "      ContributorInsightsSpecification: {Enabled: true}\n", "",
		"      KinesisStreamSpecification: {StreamArn: !GetAtt Stream.Arn}\n", "", ", ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 1}", "", ", MetricsConfig: {Metrics: [EventCount]}", "",
		"OnDemandThroughput: {MaxReadRequestUnits: 10, MaxWriteRequestUnits: 20}", "OnDemandThroughput: {MaxReadRequestUnits: 10, MaxWriteRequestUnits: 30}",
		"      ResourcePolicy: {PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: {AWS: '000000000000'}, Action: 'dynamodb:GetItem', Resource: '*'}]}}\n", "").Replace(parts)
	s.up(t, folder(t, map[string]string{"template.yaml": second}), local.Options{})
	if m, k, i, d, p, me := shown(); m != 7 || k != 1024 || i != ddbtypes.ContributorInsightsStatusDisabled || d != ddbtypes.DestinationStatusDisabled || p != 0 || me != 0 || policies() != 1 {
		t.Errorf("as changed: %d metrics, %d KiB, insights %s, destination %s, %d provisioned, %d measured, %d policies", m, k, i, d, p, me, policies())
	}
	if tb, err = tables.DescribeTable(t.Context(), &ddb.DescribeTableInput{TableName: awssdk.String("parts-table")}); err != nil || *tb.Table.OnDemandThroughput.MaxWriteRequestUnits != 30 {
		t.Errorf("on-demand throughput %v %v", tb, err)
	}
	if err := s.deployer.Destroy(t.Context(), "app", nil); err != nil {
		t.Error(err)
	}
}
