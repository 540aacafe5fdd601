package expr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/service/dynamodb/expr"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

func item(t testing.TB, raw string) attr.Item {
	t.Helper()
	var it attr.Item
	if err := it.UnmarshalWireJSON([]byte(raw)); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	it, err := it.Normalize(attr.Current)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return it
}

var names = map[string]string{"#n": "name", "#d": "data", "#x": "a.b"}

const values = `{":a":{"S":"a"},":b":{"S":"b"},":n":{"N":"1"},":two":{"N":"2"},":t":{"BOOL":true},":l":{"L":[{"S":"new"}]},":ss":{"SS":["a","z"]},":m":{"M":{}},":ns":{"NS":["1"]},":ty":{"S":"SS"},":bad":{"S":"XX"},":nul":{"NULL":true}}`

func params(t testing.TB) *expr.Params {
	t.Helper()
	p, err := expr.NewParams(names, item(t, values))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const subject = `{"s":{"S":"abc"},"n":{"N":"5"},"name":{"S":"x"},"l":{"L":[{"S":"a"},{"N":"2"},{"M":{"k":{"S":"v"}}}]},"m":{"M":{"k":{"N":"7"},"inn":{"M":{"z":{"S":"q"}}}}},"ss":{"SS":["a","b"]},"ns":{"NS":["1","2"]},"t":{"BOOL":true},"a.b":{"S":"dotted"},"nul1":{"NULL":true},"bin":{"B":"AAEC"},"wide":{"S":"é𝄞"}}`

func TestConditionsHoldAsOnAWS(t *testing.T) {
	t.Parallel()
	it := item(t, subject)
	for src, want := range map[string]bool{
		"s = :a": false, "s <> :a": true, "nope <> :a": true, "nope = :a": false, "NOT nope = :a": true, "nope < :n": false,
		"s > :a AND n > :two": true, "s < :a OR n < :two": false, "n BETWEEN :n AND :two": false, "m.k >= :two": true,
		"s IN (:b, :a, s2)": false, "l[0] IN (:b, :a)": true, "l[1] = :two": true, "l[9] = :two": false, "l[2].k = :a": false,
		"attribute_exists(m.#d)": false, "attribute_not_exists(l[3])": true, "attribute_exists(#x)": true, "attribute_type(ss, :ty)": true, "attribute_type(s, :ty)": false,
		"begins_with(s, :a)": true, "begins_with(#n, :a)": false, "contains(ss, :a)": true, "contains(s, :b)": true, "contains(ns, :n)": true, "contains(ns, :a)": false, "contains(l, :two)": true,
		"size(s) > :two": true, "size(l) = :n": false, "size(wide) = size(s)": true, "size(bin) = size(s)": true, "size(n) > :n": false, "size(nope) <> :n": true, "t = :t": true, "n < :a": false,
		"not attribute_exists(s) or (n = :n or s <> :b) and n <> :n": true, "( ( size ( s )) > m.k ) OR ( n > :n )": true, "ss = :ss": false, "nul1 = :nul": true, "bin < :a": false,
		"NOT NOT n > :n": true, "size(ss) between :n and :two": true, "s = s2 or n=:n": false,
	} {
		c, err := params(t).ParseCondition(expr.ConditionExp, src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
		} else if c.Match(it) != want {
			t.Errorf("%s: got %v", src, !want)
		}
	}
}

func TestConditionsAreRefusedInAWSWords(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"":                              "The expression can not be empty;",
		"a = = b":                       `Syntax error; token: "=", near: "= = b"`,
		"a":                             `Syntax error; token: "<EOF>", near: "a"`,
		"a =":                           `Syntax error; token: "<EOF>", near: "="`,
		"_a = :a":                       `Syntax error; token: "_", near: "_a"`,
		"__typename <> :a":              `Syntax error; token: "_", near: "__"`,
		"GI-1-PK = :a":                  `Syntax error; token: "-", near: "GI-1"`,
		"a = :a AND _b = :a":            `Syntax error; token: "_", near: "AND _b"`,
		"a = 5":                         `Syntax error; token: "5", near: "= 5"`,
		"(a = :a":                       `Syntax error; token: "<EOF>", near: ":a"`,
		"a AND b = :a":                  `Syntax error; token: "AND", near: "a AND b"`,
		"((a = :a))":                    "The expression has redundant parentheses;",
		"name = :a":                     "Attribute name is a reserved keyword; reserved keyword: name",
		"m.Size = :a":                   "Attribute name is a reserved keyword; reserved keyword: Size",
		"#zz = :a":                      "An expression attribute name used in the document path is not defined; attribute name: #zz",
		"a = :zz":                       "An expression attribute value used in expression is not defined; attribute value: :zz",
		"foo(a)":                        "Invalid function name; function: foo",
		"size(a)":                       "The function is not allowed to be used this way in an expression; function: size",
		"a = attribute_exists(b)":       "The function is not allowed to be used this way in an expression; function: attribute_exists",
		"attribute_exists(:a)":          "Operator or function requires a document path; operator or function: attribute_exists",
		"attribute_exists(a, b)":        "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2",
		"begins_with(a, :n)":            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
		"a < :t":                        "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
		"size(:n) = :n":                 "Incorrect operand type for operator or function; operator or function: size, operand type: N",
		"contains(#d, #d)":              "The first operand must be distinct from the remaining operands for this operator or function; operator: contains, first operand: [data]",
		"a = a":                         "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a]",
		"a BETWEEN :b AND :a":           "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:a}",
		"a BETWEEN :n AND :a":           "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:a}",
		"attribute_type(a, :bad)":       "Invalid attribute type name found; type: XX, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
		"l[99999999999] = :a":           "List index is not within the allowable range; index: [99999999999]",
		"list_append(a, b)":             "The function is not allowed in a condition expression; function: list_append",
		strings.Repeat("x", 4097):       "Expression size has exceeded the maximum allowed size; expression size: 4097",
		"a = :zz AND begins_with(b,:n)": "An expression attribute value used in expression is not defined; attribute value: :zz",
	} {
		_, err := params(t).ParseCondition(expr.ConditionExp, src)
		if err == nil || err.Error() != "Invalid ConditionExpression: "+want {
			t.Errorf("%.60s: %v", src, err)
		}
	}
}

