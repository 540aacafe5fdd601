package runtime_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

// bounds are the two ways in which instances are held to their memory.
func bounds(t *testing.T, f func(t *testing.T, e *runtime.Engine)) {
	t.Run("by the system", func(t *testing.T) {
		t.Parallel()
		e, _ := newEngine(t, nil)
		if e.GroupsBase() == "" {
			t.Skip("this system has no control groups to use: " + e.MemoryBound())
		}
		f(t, e)
	})
	t.Run("by looking", func(t *testing.T) {
		t.Parallel()
		e, _ := newEngine(t, nil)
		e.WatchMemory()
		f(t, e)
	})
}

func python(t *testing.T, memory int, lines ...string) *runtime.Spec {
	t.Helper()
	s := spec(t, "python")
	s.CodeDir, s.MemoryMB = write(t, "app.py", strings.Join(lines, "\n")+"\n"), memory
	return s
}

// wantOutOfMemory checks AWS's answer to a function that wants more memory than it has.
func wantOutOfMemory(t *testing.T, r runtime.Result) {
	t.Helper()
	if r.ErrorType != "Runtime.OutOfMemory" || r.MaxMemory != 128 && !r.Cold ||
		!strings.HasSuffix(decode(t, r.Payload)["errorMessage"].(string), " Error: Runtime exited with error: signal: killed") {
		t.Errorf("%+v %s", r, r.Payload)
	}
	for _, want := range []string{
		"\tMemory Size: 128 MB\tMax Memory Used: 128 MB\t", "\tStatus: error\tError Type: Runtime.OutOfMemory",
		"Error: Runtime exited with error: signal: killed\nRuntime.OutOfMemory",
	} {
		if !strings.Contains(r.LogTail, want) {
			t.Errorf("no %q in the log:\n%s", want, r.LogTail)
		}
	}
}

func TestALeakIsEndedByTheMemoryLimit(t *testing.T) {
	t.Parallel()
	bounds(t, func(t *testing.T, e *runtime.Engine) {
		s := spec(t, "python")
		s.MemoryMB = 128
		p := e.Pool(s)
		wantOutOfMemory(t, invoke(t, p, `{"do":"leak"}`))
		if r := invoke(t, p, `{"do":"nothing"}`); r.FunctionError != "" || !r.Cold {
			t.Errorf("afterwards: %+v %s", r, r.Payload)
		}
	})
}

func TestALeakInInitIsEndedByTheMemoryLimit(t *testing.T) {
	t.Parallel()
	bounds(t, func(t *testing.T, e *runtime.Engine) {
		s := python(t, 128, "held = []", "while True:", "    held.append(bytearray(8 << 20))")
		wantOutOfMemory(t, invoke(t, e.Pool(s), `{}`))
	})
}

func TestTheMemoryOfChildrenCounts(t *testing.T) {
	t.Parallel()
	bounds(t, func(t *testing.T, e *runtime.Engine) {
		s := python(t, 128,
			"import os, time",
			"def handler(event, context):",
			"    for _ in range(4):",
			"        if os.fork() == 0:",
			"            held = bytearray(b'x') * (40 << 20)",
			"            time.sleep(600)",
			"    time.sleep(600)")
		wantOutOfMemory(t, invoke(t, e.Pool(s), `{}`))
	})
}

func TestMemoryThatForksShareCountsOnce(t *testing.T) {
	t.Parallel()
	bounds(t, func(t *testing.T, e *runtime.Engine) {
		s := python(t, 192,
			"import os, time",
			"held = bytearray(b'x') * (100 << 20)",
			"def handler(event, context):",
			"    children = []",
			"    for _ in range(3):",
			"        pid = os.fork()",
			"        if pid == 0:",
			"            time.sleep(0.3)", // several looks of the watch
			"            os._exit(0)",
			"        children.append(pid)",
			"    for pid in children:",
			"        os.waitpid(pid, 0)",
			"    return len(children)")
		r := invoke(t, e.Pool(s), `{}`)
		if r.FunctionError != "" || r.MaxMemory < 100 || r.MaxMemory > 150 {
			t.Errorf("%d MB: %s\n%s", r.MaxMemory, r.Payload, r.LogTail)
		}
	})
}

func TestMaxMemoryUsedIsThePeakOfTheInstance(t *testing.T) {
	t.Parallel()
	bounds(t, func(t *testing.T, e *runtime.Engine) {
		s := python(t, 256,
			"import time",
			"def handler(event, context):",
			"    bytearray(b'x') * (event['mb'] << 20)", // held for less than a look
			"    time.sleep(0.01)",
			"    status = dict(l.split(':', 1) for l in open('/proc/self/status'))",
			"    return {k: int(status[k].split()[0]) / 1024 for k in ['VmHWM', 'VmRSS']}")
		p := e.Pool(s)
		for _, mb := range []string{"1", "80", "1"} {
			r := invoke(t, p, `{"mb":`+mb+`}`)
			said := decode(t, r.Payload)
			if hwm := said["VmHWM"].(float64); float64(r.MaxMemory) < hwm-2 || float64(r.MaxMemory) > hwm+3 {
				t.Errorf("%d MB are reported, the process says %v", r.MaxMemory, said)
			}
		}
	})
}

