package web

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"weir/collector/web/access"
	"weir/collector/web/audit"
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

// siteRoutes are the routes of incidents and maintenance windows.
func siteRoutes(s SiteSource) []Route {
	const windows = "/api/v1/windows"
	return []Route{
		{Method: "GET", Path: "/api/v1/incidents", Needs: access.Viewer, Summary: "Incidents since the start, the newest last, without their steps.", Answer: []site.Incident{},
			Serve: Answers(func(r *http.Request) (any, error) {
				all, err := s.Incidents(r.Context())
				return orEmpty(all), asked(err)
			})},
		{Method: "GET", Path: "/api/v1/incidents/{id}", Needs: access.Viewer, Audit: audit.Query, Summary: "One incident with its timeline; the beginning of its identity is enough.", Answer: site.Incident{},
			Serve: Answers(func(r *http.Request) (any, error) {
				i, err := s.Incident(r.Context(), r.PathValue("id"))
				return i, asked(err)
			})},
		{Method: "GET", Path: "/api/v1/incident", Needs: access.Viewer, Audit: audit.Query, Summary: "The same, for the page.", Answer: site.Incident{},
			Params: []Param{{Name: "id", Says: "of the incident"}},
			Serve: Answers(func(r *http.Request) (any, error) {
				i, err := s.Incident(r.Context(), r.URL.Query().Get("id"))
				return i, asked(err)
			})},
		{Method: "GET", Path: windows, Needs: access.Viewer, Summary: "Maintenance windows, those of the configuration too.", Answer: []site.Window{},
			Serve: Answers(func(*http.Request) (any, error) { return orEmpty(s.Windows()), nil })},
		{Method: "POST", Path: windows, Needs: access.Operator, Audit: audit.Change, Summary: "Announce planned work.", Body: NewWindow{}, Answer: site.Window{},
			Serve: Answers(func(r *http.Request) (any, error) {
				var n NewWindow
				if err := ReadBody(r, &n); err != nil {
					return nil, err
				}
				if n.Owner == "" {
					n.Owner = access.Of(r.Context()).Name
				}
				w, err := s.AddWindow(site.Window{Subject: n.Subject, From: n.From, To: n.To, Owner: n.Owner, Reason: n.Reason, Zone: n.Zone})
				return w, asked(err)
			})},
		{Method: "DELETE", Path: windows + "/{id}", Needs: access.Operator, Audit: audit.Change, Summary: "End a window now: what is still open is sent.", Answer: site.Window{},
			Serve: Answers(func(r *http.Request) (any, error) {
				w, err := s.EndWindow(r.PathValue("id"))
				return w, asked(err)
			})},
	}
}

// NewWindow is a maintenance window that somebody asks for.
type NewWindow struct {
	Subject string    `json:"subject"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Owner   string    `json:"owner,omitempty"` // "" is whoever asks
	Reason  string    `json:"reason"`
	Zone    string    `json:"zone,omitempty"`
}

// asked makes an error the asker's.
func asked(err error) error {
	if err == nil {
		return nil
	}
	return mistake(err.Error())
}

// AddWindow asks the collector that runs with stateDir to take a maintenance
// window.
func AddWindow(ctx context.Context, stateDir string, w site.Window) (got site.Window, err error) {
	n := NewWindow{Subject: w.Subject, From: w.From, To: w.To, Owner: w.Owner, Reason: w.Reason, Zone: w.Zone}
	return got, Call(ctx, stateDir, http.MethodPost, "api/v1/windows", n, &got)
}

// EndWindow asks the collector that runs with stateDir to end a maintenance
// window.
func EndWindow(ctx context.Context, stateDir, id string) (got site.Window, err error) {
	return got, Call(ctx, stateDir, http.MethodDelete, "api/v1/windows/"+url.PathEscape(id), nil, &got)
}
