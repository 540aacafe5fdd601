package model_test

import (
	"testing"

	"github.com/leatdev/leat/internal/wire/model"
)

func TestEveryModelParsesAndItsReferencesResolve(t *testing.T) {
	t.Parallel()
	for _, info := range model.Services() {
		t.Run(info.ID, func(t *testing.T) {
			t.Parallel()
			s, err := model.Load(info.ID)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Operations) == 0 {
				t.Fatal("no operations")
			}
			seen := map[*model.Shape]bool{}
			for name, o := range s.Operations {
				if o.Method == "" || o.URI == "" {
					t.Errorf("%s has no HTTP binding", name)
				}
				for _, sh := range append([]*model.Shape{o.Input, o.Output}, o.Errors...) {
					if sh != nil {
						check(t, sh, seen)
					}
				}
			}
		})
	}
}

func check(t *testing.T, sh *model.Shape, seen map[*model.Shape]bool) {
	t.Helper()
	if seen[sh] {
		return
	}
	seen[sh] = true
	if sh.Kind == model.Invalid {
		t.Errorf("shape %s has no kind", sh.Name)
	}
	refs := append([]*model.Member{sh.Elem, sh.Key, sh.Value}, sh.Members...)
	for _, m := range refs {
		if m == nil {
			continue
		}
		if m.Shape == nil {
			t.Errorf("%s.%s points nowhere", sh.Name, m.Name)
			continue
		}
		check(t, m.Shape, seen)
	}
}

func TestPatternsAreWholeMatchesAndJavaSpellingsAreUnderstood(t *testing.T) {
	t.Parallel()
	s, err := model.Load("kinesis")
	if err != nil {
		t.Fatal(err)
	}
	name := s.Shape("StreamName")
	if !name.MatchPattern("orders-1_x.y") || name.MatchPattern("orders 1") || name.MatchPattern("") {
		t.Errorf("StreamName pattern %q is not applied to the whole text", name.Pattern)
	}
}

func TestEveryPatternCompiles(t *testing.T) {
	t.Parallel()
	for _, info := range model.Services() {
		s, err := model.Load(info.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range s.Patterns() {
			if err := model.Compile(p); err != nil {
				t.Errorf("%s: %q: %v", info.ID, p, err)
			}
		}
	}
}

func TestPatternsWithLookAroundKeepTheirRest(t *testing.T) {
	t.Parallel()
	s, err := model.Load("lambda")
	if err != nil {
		t.Fatal(err)
	}
	alias := s.Shape("Alias")
	if !alias.MatchPattern("live") || alias.MatchPattern("no spaces") {
		t.Errorf("%q", alias.Pattern)
	}
	name := s.Shape("FunctionName")
	if !name.MatchPattern("arn:aws:lambda:us-east-1:123456789012:function:f:live") || name.MatchPattern("a b") || name.MatchPattern("") {
		t.Errorf("%q", name.Pattern)
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		for _, id := range []string{"kinesis", "lambda"} {
			if _, err := model.ParseForTest(id); err != nil {
				b.Fatal(err)
			}
		}
	}
}
