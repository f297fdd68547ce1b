package site

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"weir/detect"
	"weir/detect/site/fact"
)

// rackOf is a rack: nodes that hang on a switch, which speaks by Open vSwitch alone,
// and nodes elsewhere, to which those of the rack send.
type rackOf struct {
	*world
	sw     *actor
	nodes  []*actor // of the rack
	apart  []*actor
	own    []uint64 // of the rack's nodes
	beyond uint64   // of the one node elsewhere that the switch sees now and then, by its uplink
	rng    *rand.Rand
	darkAt time.Time
	late   []time.Duration // for how much longer each of the rack is heard, and what it sends is sampled
	tail   time.Duration   // for so much longer still what was sampled of it comes
}

// speaks lets a node be heard by who.
func (a *actor) speaks(who string) {
	a.killed, a.ovs = who == "Open vSwitch", who != "weir-agent"
}

func newRack(t *testing.T, who []string, loss float64, seed uint64) *rackOf {
	r := &rackOf{world: newWorld(t), rng: rand.New(rand.NewPCG(seed, 11))}
	lost := func() bool { return r.rng.Float64() < loss }
	r.sw = r.node(0)
	r.sw.speaks("Open vSwitch")
	for k, name := range []string{"swp1", "swp2", "swp3", "swp30"} {
		r.sw.member(name, 7+uint32(k), 0, true)
	}
	for i := range 6 {
		a := r.node(1)
		a.speaks(who[i%len(who)])
		if i < 3 {
			r.nodes, r.own = append(r.nodes, a), append(r.own, a.owns(byte(i)))
		} else {
			r.apart = append(r.apart, a)
			if i == 3 {
				r.beyond = a.owns(byte(i))
			}
		}
	}
	for _, a := range r.world.nodes {
		a.phase = time.Duration(r.rng.IntN(10)) * 100 * time.Millisecond
		a.lost = lost
	}
	r.late = make([]time.Duration, len(r.nodes))
	return r
}

// pass lets time pass, in which what is sampled of the nodes' traffic is told.
func (r *rackOf) pass(d time.Duration) {
	for end := r.now.Add(d); r.now.Before(end); {
		for i, a := range r.nodes {
			end := r.darkAt.Add(r.late[i])
			a.up = r.darkAt.IsZero() || r.now.Before(end)
			if !a.up && !r.now.Before(end.Add(r.tail)) {
				continue
			}
			if r.sw.up && r.rng.IntN(2) == 0 {
				r.sees(r.sw, r.own[i], 7+uint64(i))
			}
			if to := r.apart[i]; r.rng.IntN(4) == 0 {
				r.sees(to, a.macs[0], 3)
			}
		}
		if r.sw.up && r.rng.IntN(150) == 0 {
			r.sees(r.sw, r.beyond, 10)
		}
		r.run(100 * time.Millisecond)
	}
}

// sees lets a node tell of a sample of what an address sends.
func (r *rackOf) sees(a *actor, mac, input uint64) {
	f := fact.Fact{Kind: fact.Seen, Agent: a.number, A: mac, B: input, C: 1}
	if a.ovs {
		f.Sub = 1
	}
	r.tell(f)
}

// goDark lets the switch die, and with it its nodes, some of them later heard last.
func (r *rackOf) goDark(late ...time.Duration) {
	r.darkAt, r.sw.up = r.now, false
	copy(r.late, late)
}

// TestRackGoesDark: what a dead switch takes with it is one incident, which names
// the switch from its first message on, though the last words of its nodes come
// later than its own, as they do where exporters, or the collector, are busy.
func TestRackGoesDark(t *testing.T) {
	const ms = time.Millisecond
	whos := map[string][]string{"Open vSwitch": {"Open vSwitch"}, "weir-agent": {"weir-agent"}, "mixed": {"weir-agent", "both", "Open vSwitch"}}
	for _, late := range [][]time.Duration{{}, {0, 0, 500 * ms}, {0, 0, 2000 * ms}, {0, 3000 * ms, 0}, {1500 * ms, 3000 * ms, 2200 * ms}} {
		for who, are := range whos {
			for k, loss := range []float64{0, 0.01, 0, 0.01} {
				tail := time.Duration(k/2) * 2500 * ms
				t.Run(fmt.Sprintf("%s, late %v, samples %v, loss %g", who, late, tail, loss), func(t *testing.T) {
					for seed := range uint64(3) {
						r := newRack(t, are, loss, seed)
						r.pass(100 * time.Second)
						r.want()
						r.tail = tail
						r.goDark(late...)
						r.pass(25 * time.Second)
						r.judge(seed)
					}
				})
			}
		}
	}
}

// judge holds what was told against what an operator expects.
func (r *rackOf) judge(seed uint64) {
	r.t.Helper()
	var lines []string
	var first, whole time.Duration
	starts := 0
	for _, a := range r.alerts {
		at, e := a.At.Sub(r.darkAt), a.Evidence.(*Evidence)
		lines = append(lines, fmt.Sprintf("%v %s %s %s", at, a.Change, a.Line(), a.Reason))
		if a.Change == detect.Start {
			starts++
		}
		if first == 0 {
			first = at
		}
		if whole == 0 && e.Affected >= len(r.nodes) {
			whole = at
		}
	}
	if os := r.alerts; len(os) == 0 || os[0].Kind != NodeDown || os[0].Subject.(*Subject).Node != r.sw.addr {
		r.t.Errorf("seed %d: the first is not that the switch is down:\n%s", seed, strings.Join(lines, "\n"))
	} else if starts != 1 || first > 9*time.Second || whole == 0 || whole > 10*time.Second {
		r.t.Errorf("seed %d: %d alerts, first after %v, all effects after %v:\n%s", seed, starts, first, whole, strings.Join(lines, "\n"))
	}
}
