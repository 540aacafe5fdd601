package dynamodb_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func (b *bench) run(t testing.TB, st string, params ...av) ([]obj, error) {
	t.Helper()
	out, err := b.ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{Statement: &st, Parameters: params})
	if err != nil {
		return nil, err
	}
	return out.Items, nil
}

func (b *bench) must(t testing.TB, st string, params ...av) []obj {
	t.Helper()
	items, err := b.run(t, st, params...)
	if err != nil {
		t.Fatalf("%s: %v", st, err)
	}
	return items
}

func TestStatementsReadAndWrite(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "pairs", hash: "pk", sort: "sk", types: map[string]types.ScalarAttributeType{"sk": "N", "g": "S"},
		gsi: []types.GlobalSecondaryIndex{{IndexName: awssdk.String("gsi"), KeySchema: keys("g"), Projection: &types.Projection{ProjectionType: "KEYS_ONLY"}}}})
	for i := range 4 {
		b.must(t, fmt.Sprintf(`INSERT INTO "pairs" VALUE {'pk': 'a', 'sk': %d, 'g': 'G', 'tags': <<'x', 'y'>>, 'm': {'l': [1, .5e1, TRUE, NULL]}}`, i))
	}
	_, err := b.run(t, `INSERT INTO pairs VALUE {'pk': 'a', 'sk': 1}`)
	refused(t, err, "DuplicateItemException", "Duplicate primary key exists in table")
	sk := func(items []obj) string {
		var out []string
		for _, it := range items {
			out = append(out, text(it["sk"]))
		}
		return strings.Join(out, " ")
	}
	if items := b.must(t, `SELECT sk, m.l[0], tags, m.nope FROM "pairs" WHERE pk = 'a' AND sk = 2`); len(items) != 1 || len(items[0]) != 3 || text(items[0]["l[0]"]) != "1" {
		t.Errorf("columns are named %v", items)
	}
	for st, want := range map[string]string{
		`SELECT * FROM "pairs" WHERE pk = 'a' -- a note`:                                         "0 1 2 3",
		`SELECT * FROM pairs WHERE pk = 'a' AND sk > 1 ORDER BY sk DESC`:                         "3 2",
		`SELECT sk FROM "pairs" WHERE pk = 'a' AND sk BETWEEN 1e0 AND 2`:                         "1 2",
		`SELECT sk /* c */ FROM "pairs" WHERE sk IN [0, 3] AND contains(tags, 'x') AND pk = 'a'`: "0 3",
		`SELECT sk FROM "pairs" WHERE pk = 'a' AND NOT sk = 1 AND m.l[1] = 5`:                    "0 2 3",
		`SELECT sk FROM "pairs" WHERE pk = 'a' AND nope IS MISSING AND sk < 2`:                   "0 1",
		`SELECT sk FROM "pairs"."gsi" WHERE g = 'G' AND sk >= 2`:                                 "2 3",
		`select sk from "pairs" where pk = 'a' and size(tags) <> 2`:                              "",
	} {
		if got := sk(b.must(t, st)); got != want {
			t.Errorf("%s: %s", st, got)
		}
	}
	if items := b.must(t, `UPDATE "pairs" SET n = 1 SET tags = set_add(tags, <<'z'>>) REMOVE g WHERE pk = 'a' AND sk = 0 RETURNING MODIFIED NEW *`); len(items) != 1 || text(items[0]["n"]) != "1" || !reflect.DeepEqual(items[0]["tags"], ss("x", "y", "z")) {
		t.Errorf("%v", items)
	}
	b.must(t, `FROM "pairs" WHERE pk = ? AND sk = ? AND n = 1 SET n = n + ?`, s("a"), n("0"), n("5"))
	if got := b.get(t, "pairs", obj{"pk": s("a"), "sk": n("0")}); text(got["n"]) != "6" || got["g"] != nil {
		t.Errorf("%v", got)
	}
	_, err = b.run(t, `UPDATE "pairs" SET n = 1 WHERE pk = 'a' AND sk = 77`)
	refused(t, err, "ConditionalCheckFailedException", "The conditional request failed")
	if items := b.must(t, `DELETE FROM "pairs" WHERE pk = 'a' AND sk = 3 RETURNING ALL OLD *`); len(items) != 1 || text(items[0]["sk"]) != "3" {
		t.Errorf("%v", items)
	}
	if items := b.must(t, `DELETE FROM "pairs" WHERE pk = 'a' AND sk = 3`); items == nil || len(items) != 0 {
		t.Errorf("%v", items)
	}
	if found := check(t, b); found != nil {
		t.Error(found)
	}
}

