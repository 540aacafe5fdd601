package bench

import (
	"archive/zip"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// functionSource is a Go function of the standard library alone: it builds without modules.
//
//go:embed testfunction/main.go.txt
var functionSource []byte

// What a function in each language needs to answer at once.
const (
	pythonSource = "def handler(event, context):\n    return {}\n"
	nodeSource   = "exports.handler = async () => ({});\n"
)

// errNoToolchain is why figures with a Go function are skipped.
var errNoToolchain = errors.New("no Go toolchain to build a function with")

// buildFunction compiles functionSource into a deployment package.
func (r *run) buildFunction(ctx context.Context) ([]byte, error) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return nil, errNoToolchain
	}
	dir, err := os.MkdirTemp(r.opts.Dir, "function-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	files := map[string][]byte{"main.go": functionSource, "go.mod": []byte("module function\n\ngo 1.24\n")}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	c := exec.CommandContext(ctx, goTool, "build", "-ldflags=-s -w", "-o", "bootstrap", ".")
	c.Dir, c.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	if out, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the function: %w: %.500s", err, out)
	}
	program, err := os.ReadFile(filepath.Join(dir, "bootstrap"))
	if err != nil {
		return nil, err
	}
	return zipped("bootstrap", program)
}

// zipped is a deployment package of one executable file.
func zipped(name string, content []byte) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err = z.Close() // which writes the directory
	return b.Bytes(), err
}

// role is the role of the benchmark's functions; it may use tables.
func (r *run) role() (arn string, err error) {
	const (
		version = "2010-05-08"
		trust   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
		policy  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:*","kinesis:*","logs:*"],"Resource":"*"}]}`
	)
	name := r.name("role")
	body, err := r.query("iam", version, url.Values{"Action": {"CreateRole"}, "RoleName": {name}, "AssumeRolePolicyDocument": {trust}})
	if err != nil {
		return "", err
	}
	_, err = r.query("iam", version, url.Values{"Action": {"PutRolePolicy"}, "RoleName": {name}, "PolicyName": {"bench"}, "PolicyDocument": {policy}})
	return between(body, "<Arn>", "</Arn>"), err
}

// makeFunction creates a function and waits until it can be invoked.
func (r *run) makeFunction(ctx context.Context, code []byte, runtime types.Runtime, handler string, env map[string]string) (name string, err error) {
	role, err := r.role()
	if err != nil {
		return "", err
	}
	client, name := lambda.NewFromConfig(r.sdk()), r.name("function")
	_, err = client.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: runtime, Handler: &handler, Role: &role,
		Code: &types.FunctionCode{ZipFile: code}, Environment: &types.Environment{Variables: env},
		Timeout: aws.Int32(60), MemorySize: aws.Int32(512),
		Architectures: []types.Architecture{architecture()},
	})
	if err != nil {
		return name, err
	}
	return name, await(ctx, "function "+name, func() (bool, error) {
		out, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		return err == nil && out.State == types.StateActive, err
	})
}

func (r *run) deleteFunction(ctx context.Context, name string) error {
	_, err := lambda.NewFromConfig(r.sdk()).DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &name})
	return err
}

// invokeRequest is a signed Invoke.
func (r *run) invokeRequest(function, payload string) ([]byte, error) {
	return r.caller.request("POST", "lambda", "/2015-03-31/functions/"+function+"/invocations", map[string]string{"Content-Type": "application/json"}, []byte(payload))
}

// invoked checks the reply of an Invoke that should answer {}.
func invoked(_, _ int, body []byte) error {
	if string(bytes.TrimSpace(body)) != "{}" {
		return fmt.Errorf("the function answered %.300s", body)
	}
	return nil
}

