package runtime

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// level is what a box on Linux is made of.
type level int

const (
	// levelGroup: a process group, swept by environment, with this process as subreaper.
	levelGroup level = iota
	// levelUser: a PID namespace inside a user namespace; needs no privilege where the system permits it.
	levelUser
	// levelMount: PID and mount namespaces: a /tmp and a /proc of its own, read-only code.
	levelMount
	// levelNet: levelMount and a network namespace.
	levelNet
)

func (l level) String() string {
	return [...]string{"process group", "PID namespace", "PID and mount namespaces", "PID, mount and network namespaces"}[l]
}

// boxes makes boxes of one level.
type boxes struct {
	level  level
	shared *thread // where children of levelGroup and levelUser are forked
	groups *groups
	log    *slog.Logger
	// shell and mount are the programs that mount a /proc; "" leaves the system's own in place.
	shell, mount string
}

// newBoxes finds the strongest level that want permits and the system grants, by trying.
func newBoxes(want Sandbox, log *slog.Logger) (*boxes, error) {
	// The first use of a process handle makes Go fork once to try the kernel. Were that the first
	// fork inside a new PID namespace, its end would be the end of the namespace.
	if _, err := os.FindProcess(os.Getpid()); err != nil {
		return nil, err
	}
	shared, err := newThread(nil)
	if err != nil {
		return nil, err
	}
	b := &boxes{shared: shared, groups: newGroups(), log: log}
	b.tryGroups()
	switch want {
	case SandboxOff:
	case SandboxStrict:
		b.level = levelNet
		if err := b.try(levelNet); err != nil {
			shared.close()
			return nil, fmt.Errorf("the sandbox \"strict\" needs network, mount and PID namespaces (CAP_SYS_ADMIN): %w", err)
		}
	default:
		for _, l := range []level{levelMount, levelUser} {
			if b.try(l) == nil {
				b.level = l
				break
			}
		}
	}
	b.findMounter()
	if b.level == levelGroup {
		// Orphans of a double fork become our children, so that they can be
		// found and reaped. It is a property of the whole process, harmless to
		// the rest of it: nobody else leaves orphans.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			shared.close()
			return nil, fmt.Errorf("become a subreaper: %w", err)
		}
	}
	return b, nil
}

// String says what isolation the boxes give.
func (bs *boxes) String() string { return bs.level.String() }

// memoryBound says what holds processes to their memory.
func (bs *boxes) memoryBound() string {
	if bs.groups.base == "" {
		return "watch on resident memory (" + bs.groups.why + ")"
	}
	return "cgroup v2 (" + bs.groups.base + ")"
}

// tryGroups gives groups up if processes cannot be started in them.
func (bs *boxes) tryGroups() {
	if bs.groups.base == "" {
		return
	}
	if err := bs.try(levelGroup); err != nil {
		bs.groups.close()
		bs.groups = &groups{why: "a process cannot be started in a control group: " + err.Error()}
	}
}

// findMounter keeps the programs that mount a /proc if they do.
func (bs *boxes) findMounter() {
	shell, err := exec.LookPath("sh")
	if err != nil || bs.level < levelMount {
		return
	}
	mount, err := exec.LookPath("mount")
	if err != nil {
		return
	}
	bs.shell, bs.mount = shell, mount
	if bs.try(bs.level) != nil {
		bs.shell, bs.mount = "", ""
	}
}

func (bs *boxes) close() {
	bs.groups.close()
	bs.shared.close()
}

// probeMemory is what a process that does nothing gets.
const probeMemory = 64 << 20

// try runs a process that does nothing in a box of level l.
func (bs *boxes) try(l level) error {
	path, err := exec.LookPath("true")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "leat-probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	probe := *bs
	probe.level = l
	b, err := probe.open(boxOptions{TmpDir: dir, Memory: probeMemory})
	if err != nil {
		return err
	}
	defer b.close()
	p, err := b.spawn(command{Path: path, Args: []string{"true"}, Dir: "/"})
	if err != nil {
		return err
	}
	st, err := p.Wait()
	b.left()
	if err == nil && !st.Success() {
		err = errors.New(st.String())
	}
	return err
}

// box holds the processes of one instance.
type box struct {
	*boxes
	level  level
	opt    boxOptions
	thread *thread
	group  *group // nil: memory is watched
	mu     sync.Mutex
	leader int // process id of the first process, and process group of all
	gone   bool
}

