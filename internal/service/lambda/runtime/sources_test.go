package runtime_test

import (
	"os"
	"path/filepath"
	"testing"
)

// writeAll puts files below dir, whatever folders they need.
func writeAll(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAGoFunctionDependsOnThePackagesItImportsOnly(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("asks the go tool")
	}
	dir := t.TempDir()
	writeAll(t, dir, map[string]string{
		"go.mod":               "module example.com/mill\n\ngo 1.21\n",
		"cmd/grind/main.go":    "package main\n\nimport _ \"example.com/mill/stone\"\n\nfunc main() {}\n",
		"stone/stone.go":       "package stone\n\nimport _ \"embed\"\n\n//go:embed data/grain.txt\nvar Grain string\n",
		"stone/data/grain.txt": "rye",
		"wheel/wheel.go":       "package wheel\n",
		"README.md":            "about",
	})
	e, _ := newEngine(t, nil)
	signature := func() string {
		t.Helper()
		s, err := e.Sources(t.Context(), filepath.Join(dir, "cmd/grind"), "provided.al2023", "bootstrap")
		if err != nil {
			t.Fatal(err)
		}
		sig, err := s.Signature()
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	last := signature()
	for _, step := range []struct {
		name    string
		files   map[string]string
		matters bool
	}{
		{"a package that nothing imports", map[string]string{"wheel/wheel.go": "package wheel // turned\n"}, false},
		{"a file beside the module's own", map[string]string{"README.md": "about more"}, false},
		{"a test", map[string]string{"stone/stone_test.go": "package stone\n"}, true}, // of a package with embedded files all counts
		{"a test of a plain package", map[string]string{"cmd/grind/main_test.go": "package main\n"}, false},
		{"an embedded file", map[string]string{"stone/data/grain.txt": "wheat"}, true},
		{"a new file of an imported package", map[string]string{"stone/more.go": "package stone\n"}, true},
		{"the module file", map[string]string{"go.mod": "module example.com/mill\n\ngo 1.22\n"}, true},
		{"a new import", map[string]string{"stone/more.go": "package stone\n\nimport _ \"example.com/mill/wheel\"\n"}, true},
		{"what is imported since", map[string]string{"wheel/wheel.go": "package wheel // turned twice\n"}, true},
	} {
		writeAll(t, dir, step.files)
		if now := signature(); (now != last) != step.matters {
			t.Errorf("%s: changed is %v, want %v", step.name, now != last, step.matters)
		} else {
			last = now
		}
	}
}

func TestAModuleThatGoCannotListCountsAsAWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeAll(t, dir, map[string]string{"go.mod": "no module file\n", "main.go": "package main\n", "sub/x.go": "package x\n"})
	e, _ := newEngine(t, nil)
	s, err := e.Sources(t.Context(), dir, "provided.al2023", "bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.Signature()
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, dir, map[string]string{"sub/x.go": "package x // changed\n"})
	if after, err := s.Signature(); err != nil || after == before {
		t.Errorf("an edit below the folder goes unnoticed: %v", err)
	}
}
