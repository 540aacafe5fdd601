package dynamodb

import (
	"fmt"
	"strings"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/dynamodb/expr"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// problems gathers what is wrong with a request's members; AWS reports them
// all in one message.
type problems []string

func (p *problems) add(value, member, constraint string) {
	*p = append(*p, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", value, member, constraint))
}

func (p problems) err() error {
	switch len(p) {
	case 0:
		return nil
	case 1:
		return validation("1 validation error detected: %s", p[0])
	}
	return validation("%d validation errors detected: %s", len(p), strings.Join(p, "; "))
}

const mustNotBeNull = "Member must not be null"

// Value sets of the enumerations, in the order AWS prints them.
var (
	consumedSet   = []string{"INDEXES", "TOTAL", "NONE"}
	collectionSet = []string{"SIZE", "NONE"}
	returnSet     = []string{"ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW", "NONE"}
	onFailureSet  = []string{"ALL_OLD", "NONE"}
	selectSet     = []string{"SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"}
)

func oneOf(v string, set []string) bool {
	for _, s := range set {
		if s == v {
			return true
		}
	}
	return false
}

// attributesToGet checks the parameter of that name.
func (p *problems) attributesToGet(member string, names []string) {
	if names != nil && len(names) == 0 {
		p.add("'[]'", member, "Member must have length greater than or equal to 1")
	}
}

// enum checks an enumeration; an absent one is no problem.
func (p *problems) enum(v, member string, set []string) {
	if v != "" && !oneOf(v, set) {
		p.add("'"+v+"'", member, "Member must satisfy enum value set: ["+strings.Join(set, ", ")+"]")
	}
}

// returnValues checks ReturnValues, whose refusal AWS words in a form of its own.
func (p *problems) returnValues(v string) {
	if v != "" && !oneOf(v, returnSet) {
		*p = append(*p, "Failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]")
	}
}

// plainName tells whether a name satisfies [a-zA-Z0-9_.-]+; every request asks.
func plainName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c|0x20 < 'a' || c|0x20 > 'z' {
			if (c < '0' || c > '9') && c != '_' && c != '.' && c != '-' {
				return false
			}
		}
	}
	return name != ""
}

// Limits of names.
const (
	minName = 3
	maxName = 255
)

