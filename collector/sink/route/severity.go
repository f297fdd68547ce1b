package route

import (
	"time"

	"weir/detect"
)

// Case is a kind of alert, or one of the two weights that a kind can have.
type Case struct {
	Name string
	Kind detect.Kind
	Base detect.Severity // as the detectors say; "" is any
	Level
}

// Level is what an alert weighs, and how long it must last before it pages.
type Level struct {
	Severity detect.Severity
	Delay    time.Duration
}

// String writes the level as in the configuration: "critical after 30s".
func (l Level) String() string {
	if l.Delay == 0 {
		return string(l.Severity)
	}
	return string(l.Severity) + " after " + l.Delay.String()
}

// Cases returns every case with its default level. Alerts of the operator's
// rules have the severity of their rule.
func Cases() []Case {
	const info, warning, critical = detect.Info, detect.Warning, detect.Critical
	c := func(name string, kind detect.Kind, base, severity detect.Severity, delay time.Duration) Case {
		return Case{name, kind, base, Level{severity, delay}}
	}
	return []Case{
		c("large_flow", detect.LargeFlow, "", info, 0),
		c("link_saturated", detect.LinkSaturated, "", warning, 0),
		c("flood", detect.Flood, warning, warning, 0),
		c("flood_saturating", detect.Flood, critical, critical, 0),
		c("scan", detect.Scan, info, info, 0),
		c("scan_internal", detect.Scan, warning, warning, 0),
		c("bridge_down", "bridge_down", critical, critical, 0),
		c("bridge_forwarding", "bridge_down", warning, warning, 0),
		c("node_down", "node_down", "", critical, 30*time.Second),
		c("instance_unreachable", "instance_unreachable", warning, warning, 0),
		c("instances_unreachable", "instance_unreachable", critical, critical, 0),
		c("instance_stopped", "instance_stopped", warning, warning, 0),
		c("instance_stopped_by_person", "instance_stopped", info, info, 0),
		c("instance_no_address", "instance_no_address", "", warning, 0),
		c("rules_flushed", "rules_flushed", critical, critical, 0),
		c("rules_flushed_by_effects", "rules_flushed", warning, warning, 0),
		c("telemetry_silent", "telemetry_silent", warning, warning, 0),
		c("telemetry_silent_host_up", "telemetry_silent", critical, critical, 0),
		c("telemetry_tampered", "telemetry_tampered", warning, warning, 0),
		c("telemetry_tampered_proven", "telemetry_tampered", critical, critical, 0),
		c("host_restarted", "host_restarted", warning, warning, 0),
		c("host_restarted_announced", "host_restarted", info, info, 0),
		c("host_overloaded", "host_overloaded", "", warning, 0),
		c("service_changed", "service_changed", warning, warning, 0),
		c("service_changed_now", "service_changed", info, info, 0),
		c("login", "login", "", info, 0),
		c("log_silent", "log_silent", "", warning, 0),
		c("drops_rising", "drops_rising", "", warning, 0),
		c("interface_down", "interface_down", warning, warning, 0),
		c("interface_down_member", "interface_down", info, info, 0),
		c("interface_errors", "interface_errors", "", warning, 0),
		c("agent_moved", "agent_moved", "", info, 0),
		c("port_gone", "port_gone", "", info, 0),
		c("orphan", "orphan", "", info, 0),
		c("collector_deaf", CollectorDeaf, "", critical, 0),
		c("collector_overloaded", CollectorOverloaded, "", critical, 0),
	}
}

// Table gives alerts their severity and page delay.
type Table map[weight]Level

type weight struct {
	kind detect.Kind
	base detect.Severity
}

// NewTable returns the table of all cases, with the levels named in place of
// the defaults.
func NewTable(levels map[string]Level) Table {
	t := Table{}
	for _, c := range Cases() {
		if l, ok := levels[c.Name]; ok {
			c.Level = l
		}
		t[weight{c.Kind, c.Base}] = c.Level
	}
	return t
}

// Apply gives the alert the severity of the table, in place of the detector's.
// It returns how long the alert must last before it pages.
func (t Table) Apply(a *detect.Alert) time.Duration {
	l, ok := t[weight{a.Kind, a.Severity}]
	if !ok {
		l, ok = t[weight{a.Kind, ""}]
	}
	if !ok {
		return 0 // a rule, or a kind that is not known: as the detector says
	}
	a.Severity = l.Severity
	return l.Delay
}
