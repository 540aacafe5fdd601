package leattest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/leatdev/leat"
	"github.com/leatdev/leat/leattest"
)

func streams(t *testing.T, p *leattest.Platform) []string {
	t.Helper()
	out, err := kinesis.NewFromConfig(p.Config()).ListStreams(t.Context(), &kinesis.ListStreamsInput{})
	if err != nil {
		t.Fatal(err)
	}
	return out.StreamNames
}

func createStream(t *testing.T, p *leattest.Platform, name string) {
	t.Helper()
	if _, err := kinesis.NewFromConfig(p.Config()).CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
}

func TestEveryPlatformIsPrivate(t *testing.T) {
	t.Parallel()
	a, b := leattest.Start(t), leattest.Start(t)
	createStream(t, a, "only-a")
	if got := streams(t, b); len(got) != 0 {
		t.Errorf("b has %v", got)
	}
	if a.URL() == b.URL() || a.RegistryURL() == b.RegistryURL() {
		t.Errorf("both listen at %s, %s", a.URL(), a.RegistryURL())
	}
}

func TestAPlatformEndsWithItsTest(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("inner", func(t *testing.T) { url = leattest.Start(t).URL() })
	if resp, err := http.Get(url + "/_leat/health"); err == nil {
		resp.Body.Close()
		t.Error("it still answers")
	}
}

func TestStopMayBeCalledAgain(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	p.Stop()
	p.Stop()
}

func TestADataDirOutlivesThePlatform(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := leattest.Start(t, leattest.DataDir(dir))
	createStream(t, p, "kept")
	p.Stop()
	if got := streams(t, leattest.Start(t, leattest.DataDir(dir))); len(got) != 1 || got[0] != "kept" {
		t.Errorf("got %v", got)
	}
}

func TestWithChangesTheOptions(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t, leattest.With(func(o *leat.Options) {
		o.Region, o.Account = "eu-west-1", "123456789012"
		o.AccessKeys = map[string]string{"AKID": "SECRET"}
	}))
	out, err := sts.NewFromConfig(p.ConfigFor("AKID", "SECRET", "")).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *out.Account != "123456789012" {
		t.Errorf("%+v, %v", out, err)
	}
	if p.Config().Region != "eu-west-1" {
		t.Errorf("region %s", p.Config().Region)
	}
	_, err = sts.NewFromConfig(p.ConfigFor("AKID", "WRONG", "")).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err == nil || !strings.Contains(err.Error(), "SignatureDoesNotMatch") {
		t.Errorf("a wrong secret: %v", err)
	}
}

func TestEventuallyLooksUntilTheConditionHolds(t *testing.T) {
	t.Parallel()
	var looks atomic.Int32
	leattest.Eventually(t, func(context.Context) error {
		if looks.Add(1) < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if looks.Load() != 3 {
		t.Errorf("%d looks", looks.Load())
	}
}

// failing is a test that keeps what Fatalf said and whose context has ended.
type failing struct {
	testing.TB
	ctx  context.Context
	said string
}

type stopped struct{}

func (f *failing) Helper()                  {}
func (f *failing) Context() context.Context { return f.ctx }
func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	panic(stopped{})
}

func TestStartFailsTheTestWithTheReason(t *testing.T) {
	t.Parallel()
	f := &failing{TB: t, ctx: t.Context()}
	defer func() {
		if _, ok := recover().(stopped); !ok || !strings.Contains(f.said, "needs access keys") {
			t.Errorf("said %q", f.said)
		}
	}()
	leattest.Start(f, leattest.With(func(o *leat.Options) { o.Addr = "0.0.0.0:0" }))
}

func TestEventuallyEndsWithTheTestAndTellsTheLastError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := &failing{TB: t, ctx: ctx}
	defer func() {
		if _, ok := recover().(stopped); !ok || !strings.Contains(f.said, "look 2") {
			t.Errorf("said %q", f.said)
		}
	}()
	looks := 0
	leattest.Eventually(f, func(context.Context) error {
		if looks++; looks == 3 {
			cancel()
		}
		return fmt.Errorf("look %d", looks)
	})
}