// tableName checks a name or ARN as data operations do. An empty one is
// reported alone, which the result tells.
func (p *problems) tableName(name *string) (alone error) {
	switch {
	case name == nil:
		p.add("null", "tableName", mustNotBeNull)
	case *name == "":
		return validation("1 validation error detected: Value at 'TableName' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case isARN(*name):
		if len(*name) > 1024 {
			p.add("'"+*name+"'", "tableName", "Member must have length less than or equal to 1024")
		}
	default:
		p.name("tableName", *name, 1)
	}
	return nil
}

// name checks the characters and the length of a table's or index's name.
func (p *problems) name(member, name string, least int) {
	if len(name) < least {
		p.add("'"+name+"'", member, fmt.Sprintf("Member must have length greater than or equal to %d", least))
	}
	if len(name) > maxName {
		p.add("'"+name+"'", member, fmt.Sprintf("Member must have length less than or equal to %d", maxName))
	}
	if !plainName(name) {
		p.add("'"+name+"'", member, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
	}
}

func isARN(s string) bool { return strings.HasPrefix(s, "arn:") }

// ref is a table as a request names it.
type ref struct{ account, region, name string }

func (r ref) key() []byte { return tableKey(r.account, r.region, r.name) }

// refOf resolves a table name or ARN for the caller.
func refOf(req *aws.Request, name string) ref {
	if !strings.HasPrefix(name, "arn:") {
		return ref{req.Account(), req.Region, name}
	}
	if a, err := aws.ParseARN(name); err == nil && a.Service == "dynamodb" {
		if t, ok := strings.CutPrefix(a.Resource, "table/"); ok {
			t, _, _ = strings.Cut(t, "/")
			return ref{a.Account, a.Region, t}
		}
	}
	return ref{req.Account(), req.Region, name}
}

// profile is how an operation words what is wrong with values and expressions.
type profile struct {
	layer attr.Layer
	// envelope puts "1 validation error detected: " in front.
	envelope bool
	// deep lets the values of expressions nest as deep as they like.
	deep bool
}

var (
	single = profile{layer: attr.Current, envelope: true} // PutItem, UpdateItem, DeleteItem
	reads  = profile{layer: attr.Current}                 // GetItem, BatchGetItem, Query
	older  = profile{layer: attr.Older}                   // Scan, BatchWriteItem, transactions
)

func (pr profile) fail(err error) error {
	if _, ok := aws.AsError(err); ok {
		return err
	}
	if pr.envelope {
		return validation("1 validation error detected: %s", err.Error())
	}
	return validation("%s", err.Error())
}

func (pr profile) item(it attr.Item) (attr.Item, error) {
	out, err := it.Normalize(pr.layer)
	if err != nil {
		return nil, pr.fail(err)
	}
	return out, nil
}

// params checks the placeholders of a request that has expressions, or must not have any.
func (pr profile) params(names map[string]string, values attr.Item, hasExpr bool) (*expr.Params, error) {
	if !hasExpr {
		switch {
		case names != nil:
			return nil, pr.fail(attr.Refusal("ExpressionAttributeNames can only be specified when using expressions"))
		case values != nil:
			return nil, pr.fail(attr.Refusal("ExpressionAttributeValues can only be specified when using expressions"))
		}
		return &expr.Params{}, nil
	}
	norm := values
	if len(values) > 0 {
		norm = make(attr.Item, len(values))
		for i, f := range values {
			normalize := f.Value.Normalize
			if pr.deep {
				normalize = f.Value.NormalizeDeep
			}
			v, err := normalize(pr.layer)
			if err != nil {
				if pr.layer == attr.Older {
					err = attr.Refusal(fmt.Sprintf("ExpressionAttributeValues contains invalid value: %s for key %s", err, f.Name))
				}
				return nil, pr.fail(err)
			}
			norm[i] = attr.Field{Name: f.Name, Value: v}
		}
	}
	p, err := expr.NewParams(names, norm)
	if err != nil {
		return nil, pr.fail(err)
	}
	return p, nil
}

// flags names the parameters of a request that are present.
type flags []string

func (f flags) with(name string, present bool) flags {
	if present {
		return append(f, name)
	}
	return f
}

// exclusive refuses a request that mixes the parameters of old with expressions.
func (pr profile) exclusive(legacy, exprs flags) error {
	if len(legacy) == 0 || len(exprs) == 0 {
		return nil
	}
	return pr.fail(attr.Refusal(fmt.Sprintf("Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {%s} Expression parameters: {%s}",
		strings.Join(legacy, ", "), strings.Join(exprs, ", "))))
}

// legacyCond is an entry of Expected, QueryFilter, ScanFilter or KeyConditions.
type legacyCond struct {
	Value              *attr.Value
	Exists             *bool
	ComparisonOperator string
	AttributeValueList []attr.Value
}

var comparisonSet = []string{"IN", "NULL", "BETWEEN", "LT", "NOT_CONTAINS", "EQ", "GT", "NOT_NULL", "NE", "LE", "BEGINS_WITH", "GE", "CONTAINS"}

func (pr profile) legacy(member string, in map[string]legacyCond) (map[string]expr.LegacyCondition, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make(map[string]expr.LegacyCondition, len(in))
	for name, c := range in {
		var p problems
		p.enum(c.ComparisonOperator, member+"."+name+".member.comparisonOperator", comparisonSet)
		if err := p.err(); err != nil {
			return nil, err
		}
		lc := expr.LegacyCondition{Operator: c.ComparisonOperator, Exists: c.Exists, HasList: c.AttributeValueList != nil}
		if c.Value != nil {
			v, err := c.Value.Normalize(pr.layer)
			if err != nil {
				return nil, pr.fail(err)
			}
			lc.Value = &v
		}
		for _, raw := range c.AttributeValueList {
			v, err := raw.Normalize(pr.layer)
			if err != nil {
				return nil, pr.fail(err)
			}
			lc.List = append(lc.List, v)
		}
		out[name] = lc
	}
	return out, nil
}

// conditionalOperator checks the enumeration of that name, which AWS words in a form of its own.
func (pr profile) conditionalOperator(op string) error {
	if op != "" && op != "AND" && op != "OR" {
		return pr.fail(attr.Refusal("Failed to satisfy constraint: Member must satisfy enum value set: [ALL, OR]"))
	}
	return nil
}

// lookupKey checks the Key of a request against the table's schema.
func (t *Table) lookupKey(key attr.Item) (primary, error) {
	if len(key) != len(t.keyNames()) {
		return primary{}, keyMismatch()
	}
	for _, n := range t.keyNames() {
		v, ok := key.Get(n)
		if !ok || v.Kind() != t.kinds[n] {
			return primary{}, keyMismatch()
		}
	}
	if err := t.keyValues(key); err != nil {
		return primary{}, err
	}
	return t.primaryOf(key), nil
}

func keyMismatch() error {
	return validation("The provided key element does not match the schema")
}

// emptyKeys refuses key attributes without content.
func (t *Table) emptyKeys(it attr.Item) error {
	for _, n := range t.keyNames() {
		if v, _ := it.Get(n); v.Size() == 0 {
			return emptyKey(v, n)
		}
	}
	return nil
}

// keyValues checks the content of key attributes that are there and of their types.
func (t *Table) keyValues(it attr.Item) error {
	if err := t.emptyKeys(it); err != nil {
		return err
	}
	hash, _ := it.Get(t.Hash)
	if err := keyLength(hash, true); err != nil || t.Range == "" {
		return err
	}
	sort, _ := it.Get(t.Range)
	return keyLength(sort, false)
}

func keyLength(v attr.Value, hash bool) error {
	switch {
	case hash && v.Size() > attr.MaxHashKey:
		return invalidParam("Size of hashkey has exceeded the maximum size limit of2048 bytes")
	case !hash && v.Size() > attr.MaxRangeKey:
		return invalidParam("Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
	}
	return nil
}

func emptyKey(v attr.Value, name string) error {
	return validation("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", kindWord(v), name)
}

func kindWord(v attr.Value) string {
	if v.Kind() == attr.B {
		return "binary"
	}
	return "string"
}

// itemKeys checks that an item to be stored has the table's key attributes.
func (t *Table) itemKeys(it attr.Item) error {
	for _, n := range t.keyNames() {
		v, ok := it.Get(n)
		if !ok {
			return invalidParam("Missing the key %s in the item", n)
		}
		if v.Kind() != t.kinds[n] {
			return invalidParam("Type mismatch for key %s expected: %s actual: %s", n, t.kinds[n], v.Kind())
		}
	}
	return t.keyValues(it)
}

// indexKeys checks the index key attributes that an item to be stored has.
func (t *Table) indexKeys(it attr.Item) error {
	for i := range t.Indexes {
		ix := &t.Indexes[i]
		for j, names := range [][]string{ix.Hash, ix.Range} {
			size, limit := 0, attr.MaxHashKey
			if j == 1 {
				limit = attr.MaxRangeKey
			}
			for _, n := range names {
				v, ok := it.Get(n)
				if !ok {
					continue
				}
				if err := t.indexKey(ix, n, v); err != nil {
					return err
				}
				size += v.Size()
			}
			if size > limit {
				return indexKeyTooLarge(ix, j == 1)
			}
		}
	}
	return nil
}

func indexKeyTooLarge(ix *Index, sort bool) error {
	if sort {
		return invalidParam("Aggregated size of all range keys has exceeded the size limit of 1024 bytes IndexName: %s", ix.Name)
	}
	return invalidParam("Size of hashkey has exceeded the maximum size limit of2048 bytes IndexName: %s", ix.Name)
}

func (t *Table) indexKey(ix *Index, name string, v attr.Value) error {
	if v.Kind() != t.kinds[name] {
		return invalidParam("Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s", name, t.kinds[name], v.Kind(), ix.Name)
	}
	if v.Size() == 0 {
		return validation("One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s", kindWord(v), ix.Name, name)
	}
	return nil
}
