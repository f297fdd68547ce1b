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
	Subject string    `json:"subject"` // name or address of a node, NODE/PART for a part of it, vlan/ID, network/vni-ID, router/MAC, or * for all
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Owner   string    `json:"owner"`
	Reason  string    `json:"reason"`
	Zone    string    `json:"zone,omitempty"` // IANA name of the zone that its times were given in
}

// common is how a window names what instances have in common: vlan/100,
// network/vni-4711, network/NAME, router/MAC; "" for anything else.
func (s *Subject) common() string {
	switch s.Type {
	case TypeVLAN:
		return "vlan/" + strings.TrimPrefix(s.Name, "VLAN ")
	case TypeNetwork:
		if id, ok := strings.CutPrefix(s.Name, "VNI "); ok {
			return "network/vni-" + id
		}
		return "network/" + strings.TrimPrefix(s.Name, "network ")
	case TypeRouter:
		return "router/" + s.MAC
	}
	return ""
}

// Holds reports whether the alert is to wait at a time: it is about what the
// window covers, or about something below that.
func (w *Window) Holds(a *detect.Alert, now time.Time) bool {
	if now.Before(w.From) || !now.Before(w.To) || a.Kind == TelemetryTampered || a.Kind == RulesFlushed {
		return false
	}
	s, ok := a.Subject.(*Subject)
	if !ok || s.Type == TypeCollector {
		return false
	}
	if c := s.common(); w.Subject == "*" || c != "" && w.Subject == c {
		return true
	}
	if s.Node == "" {
		return false
	}
	e, _ := a.Evidence.(*Evidence)
	node, part, whole := strings.Cut(w.Subject, "/")
	switch {
	case node != s.Node && node != s.Agent.String() && node != s.Source.String():
		return false
	case !whole || part == s.Name || part == s.UUID || s.Label != "" && part == s.Label:
		return true
	}
	return e != nil && e.Part == part // a port or an instance of that bridge
}