func TestOneAllocationOfAGigabyteIsNotGranted(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, nil)
	if e.GroupsBase() == "" {
		t.Skip("this system has no control groups to use: " + e.MemoryBound())
	}
	s := python(t, 128, "def handler(event, context):", "    bytearray(b'x') * (1 << 30)", "    open('/tmp/had', 'w')")
	wantOutOfMemory(t, invoke(t, e.Pool(s), `{}`))
}

func TestControlGroupsGoWithTheirInstancesAndTheirServer(t *testing.T) {
	t.Parallel()
	e, err := runtime.New(runtime.Options{Dir: t.TempDir(), CacheDir: cacheDir()})
	if err != nil {
		t.Fatal(err)
	}
	base := e.GroupsBase()
	if base == "" {
		why := e.MemoryBound()
		e.Close()
		t.Skip("this system has no control groups to use: " + why)
	}
	p := e.Pool(spec(t, "python"))
	invoke(t, p, `{"do":"fork"}`)
	if n := groupsBelow(t, base); n != 1 {
		t.Errorf("%d groups for one instance", n)
	}
	p.Close()
	await(t, func() bool { return groupsBelow(t, base) == 0 })
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(base); !os.IsNotExist(err) {
		t.Errorf("%s: %v", base, err)
	}
}

func groupsBelow(t *testing.T, base string) (n int) {
	t.Helper()
	entries, err := os.ReadDir(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			n++
		}
	}
	return n
}

func TestControlGroupsOfAKilledServerAreRemovedByTheNext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestServerHelper$")
	cmd.Env = append(os.Environ(), "LEAT_TEST_SERVER_DIR="+dir, "LEAT_TEST_SANDBOX="+string(runtime.SandboxOff))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitWord(t, out, "running")
	e, err := runtime.New(runtime.Options{Dir: t.TempDir(), CacheDir: cacheDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.GroupsBase() == "" {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		t.Skip("this system has no control groups to use: " + e.MemoryBound())
	}
	theirs := func() []string { return groupsOf(t, e.GroupsBase(), cmd.Process.Pid) }
	if len(theirs()) != 1 {
		t.Errorf("groups of the running server: %v", theirs())
	}
	_ = cmd.Process.Signal(syscall.SIGKILL)
	_ = cmd.Wait()
	next, err := runtime.New(runtime.Options{Dir: dir, CacheDir: cacheDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if len(theirs()) != 0 {
		t.Errorf("left behind: %v", theirs())
	}
}

// groupsOf finds the groups of a process's engines beside ours, whose names are alike.
func groupsOf(t *testing.T, base string, pid int) []string {
	t.Helper()
	f := strings.Split(filepath.Base(base), "-")
	found, err := filepath.Glob(filepath.Join(filepath.Dir(base), strings.Join([]string{f[0], f[1], strconv.Itoa(pid), "*"}, "-")))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTheOwnControlGroupIsFoundInWhatTheKernelSays(t *testing.T) {
	t.Parallel()
	const v2 = "25 22 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	for name, c := range map[string]struct{ mounts, cgroup, own, top, err string }{
		"a service":         {v2, "0::/system.slice/leat.service\n", "/sys/fs/cgroup/system.slice/leat.service", "/sys/fs/cgroup", ""},
		"the root":          {v2, "0::/\n", "/sys/fs/cgroup", "/sys/fs/cgroup", ""},
		"beside version 1":  {"30 22 0:9 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n31 22 0:8 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", "4:memory:/a\n0::/b\n", "/sys/fs/cgroup/unified/b", "/sys/fs/cgroup/unified", ""},
		"a part is mounted": {"25 22 0:22 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "0::/docker/1/x\n", "/sys/fs/cgroup/x", "/sys/fs/cgroup", ""},
		"outside":           {v2, "0::/../other\n", "", "", "this process's control group /../other is outside of what is mounted"},
		"only version 1":    {"30 22 0:9 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", "4:memory:/a\n", "", "", "cgroup v2 is not mounted"},
		"not in a group":    {v2, "4:memory:/a\n", "", "", "this process is in no group of cgroup v2"},
	} {
		own, top, err := runtime.OwnGroup(filepath.Join(write(t, "mountinfo", c.mounts), "mountinfo"), filepath.Join(write(t, "cgroup", c.cgroup), "cgroup"))
		said := ""
		if err != nil {
			said = err.Error()
		}
		if own != c.own || said != c.err || err == nil && top != c.top {
			t.Errorf("%s: %q %q %v", name, own, top, err)
		}
	}
}
