package series

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	points "weir/collector/series"
)

// Prefix is where Handler answers: the URL of a data source is the collector's
// with this behind it.
const Prefix = "/prometheus"

const (
	maxBody  = 1 << 20
	maxNames = 100_000 // of an answer
)

// Handler answers the query API of Prometheus, under Prefix: what Grafana asks
// a Prometheus data source for, by GET and POST.
func (s *Store) Handler() http.Handler {
	mux := http.NewServeMux()
	both := func(path string, h func(*http.Request, url.Values) (any, error)) {
		f := func(w http.ResponseWriter, r *http.Request) { answer(w, r, h) }
		mux.HandleFunc("GET "+Prefix+"/api/v1/"+path, f)
		mux.HandleFunc("POST "+Prefix+"/api/v1/"+path, f)
	}
	for path, ranged := range map[string]bool{"query": false, "query_range": true} {
		f := func(w http.ResponseWriter, r *http.Request) { s.answerQuery(w, r, ranged) }
		mux.HandleFunc("GET "+Prefix+"/api/v1/"+path, f)
		mux.HandleFunc("POST "+Prefix+"/api/v1/"+path, f)
	}
	both("query_span", s.querySpan)
	both("series", func(r *http.Request, v url.Values) (any, error) {
		l, err := readLook(v)
		if err != nil {
			return nil, err
		}
		return s.series(r.Context(), l)
	})
	both("labels", s.labelNames)
	both("label/{name}/values", s.labelNames)
	both("metadata", s.metadata)
	both("status/buildinfo", func(*http.Request, url.Values) (any, error) { return buildInfo(), nil })
	// There are none: alerts are weir's own, under /api/v1/alerts.
	both("rules", func(*http.Request, url.Values) (any, error) { return map[string][]string{"groups": {}}, nil })
	both("query_exemplars", func(*http.Request, url.Values) (any, error) { return []string{}, nil })
	return mux
}

// answer writes what h returns in Prometheus's envelope.
func answer(w http.ResponseWriter, r *http.Request, h func(*http.Request, url.Values) (any, error)) {
	v, err := readForm(w, r)
	var data any
	if err == nil {
		ctx, cancel := context.WithTimeout(r.Context(), queryTime)
		defer cancel()
		data, err = h(r.WithContext(ctx), v)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data}) // the client has gone
}

func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, &BadQuery{"the form cannot be read: " + err.Error()}
	}
	return r.Form, nil
}

// refuse writes an error in Prometheus's envelope.
func refuse(w http.ResponseWriter, err error) {
	code, kind := http.StatusUnprocessableEntity, "execution"
	var bad *BadQuery
	switch {
	case errors.As(err, &bad):
		code, kind = http.StatusBadRequest, "bad_data"
	case errors.Is(err, errSlow), errors.Is(err, context.DeadlineExceeded):
		code, kind = http.StatusServiceUnavailable, "timeout"
	case errors.Is(err, errBusy), errors.Is(err, errReading):
		code, kind = http.StatusServiceUnavailable, "unavailable"
	case errors.Is(err, context.Canceled):
		code, kind = 499, "canceled" // nobody reads it
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "errorType": kind, "error": err.Error()})
}

// answerQuery evaluates an expression.
func (s *Store) answerQuery(w http.ResponseWriter, r *http.Request, ranged bool) {
	v, err := readForm(w, r)
	var q *Query
	if err == nil {
		q, err = readQuery(v, ranged, time.Now())
	}
	if err == nil {
		err = s.query(r.Context(), q, func(value parser.Value) error {
			w.Header().Set("Content-Type", "application/json")
			out := bufio.NewWriterSize(w, 32<<10)
			writeAnswer(out, value)
			return nil // the client may have gone
		})
	}
	if err != nil {
		refuse(w, err)
	}
}

// readQuery reads the parameters of query and query_range.
func readQuery(v url.Values, ranged bool, now time.Time) (q *Query, err error) {
	q = &Query{Expr: v.Get("query"), To: now}
	if !ranged {
		if t := v.Get("time"); t != "" {
			q.To, err = readTime("time", t)
		}
		return q, err
	}
	if q.From, err = readTime("start", v.Get("start")); err != nil {
		return nil, err
	}
	if q.To, err = readTime("end", v.Get("end")); err != nil {
		return nil, err
	}
	if q.Step, err = readStep(v.Get("step")); err != nil {
		return nil, err
	}
	return q, nil
}

