package site

import (
	"strings"
	"testing"
	"time"

	"weir/decoder/witness"
	"weir/detect"
)

// TestEndsOfProcesses: an end that nobody asked for is told within a second,
// whenever libvirt says why; one that somebody asked for is not.
func TestEndsOfProcesses(t *testing.T) {
	const start, end = "start instance_stopped warning cn1 web-1", "end instance_stopped warning cn1 web-1"
	type step struct {
		after  time.Duration
		event  string
		reason string
		more   []witness.Pair
	}
	exited := func(after time.Duration, more ...witness.Pair) step {
		return step{after, witness.InstanceExited, "", more}
	}
	killed, segv := str(witness.Signal, "SIGKILL"), str(witness.Signal, "SIGSEGV")
	ended := witness.Gauge32(witness.Status, 0)
	for _, c := range []struct {
		name   string
		steps  []step
		within time.Duration // after the first step; lines says what is told then
		soon   []string
		line   string // of the alert, in the end
		late   []string
	}{
		{"crashed", []step{exited(0, segv)}, 200 * time.Millisecond, []string{start}, "crashed; cause: its process was killed by SIGSEGV", nil},
		{"gave up", []step{exited(0, witness.Gauge32(witness.Status, 1))}, 200 * time.Millisecond, []string{start}, "ended with status 1", nil},
		{"killed, while libvirt is gone", []step{exited(0, killed)}, 800 * time.Millisecond, []string{start}, "killed by SIGKILL", nil},
		{"killed, libvirt says so", []step{exited(0, killed), {250 * time.Millisecond, witness.InstanceCrashed, "failed", nil}}, 500 * time.Millisecond, []string{start}, "crashed; cause: failed", nil},
		{"killed, libvirt says so late", []step{exited(0, killed), {2 * time.Second, witness.InstanceCrashed, "failed", nil}}, 800 * time.Millisecond, []string{start}, "crashed; cause: failed", nil},
		{"the kernel does not say how", []step{exited(0)}, 800 * time.Millisecond, []string{start}, "libvirt does not say why", nil},
		{"killed, the kernel says so later", []step{exited(0), exited(100*time.Millisecond, segv)}, 300 * time.Millisecond, []string{start}, "killed by SIGSEGV", nil},
		{"ended, the kernel says so later", []step{exited(0), exited(300*time.Millisecond, ended), {2 * time.Second, witness.InstanceStopped, "destroyed", nil}, {5 * time.Second, witness.InstanceStarted, "booted", nil}}, 2 * time.Second, nil, "", nil},
		{"ended, the kernel says so too late", []step{exited(0), exited(1300*time.Millisecond, ended), {2 * time.Second, witness.InstanceStopped, "destroyed", nil}, {5 * time.Second, witness.InstanceStarted, "booted", nil}}, time.Second, []string{start}, "", []string{end}},
		{"killed and started again", []step{exited(0, killed), {8 * time.Second, witness.InstanceStarted, "booted", nil}}, 800 * time.Millisecond, []string{start}, "", []string{end}},
		{"hard reboot", []step{exited(0, ended), {300 * time.Millisecond, witness.InstanceStopped, "destroyed", nil}, {5 * time.Second, witness.InstanceStarted, "booted", nil}}, time.Second, nil, "", nil},
		{"hard reboot, the kernel does not say how", []step{exited(0), {300 * time.Millisecond, witness.InstanceStopped, "destroyed", nil}, {5 * time.Second, witness.InstanceStarted, "booted", nil}}, time.Second, nil, "", nil},
		{"hard reboot of one that hangs", []step{exited(0, killed), {300 * time.Millisecond, witness.InstanceStopped, "destroyed", nil}, {5 * time.Second, witness.InstanceStarted, "booted", nil}}, time.Second, nil, "", nil},
		{"the same, libvirt is late", []step{exited(0, killed), {2 * time.Second, witness.InstanceStopped, "destroyed", nil}, {5 * time.Second, witness.InstanceStarted, "booted", nil}}, time.Second, []string{start}, "", []string{end}},
		{"deletion", []step{exited(0, ended), {300 * time.Millisecond, witness.InstanceStopped, "destroyed", nil}, {time.Second, witness.InstanceUndefined, "removed", nil}}, time.Second, nil, "", nil},
		{"suspend to disk", []step{{0, witness.InstancePaused, "paused", nil}, {50 * time.Millisecond, "state", "saving", nil}, exited(5*time.Second, ended), {time.Second, witness.InstanceStopped, "saved", nil}}, time.Second, nil, "", nil},
		{"shut down", []step{exited(0, ended, str(witness.Cause, "guest")), {300 * time.Millisecond, witness.InstanceStopped, "shutdown", nil}}, time.Second, nil, "stopped; cause: shutdown", []string{"start instance_stopped info cn1 web-1"}},
		{"paused", []step{{0, witness.InstancePaused, "paused", nil}}, time.Second, []string{"start instance_stopped info cn1 web-1"}, "paused", nil},
		{"paused and resumed", []step{{0, witness.InstancePaused, "paused", nil}, {400 * time.Millisecond, witness.InstanceResumed, "unpaused", nil}}, time.Second, nil, "", nil},
		{"paused for a snapshot", []step{{0, witness.InstancePaused, "paused", nil}, {50 * time.Millisecond, "state", "snapshot", nil}, {6 * time.Second, witness.InstanceResumed, "unpaused", nil}}, time.Second, nil, "", nil},
		{"its disk fails", []step{{0, witness.InstancePaused, "ioerror", nil}}, 200 * time.Millisecond, []string{start}, "cause: ioerror", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.node(3)
			w.node(0)
			w.run(20 * time.Second)
			begun := w.now
			told := ""
			want := func(lines []string) {
				for _, a := range w.alerts {
					told += a.Line() + "\n"
				}
				w.want(lines...)
			}
			soon := func() {
				w.run(c.within - w.now.Sub(begun))
				want(c.soon)
			}
			for k, s := range c.steps {
				if k > 0 && w.now.Add(s.after).Sub(begun) > c.within && w.now.Sub(begun) < c.within {
					s.after -= c.within - w.now.Sub(begun)
					soon()
				}
				w.run(s.after)
				if s.event == "state" {
					a.said(witness.ClassInstance, a.instances[1], str(witness.State, "paused"), str(witness.Reason, s.reason))
					continue
				}
				a.event(s.event, a.instances[1], append(s.more, str(witness.Reason, s.reason))...)
				if s.event == witness.InstanceExited { // what libvirt said before is repeated
					a.instance(1, "running", "")
				}
			}
			if w.now.Sub(begun) < c.within {
				soon()
			}
			w.run(25 * time.Second)
			want(c.late)
			if !strings.Contains(told, c.line) {
				t.Errorf("told %s, want %q", told, c.line)
			}
		})
	}
}

