package attr_test

import (
	"bytes"
	"math/big"
	"sort"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
	"pgregory.net/rapid"
)

func decode(t *testing.T, raw string) attr.Item {
	t.Helper()
	var it attr.Item
	if err := it.UnmarshalWireJSON([]byte(raw)); err != nil {
		t.Fatalf("decode %s: %v", raw, err)
	}
	return it
}

func TestNumbersAreNormalisedToPlainDecimal(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"0": "0", "-0": "0", "0e125": "0", "00012": "12", "+5": "5", "1.50": "1.5", ".5": "0.5", "5.": "5",
		"0042.1200": "42.12", "1e3": "1000", "12E-1": "1.2", "-1e-3": "-0.001", "1E125": "1" + strings.Repeat("0", 125),
		"99999999999999999999999999999999999999": strings.Repeat("9", 38), "1e-130": "0." + strings.Repeat("0", 129) + "1",
	}
	for in, want := range cases {
		n, err := attr.ParseNumber(in)
		if err != nil || n.String() != want {
			t.Errorf("%s: got %s, %v; want %s", in, n, err, want)
		}
	}
}

func TestNumbersOutsideTheRangeAreRefusedInAWSWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]error{
		"1e126": attr.ErrOverflow, "-1e99999999999": attr.ErrOverflow, "1e-131": attr.ErrUnderflow, "0e126": attr.ErrOverflow, "0e-131": attr.ErrUnderflow,
		"1e9223372036854775808": attr.ErrNotNumber, "": attr.ErrNotNumber, ".": attr.ErrNotNumber, "1 ": attr.ErrNotNumber, "0x10": attr.ErrNotNumber,
		"1e": attr.ErrNotNumber, "--1": attr.ErrNotNumber, "1e+-2": attr.ErrNotNumber, "NaN": attr.ErrNotNumber,
		"1234567890123456789012345678901234567890": attr.ErrDigits,
	} {
		if _, err := attr.ParseNumber(in); err != want {
			t.Errorf("%q: got %v, want %v", in, err, want)
		}
	}
}

// randomNumber draws any number that DynamoDB can hold.
func randomNumber(t *rapid.T, label string) attr.Number {
	digits := rapid.StringMatching(`[0-9]{1,38}`).Draw(t, label+"digits")
	sign := rapid.SampledFrom([]string{"", "-"}).Draw(t, label+"sign")
	exp := rapid.IntRange(-130, 125-38).Draw(t, label+"exp")
	n, err := attr.ParseNumber(sign + digits + "e" + big.NewInt(int64(exp)).String())
	if err != nil {
		t.Fatalf("%s%se%d: %v", sign, digits, exp, err)
	}
	return n
}

func rat(n attr.Number) *big.Rat {
	r, _ := new(big.Rat).SetString(n.String())
	return r
}

func TestOrderedNumbersSortAsNumbersAndReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := randomNumber(t, "a"), randomNumber(t, "b")
		ka, kb := a.AppendOrdered(nil), b.AppendOrdered(nil)
		want := rat(a).Cmp(rat(b))
		if bytes.Compare(ka, kb) != want || a.Compare(b) != want {
			t.Fatalf("%s vs %s: bytes %d, compare %d, want %d", a, b, bytes.Compare(ka, kb), a.Compare(b), want)
		}
		back, rest, err := attr.ParseOrdered(append(ka, 7))
		if err != nil || back != a || len(rest) != 1 {
			t.Fatalf("%s reads back as %s, %v", a, back, err)
		}
	})
}

func TestSumsAreExactOrRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := randomNumber(t, "a"), randomNumber(t, "b")
		sum, err := a.Add(b)
		want := new(big.Rat).Add(rat(a), rat(b))
		if err == nil && rat(sum).Cmp(want) != 0 {
			t.Fatalf("%s + %s = %s", a, b, sum)
		}
		diff, err := a.Sub(a)
		if err != nil || !diff.IsZero() {
			t.Fatalf("%s - itself = %s, %v", a, diff, err)
		}
	})
}

func TestKeysSortAsTheirValues(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringMatching(`[\x00\x01a\xff]{0,4}`), 2, 8).Draw(t, "texts")
		keys := make([]string, len(texts))
		for i, s := range texts {
			keys[i] = string(attr.Str(s).AppendKey(nil))
		}
		sort.Strings(texts)
		sort.Strings(keys)
		for i, s := range texts {
			if string(attr.Str(s).AppendKey(nil)) != keys[i] {
				t.Fatalf("order of %q differs", texts)
			}
		}
	})
}

