package site

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"weir/detect"
)

// Kinds of conditions.
const (
	BridgeDown          detect.Kind = "bridge_down"
	InstanceUnreachable detect.Kind = "instance_unreachable"
	InstanceStopped     detect.Kind = "instance_stopped"
	InstanceNoAddress   detect.Kind = "instance_no_address"
	RulesFlushed        detect.Kind = "rules_flushed"
	TelemetrySilent     detect.Kind = "telemetry_silent"
	TelemetryTampered   detect.Kind = "telemetry_tampered"
	NodeDown            detect.Kind = "node_down"
	HostRestarted       detect.Kind = "host_restarted"
	HostOverloaded      detect.Kind = "host_overloaded"
	ServiceChanged      detect.Kind = "service_changed"
	Login               detect.Kind = "login"
	DropsRising         detect.Kind = "drops_rising"
	InterfaceDown       detect.Kind = "interface_down"
	InterfaceErrors     detect.Kind = "interface_errors"
	CollectorDeaf       detect.Kind = "collector_deaf"
	CollectorOverloaded detect.Kind = "collector_overloaded"
	LogSilent           detect.Kind = "log_silent"
	Orphan              detect.Kind = "orphan"
	AgentMoved          detect.Kind = "agent_moved"
	PortGone            detect.Kind = "port_gone"
)

// Reasons why an alert of a condition ended that are not the data's.
const (
	ReasonAbsorbed = detect.ReasonAbsorbed // another alert tells of its cause
	ReasonGone     = "gone"                // what it was about was removed
)

// Types of subjects.
const (
	TypeNode      = "node"
	TypeWitness   = "witness" // one of several that speak for a node
	TypeBridge    = "bridge"
	TypeInterface = "interface"
	TypeInstance  = "instance"
	TypeFilter    = "filter"
	TypeService   = "service"
	TypeLog       = "log"
	TypeGroup     = "group" // nodes with a cause in common
	TypeLAG       = "lag"
	TypeVLAN      = "vlan"
	TypeNetwork   = "network" // a tenant's, by its name or VNI
	TypeRouter    = "router"
	TypeCollector = "collector"
)

// Subject is what a condition is about.
type Subject struct {
	Type    string     `json:"type"`
	Node    string     `json:"node,omitempty"`  // name of the node; its address while that is unknown
	Agent   netip.Addr `json:"agent,omitzero"`  // the node's sFlow agent
	Source  netip.Addr `json:"source,omitzero"` // where the agent's address names nobody
	Name    string     `json:"name,omitempty"`  // of the part of the node
	Label   string     `json:"label,omitempty"` // what others call an interface that does not say its name
	Alias   string     `json:"alias,omitempty"` // what the operator wrote about an interface
	IfIndex uint32     `json:"if_index,omitzero"`
	UUID    string     `json:"uuid,omitempty"` // of an instance
	MAC     string     `json:"mac,omitempty"`
	Address string     `json:"address,omitempty"`
	Project string     `json:"project,omitempty"`
}

// AppendCanonical implements detect.Subject. Names of nodes are learned later
// than their addresses, and so are words of others for interfaces: they are no part
// of it.
func (s *Subject) AppendCanonical(b []byte) []byte {
	b = append(append(b, s.Type...), ' ')
	if s.Type == TypeInstance && s.UUID != "" {
		return append(b, s.UUID...)
	}
	a := s.Agent
	if s.Source.IsValid() {
		a = s.Source
	}
	if a.IsValid() {
		b = append(a.AppendTo(b), ' ')
	}
	return append(b, s.Name...)
}

// Line implements detect.Subject: "br-int on cn7".
func (s *Subject) Line() string {
	on := ""
	if s.Node != "" {
		on = " on " + s.Node
	}
	switch s.Type {
	case TypeNode:
		if s.Agent.IsValid() && s.Node != s.Agent.String() {
			return s.Node + " (" + s.Agent.String() + ")"
		}
		return s.Node
	case TypeInstance:
		t := s.Name
		if s.Project != "" {
			t += " of " + s.Project
		}
		return t + on
	case TypeCollector, TypeGroup:
		return s.Name
	}
	return titled(cmp.Or(s.Label, s.Name), s.Alias) + on
}

// Witnesses that evidence comes from.
const (
	Passive = "passive"
	Agent   = "agent"
	Both    = "both"
)

