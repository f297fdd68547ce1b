package web

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"weir/collector/agents"
	"weir/collector/care"
	"weir/collector/web/access"
	"weir/collector/web/audit"
	"weir/detect"
)

// pageFiles is what of the page is served; make page builds app.js from page/src.
//
//go:embed page/index.html page/style.css page/app.js
var pageFiles embed.FS

// PageSource is what the page shows beside the status.
type PageSource interface {
	Source
	// AlertList returns the open alerts and the last that ended.
	AlertList() []*AlertView
	// Flows answers a question to the history. The error is the asker's where
	// it is an *AskError.
	Flows(ctx context.Context, v url.Values) (any, error)
	// AlertHistory answers which alerts changed, as Flows does.
	AlertHistory(ctx context.Context, v url.Values) (any, error)
}

// AskError says what is wrong with a question.
type AskError struct {
	Problem string   `json:"problem"`
	Offset  int      `json:"offset"`         // of what is meant, in the filter's octets; -1 elsewhere
	End     int      `json:"end,omitempty"`  // of it
	Fits    []string `json:"fits,omitempty"` // words that would be right there
}

// Error is the problem.
func (e *AskError) Error() string { return e.Problem }

// AlertView is an alert for people.
type AlertView struct {
	ID       string          `json:"id"`
	Incident string          `json:"incident,omitempty"` // that it belongs to
	At       time.Time       `json:"at"`                 // of its newest change
	Started  time.Time       `json:"started"`            // of its first
	Ended    *time.Time      `json:"ended,omitempty"`
	Kind     string          `json:"kind"`
	State    string          `json:"state"`
	Severity string          `json:"severity"`
	Line     string          `json:"line"`
	Care     *care.Care      `json:"care,omitempty"`     // what people did about it
	Affected int             `json:"affected,omitempty"` // effects that it tells of
	Alert    json.RawMessage `json:"alert,omitempty"`    // not in what is live
}

// weight is how much an alert is to be looked at: what is open more than all that ended.
func (a *AlertView) weight() int {
	w := slices.Index([]string{string(detect.Info), string(detect.Warning), string(detect.Critical)}, a.Severity)
	if a.Ended == nil {
		w += 4
	}
	return w
}

// Link is a loaded interface.
type Link struct {
	Agent string  `json:"agent"`
	Name  string  `json:"name"`
	Speed uint64  `json:"speed"` // bit/s; 0 unknown
	In    float64 `json:"in"`    // bit/s
	Out   float64 `json:"out"`
	Load  float64 `json:"load"` // of the speed, the greater direction; -1 unknown
}

// Live is what the page is told every second.
type Live struct {
	At      time.Time    `json:"at"`
	Rate    float64      `json:"datagrams_per_second"`
	Lost    float64      `json:"loss_percent"`
	Agents  int          `json:"agents"`
	Silent  []string     `json:"silent"` // agents not heard for a minute, some
	Top     *detect.Top  `json:"top"`    // flows of the last second
	Links   []Link       `json:"links"`  // the most loaded
	Alerts  []*AlertView `json:"alerts"` // the gravest, at most 100
	Total   int          `json:"alerts_total"`
	Open    int          `json:"incidents_open"` // of all alerts
	Dropped uint64       `json:"socket_dropped"`
}

const (
	linksShown   = 12
	silentShown  = 20
	alertsShown  = 100
	FlowsShown   = 10
	silentAfter  = time.Minute
	maxLive      = 16 // pages that look on at once
	queryTime    = 20 * time.Second
	maxQueries   = 2
	FlowKey      = "src,dst,proto,src_port,dst_port"
	contentRules = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// addPage adds the page. It shows nothing by itself, and is for those who may ask
// for something.
func addPage(mux *http.ServeMux, o Options) {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // it is embedded
	}
	static := http.FileServerFS(files)
	mux.Handle("GET /{$}", o.known(guarded(static)))
	mux.Handle("GET /page/", o.known(http.StripPrefix("/page/", guarded(static))))
}

