package site

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// epoch is when every world begins.
var epoch = time.Unix(1_700_000_000, 0).UTC()

// world plays facts to a Site on a clock of its own, in steps of 100 ms.
type world struct {
	t      testing.TB
	site   *Site
	now    time.Time
	facts  []fact.Fact
	alerts []*detect.Alert
	nodes  []*actor
}

// actor is a node with a host agent that beats every second, as long as it is
// up and not blocked.
type actor struct {
	w         *world
	number    uint32
	addr      string
	name      string
	seq       uint32
	beats     uint64
	started   time.Time
	up        bool
	blocked   bool
	phase     time.Duration
	events    int
	instances []string
	seenAt    *actor // sees its traffic
	macs      []uint64
	lost      func() bool
	killed    bool // the agent alone
	ovs       bool // the node's Open vSwitch speaks too, from sub-agent 1
	ovsSeq    uint32
	sampling  []witness.Pair // of its heartbeats; nil: a fixed rate
	modules   string         // of its heartbeats
}

func newWorld(t testing.TB) *world {
	return &world{t: t, site: New(Config{}), now: epoch}
}

// node adds a node with n instances on bridge br-int.
func (w *world) node(n int) *actor {
	k := len(w.nodes) + 1
	a := &actor{
		w: w, number: uint32(k), addr: fmt.Sprintf("10.0.%d.%d", k/250, k%250+1), name: fmt.Sprintf("cn%d", k), up: true,
		started: w.now.Add(-time.Hour), phase: time.Duration(k*37%10) * 100 * time.Millisecond,
	}
	w.nodes = append(w.nodes, a)
	for i := range n {
		a.instances = append(a.instances, fmt.Sprintf("00000000-0000-4000-8000-%06d%06d", k, i))
		m, _ := parseMAC(a.mac(i))
		a.macs = append(a.macs, m)
	}
	a.greet()
	return a
}

func (a *actor) tap(i int) string { return fmt.Sprintf("tap%02d%06d-%02d", a.number, i, i) }
func (a *actor) mac(i int) string {
	return fmt.Sprintf("fa:16:3e:%02x:%02x:%02x", a.number>>8, a.number&255, i)
}

// greet says all that the agent knows, as to a collector that was just started.
func (a *actor) greet() {
	source := addr(a.addr)
	a.w.tell(fact.Fact{Kind: fact.Sender, Agent: a.number, Detail: &fact.Detail{Agent: source, Source: source}})
	if !a.up {
		return
	}
	n := len(a.instances)
	a.said(witness.ClassLink, "br-int", witness.Gauge32(witness.IfIndex, 2), str(witness.Kind, "bridge"), str(witness.Admin, "up"), str(witness.Oper, "up"))
	a.bridge("yes", n, n)
	for i := range n {
		a.link(a.tap(i), uint32(10+i), "up")
		a.instance(i, "running", a.tap(i)+"="+a.mac(i))
	}
}

func str(name, v string) witness.Pair { return witness.String(name, v) }

func (w *world) tell(f fact.Fact) {
	if f.At == 0 {
		f.At = w.now.UnixNano()
	}
	w.facts = append(w.facts, f)
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	w.t.Helper()
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(100 * time.Millisecond)
		for _, a := range w.nodes {
			a.tick()
		}
		w.site.Add(w.facts, 0)
		w.facts = w.facts[:0]
		w.site.Tick(w.now, func(a *detect.Alert) { w.alerts = append(w.alerts, a) })
	}
}

// tick sends what is due of a node.
func (a *actor) tick() {
	if a.ovs && a.up && a.w.now.Sub(epoch)%time.Second == (a.phase+500*time.Millisecond)%time.Second {
		a.ovsSeq++
		if !a.blocked && (a.lost == nil || !a.lost()) {
			a.w.tell(fact.Fact{Kind: fact.Alive, Agent: a.number, Sub: 1, A: uint64(a.ovsSeq)<<32 | 1, B: uint64(uint32(a.w.now.Sub(a.started).Milliseconds())) << 32, C: uint64(a.w.now.UnixNano())})
		}
	}
	if a.up && a.seenAt != nil && a.w.now.Sub(epoch)%time.Second == 0 && !a.seenAt.blocked {
		a.traffic()
	}
	if !a.up || a.killed || a.w.now.Sub(epoch)%time.Second != a.phase {
		return
	}
	a.beats++
	a.seq++
	if a.blocked || a.lost != nil && a.lost() {
		return
	}
	ns := uint64(a.w.now.UnixNano())
	a.w.tell(fact.Fact{Kind: fact.Alive, Agent: a.number, A: uint64(a.seq)<<32 | 1, B: uint64(uint32(a.w.now.Sub(a.started).Milliseconds())) << 32, C: ns})
	a.heartbeat()
}

