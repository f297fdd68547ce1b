package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/care"
	"weir/collector/config"
	"weir/collector/store"
	"weir/collector/web"
	"weir/collector/web/access"
	"weir/detect"
)

// headEvery is how often the head of the alert history is logged, so that it
// leaves the machine with the log.
const headEvery = time.Hour

// alertHistory keeps every change of every alert in the state file. All methods
// may be called on nil, which does nothing.
type alertHistory struct {
	kept  *store.AlertLog
	cared *care.Book
	dir   string
	log   zerolog.Logger

	quiet bool             // the directory does not outlive the process
	send  func(store.Head) // tells sinks of a head

	background
	once sync.Once
}

// newAlertHistory returns what keeps alerts, nil where history is off. The state
// file is open.
func newAlertHistory(cfg *config.Config, io IO) (*alertHistory, error) {
	if cfg.History.Off {
		return nil, nil
	}
	log := io.Log
	bounds := cfg.HistoryBounds()
	h := &alertHistory{dir: cfg.StateDir, log: log, quiet: io.Forget}
	var err error
	h.kept, err = store.OpenAlertLog(cfg.StateDir, store.AlertLogConfig{
		MaxBytes: int64(bounds.Alerts) - int64(bounds.Alerts)/incidentShare, MaxAge: bounds.AlertsAge, EvidenceAge: bounds.EvidenceAge,
		Report: func(err error) {
			if err != nil {
				log.Error().Err(err).Msg("alert history waits for the disk")
				return
			}
			log.Info().Msg("alert history is written again")
		},
	})
	if err != nil {
		return h, err
	}
	if h.cared, err = store.ReadCare(context.Background(), cfg.StateDir); err != nil {
		return h, errors.Join(err, h.kept.Close())
	}
	return h, nil
}

// put takes a change of an alert. It never waits.
func (h *alertHistory) put(a *detect.Alert) {
	if h != nil {
		h.kept.Put(a)
	}
}

// start begins to write; send is told the head of the history each hour.
func (h *alertHistory) start(send func(store.Head)) {
	if h == nil {
		return
	}
	h.send = send
	h.run(h.kept.Run, func(ctx context.Context) {
		t := time.NewTicker(headEvery)
		defer t.Stop()
		for {
			if head, ok := h.tellHead(); ok {
				h.send(head)
			}
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
		}
	})
}

// tellHead logs what `weir verify --heads` reads, once there is something.
func (h *alertHistory) tellHead() (store.Head, bool) {
	st := h.kept.Stats()
	if st.Head.N == 0 || h.quiet {
		return st.Head, false
	}
	h.log.Info().Stringer("head", st.Head).Stringer("from", st.From).Msg("alert history")
	return st.Head, true
}

// close writes what waits and tells the last head. It may be called twice.
func (h *alertHistory) close() {
	if h == nil || h.kept == nil {
		return
	}
	h.once.Do(func() {
		if h.end() {
			h.tellHead()
		}
		if err := h.kept.Close(); err != nil {
			h.log.Error().Err(err).Msg("alert history could not be closed")
		}
	})
}

// addTo adds the history of alerts to the status.
func (h *alertHistory) addTo(s *web.Status) {
	if h == nil {
		return
	}
	st := h.kept.Stats()
	s.AlertHead = st.Head.String()
	s.Components = append(s.Components, web.Component{Name: "alert_history", Ready: true, Detail: st.Err})
	s.Bounds = append(s.Bounds,
		web.Bound{Name: "history_alert_bytes", Used: int(st.Bytes), Limit: int(st.MaxBytes)},
		web.Bound{Name: "history_alert_queue", Used: st.Queued, Limit: st.Limit, Refused: st.Lost})
}

// AlertHistory implements web.PageSource.
func (a *app) AlertHistory(ctx context.Context, v url.Values) (any, error) {
	if a.alertHistory == nil {
		return nil, errHistoryOff
	}
	ask := store.AlertAsk{
		From: cmp.Or(v.Get("from"), "-1d"), To: cmp.Or(v.Get("to"), "now"), Kind: v.Get("kind"), Severity: v.Get("severity"),
		Change: v.Get("change"), Subject: v.Get("subject"), ID: v.Get("id"), Limit: maxAnswer,
	}
	var err error
	if t := v.Get("limit"); t != "" {
		if ask.Limit, err = strconv.Atoi(t); err != nil || ask.Limit < 1 || ask.Limit > maxAnswer {
			return nil, asked(fmt.Errorf("limit %q: write a number from 1 to %d", t, maxAnswer))
		}
	}
	q, err := ask.Query(time.Now())
	if err != nil {
		return nil, asked(err)
	}
	who := access.Of(ctx)
	if who.Role == access.Scoped {
		q.Projects = who.Projects
	}
	answer, err := store.QueryAlerts(ctx, a.alertHistory.dir, q)
	if err != nil {
		return nil, err
	}
	if who.Role == access.Scoped {
		answer.Keep(&q, who.Sees)
	}
	return answer, nil
}
