package site

import (
	"cmp"
	"fmt"
	"strings"

	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
	"weir/detect/site/silence"
)

// serviceSaid is a service that the host agent watches.
type serviceSaid struct {
	state   string
	stopped int64 // since when it is; 0 it is not, or was when we came
	before  string
	reason  string
}

// Times of services.
const (
	serviceGrace = 60 * second // a stop of so long is no restart
	serviceWait  = second      // a restart that takes less is one event
	serviceBoot  = 120 * second
)

// serviceEvent takes that a service was started or stopped.
func (s *Site) serviceEvent(n *node, f *fact.Fact, name, unit string) {
	x := s.service(n, unit)
	if x == nil {
		return
	}
	switch name {
	case witness.ServiceStarted:
		s.serviceStarted(n, unit, x, f)
		s.serviceState(n, unit, x, "active", f.At, true, "")
	case witness.ServiceStopped:
		s.serviceState(n, unit, x, "inactive", f.At, true, f.Detail.Text(witness.Reason))
	case witness.ServiceFailed:
		s.serviceState(n, unit, x, "failed", f.At, true, f.Detail.Text(witness.Reason))
	}
}

// serviceSaid takes the state of a service.
func (s *Site) serviceSaid(n *node, f *fact.Fact) {
	if x := s.service(n, f.Detail.Entity); x != nil {
		s.serviceState(n, f.Detail.Entity, x, f.Detail.Text(witness.State), f.At, false, "")
	}
}

func (s *Site) service(n *node, unit string) *serviceSaid {
	x := n.agentOf.services[unit]
	if x == nil {
		if unit == "" || len(n.agentOf.services) >= maxSaid {
			return nil
		}
		x = &serviceSaid{}
		n.agentOf.services[unit] = x
	}
	return x
}

func (s *Site) serviceState(n *node, unit string, x *serviceSaid, state string, ns int64, event bool, reason string) {
	entity := n.entity("service", unit)
	was := x.state
	x.state = state
	switch state {
	case "active", "activating", "reloading":
		x.stopped = 0
		s.unsay(ServiceChanged, entity, "it runs again")
	case "inactive", "failed", "deactivating":
		if was == "" && !event || was == state || x.stopped != 0 && state != "failed" {
			return // as it was when we came
		}
		if x.stopped == 0 {
			x.stopped = ns
		}
		x.before, x.reason = was, reason
		if n.stopping > s.now {
			return // the whole node stops, as was said
		}
		f := s.serviceFinding(n, unit, x)
		if state == "failed" {
			s.drop(ServiceChanged, entity, "")
			f.severity, f.summary = detect.Warning, "failed"
		}
		s.raise(n, f)
	}
}

func (s *Site) serviceFinding(n *node, unit string, x *serviceSaid) *finding {
	return &finding{
		kind: ServiceChanged, entity: n.entity("service", unit), subject: n.subject(TypeService, unit), severity: detect.Info, onset: x.stopped, witness: Agent,
		sure: 0.99, above: n.above(), hold: second, wait: serviceWait, summary: "stopped", cause: x.reason,
		facts: []Noted{{At: at(x.stopped), Group: "service", From: "weir-agent", What: "state of " + unit, Before: x.before, After: x.state}},
	}
}

// serviceStarted tells that a service was started, where its stop is not told, whose
// end says so.
func (s *Site) serviceStarted(n *node, unit string, x *serviceSaid, f *fact.Fact) {
	c := s.active(ServiceChanged, n.entity("service", unit))
	booted := n.bootedAt != 0 && f.At-n.bootedAt < serviceBoot
	if c != nil && c.open || booted || x.state == "active" && f.Detail.Text(witness.Reason) == "" {
		return
	}
	g := s.serviceFinding(n, unit, &serviceSaid{state: "active", before: x.state, stopped: f.At})
	g.entity, g.wait, g.event, g.summary = n.entity("service", unit+" started"), 0, true, "started"
	if c != nil || x.state == "active" {
		g.summary = "restarted"
	}
	s.raise(n, g)
}

