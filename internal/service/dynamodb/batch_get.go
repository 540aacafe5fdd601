package dynamodb

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// Limits of BatchGetItem.
const (
	maxBatchGet      = 100
	maxBatchGetBytes = 16 << 20
)

// BatchGetItemInput is the request of BatchGetItem.
type BatchGetItemInput struct {
	RequestItems           map[string]KeysAndAttributes
	ReturnConsumedCapacity string
}

// KeysAndAttributes is what to get from one table.
type KeysAndAttributes struct {
	Keys                     []attr.Item
	AttributesToGet          []string
	ConsistentRead           *bool
	ProjectionExpression     *string
	ExpressionAttributeNames map[string]string
}

// BatchGetItemOutput is the answer of BatchGetItem.
type BatchGetItemOutput struct {
	Responses        map[string]documents
	UnprocessedKeys  map[string]KeysAndAttributes
	ConsumedCapacity []types.ConsumedCapacity
}

// batchGet is the checked part of a request that goes to one table.
type batchGet struct {
	name       string
	ref        ref
	in         KeysAndAttributes
	keys       []attr.Item
	proj       *expr.Projection
	consistent bool
}

// BatchGetItem reads up to 100 items of any tables.
//
// Limits: 100 keys and 16 MB a request; what does not fit comes back in UnprocessedKeys.
// Errors: ProvisionedThroughputExceededException, ResourceNotFoundException, ValidationException.
// Differs: the items of one request are read from one snapshot.
func (s *Service) BatchGetItem(ctx context.Context, in *BatchGetItemInput) (*BatchGetItemOutput, error) {
	gets, err := in.check(aws.RequestFrom(ctx))
	if err != nil {
		return nil, err
	}
	out := &BatchGetItemOutput{Responses: map[string]documents{}, UnprocessedKeys: map[string]KeysAndAttributes{}}
	err = s.store.View(ctx, func(r kv.Reader) error {
		var u usage
		keys, err := s.batchKeys(r, gets)
		if err != nil {
			return err
		}
		total := 0
		for i, g := range gets {
			if err := s.getBatch(r, &g, keys[i], out, &u, &total); err != nil {
				return err
			}
		}
		s.meters.spent(s, &u)
		out.ConsumedCapacity = u.all(in.ReturnConsumedCapacity, false)
		return nil
	})
	if err != nil {
		return nil, storage(err)
	}
	return out, nil
}

func (in *BatchGetItemInput) check(req *aws.Request) ([]batchGet, error) {
	var p problems
	p.enum(in.ReturnConsumedCapacity, "returnConsumedCapacity", consumedSet)
	if in.RequestItems == nil {
		p.add("null", "requestItems", mustNotBeNull)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	if len(in.RequestItems) == 0 {
		return nil, validation("1 validation error detected: Value at 'RequestItems' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	total := 0
	var out []batchGet
	for _, name := range sortedNames(in.RequestItems) {
		ka := in.RequestItems[name]
		if err := checkBatchTable(name, len(ka.Keys), maxBatchGet); err != nil {
			return nil, err
		}
		var p problems
		p.attributesToGet("requestItems."+name+".member.attributesToGet", ka.AttributesToGet)
		if err := p.err(); err != nil {
			return nil, err
		}
		g, err := ka.check(name, req)
		if err != nil {
			return nil, err
		}
		total += len(ka.Keys)
		out = append(out, g)
	}
	if total > maxBatchGet {
		return nil, validation("Too many items requested for the BatchGetItem call")
	}
	return out, nil
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

func checkBatchTable(name string, n, most int) error {
	var p problems
	if !isARN(name) {
		p.name("requestItems", name, 1)
	}
	member := "RequestItems." + name + ".member.Keys"
	if n == 0 {
		p = append(p, fmt.Sprintf("Value at '%s' failed to satisfy constraint: Member must have length greater than or equal to 1", member))
	}
	if n > most {
		p = append(p, fmt.Sprintf("Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", member, most))
	}
	return p.err()
}

func (ka KeysAndAttributes) check(name string, req *aws.Request) (batchGet, error) {
	g := batchGet{name: name, ref: refOf(req, name), in: ka, consistent: ka.ConsistentRead != nil && *ka.ConsistentRead}
	for _, k := range ka.Keys {
		key, err := reads.item(k)
		if err != nil {
			return g, err
		}
		if slices.ContainsFunc(g.keys, key.Equal) {
			return g, validation("Provided list of item keys contains duplicates")
		}
		g.keys = append(g.keys, key)
	}
	var err error
	g.proj, err = reads.projection(projectionInput{ka.AttributesToGet, ka.ProjectionExpression, ka.ExpressionAttributeNames})
	return g, err
}

// boundKeys are the keys of one table, bound to its definition.
type boundKeys struct {
	t    *Table
	keys []primary
}

// batchKeys binds all keys before anything is read, so that no answer is half an error.
func (s *Service) batchKeys(r kv.Reader, gets []batchGet) ([]boundKeys, error) {
	out := make([]boundKeys, len(gets))
	for i, g := range gets {
		t, err := s.tableAt(r, g.ref.key())
		if err != nil {
			return nil, err
		}
		if t == nil {
			return nil, notFound()
		}
		out[i].t = t
	}
	for i, g := range gets {
		seen := map[string]bool{}
		for _, k := range g.keys {
			pk, err := out[i].t.lookupKey(k)
			if err != nil {
				return nil, err
			}
			if seen[string(pk.raw)] {
				return nil, validation("Provided list of item keys contains duplicates")
			}
			seen[string(pk.raw)] = true
			out[i].keys = append(out[i].keys, pk)
		}
	}
	return out, nil
}

func (s *Service) getBatch(r kv.Reader, g *batchGet, b boundKeys, out *BatchGetItemOutput, u *usage, total *int) error {
	docs := documents{}
	for i, pk := range b.keys {
		throttled := s.meters.admitRead(s, target{t: b.t}) != nil
		if throttled || *total >= maxBatchGetBytes {
			rest := g.in
			rest.Keys = slices.Clone(g.keys[i:])
			out.UnprocessedKeys[g.name] = rest
			if throttled && i == 0 && len(out.Responses) == 0 {
				return throughputExceeded()
			}
			break
		}
		doc, size, err := s.read(r, b.t, pk, g.proj)
		if err != nil {
			return err
		}
		u.read(b.t, baseIndex, readUnits(size, g.consistent))
		*total += size
		if doc != nil {
			docs = append(docs, *doc)
		}
	}
	out.Responses[g.name] = docs
	return nil
}
