package leat

import (
	"encoding/json"
	"net/http"
)

// health is the answer of GET /_leat/health: status "ok", or "read-only" while
// the store accepts no writes.
type health struct {
	Status  string        `json:"status"`
	Version string        `json:"version"`
	Memory  bool          `json:"memory"`
	Uptime  float64       `json:"uptimeSeconds"`
	URL     string        `json:"url"`
	Schemas string        `json:"registryUrl"`
	Storage healthStorage `json:"storage"`
	// Functions say what this system permits of functions' isolation.
	Functions healthFunctions `json:"functions"`
}

type healthFunctions struct {
	Sandbox     string `json:"sandbox"`
	MemoryLimit string `json:"memoryLimit"`
}

type healthStorage struct {
	Writable bool   `json:"writable"`
	Error    string `json:"error,omitempty"`
	DiskUsed uint64 `json:"diskUsed"`
	DiskFree uint64 `json:"diskFree"`
}

// health answers 200 as long as reads are served; a store that refuses writes
// is told in the body.
func (p *Platform) health(w http.ResponseWriter, _ *http.Request) {
	h := p.store.Health()
	out := health{
		Status: "ok", Version: p.opts.Version, Memory: p.opts.Memory, URL: p.URL(), Schemas: p.RegistryURL(),
		Uptime:  p.opts.Clock.Now().Sub(p.started).Seconds(),
		Storage: healthStorage{Writable: h.Writable, DiskUsed: h.DiskUsed, DiskFree: h.DiskFree},
	}
	if p.lambda != nil {
		out.Functions = healthFunctions{Sandbox: p.lambda.Isolation(), MemoryLimit: p.lambda.MemoryBound()}
	}
	if !h.Writable {
		out.Status = "read-only"
		if h.Err != nil {
			out.Storage.Error = h.Err.Error()
		}
	}
	body, err := json.Marshal(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // the client has gone if this fails
}
