package bench_test

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leatdev/leat/internal/bench"
	"github.com/leatdev/leat/leattest"
)

// options are a tiny run against a platform in this process.
func options(t *testing.T) bench.Options {
	t.Helper()
	return bench.Options{
		Dir: t.TempDir(), Duration: 40 * time.Millisecond,
		Sizes: bench.Sizes{Workers: 3, Ring: 5, Batch: 20, DrainRecords: 200, Pings: 5, PathRecords: 200, ColdStarts: 1},
		Leat: func(context.Context, string) (*bench.Server, error) {
			p := leattest.Start(t)
			s := bench.NewServer(p.URL(), 0, nil)
			s.RegistryURL = p.RegistryURL()
			return s, nil
		},
		Bare: func(ctx context.Context) (*bench.Server, error) { return startBare(t) },
	}
}

func startBare(t *testing.T) (*bench.Server, error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- bench.ServeBare(ctx, ln) }()
	return bench.NewServer("http://"+ln.Addr().String(), 0, func() error { cancel(); return <-done }), nil
}

func TestEachFigureIsMeasuredAndItsDataFound(t *testing.T) {
	t.Parallel()
	for _, group := range []string{"streams", "tables", "queues", "objects", "schemas"} {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			o.Groups = []string{group}
			rep, err := bench.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range rep.Figures {
				if f.Error != "" {
					t.Errorf("%s: %s", f.Name, f.Error)
				}
				if f.Skipped == "" && f.Calls == 0 {
					t.Errorf("%s made no calls", f.Name)
				}
				if f.Unit != "" && f.Skipped == "" && (f.Rate <= 0 || f.BareRate <= 0 || f.Ratio <= 0) {
					t.Errorf("%s was not compared: %+v", f.Name, f)
				}
				if f.Group != group {
					t.Errorf("%s is in group %q", f.Name, f.Group)
				}
			}
		})
	}
}

func TestOnlyWhatIsAskedForIsMeasured(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Only = "queRY"
	rep, err := bench.Run(t.Context(), o)
	if err != nil || len(rep.Figures) == 0 {
		t.Fatal(err, rep)
	}
	for _, f := range rep.Figures {
		if !strings.HasPrefix(f.Name, "Query") {
			t.Errorf("%s was not asked for", f.Name)
		}
		if len(f.Row()) != len(bench.Header()) {
			t.Errorf("row %q does not fit the header", f.Row())
		}
	}
	if _, err := json.Marshal(rep); err != nil {
		t.Error(err)
	}
	for _, wrong := range []bench.Options{{Only: "no such thing"}, {Groups: []string{"cats"}}} {
		if _, err := bench.Run(t.Context(), wrong); err == nil {
			t.Errorf("%+v was accepted", wrong)
		}
	}
	if !slices.Contains(bench.Groups, "path") {
		t.Error("there is no group path")
	}
}

func TestAServerThatLosesDataFailsTheFigure(t *testing.T) {
	t.Parallel()
	o := options(t)
	// The bare server acknowledges everything and keeps nothing.
	o.Leat = func(context.Context, string) (*bench.Server, error) { return startBare(t) }
	o.Groups = []string{"streams"}
	rep, err := bench.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range rep.Figures {
		if f.Error == "" && f.Skipped == "" {
			t.Errorf("%s found nothing wrong", f.Name)
		}
	}
}
