package eventpattern_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/leatdev/leat/eventpattern"
)

// FuzzMatchAgreesWithReference gives the fast matcher and the slow one the same
// arbitrary texts.
func FuzzMatchAgreesWithReference(f *testing.F) {
	for _, c := range loadCases(f) {
		f.Add([]byte(c.pattern), []byte(c.event))
	}
	f.Fuzz(func(t *testing.T, pattern, event []byte) {
		if len(pattern) > 4096 || len(event) > 4096 || overlong(pattern) {
			return
		}
		p, err := eventpattern.Compile(pattern)
		if err != nil {
			return
		}
		if !utf8.Valid(pattern) || !utf8.Valid(event) {
			p.MatchJSON(event) // no JSON: it must not panic, and the reference reads it in a way of its own
			return
		}
		if got, want := p.MatchJSON(event), refMatch(pattern, event); got != want {
			t.Errorf("pattern %q\nevent %q\ngot %v, want %v", pattern, event, got, want)
		}
	})
}

// overlong spares the exponential reference what it could not finish.
func overlong(pattern []byte) bool { return strings.Count(string(pattern), "$or") > 3 }

// FuzzFilter must never panic whatever the metadata and payload are.
func FuzzFilter(f *testing.F) {
	for _, c := range loadCases(f) {
		f.Add(c.pattern, []byte(c.event), []byte(c.event))
	}
	f.Fuzz(func(t *testing.T, pattern string, metadata, payload []byte) {
		for _, source := range []eventpattern.Source{eventpattern.Kinesis, eventpattern.DynamoDB, eventpattern.SQS} {
			flt, err := eventpattern.CompileFilter(source, []string{pattern})
			if err != nil {
				continue
			}
			if v := flt.Match(metadata, payload); v == eventpattern.NotJSON && json.Valid(payload) && strings.HasPrefix(string(payload), "{") && !strings.Contains(string(payload), strings.Repeat("[", 1000)) {
				t.Errorf("JSON payload %q is called not JSON", payload)
			}
		}
	})
}

// gen makes random patterns and events over a tiny vocabulary, so that they meet often.
type gen struct{ r *rand.Rand }

func (g gen) name() string { return string(rune('a' + g.r.IntN(3))) }

func (g gen) scalar() string {
	return []string{`"x"`, `"y"`, `"xy"`, `""`, `1`, `1.0`, `2`, `-3`, `true`, `false`, `null`}[g.r.IntN(11)]
}

func (g gen) rule() string {
	switch g.r.IntN(9) {
	case 0:
		return `{"exists":true}`
	case 1:
		return `{"exists":false}`
	case 2:
		return `{"prefix":"x"}`
	case 3:
		return `{"suffix":"y"}`
	case 4:
		return `{"numeric":[">",0,"<=",1]}`
	case 5:
		return `{"anything-but":["x"]}`
	case 6:
		return `{"anything-but":[1]}`
	}
	return g.scalar()
}

func (g gen) object(depth int) string {
	var parts []string
	names := g.r.Perm(3)[:1+g.r.IntN(2)]
	for _, n := range names {
		var v string
		if depth > 0 && g.r.IntN(2) == 0 {
			v = g.object(depth - 1)
		} else {
			v = "[" + g.rule()
			for g.r.IntN(3) == 0 {
				v += "," + g.rule()
			}
			v += "]"
		}
		parts = append(parts, fmt.Sprintf(`"%c":%s`, 'a'+n, v))
	}
	if depth > 0 && g.r.IntN(3) == 0 {
		parts = append(parts, fmt.Sprintf(`"$or":[%s,%s]`, g.object(depth-1), g.object(depth-1)))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (g gen) value(depth int) string {
	switch n := g.r.IntN(6); {
	case depth > 0 && n < 2:
		return g.event(depth - 1)
	case depth > 0 && n < 4:
		var list []string
		for range g.r.IntN(4) {
			list = append(list, g.value(depth-1))
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	return g.scalar()
}

func (g gen) event(depth int) string {
	var parts []string
	for range g.r.IntN(4) {
		parts = append(parts, fmt.Sprintf(`"%s":%s`, g.name(), g.value(depth)))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestRandomPatternsAgreeWithReference(t *testing.T) {
	t.Parallel()
	matched := 0
	const rounds = 15_000
	for seed := range uint64(rounds) {
		g := gen{rand.New(rand.NewPCG(seed, 7))}
		pattern := g.object(2)
		p := compile(t, pattern)
		for range 3 {
			event := g.event(3)
			got, want := p.MatchJSON([]byte(event)), refMatch([]byte(pattern), []byte(event))
			if got != want {
				t.Fatalf("seed %d\npattern %s\nevent %s\ngot %v, want %v", seed, pattern, event, got, want)
			}
			if got {
				matched++
			}
		}
	}
	if matched < rounds/10 {
		t.Errorf("only %d of the random events matched: the test compares little", matched)
	}
}