func TestSizesAreThoseAWSComputes(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]int{
		`{"n":{"N":"3.14159"}}`: 1 + 5, `{"n":{"N":"123456"}}`: 1 + 4, `{"n":{"N":"1E125"}}`: 1 + 2, `{"n":{"N":"-1"}}`: 1 + 3, `{"n":{"N":"0"}}`: 1 + 1,
		`{"ab":{"S":"äx"}}`: 2 + 3, `{"b":{"B":"AAEC"}}`: 1 + 3, `{"b":{"BOOL":true},"n":{"NULL":true}}`: 4,
		`{"l":{"L":[{"S":"a"},{"N":"1"}]}}`: 1 + 3 + 2 + 3, `{"m":{"M":{"k":{"S":"v"}}}}`: 1 + 3 + 1 + 2, `{"s":{"SS":["a","bc"]}}`: 1 + 3, `{"l":{"L":[]}}`: 4,
	} {
		it, err := decode(t, raw).Normalize(attr.Current)
		if err != nil || it.Size() != want {
			t.Errorf("%s: got %d, %v; want %d", raw, it.Size(), err, want)
		}
	}
}

func TestValuesThatBreakARuleAreRefusedInTheWordsOfTheirLayer(t *testing.T) {
	t.Parallel()
	const inv = "One or more parameter values were invalid: "
	for _, c := range []struct{ raw, current, older string }{
		{`{"SS":["b","a","b"]}`, inv + `Input collection ["a", "b", "b"] contains duplicates.`, inv + `Input collection [b, a, b] contains duplicates.`},
		{`{"BS":["/w==","AA==","AA=="]}`, inv + `Input collection ["AA==","/w==","AA=="]of type BS contains duplicates.`, inv + `Input collection [/w==, AA==, AA==]of type BS contains duplicates.`},
		{`{"NS":["2","1","2.0"]}`, inv + "Input collection contains duplicates.", "Input collection contains duplicates"},
		{`{"SS":[]}`, inv + "An string set  may not be empty", ""},
		{`{"NS":[]}`, inv + "An number set  may not be empty", ""},
		{`{"BS":[]}`, inv + "Binary sets should not be empty", ""},
		{`{}`, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes", ""},
		{`{"S":"a","N":"1"}`, "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes", ""},
		{`{"NULL":false}`, inv + "Null attribute value types must have the value of true", ""},
		{`{"N":""}`, "The parameter cannot be converted to a numeric value: ", "The parameter cannot be converted to a numeric value"},
		{`{"N":"abc"}`, "The parameter cannot be converted to a numeric value: abc", ""},
		{`{"N":"1e2147483647"}`, attr.ErrOverflow.Error(), attr.ErrUnderflow.Error()},
		{`{"M":{"":{"S":"x"}}}`, "Empty attribute name", ""},
	} {
		var v attr.Value
		if err := v.UnmarshalWireJSON([]byte(c.raw)); err != nil {
			t.Fatalf("%s: %v", c.raw, err)
		}
		if _, err := v.Normalize(attr.Current); err == nil || err.Error() != c.current {
			t.Errorf("%s current: %v", c.raw, err)
		}
		if c.older == "" {
			c.older = c.current
		}
		if _, err := v.Normalize(attr.Older); err == nil || err.Error() != c.older {
			t.Errorf("%s older: %v", c.raw, err)
		}
	}
}

func TestNestingIsAcceptedAtTheLimitAndRefusedOnePast(t *testing.T) {
	t.Parallel()
	deep := func(n int) string {
		return `{"d":` + strings.Repeat(`{"M":{"n":`, n) + `{"S":"leaf"}` + strings.Repeat(`}}`, n) + `}`
	}
	if _, err := decode(t, deep(attr.MaxDepth-1)).Normalize(attr.Current); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := decode(t, deep(attr.MaxDepth)).Normalize(attr.Current); err != attr.ErrNesting {
		t.Errorf("one past: %v", err)
	}
	var it attr.Item
	if err := it.UnmarshalWireJSON([]byte(deep(2000))); err == nil {
		t.Error("a value of unbounded depth was decoded")
	}
}

func TestMalformedJSONIsASyntaxError(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`{"a":{"S":1}}`, `{"a":{"N":1}}`, `{"a":{"B":"abc"}}`, `{"a":{"B":"????"}}`, `{"a":{"SS":"x"}}`, `[]`, `{"a"`, `{"a":{"BOOL":"true"}}`, `{"a":{"S":"x"}} 1`, ``} {
		var it attr.Item
		err := it.UnmarshalWireJSON([]byte(raw))
		if _, ok := err.(*attr.SyntaxError); !ok {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

const sample = `{"b":{"B":"AP8="},"bs":{"BS":["AA==","AQ=="]},"e":{"S":""},"l":{"L":[{"N":"1.5"},{"NULL":true},{"L":[]}]},"m":{"M":{"x":{"BOOL":true},"y\"\n":{"BOOL":false}}},"ns":{"NS":["-1","2","10"]},"s":{"S":"héllo ☃ \u0001"},"ss":{"SS":["a","b"]}}`

func TestItemsReadBackFromTheirStoredForm(t *testing.T) {
	t.Parallel()
	it, err := decode(t, sample).Normalize(attr.Current)
	if err != nil {
		t.Fatal(err)
	}
	stored := it.AppendStored(nil)
	back, err := attr.ParseItem(stored)
	if err != nil || !back.Equal(it) {
		t.Fatalf("read back %v, %v", back, err)
	}
	direct, err := attr.Stored(stored).AppendWireJSON(nil)
	if err != nil || string(direct) != string(it.AppendJSON(nil)) {
		t.Fatalf("stored form gives %s, %v; values give %s", direct, err, it.AppendJSON(nil))
	}
	again := decode(t, string(direct))
	if norm, err := again.Normalize(attr.Current); err != nil || !norm.Equal(it) {
		t.Fatalf("JSON reads back as %v, %v", norm, err)
	}
	for i := range stored {
		if _, err := attr.ParseItem(stored[:i]); err == nil {
			t.Fatalf("the first %d bytes alone were accepted", i)
		}
		if _, err := attr.Stored(stored[:i]).AppendWireJSON(nil); err == nil {
			t.Fatalf("the first %d bytes alone were written", i)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"a":{"S":null,"X":[1,{"y":2}],"N":"1e5"}}`))
	f.Add([]byte(`{"a":{"M":{"b":{}}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var it attr.Item
		if it.UnmarshalWireJSON(raw) != nil {
			return
		}
		norm, err := it.Normalize(attr.Older)
		if err != nil {
			return
		}
		var again attr.Item
		if err := again.UnmarshalWireJSON(norm.AppendJSON(nil)); err != nil {
			t.Fatalf("own JSON is refused: %v", err)
		}
		back, err := again.Normalize(attr.Current)
		if err != nil || !back.Equal(norm) {
			t.Fatalf("%s reads back as %s, %v", norm.AppendJSON(nil), back.AppendJSON(nil), err)
		}
		parsed, err := attr.ParseItem(norm.AppendStored(nil))
		if err != nil || !parsed.Equal(norm) {
			t.Fatalf("stored form differs: %v", err)
		}
	})
}

func FuzzStored(f *testing.F) {
	var it attr.Item
	if err := it.UnmarshalWireJSON([]byte(sample)); err != nil {
		f.Fatal(err)
	}
	norm, err := it.Normalize(attr.Current)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(norm.AppendStored(nil))
	f.Add([]byte{1, 1, 'a', byte(attr.L), 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err1 := attr.ParseItem(b)
		_, err2 := attr.Stored(b).AppendWireJSON(nil)
		if err1 == nil && b != nil && err2 != nil {
			t.Fatalf("parsed but not written: %v", err2)
		}
	})
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0", "-1.5e10", "1e-130", "9.9999999999999999999999999999999999999e125", "+.5", "1e2147483648"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := attr.ParseNumber(s)
		if err != nil {
			return
		}
		back, err := attr.ParseNumber(n.String())
		if err != nil || back != n {
			t.Fatalf("%q: %s reads back as %s, %v", s, n, back, err)
		}
		ord, rest, err := attr.ParseOrdered(n.AppendOrdered(nil))
		if err != nil || ord != n || len(rest) != 0 {
			t.Fatalf("%q: ordered form reads back as %s, %v", s, ord, err)
		}
	})
}

func FuzzOrdered(f *testing.F) {
	f.Add(attr.IntNumber(-42).AppendOrdered(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, rest, err := attr.ParseOrdered(b)
		if err != nil {
			return
		}
		if got := n.AppendOrdered(nil); !bytes.Equal(got, b[:len(b)-len(rest)]) {
			t.Fatalf("%x is not the form of %s, %x", b, n, got)
		}
	})
}
