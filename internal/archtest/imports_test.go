package archtest_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/leatdev/leat"

// pkg is the part of `go list -json` that the rules speak of.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// listed loads every package of the module once; test files are not listed,
// because tests may look where they like.
func listed(t *testing.T) map[string]pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps=false", "-json=ImportPath,Imports,Deps", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	pkgs := map[string]pkg{}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs[p.ImportPath] = p
	}
	return pkgs
}

// room is the first path element(s) that name a room: "internal/service/kinesis" of
// "github.com/leatdev/leat/internal/service/kinesis/x".
func room(path string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
	parts := strings.Split(rest, "/")
	n := 1
	if parts[0] == "internal" {
		n = 2
		if len(parts) > 1 && parts[1] == "service" {
			n = 3
		}
	}
	return strings.Join(parts[:min(n, len(parts))], "/")
}

func ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

var publicLibraries = []string{"schema", "kpl", "serde", "registry", "eventpattern", "producer", "consumer"}

func TestPublicLibrariesDependOnNothingInternal(t *testing.T) {
	t.Parallel()
	pkgs := listed(t)
	for _, lib := range publicLibraries {
		for path, p := range pkgs {
			if room(path) != lib {
				continue
			}
			for _, dep := range p.Deps { // transitive
				if strings.HasPrefix(dep, module+"/internal/") || dep == module {
					t.Errorf("%s depends on %s: the library must serve a program that runs on AWS alone", path, dep)
				}
			}
		}
	}
}

func TestServicesDoNotImportEachOther(t *testing.T) {
	t.Parallel()
	for path, p := range listed(t) {
		if !strings.HasPrefix(room(path), "internal/service/") {
			continue
		}
		for _, dep := range p.Imports {
			if strings.HasPrefix(dep, module+"/internal/service/") && room(dep) != room(path) {
				t.Errorf("%s imports %s: declare a small interface and let package leat wire it", path, dep)
			}
		}
	}
}

// mayImport lists, for rooms with a short list, all of ours they may import directly.
var mayImport = map[string][]string{
	"internal/aws":      {},
	"internal/clock":    {},
	"internal/kv":       {"internal/kv"},
	"internal/policy":   {},
	"internal/shardlog": {"internal/kv", "internal/clock"},
	"internal/wire":     {"internal/wire", "internal/aws", "internal/clock"},
	"internal/subjects": {"internal/kv", "internal/clock", "internal/aws", "schema"},
	"internal/trace":    {"internal/kv", "internal/clock", "internal/aws"},
}

func TestTheGroundKnowsOnlyWhatLiesBelowIt(t *testing.T) {
	t.Parallel()
	for path, p := range listed(t) {
		allowed, ruled := mayImport[room(path)]
		if !ruled {
			continue
		}
		for _, dep := range p.Imports {
			if ours(dep) && room(dep) != room(path) && !contains(allowed, room(dep)) {
				t.Errorf("%s imports %s; %s may import only %v", path, dep, room(path), allowed)
			}
		}
	}
}

func TestOnlyHTTPTradesSeeRequests(t *testing.T) {
	t.Parallel()
	// The rooms whose trade is HTTP itself.
	trades := map[string]bool{
		"internal/service/apigateway": true, "internal/service/confluent": true, "internal/service/s3": true,
		"internal/service/lambda": true, // function URLs and the Runtime API
		"internal/service/sns":    true, // delivers to HTTP subscribers
	}
	for path, p := range listed(t) {
		if !strings.HasPrefix(room(path), "internal/service/") || trades[room(path)] {
			continue
		}
		if contains(p.Imports, "net/http") {
			t.Errorf("%s imports net/http: wire hands services decoded operations", path)
		}
	}
}

func TestFrontRoomsReachServicesThroughPublicAPIsOnly(t *testing.T) {
	t.Parallel()
	for path, p := range listed(t) {
		switch room(path) {
		case "internal/console", "internal/cli", "internal/deploy", "leattest", "internal/bench":
		default:
			continue
		}
		for _, dep := range p.Imports {
			if strings.HasPrefix(dep, module+"/internal/service/") || dep == module+"/internal/shardlog" || strings.HasPrefix(dep, module+"/internal/kv") {
				t.Errorf("%s imports %s: reach services through their public APIs", path, dep)
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
