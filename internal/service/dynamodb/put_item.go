package dynamodb

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// PutItemInput is the request of PutItem.
type PutItemInput struct {
	TableName                           *string
	Item                                attr.Item
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

// WriteOutput is the answer of PutItem, UpdateItem and DeleteItem.
type WriteOutput struct {
	Attributes            attr.Item
	ConsumedCapacity      *types.ConsumedCapacity
	ItemCollectionMetrics *ItemCollectionMetrics
}

// returning is what a single write was asked to answer with.
type returning struct {
	values, consumed, collection, onFailure string
}

func (r returning) check(p *problems) {
	p.enum(r.consumed, "returnConsumedCapacity", consumedSet)
	p.returnValues(r.values)
	p.enum(r.collection, "returnItemCollectionMetrics", collectionSet)
	p.enum(r.onFailure, "returnValuesOnConditionCheckFailure", onFailureSet)
}

// failed is the refusal of a write whose condition does not hold.
func (r returning) failed(old attr.Item) error {
	if r.onFailure == "ALL_OLD" {
		return conditionFailed(old)
	}
	return conditionFailed(nil)
}

// PutItem creates an item or replaces it as a whole, if the condition holds.
// A condition that does not hold is charged for the item it met, as on AWS.
//
// Limits: item 400 KB, partition key 2,048 and sort key 1,024 bytes, nesting 32, expression 4 KB and 300 operators.
// Errors: ConditionalCheckFailedException, ItemCollectionSizeLimitExceededException, ProvisionedThroughputExceededException, ResourceNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) PutItem(ctx context.Context, in *PutItemInput) (*WriteOutput, error) {
	ret := returning{in.ReturnValues, in.ReturnConsumedCapacity, in.ReturnItemCollectionMetrics, in.ReturnValuesOnConditionCheckFailure}
	var p problems
	if err := p.tableName(in.TableName); err != nil {
		return nil, err
	}
	if in.Item == nil {
		p.add("null", "item", mustNotBeNull)
	}
	ret.check(&p)
	if err := p.err(); err != nil {
		return nil, err
	}
	item, err := single.item(in.Item)
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
	w := &write{ref: refOf(aws.RequestFrom(ctx), *in.TableName), cond: cond, ret: ret, put: item, encoded: encodeRecord(item)}
	return s.writeOne(ctx, w)
}

// conditionInput is the condition of a write in both of its forms.
type conditionInput struct {
	expected map[string]legacyCond
	operator string
	text     *string
	names    map[string]string
	values   attr.Item
}

// condition checks and parses the condition of PutItem and DeleteItem.
func (pr profile) condition(in conditionInput) (*expr.Condition, error) {
	legacy := flags(nil).with("Expected", in.expected != nil).with("ConditionalOperator", in.operator != "")
	if err := pr.exclusive(legacy, flags(nil).with("ConditionExpression", in.text != nil)); err != nil {
		return nil, err
	}
	if err := pr.conditionalOperator(in.operator); err != nil {
		return nil, err
	}
	params, err := pr.params(in.names, in.values, in.text != nil)
	if err != nil {
		return nil, err
	}
	cond, err := pr.conditionWith(params, in)
	if err != nil {
		return nil, err
	}
	if err := params.CheckUnused(); err != nil {
		return nil, pr.fail(err)
	}
	return cond, nil
}

func (pr profile) conditionWith(params *expr.Params, in conditionInput) (*expr.Condition, error) {
	if in.text != nil {
		c, err := params.ParseCondition(expr.ConditionExp, *in.text)
		if err != nil {
			return nil, pr.fail(err)
		}
		return c, nil
	}
	conds, err := pr.legacy("expected", in.expected)
	if err != nil {
		return nil, err
	}
	c, err := expr.LegacyFilter(conds, in.operator)
	if err != nil {
		return nil, pr.fail(err)
	}
	return c, nil
}

