package dynamodb

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr"
)

// ExecuteTransactionInput is the request of ExecuteTransaction.
type ExecuteTransactionInput struct {
	TransactStatements     []StatementRequest
	ClientRequestToken     *string
	ReturnConsumedCapacity string
}

// ExecuteTransactionOutput is the answer of ExecuteTransaction.
type ExecuteTransactionOutput struct {
	Responses        []ItemResponse
	ConsumedCapacity []types.ConsumedCapacity
}

// ExecuteTransaction runs up to 100 PartiQL statements, all or nothing.
//
// Limits: 100 statements of 8,192 bytes, either all reads or all writes and EXISTS conditions, none with RETURNING, one an item.
// Errors: IdempotentParameterMismatchException, ProvisionedThroughputExceededException, ResourceNotFoundException, TransactionCanceledException, ValidationException.
// Differs: transactions run one after another, so that none is ever cancelled for a conflict with another.
func (s *Service) ExecuteTransaction(ctx context.Context, in *ExecuteTransactionInput) (*ExecuteTransactionOutput, error) {
	if err := in.members(); err != nil {
		return nil, err
	}
	parsed := make([]*expr.Statement, len(in.TransactStatements))
	reading := 0
	for i, r := range in.TransactStatements {
		var err error
		if parsed[i], err = parseStatement(*r.Statement, r.Parameters); err != nil {
			return nil, err
		}
		if parsed[i].Returning != "" {
			return nil, failedAt(i, validation("RETURNING clause is not supported within ExecuteTransaction"))
		}
		if parsed[i].Verb == expr.Select {
			reading++
		}
	}
	switch reading {
	case len(parsed):
		return s.readTransaction(ctx, in, parsed)
	case 0:
		return s.writeTransaction(ctx, in, parsed)
	}
	return nil, validation("ExecuteTransaction API does not support both read and write operations in the same request")
}

func (in *ExecuteTransactionInput) members() error {
	var p problems
	switch n := len(in.TransactStatements); {
	case in.TransactStatements == nil:
		p.add("null", "transactStatements", mustNotBeNull)
	case n == 0:
		p.add("'[]'", "transactStatements", "Member must have length greater than or equal to 1")
	case n > maxTransact:
		p = append(p, "Value at 'TransactStatements' failed to satisfy constraint: Member must have length less than or equal to 100")
	}
	for i, r := range in.TransactStatements {
		p.statement(fmt.Sprintf("transactStatements.%d.member.statement", i+1), r.Statement)
		p.parameters(fmt.Sprintf("transactStatements.%d.member.parameters", i+1), r.Parameters)
	}
	if t := in.ClientRequestToken; t != nil && (len(*t) == 0 || len(*t) > maxToken) {
		p.add("'"+*t+"'", "clientRequestToken", "Member must have length less than or equal to 36")
	}
	p.enum(in.ReturnConsumedCapacity, "returnConsumedCapacity", consumedSet)
	return p.err()
}

// failedAt puts a statement's place in front of its refusal.
func failedAt(i int, err error) error {
	if e, ok := aws.AsError(err); ok && e.Code == "ValidationException" {
		return validation("Validation failed in TransactStatements[%d]: %s", i, e.Message)
	}
	return err
}

func (s *Service) readTransaction(ctx context.Context, in *ExecuteTransactionInput, parsed []*expr.Statement) (*ExecuteTransactionOutput, error) {
	gets := make([]*statementRead, len(parsed))
	for i, st := range parsed {
		var err error
		if gets[i], err = s.statementGet(ctx, st, "ExecuteTransaction"); err != nil {
			return nil, failedAt(i, err)
		}
	}
	out := &ExecuteTransactionOutput{}
	err := s.store.View(ctx, func(r kv.Reader) error {
		u, seen := usage{factor: 2}, map[string]bool{}
		for _, g := range gets {
			if id := string(g.ref.key()) + string(g.key.AppendJSON(nil)); seen[id] {
				return validation("Transaction request cannot include multiple operations on one item")
			} else {
				seen[id] = true
			}
			doc, err := s.getStatement(r, g, true, &u)
			if err != nil {
				return err
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

func (s *Service) writeTransaction(ctx context.Context, in *ExecuteTransactionInput, parsed []*expr.Statement) (*ExecuteTransactionOutput, error) {
	actions := make([]action, len(parsed))
	for i, st := range parsed {
		w, err := s.statementWrite(ctx, st)
		if err != nil {
			return nil, failedAt(i, err)
		}
		if st.Verb == expr.Exists && w.cond == nil {
			return nil, failedAt(i, validation("EXISTS() must contain a single item read with additional condition"))
		}
		w.ret.onFailure = in.TransactStatements[i].ReturnValuesOnConditionCheckFailure
		actions[i] = action{write: *w, name: st.Table, check: st.Verb == expr.Exists}
	}
	got, err := s.transact(ctx, actions, token{"ExecuteTransaction", in.ClientRequestToken, in.fingerprint}, in.ReturnConsumedCapacity, "")
	if err != nil {
		return nil, err
	}
	return &ExecuteTransactionOutput{Responses: []ItemResponse{}, ConsumedCapacity: got.ConsumedCapacity}, nil
}

// fingerprint identifies a request.
func (in *ExecuteTransactionInput) fingerprint() [32]byte {
	h := sha256.New()
	for _, r := range in.TransactStatements {
		fmt.Fprintf(h, "%d:%s", len(*r.Statement), *r.Statement)
		for _, v := range r.Parameters {
			h.Write(v.AppendJSON(nil))
		}
		h.Write([]byte{0})
	}
	return [32]byte(h.Sum(nil))
}
