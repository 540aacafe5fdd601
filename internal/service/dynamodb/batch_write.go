package dynamodb

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// maxBatchWrite is how many puts and deletes one BatchWriteItem takes.
const maxBatchWrite = 25

// BatchWriteItemInput is the request of BatchWriteItem.
type BatchWriteItemInput struct {
	RequestItems                map[string][]WriteRequest
	ReturnConsumedCapacity      string
	ReturnItemCollectionMetrics string
}

// WriteRequest is one put or one delete.
type WriteRequest struct {
	PutRequest    *PutRequest
	DeleteRequest *DeleteRequest
}

// PutRequest puts an item.
type PutRequest struct{ Item attr.Item }

// DeleteRequest deletes an item.
type DeleteRequest struct{ Key attr.Item }

// BatchWriteItemOutput is the answer of BatchWriteItem.
type BatchWriteItemOutput struct {
	UnprocessedItems      map[string][]WriteRequest
	ItemCollectionMetrics map[string][]ItemCollectionMetrics
	ConsumedCapacity      []types.ConsumedCapacity
}

// BatchWriteItem puts and deletes up to 25 items of any tables.
//
// Limits: 25 requests.
// Errors: ItemCollectionSizeLimitExceededException, ProvisionedThroughputExceededException, ResourceNotFoundException, ValidationException.
// Differs: the writes of one request commit together, where AWS promises nothing; UnprocessedItems is never used but for throttling.
func (s *Service) BatchWriteItem(ctx context.Context, in *BatchWriteItemInput) (*BatchWriteItemOutput, error) {
	writes, err := in.check(aws.RequestFrom(ctx))
	if err != nil {
		return nil, err
	}
	var out *BatchWriteItemOutput
	fx, err := s.update(ctx, func(tx kv.Txn, fx *effects) error {
		out = &BatchWriteItemOutput{UnprocessedItems: map[string][]WriteRequest{}}
		changes, err := s.batchChanges(tx, writes)
		if err != nil {
			return err
		}
		done := 0
		for i, c := range changes {
			w := writes[i]
			if s.meters.admitWrite(s, c.table) != nil {
				out.UnprocessedItems[w.name] = append(out.UnprocessedItems[w.name], w.raw)
				continue
			}
			done++
			if err := s.apply(tx, c, fx); err != nil {
				return err
			}
			if m := collectionMetrics(in.ReturnItemCollectionMetrics, c.table, w.item(), fx.collection); m != nil {
				out.addMetrics(w.name, *m)
			}
		}
		if done == 0 {
			return throughputExceeded()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.meters.spent(s, &fx.units)
	out.ConsumedCapacity = fx.units.all(in.ReturnConsumedCapacity, false)
	return out, nil
}

func (out *BatchWriteItemOutput) addMetrics(name string, m ItemCollectionMetrics) {
	addMetrics(&out.ItemCollectionMetrics, name, m)
}

// addMetrics adds the metrics of an item collection, or replaces those of an earlier write to it.
func addMetrics(to *map[string][]ItemCollectionMetrics, name string, m ItemCollectionMetrics) {
	if *to == nil {
		*to = map[string][]ItemCollectionMetrics{}
	}
	list := (*to)[name]
	if i := slices.IndexFunc(list, func(x ItemCollectionMetrics) bool { return x.ItemCollectionKey.Equal(m.ItemCollectionKey) }); i >= 0 {
		list[i] = m
		return
	}
	(*to)[name] = append(list, m)
}

// batchWrite is one checked request of a batch.
type batchWrite struct {
	name     string
	ref      ref
	raw      WriteRequest
	put, key attr.Item
	encoded  []byte
}

func (w *batchWrite) item() attr.Item {
	if w.put != nil {
		return w.put
	}
	return w.key
}

func (in *BatchWriteItemInput) check(req *aws.Request) ([]batchWrite, error) {
	var p problems
	if in.RequestItems == nil {
		p.add("null", "requestItems", mustNotBeNull)
	}
	p.enum(in.ReturnConsumedCapacity, "returnConsumedCapacity", consumedSet)
	p.enum(in.ReturnItemCollectionMetrics, "returnItemCollectionMetrics", collectionSet)
	if err := p.err(); err != nil {
		return nil, err
	}
	if len(in.RequestItems) == 0 {
		return nil, validation("The requestItems parameter is required for BatchWriteItem")
	}
	var out []batchWrite
	for _, name := range sortedNames(in.RequestItems) {
		reqs := in.RequestItems[name]
		if err := checkWriteTable(name, reqs); err != nil {
			return nil, err
		}
		for i, wr := range reqs {
			w, err := wr.check(name, i+1, req)
			if err != nil {
				return nil, err
			}
			out = append(out, w)
		}
	}
	if len(out) > maxBatchWrite {
		return nil, validation("Too many items requested for the BatchWriteItem call")
	}
	return out, nil
}

func checkWriteTable(name string, reqs []WriteRequest) error {
	var p problems
	switch {
	case !isARN(name) && (!plainName(name) || len(name) > maxName || len(name) < minName):
		p.add("'{"+name+"=["+showRequests(reqs)+"]}'", "requestItems", "Map keys must satisfy constraint: [Member must have length less than or equal to 255, Member must have length greater than or equal to 3, Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+]")
	case len(reqs) == 0:
		p.add("'{"+name+"=[]}'", "requestItems", "Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]")
	case len(reqs) > maxBatchWrite:
		p = append(p, fmt.Sprintf("Value at 'RequestItems.%s.member' failed to satisfy constraint: Member must have length less than or equal to 25", name))
	}
	return p.err()
}

// showRequests prints requests roughly as AWS echoes them.
func showRequests(reqs []WriteRequest) string {
	show := func(it attr.Item) string {
		parts := make([]string, len(it))
		for i, f := range it {
			parts[i] = f.Name + "=AttributeValue(" + string(f.Value.AppendJSON(nil)) + ")"
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	parts := make([]string, len(reqs))
	for i, r := range reqs {
		put, del := "null", "null"
		if r.PutRequest != nil {
			put = "PutRequest(item=" + show(r.PutRequest.Item) + ")"
		}
		if r.DeleteRequest != nil {
			del = "DeleteRequest(key=" + show(r.DeleteRequest.Key) + ")"
		}
		parts[i] = "WriteRequest(putRequest=" + put + ", deleteRequest=" + del + ")"
	}
	return strings.Join(parts, ", ")
}

func (wr WriteRequest) check(name string, n int, req *aws.Request) (batchWrite, error) {
	w := batchWrite{name: name, ref: refOf(req, name), raw: wr}
	var err error
	switch {
	case (wr.PutRequest == nil) == (wr.DeleteRequest == nil):
		err = validation("Supplied WriteRequest is empty or ambiguous, must contain exactly one of PutRequest or DeleteRequest")
	case wr.PutRequest != nil && wr.PutRequest.Item == nil:
		err = validation("1 validation error detected: Value null at 'requestItems.%s.member.%d.member.putRequest.item' failed to satisfy constraint: %s", name, n, mustNotBeNull)
	case wr.DeleteRequest != nil && wr.DeleteRequest.Key == nil:
		err = validation("1 validation error detected: Value null at 'requestItems.%s.member.%d.member.deleteRequest.key' failed to satisfy constraint: %s", name, n, mustNotBeNull)
	case wr.PutRequest != nil:
		if w.put, err = older.item(wr.PutRequest.Item); err == nil {
			w.encoded = encodeRecord(w.put)
		}
	default:
		w.key, err = older.item(wr.DeleteRequest.Key)
	}
	return w, err
}

// batchChanges checks every request against its table before any is applied.
func (s *Service) batchChanges(tx kv.Txn, writes []batchWrite) ([]*change, error) {
	out := make([]*change, len(writes))
	seen := map[string]bool{}
	for i := range writes {
		t, err := s.tableAt(tx, writes[i].ref.key())
		if err != nil {
			return nil, err
		}
		if t == nil {
			return nil, notFound()
		}
		out[i] = &change{table: t, new: writes[i].put, encoded: writes[i].encoded}
	}
	for i, c := range out {
		if err := c.bindBatch(&writes[i]); err != nil {
			return nil, err
		}
		id := string(c.table.itemKey(c.key))
		if seen[id] {
			return nil, validation("Provided list of item keys contains duplicates")
		}
		seen[id] = true
		if err := s.load(tx, c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *change) bindBatch(w *batchWrite) (err error) {
	t := c.table
	if w.put == nil {
		c.key, err = t.lookupKey(w.key)
		return err
	}
	for _, n := range t.keyNames() {
		if v, ok := w.put.Get(n); !ok || v.Kind() != t.kinds[n] {
			return keyMismatch()
		}
	}
	if err := t.keyValues(w.put); err != nil {
		return err
	}
	if err := t.indexKeys(w.put); err != nil {
		return err
	}
	if w.put.Size() > attr.MaxItemSize {
		return validation("Item size has exceeded the maximum allowed size")
	}
	c.key = t.primaryOf(w.put)
	return nil
}
