package eventpattern_test

import (
	"bufio"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/leatdev/leat/eventpattern"
)

type testCase struct {
	pattern, event string
	bridge, want   bool
}

func loadCases(t testing.TB) []testCase {
	t.Helper()
	f, err := os.Open("testdata/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []testCase
	pattern, bridge := "", false
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line := sc.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		switch rest := line[2:]; line[0] {
		case 'P', 'E':
			pattern, bridge = rest, line[0] == 'E'
		case '+', '-':
			cases = append(cases, testCase{pattern, rest, bridge, line[0] == '+'})
		default:
			t.Fatalf("cannot read %q", line)
		}
	}
	return cases
}

func compile(t testing.TB, pattern string, opts ...eventpattern.Option) *eventpattern.Pattern {
	t.Helper()
	p, err := eventpattern.Compile([]byte(pattern), opts...)
	if err != nil {
		t.Fatalf("Compile(%s): %v", pattern, err)
	}
	return p
}

func TestPatternsSelectWhatTheLanguageSays(t *testing.T) {
	t.Parallel()
	cases := loadCases(t)
	if len(cases) < 200 {
		t.Fatalf("only %d cases were read", len(cases))
	}
	for _, c := range cases {
		var opts []eventpattern.Option
		if c.bridge {
			opts = append(opts, eventpattern.EventBridge())
			if _, err := eventpattern.Compile([]byte(c.pattern)); err == nil && !strings.Contains(c.pattern, "exactly") {
				t.Errorf("%s compiled without the option EventBridge", c.pattern)
			}
		}
		p := compile(t, c.pattern, opts...)
		if got := p.MatchJSON([]byte(c.event)); got != c.want {
			t.Errorf("pattern %s\nevent   %s\nmatch is %v, want %v", c.pattern, c.event, got, c.want)
		}
		if !c.bridge {
			if got := refMatch([]byte(c.pattern), []byte(c.event)); got != c.want {
				t.Errorf("reference disagrees with the case: %s on %s is %v", c.pattern, c.event, got)
			}
		}
	}
}

func TestASetAgreesWithItsPatterns(t *testing.T) {
	t.Parallel()
	cases := loadCases(t)
	var patterns [][]byte
	seen := map[string]int{}
	for _, c := range cases {
		if _, ok := seen[c.pattern]; !ok {
			seen[c.pattern] = len(patterns)
			patterns = append(patterns, []byte(c.pattern))
		}
	}
	set, err := eventpattern.CompileSet(patterns, eventpattern.EventBridge())
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() != len(patterns) {
		t.Fatalf("Len is %d", set.Len())
	}
	for _, c := range cases {
		got := set.AppendMatches(nil, []byte(c.event))
		if slices.Contains(got, seen[c.pattern]) != c.want {
			t.Errorf("set on %s: %s is %v, want %v", c.event, c.pattern, !c.want, c.want)
		}
		if set.MatchAny([]byte(c.event)) != (len(got) > 0) {
			t.Errorf("MatchAny and AppendMatches differ on %s", c.event)
		}
	}
}

func TestAnEmptySetMatchesNothing(t *testing.T) {
	t.Parallel()
	set, err := eventpattern.CompileSet(nil)
	if err != nil {
		t.Fatal(err)
	}
	if set.MatchAny([]byte(`{"a":1}`)) || set.AppendMatches(nil, []byte(`{}`)) != nil {
		t.Error("an empty set matched")
	}
}