// open makes an empty box.
func (bs *boxes) open(opt boxOptions) (*box, error) {
	b := &box{boxes: bs, level: bs.level, opt: opt, thread: bs.shared}
	if b.level >= levelMount {
		t, err := newThread(b.enterNamespaces)
		if err != nil {
			return nil, err
		}
		b.thread = t
	}
	if bs.groups.base != "" {
		var err error
		if b.group, err = bs.groups.open(filepath.Base(filepath.Dir(opt.TmpDir)), opt.Memory); err != nil {
			bs.log.Warn("make a control group: memory is watched instead", "err", err)
		}
	}
	return b, nil
}

// bounded tells whether the kernel holds the box to its memory.
func (b *box) bounded() bool { return b.group != nil }

// outOfMemory tells whether the kernel has ended it for its memory.
func (b *box) outOfMemory() bool { return b.group != nil && b.group.outOfMemory() }

// tmpDir is what processes in the box know their temporary directory as.
func (b *box) tmpDir() string {
	if b.level >= levelMount {
		return "/tmp"
	}
	return b.opt.TmpDir
}

// enterNamespaces runs on the box's own thread. Threads of a Go process may differ in
// namespaces: children forked from this one inherit what is arranged here, with no helper program.
func (b *box) enterNamespaces() error {
	flags := unix.CLONE_NEWNS | unix.CLONE_NEWPID
	if b.level == levelNet {
		flags |= unix.CLONE_NEWNET
	}
	if err := unix.Unshare(flags); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if b.level == levelNet {
		if err := loopbackUp(); err != nil {
			return fmt.Errorf("bring up loopback: %w", err)
		}
	}
	return b.mountTmp()
}

// mountProc is run by the leader before it becomes the function's runtime: a /proc shows the
// namespace of whoever mounts it, and the leader is the first to be inside.
const mountProc = `"$0" -t proc -o nosuid,nodev,noexec proc /proc && exec "$@"`

// withProc puts the mount of /proc before a command.
func (b *box) withProc(c command) command {
	if b.level < levelMount || b.leader != 0 || b.shell == "" {
		return c
	}
	c.Args = append([]string{"sh", "-c", mountProc, b.mount, c.Path}, c.Args[1:]...)
	c.Path = b.shell
	return c
}

// mountTmp puts the instance's directory over /tmp, shows its code where AWS has it and makes it read-only.
// Directories that live below /tmp and that the function needs (a data
// directory of a test, say) are carried into the new /tmp first.
func (b *box) mountTmp() error {
	for _, d := range b.opt.ReadOnly {
		target := d
		if rel, ok := strings.CutPrefix(d, "/tmp/"); ok {
			target = filepath.Join(b.opt.TmpDir, rel)
			if err := os.MkdirAll(target, 0o755); err != nil {
				return err
			}
		}
		if err := bindReadOnly(d, target); err != nil {
			return err
		}
	}
	for _, m := range b.opt.Binds {
		if err := bindReadOnly(m.from, m.to); err != nil {
			return err
		}
	}
	if err := unix.Mount(b.opt.TmpDir, "/tmp", "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount /tmp: %w", err)
	}
	return nil
}

func bindReadOnly(from, to string) error {
	if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("bind %s to %s: %w", from, to, err)
	}
	if err := unix.Mount("", to, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("make %s read-only: %w", to, err)
	}
	return nil
}

