package leat

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire"
)

// metrics are the platform's own figures, in Prometheus's form at /_leat/metrics.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	bytesIn  *prometheus.CounterVec
	bytesOut *prometheus.CounterVec
	counts   *handles[callKind, callCounts]
}

// callKind is what calls are counted by.
type callKind struct{ service, operation, code string }

// callCounts are the figures of one kind of calls.
type callCounts struct {
	requests, bytesIn, bytesOut prometheus.Counter
	seconds                     prometheus.Observer
}

func (m *metrics) countsOf(k callKind) callCounts {
	return callCounts{
		requests: m.requests.WithLabelValues(k.service, k.operation, k.code),
		bytesIn:  m.bytesIn.WithLabelValues(k.service, k.operation), bytesOut: m.bytesOut.WithLabelValues(k.service, k.operation),
		seconds: m.seconds.WithLabelValues(k.service, k.operation),
	}
}

func newMetrics() *metrics {
	labels := []string{"service", "operation"}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leat_requests_total", Help: "Requests served, by service, operation and error code (empty for a success).",
		}, append(labels, "code")),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "leat_request_seconds", Help: "Time from the decoded request to the written reply.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}, labels),
		bytesIn:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "leat_request_bytes_total", Help: "Bytes of request bodies."}, labels),
		bytesOut: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "leat_response_bytes_total", Help: "Bytes of reply bodies."}, labels),
	}
	m.counts = newHandles(m.countsOf)
	m.registry.MustRegister(m.requests, m.seconds, m.bytesIn, m.bytesOut,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe counts one served request.
func (m *metrics) observe(_ context.Context, c wire.Call) {
	if c.Service == "" {
		return // what no service claimed must not grow the label set
	}
	code := ""
	if c.Err != nil {
		code = "InternalFailure"
		if e, ok := aws.AsError(c.Err); ok {
			code = e.Code
		}
	}
	n := m.counts.of(callKind{c.Service, c.Operation, code})
	n.requests.Inc()
	n.seconds.Observe(c.Duration.Seconds())
	n.bytesIn.Add(float64(c.BytesIn))
	n.bytesOut.Add(float64(c.BytesOut))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
