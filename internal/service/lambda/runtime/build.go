package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// hasGoSource tells whether a folder holds Go source and no program.
func hasGoSource(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return true
	}
	m, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	return len(m) > 0
}

// goTags are the build tags of functions: the RPC of the retired go1.x runtime is left out.
const goTags = "lambda.norpc"

// buildGo builds the main package in dir, or in the folder below it that handler
// names, and gives the program's path. It is built once per content of its packages.
func (e *Engine) buildGo(ctx context.Context, dir, handler string) (string, error) {
	pkg := goPackage(dir, handler)
	sources, err := e.goSources(ctx, pkg)
	if err != nil {
		return "", err
	}
	key, err := sources.hash("go", pkg)
	if err != nil {
		return "", err
	}
	out, err := e.cached("go", key, func(out string) error {
		goTool, err := program("go", "building "+dir+" needs Go")
		if err != nil {
			return err
		}
		return e.runTool(ctx, pkg, []string{"CGO_ENABLED=0"}, goTool,
			"build", "-trimpath", "-tags", goTags, "-ldflags", "-s -w", "-o", filepath.Join(out, "bootstrap"), ".")
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(out, "bootstrap"), nil
}

// moduleRoot is the folder of the go.mod that dir belongs to, dir itself without one.
func moduleRoot(dir string) string {
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d
		}
		if d == filepath.Dir(d) {
			return dir
		}
	}
}

// Build makes a package of a source folder, as `sam build` would, and gives its
// directory, which is named by its content: an unchanged folder is not built again. Python
// folders have their requirements.txt installed, Node folders their package.json, Java
// folders with a pom.xml are compiled, and Go folders become one bootstrap. A folder
// that is built already (a bootstrap, jars) is taken as it is.
func (e *Engine) Build(ctx context.Context, src, runtime, handler string) (string, error) {
	st, err := os.Stat(src)
	if err != nil {
		return "", err
	}
	if !st.IsDir() {
		return "", fmt.Errorf("%s is not a directory", src)
	}
	f, err := familyOf(runtime)
	if err != nil {
		return "", err
	}
	skip := []string{"node_modules"}
	if f == familyJava {
		skip = append(skip, "target")
	}
	if f == familyProvided && hasGoSource(src) && !exists(filepath.Join(src, "bootstrap")) {
		bin, err := e.buildGo(ctx, src, handler)
		return filepath.Dir(bin), err
	}
	if f == familyNode && exists(filepath.Join(src, "node_modules")) && !exists(filepath.Join(src, "package.json")) {
		skip = nil // packed by hand
	}
	key, err := hashSource(src, skip, runtime)
	if err != nil {
		return "", err
	}
	return e.cached("build", key, func(dir string) error {
		switch f {
		case familyJava:
			return e.buildJava(ctx, src, dir)
		case familyPython:
			return e.buildPython(ctx, src, dir, runtime)
		case familyNode:
			return e.buildNode(ctx, src, dir, skip)
		default:
			return copyTree(src, dir, skip)
		}
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (e *Engine) buildPython(ctx context.Context, src, dir, runtime string) error {
	req, err := os.ReadFile(filepath.Join(src, "requirements.txt"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if strings.TrimSpace(string(req)) != "" {
		py, err := e.tools.python(ctx, runtime)
		if err != nil {
			return err
		}
		// Installed in the source folder's name: requirements may point at files beside them.
		deps, err := e.cached("pip", hashText(py.version, src, string(req)), func(out string) error {
			return e.runTool(ctx, src, nil, py.path, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
				"-r", "requirements.txt", "--target", out)
		})
		if err != nil {
			return err
		}
		if err := linkTree(deps, dir); err != nil {
			return err
		}
	}
	return overlay(src, dir, nil)
}

func (e *Engine) buildNode(ctx context.Context, src, dir string, skip []string) error {
	if pkg, err := os.ReadFile(filepath.Join(src, "package.json")); err == nil && strings.Contains(string(pkg), `"dependencies"`) {
		npm, err := program("npm", "installing the dependencies of "+src)
		if err != nil {
			return err
		}
		lock, _ := os.ReadFile(filepath.Join(src, "package-lock.json"))
		deps, err := e.cached("npm", hashText(src, string(pkg), string(lock)), func(out string) error {
			return e.npmInstall(ctx, npm, src, out, len(lock) > 0)
		})
		if err != nil {
			return err
		}
		if exists(filepath.Join(deps, "node_modules")) {
			if err := linkTree(filepath.Join(deps, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
				return err
			}
		}
	}
	return overlay(src, dir, skip)
}

func (e *Engine) npmInstall(ctx context.Context, npm, src, out string, locked bool) error {
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		if exists(filepath.Join(src, name)) {
			if err := copyFile(filepath.Join(src, name), filepath.Join(out, name), 0o644); err != nil {
				return err
			}
		}
	}
	verb := "install"
	if locked {
		verb = "ci"
	}
	return e.runTool(ctx, out, nil, npm, verb, "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
}

func (e *Engine) buildJava(ctx context.Context, src, dir string) error {
	if !exists(filepath.Join(src, "pom.xml")) {
		if exists(filepath.Join(src, "build.gradle")) || exists(filepath.Join(src, "build.gradle.kts")) {
			return &LaunchError{"Runtime.BuildFailed", "Gradle projects are not built: give the jar or zip that Gradle makes"}
		}
		return copyTree(src, dir, nil)
	}
	mvn, err := program("mvn", "building "+src+" needs Maven")
	if err != nil {
		return err
	}
	work := filepath.Join(dir, ".work")
	if err := copyTree(src, work, []string{"target"}); err != nil {
		return err
	}
	if err := e.runTool(ctx, work, nil, mvn, "-q", "-B", "-DskipTests", "process-classes", "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(dir, "lib")); err != nil {
		return err
	}
	if err := copyTree(filepath.Join(work, "target", "classes"), dir, nil); err != nil {
		return err
	}
	return os.RemoveAll(work)
}

// overlay copies a source folder over what is in dst, replacing what hard links
// share with the cache instead of writing through them.
func overlay(src, dst string, skip []string) error {
	return walkSource(src, skip, func(rel string, info fs.FileInfo) error {
		target := filepath.Join(dst, rel)
		if err := os.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return copyFile(filepath.Join(src, rel), target, info.Mode().Perm()|0o444)
	})
}
