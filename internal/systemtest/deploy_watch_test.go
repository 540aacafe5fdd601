package systemtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/cli"
	"github.com/leatdev/leat/leattest"
)

// TestUpWatchesTheTemplateAndTheCode runs `leat up PATH` and edits what it watches.
func TestUpWatchesTheTemplateAndTheCode(t *testing.T) {
	t.Parallel()
	dir := deployFolder(t, "app", deployPageCode("v1"))
	deployWrite(t, dir, map[string]string{"template.yaml": deployPage("one", "")})
	var out, errs deployScreen
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Main(ctx, []string{"up", "--memory", "--addr", "127.0.0.1:0", "--registry-addr", "127.0.0.1:0", dir},
			cli.IO{In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: func(string) string { return "" }})
	}()
	defer func() {
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("leat up ended with %d: %s", code, errs.String())
		}
	}()
	leattest.Eventually(t, func(context.Context) error {
		if !strings.Contains(out.String(), "Ready.") {
			return errors.New("not ready: " + out.String() + errs.String())
		}
		return nil
	})
	page := strings.Fields(deployAfter(out.String(), "GET - "))[0]
	shows := func(want string) {
		t.Helper()
		leattest.Eventually(t, func(ctx context.Context) error {
			_, body, err := deployGet(ctx, page, "")
			if err == nil && body != want {
				err = fmt.Errorf("the page shows %q, not %q\n%s%s", body, want, out.String(), errs.String())
			}
			return err
		})
	}
	shows("one v1")
	deployWrite(t, dir, deployPageCode("v2"))
	shows("one v2")
	if strings.Count(out.String(), "PLAN") != 1 {
		t.Errorf("a change of code was deployed:\n%s", out.String())
	}
	deployWrite(t, dir, map[string]string{"template.yaml": deployPage("broken", "  Q: {Type: AWS::SQS::Nothing}\n")})
	leattest.Eventually(t, func(context.Context) error {
		if !strings.Contains(errs.String(), "template.yaml:13:13: AWS::SQS::Nothing") {
			return errors.New("nothing is said: " + errs.String())
		}
		return nil
	})
	shows("one v2")
	deployWrite(t, dir, map[string]string{"template.yaml": deployPage("two", "")})
	shows("two v2")
}

// deployAfter is what follows mark in text.
func deployAfter(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	return rest
}
