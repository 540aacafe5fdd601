package runtime

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// On AWS, Python functions find boto3 and Node functions find the AWS SDK without
// packing them, and Java functions are run by AWS's runtime interface client.
// Leat fetches these through pip, npm and Maven when a function first needs
// them, and keeps them in the cache directory.

// fetchTimeout bounds one run of pip, npm, Maven or go.
const fetchTimeout = 10 * time.Minute

// maxToolOutput is how much of a failed tool's output is reported.
const maxToolOutput = 4096

// runTool runs a build tool and reports its output when it fails.
func (e *Engine) runTool(ctx context.Context, dir string, env []string, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	line := filepath.Base(name) + " " + strings.Join(args, " ")
	e.log.Info("run", "command", line, "dir", dir)
	err := cmd.Run()
	if out.Len() > 0 {
		e.log.Info("output", "command", filepath.Base(name), "text", out.String())
	}
	if err != nil {
		text := out.String()
		if len(text) > maxToolOutput {
			text = text[len(text)-maxToolOutput:]
		}
		return &LaunchError{"Runtime.BuildFailed", fmt.Sprintf("%s: %v\n%s", line, err, strings.TrimSpace(text))}
	}
	return nil
}

var botoWord = regexp.MustCompile(`\b(?:boto3|botocore)\b`)

// pythonSDK is a directory with boto3 for a function that speaks of it, "" if it needs none.
func (e *Engine) pythonSDK(ctx context.Context, py *tool, s *Spec) (string, error) {
	for _, d := range append([]string{s.CodeDir}, s.LayerDirs...) {
		for _, sub := range []string{"boto3", "python/boto3"} {
			if _, err := os.Stat(filepath.Join(d, sub)); err == nil {
				return "", nil
			}
		}
	}
	found, err := mentions(s.CodeDir, []string{".py"}, func(src []byte) []string {
		if botoWord.Match(src) {
			return []string{"boto3"}
		}
		return nil
	})
	if err != nil || !found["boto3"] {
		return "", err
	}
	check := exec.CommandContext(ctx, py.path, "-s", "-c", "import importlib.util as u, sys; sys.exit(0 if u.find_spec('boto3') else 1)")
	if check.Run() == nil {
		return "", nil
	}
	return e.cached("python-sdk", py.version, func(dir string) error {
		return e.runTool(ctx, dir, nil, py.path, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", dir, "boto3")
	})
}

var sdkWord = regexp.MustCompile(`["'](@aws-sdk/[a-z0-9-]+|@smithy/[a-z0-9-]+)(?:/[^"']*)?["']`)

// nodeSDK is a node_modules directory with the packages of the AWS SDK that a
// function names and does not bring along, "" if there are none.
func (e *Engine) nodeSDK(ctx context.Context, node *tool, s *Spec) (string, error) {
	found, err := mentions(s.CodeDir, []string{".js", ".mjs", ".cjs"}, func(src []byte) []string {
		var out []string
		for _, m := range sdkWord.FindAllSubmatch(src, -1) {
			out = append(out, string(m[1]))
		}
		return out
	})
	if err != nil {
		return "", err
	}
	maps.DeleteFunc(found, func(name string, _ bool) bool {
		for _, d := range append([]string{s.CodeDir}, s.LayerDirs...) {
			for _, sub := range []string{"node_modules", "nodejs/node_modules"} {
				if _, err := os.Stat(filepath.Join(d, sub, name)); err == nil {
					return true
				}
			}
		}
		return false
	})
	if len(found) == 0 {
		return "", nil
	}
	npm, err := program("npm", "the AWS SDK for Node.js is fetched with npm, or packed with the function")
	if err != nil {
		return "", err
	}
	names := slices.Sorted(maps.Keys(found))
	key := hashText(append(names, node.version)...)
	dir, err := e.cached("node-sdk", key, func(dir string) error {
		args := append([]string{"install", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error", "--prefix", dir}, names...)
		return e.runTool(ctx, dir, nil, npm, args...)
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "node_modules"), nil
}

// Versions of what Java functions need.
const (
	javaClientVersion = "2.6.0"
	javaMain          = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
)

// javaHeapPercent is the part of a function's memory that the heap may have.
const javaHeapPercent = 85

// tmpPlaceholder stands for the instance's temporary directory in a plan's arguments.
const tmpPlaceholder = "{tmp}"

const javaClientPOM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>leat</groupId><artifactId>runtime</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>com.amazonaws</groupId><artifactId>aws-lambda-java-runtime-interface-client</artifactId><version>` + javaClientVersion + `</version>
    </dependency>
  </dependencies>
</project>
`

// javaProgram finds the Java that is installed; it serves every java* runtime.
func javaProgram(runtime string) (string, error) {
	return program("java", runtime+" needs a Java runtime: install one (apt install openjdk-21-jre-headless, brew install openjdk)")
}

// planJava runs AWS's runtime interface client, which loads the function's classes from
// its package (classes at the root, jars in lib) and from layers.
func (e *Engine) planJava(ctx context.Context, s *Spec, p *plan) error {
	java, err := javaProgram(s.Runtime)
	if err != nil {
		return err
	}
	client, err := e.cached("java-client", javaClientVersion, func(dir string) error {
		mvn, err := program("mvn", "the runtime interface client for Java is fetched with Maven")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "pom.xml"), []byte(javaClientPOM), 0o644); err != nil {
			return err
		}
		return e.runTool(ctx, dir, nil, mvn, "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+dir)
	})
	if err != nil {
		return err
	}
	p.framed, p.binDir = true, filepath.Dir(java)
	p.readOnly = append(p.readOnly, client)
	p.argv = []string{
		java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:-UsePerfData",
		fmt.Sprintf("-XX:MaxHeapSize=%dk", s.MemoryMB*1024*javaHeapPercent/100),
		"-Djava.net.preferIPv4Stack=true", "-Djava.io.tmpdir=" + tmpPlaceholder, "-Duser.home=" + tmpPlaceholder,
		"-cp", filepath.Join(client, "*"), javaMain, s.Handler,
	}
	p.needTool(java)
	return nil
}
