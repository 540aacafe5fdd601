package dynamodb

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// TransactGetItemsInput is the request of TransactGetItems.
type TransactGetItemsInput struct {
	TransactItems          []TransactGetItem
	ReturnConsumedCapacity string
}

// TransactGetItem is one read.
type TransactGetItem struct{ Get *TransactGet }

// TransactGet names an item.
type TransactGet struct {
	TableName                *string
	Key                      attr.Item
	ProjectionExpression     *string
	ExpressionAttributeNames map[string]string
}

// TransactGetItemsOutput is the answer of TransactGetItems.
type TransactGetItemsOutput struct {
	Responses        []ItemResponse
	ConsumedCapacity []types.ConsumedCapacity
}

// ItemResponse is one item, absent if there was none.
type ItemResponse struct{ Item *document }

type checkedGet struct {
	ref  ref
	key  attr.Item
	proj *expr.Projection
}

// TransactGetItems reads up to 100 items of any tables as they were at one moment.
//
// Limits: 100 items, 4 MB.
// Errors: ProvisionedThroughputExceededException, ResourceNotFoundException, TransactionCanceledException, ValidationException.
// Differs: a read never conflicts with a write.
func (s *Service) TransactGetItems(ctx context.Context, in *TransactGetItemsInput) (*TransactGetItemsOutput, error) {
	gets, err := in.check(aws.RequestFrom(ctx))
	if err != nil {
		return nil, err
	}
	out := &TransactGetItemsOutput{}
	err = s.store.View(ctx, func(r kv.Reader) error {
		tables, keys, err := s.transactKeys(r, gets)
		if err != nil {
			return err
		}
		u, total := usage{factor: 2}, 0
		for i, g := range gets {
			doc, size, err := s.read(r, tables[i], keys[i], g.proj)
			if err != nil {
				return err
			}
			u.read(tables[i], baseIndex, readUnits(size, true))
			if total += size; total > maxTransactBytes {
				return validation("Aggregated size of all items in the transaction has exceeded the maximum allowed size of 4 MB")
			}
			out.Responses = append(out.Responses, ItemResponse{doc})
		}
		s.meters.spent(s, &u)
		out.ConsumedCapacity = u.all(in.ReturnConsumedCapacity, true)
		return nil
	})
	if err != nil {
		return nil, storage(err)
	}
	return out, nil
}

func (in *TransactGetItemsInput) check(req *aws.Request) ([]checkedGet, error) {
	var p problems
	switch {
	case in.TransactItems == nil:
		p.add("null", "transactItems", mustNotBeNull)
	case len(in.TransactItems) == 0:
		p.add("'[]'", "transactItems", "Member must have length greater than or equal to 1")
	case len(in.TransactItems) > maxTransact:
		p = append(p, "Value at 'TransactItems' failed to satisfy constraint: Member must have length less than or equal to 100")
	}
	p.enum(in.ReturnConsumedCapacity, "returnConsumedCapacity", consumedSet)
	for i, it := range in.TransactItems {
		at := fmt.Sprintf("transactItems.%d.member.get", i+1)
		switch {
		case it.Get == nil:
			p.add("null", at, mustNotBeNull)
		case it.Get.TableName == nil:
			p.add("null", at+".tableName", mustNotBeNull)
		case it.Get.Key == nil:
			p.add("null", at+".key", mustNotBeNull)
		case !isARN(*it.Get.TableName):
			p.name(at+".tableName", *it.Get.TableName, 1)
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	out := make([]checkedGet, len(in.TransactItems))
	for i, it := range in.TransactItems {
		in := projectionInput{text: it.Get.ProjectionExpression, names: it.Get.ExpressionAttributeNames}
		if in.text == nil {
			in.names = nil // not looked at, unlike elsewhere
		}
		proj, err := older.projection(in)
		if err != nil {
			return nil, err
		}
		key, err := older.item(it.Get.Key)
		if err != nil {
			return nil, err
		}
		out[i] = checkedGet{refOf(req, *it.Get.TableName), key, proj}
	}
	return out, nil
}

// transactKeys binds the keys of all reads; a key that does not fit its table
// cancels the transaction with a reason in its place.
func (s *Service) transactKeys(r kv.Reader, gets []checkedGet) ([]*Table, []primary, error) {
	tables, keys := make([]*Table, len(gets)), make([]primary, len(gets))
	for i, g := range gets {
		t, err := s.tableAt(r, g.ref.key())
		if err != nil {
			return nil, nil, err
		}
		if t == nil {
			return nil, nil, notFound()
		}
		if err := s.meters.admitRead(s, target{t: t}); err != nil {
			return nil, nil, err
		}
		tables[i] = t
	}
	seen := map[string]bool{}
	reasons, failed := make([]CancellationReason, len(gets)), false
	for i, g := range gets {
		if tables[i].hasKeyTypes(g.key) {
			if err := tables[i].emptyKeys(g.key); err != nil {
				return nil, nil, err
			}
		}
		pk, err := tables[i].lookupKey(g.key)
		if err != nil {
			reasons[i], _ = reasonOf(err)
			failed = true
			continue
		}
		id := string(tables[i].itemKey(pk))
		if seen[id] {
			return nil, nil, validation("Transaction request cannot include multiple operations on one item")
		}
		seen[id] = true
		keys[i] = pk
	}
	if failed {
		return nil, nil, cancelled(reasons)
	}
	return tables, keys, nil
}