// warmInvoke measures invocations of an instance that waits for them: one at a time, and as many
// as there are connections.
func (r *run) warmInvoke(ctx context.Context) []Figure {
	one := Figure{Name: "Invoke, warm Go function, 1 connection", Unit: "calls/s"}
	many := Figure{Name: fmt.Sprintf("Invoke, warm Go function, %d connections", invokeWorkers), Unit: "calls/s"}
	code, err := r.buildFunction(ctx)
	if errors.Is(err, errNoToolchain) {
		one.Skipped, many.Skipped = err.Error(), err.Error()
		return []Figure{one, many}
	}
	if err != nil {
		return []Figure{one.failed(err)}
	}
	name, err := r.makeFunction(ctx, code, types.RuntimeProvidedal2023, "bootstrap", map[string]string{"MODE": "none"})
	if err != nil {
		return []Figure{one.failed(err)}
	}
	return []Figure{r.invoke(ctx, one, name, 1), r.invoke(ctx, many, name, invokeWorkers)}
}

// invokeWorkers invoke at the same time, each keeping an instance busy.
const invokeWorkers = 8

func (r *run) invoke(ctx context.Context, f Figure, function string, workers int) Figure {
	request, err := r.invokeRequest(function, `{"do":"nothing"}`)
	if err != nil {
		return f.failed(err)
	}
	c := make(calls, workers)
	for w := range c {
		c[w] = [][]byte{request}
	}
	leat := leatStep(c, invoked)
	// Instances start outside the clock.
	warm := &side{server: r.leat, workers: workers, step: leat}
	defer warm.close()
	if err := errors.Join(warm.dial(ctx), warm.run(r.opts.Duration/rounds)); err != nil {
		return f.failed(err)
	}
	f, _, err = r.versus(ctx, f, 1, workers, leat, bareStep(c, len("{}")))
	return f.failed(err)
}

// coldStarts measures first invocations: from the request to the answer of a function that has
// no instance yet.
func (r *run) coldStarts(ctx context.Context) []Figure {
	figures := []Figure{{Name: "cold start, Go"}, {Name: "cold start, Python"}, {Name: "cold start, Node.js"}}
	build := []func() ([]byte, types.Runtime, string, error){
		func() ([]byte, types.Runtime, string, error) {
			code, err := r.buildFunction(ctx)
			return code, types.RuntimeProvidedal2023, "bootstrap", err
		},
		func() ([]byte, types.Runtime, string, error) {
			code, err := zipped("app.py", []byte(pythonSource))
			return code, types.RuntimePython312, "app.handler", errors.Join(err, present("python3"))
		},
		func() ([]byte, types.Runtime, string, error) {
			code, err := zipped("app.js", []byte(nodeSource))
			return code, types.RuntimeNodejs20x, "app.handler", errors.Join(err, present("node"))
		},
	}
	for i := range figures {
		code, runtime, handler, err := build[i]()
		if err != nil {
			figures[i].Skipped = err.Error()
			continue
		}
		figures[i] = r.coldStart(ctx, figures[i], code, runtime, handler)
	}
	return figures
}

func present(program string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("there is no %s on this machine", program)
	}
	return nil
}

func (r *run) coldStart(ctx context.Context, f Figure, code []byte, runtime types.Runtime, handler string) Figure {
	var took []time.Duration
	for i := range r.size.ColdStarts {
		r.progress("%s: %d of %d", f.Name, i+1, r.size.ColdStarts)
		name, err := r.makeFunction(ctx, code, runtime, handler, map[string]string{"MODE": "none"})
		if err != nil {
			return f.failed(err)
		}
		request, err := r.invokeRequest(name, "{}")
		if err != nil {
			return f.failed(err)
		}
		began := time.Now()
		reply, err := r.control.Do(request)
		took = append(took, time.Since(began))
		if err == nil && reply.Status != 200 {
			err = refused("Invoke", reply)
		}
		if err == nil {
			err = invoked(0, 0, reply.Body)
		}
		if err = errors.Join(err, r.deleteFunction(ctx, name)); err != nil {
			return f.failed(err)
		}
	}
	f.Calls = len(took)
	f.P50, f.P99 = percentiles(took)
	return f
}
