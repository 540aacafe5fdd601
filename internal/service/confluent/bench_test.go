package confluent_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/confluent"
	"github.com/leatdev/leat/internal/subjects"
)

// BenchmarkByID compares a look-up by id, over loopback, with a handler that only writes a body of the same size.
func BenchmarkByID(b *testing.B) {
	h := confluent.New(confluent.Options{Subjects: subjects.New(kvtest.New(b), clock.System())})
	r := registry{b, h}
	if status, answer, _ := r.do("POST", "/subjects/s/versions", body(record("a", "b", "c"))); status != http.StatusOK {
		b.Fatal(answer)
	}
	_, answer, _ := r.do("GET", "/schemas/ids/1", "")
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		_, _ = io.WriteString(w, answer)
	})
	for name, handler := range map[string]http.Handler{"registry": h, "net-http": bare} {
		b.Run(name, func(b *testing.B) {
			srv := httptest.NewServer(handler)
			defer srv.Close()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					resp, err := client.Get(srv.URL + "/schemas/ids/1")
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
		})
	}
}
