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
	m.requests.WithLabelValues(c.Service, c.Operation, code).Inc()
	m.seconds.WithLabelValues(c.Service, c.Operation).Observe(c.Duration.Seconds())
	m.bytesIn.WithLabelValues(c.Service, c.Operation).Add(float64(c.BytesIn))
	m.bytesOut.WithLabelValues(c.Service, c.Operation).Add(float64(c.BytesOut))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
