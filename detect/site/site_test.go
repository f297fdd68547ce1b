package site

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// TestSilenceIsToldApart: what stopped a node's telemetry is found from what
// others still see of it.
func TestSilenceIsToldApart(t *testing.T) {
	setup := func(t *testing.T) (*world, *actor) {
		w := newWorld(t)
		a := w.node(2)
		b := w.node(2)
		w.node(1)
		a.seenAt = b
		w.run(60 * time.Second)
		w.want()
		return w, a
	}
	t.Run("agent killed", func(t *testing.T) {
		w, a := setup(t)
		a.killed = true
		w.run(12 * time.Second)
		w.want("start telemetry_silent critical cn1")
		a.killed, a.started = false, w.now
		w.run(6 * time.Second)
		w.want("end telemetry_silent critical cn1")
	})
	t.Run("node down", func(t *testing.T) {
		w, a := setup(t)
		a.up = false
		w.run(6 * time.Second)
		w.want("start node_down critical cn1")
		a.up = true
		w.run(5 * time.Second)
		w.want("end node_down critical cn1")
	})
	t.Run("nobody else sees it", func(t *testing.T) {
		w, a := setup(t)
		c := w.nodes[2]
		c.up = false
		w.run(12 * time.Second)
		if got := w.last(TelemetrySilent); got.State != detect.Suspected || !strings.Contains(got.Evidence.Line(), "cannot be told") {
			t.Errorf("%s %s", got.State, got.Line())
		}
		w.want("start telemetry_silent warning cn3")
		_ = a
	})
	t.Run("stopped by the package manager and started", func(t *testing.T) {
		w, a := setup(t)
		a.event(witness.AgentStopping, a.name, str(witness.Cause, "package"))
		w.run(100 * time.Millisecond)
		a.killed = true
		w.run(40 * time.Second)
		a.killed, a.started = false, w.now
		a.event(witness.AgentStarted, a.name, str(witness.Cause, "upgrade"))
		w.run(20 * time.Second)
		w.want()
	})
	t.Run("stopped by a signal and not started", func(t *testing.T) {
		w, a := setup(t)
		a.event(witness.AgentStopping, a.name, str(witness.Cause, "signal"), str(witness.Command, "kill"))
		w.run(100 * time.Millisecond)
		a.killed = true
		w.run(30 * time.Second)
		w.want("start telemetry_silent critical cn1")
	})
	t.Run("the collector was held up", func(t *testing.T) {
		w, a := setup(t)
		a.blocked = true
		w.run(2 * time.Second)
		w.site.Blind(w.now.Add(-2*time.Second).UnixNano(), w.now.Add(4*time.Second).UnixNano(), WhyHeldUp)
		w.run(4 * time.Second)
		a.blocked = false
		w.run(20 * time.Second)
		w.want()
	})
	t.Run("all of them", func(t *testing.T) {
		w, _ := setup(t)
		for _, a := range w.nodes {
			a.blocked = true
		}
		w.run(30 * time.Second)
		w.want("start collector_deaf critical  collector")
		for _, a := range w.nodes {
			a.blocked = false
		}
		w.run(20 * time.Second)
		w.want("end collector_deaf critical  collector")
	})
}

// TestRackIsOneIncident: 20 nodes of 40 with 50 instances each go dark.
func TestRackIsOneIncident(t *testing.T) {
	w := newWorld(t)
	for range 40 {
		w.node(50)
	}
	for i := range 20 {
		w.nodes[i].seenAt = w.nodes[20+i]
	}
	w.run(60 * time.Second)
	w.want()
	for i := range 20 {
		w.nodes[i].up = false
	}
	w.run(40 * time.Second)
	starts, open := 0, 0
	var last *detect.Alert
	for _, a := range w.alerts {
		switch a.Change {
		case detect.Start:
			starts++
			open++
			last = a
		case detect.End:
			open--
		}
	}
	if starts > 2 || open != 1 {
		t.Fatalf("%d alerts, %d open: %v", starts, open, w.lines())
	}
	e := w.last(NodeDown).Evidence.(*Evidence)
	if e.Affected != 20+20*50 || !strings.Contains(e.Line(), "20 nodes down") || last.Subject.(*Subject).Type != TypeGroup {
		t.Errorf("%s: %d effects, want 20 nodes and their instances", w.last(NodeDown).Line(), e.Affected)
	}
	for i := range 20 {
		w.nodes[i].up = true
	}
	w.run(60 * time.Second)
	if s := w.site.Stats(); s.Findings != 0 {
		t.Errorf("%d findings are left: %v", s.Findings, w.lines())
	}
}

