package site

import (
	"fmt"

	"weir/decoder/sflow"
	"weir/detect"
	"weir/detect/site/fact"
)

// restarted notes that a sub-agent began anew, by its uptime.
func (s *Site) restarted(st *stream, at int64, uptime uint32) {
	n := st.node
	n.noteSince(st.last, at, n.self(), "the agent of "+st.label()+" restarted", brief(int64(st.uptime)*millisecond), brief(int64(uptime)*millisecond), Passive)
}

// rebooted tells that a host began anew.
func (s *Site) rebooted(n *node, at int64, uptime int64, what, before, after, witness string) {
	n.bootedAt = at
	f := &finding{
		kind: HostRestarted, entity: n.self(), subject: n.subject(TypeNode, ""), severity: detect.Warning, onset: at, witness: witness,
		sure: 0.999, above: n.above()[1:], event: true, summary: "restarted " + brief(uptime*second) + " ago, unannounced",
		facts: []Noted{{At: when(at), Group: "host", From: n.label(), What: what, Before: before, After: after}},
	}
	if n.stopping > at-15*60*second && n.stopping != 0 {
		f.severity, f.summary, f.cause = detect.Info, "restarted "+brief(uptime*second)+" ago, as announced", n.why
	}
	s.raise(n, f)
}

// hostGone notes that a host or virtual machine is described no more.
func (s *Site) hostGone(n *node, h *host, at int64) {
	if !h.parent && h.src.Class != sflow.ClassLogical {
		return // the node itself: its silence is judged by its pace
	}
	n.noteSince(at, s.now, "instance/"+h.uuid, "virtual machine "+h.name+" is told of no more", "", "", Passive)
	n.dirty = true
	if i := s.insts[h.uuid]; i != nil && i.node == n {
		s.vanished(i)
	}
}

var loadNames = [...]string{fact.LoadCPU: "CPU", fact.LoadMemory: "memory", fact.LoadDisk: "disk", fact.LoadSteal: "stolen CPU"}

// load takes that a host's load passed a mark.
func (s *Site) load(n *node, f *fact.Fact) {
	if uint32(f.C>>32) == sflow.ClassLogical || int(f.Index) >= len(loadNames) {
		return
	}
	name := loadNames[f.Index]
	entity := n.entity("load", name)
	n.noteSince(s.before, f.At, entity, "load of "+name, "", fmt.Sprintf("%.1f %%", float64(f.B)/10), Passive)
	if f.A == 0 {
		s.clear(HostOverloaded, entity, "")
		return
	}
	sub := n.subject(TypeNode, name)
	s.raise(n, &finding{
		kind: HostOverloaded, entity: entity, subject: sub, severity: detect.Warning, onset: f.At, witness: Passive, sure: 0.99, above: n.above(),
		hold: 5 * second, summary: fmt.Sprintf("%s at %.1f %% for three polls", name, float64(f.B)/10),
		facts: []Noted{{At: at(f.At), Group: "host", From: n.label(), What: name, After: fmt.Sprintf("%.1f %%", float64(f.B)/10)}},
	})
}

// Rates of errors and discards from which on they are told, and for how long
// they must be.
const (
	errorsMark  = 1.0  // a second
	dropsMark   = 20.0 // sampled discards a second, and four times what is usual
	sustained   = 10 * second
	baselineFor = 600e9 // ns

	discardsFor    = 4e9         // ns
	discardsLearnt = 60 * second // what is discarded from the first on is usual
	discardsBurst  = second      // what is over sooner is a burst
)

// discardRate follows the sampled discards of a node.
type discardRate struct {
	at, first int64
	rate      float64 // a second, smoothed over discardsFor
	usual     float64 // smoothed over ten minutes
	reason    uint32
	high      int64 // since when it is high
}

// add takes the discards since the last time. heard is since when the node is: who
// discards from then on does so as a rule, which is learned first.
func (d *discardRate) add(at, heard int64, n uint64, reason uint32) {
	if d.at == 0 {
		d.at, d.first = at, at
	}
	dt := float64(at - d.at)
	d.at, d.reason = at, reason
	if dt <= 0 {
		return
	}
	now := float64(n) / (dt / 1e9)
	d.rate += (now - d.rate) * min(dt/discardsFor, 1)
	learning := d.first-heard < discardsLearnt && at-d.first < discardsLearnt
	switch {
	case learning:
		d.usual += (now - d.usual) * min(dt/float64(at-d.first), 1)
		return
	case d.high == 0:
		d.usual += (now - d.usual) * min(dt/baselineFor, 1)
	}
	if d.rate > dropsMark && d.rate > 4*d.usual {
		if d.high == 0 {
			d.high = at
		}
	} else if d.rate < dropsMark/2 || d.rate < 2*d.usual {
		d.high = 0
	}
}

// judgeHost tells what is left about a node as a whole.
func (s *Site) judgeHost(n *node) {
	d := &n.discards
	switch {
	case d.high == 0 || s.now-d.at > 10*second:
		if d.high != 0 {
			d.high, d.rate = 0, 0
		}
		s.clear(DropsRising, n.self(), "")
	case s.now-d.high >= 2*second && d.at-d.high >= discardsBurst:
		s.raise(n, &finding{
			kind: DropsRising, entity: n.self(), subject: n.subject(TypeNode, ""), severity: detect.Warning, onset: d.high, witness: Passive,
			sure: 0.99, above: n.above(), hold: 10 * second, cause: sflow.DropReasonName(d.reason),
			summary: "discards packets, far more than it used to",
			facts:   []Noted{{At: at(d.high), Group: "discards", From: n.label(), What: "sampled discards", Before: fmt.Sprintf("%.3g/s", d.usual), After: fmt.Sprintf("%.3g/s", d.rate)}},
		})
	}
	s.judgeSaid(n)
}
