package site

import (
	"testing"
	"time"

	"weir/detect/site/fact"
)

// exporter is a node of Open vSwitch alone: bridges br0 and br1, each a sub-agent
// that is polled every second, with an instance at br0 whose traffic another node
// sees.
type exporter struct {
	w        *world
	other    *actor
	seq      [2]uint32
	off      [2]bool // says nothing
	made     [2]time.Time
	blind    bool // nobody sees its instance
	forwards bool // br0 takes samples with a way out
}

const (
	exported    = 9
	exportedMAC = 0xfa163e990001
)

func newExporter(t *testing.T) *exporter {
	w := newWorld(t)
	e := &exporter{w: w, other: w.node(0)}
	w.node(0)
	w.node(0)
	source := addr("10.0.0.9")
	w.tell(fact.Fact{Kind: fact.Sender, Agent: exported, Detail: &fact.Detail{Agent: source, Source: source}})
	e.ports(0)
	e.ports(1)
	w.tell(fact.Fact{Kind: fact.PortMAC, Agent: exported, Index: 11, A: exportedMAC})
	e.run(60)
	w.want()
	return e
}

// ports tells of a bridge's ports, as when they are polled again.
func (e *exporter) ports(sub uint32) {
	for i, d := range []fact.Detail{
		{Name: []string{"br0", "br1"}[sub], OFPort: 0xfffe},
		{Name: []string{"tapa", "tapb"}[sub], OFPort: 1, Instance: true},
	} {
		d.Status, d.Counted, d.Datapath = 3, true, uint64(100+sub)
		e.w.tell(fact.Fact{Kind: fact.Port, Agent: exported, Sub: sub, Index: 10*(1+sub) + uint32(i), Detail: &d})
	}
}

// own tells the status of br0's own port.
func (e *exporter) own(status uint8) {
	e.w.tell(fact.Fact{Kind: fact.Port, Agent: exported, Index: 10, Detail: &fact.Detail{Name: "br0", OFPort: 0xfffe, Counted: true, Status: status, Datapath: 100}})
}

// gone tells that a bridge's ports were polled last so long ago.
func (e *exporter) gone(sub uint32, ago time.Duration) {
	for i := range uint32(2) {
		e.w.tell(fact.Fact{Kind: fact.PortGone, Agent: exported, Sub: sub, Index: 10*(1+sub) + i, At: e.w.now.Add(-ago).UnixNano(), A: uint64(time.Second)})
	}
}

// uptime is a sub-agent's, where Alive has it.
func (e *exporter) uptime(sub uint32) uint64 {
	if e.made[sub].IsZero() {
		return uint64(e.w.now.Sub(epoch).Milliseconds()+1e6) << 32
	}
	return uint64(e.w.now.Sub(e.made[sub]).Milliseconds()) << 32
}

// make makes a bridge anew; its first samples come before its counters.
func (e *exporter) make(sub uint32) {
	e.made[sub], e.seq[sub], e.off[sub] = e.w.now, 1, false
	e.w.tell(fact.Fact{Kind: fact.Alive, Agent: exported, Sub: sub, A: 1<<32 | 1, B: e.uptime(sub) | 7, C: uint64(e.w.now.Add(-3 * time.Second).UnixNano())})
	e.ports(sub)
}

// run lets so many seconds pass.
func (e *exporter) run(seconds int) {
	for range seconds {
		for sub := range uint32(2) {
			e.seq[sub] += 3
			if !e.off[sub] {
				e.w.tell(fact.Fact{Kind: fact.Alive, Agent: exported, Sub: sub, A: uint64(e.seq[sub])<<32 | 3, B: e.uptime(sub) | 10, C: uint64(e.w.now.UnixNano())})
			}
		}
		if e.forwards && !e.off[0] {
			e.w.tell(fact.Fact{Kind: fact.Forwards, Agent: exported, Index: 1000, A: 9, B: 9})
		}
		if !e.blind {
			e.w.tell(fact.Fact{Kind: fact.Seen, Agent: e.other.number, A: exportedMAC, B: 3, C: 2})
		}
		e.w.run(time.Second)
	}
}