// write is one checked single-item write: a put, a delete (put and update nil),
// or an update.
type write struct {
	ref     ref
	cond    *expr.Condition
	ret     returning
	put     attr.Item
	encoded []byte
	key     attr.Item
	update  *expr.Update
	// fresh refuses to replace an item, existing to create one: INSERT and UPDATE of PartiQL.
	fresh, existing bool
	// into takes what the write consumed, for batches of statements.
	into *usage
	// refusal is what is wrong with an action of a transaction that cancels it, and not the request.
	refusal error
}

// writeOne runs a single write as a transaction of its own.
func (s *Service) writeOne(ctx context.Context, w *write) (*WriteOutput, error) {
	var c *change
	fx, err := s.update(ctx, func(tx kv.Txn, fx *effects) error {
		c = nil
		t, err := s.tableAt(tx, w.ref.key())
		if err != nil {
			return err
		}
		if t == nil {
			return notFound()
		}
		if err := s.meters.admitWrite(s, t); err != nil {
			return err
		}
		if c, err = s.prepare(tx, t, w); err != nil {
			return err
		}
		return s.apply(tx, c, fx)
	})
	if err != nil {
		if _, failed := reasonOf(err); failed && c != nil {
			s.refused(w, c)
		}
		return nil, err
	}
	s.meters.spent(s, &fx.units)
	if w.into != nil {
		w.into.add(&fx.units)
	}
	return &WriteOutput{
		Attributes:            w.answer(c),
		ConsumedCapacity:      fx.units.one(c.table, w.ret.consumed),
		ItemCollectionMetrics: collectionMetrics(w.ret.collection, c.table, w.keyItem(c), fx.collection),
	}, nil
}

// refused charges a write whose condition did not hold with the size of the item that it
// met, as AWS does; the answer, an error, does not show it.
func (s *Service) refused(w *write, c *change) {
	var u usage
	u.write(c.table, baseIndex, c.old.Size(), 0)
	s.meters.spent(s, &u)
	if w.into != nil {
		w.into.add(&u)
	}
}

func (w *write) keyItem(c *change) attr.Item {
	if w.put != nil {
		return w.put
	}
	return w.key
}

// prepare checks a write against its table and the item as it is, and computes the change.
// A change that comes with an error tells which item did not meet the condition.
func (s *Service) prepare(tx kv.Reader, t *Table, w *write) (*change, error) {
	c := &change{table: t, encoded: w.encoded}
	err := w.refusal
	switch {
	case err != nil:
	case w.put != nil:
		if err = t.itemKeys(w.put); err == nil {
			err = t.indexKeys(w.put)
		}
		if err == nil && w.put.Size() > attr.MaxItemSize {
			err = validation("Item size has exceeded the maximum allowed size")
		}
		if err == nil {
			c.key = t.primaryOf(w.put)
		}
	default:
		c.key, err = t.lookupKey(w.key)
	}
	if err == nil && w.update != nil {
		err = t.updatable(w.update)
	}
	if err != nil {
		return nil, err
	}
	if err = s.load(tx, c); err != nil {
		return nil, err
	}
	if w.fresh && c.old != nil {
		return nil, duplicateItem()
	}
	if w.existing && c.old == nil || !w.cond.Match(c.old) {
		return c, w.ret.failed(c.old)
	}
	c.new = w.put
	if w.update != nil {
		if c.new, err = t.updated(w, c.old); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// answer is what a write returns of the item.
func (w *write) answer(c *change) attr.Item {
	switch w.ret.values {
	case "ALL_OLD":
		return c.old
	case "ALL_NEW":
		return c.new
	case "UPDATED_OLD", "UPDATED_NEW":
		if w.update == nil || len(w.update.Paths) == 0 {
			return nil
		}
		it := c.old
		if w.ret.values == "UPDATED_NEW" {
			it = c.new
		}
		if out := expr.NewProjection(w.update.Paths).Apply(it); len(out) > 0 {
			return out
		}
	}
	return nil
}
