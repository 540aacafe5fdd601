package dynamodb

import (
	"bytes"
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// GetItemInput is the request of GetItem.
type GetItemInput struct {
	TableName                *string
	Key                      attr.Item
	AttributesToGet          []string
	ConsistentRead           *bool
	ProjectionExpression     *string
	ExpressionAttributeNames map[string]string
	ReturnConsumedCapacity   string
}

// GetItemOutput is the answer of GetItem.
type GetItemOutput struct {
	Item             *document
	ConsumedCapacity *types.ConsumedCapacity
}

// GetItem reads one item, or the parts of it that a projection names.
//
// Limits: expression 4 KB.
// Errors: ProvisionedThroughputExceededException, ResourceNotFoundException, ValidationException.
// Differs: every read is consistent; an eventually consistent one is charged half, as on AWS.
func (s *Service) GetItem(ctx context.Context, in *GetItemInput) (*GetItemOutput, error) {
	var p problems
	if err := p.tableName(in.TableName); err != nil {
		return nil, err
	}
	if in.Key == nil {
		p.add("null", "key", mustNotBeNull)
	}
	p.enum(in.ReturnConsumedCapacity, "returnConsumedCapacity", consumedSet)
	p.attributesToGet("attributesToGet", in.AttributesToGet)
	if err := p.err(); err != nil {
		return nil, err
	}
	key, err := reads.item(in.Key)
	if err != nil {
		return nil, err
	}
	proj, err := reads.projection(projectionInput{in.AttributesToGet, in.ProjectionExpression, in.ExpressionAttributeNames})
	if err != nil {
		return nil, err
	}
	out := &GetItemOutput{}
	ref := refOf(aws.RequestFrom(ctx), *in.TableName)
	err = s.store.View(ctx, func(r kv.Reader) error {
		t, err := s.tableAt(r, ref.key())
		if err != nil {
			return err
		}
		if t == nil {
			return notFound()
		}
		pk, err := t.lookupKey(key)
		if err != nil {
			return err
		}
		if err := s.meters.admitRead(s, target{t: t}); err != nil {
			return err
		}
		doc, size, err := s.read(r, t, pk, proj)
		if err != nil {
			return err
		}
		var u usage
		u.read(t, baseIndex, readUnits(size, in.ConsistentRead != nil && *in.ConsistentRead))
		s.meters.spent(s, &u)
		out.Item, out.ConsumedCapacity = doc, u.one(t, in.ReturnConsumedCapacity)
		return nil
	})
	if err != nil {
		return nil, storage(err)
	}
	return out, nil
}

// read gives one item, as stored or projected, and its size; nil if it does not exist.
func (s *Service) read(r kv.Reader, t *Table, pk primary, proj *expr.Projection) (*document, int, error) {
	b, ok, err := r.Get(t.itemKey(pk))
	if err != nil || !ok {
		return nil, 0, err
	}
	rec, err := splitRecord(b)
	if err != nil {
		return nil, 0, err
	}
	if proj == nil {
		return &document{stored: bytes.Clone(rec.item)}, rec.size, nil
	}
	it, err := attr.ParseItem(rec.item)
	if err != nil {
		return nil, 0, err
	}
	return &document{item: proj.Apply(it)}, rec.size, nil
}

// projectionInput is a projection in both of its forms.
type projectionInput struct {
	attributes []string
	text       *string
	names      map[string]string
}

// projection checks and parses the projection of a request that has no other expression.
func (pr profile) projection(in projectionInput) (*expr.Projection, error) {
	legacy := flags(nil).with("AttributesToGet", in.attributes != nil)
	if err := pr.exclusive(legacy, flags(nil).with("ProjectionExpression", in.text != nil)); err != nil {
		return nil, err
	}
	params, err := pr.params(in.names, nil, in.text != nil)
	if err != nil {
		return nil, err
	}
	proj, err := pr.projectionWith(params, in)
	if err != nil {
		return nil, err
	}
	if err := params.CheckUnused(); err != nil {
		return nil, pr.fail(err)
	}
	return proj, nil
}

func (pr profile) projectionWith(params *expr.Params, in projectionInput) (*expr.Projection, error) {
	if in.text != nil {
		proj, err := params.ParseProjection(*in.text)
		if err != nil {
			return nil, pr.fail(err)
		}
		return proj, nil
	}
	if in.attributes == nil {
		return nil, nil
	}
	seen := map[string]bool{}
	paths := make([]expr.Path, len(in.attributes))
	for i, a := range in.attributes {
		if seen[a] {
			return nil, invalidParam("Duplicate value in AttributesToGet: %s", a)
		}
		seen[a] = true
		paths[i] = expr.TopLevel(a)
	}
	return expr.NewProjection(paths), nil
}