func TestPatternsThatAreRefused(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, 101) + `[1]` + strings.Repeat("}", 101)
	cases := []struct{ pattern, reason string }{
		{``, "Unexpected end-of-input"},
		{`{"a":["x"]`, "Unexpected end-of-input"},
		{`[]`, "Filter is not an object"},
		{`"a"`, "Filter is not an object"},
		{`null`, "Filter is not an object"},
		{`{}`, "Empty objects are not allowed"},
		{`{"a":{}}`, "Empty objects are not allowed"},
		{`{"a":[]}`, "Empty arrays are not allowed"},
		{`{"a":"x"}`, `"a" must be an object or an array`},
		{`{"a":5}`, `"a" must be an object or an array`},
		{`{"a":null}`, `"a" must be an object or an array`},
		{`{"a":[["x"]]}`, "Match value must be String, number, true, false, or null"},
		{`{"a":[{}]}`, "Match expression name not found"},
		{`{"a":[{"like":"x"}]}`, "Unrecognized match type like"},
		{`{"a":[{"wildcard":"x*"}]}`, "Unrecognized match type wildcard"},
		{`{"a":[{"cidr":"10.0.0.0/8"}]}`, "Unrecognized match type cidr"},
		{`{"a":[{"prefix":5}]}`, "prefix match pattern must be a string"},
		{`{"a":[{"prefix":{"equals-ignore-case":"x"}}]}`, "prefix match pattern must be a string"},
		{`{"a":[{"suffix":null}]}`, "suffix match pattern must be a string"},
		{`{"a":[{"equals-ignore-case":["x"]}]}`, "equals-ignore-case match pattern must be a string"},
		{`{"a":[{"exactly":1}]}`, "exact match pattern must be a string"},
		{`{"a":[{"prefix":"x","suffix":"y"}]}`, "Only one key allowed in match expression"},
		{`{"a":[{"exists":"true"}]}`, "exists match pattern must be either true or false."},
		{`{"a":[{"numeric":5}]}`, "Value of numeric must be an array."},
		{`{"a":[{"numeric":[]}]}`, "Invalid member in numeric match: ]"},
		{`{"a":[{"numeric":[5]}]}`, "Invalid member in numeric match: 5"},
		{`{"a":[{"numeric":["!",5]}]}`, "Unrecognized numeric range operator: !"},
		{`{"a":[{"numeric":["=","5"]}]}`, "Value of equals must be numeric"},
		{`{"a":[{"numeric":[">","5"]}]}`, "Value of > must be numeric"},
		{`{"a":[{"numeric":["=",1,"<",5]}]}`, "Too many elements in numeric expression"},
		{`{"a":[{"numeric":["<",1,">",5]}]}`, "Too many elements in numeric expression"},
		{`{"a":[{"numeric":[">",1,">",5]}]}`, "Bad numeric range operator: >"},
		{`{"a":[{"numeric":[">",1,5]}]}`, "Bad value in numeric range: 5"},
		{`{"a":[{"numeric":[">",1,"<","x"]}]}`, "Value of < must be numeric"},
		{`{"a":[{"numeric":[">",5,"<",5]}]}`, "Bottom must be less than top"},
		{`{"a":[{"numeric":[">",1,"<",5,"<",6]}]}`, "Too many terms in numeric range expression"},
		{`{"a":[{"numeric":["=",1e999]}]}`, "Value of = is out of range: 1e999"},
		{`{"a":[{"anything-but":null}]}`, "Value of anything-but must be an array or single string/number value."},
		{`{"a":[{"anything-but":{"prefix":"x"}}]}`, "Value of anything-but must be an array or single string/number value."},
		{`{"a":[{"anything-but":[null]}]}`, "Inside anything but list, start|null|boolean is not supported."},
		{`{"a":[{"anything-but":[]}]}`, "Inside anything but list, either all values are number or string, mixed type is not supported"},
		{`{"a":[{"anything-but":["x",1]}]}`, "Inside anything but list, either all values are number or string, mixed type is not supported"},
		{`{"$or":{"a":[1]}}`, "It must be an Array followed with $or."},
		{`{"$or":[{"a":[1]}]}`, "There must have at least 2 Objects in $or relationship."},
		{`{"$or":[]}`, "There must have at least 2 Objects in $or relationship."},
		{`{"$or":["a","b"]}`, "Only JSON object is allowed in array of $or relationship."},
		{`{"$or":[{"a":[1]},{}]}`, "Empty objects are not allowed"},
		{`{"$or":[{"numeric":[1]},{"a":[1]}]}`, "numeric is Ruler reserved fieldName which cannot be used inside $or."},
		{`{"$or":[{"a":{"exists":[1]}},{"a":[1]}]}`, "exists is Ruler reserved fieldName which cannot be used inside $or."},
		{`{"a":[1]} x`, "there is text after the pattern"},
		{deep, "the pattern nests deeper than 100 levels"},
	}
	for _, c := range cases {
		_, err := eventpattern.Compile([]byte(c.pattern))
		var syntax *eventpattern.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%s: error is %v, want a SyntaxError", c.pattern, err)
			continue
		}
		if syntax.Reason != c.reason {
			t.Errorf("%s\ngot  %s\nwant %s", c.pattern, syntax.Reason, c.reason)
		}
	}
}

