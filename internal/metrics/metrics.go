// Package metrics counts what a program does, for Prometheus to fetch. It alone
// knows the library. Labels are words of ours, never what a stranger sent: each
// value is a time series that stays, and clients register themselves.
package metrics

import (
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Registry is all that one program counts. A nil one counts nothing.
type Registry struct{ prometheus *prometheus.Registry }

// live is what is still in use after a garbage collection: where memory leaks it
// shows here first, for what the process occupies is several times that.
var live = collectors.GoRuntimeMetricsRule{Matcher: regexp.MustCompile(`^/gc/heap/live:bytes$`)}

// New returns a registry that tells about the process already: memory,
// goroutines, garbage collection, file descriptors, the build.
func New() *Registry {
	r := &Registry{prometheus.NewRegistry()}
	r.prometheus.MustRegister(
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(live)), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector(),
	)
	return r
}

// Handler answers a scrape, as it is: to compress a few kilobytes takes a megabyte of
// memory, more than is in use otherwise in some of the programs.
func (r *Registry) Handler() http.Handler {
	return promhttp.HandlerFor(r.prometheus, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: 10 * time.Second, DisableCompression: true})
}

// Counter counts by labels. The zero one does not.
type Counter struct{ vec *prometheus.CounterVec }

// Counter makes a counter; its name ends in _total.
func (r *Registry) Counter(name, help string, labels ...string) Counter {
	if r == nil {
		return Counter{}
	}
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	r.prometheus.MustRegister(vec)
	return Counter{vec}
}

// Inc counts one more, with a value for each label.
func (c Counter) Inc(values ...string) {
	if c.vec != nil {
		c.vec.WithLabelValues(values...).Inc()
	}
}

// Read makes a gauge, or with a name in _total a counter, whose value is looked
// up when somebody asks. ok is false where it cannot be told: then nothing is.
func (r *Registry) Read(name, help string, read func() (value float64, ok bool)) {
	if r == nil {
		return
	}
	kind := prometheus.GaugeValue
	if len(name) > 6 && name[len(name)-6:] == "_total" {
		kind = prometheus.CounterValue
	}
	r.prometheus.MustRegister(reading{prometheus.NewDesc(name, help, nil, nil), kind, read})
}

type reading struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func() (float64, bool)
}

func (r reading) Describe(into chan<- *prometheus.Desc) { into <- r.desc }

func (r reading) Collect(into chan<- prometheus.Metric) {
	if value, ok := r.read(); ok {
		into <- prometheus.MustNewConstMetric(r.desc, r.kind, value)
	}
}

// Requests counts HTTP requests, and how long they took.
type Requests struct {
	all   *prometheus.CounterVec
	spans *prometheus.HistogramVec
}

// Requests makes the metrics of a program's requests.
func (r *Registry) Requests() *Requests {
	if r == nil {
		return nil
	}
	q := &Requests{
		prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests that were answered, by route, method and class of status.",
		}, []string{"route", "method", "status"}),
		prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time from the header to the whole answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method"}),
	}
	r.prometheus.MustRegister(q.all, q.spans)
	return q
}

// methods are those that a route may have: strangers invent others.
var methods = map[string]bool{http.MethodGet: true, http.MethodPost: true, http.MethodPut: true, http.MethodDelete: true, http.MethodOptions: true, http.MethodPatch: true}

// Observe counts an answer. route must be a template of ours.
func (q *Requests) Observe(route, method string, status int, took time.Duration) {
	if q == nil {
		return
	}
	if !methods[method] {
		method = "other"
	}
	q.all.WithLabelValues(route, method, strconv.Itoa(status/100)+"xx").Inc()
	q.spans.WithLabelValues(route, method).Observe(took.Seconds())
}
