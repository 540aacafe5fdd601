package lambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	lambdasdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/sdkhttp"
	"github.com/leatdev/leat/internal/service/lambda"
	"github.com/leatdev/leat/internal/service/lambda/runtime"
	"github.com/leatdev/leat/internal/wire"
)

const (
	account = "000000000000"
	role    = "arn:aws:iam::000000000000:role/r"
)

// world is a service behind a front door, and a client of it.
type world struct {
	t       *testing.T
	svc     *lambda.Service
	client  *lambdasdk.Client
	url     string
	sent    chan lambda.Delivery
	mu      sync.Mutex
	logs    strings.Builder
	objects map[string][]byte
}

var cacheDir = sync.OnceValue(func() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "leat-test")
})

func newWorld(t *testing.T, change func(*lambda.Options)) *world {
	t.Helper()
	w := &world{t: t, sent: make(chan lambda.Delivery, 100), objects: map[string][]byte{}}
	opt := lambda.Options{
		Store: kvtest.New(t), Dir: t.TempDir(), CacheDir: cacheDir(), Deliverer: w, Objects: w,
		Logs: runtime.LogSinkFunc(func(_ runtime.LogStream, events []runtime.LogEvent) {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, e := range events {
				w.logs.WriteString(e.Message + "\n")
			}
		}),
	}
	if change != nil {
		change(&opt)
	}
	w.open(opt)
	return w
}

func (w *world) open(opt lambda.Options) {
	w.t.Helper()
	svc, err := lambda.New(opt)
	if err != nil {
		w.t.Fatal(err)
	}
	w.svc = svc
	front, err := wire.NewServer(wire.Options{Services: []wire.Service{svc.API()}})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := front.Check(); err != nil {
		w.t.Fatal(err)
	}
	front.HandleHTTP(svc.Handles, svc)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- front.Serve(ln) }()
	w.t.Cleanup(func() {
		front.Close()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		if err := svc.Close(); err != nil {
			w.t.Error(err)
		}
	})
	w.url = "http://" + ln.Addr().String()
	w.client = lambdasdk.New(lambdasdk.Options{
		Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: &w.url, Credentials: anyKey, RetryMaxAttempts: 1,
	})
}

// Deliver implements lambda.Deliverer.
func (w *world) Deliver(_ context.Context, d lambda.Delivery) error {
	w.sent <- d
	return nil
}

