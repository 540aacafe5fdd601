package dynamodb

import (
	"context"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
)

// Limits that DescribeLimits tells.
const (
	accountUnits = 80_000
	tableUnits   = 40_000
)

// DescribeLimits tells the account's and a table's largest provisioned throughput.
//
// Errors: none.
// Differs: the figures are AWS's defaults; nothing enforces the account's.
func (s *Service) DescribeLimits(context.Context, *dynamodb.DescribeLimitsInput) (*dynamodb.DescribeLimitsOutput, error) {
	return &dynamodb.DescribeLimitsOutput{
		AccountMaxReadCapacityUnits: awssdk.Int64(accountUnits), AccountMaxWriteCapacityUnits: awssdk.Int64(accountUnits),
		TableMaxReadCapacityUnits: awssdk.Int64(tableUnits), TableMaxWriteCapacityUnits: awssdk.Int64(tableUnits),
	}, nil
}

// endpointMinutes is how long an endpoint may be cached.
const endpointMinutes = 1440

// DescribeEndpoints names the endpoint that the caller already uses.
//
// Errors: none.
// Differs: the address is this server's.
func (s *Service) DescribeEndpoints(ctx context.Context, _ *dynamodb.DescribeEndpointsInput) (*dynamodb.DescribeEndpointsOutput, error) {
	req := aws.RequestFrom(ctx)
	host := req.Host
	if host == "" {
		host = "dynamodb." + req.Region + ".amazonaws.com"
	}
	return &dynamodb.DescribeEndpointsOutput{Endpoints: []types.Endpoint{{Address: &host, CachePeriodInMinutes: endpointMinutes}}}, nil
}
