package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// groups makes a control group (cgroup v2) for each instance, by which the kernel holds its
// processes to their memory. That needs a part of the hierarchy that is ours to arrange: the
// root of it, or one that has been delegated to us (systemd's Delegate=, a container's own,
// a user's own). A group with processes may not hand controllers on to groups below it, so
// where we are alone in ours we move ourselves one level down:
//
//	DELEGATED/leat-server              this process, unless DELEGATED is the root
//	DELEGATED/leat-NS-PID-START-N/     the groups of one engine
//	DELEGATED/leat-NS-PID-START-N/ID   one instance
type groups struct {
	base string // "" if there are none
	why  string // then: why not
}

// MaxGroupProcesses is AWS's limit of processes and threads of an environment.
const MaxGroupProcesses = 1024

// serverGroup is where this process goes if it has to make room.
const serverGroup = "leat-server"

var engines atomic.Int64 // numbers the engines of this process

// newGroups finds out whether there can be groups. What processes that were killed left behind is removed first.
func newGroups() *groups {
	g := &groups{}
	if err := g.arrange(); err != nil {
		g.base, g.why = "", err.Error()
	}
	return g
}

func (g *groups) arrange() error {
	own, top, err := ownGroup("/proc/self/mountinfo", "/proc/self/cgroup")
	if err != nil {
		return err
	}
	dir, err := delegation(own, top)
	if err != nil {
		return err
	}
	sweepGroups(dir)
	if err := vacate(dir, own); err != nil {
		return err
	}
	if err := handOn(dir); err != nil {
		return err
	}
	start, err := startOf(os.Getpid())
	if err != nil {
		return err
	}
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return err
	}
	g.base = filepath.Join(dir, fmt.Sprintf("leat-%s-%d-%s-%d", digits(ns), os.Getpid(), start, engines.Add(1)))
	if err := os.Mkdir(g.base, 0o755); err != nil {
		return err
	}
	if err := handOn(g.base); err != nil {
		_ = os.Remove(g.base)
		return err
	}
	return nil
}

// ownGroup finds the directory of this process's group, and of the top of the hierarchy as it is mounted here.
func ownGroup(mountinfo, cgroup string) (own, top string, err error) {
	mounts, err := os.ReadFile(mountinfo)
	if err != nil {
		return "", "", err
	}
	var root string
	for line := range strings.Lines(string(mounts)) {
		// 36 35 98:0 /root /mount/point options … - cgroup2 source options
		f := strings.Fields(line)
		_, after, _ := strings.Cut(line, " - ")
		if len(f) > 4 && strings.HasPrefix(after, "cgroup2 ") {
			root, top = f[3], f[4]
		}
	}
	if top == "" {
		return "", "", errors.New("cgroup v2 is not mounted")
	}
	mine, err := os.ReadFile(cgroup)
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(mine)) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		rest, ok := strings.CutPrefix(path, strings.TrimSuffix(root, "/"))
		if !ok || strings.Contains(path, "/..") {
			return "", "", fmt.Errorf("this process's control group %s is outside of what is mounted", path)
		}
		return filepath.Join(top, rest), top, nil
	}
	return "", "", errors.New("this process is in no group of cgroup v2")
}

// delegation is the directory that groups may be made in: our own group or the one above it.
func delegation(own, top string) (string, error) {
	var candidates []string
	moved := own != top && filepath.Base(own) == serverGroup // by an engine before
	// The top is the machine's root, or that of a container.
	if own == top || delegated(own) && !moved {
		candidates = append(candidates, own)
	}
	if above := filepath.Dir(own); own != top && (delegated(above) || above == top && moved) {
		candidates = append(candidates, above)
	}
	reason := errors.New("this process's control group is not delegated to it")
	for _, dir := range candidates {
		controllers, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
		if err != nil {
			return "", err
		}
		if !hasWord(controllers, "memory") {
			reason = errors.New("cgroup v2 has no memory controller here")
			continue
		}
		if err := unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK); err != nil {
			reason = fmt.Errorf("%s: %w", dir, err)
			continue
		}
		return dir, nil
	}
	return "", reason
}

// delegated tells whether dir is for us to arrange. Elsewhere another manager (systemd) may undo what we do.
func delegated(dir string) bool {
	for _, attr := range []string{"user.delegate", "trusted.delegate"} { // systemd's mark
		v := make([]byte, 8)
		if n, err := unix.Getxattr(dir, attr, v); err == nil && string(v[:n]) == "1" {
			return true
		}
	}
	var st unix.Stat_t
	return os.Geteuid() != 0 && unix.Stat(dir, &st) == nil && int(st.Uid) == os.Geteuid()
}

