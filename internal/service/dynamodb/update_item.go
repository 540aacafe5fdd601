package dynamodb

import (
	"context"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/dynamodb/expr"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// UpdateItemInput is the request of UpdateItem.
type UpdateItemInput struct {
	TableName                           *string
	Key                                 attr.Item
	AttributeUpdates                    map[string]legacyUpdate
	Expected                            map[string]legacyCond
	ConditionalOperator                 string
	UpdateExpression                    *string
	ConditionExpression                 *string
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           attr.Item
	ReturnValues                        string
	ReturnConsumedCapacity              string
	ReturnItemCollectionMetrics         string
	ReturnValuesOnConditionCheckFailure string
}

type legacyUpdate struct {
	Action string
	Value  *attr.Value
}

var actionSet = []string{"ADD", "PUT", "DELETE"}

// UpdateItem changes attributes of an item, or creates it, if the condition holds.
// A condition that does not hold is charged for the item it met, as on AWS.
//
// Limits: item 400 KB after the update, expression 4 KB and 300 operators, nesting 32.
// Errors: ConditionalCheckFailedException, ItemCollectionSizeLimitExceededException, ProvisionedThroughputExceededException, ResourceNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) UpdateItem(ctx context.Context, in *UpdateItemInput) (*WriteOutput, error) {
	ret := returning{in.ReturnValues, in.ReturnConsumedCapacity, in.ReturnItemCollectionMetrics, in.ReturnValuesOnConditionCheckFailure}
	var p problems
	if err := p.tableName(in.TableName); err != nil {
		return nil, err
	}
	if in.Key == nil {
		p.add("null", "key", mustNotBeNull)
	}
	if !oneOf(in.ReturnValues, append([]string{""}, returnSet...)) {
		p.returnValues(in.ReturnValues) // UpdateItem stops at the first unknown value
		return nil, p[len(p)-1:].err()
	}
	ret.check(&p)
	for name, u := range in.AttributeUpdates {
		p.enum(u.Action, "attributeUpdates."+name+".member.action", actionSet)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	w, err := single.updateWrite(in)
	if err != nil {
		return nil, err
	}
	w.ref, w.ret = refOf(aws.RequestFrom(ctx), *in.TableName), ret
	return s.writeOne(ctx, w)
}

// updateWrite checks and parses the update, in both of its forms.
func (pr profile) updateWrite(in *UpdateItemInput) (*write, error) {
	legacy := flags(nil).with("AttributeUpdates", in.AttributeUpdates != nil).with("Expected", in.Expected != nil).with("ConditionalOperator", in.ConditionalOperator != "")
	exprs := flags(nil).with("UpdateExpression", in.UpdateExpression != nil).with("ConditionExpression", in.ConditionExpression != nil)
	if err := pr.exclusive(legacy, exprs); err != nil {
		return nil, err
	}
	if err := pr.conditionalOperator(in.ConditionalOperator); err != nil {
		return nil, err
	}
	key, err := pr.item(in.Key)
	if err != nil {
		return nil, err
	}
	w := &write{key: key}
	params, err := pr.params(in.ExpressionAttributeNames, in.ExpressionAttributeValues, len(exprs) > 0)
	if err != nil {
		return nil, err
	}
	if in.UpdateExpression != nil {
		if w.update, err = params.ParseUpdate(*in.UpdateExpression); err != nil {
			return nil, pr.fail(err)
		}
	} else if w.update, err = pr.legacyUpdates(in.AttributeUpdates); err != nil {
		return nil, err
	}
	w.cond, err = pr.conditionWith(params, conditionInput{expected: in.Expected, operator: in.ConditionalOperator, text: in.ConditionExpression})
	if err != nil {
		return nil, err
	}
	if err := params.CheckUnused(); err != nil {
		return nil, pr.fail(err)
	}
	return w, nil
}

func (pr profile) legacyUpdates(in map[string]legacyUpdate) (*expr.Update, error) {
	ups := make(map[string]expr.LegacyUpdate, len(in))
	for name, u := range in {
		lu := expr.LegacyUpdate{Action: u.Action}
		if u.Action == "" {
			lu.Action = "PUT"
		}
		if u.Value != nil {
			v, err := u.Value.Normalize(pr.layer)
			if err != nil {
				return nil, pr.fail(err)
			}
			lu.Value = &v
		}
		ups[name] = lu
	}
	up, err := expr.LegacyUpdates(ups)
	if err != nil {
		return nil, pr.fail(err)
	}
	return up, nil
}

// updatable refuses an update of a key attribute.
func (t *Table) updatable(u *expr.Update) error {
	for _, p := range u.Paths {
		for _, k := range t.keyNames() {
			if p.Name() == k {
				return invalidParam("Cannot update attribute %s. This attribute is part of the key", k)
			}
		}
	}
	return nil
}

// updated computes the item after an update.
func (t *Table) updated(w *write, old attr.Item) (attr.Item, error) {
	base := old
	if base == nil {
		base = w.key
	}
	it, err := w.update.Apply(base)
	if err != nil {
		return nil, validation("%s", err.Error())
	}
	for _, f := range it {
		if f.Value.Depth() > attr.MaxDepth {
			return nil, validation("%s", attr.ErrNesting.Error())
		}
	}
	if err := t.indexKeys(it); err != nil {
		return nil, err
	}
	if it.Size() > attr.MaxItemSize {
		return nil, validation("Item size to update has exceeded the maximum allowed size")
	}
	return it, nil
}
