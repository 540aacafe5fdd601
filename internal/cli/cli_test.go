package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/leatdev/leat/internal/cli"
	"github.com/leatdev/leat/leattest"
)

// run runs one command line against the platform at addr.
func run(ctx context.Context, env map[string]string, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = cli.Main(ctx, args, cli.IO{In: strings.NewReader(""), Out: &o, Err: &e, Getenv: func(k string) string { return env[k] }})
	return code, o.String(), e.String()
}

func at(p *leattest.Platform) map[string]string { return map[string]string{"LEAT_ADDR": p.URL()} }

func wantJSON(t *testing.T, out string) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %q", line)
		}
	}
}

func TestWrongCallsExitWith2(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"nonsense", "version extra", "tail", "tail a b", "env --nonsense", "up --limits=some", "up --memory --access-key=x", "up --freeze=maybe", "up --table-shard-period=often",
		"up --tls-cert=x", "up --log-level=loud", "deploy --param=novalue", "tail s --since=whenever", "invoke f -d {", "up a b",
	} {
		if code, out, errs := run(t.Context(), nil, strings.Fields(args)...); code != 2 || out != "" || errs == "" {
			t.Errorf("leat %s: %d %q %q", args, code, out, errs)
		}
	}
}

func TestEnvIsSafeToEvaluate(t *testing.T) {
	t.Parallel()
	_, out, _ := run(t.Context(), map[string]string{"AWS_REGION": "a'b $(c)"}, "env", "--addr", "h:1")
	for _, want := range []string{"export AWS_ENDPOINT_URL=http://h:1\n", `export AWS_REGION='a'\''b $(c)'` + "\n", "export AWS_ACCESS_KEY_ID=leat\n", "export SCHEMA_REGISTRY_URL=http://h:8081\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if _, out, _ := run(t.Context(), map[string]string{"AWS_ACCESS_KEY_ID": "mine"}, "env"); strings.Contains(out, "ACCESS_KEY") {
		t.Errorf("the caller's own keys are overwritten:\n%s", out)
	}
}

func TestEnvNamesTheRegistryOfTheRunningPlatform(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	_, out, _ := run(t.Context(), at(p), "env")
	if want := "export SCHEMA_REGISTRY_URL=" + p.RegistryURL() + "\n"; !strings.Contains(out, want) {
		t.Errorf("%q is missing in\n%s", want, out)
	}
}

func TestARefusalIsToldInThePlatformsWords(t *testing.T) {
	t.Parallel()
	if _, _, errs := run(t.Context(), at(leattest.Start(t)), "trace", "x"); !strings.Contains(errs, `nothing is known of "x"`) || strings.Contains(errs, "{") {
		t.Errorf("%q", errs)
	}
}

func TestTraceTakesAnItemAsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	tables := dynamodb.NewFromConfig(p.Config())
	create := func(name string, keys ...string) {
		in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: ddbtypes.BillingModePayPerRequest}
		for i, k := range keys {
			in.KeySchema = append(in.KeySchema, ddbtypes.KeySchemaElement{AttributeName: &k, KeyType: []ddbtypes.KeyType{ddbtypes.KeyTypeHash, ddbtypes.KeyTypeRange}[i]})
			in.AttributeDefinitions = append(in.AttributeDefinitions, ddbtypes.AttributeDefinition{AttributeName: &k, AttributeType: []ddbtypes.ScalarAttributeType{"S", "N"}[i]})
		}
		if _, err := tables.CreateTable(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	create("shop-dev-orders", "id")
	create("shop-dev-lines", "order", "line")
	for typed, want := range map[string]string{
		"orders/o-1":                 `nothing is known of "shop-dev-orders/{\"id\":{\"S\":\"o-1\"}}"`,
		"shop-dev-orders/a/b":        `nothing is known of "shop-dev-orders/{\"id\":{\"S\":\"a/b\"}}"`,
		"lines/o-1/7":                `nothing is known of "shop-dev-lines/{\"line\":{\"N\":\"7\"},\"order\":{\"S\":\"o-1\"}}"`,
		"lines/o-1":                  "have two keys, order and line: write lines/PARTITION/SORT",
		"bucket/raw/object":          `nothing is known of "bucket/raw/object"`,
		`orders/{"id":{"S":"o-1"}}`:  "nothing is known of",
		"shardId-000000000000:49039": `nothing is known of "shardId-000000000000:49039"`,
	} {
		if _, _, errs := run(t.Context(), at(p), "trace", typed); !strings.Contains(errs, want) {
			t.Errorf("%s: %s\nwant %s", typed, errs, want)
		}
	}
}

