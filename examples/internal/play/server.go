// Package play runs the example systems as their users would: it starts the real
// leat binary on free ports, plays producers and callers against it, kills it
// (SIGKILL) in the middle, starts it again, and compares what came out with what
// went in.
package play

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/leatdev/leat/internal/sdkhttp"
)

// Region is where the examples live.
const Region = "us-east-1"

// stopTimeout is how long a server may take to end when it is asked to.
const stopTimeout = 40 * time.Second

// registryMark stands for the registry's URL in a parameter.
const registryMark = "{registry}"

// Env is what a play needs of its surroundings.
type Env struct {
	Leat     string // the leat binary
	Examples string // the folder of the examples
	Dir      string // a scratch folder of this play's own
	Log      io.Writer
}

// Server is a running leat with one example deployed.
type Server struct {
	URL, RegistryURL string
	Endpoints        []string
	Outputs          map[string]string

	env     Env
	example string
	folder  string
	file    string // the template within the folder; empty if the folder holds only one
	params  []string
	cmd     *exec.Cmd
}

// Up starts leat with an example and waits until it is deployed. Template parameters are written NAME=VALUE.
func (e Env) Up(ctx context.Context, example string, params ...string) (*Server, error) {
	return e.UpFile(ctx, example, "", params...)
}

// UpFile is Up with one of several templates of an example.
func (e Env) UpFile(ctx context.Context, example, file string, params ...string) (*Server, error) {
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	reg, err := freePort()
	if err != nil {
		return nil, err
	}
	folder, err := e.prepare(ctx, example)
	if err != nil {
		return nil, err
	}
	s := &Server{URL: "http://" + addr, RegistryURL: "http://" + reg, env: e, example: example, folder: folder, file: file, params: params}
	return s, s.start(ctx)
}

// freePort is an address of the loopback interface that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (s *Server) start(ctx context.Context) error {
	args := []string{
		"up", filepath.Join(s.folder, s.file), "--json", "--data-dir", filepath.Join(s.env.Dir, "data"),
		"--addr", strings.TrimPrefix(s.URL, "http://"), "--registry-addr", strings.TrimPrefix(s.RegistryURL, "http://"),
	}
	for _, param := range s.params {
		// The registry's address is known only now.
		args = append(args, "--param", strings.ReplaceAll(param, registryMark, s.RegistryURL))
	}
	s.cmd = exec.Command(s.env.Leat, args...)
	s.cmd.Stderr = s.env.Log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ready := make(chan error, 1)
	go func() { ready <- s.read(out) }()
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		s.Kill()
		return fmt.Errorf("leat up %s: %w", s.example, err)
	}
	return nil
}

// read takes what leat says once it is ready.
func (s *Server) read(out io.Reader) error {
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("it did not become ready: %w", err)
	}
	var ready struct {
		Ready     bool
		Endpoints []string
		Outputs   map[string]string
	}
	if err := json.Unmarshal(line, &ready); err != nil || !ready.Ready {
		return fmt.Errorf("it did not become ready: %s", line)
	}
	s.Endpoints, s.Outputs = ready.Endpoints, ready.Outputs
	return nil
}

// Kill ends the server by SIGKILL, wherever it is. It may be called again.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// KillAndRestart kills the server and starts it on the same data and ports.
func (s *Server) KillAndRestart(ctx context.Context) error {
	s.Kill()
	return s.start(ctx)
}

// Stop asks the server to end, and sees to it.
func (s *Server) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(stopTimeout, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	_ = s.cmd.Wait()
}

// Endpoint is the URL of the API's endpoint that ends with suffix, as `leat up` prints it.
func (s *Server) Endpoint(method, suffix string) (string, error) {
	for _, e := range s.Endpoints {
		if m, url, ok := strings.Cut(e, " - "); ok && m == method && strings.HasSuffix(url, suffix) {
			return url, nil
		}
	}
	return "", fmt.Errorf("there is no endpoint %s …%s: %v", method, suffix, s.Endpoints)
}

// Config points the SDK's clients at the server.
func (s *Server) Config() aws.Config {
	return aws.Config{
		Region: Region, HTTPClient: sdkhttp.Client(), BaseEndpoint: &s.URL, RetryMaxAttempts: 10,
		Credentials: credentials.NewStaticCredentialsProvider("example", "example", ""),
	}
}

// prepare copies an example and compiles its Go functions, as `sam build` would: what is
// measured later is neither the compiler nor the look-out for changed source. It gives the copy's folder.
func (e Env) prepare(ctx context.Context, example string) (string, error) {
	src, dst := filepath.Join(e.Examples, example), filepath.Join(e.Dir, example)
	if err := os.CopyFS(dst, os.DirFS(src)); err != nil {
		return "", err
	}
	mains, err := filepath.Glob(filepath.Join(src, "*", "main.go"))
	if err != nil {
		return "", err
	}
	for _, main := range mains {
		name := filepath.Base(filepath.Dir(main))
		if err := os.RemoveAll(filepath.Join(dst, name)); err != nil {
			return "", err
		}
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", filepath.Join(dst, name, "bootstrap"), ".")
		cmd.Dir, cmd.Env = filepath.Dir(main), append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
	}
	return dst, nil
}

// producer is the compiled producer of an example.
func (s *Server) producer() string { return filepath.Join(s.folder, "produce", "bootstrap") }

// program is a producer of an example, at work.
type program struct {
	name string
	cmd  *exec.Cmd
	out  strings.Builder
	err  strings.Builder
}

// run starts a producer that finds the server as every SDK does.
func (s *Server) run(ctx context.Context, args ...string) (*program, error) {
	p := &program{name: s.example + "/produce", cmd: exec.CommandContext(ctx, s.producer(), args...)}
	p.cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+s.URL, "AWS_REGION="+Region, "AWS_ACCESS_KEY_ID=example", "AWS_SECRET_ACCESS_KEY=example")
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	return p, p.cmd.Start()
}

// wait waits for a producer's end and gives the number of messages it says were delivered.
func (p *program) wait() (int, error) {
	if err := p.cmd.Wait(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", p.name, err, p.err.String())
	}
	var sum struct{ Sent int }
	if err := json.Unmarshal([]byte(p.out.String()), &sum); err != nil {
		return 0, err
	}
	return sum.Sent, nil
}

// call sends one request. A refused connection or a 5xx is the error errAgain.
func call(ctx context.Context, method, url, key, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("%w: %w", errAgain, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= http.StatusInternalServerError {
		err = fmt.Errorf("%s: %s", res.Status, text)
	}
	if err != nil {
		return res.StatusCode, "", fmt.Errorf("%w: %w", errAgain, err)
	}
	return res.StatusCode, string(text), nil
}

// client serves many callers of one host.
var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}

// errAgain: the request may have been done or not; it can be sent again.
var errAgain = errors.New("no answer")

// retryPause is the pause before a request that got no answer is sent again.
const retryPause = 100 * time.Millisecond

// insist is call, again and again while there is no answer.
func insist(ctx context.Context, method, url, key, body string) (int, string, error) {
	for {
		status, text, err := call(ctx, method, url, key, body)
		if !errors.Is(err, errAgain) || ctx.Err() != nil {
			return status, text, err
		}
		if err := pause(ctx, retryPause); err != nil {
			return 0, "", err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