// querySpan answers, of the parameters of query_range, at which part of that time
// there is something. Prometheus has no such path; who chooses steps needs it.
func (s *Store) querySpan(r *http.Request, v url.Values) (any, error) {
	v.Set("step", "1h") // is of no account
	q, err := readQuery(v, true, time.Now())
	if err != nil {
		return nil, err
	}
	span, err := s.ask.span(r.Context(), s, q)
	return span, s.met(err)
}

// readTime reads seconds since the epoch or RFC 3339.
func readTime(name, text string) (time.Time, error) {
	if f, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(f) < math.MaxInt64/1e9 {
		return time.UnixMilli(int64(math.Round(f * 1000))), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	return time.Time{}, &BadQuery{fmt.Sprintf("%s %q: write seconds since 1970, or such as 2026-01-31T15:04:05Z", name, text)}
}

// readStep reads seconds, or a length of time such as 1m.
func readStep(text string) (time.Duration, error) {
	if f, err := strconv.ParseFloat(text, 64); err == nil && f > 0 && f < 1e9 {
		return time.Duration(f * float64(time.Second)), nil
	}
	if d, err := model.ParseDuration(text); err == nil && d > 0 {
		return time.Duration(d), nil
	}
	return 0, &BadQuery{fmt.Sprintf("step %q: write seconds, or such as 1m", text)}
}

// readLook reads the parameters of series, labels and label values.
func readLook(v url.Values) (*look, error) {
	l := &look{match: v["match[]"], from: allTime[0], to: allTime[1], limit: maxNames}
	for _, p := range []struct {
		name string
		to   *int64
	}{{"start", &l.from}, {"end", &l.to}} {
		if t := v.Get(p.name); t != "" {
			at, err := readTime(p.name, t)
			if err != nil {
				return nil, err
			}
			*p.to = at.UnixMilli()
		}
	}
	var err error
	l.limit, err = readLimit(v)
	return l, err
}

func readLimit(v url.Values) (int, error) {
	t := v.Get("limit")
	if t == "" || t == "0" {
		return maxNames, nil
	}
	n, err := strconv.Atoi(t)
	if err != nil || n < 0 {
		return 0, &BadQuery{fmt.Sprintf("limit %q: write a number", t)}
	}
	return min(n, maxNames), nil
}

// labelNames answers the names of labels, or the values of the one in the path.
func (s *Store) labelNames(r *http.Request, v url.Values) (any, error) {
	l, err := readLook(v)
	if err != nil {
		return nil, err
	}
	all, err := s.names(r.Context(), l, r.PathValue("name"))
	if all == nil {
		all = []string{}
	}
	return all, err
}

// description is what metadata says of a metric.
type description struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// metadata describes the metrics that are kept.
func (s *Store) metadata(_ *http.Request, v url.Values) (any, error) {
	limit, err := readLimit(v)
	if err != nil {
		return nil, err
	}
	all := map[string][]description{}
	for _, m := range s.Metrics() {
		if name := v.Get("metric"); len(all) < limit && (name == "" || name == m.Name) {
			all[m.Name] = []description{{m.Type, m.Help, m.Unit}}
		}
	}
	return all, nil
}

// Metrics returns what is kept where its points come, by name.
func (s *Store) Metrics() []points.Metric {
	var all []points.Metric
	for _, p := range s.plans {
		all = append(all, p.metrics...)
	}
	slices.SortFunc(all, func(a, b points.Metric) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// buildInfo tells which version of Prometheus's API this is, of the library
// that evaluates, whose v0.313.5 is Prometheus 3.13.5.
func buildInfo() map[string]string {
	version := ""
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, d := range b.Deps {
			if d.Path == "github.com/prometheus/prometheus" {
				if v, ok := strings.CutPrefix(d.Version, "v0."); ok && len(v) > 1 {
					version = v[:1] + "." + strings.TrimPrefix(v[1:], "0")
				}
			}
		}
	}
	return map[string]string{"version": version, "revision": "", "branch": "", "buildUser": "weir", "buildDate": "", "goVersion": runtime.Version()}
}