func TestStatementsAreRefusedInAWSWords(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "num", hash: "pk", types: map[string]types.ScalarAttributeType{"pk": "N"}})
	const bad = "Statement wasn't well formed, can't be processed: "
	const leftover = bad + "Unexpected token after expression"
	for st, want := range map[string]string{
		`SELECT * FROM "num" WHERE pk = 1 foo`:                         leftover,
		`SELECT * FROM "num" WHERE pk = 1 e5`:                          leftover,
		`SELECT * FROM "num" WHERE pk = 1)`:                            leftover,
		`INSERT INTO "num" VALUE {'pk': 970001} foo`:                   leftover,
		`INSERT INTO "num" t VALUE {'pk': 1}`:                          leftover,
		`UPDATE "num" SET a = 9 WHERE pk = 970002 foo`:                 leftover,
		`DELETE FROM "num" WHERE pk = 970004 ORDER BY pk`:              leftover,
		`SELECT * FROM "num" ORDER BY pk WHERE pk = 1`:                 leftover,
		`SELECT * FROM "num" WHERE`:                                    bad + "Unexpected term",
		`SELECT * FROM "num" WHERE pk = 1e2147483648`:                  bad,
		`SELECT * FROM "num" WHERE pk = 1.5e-2147483647`:               bad,
		`SELECT * FROM "num" WHERE pk = 1 # note`:                      bad,
		`SELECT * FROM "num" WHERE pk = 1 /* note`:                     bad,
		`DROP TABLE "num"`:                                             bad + "Expected data manipulation",
		`nonsense`:                                                     bad + "Expected data manipulation",
		`UPDATE num-suffix SET a = 1 WHERE pk = 1`:                     bad + "Expected data manipulation",
		`UPDATE "num" WHERE pk = 1`:                                    bad + "Expected data manipulation",
		`SELECT * FROM "num" t WHERE pk = 1`:                           "Aliasing is not supported",
		`SELECT * FROM "num" AS t WHERE pk = 1`:                        "Aliasing is not supported",
		`UPDATE "num" t SET a = 3 WHERE pk = 1`:                        "Aliasing is not supported",
		`SELECT * FROM "num" WHERE pk = 1e126`:                         "Number overflow. Attempting to store a number with magnitude larger than supported range under root",
		`INSERT INTO "num" VALUE {'pk': 1, 'm': {'x': 1e126}}`:         "Number overflow. Attempting to store a number with magnitude larger than supported range under root.x",
		`INSERT INTO "num" VALUE {'pk': 1, 'l': [1, 1e126]}`:           "Number overflow. Attempting to store a number with magnitude larger than supported range under root[1]",
		`SELECT * FROM "num" WHERE pk = 1 AND attribute_exists('ss')`:  "Operator or function requires a document path; operator or function: attribute_exists",
		`SELECT * FROM "num" WHERE pk = 1 AND attribute_exists()`:      "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 0",
		`SELECT * FROM "num" WHERE pk = 1 AND EXISTS(ss)`:              "Unrecognized function: exists at 1:38:6",
		`SELECT * FROM "num" WHERE pk = 1 AND val < TRUE`:              "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
		`UPDATE "num" SET t = set_add(ss, <<'x'>>) WHERE pk = 1`:       "The first argument to SET_ADD must equal the assignment value at 1:22:7",
		`UPDATE "num" SET ss = set_add(ss, 'x') WHERE pk = 1`:          "The second argument to SET_ADD must be a value with type SET at 1:31:2",
		`UPDATE "num" SET ss = set_add(ss) WHERE pk = 1`:               "SET_ADD must have exactly two arguments at 1:23:7",
		`UPDATE "num" SET ss = set_add(ss, <<'x', 'x'>>) WHERE pk = 1`: "One or more parameter values were invalid: Input collection [x, x] contains duplicates.",
		`UPDATE "num" SET ss = set_add(ss, <<>>) WHERE pk = 1`:         "Empty bags are not supported",
		`UPDATE "num" SET a = 1 WHERE b = 1`:                           "Where clause does not contain a mandatory equality on all key attributes",
		`SELECT * FROM "num"."nope"`:                                   "The table does not have the specified index",
	} {
		_, err := b.run(t, st)
		if err == nil {
			t.Errorf("%s was accepted", st)
			continue
		}
		refused(t, err, "ValidationException", want)
	}
	for _, num := range []string{"1e99999999999", "1e2147483648", "1e-2147483648"} {
		_, err := b.run(t, `SELECT * FROM "num" WHERE pk = ?`, n(num))
		refused(t, err, "ValidationException", "The parameter cannot be converted to a numeric value: "+num)
	}
	_, err := b.run(t, `SELECT * FROM "absent" WHERE pk = 1`)
	refused(t, err, "ResourceNotFoundException", "Requested resource not found")
}

