package site

import (
	"strings"
	"time"

	"weir/detect"
)

// Window is planned work: alerts about what it covers wait for its end, unless
// they are of tampering or a flush.
type Window struct {
	ID      string    `json:"id"`
	Subject string    `json:"subject"` // name or address of a node, NODE/PART for a part of it, or * for all
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Owner   string    `json:"owner"`
	Reason  string    `json:"reason"`
	Zone    string    `json:"zone,omitempty"` // IANA name of the zone that its times were given in
}

// Holds reports whether the alert is to wait at a time: it is about what the
// window covers, or about something below that.
func (w *Window) Holds(a *detect.Alert, now time.Time) bool {
	if now.Before(w.From) || !now.Before(w.To) || a.Kind == TelemetryTampered || a.Kind == RulesFlushed {
		return false
	}
	s, ok := a.Subject.(*Subject)
	if !ok || s.Node == "" {
		return false
	}
	e, _ := a.Evidence.(*Evidence)
	node, part, whole := strings.Cut(w.Subject, "/")
	switch {
	case w.Subject == "*":
		return true
	case node != s.Node && node != s.Agent.String() && node != s.Source.String():
		return false
	case !whole || part == s.Name || part == s.UUID:
		return true
	}
	return e != nil && e.Part == part // a port or an instance of that bridge
}
