package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Server is a running server under measurement.
type Server struct {
	// URL is where it listens, http only.
	URL string
	// RegistryURL is where its schema registry listens; empty when it has none, or none that is known.
	RegistryURL string
	// PID is its process; 0 when it is not one of its own, which leaves out its
	// processor time and memory.
	PID  int
	stop func() error
}

// NewServer describes a server that runs already; stop may be nil.
func NewServer(url string, pid int, stop func() error) *Server {
	if stop == nil {
		stop = func() error { return nil }
	}
	return &Server{URL: url, PID: pid, stop: stop}
}

// Stop ends the server and waits for it.
func (s *Server) Stop() error { return s.stop() }

func (s *Server) addr() string { return strings.TrimPrefix(strings.TrimSuffix(s.URL, "/"), "http://") }

// startTimeout bounds the start of a server process, stopTimeout its end.
const (
	startTimeout = 60 * time.Second
	stopTimeout  = 60 * time.Second
)

// StartProcess runs cmd and waits for the first line of its standard output, a
// JSON object with its "url".
func StartProcess(ctx context.Context, cmd *exec.Cmd) (*Server, error) {
	s, out, err := launch(cmd)
	if err != nil {
		return nil, err
	}
	type line struct {
		url, registry string
		err           error
	}
	first := make(chan line, 1)
	go func() {
		b, err := bufio.NewReader(out).ReadBytes('\n')
		var ready struct{ URL, RegistryURL, Error string }
		if err == nil {
			err = json.Unmarshal(b, &ready)
		}
		if err == nil && ready.URL == "" {
			err = fmt.Errorf("it said %s", bytes.TrimSpace(b))
		}
		first <- line{ready.URL, ready.RegistryURL, err}
		_, _ = io.Copy(io.Discard, out) // until the process ends
	}()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case l := <-first:
		if l.err == nil {
			s.URL, s.RegistryURL = l.url, l.registry
			return s, nil
		}
		err = l.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, errors.Join(fmt.Errorf("%s did not start: %w", cmd.Path, err), s.Stop())
}

// launch runs cmd and does not wait for anything.
func launch(cmd *exec.Cmd) (*Server, io.Reader, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	// A server must not outlive a generator that was killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	return NewServer("", cmd.Process.Pid, func() error { return end(cmd) }), out, nil
}

// end asks a process to stop, and stops it when it does not.
func end(cmd *exec.Cmd) error {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGTERM {
			return nil
		}
	}
	return err
}

// tick is the unit of processor time in /proc, the same on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// cpu is the processor time a process has used so far, to a tick; 0 where /proc does not tell.
func cpu(pid int) time.Duration {
	if pid == 0 {
		return 0
	}
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	return parseCPU(b)
}

// parseCPU adds utime and stime, fields 14 and 15; the name in field 2 may hold anything.
func parseCPU(stat []byte) time.Duration {
	i := bytes.LastIndexByte(stat, ')')
	if i < 0 {
		return 0
	}
	f := bytes.Fields(stat[i+1:])
	if len(f) < 13 {
		return 0
	}
	user, err1 := strconv.ParseUint(string(f[11]), 10, 40)
	system, err2 := strconv.ParseUint(string(f[12]), 10, 40)
	if err1 != nil || err2 != nil {
		return 0
	}
	return time.Duration(user+system) * tick
}

// memory is what /proc/PID/status says of field ("VmRSS", "VmHWM"), in MiB; 0 where it does not.
func memory(pid int, field string) float64 {
	if pid == 0 {
		return 0
	}
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				return 0
			}
			return kb / 1024
		}
	}
	return 0
}

// dirSize is the size of all files below dir, in MiB.
func dirSize(dir string) float64 {
	var n int64
	_ = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	return float64(n) / (1 << 20)
}
