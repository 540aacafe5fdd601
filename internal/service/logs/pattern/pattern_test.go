package pattern_test

import (
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/service/logs/pattern"
)

func TestPatterns(t *testing.T) {
	t.Parallel()
	const doc = `{"level":"ERROR","status":503,"path":"/orders/7","ok":false,"none":null,"tags":["a","b"],"user":{"name":"Ann Lee"}}`
	const access = `127.0.0.1 - frank [10/Oct/2026:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534`
	cases := []struct {
		pattern, message string
		want             bool
	}{
		{"", "anything", true},
		{"ERROR", "[ERROR] x", true},
		{"ERROR", "[error] x", false},
		{"ERROR fail", "ERROR: it did fail", true},
		{"ERROR fail", "ERROR: it worked", false},
		{`"it did"`, "ERROR: it did fail", true},
		{`"did it"`, "ERROR: it did fail", false},
		{"?ERROR ?WARN", "WARN x", true},
		{"?ERROR ?WARN", "INFO x", false},
		{"ERROR -fail", "ERROR it worked", true},
		{"ERROR -fail", "ERROR it did fail", false},
		{`%time(out|d out)%`, "it timed out", true},
		{`%time(out|d out)%`, "it ended", false},
		{`{ $.level = "ERROR" }`, doc, true},
		{`{ $.level = ERROR }`, doc, true},
		{`{ $.level != "ERROR" }`, doc, false},
		{`{ $.level = "E*" }`, doc, true},
		{`{ $.level = "W*" }`, doc, false},
		{`{ $.status = 503 }`, doc, true},
		{`{ $.status >= 500 && $.status < 600 }`, doc, true},
		{`{ $.status < 500 || $.ok IS FALSE }`, doc, true},
		{`{ ($.status < 500 || $.ok IS TRUE) && $.level = "*" }`, doc, false},
		{`{ $.none IS NULL }`, doc, true},
		{`{ $.absent IS NULL }`, doc, false},
		{`{ $.absent NOT EXISTS }`, doc, true},
		{`{ $.level NOT EXISTS }`, doc, false},
		{`{ $.tags[1] = "b" }`, doc, true},
		{`{ $.tags[2] = "b" }`, doc, false},
		{`{ $.user.name = "Ann Lee" }`, doc, true},
		{`{ $["user"].name = "Ann*" }`, doc, true},
		{`{ $.path = %^/orders/[0-9]+$% }`, doc, true},
		{`{ $.level = "ERROR" }`, "not JSON", false},
		{`[ip, id, user, time, request, status = 404, bytes]`, access, true},
		{`[ip, id, user, time, request, status = 4*, bytes > 1000]`, access, true},
		{`[ip, id, user, time, request, status = 200, bytes]`, access, false},
		{`[..., status = 404, bytes]`, access, true},
		{`[ip = 127*, ...]`, access, true},
		{`[ip, ...]`, "", false},
		{`[a, b]`, "one two three", false},
		{`[a, status != 200 && status != 201]`, "x 404", true},
		{`[a, status != 200 && status != 201]`, "x 201", false},
	}
	for _, c := range cases {
		t.Run(c.pattern+"|"+c.message[:min(12, len(c.message))], func(t *testing.T) {
			t.Parallel()
			p, err := pattern.Compile(c.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Match(c.message); got != c.want {
				t.Errorf("Match(%q) = %v", c.message, got)
			}
		})
	}
}

func TestMalformedPatternsAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`"open`, `%open`, `%(%`, `{ $.a `, `{ }`, `{ $.a }`, `{ $.a = }`, `{ $.a > "x" }`, `{ a = 1 }`, `{ $.a = 1 && }`, `{ ($.a = 1 }`,
		`{ $.a[x] = 1 }`, `{ $. = 1 }`, `{ $.a IS 5 }`, `{ $.a NOT 5 }`, `[a`, `[..., a, ...]`, `[a, b = ]`, `[a = 1 && b = 2]`, `?`, `-`,
		strings.Repeat("x", pattern.MaxBytes+1), "{" + strings.Repeat("(", 60) + "$.a = 1" + strings.Repeat(")", 60) + "}",
	} {
		if _, err := pattern.Compile(text); err == nil {
			t.Errorf("accepted %.60q", text)
		}
	}
}

func TestExtractNamesWhatThePatternNames(t *testing.T) {
	t.Parallel()
	p, err := pattern.Compile(`[a, status = 4*]`)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Extract("x 404"); got["$status"] != "404" || got["$a"] != "x" {
		t.Errorf("got %v", got)
	}
	p, err = pattern.Compile(`{ $.n > 1 }`)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Extract(`{"n":5}`); got["$.n"] != "5" {
		t.Errorf("got %v", got)
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{`{ $.a = "x" && ($.b[0] > 5 || $.c NOT EXISTS) }`, `[a, ..., b = 4*]`, `?x -y "z" %w%`} {
		f.Add(seed, `{"a":"x","b":[6]}`)
	}
	f.Fuzz(func(t *testing.T, text, message string) {
		if p, err := pattern.Compile(text); err == nil {
			p.Match(message)
			p.Extract(message)
		}
	})
}
