package collector

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/collector/care"
	"weir/collector/store"
	"weir/collector/web"
	"weir/collector/web/access"
	"weir/collector/web/audit"
)

// careTime bounds how long whoever did something waits for the disk.
const careTime = 5 * time.Second

// book is what people did; nil without history.
func (h *alertHistory) book() *care.Book {
	if h == nil {
		return nil
	}
	return h.cared
}

// deed does something about an alert or an incident, and keeps it.
func (h *alertHistory) deed(ctx context.Context, about store.AlertChange, d care.Deed) error {
	h.cared.Add(about.ID, d)
	ctx, cancel := context.WithTimeout(ctx, careTime)
	defer cancel()
	return h.kept.Deed(ctx, about, d)
}

// findAlert returns the alert with an identity, or the only open one that begins so,
// else the only one shown: a condition that returns has the same beginning each time.
func (a *app) findAlert(ctx context.Context, id string) (store.AlertChange, error) {
	var open, shown []*web.AlertView
	for _, v := range a.board.list() {
		switch {
		case v.ID == id:
			return viewedChange(v)
		case !strings.HasPrefix(v.ID, id):
			continue
		case v.Ended == nil:
			open = append(open, v)
		}
		shown = append(shown, v)
	}
	if len(open) > 0 {
		shown = open
	}
	if len(shown) == 1 {
		return viewedChange(shown[0])
	}
	c := store.AlertChange{}
	if n := len(shown); n > 1 {
		newest := slices.MaxFunc(shown, func(x, y *web.AlertView) int { return x.Started.Compare(y.Started) })
		return c, fmt.Errorf("alert %q: %d begin so, the newest is %s; write all of it", id, n, newest.ID)
	}
	unknown := fmt.Errorf("alert %q: is none; `weir alert list` shows those that are open", id)
	onset, err := strconv.ParseInt(id[strings.LastIndexByte(id, '-')+1:], 10, 64)
	if err != nil {
		return c, unknown
	}
	c, found, err := store.FindAlert(ctx, a.alertHistory.dir, id, time.Unix(onset, 0))
	if err == nil && !found {
		err = unknown
	}
	return c, err
}

// viewedChange is an alert of the board as history would have it.
func viewedChange(v *web.AlertView) (store.AlertChange, error) {
	c := store.AlertChange{ID: v.ID, Kind: v.Kind, State: v.State, Severity: v.Severity, Line: v.Line, Incident: v.Incident}
	var a struct {
		Subject json.RawMessage `json:"subject"`
	}
	if err := json.Unmarshal(v.Alert, &a); err != nil {
		return c, fmt.Errorf("alert %s: %w", v.ID, err)
	}
	c.Subject = a.Subject
	return c, nil
}

// DeedAsk is what somebody wants done.
type DeedAsk struct {
	Note    string    `json:"note,omitempty"`
	Until   time.Time `json:"until,omitzero"`    // of a mute; or For
	For     string    `json:"for,omitempty"`     // of a mute, such as 2h
	Verdict string    `json:"verdict,omitempty"` // of a mark: useful or noise
}

// Done is what came of a DeedAsk.
type Done struct {
	ID   string     `json:"id"` // of the alert
	Line string     `json:"line"`
	Care *care.Care `json:"care"` // of the alert now; null where there is none
	Wait string     `json:"wait,omitempty"`
}

// MuteView is a mute in force.
type MuteView struct {
	Key string `json:"key"` // what the identities of its alerts begin with
	care.Deed
}

// careRoutes are what people do about alerts.
func (a *app) careRoutes() []web.Route {
	says := map[string]string{
		care.Ack:    "Say that somebody looks after an alert.",
		care.Unack:  "Take that back.",
		care.Mute:   "Let nobody be told of an alert and of its return until a time; it is recorded all the same, and sent where it is still open then.",
		care.Unmute: "End a mute now.",
		care.Mark:   "Say whether an alert was useful or noise, for `weir report`.",
	}
	var all []web.Route
	for _, do := range []string{care.Ack, care.Unack, care.Mute, care.Unmute, care.Mark} {
		all = append(all, web.Route{
			Method: "POST", Path: "/api/v1/alerts/{id}/" + do, Needs: access.Operator, Audit: audit.Change, Summary: says[do], Body: DeedAsk{}, Answer: Done{},
			Serve: web.Answers(func(r *http.Request) (any, error) {
				var ask DeedAsk
				if err := web.ReadBody(r, &ask); err != nil {
					return nil, err
				}
				return a.careFor(r.Context(), r.PathValue("id"), do, ask)
			}),
		})
	}
	return append(all, web.Route{
		Method: "GET", Path: "/api/v1/mutes", Needs: access.Viewer, Summary: "Mutes in force, the first to end first.", Answer: []MuteView{},
		Serve: web.Answers(func(*http.Request) (any, error) {
			mutes := []MuteView{}
			if b := a.alertHistory.book(); b != nil {
				for key, d := range b.Mutes(time.Now()) {
					mutes = append(mutes, MuteView{key, d})
				}
			}
			slices.SortFunc(mutes, func(x, y MuteView) int { return cmp.Or(x.Until.Compare(y.Until), cmp.Compare(x.Key, y.Key)) })
			return mutes, nil
		}),
	})
}

// careFor does what somebody asks for about an alert.
func (a *app) careFor(ctx context.Context, id, do string, ask DeedAsk) (any, error) {
	if a.alertHistory == nil {
		return nil, errNoHistory
	}
	now := time.Now()
	d := care.Deed{Do: do, At: now.UTC(), By: access.Of(ctx).Name, Note: ask.Note, Until: ask.Until.UTC(), Verdict: ask.Verdict}
	if ask.For != "" {
		long, err := time.ParseDuration(ask.For)
		if err != nil || !ask.Until.IsZero() {
			return nil, asked(fmt.Errorf("for %q: write a length of time such as 2h, and no until beside it", ask.For))
		}
		d.Until = now.Add(long).UTC()
	}
	if err := d.Check(now); err != nil {
		return nil, asked(err)
	}
	c, err := a.findAlert(ctx, id)
	if err != nil {
		return nil, asked(err)
	}
	done := Done{ID: c.ID, Line: c.Line}
	if err := a.alertHistory.deed(ctx, c, d); errors.Is(err, store.ErrWaits) {
		done.Wait = err.Error()
	} else if err != nil {
		return nil, err
	}
	a.log.Info().Str("id", c.ID).Str("by", d.By).Str("do", do).Msg("alert cared for")
	done.Care = a.alertHistory.book().Of(c.ID, now)
	return done, nil
}
