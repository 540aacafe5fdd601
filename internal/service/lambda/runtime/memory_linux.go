package runtime

import (
	"bytes"
	"os"
	"strconv"
)

// maxProcesses bounds the walk over a box's processes, so that one that forks
// without end cannot make the watch the load.
const maxProcesses = 4096

// memory measures the processes of the box: the leader and all that descends from it.
func (b *box) memory() usage {
	b.mu.Lock()
	leader := b.leader
	b.mu.Unlock()
	if leader == 0 {
		return usage{}
	}
	pids := []int{leader}
	for n := 0; n < len(pids) && len(pids) < maxProcesses; n++ {
		pids = append(pids, childrenOf(pids[n])...)
	}
	if len(pids) == 1 {
		m := readMemory(leader)
		return usage{private: m.anon + m.shared, peak: m.peak}
	}
	var u usage
	files := map[string]int64{} // by program: processes of one program have mapped the same files
	for _, pid := range pids {
		private, ok := proportional(pid)
		m := readMemory(pid)
		if !ok {
			private = m.anon + m.shared
		}
		u.private += private
		program, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
		files[program] = max(files[program], m.file)
	}
	u.peak = u.private
	for _, n := range files {
		u.peak += n
	}
	u.peak = max(u.peak, readMemory(leader).peak)
	return u
}

// resident is what a process has in memory, and the most that it has had.
type resident struct{ anon, shared, file, peak int64 }

// readMemory reads a process's memory; nothing if it is gone.
func readMemory(pid int) (m resident) {
	f, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return m
	}
	for name, v := range map[string]*int64{"RssAnon:": &m.anon, "RssShmem:": &m.shared, "RssFile:": &m.file, "VmHWM:": &m.peak} {
		*v = kilobytes(f, name)
	}
	m.peak = max(m.peak, m.anon+m.shared+m.file) // the kernel notes the mark now and then
	return m
}

// proportional reads what a process holds for itself, of a page that it shares only its part:
// children of a fork share most of their memory until they write to it.
func proportional(pid int) (int64, bool) {
	f, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil || !bytes.Contains(f, []byte("\nPss_Anon:")) {
		return 0, false
	}
	return kilobytes(f, "Pss_Anon:") + kilobytes(f, "Pss_Shmem:"), true
}

// kilobytes finds a field such as "VmHWM:   9000 kB" in a file of /proc, and gives it in bytes.
func kilobytes(f []byte, name string) int64 {
	_, rest, ok := bytes.Cut(f, []byte("\n"+name))
	if !ok {
		return 0
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(line), []byte("kB")))), 10, 64)
	return n << 10
}
