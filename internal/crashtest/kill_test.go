package crashtest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

var (
	binary = flag.String("leat", "", "the leat binary to kill; built when empty")
	cycles = flag.Int("cycles", 3, "number of SIGKILLs")
)

// leatBinary is the program to kill.
func leatBinary(t *testing.T) string {
	t.Helper()
	if *binary != "" {
		return *binary
	}
	out := filepath.Join(t.TempDir(), "leat")
	cmd := exec.Command("go", "build", "-o", out, "github.com/leatdev/leat/cmd/leat")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, b)
	}
	return out
}

// process is a running server.
type process struct {
	cmd *exec.Cmd
	url string
}

// start runs the binary on a data directory and waits until it is ready.
func start(t *testing.T, bin, dir string) *process {
	t.Helper()
	cmd := exec.Command(bin, "up", "--data-dir", dir, "--addr", "127.0.0.1:0", "--registry-addr", "127.0.0.1:0", "--json")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd}
	t.Cleanup(p.kill)
	var banner struct {
		Ready bool
		URL   string
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &banner)
	}
	if err != nil || !banner.Ready {
		t.Fatalf("the server did not become ready: %q, %v", line, err)
	}
	p.url = banner.URL
	return p
}

// kill ends the process by SIGKILL, wherever it is.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// TestSIGKILLLosesNothing kills the real binary under load, again and again, on one data directory.
func TestSIGKILLLosesNothing(t *testing.T) {
	t.Parallel()
	bin, dir, h := leatBinary(t), t.TempDir(), newHistory()
	rng := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	ctx := context.Background()
	for life := range *cycles {
		p := start(t, bin, dir)
		c := newClient(p.url)
		if life == 0 {
			if _, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: ptr(streamName), ShardCount: ptr(int32(2))}); err != nil {
				t.Fatal(err)
			}
		} else if err := verify(ctx, c, h.snapshot()); err != nil {
			t.Fatalf("after kill %d: %v", life, err)
		}
		now := h.expect(100+rng.IntN(800), never)
		l := startLoad(c, h, life, rng.Uint64())
		<-now
		p.kill()
		l.stop()
		// What was told may have been told at any time before the end: SIGKILL spares what
		// the operating system has.
		if err := h.reset(h.snapshot()); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, bin, dir)
	told := h.snapshot()
	if err := verify(ctx, newClient(p.url), told); err != nil {
		t.Fatalf("after the last kill: %v", err)
	}
	t.Logf("%d kills: all %d acknowledged or seen records are there, once and in order", *cycles, len(told))
}
