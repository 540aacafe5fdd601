package runtime_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

func TestStructuredLogsAreJSON(t *testing.T) {
	t.Parallel()
	e, l := newEngine(t, nil)
	for _, lang := range []string{"python", "node"} {
		s := spec(t, lang)
		s.LogJSON, s.AppLogLevel, s.SystemLogLevel = true, "INFO", "INFO"
		if r := invoke(t, e.Pool(s), `{"do":"echo"}`); r.FunctionError != "" {
			t.Fatalf("%s: %s", lang, r.Payload)
		}
	}
	found := map[string]int{}
	for line := range strings.SplitSeq(strings.TrimSpace(l.all()), "\n") {
		var m struct {
			Type, Level, Message, RequestID string
			Record                          map[string]any
		}
		if json.Unmarshal([]byte(line), &m) != nil {
			continue // Python's print is plain text
		}
		if m.Message == "two\nlines" && strings.HasPrefix(m.Level, "WARN") && m.RequestID != "" {
			found["message"]++
		}
		if m.Type == "platform.report" && m.Record["status"] == "success" && m.Record["metrics"].(map[string]any)["memorySizeMB"] == float64(256) {
			found["report"]++
		}
		if m.Type == "platform.start" && m.Record["version"] == "$LATEST" {
			found["start"]++
		}
	}
	if found["message"] != 2 || found["report"] != 2 || found["start"] != 2 {
		t.Errorf("%v in\n%s", found, l.all())
	}
}

const extension = `#!/usr/bin/env python3
import json, os, urllib.request
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
def call(path, headers, body=None):
    r = urllib.request.urlopen(urllib.request.Request(base + path, data=body, headers=headers))
    return r.headers, json.loads(r.read())
headers, config = call("register", {"Lambda-Extension-Name": "watcher"}, b'{"events":["INVOKE","SHUTDOWN"]}')
print("extension of " + config["functionName"], flush=True)
own = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
while True:
    _, event = call("event/next", own)
    print("extension saw " + event["eventType"], flush=True)
    if event["eventType"] == "SHUTDOWN":
        break
`

