package model_test

import (
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/wire/model"
)

// texts are of one character each, repeated, with another at either end.
func texts(yield func(string) bool) {
	for _, c := range "aZ09_.-:/ +=,@~\x00\n\x7fé\u2028\U0001F600" {
		for _, d := range "a_\n%é" {
			for _, n := range []int{0, 1, 2, 31, 127, 128, 129, 256, 257} {
				run := strings.Repeat(string(c), n)
				if !yield(run) || !yield(run+string(d)) || !yield(string(d)+run) {
					return
				}
			}
		}
	}
	yield("a\xff")
}

func TestClassesMatchAsTheirExpressionsDo(t *testing.T) {
	t.Parallel()
	classes := map[string]bool{}
	for _, info := range model.Services() {
		s, err := model.Load(info.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range s.Patterns() {
			if _, ok := model.MatchClass(p, ""); ok {
				classes[p] = true
			}
		}
	}
	if len(classes) < 10 || !classes["[a-zA-Z0-9_.-]+"] {
		t.Errorf("only %d patterns are classes", len(classes))
	}
	for p := range classes {
		match, err := model.Expression(p)
		if err != nil {
			t.Fatal(err)
		}
		for text := range texts {
			if got, _ := model.MatchClass(p, text); got != match(text) {
				t.Errorf("%s: %q is matched: %v", p, text, got)
			}
		}
	}
}

func TestOtherPatternsAreNoClasses(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"0|([1-9]\\d{0,38})", "arn:.+", ".*", "[a-z]", "[^a]+", "[a-z]+x", "(?i:[a-z]+|b)", "[a-z]+?\\S", "\\S+", "[\\u0020-\\uD7FF]+"} {
		if _, ok := model.MatchClass(p, ""); ok {
			t.Errorf("%s is taken for a class", p)
		}
	}
}