func TestStatementPagesGoOnWithTheirToken(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "pairs", hash: "pk", sort: "sk"})
	for i := range 7 {
		b.put(t, "pairs", obj{"pk": s("a"), "sk": s(fmt.Sprint(i))})
	}
	in := &sdk.ExecuteStatementInput{Statement: awssdk.String(`SELECT sk FROM pairs WHERE pk = 'a'`), Limit: awssdk.Int32(3)}
	var got string
	for {
		out, err := b.ExecuteStatement(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range out.Items {
			got += text(it["sk"])
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
		other := *in
		other.Statement = awssdk.String(`SELECT * FROM pairs WHERE pk = 'a'`)
		_, err = b.ExecuteStatement(t.Context(), &other)
		refused(t, err, "ValidationException", "NextToken does not match request")
	}
	if got != "0123456" {
		t.Errorf("%s", got)
	}
}

func TestBatchesOfStatementsFailOneByOne(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	st := func(texts ...string) []types.BatchStatementRequest {
		var out []types.BatchStatementRequest
		for i := range texts {
			out = append(out, types.BatchStatementRequest{Statement: &texts[i]})
		}
		return out
	}
	out, err := b.BatchExecuteStatement(t.Context(), &sdk.BatchExecuteStatementInput{ReturnConsumedCapacity: "TOTAL", Statements: st(
		`INSERT INTO things VALUE {'pk': 'a', 'v': 1}`, `INSERT INTO things VALUE {'pk': 'a'}`, `UPDATE things SET v = 2 WHERE pk = 'zz'`, `garbage`)})
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, r := range out.Responses {
		code := "-"
		if r.Error != nil {
			code = string(r.Error.Code)
		}
		codes = append(codes, code)
	}
	if got := strings.Join(codes, " "); got != "- DuplicateItem ConditionalCheckFailed ValidationError" || len(out.ConsumedCapacity) != 1 {
		t.Errorf("%s %v", got, out.ConsumedCapacity)
	}
	out, err = b.BatchExecuteStatement(t.Context(), &sdk.BatchExecuteStatementInput{Statements: st(`SELECT * FROM things WHERE pk = 'a' AND v = 1`, `SELECT * FROM things WHERE pk = 'a' AND v = 2`, `SELECT * FROM things WHERE v = 1`)})
	if err != nil || out.Responses[0].Item == nil || out.Responses[1].Item != nil || *out.Responses[2].Error.Message != "Select statements within BatchExecuteStatement must specify the primary key in the where clause." {
		t.Errorf("%+v %v", out, err)
	}
}

func TestTransactionsOfStatementsAreAllOrNothing(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	exec := func(texts ...string) (*sdk.ExecuteTransactionOutput, error) {
		var sts []types.ParameterizedStatement
		for i := range texts {
			sts = append(sts, types.ParameterizedStatement{Statement: &texts[i]})
		}
		return b.ExecuteTransaction(t.Context(), &sdk.ExecuteTransactionInput{TransactStatements: sts})
	}
	out, err := exec(`INSERT INTO things VALUE {'pk': 'a', 'v': 1}`, `INSERT INTO things VALUE {'pk': 'b'}`)
	if err != nil || out.Responses == nil || len(out.Responses) != 0 {
		t.Fatalf("%+v %v", out, err)
	}
	_, err = exec(`EXISTS(SELECT * FROM things WHERE pk = 'a' AND v = 2)`, `DELETE FROM things WHERE pk = 'b'`)
	refused(t, err, "TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons for specific reasons [ConditionalCheckFailed, None]")
	_, err = exec(`EXISTS(SELECT * FROM things WHERE pk = 'a')`)
	refused(t, err, "ValidationException", "Validation failed in TransactStatements[0]: EXISTS() must contain a single item read with additional condition")
	if _, err = exec(`EXISTS(SELECT * FROM things WHERE pk = 'a' AND v = 1)`, `DELETE FROM things WHERE pk = 'b'`); err != nil {
		t.Error(err)
	}
	out, err = exec(`SELECT * FROM things WHERE pk = 'a'`, `SELECT * FROM things WHERE pk = 'b'`)
	if err != nil || len(out.Responses) != 2 || out.Responses[0].Item == nil || out.Responses[1].Item != nil {
		t.Errorf("%+v %v", out, err)
	}
	_, err = exec(`SELECT * FROM things WHERE v = 1`)
	refused(t, err, "ValidationException", "Validation failed in TransactStatements[0]: Select statements within ExecuteTransaction must specify the primary key in the where clause.")
	_, err = exec(`SELECT * FROM things WHERE pk = 'a'`, `SELECT * FROM things WHERE pk = 'a'`)
	refused(t, err, "ValidationException", "Transaction request cannot include multiple operations on one item")
	_, err = exec(`INSERT INTO things VALUE {'pk': 'c'}`, `DELETE FROM things WHERE pk = 'a' RETURNING ALL OLD *`)
	refused(t, err, "ValidationException", "")
	if got := b.get(t, "things", obj{"pk": s("c")}); got != nil {
		t.Errorf("a refused transaction left %v", got)
	}
}