func TestJSONIsAllThatIsPrinted(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	for _, args := range []string{"version", "env", "doctor --deep", "tail absent", "logs absent", "invoke absent", "iam suggest absent", "trace x"} {
		_, out, errs := run(t.Context(), at(p), append([]string{"--json"}, strings.Fields(args)...)...)
		wantJSON(t, out)
		if errs != "" {
			t.Errorf("leat %s: %s", args, errs)
		}
	}
}

func TestUpIsReadyAndEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{nil, {"--json"}} {
		ctx, cancel := context.WithCancel(t.Context())
		r, w := io.Pipe()
		done := make(chan int, 1)
		var errs bytes.Buffer
		go func() {
			done <- cli.Main(ctx, append(flags, "up", "--memory", "--addr=127.0.0.1:0", "--registry-addr=127.0.0.1:0"), cli.IO{Out: w, Err: &errs, Getenv: func(string) string { return "" }})
			w.Close()
		}()
		var out strings.Builder
		buf := make([]byte, 4096)
		for !strings.Contains(out.String(), "Ready.\n") && !strings.Contains(out.String(), `"ready":true`) {
			n, err := r.Read(buf)
			if err != nil {
				t.Fatalf("%v: %s%s", err, out.String(), errs.String())
			}
			out.Write(buf[:n])
		}
		cancel()
		rest, _ := io.ReadAll(r)
		if code := <-done; code != 0 || len(rest) > 0 && !bytes.Equal(rest, []byte("\n")) {
			t.Errorf("exit %d, then %q", code, rest)
		}
		if strings.Contains(out.String(), "--addr 127.0.0.1:0") {
			t.Errorf("the banner names no real port:\n%s", out.String())
		}
		if flags != nil {
			wantJSON(t, out.String())
		}
	}
}

func TestUpRefusesBusyPortsAndOpenAddresses(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, addr := range []string{l.Addr().String(), "0.0.0.0:0"} {
		if code, out, errs := run(t.Context(), nil, "up", "--memory", "--registry-addr=127.0.0.1:0", "--addr", addr); code != 1 || out != "" || !strings.Contains(errs, addr) {
			t.Errorf("%s: %d %q %q", addr, code, out, errs)
		}
	}
}

func TestDeployTwiceAndDestroy(t *testing.T) {
	t.Parallel()
	p, dir := leattest.Start(t), t.TempDir()
	file := filepath.Join(dir, "template.yaml")
	template := "Resources:\n  Orders:\n    Type: AWS::Kinesis::Stream\n    Properties: {Name: orders, ShardCount: 1}\n"
	if err := os.WriteFile(file, []byte(template), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"deploy", file, "--stack-name=s", "--plan"}, "create"},
		{[]string{"deploy", file, "--stack-name=s"}, "Deployed s"},
		{[]string{"deploy", file, "--stack-name=s"}, "nothing changed"},
		{[]string{"destroy", file, "--stack-name=s"}, "Deleted s"},
	} {
		if code, out, errs := run(t.Context(), at(p), step.args...); code != 0 || !strings.Contains(out, step.want) {
			t.Errorf("%v: %d %s%s", step.args, code, out, errs)
		}
	}
}

func TestNamesThatAreAmbiguousAreRefused(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	for _, name := range []string{"a-s", "b-s"} {
		if _, err := kinesis.NewFromConfig(p.Config()).CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(1)}); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, errs := run(t.Context(), at(p), "tail", "s"); code != 1 || !strings.Contains(errs, "a-s, b-s") {
		t.Errorf("%d %s", code, errs)
	}
}

func TestDoctorSaysThatNothingOutlivesAPlatformInMemory(t *testing.T) {
	t.Parallel()
	_, out, errs := run(t.Context(), at(leattest.Start(t)), "doctor")
	if !strings.Contains(out, "in memory") || strings.Contains(out, "0 B free") {
		t.Errorf("%s%s", out, errs)
	}
}
