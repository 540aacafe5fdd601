package dynamodb

import "github.com/leatdev/leat/internal/wire"

// API is DynamoDB. Its members are checked here and not by the front door: the
// order and the words of its refusals are part of what SDK users rely on.
func (s *Service) API() wire.Service {
	return wire.Service{Model: "dynamodb", NoConstraints: true, Operations: []wire.Operation{
		wire.Op("PutItem", s.PutItem),
		wire.Op("GetItem", s.GetItem),
		wire.Op("UpdateItem", s.UpdateItem),
		wire.Op("DeleteItem", s.DeleteItem),
		wire.Op("Query", s.Query),
		wire.Op("Scan", s.Scan),
		wire.Op("BatchGetItem", s.BatchGetItem),
		wire.Op("BatchWriteItem", s.BatchWriteItem),
		wire.Op("TransactGetItems", s.TransactGetItems),
		wire.Op("TransactWriteItems", s.TransactWriteItems),
		wire.Op("ExecuteStatement", s.ExecuteStatement),
		wire.Op("BatchExecuteStatement", s.BatchExecuteStatement),
		wire.Op("ExecuteTransaction", s.ExecuteTransaction),
		wire.Op("CreateTable", s.CreateTable),
		wire.Op("DeleteTable", s.DeleteTable),
		wire.Op("DescribeTable", s.DescribeTable),
		wire.Op("ListTables", s.ListTables),
		wire.Op("UpdateTable", s.UpdateTable),
		wire.Op("UpdateTimeToLive", s.UpdateTimeToLive),
		wire.Op("DescribeTimeToLive", s.DescribeTimeToLive),
		wire.Op("DescribeLimits", s.DescribeLimits),
		wire.Op("DescribeEndpoints", s.DescribeEndpoints),
		wire.Op("TagResource", s.TagResource),
		wire.Op("UntagResource", s.UntagResource),
		wire.Op("ListTagsOfResource", s.ListTagsOfResource),
		wire.Op("PutResourcePolicy", s.PutResourcePolicy),
		wire.Op("GetResourcePolicy", s.GetResourcePolicy),
		wire.Op("DeleteResourcePolicy", s.DeleteResourcePolicy),
		wire.Op("UpdateContinuousBackups", s.UpdateContinuousBackups),
		wire.Op("DescribeContinuousBackups", s.DescribeContinuousBackups),
		wire.Op("UpdateContributorInsights", s.UpdateContributorInsights),
		wire.Op("DescribeContributorInsights", s.DescribeContributorInsights),
		wire.Op("ListContributorInsights", s.ListContributorInsights),
		wire.Op("EnableKinesisStreamingDestination", s.EnableKinesisStreamingDestination),
		wire.Op("DisableKinesisStreamingDestination", s.DisableKinesisStreamingDestination),
		wire.Op("UpdateKinesisStreamingDestination", s.UpdateKinesisStreamingDestination),
		wire.Op("DescribeKinesisStreamingDestination", s.DescribeKinesisStreamingDestination),
	}}
}

// StreamsAPI is DynamoDB Streams.
func (s *Service) StreamsAPI() wire.Service {
	return wire.Service{Model: "dynamodbstreams", Operations: []wire.Operation{
		wire.Op("ListStreams", s.ListStreams),
		wire.Op("DescribeStream", s.DescribeStream),
		wire.Op("GetShardIterator", s.GetShardIterator),
		wire.Op("GetRecords", s.GetRecords),
	}}
}
