package expr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/service/cloudwatch/expr"
)

func series(label string, pairs ...float64) *expr.Series {
	s := &expr.Series{Label: label, Period: 60, Points: map[int64]float64{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		s.Points[int64(pairs[i])] = pairs[i+1]
	}
	return s
}

func scope() *expr.Scope {
	a, b := series("A", 0, 1, 60, 2, 180, 4), series("B", 0, 10, 60, 0, 120, 30)
	budget := int64(10_000)
	return &expr.Scope{
		Start: 0, End: 300, Budget: &budget,
		Lookup: func(id string) (expr.Value, error) {
			switch id {
			case "a":
				return expr.Value{Series: []*expr.Series{a}}, nil
			case "b":
				return expr.Value{Series: []*expr.Series{b}}, nil
			}
			return expr.Value{}, fmt.Errorf("undefined variable %s", id)
		},
		Metrics: func(part string) []*expr.Series {
			if strings.Contains("a", part) {
				return []*expr.Series{a, b}
			}
			return nil
		},
	}
}

func show(v expr.Value) string {
	if v.IsNumber() {
		return fmt.Sprint(v.Number)
	}
	var parts []string
	for _, s := range v.Series {
		var b strings.Builder
		for _, t := range s.Times() {
			fmt.Fprintf(&b, "%d:%g ", t, s.Points[t])
		}
		parts = append(parts, strings.TrimSpace(b.String()))
	}
	return strings.Join(parts, " | ")
}

func TestExpressionsAreComputed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1+2*3":              "7",
		"(1+2)*3":            "9",
		"2^3^2":              "512",
		"-2^2":               "-4",
		"10-4-3":             "3",
		"1.5e2 / 3":          "50",
		"a":                  "0:1 60:2 180:4",
		"a*2":                "0:2 60:4 180:8",
		"100 - a":            "0:99 60:98 180:96",
		"a+b":                "0:11 60:2",
		"a/b":                "0:0.1",
		"-a":                 "0:-1 60:-2 180:-4",
		"ABS(-a)":            "0:1 60:2 180:4",
		"CEIL(a/2)":          "0:1 60:1 180:2",
		"FLOOR(a/2)":         "0:0 60:1 180:2",
		"SUM(a)":             "7",
		"AVG(b)":             "13.333333333333334",
		"MAX(a)-MIN(a)":      "3",
		"SUM(METRICS())":     "0:11 60:2 120:30 180:4",
		"AVG([a,b])":         "0:5.5 60:1 120:30 180:4",
		`SUM(METRICS("no"))`: "",
		"METRICS()*2":        "0:2 60:4 180:8 | 0:20 60:0 120:60",
		"FILL(a,0)":          "0:1 60:2 120:0 180:4 240:0",
		"FILL(a, REPEAT)":    "0:1 60:2 120:2 180:4 240:4",
		"FILL(a, LINEAR)":    "0:1 60:2 120:3 180:4",
		"PERIOD(a)":          "60",
		"SUM(a)/PERIOD(a)":   "0.11666666666666667",
		"a + (MAX([a,b])-a)": "0:10 60:2 180:4",
	} {
		e, err := expr.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		v, err := e.Eval(scope())
		if err != nil || show(v) != want {
			t.Errorf("%s = %s, %v; want %s", text, show(v), err, want)
		}
	}
}

func TestExpressionsThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                 "unexpected end",
		"1+":               "unexpected end",
		"(1":               "unexpected end",
		"1)":               `unexpected ')' at position 2`,
		"a b":              "unexpected 'b'",
		"1.2.3":            "not a number",
		"SEARCH('x', 'y')": "the function SEARCH is not supported",
		"SELECT AVG(x)":    "unknown word SELECT",
		"IF(a>1,a,b)":      "the function IF is not supported",
		"METRICS('x":       "a text has no end",
		"FILL(a)":          "FILL takes another number of arguments",
		"FILL(a,LATER)":    "unknown word LATER",
		"FILL(1,0)":        "FILL takes time series",
		"SUM(a,b)":         "SUM takes another number of arguments",
		"SUM('a')":         `"a" stands where a value is expected`,
		"[1,2]":            "an array holds time series only",
		"[a,b]+[a,b]":      "not defined for two arrays",
		"a > b":            "unexpected '>'",
		"nothere":          "undefined variable",
		strings.Repeat("1+", expr.MaxLength/2) + "1":     "longer than 2048",
		strings.Repeat("(", expr.MaxDepth+1) + "1":       "deeper than 50",
		strings.Repeat("-", expr.MaxDepth+1) + "1":       "deeper than 50",
		"SUM([" + strings.Repeat("a,", 500) + "a])":      "more than 500 time series",
		strings.Repeat("ABS(FILL(a,0)) +", 100) + " SUM": "unknown word SUM",
	} {
		e, err := expr.Parse(text)
		if err == nil {
			_, err = e.Eval(scope())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want %s", text, err, want)
		}
	}
}

func TestTheLongestAndDeepestExpressionsAreComputed(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("(", expr.MaxDepth) + "1" + strings.Repeat(")", expr.MaxDepth)
	long := strings.Repeat("1+", expr.MaxLength/2-1) + "11"
	for text, want := range map[string]string{deep: "1", long: "1034"} {
		e, err := expr.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		budget := int64(10_000)
		sc := scope()
		sc.Budget = &budget
		if v, err := e.Eval(sc); err != nil || show(v) != want {
			t.Errorf("got %s, %v; want %s", show(v), err, want)
		}
	}
}

func TestTheDatapointsOfARequestAreBounded(t *testing.T) {
	t.Parallel()
	e, err := expr.Parse("FILL(a, 0)")
	if err != nil {
		t.Fatal(err)
	}
	for budget, ok := range map[int64]bool{5 + 6: true, 5 + 5: false} { // five made, six (with the node) counted after
		sc := scope()
		sc.Budget = &budget
		if _, err := e.Eval(sc); (err == nil) != ok {
			t.Errorf("with a budget of %d: %v", budget, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a+b", "FILL(METRICS(\"a\"),LINEAR)", "-2^-3", "[a,[b]]", "1e", "SUM(AVG([a]))", "((", "'", "FILL(a,REPEAT", "9999999999e9999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := expr.Parse(text)
		if err != nil {
			return
		}
		v, err := e.Eval(scope())
		if err == nil && !v.Array && len(v.Series) > 1 {
			t.Errorf("%q: several series that are no array", text)
		}
	})
}
