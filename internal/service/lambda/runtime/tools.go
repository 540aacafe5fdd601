package runtime

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// tool is an interpreter found on PATH.
type tool struct {
	path    string // of the program itself, never of a version manager's shim
	version string // "3.12", "22", "17"
	// sites are the directories where Python keeps what was installed.
	sites []string
}

// tools finds interpreters and remembers them.
type tools struct {
	mu    sync.Mutex
	found map[string]*tool
}

// toolProbeTimeout bounds the run of an interpreter that is asked for its version.
const toolProbeTimeout = 20 * time.Second

// pythonProbe prints the interpreter's path, its version, and where it finds installed packages.
const pythonProbe = `import sys
print(sys.executable)
print('%d.%d' % sys.version_info[:2])
for p in sys.path:
    if p.endswith('-packages'):
        print(p)
`

// python finds the interpreter of the runtime's own version, or else any python3:
// a function written for 3.13 mostly runs on 3.11, and the log says what runs it.
func (t *tools) python(ctx context.Context, runtime string) (*tool, error) {
	exact := "python" + strings.TrimPrefix(runtime, "python")
	return t.find(ctx, runtime, []string{exact, "python3"},
		[]string{"-s", "-c", pythonProbe},
		runtime+" needs a Python 3 interpreter on PATH: install python3 (apt install python3, brew install python)")
}

func (t *tools) node(ctx context.Context, runtime string) (*tool, error) {
	return t.find(ctx, runtime, []string{"node", "nodejs"},
		[]string{"-p", "process.execPath + '\\n' + process.versions.node.split('.')[0]"},
		runtime+" needs Node.js on PATH: install it (apt install nodejs, brew install node)")
}

// find runs the candidates with args until one answers with its own path and version.
func (t *tools) find(ctx context.Context, key string, names, args []string, missing string) (*tool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f, ok := t.found[key]; ok {
		return f, nil
	}
	for _, path := range onPath(names) {
		ctx, cancel := context.WithTimeout(ctx, toolProbeTimeout)
		out, err := exec.CommandContext(ctx, path, args...).Output()
		cancel()
		lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(out), "\r", "")), "\n")
		if err != nil || len(lines) < 2 || !filepath.IsAbs(lines[0]) {
			continue
		}
		f := &tool{path: lines[0], version: lines[1], sites: lines[2:]}
		if t.found == nil {
			t.found = map[string]*tool{}
		}
		t.found[key] = f
		return f, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, &LaunchError{"Runtime.InterpreterNotFound", missing}
}

// onPath lists every file of these names on PATH, in the order of names.
func onPath(names []string) []string {
	var out []string
	for _, n := range names {
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			p := filepath.Join(dir, n)
			if st, err := os.Stat(p); err == nil && !st.IsDir() && st.Mode()&0o111 != 0 {
				out = append(out, p)
			}
		}
	}
	return out
}

// program finds a tool that needs no probing (go, npm, mvn).
func program(name, need string) (string, error) {
	p, err := exec.LookPath(name)
	if err != nil {
		return "", &LaunchError{"Runtime.InterpreterNotFound", fmt.Sprintf("%s: %s is not on PATH", need, name)}
	}
	return filepath.Abs(p)
}
