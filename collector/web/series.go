package web

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"weir/collector/web/access"
	"weir/collector/web/audit"
)

// SeriesSource answers the query API of Prometheus.
type SeriesSource interface {
	// SeriesAPI answers requests below /prometheus/; nil where no series are kept.
	SeriesAPI() http.Handler
}

const seriesPath = "/prometheus/api/v1/"

// seriesTime is how long a client waits for an answer, longer than one takes.
const seriesTime = 30 * time.Second

// AskSeries asks the query API of Prometheus of the collector that runs with
// stateDir, for such as "query_range", and reads the answer into v.
func AskSeries(ctx context.Context, stateDir, path string, q url.Values, v any) error {
	return ask(ctx, stateDir, http.MethodGet, seriesPath[1:]+path+"?"+q.Encode(), nil, seriesTime, v)
}

// seriesBody bounds a form, in octets: an expression may name many things.
const seriesBody = 1 << 20

// seriesRoutes are the query API of Prometheus, by GET and by POST of a form, as
// Grafana's Prometheus data source asks.
func seriesRoutes(s SeriesSource) (all []Route) {
	serve := func(w http.ResponseWriter, r *http.Request) {
		if h := s.SeriesAPI(); h != nil {
			h.ServeHTTP(w, r)
			return
		}
		refuse(w, NewProblem(http.StatusNotFound, "history is off: set history.off: false"))
	}
	query := Param{Name: "query", Says: "PromQL"}
	from, to := Param{Name: "start", Says: "seconds since 1970, or RFC 3339"}, Param{Name: "end", Says: "the same, included"}
	match, limit := Param{Name: "match[]", Says: "a selector; may stand several times"}, Param{Name: "limit", Says: "so many at most", Example: 100}
	for _, r := range []Route{
		{Path: "query", Audit: audit.Query, Summary: "An expression in PromQL, as of one time.", Params: []Param{query, {Name: "time", Says: "seconds since 1970, or RFC 3339; now without"}}},
		{Path: "query_range", Audit: audit.Query, Summary: "An expression in PromQL, at each step of a time.", Params: []Param{query, from, to, {Name: "step", Says: "seconds, or such as 1m"}}},
		{Path: "query_span", Audit: audit.Query, Summary: "At which part of a time an expression in PromQL may have values; weir's own, for who chooses a step.", Params: []Param{query, from, to}},
		{Path: "series", Audit: audit.Query, Summary: "The series that selectors choose.", Params: []Param{match, from, to, limit}},
		{Path: "labels", Summary: "The names of labels.", Params: []Param{match, from, to, limit}},
		{Path: "label/{name}/values", Summary: "The values of a label.", Params: []Param{match, from, to, limit}},
		{Path: "metadata", Summary: "Type, unit and meaning of the metrics.", Params: []Param{{Name: "metric", Says: "only this"}, limit}},
		{Path: "rules", Summary: "Rules of Prometheus: none, alerts are under /api/v1/alerts."},
		{Path: "query_exemplars", Summary: "Exemplars: none."},
		{Path: "status/buildinfo", Summary: "The version of the query API."},
	} {
		r.Path, r.Needs, r.Serve, r.MaxBody = seriesPath+r.Path, access.Viewer, serve, seriesBody
		for _, method := range []string{"GET", "POST"} {
			r.Method = method
			all = append(all, r)
		}
	}
	return all
}