// TestCountersOfABridgeStop: where nothing else is lost that means the bridge;
// where datagrams are, or its node falls silent or wakes, it does not.
func TestCountersOfABridgeStop(t *testing.T) {
	const (
		bridge   = "start telemetry_silent critical 10.0.0.9 br0"
		node     = "start telemetry_silent critical 10.0.0.9"
		nodeOver = "end telemetry_silent critical 10.0.0.9"
	)
	for _, c := range []struct {
		name string
		do   func(e *exporter)
		want []string
	}{
		{"sFlow is switched off on it", func(e *exporter) {
			e.off[0] = true
			e.run(4)
			e.gone(0, 4*time.Second)
			e.run(1)
		}, []string{bridge}},
		{"its number is another bridge's now", func(e *exporter) {
			e.run(4)
			e.gone(0, 4*time.Second)
			e.run(1)
		}, []string{bridge}},
		{"a run of losses took its counters", func(e *exporter) {
			e.run(2)
			e.seq[0] += 9
			e.run(1)
			e.gone(0, 4*time.Second)
			e.run(1)
			e.ports(0)
			e.run(5)
		}, nil},
		{"one of its datagrams is lost, and its counters come no more", func(e *exporter) {
			e.seq[0]++
			e.run(3)
			e.gone(0, 4*time.Second)
			e.run(5)
		}, []string{bridge}},
		{"it has been made again and again", func(e *exporter) {
			for range 6 {
				e.off[0] = true
				e.run(3)
				e.make(0)
				e.run(6)
			}
			if p := e.w.site.streams[streamKey{exported, 0}].pace.Period(); p > 1500*millisecond {
				e.w.t.Errorf("period %s, want 1 s", brief(p))
			}
			e.off[0] = true
			e.run(4)
			e.gone(0, 4*time.Second)
			e.run(1)
		}, []string{bridge}},
		{"its own port was down", func(e *exporter) {
			e.forwards = true
			e.own(0)
			e.run(5)
			e.w.want("start bridge_down warning 10.0.0.9 br0")
			e.off[0] = true
			e.run(4)
			e.gone(0, 4*time.Second)
			e.run(1)
		}, []string{"end bridge_down warning 10.0.0.9 br0", bridge}},
		{"its node falls silent", func(e *exporter) {
			e.off = [2]bool{true, true}
			e.run(1)
			e.gone(0, 4*time.Second)
			e.run(8)
		}, []string{node}},
		{"its node wakes, another bridge first", func(e *exporter) {
			e.off = [2]bool{true, true}
			e.run(10)
			e.off[1] = false
			e.gone(0, 10*time.Second)
			e.run(1)
			e.off[0] = false
			e.ports(0)
			e.run(10)
		}, []string{node, nodeOver}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newExporter(t)
			c.do(e)
			e.w.want(c.want...)
		})
	}
}

// TestBlindWitness: that a node no longer sees an instance tells something for as
// long as that node is heard itself.
func TestBlindWitness(t *testing.T) {
	e := newExporter(t)
	e.off[0], e.blind = true, true
	e.run(3)
	e.other.killed = true
	e.run(1)
	e.gone(0, 4*time.Second)
	e.run(30)
	for _, line := range e.w.lines() {
		if line == "start bridge_down critical 10.0.0.9 br0" {
			t.Error(line)
		}
	}
}

// TestNodeWakes: its Open vSwitch is heard before its host agent, which is not
// silent for that. One that stays silent is.
func TestNodeWakes(t *testing.T) {
	for _, stays := range []bool{false, true} {
		w := newWorld(t)
		a, b := w.node(1), w.node(0)
		w.node(0)
		a.ovs, a.seenAt = true, b
		w.run(60 * time.Second)
		a.blocked = true
		w.run(10 * time.Second)
		w.want("start telemetry_silent critical cn1")
		a.blocked, a.killed = false, true
		w.run(1500 * time.Millisecond)
		a.killed = stays
		w.run(15 * time.Second)
		if stays {
			w.want("end telemetry_silent critical cn1", "start telemetry_silent critical cn1 weir-agent")
			continue
		}
		w.want("end telemetry_silent critical cn1")
	}
}