// judgeServices tells of services that stay stopped.
func (s *Site) judgeServices(n *node) {
	for _, unit := range sortedKeys(n.agentOf.services) {
		x := n.agentOf.services[unit]
		c := s.active(ServiceChanged, n.entity("service", unit))
		if x.stopped == 0 || n.stopping > s.now || c != nil && (c.clearing != 0 || c.severity != detect.Info) {
			continue
		}
		if left := x.stopped + serviceGrace - s.now; left > 0 {
			n.next = min(n.next, s.now+left)
			continue
		}
		f := s.serviceFinding(n, unit, x)
		f.severity, f.summary = detect.Warning, "stopped for more than a minute"
		s.raise(n, f)
	}
}

// loginSaid gathers the logins of a node, so that one alert tells of many.
type loginSaid struct {
	last   int64
	who    []string
	count  int
	failed uint64
}

// loginsFor is how long logins are told in one alert.
const loginsFor = 60 * second

// loginEvent takes a session that was opened, or attempts that failed.
func (s *Site) loginEvent(n *node, f *fact.Fact, failed bool, user string) {
	d, x := f.Detail, &n.agentOf.logins
	if f.At-x.last > loginsFor {
		*x = loginSaid{}
	}
	x.last = f.At
	if failed {
		c, _ := d.Uint(witness.Count)
		x.failed += max(c, 1)
	} else {
		x.count++
		who := user
		if from := d.Text(witness.From); from != "" {
			who += " from " + from
		}
		if len(x.who) < 8 {
			x.who = append(x.who, who)
		}
	}
	var parts []string
	if x.count > 0 {
		t := strings.Join(x.who, ", ")
		if x.count > len(x.who) {
			t += fmt.Sprintf(" and %d more", x.count-len(x.who))
		}
		parts = append(parts, t)
	}
	if x.failed > 0 {
		parts = append(parts, fmt.Sprintf("%d attempts failed", x.failed))
	}
	s.raise(n, &finding{
		kind: Login, entity: n.self(), subject: n.subject(TypeNode, ""), severity: detect.Info, onset: f.At, witness: Agent, sure: 0.999,
		above: n.above()[1:], summary: strings.Join(parts, "; "),
		facts: []Noted{{At: at(f.At), Group: "login", From: "weir-agent", What: eventText(d)}},
	})
}

// logSaid is a log that the host agent watches.
type logSaid struct {
	bytes  uint64
	writer string
	pace   silence.Pace // of its growth
	grown  int64
	level  string
}

// logLeast is for how long a log must not grow to be silent, whatever its pace.
const logLeast = 10 * 60 * second

// logSaid takes the state of a log.
func (s *Site) logSaid(n *node, f *fact.Fact) {
	d, a := f.Detail, n.agentOf
	x := a.logs[d.Entity]
	if x == nil {
		if len(a.logs) >= maxSaid {
			return
		}
		x = &logSaid{grown: f.At}
		a.logs[d.Entity] = x
	}
	bytes, ok := d.Uint(witness.Bytes)
	if ok && bytes != x.bytes {
		x.bytes, x.grown = bytes, f.At
		x.pace.Beat(f.At, 0)
	}
	x.writer, x.level = d.Text(witness.Writer), cmp.Or(d.Text(witness.Level), x.level)
}

// logEvent takes that a log was truncated, or its level lowered.
func (s *Site) logEvent(n *node, f *fact.Fact, name, subject string) {
	d := f.Detail
	before, after := d.Text(witness.Before), d.Text(witness.After)
	summary := "truncated: " + before + " octets before, " + after + " now"
	if name == witness.LogLevelChanged {
		if !quieter(before, after) {
			return
		}
		summary = "its level was lowered from " + before + " to " + after
	}
	s.raise(n, &finding{
		kind: LogSilent, entity: n.entity("log", name+" "+subject), subject: n.subject(TypeLog, subject), severity: detect.Warning, onset: f.At,
		witness: Agent, sure: 0.99, above: n.above(), event: true, summary: summary,
		facts: []Noted{{At: at(f.At), Group: "log", From: "weir-agent", What: eventText(d), Before: before, After: after}},
	})
}