// canBind tells whether directories can be shown at a place: a mount needs something to be
// mounted on, which is made if it does not exist.
func (bs *boxes) canBind(to string) bool {
	if bs.level < levelMount {
		return false
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		bs.log.Debug("functions do not find their files where AWS has them", "place", to, "err", err)
		return false
	}
	st, err := os.Stat(to)
	return err == nil && st.IsDir()
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// listen opens a loopback listener that processes in the box can reach.
func (b *box) listen(addr string) (ln net.Listener, err error) {
	if b.level != levelNet {
		return net.Listen("tcp", addr)
	}
	doErr := b.thread.do(func() { ln, err = net.Listen("tcp", addr) })
	return ln, errors.Join(doErr, err)
}

// private tells whether processes in the box see a network of their own.
func (b *box) private() bool { return b.level == levelNet }

// spawn starts a process in the box. The first is the leader: its end is the end of the box.
func (b *box) spawn(c command) (p *os.Process, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone {
		return nil, os.ErrProcessDone
	}
	sys := &syscall.SysProcAttr{Setpgid: true}
	switch {
	case b.leader == 0:
		// The kernel ends the leader when the thread that forked it ends: a
		// killed server leaves nothing behind. In a PID namespace the rest follows.
		sys.Pdeathsig = syscall.SIGKILL
		if b.level == levelUser {
			sys.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWPID
			sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
			sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
		}
	case b.level >= levelMount:
		// Inside a PID namespace getppid is 0, which Go takes for a dead parent
		// and ends the child; these end with the leader anyway.
	default:
		sys.Pdeathsig = syscall.SIGKILL
	}
	if b.leader != 0 {
		sys.Pgid = b.leader
		if b.level >= levelMount {
			sys.Pgid = 1 // the leader's number inside the namespace
		}
	}
	if b.group != nil {
		sys.UseCgroupFD, sys.CgroupFD = true, int(b.group.fd.Fd())
	}
	c = b.withProc(c)
	doErr := b.thread.do(func() {
		p, err = os.StartProcess(c.Path, c.Args, &os.ProcAttr{Dir: c.Dir, Env: c.Env, Files: c.Files, Sys: sys})
	})
	if err = errors.Join(doErr, err); err != nil {
		return nil, err
	}
	if b.leader == 0 {
		b.leader = p.Pid
	}
	return p, nil
}

// signal sends sig to the box's processes.
func (b *box) signal(sig syscall.Signal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.leader != 0 && !b.gone {
		_ = syscall.Kill(-b.leader, sig)
	}
}

// terminate asks the leader alone to end.
func (b *box) terminate() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.leader != 0 && !b.gone {
		_ = syscall.Kill(b.leader, syscall.SIGTERM)
	}
}

// kill ends every process of the box. In a PID namespace the kernel sees to it;
// otherwise those that left the group are found by their environment.
func (b *box) kill() {
	b.signal(syscall.SIGKILL)
	if b.level < levelUser {
		b.strays()
	}
}

// strays ends what has left the process group.
func (b *box) strays() {
	if b.group != nil {
		b.group.kill()
	}
	if b.opt.Marker != "" {
		sweep(b.opt.Marker)
	}
}

// left is called when the leader has ended, before it is waited for: afterwards its number
// may be given to another process, so nothing may be sent to it any more.
func (b *box) left() {
	b.mu.Lock()
	leader := b.leader
	b.gone = true
	b.mu.Unlock()
	if b.level == levelGroup && leader != 0 {
		// The group outlives its leader while it has members, and its number
		// is not given away before they are gone.
		_ = syscall.Kill(-leader, syscall.SIGKILL)
		b.strays()
	}
}

// close releases what the box holds of this process.
func (b *box) close() {
	if b.level >= levelMount {
		b.thread.close()
	}
	if b.group != nil {
		b.group.close()
	}
}

// thread is an operating-system thread of our own that children are forked from.
// It must live as long as they do: it is their parent in the kernel's eyes.
type thread struct {
	work chan func()
	quit chan struct{}
	once sync.Once
}

// newThread starts a thread, runs setup on it and reports its error.
func newThread(setup func() error) (*thread, error) {
	t := &thread{work: make(chan func()), quit: make(chan struct{})}
	ready := make(chan error, 1)
	go t.run(setup, ready)
	if err := <-ready; err != nil {
		return nil, err
	}
	return t, nil
}

func (t *thread) run(setup func() error, ready chan<- error) {
	// Never unlocked: the thread ends with this goroutine, and what setup
	// changed about it with it.
	goruntime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// The process's main thread never ends, and what /proc/PID shows of the
		// process is taken from it: another one, then. This goroutine keeps the main thread meanwhile.
		moved := make(chan error, 1)
		go t.run(setup, moved)
		ready <- <-moved
		goruntime.UnlockOSThread()
		return
	}
	var err error
	if setup != nil {
		err = setup()
	}
	ready <- err
	if err != nil {
		return
	}
	for {
		select {
		case f := <-t.work:
			f()
		case <-t.quit:
			return
		}
	}
}

func (t *thread) do(f func()) error {
	done := make(chan struct{})
	select {
	case t.work <- func() { defer close(done); f() }:
		<-done
		return nil
	case <-t.quit:
		return os.ErrClosed
	}
}

func (t *thread) close() { t.once.Do(func() { close(t.quit) }) }
