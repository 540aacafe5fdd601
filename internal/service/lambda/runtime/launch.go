package runtime

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// plan is how instances of a function version are started; it is worked out once per pool.
type plan struct {
	argv       []string
	env        map[string]string
	binDir     string   // of the interpreter
	opt        string   // merged layers, "" without layers
	binds      []bind   // what the processes see elsewhere than it is
	readOnly   []string // other directories the processes need
	framed     bool     // the runtime frames its log messages
	extensions []string // executables of layers
}

// LaunchError says why a function cannot be started on this machine. It is
// reported as the result of the invocation, with Type as the error's type.
type LaunchError struct {
	Type    string
	Message string
}

func (e *LaunchError) Error() string { return e.Message }

//go:embed bootstrap/bootstrap.py
var pythonBootstrap []byte

//go:embed bootstrap/bootstrap.cjs
var nodeBootstrap []byte

// Supported tells whether functions of an AWS runtime identifier can be run, given its interpreter.
func Supported(runtime string) bool {
	_, err := familyOf(runtime)
	return err == nil
}

type family string

const (
	familyPython   family = "python"
	familyNode     family = "nodejs"
	familyJava     family = "java"
	familyProvided family = "provided"
)

func familyOf(runtime string) (family, error) {
	for _, f := range []family{familyPython, familyNode, familyJava, familyProvided} {
		if strings.HasPrefix(runtime, string(f)) {
			return f, nil
		}
	}
	return "", &LaunchError{Type: "Runtime.Unsupported", Message: fmt.Sprintf("no runtime for %q", runtime)}
}

// plan works out how to start instances of s.
func (e *Engine) plan(ctx context.Context, s *Spec) (*plan, error) {
	f, err := familyOf(s.Runtime)
	if err != nil {
		return nil, err
	}
	p := &plan{env: map[string]string{}}
	if err := e.mergeLayers(s, p); err != nil {
		return nil, err
	}
	interpreter, err := e.interpreter(ctx, f, s)
	if err != nil {
		return nil, err
	}
	p.show(e, s.CodeDir, taskDir, interpreter)
	p.show(e, e.bootstrapDir, runtimeDir, interpreter)
	if p.opt != "" {
		p.show(e, p.opt, optDir, interpreter)
	}
	switch f {
	case familyPython:
		err = e.planPython(ctx, s, p)
	case familyNode:
		err = e.planNode(ctx, s, p)
	case familyJava:
		err = e.planJava(ctx, s, p)
	default:
		err = e.planProvided(ctx, s, p)
	}
	if err != nil {
		return nil, err
	}
	if w := s.Env["AWS_LAMBDA_EXEC_WRAPPER"]; w != "" && f != familyProvided {
		p.argv = append([]string{p.inOpt(w)}, p.argv...)
	}
	return p, nil
}