// quieter reports whether a log at level b tells less than at a.
func quieter(a, b string) bool {
	rank := map[string]int{"trace": 1, "debug": 2, "info": 3, "notice": 4, "warning": 5, "warn": 5, "error": 6, "err": 6, "critical": 7, "crit": 7, "emergency": 8, "off": 9, "none": 9}
	x, y := rank[strings.ToLower(a)], rank[strings.ToLower(b)]
	return x == 0 || y == 0 || y > x
}

// judgeLogs tells of logs that have stopped growing.
func (s *Site) judgeLogs(n *node) {
	for _, name := range sortedKeys(n.agentOf.logs) {
		x := n.agentOf.logs[name]
		entity := n.entity("log", name)
		d, ok := x.pace.TrafficDeadline(100)
		silent := s.quietFor(x.grown)
		if !ok || silent < max(2*d, logLeast) || !n.agentSpeaks(s.now) {
			s.unsay(LogSilent, entity, "")
			continue
		}
		if s.active(LogSilent, entity) != nil {
			continue
		}
		f := &finding{
			kind: LogSilent, entity: entity, subject: n.subject(TypeLog, name), severity: detect.Warning, onset: x.grown, good: x.grown, witness: Agent,
			sure: 0.99, above: n.above(), hold: second, summary: "nothing is written to it for " + brief(silent),
			facts: []Noted{{At: at(x.grown), LastGood: at(x.grown), Group: "log", From: "weir-agent", What: "octets written", After: itoa(x.bytes)}},
		}
		if x.writer == "stopped" {
			f.cause = "who writes it does not run"
		}
		s.raise(n, f)
	}
}

// asksSaid are DHCP requests of one MAC address that nobody has answered.
type asksSaid struct {
	count int
	first int64
	port  string
}

// noAddress is how many requests without an answer, and how long after its
// start an instance that never spoke, have no address.
const (
	noAddressAsks  = 3
	noAddressAfter = 120 * second
)

// dhcpEvent takes a DHCP request of an instance, or an answer to it.
func (s *Site) dhcpEvent(n *node, f *fact.Fact, answered bool, mac string) {
	a := n.agentOf
	if answered {
		delete(a.asks, mac)
		s.unsay(InstanceNoAddress, n.entity("asks", mac), "it was answered")
		return
	}
	x := a.asks[mac]
	if x == nil {
		if len(a.asks) >= maxSaid {
			return
		}
		x = &asksSaid{first: f.At, port: f.Detail.Text(witness.Port)}
		a.asks[mac] = x
	}
	if x.count++; x.count < noAddressAsks {
		return
	}
	sub := n.subject(TypeInstance, x.port)
	sub.MAC = mac
	if p := n.byName[x.port]; p != nil {
		sub = p.instanceSubject()
	}
	s.raise(n, &finding{
		kind: InstanceNoAddress, entity: n.entity("asks", mac), subject: sub, severity: detect.Warning, onset: x.first, witness: Agent, sure: 0.99,
		above: n.above(), hold: second, summary: fmt.Sprintf("asked for an address %d times without an answer", x.count),
		facts: []Noted{{At: at(x.first), Group: "dhcp", From: "weir-agent", What: "DHCP requests of " + mac, After: itoa(uint64(x.count))}},
	})
}

// judgeSaid tells what the statements of a node's host agent mean as time
// passes.
func (s *Site) judgeSaid(n *node) {
	if n.agentOf == nil {
		return
	}
	s.judgeVSwitch(n)
	s.judgeFilters(n)
	s.judgeServices(n)
	s.judgeLogs(n)
	s.judgeOrphans(n)
	s.judgeSpoke(n)
	if l := &n.agentOf.logins; l.last != 0 && s.now-l.last > loginsFor {
		s.unsay(Login, n.self(), "")
	}
	if a := n.agentOf; a.forged != 0 && s.now-a.forged > 60*second {
		s.unsay(TelemetryTampered, n.entity("forged", ""), "")
	}
}

// libvirt reports whether the host agent tells of the node's domains.
func (n *node) libvirt() bool { return strings.Contains(n.agentOf.modules, "libvirt=ok") }

// portList returns the ports in the order of their indexes.
func (n *node) portList() []*port {
	all := make([]*port, 0, len(n.ports))
	for _, i := range sortedKeys(n.ports) {
		all = append(all, n.ports[i])
	}
	return all
}
