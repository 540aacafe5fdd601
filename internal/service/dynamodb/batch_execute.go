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

// maxBatchStatements is how many statements one BatchExecuteStatement takes.
const maxBatchStatements = 25

// BatchExecuteStatementInput is the request of BatchExecuteStatement.
type BatchExecuteStatementInput struct {
	Statements             []StatementRequest
	ReturnConsumedCapacity string
}

// StatementRequest is one statement of a batch or a transaction.
type StatementRequest struct {
	Statement                           *string
	Parameters                          []attr.Value
	ConsistentRead                      *bool
	ReturnValuesOnConditionCheckFailure string
}

// BatchExecuteStatementOutput is the answer of BatchExecuteStatement.
type BatchExecuteStatementOutput struct {
	Responses        []StatementResponse
	ConsumedCapacity []types.ConsumedCapacity
}

// StatementResponse is what became of one statement.
type StatementResponse struct {
	Error     *StatementError
	TableName *string
	Item      *document
}

// StatementError is why a statement of a batch failed.
type StatementError struct {
	Code    string
	Message string
	Item    attr.Item
}

// BatchExecuteStatement runs up to 25 PartiQL statements, each for itself.
//
// Limits: 25 statements of 8,192 bytes, either all reads or all writes; each read names one item by its primary key.
// Errors: ValidationException; the failure of a statement stands in its response.
// Differs: nothing.
func (s *Service) BatchExecuteStatement(ctx context.Context, in *BatchExecuteStatementInput) (*BatchExecuteStatementOutput, error) {
	var p problems
	switch n := len(in.Statements); {
	case in.Statements == nil:
		p.add("null", "statements", mustNotBeNull)
	case n == 0:
		p.add("'[]'", "statements", "Member must have length greater than or equal to 1")
	case n > maxBatchStatements:
		p = append(p, "Value at 'Statements' failed to satisfy constraint: Member must have length less than or equal to 25")
	}
	for i, r := range in.Statements {
		p.statement(fmt.Sprintf("statements.%d.member.statement", i+1), r.Statement)
		p.parameters(fmt.Sprintf("statements.%d.member.parameters", i+1), r.Parameters)
	}
	p.enum(in.ReturnConsumedCapacity, "returnConsumedCapacity", consumedSet)
	if err := p.err(); err != nil {
		return nil, err
	}
	parsed := make([]*expr.Statement, len(in.Statements))
	errs := make([]error, len(in.Statements))
	reading, writing := 0, 0
	for i, r := range in.Statements {
		if parsed[i], errs[i] = parseStatement(*r.Statement, r.Parameters); errs[i] != nil {
			continue
		}
		if parsed[i].Verb == expr.Select {
			reading++
		} else {
			writing++
		}
	}
	if reading > 0 && writing > 0 {
		return nil, validation("All statements of a batch must be either reads or writes")
	}
	out := &BatchExecuteStatementOutput{}
	var u usage
	for i := range parsed {
		var resp StatementResponse
		if errs[i] == nil {
			resp, errs[i] = s.runStatement(ctx, &in.Statements[i], parsed[i], &u)
		}
		if errs[i] != nil {
			e, err := statementError(errs[i])
			if err != nil {
				return nil, err
			}
			resp.Error = e
		}
		out.Responses = append(out.Responses, resp)
	}
	out.ConsumedCapacity = u.all(in.ReturnConsumedCapacity, false)
	return out, nil
}

var statementCodes = map[string]string{
	"ConditionalCheckFailedException": "ConditionalCheckFailed", "ItemCollectionSizeLimitExceededException": "ItemCollectionSizeLimitExceeded",
	"ValidationException": "ValidationError", "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
	"ResourceNotFoundException": "ResourceNotFound", "DuplicateItemException": "DuplicateItem", "AccessDeniedException": "AccessDenied",
}

// statementError turns a statement's failure into its response; failures of the store end the batch.
func statementError(err error) (*StatementError, error) {
	e, ok := aws.AsError(err)
	if !ok || statementCodes[e.Code] == "" {
		return nil, err
	}
	out := &StatementError{Code: statementCodes[e.Code], Message: e.Message}
	out.Item, _ = e.Fields["Item"].(attr.Item)
	return out, nil
}

func (s *Service) runStatement(ctx context.Context, r *StatementRequest, st *expr.Statement, u *usage) (StatementResponse, error) {
	resp := StatementResponse{TableName: &st.Table}
	switch st.Verb {
	case expr.Select:
		g, err := s.statementGet(ctx, st, "BatchExecuteStatement")
		if err != nil {
			return resp, err
		}
		var read usage
		err = s.store.View(ctx, func(kr kv.Reader) error {
			resp.Item, err = s.getStatement(kr, g, r.ConsistentRead != nil && *r.ConsistentRead, &read)
			return err
		})
		s.meters.spent(s, &read)
		u.add(&read)
		return resp, storage(err)
	case expr.Exists:
		return resp, validation("EXISTS() is only supported within ExecuteTransaction")
	}
	w, err := s.statementWrite(ctx, st)
	if err != nil {
		return resp, err
	}
	w.ret.onFailure = r.ReturnValuesOnConditionCheckFailure
	got, err := s.writeCounting(ctx, w, u)
	if err == nil && got != nil {
		resp.Item = &document{item: got}
	}
	return resp, err
}

// statementRead is a SELECT of one item.
type statementRead struct {
	ref  ref
	key  attr.Item
	cond *expr.Condition
	proj *expr.Projection
}

// statementGet turns a SELECT that names one item into a read of it; where names the operation.
func (s *Service) statementGet(ctx context.Context, st *expr.Statement, where string) (*statementRead, error) {
	t, err := s.statementTable(ctx, st)
	if err != nil {
		return nil, err
	}
	if st.Index != "" {
		if ix := t.index(st.Index); ix != nil && (len(ix.Hash) > 1 || len(ix.Range) > 1) {
			return nil, validation("PartiQL statements cannot be executed on tables with multi-attribute HASH keys or multi-attribute RANGE keys.")
		}
	}
	key, rest, err := t.statementKey(st)
	if err != nil || st.Index != "" || st.UsesExists() {
		return nil, validation("Select statements within %s must specify the primary key in the where clause.", where)
	}
	return &statementRead{refOf(aws.RequestFrom(ctx), st.Table), key, rest, st.Columns}, nil
}

func (s *Service) getStatement(r kv.Reader, g *statementRead, consistent bool, u *usage) (*document, error) {
	t, err := s.tableAt(r, g.ref.key())
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, notFound()
	}
	pk, err := t.lookupKey(g.key)
	if err != nil {
		return nil, err
	}
	if err := s.meters.admitRead(s, target{t: t}); err != nil {
		return nil, err
	}
	it, rec, err := s.fetch(r, t, pk)
	if err != nil {
		return nil, err
	}
	u.read(t, baseIndex, readUnits(rec.size, consistent))
	if it == nil || !g.cond.Match(it) {
		return nil, nil
	}
	return &document{item: g.proj.Apply(it)}, nil
}

// writeCounting is writeOne that adds what it consumed to a batch's.
func (s *Service) writeCounting(ctx context.Context, w *write, u *usage) (attr.Item, error) {
	w.ret.consumed = "INDEXES"
	w.into = u
	got, err := s.writeOne(ctx, w)
	if err != nil {
		return nil, err
	}
	return got.Attributes, nil
}
