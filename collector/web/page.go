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

	"weir/detect"
)

//go:embed page
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
	Affected int             `json:"affected,omitempty"` // effects that it tells of
	Alert    json.RawMessage `json:"alert,omitempty"`    // not in what is live
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
	Alerts  []*AlertView `json:"alerts"`
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

// addPage adds the page and what it asks for.
func addPage(mux *http.ServeMux, s PageSource) {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // it is embedded
	}
	static := http.FileServerFS(files)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", contentRules)
		static.ServeHTTP(w, r)
	})
	mux.Handle("GET /page/", http.StripPrefix("/page/", static))
	mux.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Status()) })
	mux.HandleFunc("GET /api/v1/agents", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, orEmpty(s.Agents())) })
	mux.HandleFunc("GET /api/v1/alerts", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, orEmpty(s.AlertList())) })
	mux.HandleFunc("GET /api/v1/top", func(w http.ResponseWriter, r *http.Request) { answerTop(w, r, s) })
	addModel(mux, s)
	addAgents(mux, s)
	addLookback(mux, s)
	queries := make(chan struct{}, maxQueries)
	mux.HandleFunc("GET /api/v1/flows", func(w http.ResponseWriter, r *http.Request) { answerQuery(w, r, s.Flows, queries) })
	mux.HandleFunc("GET /api/v1/alerts/history", func(w http.ResponseWriter, r *http.Request) { answerQuery(w, r, s.AlertHistory, queries) })
	looking := make(chan struct{}, maxLive)
	mux.HandleFunc("GET /api/v1/live", func(w http.ResponseWriter, r *http.Request) { answerLive(w, r, s, looking) })
}

// answerQuery asks the history.
func answerQuery(w http.ResponseWriter, r *http.Request, ask func(context.Context, url.Values) (any, error), room chan struct{}) {
	select {
	case room <- struct{}{}:
		defer func() { <-room }()
	default:
		http.Error(w, "other queries are being answered; ask again in a moment", http.StatusTooManyRequests)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), queryTime)
	defer cancel()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(queryTime + 10*time.Second)) // else the server's holds
	answer, err := ask(ctx, r.URL.Query())
	var mistake *AskError
	switch {
	case errors.As(err, &mistake):
		writeJSON(w, http.StatusBadRequest, mistake)
	case errors.Is(err, context.DeadlineExceeded):
		writeJSON(w, http.StatusServiceUnavailable, &AskError{Problem: "took longer than 20 s: ask for less time, or use `weir query`", Offset: -1})
	case err != nil:
		writeJSON(w, http.StatusInternalServerError, &AskError{Problem: err.Error(), Offset: -1})
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
		http.Error(w, "too many pages look on", http.StatusTooManyRequests)
		return
	}
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		b, err := json.Marshal(live(s))
		if err != nil {
			return
		}
		// A client that does not read is let go.
		if out.SetWriteDeadline(time.Now().Add(5*time.Second)) != nil {
			return
		}
		if _, err := w.Write(slices.Concat([]byte("data: "), b, []byte("\n\n"))); err != nil {
			return
		}
		if out.Flush() != nil {
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
	for _, a := range all[:min(len(all), alertsShown)] {
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
			f := &a.Interfaces[i]
			k := Link{Agent: name, Name: cmp.Or(f.Name, "ifIndex "+strconv.FormatUint(uint64(f.Index), 10)), Speed: f.Speed, In: max(0, float64(f.In.BitsPerSecond)), Out: max(0, float64(f.Out.BitsPerSecond)), Load: -1}
			if most := max(k.In, k.Out); most > 0 {
				if f.Speed > 0 {
					k.Load = most / float64(f.Speed)
				}
				l.Links = append(l.Links, k)
			}
		}
	}
	slices.SortFunc(l.Links, func(a, b Link) int {
		return cmp.Or(cmp.Compare(b.Load, a.Load), cmp.Compare(max(b.In, b.Out), max(a.In, a.Out)), cmp.Compare(a.Agent+a.Name, b.Agent+b.Name))
	})
	l.Links = l.Links[:min(len(l.Links), linksShown)]
	return l
}
