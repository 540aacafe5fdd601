package dynamodb

import (
	"context"
	"encoding/base64"
	"encoding/binary"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// ExecuteStatementInput is the request of ExecuteStatement.
type ExecuteStatementInput struct {
	Statement                           *string
	Parameters                          []attr.Value
	ConsistentRead                      *bool
	NextToken                           *string
	ReturnConsumedCapacity              string
	Limit                               *int32
	ReturnValuesOnConditionCheckFailure string
}

// ExecuteStatementOutput is the answer of ExecuteStatement.
type ExecuteStatementOutput struct {
	Items            documents
	NextToken        *string
	LastEvaluatedKey attr.Item
	ConsumedCapacity *types.ConsumedCapacity
}

// ExecuteStatement runs one PartiQL statement.
//
// Limits: statement 8,192 bytes, page 1 MB.
// Errors: ConditionalCheckFailedException, DuplicateItemException, ItemCollectionSizeLimitExceededException, ProvisionedThroughputExceededException, ResourceNotFoundException, ValidationException.
// Differs: a SELECT that names no partition key, or several, reads the whole table and filters it. OR branches that overlap on the sort key are not refused.
func (s *Service) ExecuteStatement(ctx context.Context, in *ExecuteStatementInput) (*ExecuteStatementOutput, error) {
	var p problems
	p.statement("statement", in.Statement)
	p.parameters("parameters", in.Parameters)
	p.between(in.Limit, "limit", 1, 1<<31-1)
	p.enum(in.ReturnConsumedCapacity, "returnConsumedCapacity", consumedSet)
	p.enum(in.ReturnValuesOnConditionCheckFailure, "returnValuesOnConditionCheckFailure", onFailureSet)
	if err := p.err(); err != nil {
		return nil, err
	}
	st, err := parseStatement(*in.Statement, in.Parameters)
	if err != nil {
		return nil, err
	}
	switch st.Verb {
	case expr.Select:
		return s.selectPage(ctx, in, st)
	case expr.Exists:
		return nil, validation("EXISTS() is only supported within ExecuteTransaction")
	}
	w, err := s.statementWrite(ctx, st)
	if err != nil {
		return nil, err
	}
	w.ret.consumed, w.ret.onFailure = in.ReturnConsumedCapacity, in.ReturnValuesOnConditionCheckFailure
	got, err := s.writeOne(ctx, w)
	if err != nil {
		return nil, err
	}
	out := &ExecuteStatementOutput{Items: documents{}, ConsumedCapacity: got.ConsumedCapacity}
	if got.Attributes != nil {
		out.Items = documents{{item: got.Attributes}}
	}
	return out, nil
}

func (p *problems) statement(member string, text *string) {
	switch {
	case text == nil:
		p.add("null", member, mustNotBeNull)
	case *text == "":
		p.add("''", member, "Member must have length greater than or equal to 1")
	case len(*text) > expr.MaxStatement:
		p.add("'"+*text+"'", member, "Member must have length less than or equal to 8192")
	}
}

func (p *problems) parameters(member string, params []attr.Value) {
	if params != nil && len(params) == 0 {
		p.add("'[]'", member, "Member must have length greater than or equal to 1")
	}
}

func parseStatement(text string, params []attr.Value) (*expr.Statement, error) {
	norm := make([]attr.Value, len(params))
	for i, v := range params {
		var err error
		if norm[i], err = v.Normalize(attr.Older); err != nil {
			return nil, older.fail(err)
		}
	}
	st, err := expr.ParseStatement(text, norm)
	if err != nil {
		return nil, older.fail(err)
	}
	if st.Item != nil {
		if st.Item, err = older.item(st.Item); err != nil {
			return nil, err
		}
	}
	return st, nil
}

// statementTable reads the definition of the table a statement names.
func (s *Service) statementTable(ctx context.Context, st *expr.Statement) (t *Table, err error) {
	ref := refOf(aws.RequestFrom(ctx), st.Table)
	err = s.store.View(ctx, func(r kv.Reader) error {
		t, err = s.tableAt(r, ref.key())
		if err == nil && t == nil {
			err = notFound()
		}
		return err
	})
	return t, storage(err)
}

func (s *Service) selectPage(ctx context.Context, in *ExecuteStatementInput, st *expr.Statement) (*ExecuteStatementOutput, error) {
	t, err := s.statementTable(ctx, st)
	if err != nil {
		return nil, err
	}
	q, err := t.statementSearch(st, in.ConsistentRead != nil && *in.ConsistentRead)
	if err != nil {
		return nil, err
	}
	q.ref, q.consumed = refOf(aws.RequestFrom(ctx), st.Table), in.ReturnConsumedCapacity
	if in.Limit != nil {
		q.limit = int(*in.Limit)
	}
	if in.NextToken != nil {
		if q.start, err = parseNextToken(*in.NextToken, *in.Statement); err != nil {
			return nil, err
		}
	}
	pg, err := s.search(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &ExecuteStatementOutput{Items: pg.Items, ConsumedCapacity: pg.ConsumedCapacity, LastEvaluatedKey: pg.LastEvaluatedKey}
	if pg.LastEvaluatedKey != nil {
		text := nextToken(pg.LastEvaluatedKey, *in.Statement)
		out.NextToken = &text
	}
	return out, nil
}

// statementSearch turns a SELECT into a Query when it names the partition, and a Scan otherwise.
func (t *Table) statementSearch(st *expr.Statement, consistent bool) (*search, error) {
	g := target{t: t}
	q := &search{consistent: consistent, proj: st.Columns, statement: true}
	if st.Index != "" {
		q.index = &st.Index
		if g.ix = t.index(st.Index); g.ix == nil {
			return nil, validation("The table does not have the specified index")
		}
		if g.ix.Global && consistent {
			return nil, validation("Strongly consistent read is not supported on Global Secondary Indexes")
		}
		if len(g.ix.Hash) > 1 || len(g.ix.Range) > 1 {
			return nil, validation("PartiQL statements cannot be executed on tables with multi-attribute HASH keys or multi-attribute RANGE keys.")
		}
	}
	hash, sort := g.hashNames()[0], ""
	if r := g.rangeNames(); len(r) > 0 {
		sort = r[0]
	}
	terms, rest := st.Split([]string{hash, sort})
	byHash := false
	for _, k := range terms {
		byHash = byHash || k.Name == hash && k.Op == "="
	}
	if byHash {
		q.terms, q.filter = terms, rest
	} else {
		q.filter = st.Where()
	}
	switch {
	case st.OrderBy == "":
	case !byHash:
		return nil, validation("Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.")
	case st.OrderBy != sort && st.OrderBy != hash:
		return nil, validation("Variable reference %s in ORDER BY clause must be part of the primary key", st.OrderBy)
	}
	q.reverse = st.Descending
	return q, nil
}

// A next token is a version byte, a hash of the statement it belongs to, and the key to go on from.

func nextToken(key attr.Item, statement string) string {
	b := binary.BigEndian.AppendUint64([]byte{valueVersion}, hashText([]byte(statement)))
	return base64.StdEncoding.EncodeToString(key.AppendStored(b))
}

func parseNextToken(text, statement string) (attr.Item, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 9 || b[0] != valueVersion {
		return nil, validation("Invalid NextToken")
	}
	if binary.BigEndian.Uint64(b[1:]) != hashText([]byte(statement)) {
		return nil, validation("NextToken does not match request")
	}
	key, err := attr.ParseItem(b[9:])
	if err != nil {
		return nil, validation("Invalid NextToken")
	}
	return key, nil
}

var returningValues = map[string]string{"ALL OLD": "ALL_OLD", "ALL NEW": "ALL_NEW", "MODIFIED OLD": "UPDATED_OLD", "MODIFIED NEW": "UPDATED_NEW"}

// statementWrite turns an INSERT, UPDATE or DELETE into a single write.
func (s *Service) statementWrite(ctx context.Context, st *expr.Statement) (*write, error) {
	t, err := s.statementTable(ctx, st)
	if err != nil {
		return nil, err
	}
	w := &write{ref: refOf(aws.RequestFrom(ctx), st.Table), ret: returning{values: returningValues[st.Returning]}}
	if st.Verb == expr.Insert {
		w.put, w.encoded, w.fresh = st.Item, encodeRecord(st.Item), true
		return w, nil
	}
	if st.Index != "" {
		return nil, validation("Index is not supported in write statements")
	}
	if w.key, w.cond, err = t.statementKey(st); err != nil {
		return nil, validation("%s", err.Error())
	}
	w.update = st.Update
	w.existing = st.Verb != expr.Delete
	return w, nil
}

var errNoKey = attr.Refusal("Where clause does not contain a mandatory equality on all key attributes")

// statementKey takes the key of one item out of a WHERE clause.
func (t *Table) statementKey(st *expr.Statement) (attr.Item, *expr.Condition, error) {
	terms, rest := st.Split(t.keyNames())
	key := attr.Item{}
	for _, k := range terms {
		if k.Op != "=" {
			return nil, nil, errNoKey
		}
		key = key.With(k.Name, k.Args[0])
	}
	if len(key) != len(t.keyNames()) {
		return nil, nil, errNoKey
	}
	return key, rest, nil
}