// pageRoutes are what the page asks for.
func pageRoutes(s PageSource) []Route {
	queries, looking := make(chan struct{}, maxQueries), make(chan struct{}, maxLive)
	flowParams := []Param{
		{Name: "from", Says: "start, such as -1h, 15:04 or 2026-01-31T15:04:05Z"}, {Name: "to", Says: "end, not included"},
		{Name: "filter", Says: "as in weir query flows"}, {Name: "by", Says: "keys to group by, with commas"}, {Name: "order", Says: "what to order by"},
		{Name: "top", Says: "so many rows", Example: 20}, {Name: "add", Says: "add up the vantages instead of taking the best", Example: false},
		{Name: "step", Says: "length of the parts of a time series, such as 1m"}, {Name: "samples", Says: "read the samples, never rollups", Example: false},
	}
	alertParams := []Param{
		{Name: "from", Says: "start"}, {Name: "to", Says: "end, not included"}, {Name: "kind", Says: "kinds, with commas"},
		{Name: "severity", Says: "info, warning, critical, with commas"}, {Name: "change", Says: "start, update, end and what people did, with commas"},
		{Name: "subject", Says: "text in the alert's line or subject"}, {Name: "id", Says: "of the alert, or of the incident that it belongs to, or its beginning"}, {Name: "limit", Says: "the newest so many", Example: 100},
	}
	return slices.Concat([]Route{
		{Method: "GET", Path: "/api/v1/agents", Needs: access.Viewer, Summary: "Agents with sub-agents, data sources, interfaces and hosts.", Answer: []*agents.AgentInfo{},
			Serve: Answers(func(*http.Request) (any, error) { return orEmpty(s.Agents()), nil })},
		{Method: "GET", Path: "/api/v1/alerts", Needs: access.Scoped, Summary: "Open alerts, then the last that ended, each the newest first.", Answer: []*AlertView{},
			Serve: Answers(func(r *http.Request) (any, error) { return orEmpty(seen(access.Of(r.Context()), s.AlertList())), nil })},
		{Method: "GET", Path: "/api/v1/top", Needs: access.Viewer, Audit: audit.Query, Summary: "The heaviest keys now, with error bounds.", Answer: []detect.Top{},
			Params: []Param{{Name: "key", Says: "of a definition; all without"}, {Name: "window", Says: "1s, 10s, 1m or 5m"}, {Name: "n", Says: "how many at most", Example: 10}},
			Serve: Answers(func(r *http.Request) (any, error) {
				q, err := parseTopQuery(r.URL.Query())
				if err != nil {
					return nil, mistake(err.Error())
				}
				tops, err := s.Top(q)
				if err != nil {
					return nil, mistake(err.Error())
				}
				return tops, nil
			})},
		{Method: "GET", Path: "/api/v1/flows", Needs: access.Viewer, Audit: audit.Query, Summary: "What flowed, from the history on disk, with error bounds.", Params: flowParams,
			Serve: func(w http.ResponseWriter, r *http.Request) { answerQuery(w, r, s.Flows, queries) }},
		{Method: "GET", Path: "/api/v1/alerts/history", Needs: access.Scoped, Audit: audit.Query, Summary: "Which alerts changed, in which order, and what people did about them.", Params: alertParams,
			Serve: func(w http.ResponseWriter, r *http.Request) { answerQuery(w, r, s.AlertHistory, queries) }},
		{Method: "GET", Path: "/api/v1/live", Needs: access.Viewer, Summary: "Server-sent events: what goes on, every second.", Type: "text/event-stream", Answer: Live{},
			Serve: func(w http.ResponseWriter, r *http.Request) { answerLive(w, r, s, looking) }},
	}, modelRoutes(s), agentRoutes(s), lookbackRoutes(s))
}

// guarded lets nothing run and nothing be asked that is not weir's own.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", contentRules)
		w.Header().Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// answerQuery asks the history.
