package runtime

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxProcesses bounds the walk over a box's processes, so that one that forks
// without end cannot make the watch the load.
const maxProcesses = 4096

// memory is the memory of a box's processes in bytes: what they hold for
// themselves (anonymous and shared memory). Mapped files are left out: the same pages of an
// interpreter serve every instance.
func (b *box) memory() int64 {
	b.mu.Lock()
	leader := b.leader
	b.mu.Unlock()
	if leader == 0 {
		return 0
	}
	var sum int64
	todo := []int{leader}
	for n := 0; len(todo) > 0 && n < maxProcesses; n++ {
		pid := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		sum += residentBytes(pid)
		todo = append(todo, childrenOf(pid)...)
	}
	return sum
}

// residentBytes reads a process's own memory; 0 if it is gone.
func residentBytes(pid int) int64 {
	f, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	var kb int64
	for _, name := range []string{"RssAnon:", "RssShmem:"} {
		_, rest, ok := bytes.Cut(f, []byte("\n"+name))
		if !ok {
			continue
		}
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(string(line)), " kB"), 10, 64)
		kb += n
	}
	return kb << 10
}

func childrenOf(pid int) []int {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []int
	for _, t := range tasks {
		b, err := os.ReadFile(dir + "/" + t.Name() + "/children")
		if err != nil {
			continue
		}
		for _, f := range strings.Fields(string(b)) {
			if n, err := strconv.Atoi(f); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// maxSweeps bounds how often sweep looks again: a process that forks faster than it is found is fought, not for ever.
const maxSweeps = 100

// sweep ends every process whose environment has an entry that begins with
// marker, and reaps those that became our children. It looks again until it has found none twice:
// a process may fork between being listed and being killed, and its child is only in the next list.
func sweep(marker string) {
	for sweeps, clean := 0, 0; sweeps < maxSweeps && clean < 2; sweeps++ {
		clean++
		for _, pid := range marked(marker) {
			if syscall.Kill(pid, syscall.SIGKILL) == nil {
				clean = 0
			}
			var ws unix.WaitStatus
			_, _ = unix.Wait4(pid, &ws, unix.WNOHANG, nil)
		}
	}
}

func marked(marker string) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	want := []byte("\x00" + marker)
	self := os.Getpid()
	var out []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == self {
			continue
		}
		env, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err == nil && bytes.Contains(append([]byte{0}, env...), want) {
			out = append(out, pid)
		}
	}
	return out
}

// awaitEnd blocks until process pid has ended and can be waited for. It costs no thread
// (os.Process.Wait does): hundreds of idle instances are to cost nothing.
func awaitEnd(pid int) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return // before Linux 5.10: Wait does the waiting
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	rc, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = rc.Read(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, 0)
		return err == nil && n > 0
	})
}

// syncTree puts everything below dir on disk: with one call for its file system,
// since dependencies may be tens of thousands of files.
func syncTree(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return unix.Syncfs(int(d.Fd()))
}