func TestAnExtensionOfALayerSeesEveryInvocationAndTheEnd(t *testing.T) {
	t.Parallel()
	layer := t.TempDir()
	if err := os.Mkdir(filepath.Join(layer, "extensions"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(layer, "extensions", "watcher"), []byte(extension), 0o755); err != nil {
		t.Fatal(err)
	}
	e, l := newEngine(t, nil)
	s := spec(t, "python")
	s.LayerDirs = []string{layer}
	p := e.Pool(s)
	for range 2 {
		if r := invoke(t, p, `{"do":"echo"}`); r.FunctionError != "" {
			t.Fatalf("%s\n%s", r.Payload, l.all())
		}
	}
	p.Close()
	await(t, func() bool { return p.Stats().Instances == 0 })
	for want, n := range map[string]int{"extension of f-python": 1, "extension saw INVOKE": 2, "extension saw SHUTDOWN": 1} {
		if got := strings.Count(l.all(), want); got != n {
			t.Errorf("%d times %q in\n%s", got, want, l.all())
		}
	}
}

func TestALayerIsUnderOptAndALaterOneWins(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, nil)
	one, two := write(t, "common.txt", "one"), write(t, "common.txt", "two")
	if err := os.WriteFile(filepath.Join(one, "only.txt"), []byte("first"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := spec(t, "python")
	s.LayerDirs = []string{one, two}
	root := "'/opt'"
	if !strings.Contains(e.Isolation(), "mount") {
		root = "__import__('os').environ['LD_LIBRARY_PATH'].split(':')[-1][:-4]"
	}
	s.CodeDir = write(t, "app.py", "def handler(event, context):\n    o = "+root+"\n    return open(o + '/common.txt').read() + ' ' + open(o + '/only.txt').read()\n")
	if r := invoke(t, e.Pool(s), `{}`); string(r.Payload) != `"two first"` {
		t.Errorf("%s", r.Payload)
	}
}

func TestAWrapperStartsTheRuntime(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, nil)
	layer := write(t, "wrap", "#!/bin/sh\nWRAPPED=yes exec \"$@\"\n")
	if err := os.Chmod(filepath.Join(layer, "wrap"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := spec(t, "python")
	s.LayerDirs, s.Env = []string{layer}, map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}
	if got := decode(t, invoke(t, e.Pool(s), `{"do":"env"}`).Payload); got["WRAPPED"] != "yes" {
		t.Errorf("%v", got)
	}
}

func TestProvisionedInstancesAreReadyAndStay(t *testing.T) {
	t.Parallel()
	clk := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	e, _ := newEngine(t, func(o *runtime.Options) { o.Clock = clk })
	p := e.Pool(spec(t, "python"))
	p.SetProvisioned(2)
	await(t, func() bool { return p.Stats().Idle == 2 })
	r := invoke(t, p, `{"do":"env"}`)
	if r.Cold || decode(t, r.Payload)["AWS_LAMBDA_INITIALIZATION_TYPE"] != "provisioned-concurrency" {
		t.Errorf("%+v", r)
	}
	await(t, func() bool { return p.Stats().Idle == 2 })
	clk.Advance(time.Hour)
	if st := p.Stats(); st.Instances != 2 {
		t.Errorf("after an hour: %+v", st)
	}
	p.SetProvisioned(0)
	await(t, func() bool { clk.Advance(time.Minute); return p.Stats().Instances == 0 })
}

func TestAFullEngineMakesRoomForAnotherFunction(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, func(o *runtime.Options) { o.MaxInstances = 1 })
	one, two := e.Pool(spec(t, "python")), e.Pool(spec(t, "python"))
	for range 2 {
		for _, p := range []*runtime.Pool{one, two} {
			if r := invoke(t, p, `{"do":"nothing"}`); r.FunctionError != "" || !r.Cold {
				t.Fatalf("%+v %s", r, r.Payload)
			}
			await(t, func() bool { return p.Stats().Idle == 1 })
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = one.Invoke(t.Context(), invocation(`{"do":"sleep","seconds":2}`)) })
	await(t, func() bool { return one.Stats().Instances == 1 && one.Stats().Idle == 0 && one.Stats().Starting == 0 })
	if _, err := two.Invoke(t.Context(), invocation(`{}`)); !errors.Is(err, runtime.ErrNoCapacity) {
		t.Errorf("err = %v", err)
	}
	wg.Wait()
}

func TestASlowInitialisationHasASecondChance(t *testing.T) {
	t.Parallel()
	clk := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	e, l := newEngine(t, func(o *runtime.Options) { o.Clock = clk })
	s := spec(t, "python")
	s.Timeout = 3 * time.Second
	s.CodeDir = write(t, "app.py", "import time\nprint('starting', flush=True)\ntime.sleep(3600)\n")
	p := e.Pool(s)
	done := make(chan runtime.Result, 1)
	go func() {
		r, _ := p.Invoke(t.Context(), invocation(`{}`))
		done <- r
	}()
	await(t, func() bool { return strings.Count(l.all(), "starting") == 1 })
	clk.Advance(runtime.InitTimeout)
	await(t, func() bool { return strings.Count(l.all(), "starting") == 2 })
	clk.Advance(s.Timeout)
	r := <-done
	if !r.TimedOut || !strings.Contains(string(r.Payload), "Task timed out after 3.00 seconds") {
		t.Errorf("%+v %s", r, r.Payload)
	}
	for _, want := range []string{"INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout", "INIT_REPORT Init Duration: 3000.00 ms\tPhase: invoke\tStatus: timeout"} {
		if !strings.Contains(l.all(), want) {
			t.Errorf("no %q in\n%s", want, l.all())
		}
	}
}

func TestCallersInSequenceUseOneInstance(t *testing.T) {
	t.Parallel()
	// On a clock that stands still no instance is too slow in asking for its next event, however busy the machine.
	still := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	e, _ := newEngine(t, func(o *runtime.Options) { o.Clock = still })
	for _, lang := range []string{"python", "node"} {
		p := e.Pool(spec(t, lang))
		for range 200 {
			invoke(t, p, `{"do":"nothing"}`)
		}
		if n := p.Stats().Instances; n != 1 {
			t.Errorf("%s: %d instances", lang, n)
		}
	}
}