// vacate moves this process out of dir if that must not hold processes, and only this one is in it.
func vacate(dir, own string) error {
	if _, err := os.Stat(filepath.Join(dir, "cgroup.type")); errors.Is(err, os.ErrNotExist) {
		return nil // the root may
	}
	pids, err := groupProcesses(dir)
	if err != nil || len(pids) == 0 {
		return err
	}
	if dir != own || len(pids) > 1 || pids[0] != os.Getpid() {
		return errors.New("other processes are in this process's control group")
	}
	to := filepath.Join(dir, serverGroup)
	if err := os.Mkdir(to, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return write(to, "cgroup.procs", strconv.Itoa(os.Getpid()))
}

// handOn gives the groups below dir the memory controller, and that of processes where there is one.
func handOn(dir string) error {
	if err := write(dir, "cgroup.subtree_control", "+memory"); err != nil {
		return err
	}
	_ = write(dir, "cgroup.subtree_control", "+pids")
	return nil
}

// group is the control group of one box.
type group struct {
	dir string
	fd  *os.File
}

// open makes a group that may use so many bytes.
func (g *groups) open(id string, memory int64) (*group, error) {
	gr := &group{dir: filepath.Join(g.base, id)}
	if err := os.Mkdir(gr.dir, 0o755); err != nil {
		return nil, err
	}
	err := errors.Join(
		write(gr.dir, "memory.max", strconv.FormatInt(memory, 10)),
		// All processes of the instance end together, as its environment does on AWS.
		write(gr.dir, "memory.oom.group", "1"),
	)
	if err == nil {
		_ = write(gr.dir, "memory.swap.max", "0") // absent without swap
		_ = write(gr.dir, "pids.max", strconv.Itoa(MaxGroupProcesses))
		gr.fd, err = os.Open(gr.dir)
	}
	if err != nil {
		_ = os.Remove(gr.dir)
		return nil, err
	}
	return gr, nil
}

// outOfMemory tells whether the kernel has ended processes of the group for their memory.
func (gr *group) outOfMemory() bool {
	events, err := os.ReadFile(filepath.Join(gr.dir, "memory.events"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(events)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strings.TrimSpace(n) != "0"
		}
	}
	return false
}

func (gr *group) kill() { killGroup(gr.dir) }

// close ends what is left in the group and removes it.
func (gr *group) close() {
	gr.fd.Close()
	removeGroup(gr.dir)
}

// close removes the engine's groups.
func (g *groups) close() {
	if g.base != "" {
		removeTree(g.base)
	}
}

// sweepGroups removes the groups of processes of this PID namespace that are no more.
func sweepGroups(dir string) {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return
	}
	found, _ := filepath.Glob(filepath.Join(dir, "leat-"+digits(ns)+"-*"))
	for _, d := range found {
		f := strings.Split(filepath.Base(d), "-")
		if len(f) != 5 {
			continue
		}
		pid, err := strconv.Atoi(f[2])
		if err != nil {
			continue
		}
		if start, err := startOf(pid); err != nil || start != f[3] {
			removeTree(d)
		}
	}
}

// removeTree removes a group of groups.
func removeTree(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeGroup(filepath.Join(dir, e.Name()))
		}
	}
	_ = os.Remove(dir)
}

const (
	removeTries = 5
	removeWait  = time.Second
)

// removeGroup ends the processes of a group and removes it.
func removeGroup(dir string) {
	for range removeTries {
		if err := os.Remove(dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return
		}
		killGroup(dir)
		awaitEmpty(dir, removeWait)
	}
}

// awaitEmpty waits until the kernel is done with the processes of a group.
func awaitEmpty(dir string, limit time.Duration) {
	f, err := os.Open(filepath.Join(dir, "cgroup.events"))
	if err != nil {
		return
	}
	defer f.Close()
	buf := make([]byte, 256)
	n, err := f.ReadAt(buf, 0)
	if (err == nil || n > 0) && !bytes.Contains(buf[:n], []byte("populated 0")) {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLPRI}}, int(limit.Milliseconds()))
	}
}

// killGroup ends all processes of a group.
func killGroup(dir string) {
	if write(dir, "cgroup.kill", "1") == nil {
		return
	}
	pids, _ := groupProcesses(dir) // before Linux 5.14
	for _, pid := range pids {
		if pid > 0 {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// groupProcesses lists the processes of a group; those outside of our PID namespace are 0.
func groupProcesses(dir string) ([]int, error) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, f := range strings.Fields(string(b)) {
		if pid, err := strconv.Atoi(f); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// startOf is when a process was started, in the kernel's words: with its number it names it for good.
func startOf(pid int) (string, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", err
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 20 {
		return "", errors.New("/proc: unexpected form of stat")
	}
	return f[19], nil
}

// write sets a file of a group; it never makes one.
func write(dir, name, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

func hasWord(b []byte, word string) bool {
	for _, f := range strings.Fields(string(b)) {
		if f == word {
			return true
		}
	}
	return false
}

// digits are those of s: "pid:[4026531836]" is 4026531836.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
