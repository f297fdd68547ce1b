package web

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"weir/detect/site"
)

// SiteSource answers questions about incidents and maintenance windows. Errors
// are the asker's, in one line.
type SiteSource interface {
	Incidents(context.Context) ([]site.Incident, error)
	Incident(ctx context.Context, id string) (site.Incident, error)
	Windows() []site.Window
	AddWindow(site.Window) (site.Window, error)
	EndWindow(id string) (site.Window, error)
}

// handleSite serves GET /incidents, /incident?id=, /windows, and POST
// /windows/add and /windows/end?id=.
func handleSite(mux *http.ServeMux, s Source) {
	handle := func(pattern string, do func(SiteSource, *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			src, ok := s.(SiteSource)
			if !ok {
				http.Error(w, "knows no site", http.StatusNotFound)
				return
			}
			v, err := do(src, r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			writeJSON(w, http.StatusOK, v)
		})
	}
	handle("GET /incidents", func(s SiteSource, r *http.Request) (any, error) {
		all, err := s.Incidents(r.Context())
		return orEmpty(all), err
	})
	handle("GET /incident", func(s SiteSource, r *http.Request) (any, error) {
		return s.Incident(r.Context(), r.URL.Query().Get("id"))
	})
	handle("GET /windows", func(s SiteSource, _ *http.Request) (any, error) { return orEmpty(s.Windows()), nil })
	handle("POST /windows/end", func(s SiteSource, r *http.Request) (any, error) { return s.EndWindow(r.URL.Query().Get("id")) })
	handle("POST /windows/add", func(s SiteSource, r *http.Request) (any, error) {
		q := r.URL.Query()
		w := site.Window{Subject: q.Get("subject"), Owner: q.Get("owner"), Reason: q.Get("reason"), Zone: q.Get("zone")}
		var err error
		if w.From, err = time.Parse(time.RFC3339, q.Get("from")); err != nil {
			return nil, err
		}
		if w.To, err = time.Parse(time.RFC3339, q.Get("to")); err != nil {
			return nil, err
		}
		return s.AddWindow(w)
	})
}

// AddWindow asks the collector that runs with stateDir to take a maintenance
// window.
func AddWindow(ctx context.Context, stateDir string, w site.Window) (got site.Window, err error) {
	q := url.Values{
		"subject": {w.Subject}, "owner": {w.Owner}, "reason": {w.Reason}, "zone": {w.Zone},
		"from": {w.From.Format(time.RFC3339)}, "to": {w.To.Format(time.RFC3339)},
	}
	return got, ask(ctx, stateDir, http.MethodPost, "windows/add?"+q.Encode(), 10*time.Second, &got)
}

// EndWindow asks the collector that runs with stateDir to end a maintenance
// window.
func EndWindow(ctx context.Context, stateDir, id string) (got site.Window, err error) {
	return got, ask(ctx, stateDir, http.MethodPost, "windows/end?"+url.Values{"id": {id}}.Encode(), 10*time.Second, &got)
}