func answerQuery(w http.ResponseWriter, r *http.Request, ask func(context.Context, url.Values) (any, error), room chan struct{}) {
	select {
	case room <- struct{}{}:
		defer func() { <-room }()
	default:
		refuse(w, NewProblem(http.StatusTooManyRequests, "other queries are being answered; ask again in a moment"))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), queryTime)
	defer cancel()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(queryTime + 10*time.Second)) // else the server's holds
	answer, err := ask(ctx, r.URL.Query())
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		refuse(w, NewProblem(http.StatusServiceUnavailable, "took longer than 20 s: ask for less time, or use `weir query`"))
	case err != nil:
		refuse(w, err)
	default:
		writeJSON(w, http.StatusOK, answer)
	}
}

// answerLive sends an event every second for as long as the page looks.
func answerLive(w http.ResponseWriter, r *http.Request, s PageSource, room chan struct{}) {
	select {
	case room <- struct{}{}:
		defer func() { <-room }()
	default:
		refuse(w, NewProblem(http.StatusTooManyRequests, "too many pages look on"))
		return
	}
	out := newStream(w)
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		b, err := json.Marshal(live(s))
		if err != nil {
			return
		}
		if out.say("data: "+string(b)+"\n\n") != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-t.C:
		}
	}
}

// live gathers what the page is told.
func live(s PageSource) *Live {
	st := s.Status()
	l := &Live{
		At: st.At, Rate: st.DatagramsPerSecond, Lost: st.LossPercent, Agents: st.Agents, Dropped: st.SocketDropped,
		Silent: []string{}, Links: []Link{}, Alerts: []*AlertView{},
	}
	all := s.AlertList()
	l.Total, l.Open = len(all), incidentsOpen(all)
	if len(all) > alertsShown { // a storm of small ones must not hide what is grave
		all = slices.Clone(all)
		slices.SortStableFunc(all, func(x, y *AlertView) int { return cmp.Compare(y.weight(), x.weight()) })
		all = all[:alertsShown]
	}
	for _, a := range all {
		short := *a
		short.Alert = nil
		l.Alerts = append(l.Alerts, &short)
	}
	if tops, err := s.Top(TopQuery{Key: FlowKey, Window: time.Second, N: FlowsShown}); err == nil && len(tops) > 0 {
		l.Top = &tops[0]
	}
	for _, a := range s.Agents() {
		name := cmp.Or(a.Name, a.Agent.String())
		if st.At.Sub(a.LastHeard) > silentAfter && len(l.Silent) < silentShown {
			l.Silent = append(l.Silent, name)
		}
		for i := range a.Interfaces {
			l.Links = loaded(l.Links, name, &a.Interfaces[i])
		}
	}
	return l
}

// incidentsOpen counts the incidents of which an alert has not ended.
func incidentsOpen(all []*AlertView) int {
	open := map[string]struct{}{}
	for _, a := range all {
		if a.Ended == nil {
			open[cmp.Or(a.Incident, a.ID)] = struct{}{}
		}
	}
	return len(open)
}

// loaded takes an interface in among the most loaded, where it is one of them.
func loaded(all []Link, agent string, f *agents.InterfaceInfo) []Link {
	k := Link{Agent: agent, Speed: f.Speed, In: max(0, float64(f.In.BitsPerSecond)), Out: max(0, float64(f.Out.BitsPerSecond)), Load: -1}
	most := max(k.In, k.Out)
	if most == 0 {
		return all
	}
	if f.Speed > 0 {
		k.Load = most / float64(f.Speed)
	}
	heavier := func(a, b *Link) int {
		return cmp.Or(cmp.Compare(b.Load, a.Load), cmp.Compare(max(b.In, b.Out), max(a.In, a.Out)))
	}
	if n := len(all); n == linksShown && heavier(&k, &all[n-1]) >= 0 {
		return all
	}
	k.Name = cmp.Or(f.Name, "ifIndex "+strconv.FormatUint(uint64(f.Index), 10))
	at, _ := slices.BinarySearchFunc(all, k, func(a, b Link) int {
		return cmp.Or(heavier(&a, &b), cmp.Compare(a.Agent+a.Name, b.Agent+b.Name))
	})
	all = slices.Insert(all, at, k)
	return all[:min(len(all), linksShown)]
}