// ReadObject implements lambda.ObjectReader.
func (w *world) ReadObject(_ context.Context, bucket, key, _ string) (io.ReadCloser, error) {
	b, ok := w.objects[bucket+"/"+key]
	if !ok {
		return nil, aws.StatusErrorf(404, "NoSuchKey", "The specified key does not exist.")
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

var anyKey = credentials.NewStaticCredentialsProvider("test", "test", "")

func zipOf(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, body := range files {
		f, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func python(t testing.TB, body string) []byte {
	return zipOf(t, map[string]string{"app.py": body})
}

const echo = "def handler(event, context):\n    return event\n"

func (w *world) create(name, body string, change func(*lambdasdk.CreateFunctionInput)) *lambdasdk.CreateFunctionOutput {
	w.t.Helper()
	in := &lambdasdk.CreateFunctionInput{
		FunctionName: &name, Runtime: types.RuntimePython312, Handler: awssdk.String("app.handler"), Role: awssdk.String(role),
		Code: &types.FunctionCode{ZipFile: python(w.t, body)}, Timeout: awssdk.Int32(20),
	}
	if change != nil {
		change(in)
	}
	out, err := w.client.CreateFunction(w.t.Context(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) invoke(name, payload string) *lambdasdk.InvokeOutput {
	w.t.Helper()
	out, err := w.client.Invoke(w.t.Context(), &lambdasdk.InvokeInput{FunctionName: &name, Payload: []byte(payload)})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// refused checks an error's code and text.
func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Errorf("err = %v, want %s", err, code)
		return
	}
	if api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), text) {
		t.Errorf("%s: %s; want %s: %s", api.ErrorCode(), api.ErrorMessage(), code, text)
	}
}

func TestAFunctionLivesFromCreateToDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.create("f", echo, func(in *lambdasdk.CreateFunctionInput) {
		in.Description, in.Tags = awssdk.String("mine"), map[string]string{"team": "a"}
		in.Environment = &types.Environment{Variables: map[string]string{"STAGE": "dev"}}
	})
	if *c.FunctionArn != "arn:aws:lambda:us-east-1:000000000000:function:f" || *c.Version != "$LATEST" || *c.MemorySize != 128 || *c.Timeout != 20 ||
		c.State != types.StateActive || c.PackageType != types.PackageTypeZip || len(*c.CodeSha256) != 44 || *c.Description != "mine" ||
		c.Environment.Variables["STAGE"] != "dev" || *c.LoggingConfig.LogGroup != "/aws/lambda/f" {
		t.Errorf("%+v", c)
	}
	o := w.invoke("f", `{"a":[1,2]}`)
	if o.StatusCode != 200 || string(o.Payload) != `{"a": [1, 2]}` || *o.ExecutedVersion != "$LATEST" || o.FunctionError != nil {
		t.Errorf("%+v %s", o, o.Payload)
	}
	g, err := w.client.GetFunction(t.Context(), &lambdasdk.GetFunctionInput{FunctionName: awssdk.String("000000000000:function:f:$LATEST")})
	if err != nil {
		t.Fatal(err)
	}
	if *g.Configuration.FunctionArn != *c.FunctionArn+":$LATEST" || g.Tags["team"] != "a" {
		t.Errorf("%+v", g)
	}
	r, err := http.Get(*g.Code.Location)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, _ := io.ReadAll(r.Body); r.StatusCode != 200 || int64(len(b)) != c.CodeSize {
		t.Errorf("code: %d, %d bytes", r.StatusCode, len(b))
	}
	if _, err := w.client.DeleteFunction(t.Context(), &lambdasdk.DeleteFunctionInput{FunctionName: c.FunctionArn}); err != nil {
		t.Fatal(err)
	}
	_, err = w.client.Invoke(t.Context(), &lambdasdk.InvokeInput{FunctionName: awssdk.String("f")})
	refused(t, err, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f")
}

func TestCreateFunctionRefusesWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.create("taken", echo, nil)
	for _, c := range []struct {
		name, code, text string
		change           func(*lambdasdk.CreateFunctionInput)
	}{
		{"taken", "ResourceConflictException", "Function already exist: taken", nil},
		{"no-handler", "InvalidParameterValueException", "Runtime and Handler are mandatory parameters", func(in *lambdasdk.CreateFunctionInput) { in.Handler = nil }},
		{"old", "InvalidParameterValueException", "The runtime parameter of python2.7 is no longer supported", func(in *lambdasdk.CreateFunctionInput) { in.Runtime = types.RuntimePython27 }},
		{"ruby", "InvalidParameterValueException", "cannot be run here", func(in *lambdasdk.CreateFunctionInput) { in.Runtime = types.RuntimeRuby34 }},
		{"reserved", "InvalidParameterValueException", "Reserved keys used in this request: AWS_REGION", func(in *lambdasdk.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"AWS_REGION": "x"}}
		}},
		{"big-env", "InvalidParameterValueException", "exceeded the 4KB limit", func(in *lambdasdk.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"BIG": strings.Repeat("x", 4096-2)}}
		}},
		{"not-a-zip", "InvalidParameterValueException", "Could not unzip uploaded file", func(in *lambdasdk.CreateFunctionInput) { in.Code.ZipFile = []byte("hello") }},
		{"empty-zip", "InvalidParameterValueException", "Uploaded file must be a non-empty zip", func(in *lambdasdk.CreateFunctionInput) { in.Code.ZipFile = zipOf(t, nil) }},
		{"image", "InvalidParameterValueException", "not supported", func(in *lambdasdk.CreateFunctionInput) { in.PackageType = types.PackageTypeImage }},
		{"no-code", "InvalidParameterValueException", "Please provide a source for function code", func(in *lambdasdk.CreateFunctionInput) { in.Code = &types.FunctionCode{} }},
		{"no-layer", "InvalidParameterValueException", "does not exist", func(in *lambdasdk.CreateFunctionInput) {
			in.Layers = []string{"arn:aws:lambda:us-east-1:000000000000:layer:none:1"}
		}},
		{"bad-dlq", "InvalidParameterValueException", "target ARN is not valid", func(in *lambdasdk.CreateFunctionInput) {
			in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: awssdk.String("arn:aws:kinesis:us-east-1:000000000000:stream/s")}
		}},
		{"long-timeout", "ValidationException", "Value '901' at 'timeout' failed to satisfy constraint", func(in *lambdasdk.CreateFunctionInput) { in.Timeout = awssdk.Int32(901) }},
		{"large", "ValidationException", "Value '10241' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to 10240", func(in *lambdasdk.CreateFunctionInput) { in.MemorySize = awssdk.Int32(10241) }},
		{"small", "ValidationException", "Value '127' at 'memorySize' failed to satisfy constraint", func(in *lambdasdk.CreateFunctionInput) { in.MemorySize = awssdk.Int32(127) }},
	} {
		in := &lambdasdk.CreateFunctionInput{
			FunctionName: awssdk.String(c.name), Runtime: types.RuntimePython312, Handler: awssdk.String("app.handler"), Role: awssdk.String(role),
			Code: &types.FunctionCode{ZipFile: python(t, echo)},
		}
		if c.change != nil {
			c.change(in)
		}
		_, err := w.client.CreateFunction(t.Context(), in)
		t.Run(c.name, func(t *testing.T) { refused(t, err, c.code, c.text) })
	}
}

func TestInvokeRefusesWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.create("f", echo, nil)
	call := func(kind types.InvocationType, payload []byte, client *string) error {
		_, err := w.client.Invoke(t.Context(), &lambdasdk.InvokeInput{FunctionName: awssdk.String("f"), InvocationType: kind, Payload: payload, ClientContext: client})
		return err
	}
	text := func(n int) []byte { return []byte(`"` + strings.Repeat("x", n-2) + `"`) }
	refused(t, call("", []byte("{nope"), nil), "InvalidRequestContentException", "Could not parse request body into json")
	refused(t, call("", text(lambda.MaxSyncPayload+1), nil), "RequestTooLargeException", "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)")
	refused(t, call(types.InvocationTypeEvent, text(lambda.MaxAsyncPayload+1), nil), "RequestTooLargeException", "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)")
	refused(t, call("", nil, awssdk.String("!!")), "InvalidRequestContentException", "Client context")
	if err := call("", text(lambda.MaxSyncPayload), nil); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if err := call(types.InvocationTypeDryRun, nil, nil); err != nil {
		t.Errorf("dry run: %v", err)
	}
	_, err := w.client.Invoke(t.Context(), &lambdasdk.InvokeInput{FunctionName: awssdk.String("f"), Qualifier: awssdk.String("7")})
	refused(t, err, "ResourceNotFoundException", "function:f:7")
}

func TestTheLogTailComesWithTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.create("f", "def handler(event, context):\n    print('seen', event)\n    raise KeyError('k')\n", nil)
	o, err := w.client.Invoke(t.Context(), &lambdasdk.InvokeInput{FunctionName: awssdk.String("f"), LogType: types.LogTypeTail, Payload: []byte(`{"n":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	tail, _ := base64.StdEncoding.DecodeString(*o.LogResult)
	for _, want := range []string{"START RequestId: ", "seen {'n': 1}", "[ERROR] KeyError: 'k'", "REPORT RequestId: "} {
		if !strings.Contains(string(tail), want) {
			t.Errorf("no %q in the tail:\n%s", want, tail)
		}
	}
	if *o.FunctionError != "Unhandled" || !strings.Contains(string(o.Payload), `"errorType": "KeyError"`) {
		t.Errorf("%+v %s", o, o.Payload)
	}
	w.svc.FlushLogs()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !strings.Contains(w.logs.String(), "seen {'n': 1}") {
		t.Errorf("log:\n%s", w.logs.String())
	}
}

func TestVersionsAndAliasesRouteInvocations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	answer := func(n int) string { return fmt.Sprintf("def handler(event, context):\n    return %d\n", n) }
	w.create("f", answer(1), nil)
	f := awssdk.String("f")
	v1, err := w.client.PublishVersion(ctx, &lambdasdk.PublishVersionInput{FunctionName: f})
	if err != nil || *v1.Version != "1" {
		t.Fatal(err, v1)
	}
	if again, err := w.client.PublishVersion(ctx, &lambdasdk.PublishVersionInput{FunctionName: f}); err != nil || *again.Version != "1" {
		t.Errorf("publishing again: %v %v", again, err)
	}
	u, err := w.client.UpdateFunctionCode(ctx, &lambdasdk.UpdateFunctionCodeInput{FunctionName: f, ZipFile: python(t, answer(2)), Publish: true})
	if err != nil || *u.Version != "2" {
		t.Fatal(err, u)
	}
	if _, err := w.client.CreateAlias(ctx, &lambdasdk.CreateAliasInput{FunctionName: f, Name: awssdk.String("live"), FunctionVersion: awssdk.String("1")}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"f": "2", "f:1": "1", "f:2": "2", "f:live": "1", *v1.FunctionArn: "1"} {
		if o := w.invoke(name, "{}"); string(o.Payload) != want {
			t.Errorf("%s: %s", name, o.Payload)
		}
	}
	_, err = w.client.DeleteFunction(ctx, &lambdasdk.DeleteFunctionInput{FunctionName: f, Qualifier: awssdk.String("1")})
	refused(t, err, "ResourceConflictException", "live")
	if _, err := w.client.UpdateAlias(ctx, &lambdasdk.UpdateAliasInput{
		FunctionName: f, Name: awssdk.String("live"), RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.5}},
	}); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for range 100 {
		o := w.invoke("f:live", "{}")
		seen[string(o.Payload)]++
		if *o.ExecutedVersion != string(o.Payload) {
			t.Errorf("version %s answered %s", *o.ExecutedVersion, o.Payload)
		}
	}
	if seen["1"] < 20 || seen["2"] < 20 { // one in 10^9 runs has fewer
		t.Errorf("weights: %v", seen)
	}
	l, err := w.client.ListVersionsByFunction(ctx, &lambdasdk.ListVersionsByFunctionInput{FunctionName: f, MaxItems: awssdk.Int32(2)})
	if err != nil || len(l.Versions) != 2 || *l.Versions[0].Version != "$LATEST" || l.NextMarker == nil {
		t.Fatalf("%+v %v", l, err)
	}
	l, err = w.client.ListVersionsByFunction(ctx, &lambdasdk.ListVersionsByFunctionInput{FunctionName: f, Marker: l.NextMarker})
	if err != nil || len(l.Versions) != 1 || *l.Versions[0].Version != "2" || l.NextMarker != nil {
		t.Errorf("%+v %v", l, err)
	}
}

func TestALayerIsFoundByTheFunction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	var layers []string
	for _, body := range []string{"value = 'first'\n", "value = 'second'\n"} {
		l, err := w.client.PublishLayerVersion(ctx, &lambdasdk.PublishLayerVersionInput{
			LayerName: awssdk.String("lib"), Content: &types.LayerVersionContentInput{ZipFile: zipOf(t, map[string]string{"python/lib.py": body})},
			CompatibleRuntimes: []types.Runtime{types.RuntimePython312},
		})
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, *l.LayerVersionArn)
	}
	w.create("f", "import lib\ndef handler(event, context):\n    return lib.value\n", func(in *lambdasdk.CreateFunctionInput) { in.Layers = layers[:1] })
	if o := w.invoke("f", "{}"); string(o.Payload) != `"first"` {
		t.Errorf("%s", o.Payload)
	}
	if _, err := w.client.UpdateFunctionConfiguration(ctx, &lambdasdk.UpdateFunctionConfigurationInput{FunctionName: awssdk.String("f"), Layers: layers[1:]}); err != nil {
		t.Fatal(err)
	}
	if o := w.invoke("f", "{}"); string(o.Payload) != `"second"` {
		t.Errorf("after the update: %s", o.Payload)
	}
	list, err := w.client.ListLayers(ctx, &lambdasdk.ListLayersInput{CompatibleRuntime: types.RuntimePython312})
	if err != nil || len(list.Layers) != 1 || list.Layers[0].LatestMatchingVersion.Version != 2 {
		t.Errorf("%+v %v", list, err)
	}
}

func TestReservedConcurrencyThrottles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	w.create("f", echo, nil)
	put := func(n int32) error {
		_, err := w.client.PutFunctionConcurrency(ctx, &lambdasdk.PutFunctionConcurrencyInput{FunctionName: awssdk.String("f"), ReservedConcurrentExecutions: &n})
		return err
	}
	refused(t, put(901), "InvalidParameterValueException", "below its minimum value of [100]")
	if err := put(0); err != nil {
		t.Fatal(err)
	}
	_, err := w.client.Invoke(ctx, &lambdasdk.InvokeInput{FunctionName: awssdk.String("f")})
	refused(t, err, "TooManyRequestsException", "Rate Exceeded.")
	var tooMany *types.TooManyRequestsException
	if !errors.As(err, &tooMany) || tooMany.Reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded {
		t.Errorf("%+v", tooMany)
	}
	if err := put(900); err != nil {
		t.Error(err)
	}
	if s, err := w.client.GetAccountSettings(ctx, &lambdasdk.GetAccountSettingsInput{}); err != nil || *s.AccountLimit.UnreservedConcurrentExecutions != 100 || s.AccountUsage.FunctionCount != 1 {
		t.Errorf("%+v %v", s, err)
	}
	w.invoke("f", "{}")
}

func TestCodeUpdatesLoseNoInvocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.create("f", "def handler(event, context):\n    return 0\n", nil)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	for range 16 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				o, err := w.client.Invoke(t.Context(), &lambdasdk.InvokeInput{FunctionName: awssdk.String("f")})
				if err != nil || o.FunctionError != nil {
					t.Errorf("%+v %v", o, err)
					return
				}
				mu.Lock()
				seen[string(o.Payload)]++
				mu.Unlock()
			}
		})
	}
	for n := 1; n <= 20; n++ {
		body := fmt.Sprintf("def handler(event, context):\n    return %d\n", n)
		if _, err := w.client.UpdateFunctionCode(t.Context(), &lambdasdk.UpdateFunctionCodeInput{FunctionName: awssdk.String("f"), ZipFile: python(t, body)}); err != nil {
			t.Fatal(err)
		}
	}
	if o := w.invoke("f", "{}"); string(o.Payload) != "20" {
		t.Errorf("after the last update: %s", o.Payload)
	}
	close(stop)
	wg.Wait()
}

func TestAFolderIsReloadedWhenItChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	dir := t.TempDir()
	write := func(body string) {
		if err := os.WriteFile(filepath.Join(dir, "app.py"), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("def handler(event, context):\n    return 'old'\n")
	w.create("f", "", func(in *lambdasdk.CreateFunctionInput) {
		in.Code = &types.FunctionCode{S3Bucket: awssdk.String(lambda.FolderBucket), S3Key: awssdk.String("file://" + dir)}
	})
	if o := w.invoke("f", "{}"); string(o.Payload) != `"old"` {
		t.Fatalf("%s", o.Payload)
	}
	write("def handler(event, context):\n    return 'new and longer'\n")
	await(t, func() bool { return string(w.invoke("f", "{}").Payload) == `"new and longer"` })
}

// await polls for what other processes and goroutines bring about.
func await(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 24000 { // two minutes, for a machine under load
		if ok() {
			return
		}
		<-tick.C
	}
	t.Fatal("it did not come about")
}

func TestFunctionsSurviveARestart(t *testing.T) {
	t.Parallel()
	opt := lambda.Options{Store: kvtest.New(t), Dir: t.TempDir(), CacheDir: cacheDir()}
	svc, err := lambda.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	in := &lambdasdk.CreateFunctionInput{
		FunctionName: awssdk.String("f"), Runtime: types.RuntimePython312, Handler: awssdk.String("app.handler"), Role: awssdk.String(role),
		Code: &types.FunctionCode{ZipFile: python(t, echo)},
	}
	if err := call(svc, "CreateFunction", in); err != nil {
		t.Fatal(err)
	}
	if err := svc.Close(); err != nil {
		t.Fatal(err)
	}
	if svc, err = lambda.New(opt); err != nil {
		t.Fatal(err)
	}
	defer svc.Close()
	o, err := svc.Invoke(t.Context(), "arn:aws:lambda:us-east-1:000000000000:function:f", []byte(`{"x":1}`))
	if err != nil || string(o.Payload) != `{"x": 1}` {
		t.Errorf("%+v %v", o, err)
	}
}

// call runs an operation through a front door of its own.
func call(svc *lambda.Service, _ string, in *lambdasdk.CreateFunctionInput) error {
	front, err := wire.NewServer(wire.Options{Services: []wire.Service{svc.API()}})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- front.Serve(ln) }()
	url := "http://" + ln.Addr().String()
	c := lambdasdk.New(lambdasdk.Options{Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: &url, Credentials: anyKey})
	_, err = c.CreateFunction(context.Background(), in)
	front.Close()
	return errors.Join(err, <-done)
}

func jsonOf(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	return m
}

func TestAGoFolderIsBuiltAndReloadedAndSaysWhatDoesNotCompile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	dir := t.TempDir()
	source, err := os.ReadFile("runtime/testdata/go/main.go")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, body string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module handler\n\ngo 1.26\n")
	write("main.go", string(source))
	w.create("f", "", func(in *lambdasdk.CreateFunctionInput) {
		in.Runtime, in.Handler = types.RuntimeProvidedal2023, awssdk.String("bootstrap")
		in.Code = &types.FunctionCode{S3Bucket: awssdk.String(lambda.FolderBucket), S3Key: &dir}
	})
	if o := w.invoke("f", `{"do":"raise"}`); jsonOf(t, o.Payload)["errorMessage"] != "no such luck" {
		t.Fatalf("%s", o.Payload)
	}
	write("main.go", strings.Replace(string(source), "no such luck", "changed", 1))
	await(t, func() bool { return jsonOf(t, w.invoke("f", `{"do":"raise"}`).Payload)["errorMessage"] == "changed" })
	write("main.go", string(source)+"\nfunc broken() int { return \"text\" }\n")
	await(t, func() bool {
		m := jsonOf(t, w.invoke("f", `{"do":"raise"}`).Payload)
		return m["errorType"] == "Runtime.BuildFailed" && strings.Contains(m["errorMessage"].(string), "main.go")
	})
	write("main.go", string(source))
	await(t, func() bool {
		return jsonOf(t, w.invoke("f", `{"do":"raise"}`).Payload)["errorMessage"] == "no such luck"
	})
}
