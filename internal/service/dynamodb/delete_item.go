package dynamodb

import (
	"context"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// DeleteItemInput is the request of DeleteItem.
type DeleteItemInput struct {
	TableName                           *string
	Key                                 attr.Item
	Expected                            map[string]legacyCond
	ConditionalOperator                 string
	ConditionExpression                 *string
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           attr.Item
	ReturnValues                        string
	ReturnConsumedCapacity              string
	ReturnItemCollectionMetrics         string
	ReturnValuesOnConditionCheckFailure string
}

// DeleteItem removes an item, if the condition holds; removing an absent one succeeds.
// A condition that does not hold is charged for the item it met, as on AWS.
//
// Limits: expression 4 KB and 300 operators.
// Errors: ConditionalCheckFailedException, ProvisionedThroughputExceededException, ResourceNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) DeleteItem(ctx context.Context, in *DeleteItemInput) (*WriteOutput, error) {
	ret := returning{in.ReturnValues, in.ReturnConsumedCapacity, in.ReturnItemCollectionMetrics, in.ReturnValuesOnConditionCheckFailure}
	var p problems
	if err := p.tableName(in.TableName); err != nil {
		return nil, err
	}
	if in.Key == nil {
		p.add("null", "key", mustNotBeNull)
	}
	ret.check(&p)
	if err := p.err(); err != nil {
		return nil, err
	}
	key, err := single.item(in.Key)
	if err != nil {
		return nil, err
	}
	if in.ReturnValues != "" && in.ReturnValues != "ALL_OLD" && in.ReturnValues != "NONE" {
		return nil, single.fail(attr.Refusal("ReturnValues can only be ALL_OLD or NONE"))
	}
	cond, err := single.condition(conditionInput{
		in.Expected, in.ConditionalOperator, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues,
	})
	if err != nil {
		return nil, err
	}
	return s.writeOne(ctx, &write{ref: refOf(aws.RequestFrom(ctx), *in.TableName), cond: cond, ret: ret, key: key})
}
