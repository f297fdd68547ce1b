package detect

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"weir/detect/largeflow"
)

// LinkSubject is the subject of a link_saturated alert: an interface in one
// direction.
type LinkSubject struct {
	Agent         netip.Addr `json:"agent"`
	AgentName     string     `json:"agent_name,omitempty"`
	Interface     uint32     `json:"interface"`
	InterfaceName string     `json:"interface_name,omitempty"`
	Alias         string     `json:"interface_alias,omitempty"` // what the operator wrote about it
	Direction     string     `json:"direction"`                 // in, out
}

func (e *Engine) linkSubject(k linkKey) *LinkSubject {
	s := &LinkSubject{Interface: k.iface, InterfaceName: e.names.Interface(k.agent, k.iface), Alias: e.names.Alias(k.agent, k.iface), Direction: "in"}
	s.Agent, s.AgentName = e.names.Agent(k.agent)
	if k.out {
		s.Direction = "out"
	}
	return s
}

// AppendCanonical implements Subject.
func (s *LinkSubject) AppendCanonical(b []byte) []byte {
	b = append(s.Agent.AppendTo(b), ' ')
	b = append(strconv.AppendUint(b, uint64(s.Interface), 10), ' ')
	return append(b, s.Direction...)
}

// Line implements Subject: "leaf1 Ethernet12 out".
func (s *LinkSubject) Line() string {
	agent := s.AgentName
	if agent == "" && s.Agent.IsValid() {
		agent = s.Agent.String()
	}
	return strings.TrimSpace(agent + " " + portText(s.InterfaceName, s.Alias, s.Interface) + " " + s.Direction)
}

// LinkEvidence is what a link_saturated alert rests on: the interface's own
// counters, and the large flows that pass it.
type LinkEvidence struct {
	BitsPerSecond Uint64     `json:"bits_per_second"` // by the newest counters
	Speed         Uint64     `json:"interface_speed"`
	Utilisation   float64    `json:"utilisation"` // of the speed
	Peak          Uint64     `json:"peak_bits_per_second"`
	Discards      float64    `json:"discards_per_second"`
	ByDiscards    bool       `json:"by_discards,omitempty"` // it discards though it is not full on average
	Seconds       float64    `json:"seconds"`               // since the first counters that said so
	Flows         []LinkFlow `json:"flows"`                 // large flows that pass it, the largest first
}

// LinkFlow is one large flow that passes a link.
type LinkFlow struct {
	Flow          *FlowSubject `json:"flow"`
	BitsPerSecond Uint64       `json:"bits_per_second"`
	Low           Uint64       `json:"low"`
	High          Uint64       `json:"high"`
	// Usual says that between these networks, to this service, a flow is large
	// on this link at this hour of the day (UTC), as on three of the last seven
	// days.
	Usual bool `json:"usual_at_this_hour,omitempty"`
}

// Line implements Evidence: "9.6 of 10 Gbit/s (96 %) for 60 s, 120 discards/s;
// largest flow 6.1 Gbit/s 10.0.0.5:443 → 10.0.1.9:51332 TCP".
func (e *LinkEvidence) Line() string {
	line := fmt.Sprintf("%s of %s (%.0f %%) for %.0f s", largeflow.BitRate(round3(float64(e.BitsPerSecond))), largeflow.BitRate(float64(e.Speed)), 100*e.Utilisation, e.Seconds)
	if e.Discards > 0 {
		line += fmt.Sprintf(", %.0f discards/s", e.Discards)
	}
	if len(e.Flows) > 0 {
		f := &e.Flows[0]
		line += "; largest flow " + largeflow.BitRate(round3(float64(f.BitsPerSecond))) + " " + f.Flow.Line()
		if f.Usual {
			line += ", usual at this hour"
		}
	}
	return line
}

// round3 keeps three digits.
func round3(v float64) float64 {
	f, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	return f
}
