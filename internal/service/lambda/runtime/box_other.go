//go:build !linux

package runtime

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// boxes makes boxes that are process groups: all that systems other than Linux offer.
type boxes struct{}

func newBoxes(want Sandbox, _ *slog.Logger) (*boxes, error) {
	if want == SandboxStrict {
		return nil, errors.New("the sandbox \"strict\" needs Linux")
	}
	return &boxes{}, nil
}

// String says what isolation the boxes give.
func (*boxes) String() string { return "process group" }

// memoryBound says what holds processes to their memory.
func (*boxes) memoryBound() string { return "nothing on this system" }

func (*boxes) close() {}

// canBind tells whether directories can be shown at a place.
func (*boxes) canBind(string) bool { return false }

type box struct {
	opt    boxOptions
	mu     sync.Mutex
	leader int
	gone   bool
}

func (*boxes) open(opt boxOptions) (*box, error) { return &box{opt: opt}, nil }

func (b *box) tmpDir() string                           { return b.opt.TmpDir }
func (b *box) private() bool                            { return false }
func (b *box) listen(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }

func (b *box) spawn(c command) (*os.Process, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone {
		return nil, os.ErrProcessDone
	}
	sys := &syscall.SysProcAttr{Setpgid: true, Pgid: b.leader}
	p, err := os.StartProcess(c.Path, c.Args, &os.ProcAttr{Dir: c.Dir, Env: c.Env, Files: c.Files, Sys: sys})
	if err == nil && b.leader == 0 {
		b.leader = p.Pid
	}
	return p, err
}

func (b *box) signal(sig syscall.Signal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.leader != 0 && !b.gone {
		_ = syscall.Kill(-b.leader, sig)
	}
}

func (b *box) terminate() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.leader != 0 && !b.gone {
		_ = syscall.Kill(b.leader, syscall.SIGTERM)
	}
}

func (b *box) kill() { b.signal(syscall.SIGKILL) }

func (b *box) left() {
	b.mu.Lock()
	leader := b.leader
	b.gone = true
	b.mu.Unlock()
	if leader != 0 {
		_ = syscall.Kill(-leader, syscall.SIGKILL)
	}
}

func (b *box) close() {}

// memory is not watched on this system.
func (b *box) memory() usage { return usage{} }

func (b *box) bounded() bool     { return false }
func (b *box) outOfMemory() bool { return false }

// awaitEnd returns at once: Wait does the waiting.
func awaitEnd(int) {}

// sweep needs /proc.
func sweep(string) {}

// syncTree puts everything on disk.
func syncTree(string) error {
	return unix.Sync()
}