// interpreter is the program that runs functions of a family, "" if they are programs themselves.
func (e *Engine) interpreter(ctx context.Context, f family, s *Spec) (string, error) {
	var t *tool
	var err error
	switch f {
	case familyPython:
		t, err = e.tools.python(ctx, s.Runtime)
	case familyNode:
		t, err = e.tools.node(ctx, s.Runtime)
	case familyJava:
		return javaProgram(s.Runtime)
	default:
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return t.path, nil
}

// show arranges that processes see dir at the place that it has on AWS, where mounts can be made and
// do not hide the interpreter. Elsewhere they see it at its own.
func (p *plan) show(e *Engine, dir, place, interpreter string) {
	real, err := filepath.EvalSymlinks(interpreter)
	hides := strings.HasPrefix(interpreter, place+"/") || err == nil && strings.HasPrefix(real, place+"/")
	if !hides && e.boxes.canBind(place) {
		p.binds = append(p.binds, bind{dir, place})
		return
	}
	p.readOnly = append(p.readOnly, dir)
}

// seen is where the processes see a path of ours.
func (p *plan) seen(path string) string {
	for _, m := range p.binds {
		if path == m.from {
			return m.to
		}
		if rest, ok := strings.CutPrefix(path, m.from+"/"); ok {
			return m.to + "/" + rest
		}
	}
	return path
}

// inOpt finds a path below /opt where /opt is not the layers' own.
func (p *plan) inOpt(path string) string {
	if rest, ok := strings.CutPrefix(path, optDir+"/"); ok && p.opt != "" {
		return filepath.Join(p.seen(p.opt), rest)
	}
	return path
}

func (e *Engine) planPython(ctx context.Context, s *Spec, p *plan) error {
	py, err := e.tools.python(ctx, s.Runtime)
	if err != nil {
		return err
	}
	p.argv = []string{py.path, "-s"}
	if s.Env["PYTHONPATH"] == "" { // who sets it may rely on what Python does at its start (sitecustomize)
		// Reading the .pth files of all that is installed takes longer than all the rest of
		// a start: the bootstrap does it when an import asks for it.
		p.argv = append(p.argv, "-S")
		p.env["LEAT_PYTHON_SITES"] = strings.Join(py.sites, ":")
	}
	p.argv = append(p.argv, p.seen(e.compiledBootstrap(ctx, py)))
	p.binDir, p.framed = filepath.Dir(py.path), true
	p.env["PYTHONPATH"] = p.seen(e.bootstrapDir)
	p.env["PYTHONIOENCODING"] = "utf-8"
	if p.opt != "" {
		p.env["LEAT_OPT"] = p.seen(p.opt)
	}
	sdk, err := e.pythonSDK(ctx, py, s)
	if err != nil {
		return err
	}
	if sdk != "" {
		p.env["LEAT_PYTHON_SDK"] = sdk
		p.readOnly = append(p.readOnly, sdk)
	}
	p.needTool(py.path)
	return nil
}

// compilePython is run with a source file and the file for its byte code, which will not be checked against the source.
const compilePython = `import py_compile, sys
py_compile.compile(sys.argv[1], sys.argv[2], sys.argv[1], True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
`

// compiledBootstrap is the Python bootstrap as byte code of an interpreter, which spares every start its
// compilation; or as source, where it cannot be compiled.
func (e *Engine) compiledBootstrap(ctx context.Context, py *tool) string {
	source := filepath.Join(e.bootstrapDir, "bootstrap.py")
	compiled := filepath.Join(e.bootstrapDir, "bootstrap-"+hashText(py.path, py.version)+".pyc")
	if exists(compiled) {
		return compiled
	}
	ctx, cancel := context.WithTimeout(ctx, toolProbeTimeout)
	defer cancel()
	if out, err := exec.CommandContext(ctx, py.path, "-I", "-S", "-c", compilePython, source, compiled).CombinedOutput(); err != nil {
		e.log.Warn("compile the Python bootstrap", "interpreter", py.path, "err", err, "output", string(out))
		return source
	}
	return compiled
}

func (e *Engine) planNode(ctx context.Context, s *Spec, p *plan) error {
	node, err := e.tools.node(ctx, s.Runtime)
	if err != nil {
		return err
	}
	p.argv = []string{node.path, p.seen(filepath.Join(e.bootstrapDir, "bootstrap.cjs"))}
	p.binDir, p.framed = filepath.Dir(node.path), true
	paths := []string{}
	if p.opt != "" {
		major := strings.TrimSuffix(strings.TrimPrefix(s.Runtime, "nodejs"), ".x")
		opt := p.seen(p.opt)
		paths = append(paths, opt+"/nodejs/node"+major+"/node_modules", opt+"/nodejs/node_modules")
	}
	sdk, err := e.nodeSDK(ctx, node, s)
	if err != nil {
		return err
	}
	if sdk != "" {
		paths = append(paths, sdk)
		p.env["LEAT_NODE_SDK"] = sdk
		p.readOnly = append(p.readOnly, filepath.Dir(sdk))
	}
	p.env["NODE_PATH"] = strings.Join(append(paths, p.seen(e.bootstrapDir), p.seen(s.CodeDir)), ":")
	p.needTool(node.path)
	return nil
}

// needTool keeps an interpreter visible that lives below /tmp (a test's virtual environment, say).
func (p *plan) needTool(path string) {
	if strings.HasPrefix(path, "/tmp/") {
		p.readOnly = append(p.readOnly, filepath.Dir(filepath.Dir(path)))
	}
}

func (e *Engine) planProvided(ctx context.Context, s *Spec, p *plan) error {
	candidates := []string{filepath.Join(s.CodeDir, "bootstrap")}
	if p.opt != "" {
		candidates = append(candidates, filepath.Join(p.opt, "bootstrap"))
	}
	for _, c := range candidates {
		if st, err := os.Stat(c); err == nil && !st.IsDir() {
			if st.Mode()&0o111 == 0 {
				return &LaunchError{"Runtime.InvalidEntrypoint", "fork/exec /var/task/bootstrap: permission denied"}
			}
			p.argv = []string{p.seen(c)}
			return nil
		}
	}
	if !hasGoSource(s.CodeDir) {
		return &LaunchError{"Runtime.InvalidEntrypoint", "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}
	}
	bin, err := e.buildGo(ctx, s.CodeDir, s.Handler)
	if err != nil {
		return err
	}
	p.argv = []string{bin}
	p.readOnly = append(p.readOnly, filepath.Dir(bin))
	return nil
}

// mergeLayers makes one directory of all layers; a later layer wins.
func (e *Engine) mergeLayers(s *Spec, p *plan) error {
	switch len(s.LayerDirs) {
	case 0:
		return nil
	case 1:
		p.opt = s.LayerDirs[0]
	default:
		key := hashText(s.LayerDirs...)
		dir, err := e.cached("opt", key, func(dir string) error {
			for _, l := range s.LayerDirs {
				if err := copyTree(l, dir, nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("merge layers: %w", err)
		}
		p.opt = dir
	}
	entries, err := os.ReadDir(filepath.Join(p.opt, "extensions"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, x := range entries {
		if !x.IsDir() {
			p.extensions = append(p.extensions, x.Name())
		}
	}
	if len(p.extensions) > MaxExtensions {
		return &LaunchError{"Extension.LaunchError", fmt.Sprintf("%d extensions exceed the limit of %d", len(p.extensions), MaxExtensions)}
	}
	return nil
}

// Result is the invocation's result that a launch error makes.
func (e *LaunchError) Result(requestID string) Result {
	return Result{
		Payload: failure(e.Type, "RequestId: "+requestID+" Error: "+e.Message), FunctionError: "Unhandled", ErrorType: e.Type, Cold: true,
	}
}