// TestBridgeDownNamesItsInstances: the cause is told with its effects.
func TestBridgeDownNamesItsInstances(t *testing.T) {
	w := newWorld(t)
	a := w.node(14)
	w.run(30 * time.Second)
	a.said(witness.ClassEvent, witness.LinkDown, str(witness.ID, "x"), str(witness.Subject, "br-int"), str(witness.Admin, "down"), str(witness.After, "down"))
	start := w.now
	w.run(200 * time.Millisecond)
	got := w.last(BridgeDown)
	if got.At.Sub(start) > 100*time.Millisecond {
		t.Errorf("told after %v", got.At.Sub(start))
	}
	if line := got.Line(); !strings.HasPrefix(line, "bridge down br-int on cn1: switched off; with it 14 instances unreachable") {
		t.Errorf("%s", line)
	}
	w.run(30 * time.Second)
	w.want("start bridge_down critical cn1 br-int")
	a.said(witness.ClassEvent, witness.LinkUp, str(witness.ID, "y"), str(witness.Subject, "br-int"), str(witness.Admin, "up"), str(witness.After, "up"), str(witness.Oper, "up"))
	a.bridge("yes", 14, 14)
	w.run(30 * time.Second)
	end := w.last(BridgeDown)
	w.want("end bridge_down critical cn1 br-int")
	if line := end.Line(); !strings.HasPrefix(line, "bridge down br-int on cn1: switched off; with it 14 instances unreachable") {
		t.Errorf("in the end: %s, want all that it took", line)
	}
	i, _ := w.site.Incident(end.Incident)
	began := slices.IndexFunc(i.Steps, func(s Step) bool { return strings.HasPrefix(s.What, "bridge_down: ") })
	over := slices.IndexFunc(i.Steps, func(s Step) bool { return strings.HasSuffix(s.What, " is over") })
	if began < 0 || over < began {
		t.Errorf("step %d is the bridge's going down, step %d the first that something is over", began, over)
	}
}

func TestBridgesWithoutInstancesAreQuiet(t *testing.T) {
	w := newWorld(t)
	a := w.node(0)
	a.bridge("no", 0, 0)
	a.said(witness.ClassBridge, "virbr0", str(witness.Kind, "linux"), str(witness.Oper, "down"), str(witness.Admin, "up"), str(witness.Forwarding, "unknown"))
	w.run(20 * time.Second)
	a.event(witness.OVSBridgeRemoved, "br-int")
	w.run(20 * time.Second)
	w.want()
}

// TestInstances: crashes are told at once, deletions, migrations and reboots are
// not.
func TestInstances(t *testing.T) {
	setup := func(t *testing.T) (*world, *actor, string) {
		w := newWorld(t)
		a := w.node(3)
		w.node(0)
		w.run(20 * time.Second)
		return w, a, a.instances[1]
	}
	t.Run("crash", func(t *testing.T) {
		w, a, id := setup(t)
		a.event(witness.InstanceCrashed, id, str(witness.Reason, "failed"))
		a.link("tap01000001-01", 11, "off")
		w.run(200 * time.Millisecond)
		if got := w.last(InstanceStopped); got.Severity != detect.Warning || !strings.Contains(got.Line(), "web-1 of acme on cn1: crashed; cause: failed") {
			t.Errorf("%s", got.Line())
		}
		w.run(60 * time.Second)
		w.want("start instance_stopped warning cn1 web-1")
		a.event(witness.InstanceStarted, id)
		a.link("tap01000001-01", 11, "up")
		w.run(10 * time.Second)
		w.want("end instance_stopped warning cn1 web-1")
	})
	t.Run("stopped by a person", func(t *testing.T) {
		w, a, id := setup(t)
		a.event(witness.InstanceStopped, id, str(witness.Reason, "shutdown"))
		w.run(30 * time.Second)
		w.want("start instance_stopped info cn1 web-1")
	})
	t.Run("hard reboot", func(t *testing.T) {
		w, a, id := setup(t)
		a.event(witness.InstanceStopped, id, str(witness.Reason, "destroyed"))
		w.run(5 * time.Second)
		a.event(witness.InstanceStarted, id)
		w.run(60 * time.Second)
		w.want()
	})
	t.Run("deletion", func(t *testing.T) {
		w, a, id := setup(t)
		a.event(witness.InstanceStopped, id, str(witness.Reason, "destroyed"))
		a.event(witness.LinkRemoved, "tap01000001-01")
		w.run(2 * time.Second)
		a.event(witness.InstanceUndefined, id)
		w.run(60 * time.Second)
		w.want()
	})
	t.Run("live migration", func(t *testing.T) {
		w, a, id := setup(t)
		b := w.nodes[1]
		a.event(witness.InstancePaused, id, str(witness.Reason, "migrated"))
		w.run(300 * time.Millisecond)
		b.event(witness.InstanceMigratedIn, id)
		b.event(witness.InstanceResumed, id, str(witness.Reason, "migrated"))
		a.event(witness.InstanceStopped, id, str(witness.Reason, "migrated"))
		w.run(time.Second)
		a.event(witness.InstanceUndefined, id)
		a.link("tap01000001-01", 11, "off")
		w.run(60 * time.Second)
		w.want()
	})
	t.Run("its port goes down", func(t *testing.T) {
		w, a, _ := setup(t)
		a.link("tap01000001-01", 11, "off")
		w.run(8 * time.Second)
		w.want("start instance_unreachable warning cn1 web-1")
		a.link("tap01000001-01", 11, "up")
		w.run(20 * time.Second)
		w.want("end instance_unreachable warning cn1 web-1")
	})
}

