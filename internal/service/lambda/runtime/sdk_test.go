package runtime_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

// identity answers GetCallerIdentity and remembers who signed.
func identity(t *testing.T) (url string, signed func() string) {
	t.Helper()
	seen := make(chan string, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
			`<Arn>arn:aws:iam::123456789012:role/r</Arn><UserId>u</UserId><Account>123456789012</Account></GetCallerIdentityResult>`+
			`<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>`)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() string { return <-seen }
}

func write(t *testing.T, name, body string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTheSDKIsThereWithoutBeingPacked(t *testing.T) {
	t.Parallel()
	url, signed := identity(t)
	e, _ := newEngine(t, func(o *runtime.Options) { o.Endpoint = url })
	for _, c := range []struct{ language, file, body, handler string }{
		{"python", "app.py", "import boto3\ndef handler(event, context):\n    return boto3.client('sts').get_caller_identity()['Account']\n", "app.handler"},
		{"node", "index.mjs", `import { STSClient, GetCallerIdentityCommand } from "@aws-sdk/client-sts";
export const handler = async () => (await new STSClient({}).send(new GetCallerIdentityCommand({}))).Account;
`, "index.handler"},
		{"node", "index.js", `const { STS } = require('@aws-sdk/client-sts');
exports.handler = async () => (await new STS({}).getCallerIdentity({})).Account;
`, "index.handler"},
	} {
		s := spec(t, c.language)
		s.CodeDir, s.Handler = write(t, c.file, c.body), c.handler
		p := e.Pool(s)
		if r := invoke(t, p, `{}`); string(r.Payload) != `"123456789012"` {
			t.Errorf("%s: %s\n%s", c.file, r.Payload, r.LogTail)
			continue
		}
		if by := signed(); !strings.Contains(by, "Credential=test/") || !strings.Contains(by, "/eu-west-1/sts/") {
			t.Errorf("%s signed %q", c.file, by)
		}
		p.Close()
	}
}

func TestPythonFindsWhatIsInstalledByPathFilesAndKeepsItsBuiltins(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, nil)
	s := spec(t, "python")
	// The sites of the interpreter, as the engine would have found them.
	s.Env = map[string]string{"LEAT_PYTHON_SITES": filepath.Join(taskRoot(e, s), "site")}
	p := e.Pool(s)
	if r := invoke(t, p, `{"do":"late"}`); string(r.Payload) != `"found late"` {
		t.Errorf("a module behind a .pth file: %s", r.Payload)
	}
	if got := decode(t, invoke(t, p, `{"do":"absent"}`).Payload); got["errorType"] != "ModuleNotFoundError" || got["errorMessage"] != "No module named 'no_such_module'" {
		t.Errorf("an absent module: %v", got)
	}
	if got := decode(t, invoke(t, p, `{"do":"quit","code":3}`).Payload); got["errorType"] != "Runtime.ExitError" || !strings.HasSuffix(got["errorMessage"].(string), "exit status 3") {
		t.Errorf("exit: %v", got)
	}
}