// Noted is one fact that a finding rests on.
type Noted struct {
	At       detect.Time `json:"at"`                 // first seen bad
	LastGood detect.Time `json:"last_good,omitzero"` // last seen good before
	What     string      `json:"what"`               // in words
	From     string      `json:"from,omitempty"`     // who said so
	Group    string      `json:"group,omitempty"`    // facts of one group count once
	Before   string      `json:"before,omitempty"`
	After    string      `json:"after,omitempty"`
	Weight   float64     `json:"weight,omitempty"` // log likelihood ratio, nats

	Of NotedOf `json:"-"` // for the detector that notes it anew with every look
}

// NotedOf tells facts of one finding apart; most need not be.
type NotedOf uint8

// ofPolls is how often interfaces are polled, beside what came before.
const ofPolls NotedOf = 1

// Child is an effect that an alert tells of.
type Child struct {
	Kind    detect.Kind `json:"kind"`
	Subject Subject     `json:"subject"`
	Since   detect.Time `json:"since"`
	Line    string      `json:"line"`
}

// rank orders effects: nodes come before what is on them.
func (c Child) rank() int {
	if c.Subject.Type == TypeNode {
		return 0
	}
	return 1
}

// maxChildren are the effects listed in an alert; all are counted.
const maxChildren = 200

// Evidence is what an alert of a condition rests on.
type Evidence struct {
	Summary    string      `json:"summary"`
	Cause      string      `json:"cause,omitempty"`
	Witness    string      `json:"witness"`
	Confidence float64     `json:"confidence"` // probability that the condition is true
	Since      detect.Time `json:"since"`      // the earliest that is certain to be bad
	LastGood   detect.Time `json:"last_good,omitzero"`
	Facts      []Noted     `json:"facts"`
	Children   []Child     `json:"children,omitempty"`
	Affected   int         `json:"affected,omitempty"` // effects in all
	Flaps      int         `json:"flaps,omitempty"`
	Part       string      `json:"part,omitempty"`  // bridge that the subject belongs to
	Blind      string      `json:"blind,omitempty"` // what could not be observed
}

// Line implements detect.Evidence.
func (e *Evidence) Line() string {
	t := e.Summary
	if e.Affected > 0 {
		t += "; with it " + affected(e.Children, e.Affected)
	}
	if e.Cause != "" {
		t += "; cause: " + e.Cause
	}
	if e.Flaps > 0 {
		t += "; " + strconv.Itoa(e.Flaps) + " times"
	}
	if e.Blind != "" {
		t += "; " + e.Blind
	}
	return t
}

// affected says how many of what: "14 instances unreachable, 1 interface down".
func affected(c []Child, n int) string {
	var order []detect.Kind
	counts := map[detect.Kind]int{}
	for i := range c {
		if counts[c[i].Kind] == 0 {
			order = append(order, c[i].Kind)
		}
		counts[c[i].Kind]++
	}
	if len(order) == 1 {
		counts[order[0]] = n
	}
	var parts []string
	nodes := len(c) > 0 // whose telemetry is silent, not one witness's
	for i := range c {
		nodes = nodes && (c[i].Kind != TelemetrySilent || c[i].Subject.Type == TypeNode)
	}
	for _, k := range order {
		if k == TelemetrySilent && nodes {
			parts = append(parts, many(counts[k], "node")+" silent")
			continue
		}
		parts = append(parts, plural(counts[k], k))
	}
	if len(order) > 1 && n > len(c) {
		parts = append(parts, strconv.Itoa(n-len(c))+" more")
	}
	return strings.Join(parts, ", ")
}

// plural writes "3 instances unreachable".
func plural(n int, k detect.Kind) string {
	noun, rest, _ := strings.Cut(string(k), "_")
	text := many(n, noun)
	if k == TelemetrySilent || k == TelemetryTampered { // telemetry has no plural
		if text = "1 witness"; n != 1 {
			text = strconv.Itoa(n) + " witnesses"
		}
	}
	return strings.TrimSpace(text + " " + strings.ReplaceAll(rest, "_", " "))
}

// many writes "1 port" or "3 ports".
func many(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func at(ns int64) detect.Time {
	if ns == 0 {
		return detect.Time{}
	}
	return detect.Time(time.Unix(0, ns).UTC())
}

// when is at for functions that have an at of their own.
func when(ns int64) detect.Time { return at(ns) }