// TestRulesFlushed: an emptied packet filter is told within a second, one that
// is filled again at once is not.
func TestRulesFlushed(t *testing.T) {
	w := newWorld(t)
	a := w.node(1)
	w.run(20 * time.Second)
	const subject = "root/nft/filter"
	a.event(witness.RulesFlushed, subject, str(witness.Before, "120"), str(witness.After, "0"), witness.Gauge32(witness.PID, 4711), str(witness.Command, "nft"), str(witness.Policy, "ACCEPT"))
	start := w.now
	w.run(3 * time.Second)
	got := w.last(RulesFlushed)
	if line := got.Line(); !strings.Contains(line, "120 rules before; everything is let through") || !strings.Contains(line, "nft, process 4711") {
		t.Errorf("%s", line)
	}
	if first := w.alerts[0].At.Sub(start); first > time.Second {
		t.Errorf("told after %v", first)
	}
	w.want("start rules_flushed critical cn1 root/nft/filter")
	a.event(witness.RulesChanged, subject, str(witness.Before, "0"), str(witness.After, "120"))
	w.run(3 * time.Second)
	w.want("end rules_flushed critical cn1 root/nft/filter")
	for range 100 { // a script that flushes and fills
		a.event(witness.RulesFlushed, subject, str(witness.Before, "120"), str(witness.After, "0"))
		w.run(300 * time.Millisecond)
		a.event(witness.RulesChanged, subject, str(witness.Before, "0"), str(witness.After, "120"))
		w.run(time.Second)
	}
	w.want()
}

func TestServicesLoginsAndLogs(t *testing.T) {
	w := newWorld(t)
	a := w.node(0)
	a.said(witness.ClassService, "libvirtd.service", str(witness.State, "active"))
	w.run(20 * time.Second)
	a.event(witness.ServiceStopped, "libvirtd.service")
	w.run(1500 * time.Millisecond)
	w.want("start service_changed info cn1 libvirtd.service")
	w.run(20 * time.Second)
	a.event(witness.ServiceStarted, "libvirtd.service")
	w.run(80 * time.Second)
	w.want("end service_changed info cn1 libvirtd.service")
	a.event(witness.ServiceStopped, "libvirtd.service")
	w.run(200 * time.Millisecond)
	a.event(witness.ServiceStarted, "libvirtd.service")
	w.run(5 * time.Second)
	if line := w.last(ServiceChanged).Line(); !strings.Contains(line, "restarted") {
		t.Error(line)
	}
	w.want("start service_changed info cn1 libvirtd.service", "end service_changed info cn1 libvirtd.service")
	a.event(witness.ServiceStopped, "libvirtd.service")
	w.run(70 * time.Second)
	if got := w.last(ServiceChanged); got.Severity != detect.Warning || got.Change != detect.Update {
		t.Errorf("%s %s", got.Change, got.Severity)
	}
	w.want("start service_changed info cn1 libvirtd.service")
	a.event(witness.ServiceStarted, "libvirtd.service")
	w.run(5 * time.Second)
	w.want("end service_changed warning cn1 libvirtd.service")
	a.said(witness.ClassService, "once.service", str(witness.State, "inactive"))
	a.event(witness.ServiceStarted, "once.service")
	w.run(time.Second)
	w.want("start service_changed info cn1 once.service", "end service_changed info cn1 once.service")
	a.event(witness.AgentStopping, "cn1", str(witness.Cause, "shutdown"))
	a.event(witness.ServiceStopped, "once.service")
	w.run(5 * time.Second)
	w.want()
	a.event(witness.AgentStarted, "cn1", str(witness.Cause, "boot"))
	a.event(witness.ServiceStarted, "once.service")
	w.run(15 * time.Second)
	w.want()
	for _, user := range []string{"root", "ops"} {
		a.event(witness.Login, user, str(witness.From, "10.1.1.1"))
		w.run(5 * time.Second)
	}
	if got := w.last(Login).Line(); !strings.Contains(got, "root from 10.1.1.1") {
		t.Errorf("%s", got)
	}
	w.run(70 * time.Second)
	w.want("start login info cn1", "end login info cn1")
	a.event(witness.LogLevelChanged, "nova-compute", str(witness.Before, "info"), str(witness.After, "error"))
	w.run(time.Second)
	w.want("start log_silent warning cn1 nova-compute", "end log_silent warning cn1 nova-compute")
}

