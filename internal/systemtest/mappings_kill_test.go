package systemtest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/leatdev/leat/internal/sdkhttp"
	"github.com/leatdev/leat/serde"
)

// server is Leat's own program, running.
type server struct {
	cmd *exec.Cmd
	url string
}

// build makes the program.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "leat")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/leatdev/leat/cmd/leat").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// launch starts the program on a data directory, with more flags if need be, and waits until it is ready.
func launch(t *testing.T, bin, dir, addr string, flags ...string) *server {
	t.Helper()
	cmd := exec.Command(bin, append([]string{"up", "--data-dir", dir, "--addr", addr, "--registry-addr", "127.0.0.1:0", "--json"}, flags...)...)
	cmd.Stderr = os.Stderr
	out := must(cmd.StdoutPipe())(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{cmd: cmd}
	t.Cleanup(s.kill)
	var banner struct {
		Ready bool
		URL   string
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &banner)
	}
	if err != nil || !banner.Ready {
		t.Fatalf("the program did not become ready: %q, %v", line, err)
	}
	s.url = banner.URL
	return s
}

// kill ends the program by SIGKILL.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func TestAfterSIGKILLEveryOnboardingEventReachesItsFunction(t *testing.T) {
	t.Parallel()
	const n = 120
	bin, dir := build(t), t.TempDir()
	s := launch(t, bin, dir, "127.0.0.1:0")
	w := worldAt(t, configAt(s.url), s.url, "")
	stream := w.stream("customers", 2)
	records, approved := customers(t, w.customerSerde(serde.WireFormat(serde.JSONNode)), n)

	var verify, activate tally
	midway := make(chan struct{}) // closed when some records are done and many are not
	dead := make(chan struct{})   // closed when the program is gone
	var once sync.Once
	handle := func(seen *tally, status string) reply {
		return func(e event) (any, error) {
			for _, r := range e.Records {
				var v customerEvent
				if err := json.Unmarshal(r.Kinesis.Data, &v); err != nil || v.Body.NewStatus != status {
					t.Errorf("the function for %s got %q (%v)", status, r.data(), err)
				}
			}
			if verify.distinct() >= n/4 { // held while the program is killed
				once.Do(func() { close(midway) })
				<-dead
			}
			for _, r := range e.Records {
				seen.add(r.Kinesis.PartitionKey)
			}
			return nil, nil
		}
	}
	for status, seen := range map[string]*tally{"DRAFT": &verify, "APPROVED": &activate} {
		w.mapping(stream, w.function("on-"+status, handle(seen, status)), func(in *lambda.CreateEventSourceMappingInput) {
			in.BatchSize, in.FilterCriteria = ptr(int32(5)), filters(fmt.Sprintf(`{"data":{"body":{"newStatus":[%q]}}}`, status))
		})
	}
	w.put("customers", records...)
	select {
	case <-midway:
	case <-t.Context().Done():
		t.Fatal("the functions did not run")
	}
	s.kill()
	close(dead)
	launch(t, bin, dir, s.url[len("http://"):])
	verify.reaches(t, n)
	activate.reaches(t, approved)
	// What was under way may come twice: a few batches of each shard and function.
	const twice = 2 * 2 * 5 * 2
	if extra := verify.total() - n + activate.total() - approved; extra > twice {
		t.Errorf("%d records came twice", extra)
	}
}

func configAt(url string) awssdk.Config {
	return awssdk.Config{Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}
