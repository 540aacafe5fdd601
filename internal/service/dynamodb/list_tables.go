package dynamodb

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// maxListTables is the largest page of ListTables.
const maxListTables = 100

// ListTables lists the names of the caller's tables in order.
//
// Limits: 100 names a page.
// Errors: ValidationException.
// Differs: nothing.
func (s *Service) ListTables(ctx context.Context, in *dynamodb.ListTablesInput) (*dynamodb.ListTablesOutput, error) {
	limit := maxListTables
	var p problems
	if in.Limit != nil {
		limit = int(*in.Limit)
		if limit < 1 {
			p.add(fmt.Sprintf("'%d'", limit), "limit", "Member must have value greater than or equal to 1")
		} else if limit > maxListTables {
			p.add(fmt.Sprintf("'%d'", limit), "limit", "Member must have value less than or equal to 100")
		}
	}
	after := ""
	if in.ExclusiveStartTableName != nil {
		after = *in.ExclusiveStartTableName
		p.name("exclusiveStartTableName", after, minTableName)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	req := aws.RequestFrom(ctx)
	out := &dynamodb.ListTablesOutput{TableNames: []string{}}
	err := s.store.View(ctx, func(r kv.Reader) error {
		return s.eachTable(r, req.Account(), req.Region, after, func(t *Table) error {
			if len(out.TableNames) == limit {
				last := out.TableNames[limit-1]
				out.LastEvaluatedTableName = &last
				return kv.ErrStop
			}
			out.TableNames = append(out.TableNames, t.Name)
			return nil
		})
	})
	if err != nil {
		return nil, storage(err)
	}
	return out, nil
}
