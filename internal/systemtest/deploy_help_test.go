package systemtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/leatdev/leat/internal/cli"
	"github.com/leatdev/leat/leattest"
)

// deployFolder writes files into a fresh folder of the given name. It is not
// below /tmp: functions have a /tmp of their own.
func deployFolder(t testing.TB, name string, files map[string]string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil || strings.HasPrefix(cache, "/tmp/") {
		cache = "/var/tmp"
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := os.MkdirTemp(cache, "leat-systemtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	dir := filepath.Join(root, name)
	deployWrite(t, dir, files)
	return dir
}

// deployWrite writes files of a folder, each at once: whoever watches sees the old or the new one.
func deployWrite(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(full+".new", full); err != nil {
			t.Fatal(err)
		}
	}
}

// deployScreen is what a command prints; it may be read while the command runs.
type deployScreen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *deployScreen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func (s *deployScreen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// deployLeat runs one command line against the platform at addr.
func deployLeat(ctx context.Context, addr string, args ...string) (code int, stdout, stderr string) {
	var out, errs deployScreen
	code = cli.Main(ctx, args, cli.IO{In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: func(name string) string {
		if name == "LEAT_ADDR" {
			return addr
		}
		return ""
	}})
	return code, out.String(), errs.String()
}

// deployOK is deployLeat of a command that must succeed.
func deployOK(t *testing.T, p *leattest.Platform, args ...string) string {
	t.Helper()
	code, out, errs := deployLeat(t.Context(), p.URL(), args...)
	if code != 0 {
		t.Fatalf("leat %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// deployStacks is a client of the platform's stacks.
func deployStacks(p *leattest.Platform) *cloudformation.Client {
	return cloudformation.NewFromConfig(p.Config())
}

// deployStatus is the status and the outputs of a stack.
func deployStatus(t *testing.T, p *leattest.Platform, stack string) (cfntypes.StackStatus, map[string]string) {
	t.Helper()
	out, err := deployStacks(p).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, o := range out.Stacks[0].Outputs {
		values[*o.OutputKey] = *o.OutputValue
	}
	return out.Stacks[0].StackStatus, values
}

// deployPhysical are the physical ids of a stack's resources of a type, by logical id.
func deployPhysical(t *testing.T, p *leattest.Platform, stack, typ string) map[string]string {
	t.Helper()
	out, err := deployStacks(p).DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: &stack})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, r := range out.StackResources {
		if *r.ResourceType == typ {
			ids[*r.LogicalResourceId] = aws.ToString(r.PhysicalResourceId)
		}
	}
	return ids
}

// deployGet asks a URL; host, if given, stands in the Host header.
func deployGet(ctx context.Context, address, host string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, "", err
	}
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// deployAnswers checks an API in its path form and in its host form.
func deployAnswers(t *testing.T, p *leattest.Platform, api, stage, path, want string) {
	t.Helper()
	base, err := url.Parse(p.URL())
	if err != nil {
		t.Fatal(err)
	}
	byHost := "/" + stage + path
	if stage == "$default" {
		byHost = path
	}
	for _, at := range [][2]string{
		{p.URL() + "/_aws/execute-api/" + api + "/" + stage + path, ""},
		{p.URL() + byHost, api + ".execute-api.localhost:" + base.Port()},
		{p.URL() + byHost, api + ".execute-api." + p.Region() + ".localhost:" + base.Port()},
	} {
		status, body, err := deployGet(t.Context(), at[0], at[1])
		if err != nil || status != http.StatusOK || body != want {
			t.Errorf("GET %s (host %q): %d %q, %v; want %q", at[0], at[1], status, body, err, want)
		}
	}
}

// deployLogged waits until a function has printed a line that holds text.
func deployLogged(t *testing.T, p *leattest.Platform, function, text string) {
	t.Helper()
	logs := cloudwatchlogs.NewFromConfig(p.Config())
	leattest.Eventually(t, func(ctx context.Context) error {
		lines, err := deployLog(ctx, logs, function)
		if err != nil {
			return err
		}
		if !strings.Contains(lines, text) {
			return fmt.Errorf("%s has not printed %q but\n%s", function, text, lines)
		}
		return nil
	})
}

// deployLog is everything that a function has printed.
func deployLog(ctx context.Context, logs *cloudwatchlogs.Client, function string) (string, error) {
	var b strings.Builder
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(logs, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/" + function)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		var none *logtypes.ResourceNotFoundException
		if errors.As(err, &none) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		for _, e := range page.Events {
			b.WriteString(aws.ToString(e.Message))
			b.WriteByte('\n')
		}
	}
	return b.String(), nil
}

// deployJSON decodes what a command printed with --json.
func deployJSON[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return v
}