// TestEndOnTheNodeLeft: how an instance leaves its node says nothing of how it is
// on the next.
func TestEndOnTheNodeLeft(t *testing.T) {
	w := newWorld(t)
	a := w.node(3)
	b := w.node(0)
	w.run(20 * time.Second)
	id := a.instances[1]
	b.event(witness.InstanceMigratedIn, id, str(witness.Reason, "migrated"))
	a.event(witness.InstanceExited, id, witness.Gauge32(witness.Status, 0))
	w.run(300 * time.Millisecond)
	a.event(witness.InstanceMigratedOut, id, str(witness.Reason, "migrated"))
	a.event(witness.InstanceUndefined, id, str(witness.Reason, "removed"))
	w.run(20 * time.Second)
	w.want()
	if i := w.site.insts[id]; !i.runs() || i.node.name != b.name {
		t.Errorf("state %s on %s, want it to run on %s", i.state, i.node.name, b.name)
	}
	b.event(witness.InstanceExited, id, str(witness.Signal, "SIGSEGV"))
	w.run(200 * time.Millisecond)
	if got := w.last(InstanceStopped); got == nil || got.Severity != detect.Warning || !strings.Contains(got.Line(), "on "+b.name) {
		t.Errorf("told %v, want a crash on %s", got, b.name)
	}
}

// TestClonedImages: two virtual machines of one UUID are told where they crash, and
// none is an orphan.
func TestClonedImages(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(1), w.node(1)
	b.instances = a.instances
	a.modules, b.modules = "link=ok,libvirt=ok", "link=ok,libvirt=ok"
	for k := range 160 {
		if k%60 == 0 {
			a.instance(0, "running", a.tap(0)+"="+a.mac(0))
			b.instance(0, "running", b.tap(0)+"="+b.mac(0))
		}
		w.run(time.Second)
	}
	w.want()
	b.event(witness.InstanceCrashed, b.instances[0], str(witness.Reason, "failed"))
	w.run(200 * time.Millisecond)
	w.want("start instance_stopped warning " + b.name + " web-0")
}
