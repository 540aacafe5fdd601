package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
)

const avro = `{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}`

var def = registry.Definition{Type: schema.Avro, Text: avro}

// server answers a registry's requests without a network, so that time may be a bubble's.
type server struct {
	mu     sync.Mutex
	seen   []string // METHOD path
	at     []time.Time
	answer func(n int, r *http.Request) (int, string)
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.seen = append(s.seen, r.Method+" "+r.URL.RequestURI())
	s.at = append(s.at, time.Now())
	n := len(s.seen)
	s.mu.Unlock()
	status, body := s.answer(n, r)
	if status == 0 {
		return nil, errors.New(body)
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: r}, nil
}

func (s *server) count() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.seen) }

func (s *server) open(opts ...registry.Option) registry.Registry {
	return registry.Confluent("http://registry/", append([]registry.Option{registry.HTTPClient(&http.Client{Transport: s})}, opts...)...)
}

func schemaReply(int, *http.Request) (int, string) {
	b, err := json.Marshal(map[string]any{"id": 7, "version": 3, "subject": "s", "schema": avro})
	if err != nil {
		return 0, err.Error()
	}
	return 200, string(b)
}

func number(n uint32) registry.ID { return registry.ID{Number: n} }

func TestAnswersAreCachedAndTheLatestIsNot(t *testing.T) {
	t.Parallel()
	s := &server{answer: schemaReply}
	r := s.open()
	for range 3 {
		if v, err := r.ByID(t.Context(), number(7)); err != nil || v == nil {
			t.Fatal(err)
		}
		if v, err := r.Lookup(t.Context(), "s", def); err != nil || v.ID.Number != 7 || v.Number != 3 {
			t.Fatal(v, err)
		}
		if _, err := r.Latest(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
	}
	if s.count() != 1+1+3 {
		t.Errorf("asked %v", s.seen)
	}
}

func TestTheCacheForgetsWhatWasUsedLongestAgo(t *testing.T) {
	t.Parallel()
	s := &server{answer: schemaReply}
	r := s.open(registry.CacheSize(2))
	for _, step := range []struct {
		id    uint32
		asked int
	}{{1, 1}, {2, 2}, {1, 2}, {3, 3}, {1, 3}, {2, 4}, {3, 5}} {
		if _, err := r.ByID(t.Context(), number(step.id)); err != nil {
			t.Fatal(err)
		}
		if s.count() != step.asked {
			t.Fatalf("after %d: asked %d times, want %d", step.id, s.count(), step.asked)
		}
	}
}

func TestQuestionsForTheSameThingBecomeOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		s := &server{answer: func(n int, r *http.Request) (int, string) { <-gate; return schemaReply(n, r) }}
		r := s.open()
		var ok atomic.Int32
		impatient, cancel := context.WithCancel(t.Context())
		go func() {
			if _, err := r.ByID(impatient, number(7)); !errors.Is(err, context.Canceled) {
				t.Errorf("who gave up: %v", err)
			}
		}()
		synctest.Wait() // the impatient one asks first
		for range 20 {
			go func() {
				if _, err := r.ByID(t.Context(), number(7)); err == nil {
					ok.Add(1)
				}
			}()
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(gate)
		synctest.Wait()
		if s.count() != 1 || ok.Load() != 20 {
			t.Errorf("asked %d times, %d answers", s.count(), ok.Load())
		}
	})
}

func TestPassingFailuresAreTriedAgainWithGrowingPauses(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]struct {
		status int
		body   string
	}{"busy": {503, "busy"}, "throttled": {429, "{}"}, "broken": {500, `{"error_code":50001,"message":"store"}`}, "network": {0, "connection reset"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &server{answer: func(n int, r *http.Request) (int, string) {
					if n < 4 {
						return failure.status, failure.body
					}
					return schemaReply(n, r)
				}}
				if _, err := s.open(registry.Retry(4, time.Second)).ByID(t.Context(), number(7)); err != nil {
					t.Fatal(err)
				}
				for i := 1; i < len(s.at); i++ {
					pause, base := s.at[i].Sub(s.at[i-1]), time.Second<<(i-1)
					if pause < base/2 || pause > base+base/2 {
						t.Errorf("pause %d was %v, want %v give or take a half", i, pause, base)
					}
				}
			})
		})
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(int, *http.Request) (int, string) { return 503, "busy" }}
		var e *registry.Error
		if _, err := s.open().ByID(t.Context(), number(7)); !errors.As(err, &e) || e.Status != 503 {
			t.Errorf("got %v", err)
		}
		if s.count() != registry.DefaultAttempts {
			t.Errorf("%d attempts", s.count())
		}
		for _, odd := range []time.Duration{-time.Second, 0, 1<<63 - 1} { // none of them may panic or hang
			start := time.Now()
			if _, err := s.open(registry.Retry(3, odd)).ByID(t.Context(), number(8)); err == nil {
				t.Error("no error")
			}
			if took := time.Since(start); took > 31*time.Second {
				t.Errorf("back-off %v took %v", odd, took)
			}
		}
	})
}

func TestRefusalsHaveKindsAndAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
		kind   error
		code   string
	}{
		{404, `{"error_code":40403,"message":"Schema not found"}`, registry.ErrNotFound, "40403"},
		{409, `{"error_code":409,"message":"incompatible"}`, registry.ErrIncompatible, "409"},
		{422, `{"error_code":42201,"message":"Invalid Avro schema"}`, registry.ErrInvalid, "42201"},
		{401, `Unauthorized`, nil, "401"},
		{404, strings.Repeat("x", 1000), registry.ErrNotFound, "404"},
	} {
		s := &server{answer: func(int, *http.Request) (int, string) { return c.status, c.body }}
		_, err := s.open().ByID(t.Context(), number(7))
		var e *registry.Error
		if !errors.As(err, &e) || e.Code != c.code || e.Status != c.status || len(e.Message) > 500 || s.count() != 1 {
			t.Errorf("%d: %v after %d requests", c.status, err, s.count())
		}
		for _, kind := range []error{registry.ErrNotFound, registry.ErrIncompatible, registry.ErrInvalid} {
			if errors.Is(err, kind) != (kind == c.kind) {
				t.Errorf("%d: errors.Is(%v, %v)", c.status, err, kind)
			}
		}
	}
}

func TestFailuresAreNotCached(t *testing.T) {
	t.Parallel()
	s := &server{answer: func(n int, r *http.Request) (int, string) {
		if n == 1 {
			return 404, "{}"
		}
		return schemaReply(n, r)
	}}
	r := s.open()
	if _, err := r.ByID(t.Context(), number(7)); !errors.Is(err, registry.ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := r.ByID(t.Context(), number(7)); err != nil {
		t.Error(err)
	}
}

func TestRepliesThatAreNotTheAPIsAreErrors(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"not JSON": "<html>", "no schema": "{}", "too large": strings.Repeat(" ", 16<<20+1)} {
		s := &server{answer: func(int, *http.Request) (int, string) { return 200, body }}
		if _, err := s.open().ByID(t.Context(), number(7)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestIDsThatARegistryCannotKnowAreNotAskedFor(t *testing.T) {
	t.Parallel()
	s := &server{answer: schemaReply}
	uuid, err := registry.ParseUUID("11111111-2222-3333-4444-555555555555")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []registry.ID{{}, uuid} {
		if _, err := s.open().ByID(t.Context(), id); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if s.count() != 0 {
		t.Errorf("asked %v", s.seen)
	}
}

func TestRequestsCarryWhatWasConfigured(t *testing.T) {
	t.Parallel()
	s := &server{}
	s.answer = func(n int, r *http.Request) (int, string) {
		user, secret, _ := r.BasicAuth()
		if user != "u" || secret != "s" || r.URL.Query().Get("normalize") != "true" || !strings.HasPrefix(r.URL.EscapedPath(), "/subjects/a%2Fb") {
			return 400, fmt.Sprintf("%s %s %s", user, secret, r.URL)
		}
		return schemaReply(n, r)
	}
	if _, err := s.open(registry.BasicAuth("u", "s"), registry.Normalize()).Lookup(t.Context(), "a/b", def); err != nil {
		t.Error(err)
	}
}

func TestARegistrationAtAnOlderRegistryLooksTheVersionUp(t *testing.T) {
	t.Parallel()
	s := &server{answer: func(n int, r *http.Request) (int, string) {
		if n == 1 {
			return 200, `{"id":7}`
		}
		return schemaReply(n, r)
	}}
	v, err := s.open().Register(t.Context(), "s", def)
	if err != nil || v.Number != 3 || v.ID != number(7) || s.count() != 2 {
		t.Errorf("%+v, %v after %v", v, err, s.seen)
	}
}

func TestUUIDs(t *testing.T) {
	t.Parallel()
	const text = "b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63"
	id, err := registry.ParseUUID(text)
	if err != nil || !id.IsUUID() || id.String() != text {
		t.Errorf("%v, %v", id, err)
	}
	if got := number(42).String(); got != "42" || number(42).IsUUID() {
		t.Error(got)
	}
	for _, bad := range []string{"", "x", strings.Repeat("0", 36), "00000000-0000-0000-0000-000000000000", "b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c6g", text + "0"} {
		if _, err := registry.ParseUUID(bad); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

func FuzzParseUUID(f *testing.F) {
	f.Add("b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := registry.ParseUUID(s); err == nil && id.String() != strings.ToLower(s) {
			t.Errorf("%q became %s", s, id)
		}
	})
}

func TestSubjectNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f    registry.SubjectName
		want string
	}{{registry.TopicName, "t-value"}, {registry.RecordName, "a.R"}, {registry.TopicRecordName, "t-a.R"}} {
		if got := c.f("t", "a.R"); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
