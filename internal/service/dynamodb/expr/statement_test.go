package expr_test

import (
	"testing"

	"github.com/leatdev/leat/internal/service/dynamodb/expr"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

func FuzzStatements(f *testing.F) {
	for _, s := range []string{
		`SELECT a.b[0], "c d" FROM "T"."i" WHERE pk = ? AND (x > 1 OR NOT begins_with(y, 'a')) ORDER BY sk DESC`,
		`INSERT INTO "T" VALUE {'pk': 'it''s', 'l': [1, -2.5e3, TRUE, NULL, <<'a'>>, {'m': ?}]}`,
		`UPDATE T SET a = list_append(a, [1]) SET b = b + 1 REMOVE c[1] WHERE pk = 'x' RETURNING ALL OLD *`,
		`DELETE FROM T WHERE pk = 1 AND z IS NOT MISSING`, `EXISTS(SELECT * FROM T WHERE a IN (1, 2))`, `((((`, "FROM T WHERE a=1 SET b=2 -- x",
	} {
		f.Add(s)
	}
	it := item(f, subject)
	f.Fuzz(func(t *testing.T, src string) {
		st, err := expr.ParseStatement(src, []attr.Value{attr.Str("p")})
		if err != nil {
			return
		}
		terms, rest := st.Split([]string{"pk", "sk"})
		for _, k := range terms {
			if len(k.Args) == 0 {
				t.Fatalf("%s: a term without a value", src)
			}
		}
		rest.Match(it)
		st.Where().Match(nil)
		st.Columns.Apply(it)
		if st.Update != nil {
			_, _ = st.Update.Apply(it)
		}
	})
}