func TestExpressionsHoldAtTheirLimitsAndNotOnePast(t *testing.T) {
	t.Parallel()
	try := func(src string) error {
		_, err := params(t).ParseCondition(expr.Filter, src)
		return err
	}
	chain := func(n int) string { return "a=:n" + strings.Repeat(" OR a=:n", n-1) } // 2n-1 operators
	if err := try(chain(150) + " OR attribute_exists(a)"); err == nil || err.Error() != "Invalid FilterExpression: The expression contains too many operators; operator count: 301" {
		t.Errorf("301 operators: %v", err)
	}
	if err := try("NOT " + chain(150)); err != nil {
		t.Errorf("300 operators: %v", err)
	}
	in := func(n int) string { return "a IN (:n" + strings.Repeat(",:n", n-1) + ")" }
	if err := try(in(100)); err != nil {
		t.Errorf("IN of 100: %v", err)
	}
	if err := try(in(101)); err == nil || err.Error() != "Invalid FilterExpression: The IN operator is provided with too many operands; number of operands: 101" {
		t.Errorf("IN of 101: %v", err)
	}
	path := func(n int) string { return "attribute_exists(a" + strings.Repeat("[0]", n-1) + ")" }
	if err := try(path(expr.MaxPathDepth)); err != nil {
		t.Errorf("path at the limit: %v", err)
	}
	if err := try(path(expr.MaxPathDepth + 1)); err == nil {
		t.Error("path past the limit was accepted")
	}
}

func TestAll573ReservedWordsAreReservedInAnyCase(t *testing.T) {
	t.Parallel()
	for _, w := range []string{"abort", "Name", "STATUS", "zone", "flattern", "Innter", "ttl"} {
		if !expr.IsReserved(w) {
			t.Errorf("%s is not reserved", w)
		}
	}
	if expr.IsReserved("symbol") || expr.IsReserved("rate") || expr.IsReserved("id") {
		t.Error("an ordinary word is reserved")
	}
	if n := expr.ReservedCount(); n != 573 {
		t.Errorf("%d reserved words", n)
	}
}

func TestPlaceholdersAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		names  map[string]string
		values string
		want   string
	}{
		{map[string]string{}, `{":a":{"S":""}}`, "ExpressionAttributeNames must not be empty"},
		{nil, `{}`, "ExpressionAttributeValues must not be empty"},
		{map[string]string{"n": "x"}, `{":a":{"S":""}}`, `ExpressionAttributeNames contains invalid key: Syntax error; key: "n"`},
		{map[string]string{"#a-b": "x"}, `{":a":{"S":""}}`, `ExpressionAttributeNames contains invalid key: Syntax error; key: "#a-b"`},
		{nil, `{"a":{"S":""}}`, `ExpressionAttributeValues contains invalid key: Syntax error; key: "a"`},
	} {
		_, err := expr.NewParams(c.names, item(t, c.values))
		if err == nil || err.Error() != c.want {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func TestUnusedPlaceholdersAreNamed(t *testing.T) {
	t.Parallel()
	p, err := expr.NewParams(map[string]string{"#a": "a", "#b": "b", "#c": "c"}, item(t, `{":x":{"S":""},":y":{"S":""}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.ParseCondition(expr.Filter, "#b = :x"); err != nil {
		t.Fatal(err)
	}
	if err := p.CheckUnused(); err == nil || err.Error() != "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #c}" {
		t.Errorf("names: %v", err)
	}
	if _, err := p.ParseProjection("#a, #c"); err != nil {
		t.Fatal(err)
	}
	if err := p.CheckUnused(); err == nil || err.Error() != "Value provided in ExpressionAttributeValues unused in expressions: keys: {:y}" {
		t.Errorf("values: %v", err)
	}
}

func TestProjectionsPickParts(t *testing.T) {
	t.Parallel()
	it := item(t, subject)
	for src, want := range map[string]string{
		"s, n":                 `{"n":{"N":"5"},"s":{"S":"abc"}}`,
		"l[2], l[0]":           `{"l":{"L":[{"S":"a"},{"M":{"k":{"S":"v"}}}]}}`,
		"m.inn.z, m.k":         `{"m":{"M":{"inn":{"M":{"z":{"S":"q"}}},"k":{"N":"7"}}}}`,
		"m.nothing, nope, s.k": `{}`,
		"#x, l[2].k":           `{"a.b":{"S":"dotted"},"l":{"L":[{"M":{"k":{"S":"v"}}}]}}`,
	} {
		pr, err := params(t).ParseProjection(src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got := string(pr.Apply(it).AppendJSON(nil)); got != want {
			t.Errorf("%s: %s", src, got)
		}
	}
	for src, want := range map[string]string{
		"a, a":      "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
		"a.b, a":    "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a]",
		"a[0], a.b": "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, [0]], path two: [a, b]",
		"a,":        `Syntax error; token: "<EOF>", near: ","`,
		"a, :b":     `Syntax error; token: ":b", near: ", :b"`,
		"status":    "Attribute name is a reserved keyword; reserved keyword: status",
	} {
		if _, err := params(t).ParseProjection(src); err == nil || err.Error() != "Invalid ProjectionExpression: "+want {
			t.Errorf("%s: %v", src, err)
		}
	}
}

func TestUpdatesChangeTheItem(t *testing.T) {
	t.Parallel()
	const base = `{"c":{"N":"5"},"l":{"L":[{"S":"0"},{"S":"1"},{"S":"2"}]},"m":{"M":{"k":{"N":"1"}}},"ss":{"SS":["a","b"]}}`
	for src, want := range map[string]string{
		"SET x = :a":                          `"x":{"S":"a"}`,
		"SET c = c + :two":                    `"c":{"N":"7"}`,
		"set c = c - :two":                    `"c":{"N":"3"}`,
		"SET x = if_not_exists(x, :n) + :two": `"x":{"N":"3"}`,
		"SET c = if_not_exists(c, :n)":        `"c":{"N":"5"}`,
		"SET l = list_append(l, :l)":          `"l":{"L":[{"S":"0"},{"S":"1"},{"S":"2"},{"S":"new"}]}`,
		"SET l = list_append(:l, l)":          `"l":{"L":[{"S":"new"},{"S":"0"},{"S":"1"},{"S":"2"}]}`,
		"SET l[9] = :b, l[5] = :a":            `"l":{"L":[{"S":"0"},{"S":"1"},{"S":"2"},{"S":"a"},{"S":"b"}]}`,
		"REMOVE l[0], l[2]":                   `"l":{"L":[{"S":"1"}]}`,
		"SET l[1] = :a REMOVE l[0]":           `"l":{"L":[{"S":"a"},{"S":"2"}]}`,
		"SET m.z = :a, m.k = c":               `"m":{"M":{"k":{"N":"5"},"z":{"S":"a"}}}`,
		"REMOVE m.k":                          `"m":{"M":{}}`,
		"ADD c :two, fresh :n":                `"fresh":{"N":"1"}`,
		"ADD ss :ss":                          `"ss":{"SS":["a","b","z"]}`,
		"DELETE ss :ss":                       `"ss":{"SS":["b"]}`,
		"SET x = c, c = :n":                   `"x":{"N":"5"}`,
		"SET x = (c + :n)":                    `"x":{"N":"6"}`,
		"REMOVE nope, l[7]":                   `"l":{"L":[{"S":"0"},{"S":"1"},{"S":"2"}]}`,
	} {
		u, err := params(t).ParseUpdate(src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		before := item(t, base)
		got, err := u.Apply(before)
		if err != nil || !strings.Contains(string(got.AppendJSON(nil)), want) {
			t.Errorf("%s: %s, %v", src, got.AppendJSON(nil), err)
		}
		if !before.Equal(item(t, base)) {
			t.Errorf("%s changed the item it was given", src)
		}
	}
}

func TestDeletingTheLastMemberOfASetRemovesTheAttribute(t *testing.T) {
	t.Parallel()
	u, err := params(t).ParseUpdate("DELETE ss :ss")
	if err != nil {
		t.Fatal(err)
	}
	got, err := u.Apply(item(t, `{"ss":{"SS":["z"]},"k":{"S":"v"}}`))
	if err != nil || string(got.AppendJSON(nil)) != `{"k":{"S":"v"}}` {
		t.Errorf("%s, %v", got.AppendJSON(nil), err)
	}
}

func TestUpdatesAreRefusedInAWSWords(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"":                             "The expression can not be empty;",
		"INVALID SYNTAX HERE":          `Syntax error; token: "INVALID", near: "INVALID SYNTAX"`,
		"set _something = :a":          `Syntax error; token: "_", near: "set _something"`,
		"SET a = :a SET b = :b":        `The "SET" section can only be used once in an update expression;`,
		"SET a = :a, a = :b":           "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
		"SET a = :a REMOVE a.b":        "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]",
		"SET a = attribute_exists(b)":  "The function is not allowed in an update expression; function: attribute_exists",
		"SET a = nope(b)":              "Invalid function name; function: nope",
		"SET a = list_append(a, :m)":   "Incorrect operand type for operator or function; operator or function: list_append, operand type: M",
		"SET a = a + :a":               "Incorrect operand type for operator or function; operator or function: +, operand type: S",
		"SET a = if_not_exists(:a, b)": "Operator or function requires a document path; operator or function: if_not_exists",
		"SET a = list_append(a)":       "Incorrect number of operands for operator or function; operator or function: list_append, number of operands: 1",
		"ADD a :a":                     "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND",
		"DELETE a :n":                  "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND",
		"ADD a b":                      `Syntax error; token: "b", near: "a b"`,
		"SET a = b + c + d":            `Syntax error; token: "+", near: "c + d"`,
		"SET a = :zz":                  "An expression attribute value used in expression is not defined; attribute value: :zz",
		"REMOVE status":                "Attribute name is a reserved keyword; reserved keyword: status",
		strings.Repeat("x", 5000):      "Expression size has exceeded the maximum allowed size;",
	} {
		if _, err := params(t).ParseUpdate(src); err == nil || err.Error() != "Invalid UpdateExpression: "+want {
			t.Errorf("%.60s: %v", src, err)
		}
	}
}

func TestUpdatesThatDoNotFitTheItemFail(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]error{
		"SET m.a.b = :a": expr.ErrPathInvalid, "SET nope.x = :a": expr.ErrPathInvalid, "SET s.x = :a": expr.ErrPathInvalid, "SET s[0] = :a": expr.ErrPathInvalid,
		"REMOVE nope.x": expr.ErrPathInvalid, "SET a = nope": expr.ErrAttrMissing, "SET a = s + :n": expr.ErrOperandType, "SET a = list_append(s, :l)": expr.ErrOperandType,
		"ADD s :n": expr.ErrOperandType, "ADD ss :ns": expr.ErrOperandType, "DELETE s :ss": expr.ErrOperandType, "SET a = list_append(nope, :l)": expr.ErrAttrMissing,
	} {
		u, err := params(t).ParseUpdate(src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if _, err := u.Apply(item(t, subject)); err != want {
			t.Errorf("%s: %v", src, err)
		}
	}
}

func TestKeyConditionsBecomeTerms(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"s = :a":                           "s = a",
		"s = :a AND n BETWEEN :n AND :two": "s = a; n BETWEEN 1 2",
		"begins_with(n, :b) and :a = s":    "n begins_with b; s = a",
		"(s = :a) AND (:n < n)":            "s = a; n > 1",
	} {
		terms, err := params(t).ParseKeyCondition(src)
		var parts []string
		for _, k := range terms {
			s := k.Name + " " + k.Op
			for _, a := range k.Args {
				s += " " + a.Text()
			}
			parts = append(parts, s)
		}
		if got := strings.Join(parts, "; "); err != nil || got != want {
			t.Errorf("%s: %s, %v", src, got, err)
		}
	}
	for src, want := range map[string]string{
		"s = :a OR n = :n":               "Invalid operator used in KeyConditionExpression: OR",
		"s <> :a":                        "Invalid operator used in KeyConditionExpression: <>",
		"attribute_exists(s)":            "Invalid operator used in KeyConditionExpression: attribute_exists",
		"s = :a AND n > :n AND n < :two": "KeyConditionExpressions must only contain one condition per key",
		"s.x = :a":                       "KeyConditionExpressions cannot have conditions on nested attributes",
		"s = n":                          "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition",
		":a = :b":                        "Invalid condition in KeyConditionExpression: No key attribute specified",
		"s = :a AND :t >= n":             "Incorrect operand type for operator or function; operator or function: >=, operand type: BOOL",
	} {
		if _, err := params(t).ParseKeyCondition(src); err == nil || err.Error() != "Invalid KeyConditionExpression: "+want {
			t.Errorf("%s: %v", src, err)
		}
	}
}

func TestLegacyConditionsMeanWhatTheirExpressionsMean(t *testing.T) {
	t.Parallel()
	v := func(raw string) attr.Value { got, _ := item(t, `{"v":`+raw+`}`).Get("v"); return got }
	yes, no := true, false
	a, five := v(`{"S":"a"}`), v(`{"N":"5"}`)
	it := item(t, subject)
	for i, c := range []struct {
		cond map[string]expr.LegacyCondition
		op   string
		want bool
	}{
		{map[string]expr.LegacyCondition{"n": {Value: &five}}, "", true},
		{map[string]expr.LegacyCondition{"zz": {Exists: &no}}, "", true},
		{map[string]expr.LegacyCondition{"n": {Exists: &yes, Value: &five}, "s": {Operator: "EQ", List: []attr.Value{a}, HasList: true}}, "", false},
		{map[string]expr.LegacyCondition{"n": {Exists: &yes, Value: &five}, "s": {Operator: "EQ", List: []attr.Value{a}, HasList: true}}, "OR", true},
		{map[string]expr.LegacyCondition{"ss": {Operator: "CONTAINS", List: []attr.Value{a}, HasList: true}}, "", true},
		{map[string]expr.LegacyCondition{"zz": {Operator: "NOT_CONTAINS", List: []attr.Value{a}, HasList: true}}, "", false},
		{map[string]expr.LegacyCondition{"zz": {Operator: "NULL"}}, "", true},
	} {
		got, err := expr.LegacyFilter(c.cond, c.op)
		if err != nil || got.Match(it) != c.want {
			t.Errorf("case %d: %v", i, err)
		}
	}
	_, err := expr.LegacyFilter(map[string]expr.LegacyCondition{"n": {Operator: "BETWEEN", List: []attr.Value{five}, HasList: true}}, "")
	if err == nil || err.Error() != "One or more parameter values were invalid: Invalid number of argument(s) for the BETWEEN ComparisonOperator" {
		t.Errorf("%v", err)
	}
	if _, err := expr.LegacyFilter(map[string]expr.LegacyCondition{"n": {Value: &five}}, "AND"); err != expr.ErrOperatorOne {
		t.Errorf("%v", err)
	}
}

func FuzzExpressions(f *testing.F) {
	for _, s := range []string{"a = :a AND NOT (b < :n OR size(c[0].d) > :two)", "SET a = if_not_exists(a, :n) + :two, b[1].c = list_append(b, :l) REMOVE d ADD e :n DELETE ss :ss", "a, b.c, d[0]", "s = :a AND begins_with(n, :b)", "((((", "#n IN (:a, :b)", "a BETWEEN :n AND :two", "é = :a"} {
		f.Add(s)
	}
	it := item(f, subject)
	f.Fuzz(func(t *testing.T, src string) {
		if c, err := params(t).ParseCondition(expr.Filter, src); err == nil {
			c.Match(it)
			c.Match(nil)
		}
		if u, err := params(t).ParseUpdate(src); err == nil {
			if out, err := u.Apply(it); err == nil {
				if back, err := attr.ParseItem(out.AppendStored(nil)); err != nil || !back.Equal(out) {
					t.Fatalf("%s made an item that does not read back: %v", src, err)
				}
			}
		}
		if pr, err := params(t).ParseProjection(src); err == nil {
			pr.Apply(it)
		}
		_, _ = params(t).ParseKeyCondition(src)
	})
}

func BenchmarkCondition(b *testing.B) {
	it, vals := item(b, subject), item(b, values)
	for b.Loop() {
		p, err := expr.NewParams(names, vals)
		if err != nil {
			b.Fatal(err)
		}
		c, err := p.ParseCondition(expr.ConditionExp, "attribute_exists(s) AND n > :two")
		if err != nil || !c.Match(it) {
			b.Fatal(fmt.Sprint(err))
		}
	}
}
