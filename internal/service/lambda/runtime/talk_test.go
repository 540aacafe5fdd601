package runtime_test

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

func TestSimpleRequestsAreToldFromOthers(t *testing.T) {
	t.Parallel()
	const next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n"
	const post = "POST /2018-06-01/runtime/invocation/a-1/response HTTP/1.1\r\n"
	for head, want := range map[string]string{
		next + "\r\n": "next",
		next + "Host: 127.0.0.1:1\r\nUser-Agent: x\r\ncontent-length: 0\r\n\r\n":                 "next",
		next + "Connection: keep-alive\r\n\r\n":                                                  "next",
		post + "Content-Length: 12\r\n\r\n":                                                      "a-1 12",
		post + "CONTENT-LENGTH:  0 \r\nX: y: z\r\n\r\n":                                          "a-1 0",
		next + "Content-Length: 1\r\n\r\n":                                                       "",
		next + "Connection: close\r\n\r\n":                                                       "",
		next + "Host: x":                                                                         "",
		post + "\r\n":                                                                            "",
		post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n":                                  "",
		post + "Content-Length: -1\r\n\r\n":                                                      "",
		post + "Content-Length: 6291557\r\n\r\n":                                                 "",
		post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n":                         "",
		post + "Content-Length: 1\r\nExpect: 100-continue\r\n\r\n":                               "",
		post + "Content-Length: 1\r\n folded\r\n\r\n":                                            "",
		"POST /2018-06-01/runtime/invocation/a/b/response HTTP/1.1\r\nContent-Length: 1\r\n\r\n": "",
		"POST /2018-06-01/runtime/invocation//response HTTP/1.1\r\nContent-Length: 1\r\n\r\n":    "",
		"POST /2018-06-01/runtime/invocation/a/error HTTP/1.1\r\nContent-Length: 1\r\n\r\n":      "",
		"GET /2018-06-01/runtime/invocation/next HTTP/1.0\r\n\r\n":                               "",
		"GET /2020-01-01/extension/event/next HTTP/1.1\r\n\r\n":                                  "",
	} {
		id, length, ok := runtime.ParseHead([]byte(head))
		got := ""
		switch {
		case ok && id == "":
			got = "next"
		case ok:
			got = id + " " + strconv.Itoa(length)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", head, got, want)
		}
	}
}

// FuzzSimpleRequests finds heads that are taken for simple and that net/http reads otherwise.
func FuzzSimpleRequests(f *testing.F) {
	f.Add([]byte("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("POST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n"))
	f.Add([]byte("POST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		id, length, ok := runtime.ParseHead(head)
		if !ok {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
		if err != nil {
			return // net/http would have refused it
		}
		path := "/2018-06-01/runtime/invocation/next"
		if id != "" {
			path = "/2018-06-01/runtime/invocation/" + id + "/response"
		}
		if r.RequestURI != path || r.ContentLength != int64(length) || len(r.TransferEncoding) > 0 || r.Close || len(r.Trailer) > 0 {
			t.Errorf("%q: %q %d is %s %d %v %v", head, id, length, r.RequestURI, r.ContentLength, r.TransferEncoding, r.Close)
		}
	})
}

// oddRuntime speaks the Runtime API in unusual and lawful ways, one after another, and answers with what it got.
const oddRuntime = `
import json, os, socket, sys
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
API = "/2018-06-01/runtime/invocation/"

def connect():
    return socket.create_connection((host, int(port)))

def get(s, extra=""):
    s.sendall(("GET %snext HTTP/1.1\r\nHost: x\r\n%s\r\n" % (API, extra)).encode())

def read(f):
    status = int(f.readline().split()[1])
    fields = {}
    while True:
        line = f.readline().strip()
        if not line:
            break
        k, v = line.split(b": ", 1)
        fields[k.decode().lower()] = v.decode()
    return status, fields, f.read(int(fields["content-length"]))

def post(s, id, body, head="Content-Length: %d\r\n", tail=b""):
    s.sendall(("POST %s%s/response HTTP/1.1\r\nHost: x\r\n%s\r\n" % (API, id, head % len(body) if "%" in head else head)).encode() + body + tail)

def leave(s):
    """Asks, and goes away: corked, the request and the end of the connection travel together."""
    if hasattr(socket, "TCP_CORK"):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        get(s)
    s.close()

leave(connect())
s = connect(); f = s.makefile("rb")
get(s)
while True:
    status, fields, event = read(f)
    id, do = fields["lambda-runtime-aws-request-id"], json.loads(event)["do"]
    said = json.dumps({"do": do, "context": fields.get("lambda-runtime-client-context"), "status": status}).encode()
    if do == "bytewise":
        request = ("POST %s%s/response HTTP/1.1\r\nContent-Length: %d\r\nHost: x\r\n\r\n" % (API, id, len(said))).encode() + said
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(request)):
            s.sendall(request[i:i+1])
        assert read(f)[0] == 202
        get(s)
    elif do == "pipelined":
        post(s, id, said, tail=("GET %snext HTTP/1.1\r\nHost: x\r\n\r\n" % API).encode())
        assert read(f)[0] == 202
    elif do == "long head":
        post(s, id, said, head="X-Long: " + "x" * 5000 + "\r\nContent-Length: %d\r\n" % len(said))
        assert read(f)[0] == 202
        get(s)
    elif do == "wrong id":
        post(s, "nobody", b"{}")
        said = json.dumps({"do": do, "refused": read(f)[0]}).encode()
        post(s, id, said)
        assert read(f)[0] == 202
        get(s)
    elif do == "chunked":
        post(s, id, b"%x\r\n%s\r\n0\r\n\r\n" % (len(said), said), head="Transfer-Encoding: chunked\r\n")
        assert read(f)[0] == 202
        get(s)
    elif do == "again":   # closes, and asks on another connection
        post(s, id, said)
        assert read(f)[0] == 202
        f.close()
        leave(s)
        s = connect(); f = s.makefile("rb")
        get(s)
`

func TestTheRuntimeAPIIsServedInWhateverFormItIsAskedFor(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, nil)
	s := spec(t, "go")
	s.Timeout = 20 * time.Second
	s.CodeDir = write(t, "bootstrap", "#!/usr/bin/env python3\n"+oddRuntime)
	if err := os.Chmod(filepath.Join(s.CodeDir, "bootstrap"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.Env = map[string]string{"PATH": os.Getenv("PATH")}
	p := e.Pool(s)
	for _, do := range []string{"bytewise", "pipelined", "again", "bytewise", "again", "pipelined", "long head", "wrong id", "chunked", "bytewise", "pipelined", "bytewise"} {
		inv := invocation(`{"do":"` + do + `"}`)
		inv.ClientContext = "{\"a\":\r\n\"b\"}"
		r, err := p.Invoke(t.Context(), inv)
		if err != nil || r.FunctionError != "" {
			t.Fatalf("%s: %v %s\n%s", do, err, r.Payload, r.LogTail)
		}
		got := decode(t, r.Payload)
		if do == "wrong id" {
			if got["refused"] != float64(http.StatusBadRequest) {
				t.Errorf("%s: %v", do, got)
			}
			continue
		}
		if context, _ := got["context"].(string); got["do"] != do || strings.Join(strings.Fields(context), "") != `{"a":"b"}` {
			t.Errorf("%s: %v", do, got)
		}
	}
}
