package dynamodb

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// QueryInput is the request of Query.
type QueryInput struct {
	TableName                 *string
	IndexName                 *string
	Select                    string
	AttributesToGet           []string
	Limit                     *int32
	ConsistentRead            *bool
	KeyConditions             map[string]legacyCond
	QueryFilter               map[string]legacyCond
	ConditionalOperator       string
	ScanIndexForward          *bool
	ExclusiveStartKey         attr.Item
	ReturnConsumedCapacity    string
	ProjectionExpression      *string
	FilterExpression          *string
	KeyConditionExpression    *string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues attr.Item
}

// PageOutput is the answer of Query and Scan.
type PageOutput struct {
	Items            documents
	Count            int32
	ScannedCount     int32
	LastEvaluatedKey attr.Item
	ConsumedCapacity *types.ConsumedCapacity
}

// search is a checked Query or Scan.
type search struct {
	ref        ref
	index      *string
	sel        string
	consumed   string
	consistent bool
	reverse    bool
	limit      int
	terms      []expr.KeyTerm // nil for a Scan
	filter     *expr.Condition
	legacy     bool // the filter came as QueryFilter or ScanFilter
	statement  bool // it came as a SELECT, whose filter may name keys
	proj       *expr.Projection
	start      attr.Item
	segment    int
	segments   int
}

// Query reads items of one partition in order of their sort key.
//
// Limits: 1 MB a page, read before filtering; expressions 4 KB and 300 operators.
// Errors: ProvisionedThroughputExceededException, ResourceNotFoundException, ValidationException.
// Differs: every read is consistent; an eventually consistent one is charged half, as on AWS.
func (s *Service) Query(ctx context.Context, in *QueryInput) (*PageOutput, error) {
	if err := in.members(); err != nil {
		return nil, err
	}
	q := &search{
		ref: refOf(aws.RequestFrom(ctx), *in.TableName), index: in.IndexName, sel: in.Select, consumed: in.ReturnConsumedCapacity,
		consistent: in.ConsistentRead != nil && *in.ConsistentRead, reverse: in.ScanIndexForward != nil && !*in.ScanIndexForward,
	}
	if in.Limit != nil {
		q.limit = int(*in.Limit)
	}
	if err := in.expressions(q); err != nil {
		return nil, err
	}
	return s.search(ctx, q)
}

func (in *QueryInput) members() error {
	var p problems
	if err := p.tableName(in.TableName); err != nil {
		return err
	}
	if in.Limit != nil && *in.Limit < 1 {
		return validation("1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1")
	}
	if in.IndexName != nil {
		p.name("indexName", *in.IndexName, minName)
	}
	p.attributesToGet("attributesToGet", in.AttributesToGet)
	p.enum(in.ReturnConsumedCapacity, "returnConsumedCapacity", consumedSet)
	if err := reads.conditionalOperator(in.ConditionalOperator); err != nil {
		return err
	}
	p.enum(in.Select, "select", selectSet)
	return p.err()
}

func (in *QueryInput) expressions(q *search) (err error) {
	legacy := flags(nil).with("AttributesToGet", in.AttributesToGet != nil).with("QueryFilter", in.QueryFilter != nil).
		with("ConditionalOperator", in.ConditionalOperator != "").with("KeyConditions", in.KeyConditions != nil)
	exprs := flags(nil).with("ProjectionExpression", in.ProjectionExpression != nil).with("FilterExpression", in.FilterExpression != nil).
		with("KeyConditionExpression", in.KeyConditionExpression != nil)
	if err := reads.exclusive(legacy, exprs); err != nil {
		return err
	}
	if in.ExclusiveStartKey != nil {
		if q.start, err = reads.item(in.ExclusiveStartKey); err != nil {
			return err
		}
	}
	params, err := reads.params(in.ExpressionAttributeNames, in.ExpressionAttributeValues, len(exprs) > 0)
	if err != nil {
		return err
	}
	if err := in.keyTerms(q, params); err != nil {
		return err
	}
	if err := q.rest(reads, params, restInput{
		"queryFilter", in.QueryFilter, in.ConditionalOperator, in.FilterExpression, in.AttributesToGet, in.ProjectionExpression,
	}); err != nil {
		return err
	}
	return nil
}