func (a *actor) heartbeat() {
	sampling := a.sampling
	if sampling == nil {
		sampling = []witness.Pair{str(witness.Sampling, "eth0=1000")}
	}
	a.said(witness.ClassHeartbeat, a.name, append([]witness.Pair{witness.Counter64(witness.Sequence, a.beats), str(witness.BootID, "boot-"+a.name),
		witness.Counter64(witness.Started, uint64(a.started.Unix())), str(witness.Modules, cmp.Or(a.modules, "link=ok"))}, sampling...)...)
}

// traffic is seen of the node's instances at another node.
func (a *actor) traffic() {
	for _, m := range a.macs {
		a.w.tell(fact.Fact{Kind: fact.Seen, Agent: a.seenAt.number, A: m, B: 3, C: 5})
	}
}

func (a *actor) said(class, entity string, pairs ...witness.Pair) {
	a.w.tell(fact.Fact{Kind: fact.Said, Agent: a.number, Detail: &fact.Detail{Topic: class, Entity: entity, Pairs: pairs}})
}

func (a *actor) event(name, subject string, pairs ...witness.Pair) {
	a.events++
	a.said(witness.ClassEvent, name, append([]witness.Pair{
		str(witness.ID, fmt.Sprintf("%s-%d", a.name, a.events)), witness.Counter64(witness.At, uint64(a.w.now.UnixNano())), str(witness.Subject, subject),
	}, pairs...)...)
}

func (a *actor) link(name string, index uint32, oper string) {
	admin := "up"
	if oper == "off" {
		admin, oper = "down", "down"
	}
	a.said(witness.ClassLink, name, witness.Gauge32(witness.IfIndex, index), str(witness.Kind, "tap"), str(witness.Master, "br-int"), str(witness.Admin, admin), str(witness.Oper, oper))
}

func (a *actor) bridge(forwarding string, ports, carriers int) {
	oper := "up"
	if forwarding == "no" {
		oper = "down"
	}
	a.said(witness.ClassBridge, "br-int", str(witness.Kind, "linux"), str(witness.Oper, oper), str(witness.Admin, "up"), str(witness.Forwarding, forwarding),
		witness.Gauge32(witness.Ports, uint32(ports)), witness.Gauge32(witness.InstancePorts, uint32(ports)), witness.Gauge32(witness.CarrierPorts, uint32(carriers)))
}

func (a *actor) instance(i int, state, taps string) {
	a.said(witness.ClassInstance, a.instances[i], str(witness.Name, fmt.Sprintf("instance-%08d", i)), str(witness.NovaName, fmt.Sprintf("web-%d", i)),
		str(witness.ProjectName, "acme"), str(witness.State, state), str(witness.Taps, taps))
}

// lines returns the alert changes so far but updates, and forgets them.
func (w *world) lines() []string {
	var out []string
	for _, a := range w.alerts {
		if a.Change == detect.Update {
			continue
		}
		s := a.Subject.(*Subject)
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", a.Change, a.Kind, a.Severity, s.Node, s.Name)))
	}
	w.alerts = nil
	return out
}

// last returns the last change of an alert of a kind.
func (w *world) last(kind detect.Kind) *detect.Alert {
	w.t.Helper()
	for _, a := range slices.Backward(w.alerts) {
		if a.Kind == kind {
			return a
		}
	}
	w.t.Fatalf("no alert of kind %s", kind)
	return nil
}

func (w *world) want(lines ...string) {
	w.t.Helper()
	if got := w.lines(); !slices.Equal(got, lines) {
		w.t.Errorf("told\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
	}
}

func addr(text string) netip.Addr {
	a, _ := netip.ParseAddr(text)
	return a
}
