package dynamodb

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/kv"
)

// DeleteTable removes a table with its indexes at once, however large it is. Its
// change stream stays readable for a day.
//
// Errors: ResourceNotFoundException, ValidationException.
// Differs: the answer says DELETING as on AWS, but the table is gone when next described.
func (s *Service) DeleteTable(ctx context.Context, in *dynamodb.DeleteTableInput) (*dynamodb.DeleteTableOutput, error) {
	ref, err := controlRef(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	var d *types.TableDescription
	_, err = s.update(ctx, func(tx kv.Txn, fx *effects) error {
		t, err := s.tableAt(tx, ref.key())
		if err != nil {
			return err
		}
		if t == nil {
			return tableNotFound(ref.name)
		}
		if t.Protected {
			return validation("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
		}
		if d, err = s.describe(tx, t); err != nil {
			return err
		}
		return s.dropTable(tx, t.clone(), fx)
	})
	if err != nil {
		return nil, err
	}
	d.TableStatus = types.TableStatusDeleting
	d.AttributeDefinitions, d.KeySchema, d.GlobalSecondaryIndexes, d.LocalSecondaryIndexes, d.CreationDateTime = nil, nil, nil, nil, nil
	return &dynamodb.DeleteTableOutput{TableDescription: d}, nil
}

func (s *Service) dropTable(tx kv.Txn, t *Table, fx *effects) error {
	if t.Stream != nil && t.Stream.Enabled {
		if err := s.closeStream(tx, t, fx); err != nil {
			return err
		}
	}
	for i := range t.Kinesis {
		if err := s.closeDestination(tx, t, &t.Kinesis[i]); err != nil {
			return err
		}
	}
	for _, prefix := range [][]byte{
		kv.Key(kv.SpaceDynamoDBItems, t.ID), kv.Key(kv.SpaceDynamoDB, "c", t.ID), kv.Key(kv.SpaceDynamoDB, "z", t.ID), kv.Key(kv.SpaceDynamoDB, "b", t.ID),
	} {
		if err := tx.DeleteRange(prefix, kv.PrefixEnd(prefix)); err != nil {
			return err
		}
	}
	return tx.Delete(tableKey(t.Account, t.Region, t.Name))
}
