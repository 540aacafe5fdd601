package examples_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the consumer in Java needs a JDK and Maven: there is no %s on PATH", tool)
		}
	}
	plays(t, play.PaymentsInJava)
}

// Each language's consumer carries its reader's schema with it; they must be one.
func TestConsumersReadPaymentsByOneSchema(t *testing.T) {
	t.Parallel()
	java, err := os.ReadFile("payments/project-java/src/main/resources/payment.avsc")
	if err != nil || string(java) != payment.V2 {
		t.Errorf("the schema of project-java is not payment.v2.avsc (%v)", err)
	}
}

func TestCustomersAreOnboardedOnceAcrossKill9(t *testing.T) { plays(t, play.Onboarding) }
func TestClicksAreCountedExactlyAcrossKill9(t *testing.T)   { plays(t, play.Clickstream) }
