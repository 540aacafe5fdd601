package consumer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Table is the part of *dynamodb.Client that a projection needs.
type Table interface {
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
}

// The attributes by which a projection knows what it has applied.
const (
	ShardAttribute    = "_shard"
	SequenceAttribute = "_sequence"
	// sequenceDigits is wider than any sequence number of Kinesis in use (56 digits), so that padded ones
	// sort as numbers do.
	sequenceDigits = 64
)

// Project saves every value as an item, optimised for reading: item makes it of
// the value, nil marshals the value itself by its dynamodbav tags.
//
//	lambda.Start(consumer.Kinesis(payments, consumer.Project[Payment](client, "payments", nil)))
//
// Records are delivered at least once, and after a failure old ones again; the
// item is nevertheless written as if each came once and in order: a write is
// conditional on the shard and sequence number that the item carries, and one
// that was applied before changes nothing. For that the stream's partition key
// must be the item's key, or determined by it.
func Project[T any](client Table, table string, item func(T) (map[string]types.AttributeValue, error)) func(context.Context, Record[T]) error {
	if item == nil {
		item = func(v T) (map[string]types.AttributeValue, error) { return attributevalue.MarshalMap(v) }
	}
	return func(ctx context.Context, r Record[T]) error {
		attributes, err := item(r.Value)
		if err != nil {
			return err
		}
		sequence := position(r.SequenceNumber, r.SubSequence)
		attributes[ShardAttribute] = &types.AttributeValueMemberS{Value: r.ShardID}
		attributes[SequenceAttribute] = &types.AttributeValueMemberS{Value: sequence}
		_, err = client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: &table, Item: attributes,
			ConditionExpression:      aws.String("attribute_not_exists(#q) OR #s <> :s OR #q < :q"),
			ExpressionAttributeNames: map[string]string{"#s": ShardAttribute, "#q": SequenceAttribute},
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":s": attributes[ShardAttribute], ":q": attributes[SequenceAttribute],
			},
		})
		var applied *types.ConditionalCheckFailedException
		if errors.As(err, &applied) {
			return nil
		}
		return err
	}
}

// position is a sequence number as a text that sorts as the number does, with
// the place inside an aggregated record behind it.
func position(sequence string, sub int) string {
	return strings.Repeat("0", max(0, sequenceDigits-len(sequence))) + sequence + fmt.Sprintf(".%06d", sub)
}
