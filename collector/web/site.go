package web

import (
	"cmp"
	"context"
	"fmt"
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
	// IncidentsOf returns what incidents tell of projects.
	IncidentsOf(ctx context.Context, sees func(project string) bool) ([]site.Incident, error)
	Incident(ctx context.Context, id string) (site.Incident, error)
	Windows() []site.Window
	AddWindow(site.Window) (site.Window, error)
	EndWindow(id string) (site.Window, error)
}

// siteRoutes are the routes of incidents and maintenance windows.
func siteRoutes(s SiteSource) []Route {
	const windows = "/api/v1/windows"
	return []Route{
		{Method: "GET", Path: "/api/v1/incidents", Needs: access.Scoped, Summary: "Incidents that are kept, also those of before a restart, the newest last, without their steps.", Answer: []site.Incident{},
			Serve: Answers(func(r *http.Request) (any, error) {
				all, err := incidents(s, r)
				return orEmpty(all), asked(err)
			})},
		{Method: "GET", Path: "/api/v1/incidents/{id}", Needs: access.Scoped, Audit: audit.Query, Summary: "One incident with its timeline; the beginning of its identity is enough.", Answer: site.Incident{},
			Serve: Answers(func(r *http.Request) (any, error) { return incidentOf(s, r, r.PathValue("id")) })},
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

// incidents returns what the person may see of them.
func incidents(s SiteSource, r *http.Request) ([]site.Incident, error) {
	p := access.Of(r.Context())
	if p.Role >= access.Viewer {
		all, err := s.Incidents(r.Context())
		for i := range all {
			fill(&all[i])
		}
		return all, err
	}
	all, err := s.IncidentsOf(r.Context(), p.Sees)
	for i := range all {
		all[i].Steps = nil
		fill(&all[i])
	}
	return all, err
}

// fill makes the lists of an incident that has none empty ones, as the document says.
func fill(i *site.Incident) {
	i.Alerts, i.Steps, i.Nodes = orEmpty(i.Alerts), orEmpty(i.Steps), orEmpty(i.Nodes)
}

// incidentOf returns what the person may see of one.
func incidentOf(s SiteSource, r *http.Request, id string) (any, error) {
	p := access.Of(r.Context())
	if p.Role >= access.Viewer {
		i, err := s.Incident(r.Context(), id)
		fill(&i)
		return i, asked(err)
	}
	all, err := s.IncidentsOf(r.Context(), p.Sees)
	for i := range all {
		if all[i].ID == id {
			fill(&all[i])
			return all[i], nil
		}
	}
	return nil, asked(cmp.Or(err, fmt.Errorf("incident %q: is none of yours that is kept", id)))
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
