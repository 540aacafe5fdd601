package bench

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// language is a runtime whose functions are measured; Go has figures of its own.
type language struct {
	name, handler string
	runtime       types.Runtime
	build         func(ctx context.Context) ([]byte, error)
}

var languages = []language{
	{"Python", "app.handler", types.RuntimePython312, func(context.Context) ([]byte, error) {
		code, err := zipped("app.py", []byte(pythonSource))
		return code, errors.Join(err, present("python3"))
	}},
	{"Node.js", "app.handler", types.RuntimeNodejs20x, func(context.Context) ([]byte, error) {
		code, err := zipped("app.js", []byte(nodeSource))
		return code, errors.Join(err, present("node"))
	}},
	{"Java", "App::handle", types.RuntimeJava17, compileJava},
}

const javaSource = `public class App {
  public java.util.Map<String, Object> handle(java.util.Map<String, Object> event) { return java.util.Map.of(); }
}
`

// compileJava needs a JDK; the platform fetches the runtime interface client through Maven once.
func compileJava(ctx context.Context) ([]byte, error) {
	if err := errors.Join(present("javac"), present("java"), present("mvn")); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "leat-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	source := filepath.Join(dir, "App.java")
	if err := os.WriteFile(source, []byte(javaSource), 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, "javac", "--release", "17", source).CombinedOutput(); err != nil {
		return nil, errors.New("javac: " + string(out))
	}
	class, err := os.ReadFile(filepath.Join(dir, "App.class"))
	if err != nil {
		return nil, err
	}
	return zipped("App.class", class)
}

// warmByLanguage measures invocations of an instance that is there, one after another, and the
// cold start of Java.
func (r *run) warmByLanguage(ctx context.Context) []Figure {
	var figures []Figure
	for _, l := range languages {
		f := Figure{Name: "Invoke, warm, one at a time, " + l.name, Unit: "calls/s"}
		code, err := l.build(ctx)
		if err != nil {
			f.Skipped = err.Error()
			figures = append(figures, f)
			continue
		}
		if l.name == "Java" {
			figures = append(figures, r.coldStart(ctx, Figure{Name: "cold start, Java"}, code, l.runtime, l.handler))
		}
		figures = append(figures, r.warmLanguage(ctx, f, code, &l))
	}
	return figures
}

func (r *run) warmLanguage(ctx context.Context, f Figure, code []byte, l *language) Figure {
	name, err := r.makeFunction(ctx, code, l.runtime, l.handler, map[string]string{"MODE": "none"})
	if err != nil {
		return f.failed(err)
	}
	f = r.invoke(ctx, f, name, 1)
	return f.failed(r.deleteFunction(ctx, name))
}