func (in *QueryInput) keyTerms(q *search, params *expr.Params) (err error) {
	switch {
	case in.KeyConditionExpression != nil:
		q.terms, err = params.ParseKeyCondition(*in.KeyConditionExpression)
	case in.KeyConditions != nil:
		conds, lerr := reads.legacy("keyConditions", in.KeyConditions)
		if lerr != nil {
			return lerr
		}
		if len(conds) == 0 || len(conds) > 2 {
			return reads.fail(attr.Refusal("Conditions can be of length 1 or 2 only"))
		}
		q.terms, err = expr.LegacyKeyTerms(conds)
	default:
		return validation("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	if err != nil {
		return reads.fail(err)
	}
	return nil
}

// restInput is the filter and the projection of a Query or Scan in both of their forms.
type restInput struct {
	member     string
	filter     map[string]legacyCond
	operator   string
	filterText *string
	attributes []string
	projText   *string
}

func (q *search) rest(pr profile, params *expr.Params, in restInput) (err error) {
	if in.filterText != nil {
		if q.filter, err = params.ParseCondition(expr.Filter, *in.filterText); err != nil {
			return pr.fail(err)
		}
	} else {
		conds, err := pr.legacy(in.member, in.filter)
		if err != nil {
			return err
		}
		if q.filter, err = expr.LegacyFilter(conds, in.operator); err != nil {
			return pr.fail(err)
		}
		q.legacy = true
	}
	if q.proj, err = pr.projectionWith(params, projectionInput{attributes: in.attributes, text: in.projText}); err != nil {
		return err
	}
	if err := params.CheckUnused(); err != nil {
		return pr.fail(err)
	}
	return q.checkSelect(in)
}

// checkSelect refuses combinations of Select and a projection that contradict each other.
func (q *search) checkSelect(in restInput) error {
	param := ""
	if in.attributes != nil {
		param = "AttributesToGet"
	}
	if in.projText != nil {
		param = "ProjectionExpression"
	}
	wrong := ""
	switch {
	case q.sel == "SPECIFIC_ATTRIBUTES" && param == "":
		wrong = "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
	case param != "" && q.sel == "COUNT":
		wrong = fmt.Sprintf("Cannot specify the %s when choosing to get only the Count", param)
	case param != "" && q.sel != "" && q.sel != "SPECIFIC_ATTRIBUTES":
		wrong = fmt.Sprintf("Cannot specify the %s when choosing to get %s", param, q.sel)
	case q.sel == "ALL_PROJECTED_ATTRIBUTES" && q.index == nil:
		wrong = "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"
	default:
		return nil
	}
	if q.terms != nil {
		return single.fail(attr.Refusal(wrong)) // a Query says so in the envelope, a Scan does not
	}
	return older.fail(attr.Refusal(wrong))
}

// search runs a checked Query or Scan.
func (s *Service) search(ctx context.Context, q *search) (*PageOutput, error) {
	var pg page
	var consumed *types.ConsumedCapacity
	err := s.store.View(ctx, func(r kv.Reader) error {
		t, err := s.tableAt(r, q.ref.key())
		if err != nil {
			return err
		}
		if t == nil {
			return notFound()
		}
		p, err := q.plan(t)
		if err != nil {
			return err
		}
		if err := s.meters.admitRead(s, p.target); err != nil {
			return err
		}
		if pg, err = s.readPage(r, p); err != nil {
			return err
		}
		var u usage
		u.read(t, p.num(), readUnits(pg.size, q.consistent))
		s.meters.spent(s, &u)
		consumed = u.one(t, q.consumed)
		return nil
	})
	if err != nil {
		return nil, storage(err)
	}
	out := &PageOutput{Items: pg.docs, Count: int32(pg.count), ScannedCount: int32(pg.scanned), LastEvaluatedKey: pg.last, ConsumedCapacity: consumed}
	if q.sel == "COUNT" {
		out.Items = nil
	} else if out.Items == nil {
		out.Items = documents{}
	}
	return out, nil
}

// plan binds a search to its table.
func (q *search) plan(t *Table) (*plan, error) {
	g, err := t.resolve(q.index, q.consistent)
	if err != nil {
		return nil, err
	}
	p := &plan{target: g, filter: q.filter, proj: q.proj, limit: q.limit, count: q.sel == "COUNT"}
	if err := q.projected(p); err != nil {
		return nil, err
	}
	if q.terms != nil {
		if p.rng, err = g.bind(q.terms, q.reverse); err != nil {
			return nil, err
		}
		if !q.statement {
			err = q.filterable(g)
		}
		if err != nil {
			return nil, err
		}
	} else {
		p.rng = g.segment(q.segment, max(q.segments, 1))
	}
	if q.start == nil {
		return p, nil
	}
	return p, q.startAt(p)
}

// filterable refuses filters on the key that a Query selects by.
func (q *search) filterable(g target) error {
	what := "Filter Expression"
	if q.legacy {
		what = "QueryFilter"
	}
	for _, n := range q.filter.Names() {
		if oneOf(n, g.hashNames()) || oneOf(n, g.rangeNames()) {
			return validation("%s can only contain non-primary key attributes: Primary key attribute: %s", what, n)
		}
	}
	return nil
}

// projected checks that an index holds what is asked of it; for a local index the rest
// is fetched from the table.
func (q *search) projected(p *plan) error {
	if p.ix == nil || p.ix.wanted == nil {
		return nil
	}
	if q.sel == "ALL_ATTRIBUTES" {
		if p.ix.Global {
			return invalidParam("Select type ALL_ATTRIBUTES is not supported for global secondary index %s because its projection type is not ALL", p.ix.Name)
		}
		p.fetch = true
		return nil
	}
	if q.proj == nil {
		return nil
	}
	var missing []string
	for _, path := range q.proj.Paths {
		if !p.ix.wanted[path.Name()] {
			missing = append(missing, path.Name())
		}
	}
	if missing != nil && p.ix.Global {
		return invalidParam("Global secondary index %s does not project [%s]", p.ix.Name, strings.Join(missing, ", "))
	}
	p.fetch = missing != nil
	return nil
}

func (q *search) startAt(p *plan) error {
	if q.terms == nil && p.ix == nil && len(q.start) != len(p.t.keyNames()) {
		return validation("The provided starting key is invalid: The provided key element does not match the schema")
	}
	if p.t.hasKeyTypes(q.start) {
		if e, bad := aws.AsError(p.t.emptyKeys(q.start)); bad {
			return validation("The provided starting key is invalid: %s", e.Message)
		}
	}
	start, ok := p.place(q.start)
	if !ok {
		if q.terms == nil {
			return validation("The provided starting key is invalid: The provided key element does not match the schema")
		}
		return validation("The provided starting key is invalid")
	}
	if !p.from(start) {
		if len(q.terms) > len(p.hashNames()) {
			return validation("The provided starting key does not match the range key predicate")
		}
		return validation("The provided starting key is outside query boundaries based on provided conditions")
	}
	return nil
}