func TestEventBridgePatternsThatAreRefused(t *testing.T) {
	t.Parallel()
	for pattern, reason := range map[string]string{
		`{"a":[{"wildcard":"a**b"}]}`:                           "Consecutive wildcard characters at pos 1",
		`{"a":[{"wildcard":"a\\"}]}`:                            "Invalid escape character at pos 1",
		`{"a":[{"wildcard":"\\x"}]}`:                            "Invalid escape character at pos 0",
		`{"a":[{"wildcard":5}]}`:                                "wildcard match pattern must be a string",
		`{"a":[{"cidr":"10.0.0.0"}]}`:                           "Malformed CIDR, one '/' required: 10.0.0.0",
		`{"a":[{"prefix":{"suffix":"x"}}]}`:                     "Unsupported prefix pattern: suffix",
		`{"a":[{"prefix":{"equals-ignore-case":5}}]}`:           "equals-ignore-case match pattern must be a string",
		`{"a":[{"prefix":{"equals-ignore-case":"x","a":"b"}}]}`: "Only one key allowed in match expression",
		`{"a":[{"anything-but":{"exists":true}}]}`:              "Unsupported anything-but pattern: exists",
		`{"a":[{"anything-but":{"prefix":""}}]}`:                "Null prefix/suffix not allowed",
		`{"a":[{"anything-but":{"prefix":[]}}]}`:                "Empty arrays are not allowed",
		`{"a":[{"anything-but":{}}]}`:                           "Anything-But expression name not found",
	} {
		_, err := eventpattern.Compile([]byte(pattern), eventpattern.EventBridge())
		var syntax *eventpattern.SyntaxError
		if !errors.As(err, &syntax) || syntax.Reason != reason {
			t.Errorf("%s: got %v, want %s", pattern, err, reason)
		}
	}
}

func TestErrorsSpeakAsEventBridge(t *testing.T) {
	t.Parallel()
	_, err := eventpattern.Compile([]byte(`[]`))
	if got, want := err.Error(), "Event pattern is not valid. Reason: Filter is not an object"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err = eventpattern.CompileSet([][]byte{[]byte(`{"a":[1]}`), []byte(`[]`)})
	var set *eventpattern.SetError
	if !errors.As(err, &set) || set.Index != 1 {
		t.Errorf("error %v does not name pattern 1", err)
	}
}

func TestLimitsOfPatterns(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + "[1]" + strings.Repeat("}", n) }
	sized := func(n int) string {
		const frame = `{"a":[""]}`
		return `{"a":["` + strings.Repeat("x", n-len(frame)) + `"]}`
	}
	// 10 × 10 × 10 alternatives are exactly the limit; an eleventh in one group is past it.
	combos := func(last int) string {
		group := func(prefix string, n int) string {
			var branches []string
			for i := range n {
				branches = append(branches, `{"`+prefix+string(rune('a'+i))+`":[1]}`)
			}
			return `"` + prefix + `":{"$or":[` + strings.Join(branches, ",") + `]}`
		}
		return "{" + group("x", 10) + "," + group("y", 10) + "," + group("z", last) + "}"
	}
	rules := func(n int) string { return `{"a":[` + strings.Repeat("1,", n-1) + "1]}" }
	for _, c := range []struct {
		name, atLimit, past string
	}{
		{"depth", nested(eventpattern.MaxPatternDepth), nested(eventpattern.MaxPatternDepth + 1)},
		{"bytes", sized(eventpattern.MaxPatternBytes), sized(eventpattern.MaxPatternBytes + 1)},
		{"combinations", combos(10), combos(11)},
		{"rules", rules(eventpattern.MaxRules), rules(eventpattern.MaxRules + 1)},
	} {
		if _, err := eventpattern.Compile([]byte(c.atLimit)); err != nil {
			t.Errorf("%s at the limit: %v", c.name, err)
		}
		if _, err := eventpattern.Compile([]byte(c.past)); err == nil {
			t.Errorf("%s past the limit compiled", c.name)
		}
	}
}

func TestEventsNestOnlySoDeep(t *testing.T) {
	t.Parallel()
	p := compile(t, `{"a":[1]}`)
	for _, name := range []string{"a", "b"} { // on the pattern's path, and beside it
		event := func(arrays int) []byte {
			return []byte(`{"a":1,"` + name + `":` + strings.Repeat("[", arrays) + "1" + strings.Repeat("]", arrays) + "}")
		}
		// The object itself is the first level.
		if !p.MatchJSON(event(eventpattern.MaxEventDepth - 1)) {
			t.Errorf("%s: an event at the limit did not match", name)
		}
		if p.MatchJSON(event(eventpattern.MaxEventDepth)) {
			t.Errorf("%s: an event past the limit matched", name)
		}
	}
	p.MatchJSON([]byte(strings.Repeat(`{"a":`, 1<<20)))
}

func TestAPatternServesManyGoroutines(t *testing.T) {
	t.Parallel()
	p := compile(t, `{"a":{"x":[1],"y":[{"exists":false}]}}`)
	done := make(chan bool)
	for g := range 4 {
		go func() {
			ok := true
			for range 500 {
				if g%2 == 0 {
					ok = ok && p.MatchJSON([]byte(`{"a":[{"x":2},{"x":1}]}`))
				} else {
					ok = ok && !p.MatchJSON([]byte(`{"a":[{"x":1},{"y":1}]}`))
				}
			}
			done <- ok
		}()
	}
	for range 4 {
		if !<-done {
			t.Error("a goroutine saw another's state")
		}
	}
}
