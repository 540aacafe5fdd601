package dynamodb

import (
	"context"
	"fmt"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// ScanInput is the request of Scan.
type ScanInput struct {
	TableName                 *string
	IndexName                 *string
	AttributesToGet           []string
	Limit                     *int32
	Select                    string
	ScanFilter                map[string]legacyCond
	ConditionalOperator       string
	ExclusiveStartKey         attr.Item
	ReturnConsumedCapacity    string
	TotalSegments             *int32
	Segment                   *int32
	ProjectionExpression      *string
	FilterExpression          *string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues attr.Item
	ConsistentRead            *bool
}

// Limits of a parallel scan.
const maxSegments = 1_000_000

// Scan reads a table or index in no particular order, as a whole or one segment of it.
//
// Limits: 1 MB a page, read before filtering; 1,000,000 segments; expressions 4 KB and 300 operators.
// Errors: ProvisionedThroughputExceededException, ResourceNotFoundException, ValidationException.
// Differs: every read is consistent; an eventually consistent one is charged half, as on AWS.
func (s *Service) Scan(ctx context.Context, in *ScanInput) (*PageOutput, error) {
	if err := in.members(); err != nil {
		return nil, err
	}
	q := &search{
		ref: refOf(aws.RequestFrom(ctx), *in.TableName), index: in.IndexName, sel: in.Select, consumed: in.ReturnConsumedCapacity,
		consistent: in.ConsistentRead != nil && *in.ConsistentRead,
	}
	if in.Limit != nil {
		q.limit = int(*in.Limit)
	}
	if err := in.segments(q); err != nil {
		return nil, err
	}
	if err := in.expressions(q); err != nil {
		return nil, err
	}
	return s.search(ctx, q)
}

func (in *ScanInput) members() error {
	var p problems
	if err := p.tableName(in.TableName); err != nil {
		return err
	}
	if in.Limit != nil && *in.Limit < 1 {
		p.add(fmt.Sprintf("'%d'", *in.Limit), "limit", "Member must have value greater than or equal to 1")
	}
	if in.IndexName != nil {
		p.name("indexName", *in.IndexName, minName)
	}
	p.attributesToGet("attributesToGet", in.AttributesToGet)
	p.enum(in.ReturnConsumedCapacity, "returnConsumedCapacity", consumedSet)
	p.enum(in.Select, "select", selectSet)
	p.enum(in.ConditionalOperator, "conditionalOperator", []string{"OR", "AND"})
	p.between(in.TotalSegments, "totalSegments", 1, maxSegments)
	p.between(in.Segment, "segment", 0, maxSegments-1)
	return p.err()
}

// between checks the range of a number; an absent one is no problem.
func (p *problems) between(v *int32, member string, least, most int32) {
	switch {
	case v == nil:
	case *v < least:
		p.add(fmt.Sprintf("'%d'", *v), member, fmt.Sprintf("Member must have value greater than or equal to %d", least))
	case *v > most:
		p.add(fmt.Sprintf("'%d'", *v), member, fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
}

func (in *ScanInput) segments(q *search) error {
	switch {
	case in.Segment == nil && in.TotalSegments == nil:
		return nil
	case in.TotalSegments == nil:
		return validation("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case in.Segment == nil:
		return validation("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case *in.Segment >= *in.TotalSegments:
		return validation("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d", *in.Segment, *in.TotalSegments)
	}
	q.segment, q.segments = int(*in.Segment), int(*in.TotalSegments)
	return nil
}

func (in *ScanInput) expressions(q *search) (err error) {
	legacy := flags(nil).with("AttributesToGet", in.AttributesToGet != nil).with("ScanFilter", in.ScanFilter != nil).
		with("ConditionalOperator", in.ConditionalOperator != "")
	exprs := flags(nil).with("ProjectionExpression", in.ProjectionExpression != nil).with("FilterExpression", in.FilterExpression != nil)
	if err := older.exclusive(legacy, exprs); err != nil {
		return err
	}
	if in.ExclusiveStartKey != nil {
		if q.start, err = older.item(in.ExclusiveStartKey); err != nil {
			return err
		}
	}
	params, err := older.params(in.ExpressionAttributeNames, in.ExpressionAttributeValues, len(exprs) > 0)
	if err != nil {
		return err
	}
	return q.rest(older, params, restInput{
		"scanFilter", in.ScanFilter, in.ConditionalOperator, in.FilterExpression, in.AttributesToGet, in.ProjectionExpression,
	})
}
