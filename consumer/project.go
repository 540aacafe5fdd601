package consumer

import (
	"context"
	"encoding/json"
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

// DeletingTable is what a projection of changes needs beside: items go when what they show goes.
type DeletingTable interface {
	Table
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
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
	item = orMarshal(item)
	return func(ctx context.Context, r Record[T]) error {
		attributes, err := item(r.Value)
		if err != nil {
			return err
		}
		attributes[ShardAttribute] = &types.AttributeValueMemberS{Value: r.ShardID}
		return put(ctx, client, table, attributes, position(r.SequenceNumber, r.SubSequence), "attribute_not_exists(#q) OR #s <> :s OR #q < :q")
	}
}

// ProjectChanges keeps another table up to date with the changes of a table: an
// item for each that is there, made of its new image by item (nil marshals it by
// its dynamodbav tags), and none for those removed. key names the attributes that
// are the key of the projected items; they must be determined by the key of the
// table that changes.
//
//	lambda.Start(consumer.DynamoDB(consumer.ProjectChanges[Customer](client, "customers-by-id", []string{"id"}, nil)))
//
// As with Project a change that was applied before changes nothing. The stream
// needs new images, and, if the key is made of other attributes than the changing
// table's key, old ones, too.
func ProjectChanges[T any](client DeletingTable, table string, key []string, item func(T) (map[string]types.AttributeValue, error)) func(context.Context, Change[T]) error {
	item = orMarshal(item)
	return func(ctx context.Context, c Change[T]) error {
		at := position(c.SequenceNumber, 0)
		if c.Type == removed {
			return remove(ctx, client, table, key, item, c, at)
		}
		if c.New == nil {
			return errors.New("consumer: the stream of the table has no new images")
		}
		attributes, err := item(*c.New)
		if err != nil {
			return err
		}
		return put(ctx, client, table, attributes, at, newer)
	}
}

// ProjectMessages saves the value of every message of a topic as an item. Topics
// deliver more than once and in any order: of the messages about one item the one
// that was published last wins, and each is applied once.
func ProjectMessages[T any](client Table, table string, item func(T) (map[string]types.AttributeValue, error)) func(context.Context, Message[T]) error {
	item = orMarshal(item)
	return func(ctx context.Context, m Message[T]) error {
		attributes, err := item(m.Value)
		if err != nil {
			return err
		}
		at := m.At.UTC().Format("2006-01-02T15:04:05.000000000Z") + "/" + m.MessageID
		return put(ctx, client, table, attributes, at, newer)
	}
}

// removed is the type of a change after which the item is gone.
const removed = "REMOVE"

// newer holds where a change that is newer than what an item shows, or the first.
const newer = "attribute_not_exists(#q) OR #q < :q"

func orMarshal[T any](item func(T) (map[string]types.AttributeValue, error)) func(T) (map[string]types.AttributeValue, error) {
	if item != nil {
		return item
	}
	return func(v T) (map[string]types.AttributeValue, error) { return attributevalue.MarshalMap(v) }
}

// put writes an item under a condition on what it shows already; if that is newer, or the very same, nothing changes.
func put(ctx context.Context, client Table, table string, attributes map[string]types.AttributeValue, at, condition string) error {
	attributes[SequenceAttribute] = &types.AttributeValueMemberS{Value: at}
	in := &dynamodb.PutItemInput{
		TableName: &table, Item: attributes, ConditionExpression: &condition,
		ExpressionAttributeNames:  map[string]string{"#q": SequenceAttribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{":q": attributes[SequenceAttribute]},
	}
	if shard := attributes[ShardAttribute]; shard != nil {
		in.ExpressionAttributeNames["#s"], in.ExpressionAttributeValues[":s"] = ShardAttribute, shard
	}
	_, err := client.PutItem(ctx, in)
	return unlessApplied(err)
}

// remove deletes the projected item of a removed one.
func remove[T any](ctx context.Context, client DeletingTable, table string, key []string, item func(T) (map[string]types.AttributeValue, error), c Change[T], at string) error {
	var old map[string]types.AttributeValue
	if c.Old != nil {
		var err error
		if old, err = item(*c.Old); err != nil {
			return err
		}
	} else {
		text, err := json.Marshal(c.Keys)
		if err != nil {
			return err
		}
		if old, err = attributevalue.UnmarshalMapJSON(text); err != nil {
			return err
		}
	}
	in := &dynamodb.DeleteItemInput{
		TableName: &table, Key: map[string]types.AttributeValue{}, ConditionExpression: aws.String(newer),
		ExpressionAttributeNames:  map[string]string{"#q": SequenceAttribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{":q": &types.AttributeValueMemberS{Value: at}},
	}
	for _, name := range key {
		if old[name] == nil {
			return fmt.Errorf("consumer: the removed item has no attribute %q, which is the projection's key", name)
		}
		in.Key[name] = old[name]
	}
	_, err := client.DeleteItem(ctx, in)
	return unlessApplied(err)
}

func unlessApplied(err error) error {
	var applied *types.ConditionalCheckFailedException
	if errors.As(err, &applied) {
		return nil
	}
	return err
}

// position is a sequence number as a text that sorts as the number does, with
// the place inside an aggregated record behind it.
func position(sequence string, sub int) string {
	return strings.Repeat("0", max(0, sequenceDigits-len(sequence))) + sequence + fmt.Sprintf(".%06d", sub)
}