// TestTampering: less sampling is told within a heartbeat; two senders in turns
// are, one that takes over is a move.
func TestTampering(t *testing.T) {
	t.Run("sampling", func(t *testing.T) {
		w := newWorld(t)
		a := w.node(0)
		w.run(20 * time.Second)
		a.said(witness.ClassHeartbeat, a.name, str(witness.BootID, "boot-cn1"), str(witness.Sampling, "eth0=100000"))
		w.run(200 * time.Millisecond)
		w.want("start telemetry_tampered critical cn1 sampling")
	})
	// The rates of an agent that adapts them are no tampering, a smaller budget
	// is, and so is a fixed rate coarser than any it had.
	t.Run("rates that adapt", func(t *testing.T) {
		w := newWorld(t)
		a := w.node(0)
		w.run(3 * time.Second)
		says := func(rate string, budget ...witness.Pair) {
			a.sampling = append(budget, str(witness.Sampling, rate))
			w.run(1100 * time.Millisecond)
		}
		budget := func(n uint32) witness.Pair { return witness.Gauge32(witness.SamplingBudget, n) }
		for _, rate := range []uint64{1, 250, 1, 1000, 15} {
			says(fmt.Sprintf("tap1=%d", rate), budget(200))
			w.tell(fact.Fact{Kind: fact.Sampling, Agent: a.number, Index: 7, A: rate})
			w.tell(fact.Fact{Kind: fact.HeaderBytes, Agent: a.number, Index: 7, A: 20 + rate%200})
			w.run(200 * time.Millisecond)
		}
		w.want()
		says("tap1=15", budget(20))
		w.want("start telemetry_tampered critical cn1 sampling")
		says("tap1=15", budget(200))
		says("tap1=100")
		w.want("end telemetry_tampered critical cn1 sampling")
		says("tap1=9000")
		w.want("start telemetry_tampered critical cn1 sampling")
	})
	t.Run("two senders", func(t *testing.T) {
		w := newWorld(t)
		w.node(0)
		w.run(20 * time.Second)
		w.tell(fact.Fact{Kind: fact.Sender, Agent: 99, Detail: &fact.Detail{Agent: addr("10.0.0.2"), Source: addr("192.0.2.66")}})
		for i := range 20 {
			w.tell(fact.Fact{Kind: fact.Alive, Agent: 99, A: uint64(i)<<32 | 1, B: uint64(i*1000) << 32})
			w.run(time.Second)
		}
		w.want("start telemetry_tampered warning cn1 sender")
	})
	t.Run("moved", func(t *testing.T) {
		w := newWorld(t)
		a := w.node(0)
		w.run(20 * time.Second)
		w.tell(fact.Fact{Kind: fact.Sender, Agent: 99, Detail: &fact.Detail{Agent: addr("10.0.0.2"), Source: addr("192.0.2.66")}})
		a.number = 99
		w.run(20 * time.Second)
		w.want("start agent_moved info cn1", "end agent_moved info cn1")
	})
	t.Run("unsigned", func(t *testing.T) {
		w := newWorld(t)
		a := w.node(0)
		w.run(5 * time.Second)
		w.tell(fact.Fact{Kind: fact.Said, Agent: 1, Detail: &fact.Detail{Topic: witness.ClassLink, Entity: "eth0", Trusted: true}})
		w.run(100 * time.Millisecond)
		a.event(witness.InstanceCrashed, "00000000-0000-4000-8000-000000000001")
		w.run(500 * time.Millisecond)
		w.want("start telemetry_tampered critical cn1 unsigned")
	})
}

// TestFlapping: two flaps are told, then one alert that flaps.
func TestFlapping(t *testing.T) {
	w := newWorld(t)
	a := w.node(4)
	w.run(20 * time.Second)
	for range 10 {
		a.bridge("no", 4, 0)
		w.run(4 * time.Second)
		a.bridge("yes", 4, 4)
		w.run(4 * time.Second)
	}
	starts := 0
	flapping := false
	for _, x := range w.alerts {
		if x.Change == detect.Start {
			starts++
		}
		flapping = flapping || x.Flapping
	}
	if starts != 3 || !flapping {
		t.Errorf("%d alerts, flapping %v: %v", starts, flapping, w.lines())
	}
}
