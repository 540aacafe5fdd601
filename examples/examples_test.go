package examples_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatdev/leat/examples/internal/play"
	"github.com/leatdev/leat/examples/payments/payment"
)

// leat is the binary that the tests start and kill.
var leat string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "leat-examples-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	leat = filepath.Join(dir, "leat")
	if out, err := exec.Command("go", "build", "-o", leat, "../cmd/leat").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building leat: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// plays plays a system on a small scale and checks its outcomes. How long things took is for the
// demo to judge.
func plays(t *testing.T, system func(context.Context, play.Env, play.Scale) (play.Result, error)) {
	t.Helper()
	t.Parallel()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	r, err := system(t.Context(), play.Env{Leat: leat, Examples: here, Dir: t.TempDir(), Log: t.Output()}, play.Small)
	if err != nil {
		t.Error(err)
	}
	for _, c := range r.Checks {
		if !c.OK() {
			t.Errorf("%s: %v, must be %v", c.What, c.Got, c.Want)
		}
	}
}

func TestCurrenciesReachTheConsumersMapAcrossKill9(t *testing.T) { plays(t, play.Currencies) }
func TestPaymentsReachTheReadAPIAcrossKill9(t *testing.T)        { plays(t, play.Payments) }
func TestPaymentsAreReadAsTheConsumerInJavaSavesThem(t *testing.T) {
	needs(t, "java", "mvn")
	plays(t, play.PaymentsInJava)
}

func TestPaymentsAreReadAsTheConsumerInPythonSavesThem(t *testing.T) {
	needs(t, "python3")
	plays(t, play.PaymentsInPython)
}

// needs skips a test on a machine that lacks a program of a language's own.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("this consumer needs %s: there is no %s on PATH", strings.Join(programs, " and "), p)
		}
	}
}

// Each language's consumer carries its reader's schema with it; they must be one.
func TestConsumersReadPaymentsByOneSchema(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"project-java/src/main/resources/payment.avsc", "project-python/payment.avsc"} {
		text, err := os.ReadFile(filepath.Join("payments", file))
		if err != nil || string(text) != payment.V2 {
			t.Errorf("%s is not payment.v2.avsc (%v)", file, err)
		}
	}
}

func TestCustomersAreOnboardedOnceAcrossKill9(t *testing.T) { plays(t, play.Onboarding) }
func TestClicksAreCountedExactlyAcrossKill9(t *testing.T)   { plays(t, play.Clickstream) }
