package site

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"weir/detect/site/fact"
)

// switched is a node of Open vSwitch alone that is polled every 10 s: br0 with an
// uplink and three instances, whose traffic another node sees, and br1, which goes
// on.
type switched struct {
	w     *world
	other *actor
	rates [3]float64 // samples a second of each instance, sent and received
	out   float64    // share with a way out
	seen  bool
	told  uint64 // samples a second of each instance that the other node has seen
	gone  bool   // br0 says nothing
	mute  bool   // nor does the node
	polls bool
	every time.Duration // tenths between two
	seq   [2]uint32
	rng   *rand.Rand
}

func newSwitched(t *testing.T) *switched { return newPolled(t, 100) }

// newPolled is one whose polls are so many tenths of a second apart.
func newPolled(t *testing.T, every time.Duration) *switched {
	w := newWorld(t)
	w.node(0)
	w.node(0)
	o := &switched{w: w, other: w.nodes[0], rates: [3]float64{12, 12, 12}, out: 1, seen: true, told: 4, polls: true, every: every, rng: rand.New(rand.NewPCG(1, 9))}
	source := addr("10.0.0.9")
	w.tell(fact.Fact{Kind: fact.Sender, Agent: exported, Detail: &fact.Detail{Agent: source, Source: source}})
	port := func(sub, index uint32, d fact.Detail) {
		d.Status, d.Counted, d.Datapath = 3, true, uint64(100+sub)
		w.tell(fact.Fact{Kind: fact.Port, Agent: exported, Sub: sub, Index: index, Detail: &d})
	}
	port(0, 10, fact.Detail{Name: "br0", OFPort: 0xfffe})
	port(0, 14, fact.Detail{Name: "eth1", OFPort: 9})
	port(1, 20, fact.Detail{Name: "br1", OFPort: 0xfffe})
	port(1, 21, fact.Detail{Name: "tapx", OFPort: 1, Instance: true})
	for i := range uint32(3) {
		port(0, 11+i, fact.Detail{Name: "tap" + string('a'+rune(i)), OFPort: 1 + i, Instance: true})
		w.tell(fact.Fact{Kind: fact.PortMAC, Agent: exported, Index: 11 + i, A: exportedMAC + uint64(i)})
	}
	w.tell(fact.Fact{Kind: fact.Sampling, Agent: exported, Index: 1000, A: 10})
	o.run(90 * time.Second)
	w.want()
	return o
}

// count is a number of Poisson.
func (o *switched) count(mean float64) (n uint64) {
	for p := o.rng.ExpFloat64(); p < mean; p += o.rng.ExpFloat64() {
		n++
	}
	return n
}

func (o *switched) run(d time.Duration) {
	for end := o.w.now.Add(d); o.w.now.Before(end); {
		tenth := o.w.now.Sub(epoch) / (100 * time.Millisecond)
		for sub := range uint32(2) {
			if o.mute || sub == 0 && o.gone {
				continue
			}
			beat := uint64(0)
			if tenth%o.every == 0 && (sub == 1 || o.polls) {
				beat = uint64(o.w.now.UnixNano())
			}
			o.flows(sub, tenth)
			o.seq[sub]++
			o.w.tell(fact.Fact{Kind: fact.Alive, Agent: exported, Sub: sub, A: uint64(o.seq[sub])<<32 | 1, B: uint64(o.w.now.Sub(epoch).Milliseconds()+1e6)<<32 | 10, C: beat})
		}
		for i := range uint64(3) {
			if o.seen && o.rates[i] > 0 && tenth%10 == time.Duration(i) {
				o.w.tell(fact.Fact{Kind: fact.Seen, Agent: o.other.number, A: exportedMAC + i, B: 3, C: o.told})
			}
		}
		o.w.run(100 * time.Millisecond)
	}
}

// flows are the samples of a tenth of a second.
func (o *switched) flows(sub uint32, tenth time.Duration) {
	if sub == 1 {
		o.w.tell(fact.Fact{Kind: fact.Forwards, Agent: exported, Sub: 1, Index: 1001, A: 1, B: 1, C: 21})
		return
	}
	for i, r := range o.rates {
		index := uint32(11 + i)
		if n := o.count(r / 10); n > 0 {
			o.w.tell(fact.Fact{Kind: fact.Forwards, Agent: exported, Index: 1000, A: n, B: uint64(float64(n)*o.out + 0.5), C: uint64(index)})
		}
		if r > 0 && tenth%10 == time.Duration(i) {
			o.w.tell(fact.Fact{Kind: fact.PortActive, Agent: exported, Index: index, At: o.w.now.UnixNano(), A: fact.PortMoves{Sent: uint16(r / 2), Towards: uint16(r / 2)}.Pack()})
		}
	}
}

// TestCut: a bridge whose samples all stop at once has lost its forwarding, where
// nothing else explains that.
func TestCut(t *testing.T) {
	const start = "start bridge_down critical 10.0.0.9 br0"
	for _, c := range []struct {
		name string
		do   func(o *switched)
		want []string
	}{
		{"it is deleted", func(o *switched) {
			o.gone, o.seen = true, false
			o.run(4 * time.Second)
		}, []string{start}},
		{"its flow table is emptied", func(o *switched) {
			o.out, o.seen = 0, false
			o.run(3 * time.Second)
		}, []string{start}},
		{"and filled again", func(o *switched) {
			o.out, o.seen = 0, false
			o.run(3 * time.Second)
			o.out, o.seen = 1, true
			o.run(3 * time.Second)
		}, []string{start, "end bridge_down critical 10.0.0.9 br0"}},
		{"its sFlow is switched off", func(o *switched) {
			o.gone = true
			o.run(9 * time.Second)
		}, nil},
		{"its sFlow is switched off, of which many samples came", func(o *switched) {
			o.rates = [3]float64{60, 60, 60}
			o.run(60 * time.Second)
			o.gone = true
			o.run(9 * time.Second)
		}, nil},
		{"a talk of two instances ends", func(o *switched) {
			o.rates = [3]float64{}
			o.run(9 * time.Second)
		}, nil},
		{"an instance is cut off, with whom the others talked", func(o *switched) {
			o.rates, o.out = [3]float64{1, 0, 0}, 0 // it alone goes on asking
			o.run(14 * time.Second)
			for i := range uint32(3) { // 10 s of counters: the other two ask by ARP now and then
				o.w.tell(fact.Fact{Kind: fact.PortFlat, Agent: exported, Index: 11 + i, A: 1, B: 10000<<32 | 12, C: 6000})
			}
			o.run(3 * time.Second)
		}, nil},
		{"traffic fades away", func(o *switched) {
			for range 200 {
				for i := range o.rates {
					o.rates[i] *= 0.95
				}
				o.run(300 * time.Millisecond)
			}
			o.gone, o.seen = true, false
			o.run(9 * time.Second)
		}, nil},
		{"we could not hear", func(o *switched) {
			o.mute, o.seen = true, false
			o.run(3 * time.Second)
			o.w.site.Blind(o.w.now.Add(-3*time.Second).UnixNano(), o.w.now.UnixNano(), WhyHeldUp)
			o.mute, o.seen = false, true
			o.run(5 * time.Second)
		}, nil},
		{"one whose sub-agent speaks for another bridge now is deleted", func(o *switched) {
			o.gone, o.seen = true, false
			for k := range 40 {
				if k%3 == 0 {
					o.seq[1]++
					o.w.tell(fact.Fact{Kind: fact.Alive, Agent: exported, Sub: 0, A: uint64(k+1)<<32 | 1, B: uint64(100*k)<<32 | 3})
					o.w.tell(fact.Fact{Kind: fact.Forwards, Agent: exported, Index: 1000, A: 3, B: 3, C: 21})
				}
				o.run(100 * time.Millisecond)
			}
		}, []string{start}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newSwitched(t)
			if strings.HasPrefix(c.name, "a talk") {
				o.rates = [3]float64{18, 18, 0.3}
				o.run(120 * time.Second)
			}
			c.do(o)
			o.w.want(c.want...)
		})
	}
}

// TestCutWaitsForOthers as long as they may yet tell that the traffic goes on: they
// tell once a second of each address, and of much traffic its absence shows sooner.
func TestCutWaitsForOthers(t *testing.T) {
	for _, c := range []struct {
		name        string
		told        uint64
		least, most time.Duration
	}{
		{"they see much of it", 20, 1500 * time.Millisecond, 2 * time.Second},
		{"they see little of it", 1, 2400 * time.Millisecond, 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newSwitched(t)
			o.told = c.told
			o.run(120 * time.Second)
			o.gone, o.seen = true, false
			began := o.w.now
			o.run(4 * time.Second)
			if d := o.w.last(BridgeDown).At.Sub(began); d < c.least || d > c.most {
				t.Errorf("told after %v, want between %v and %v", d, c.least, c.most)
			}
		})
	}
}

// TestCutIsSuspected until polls show it; its evidence says which rate and gap.
func TestCutIsSuspected(t *testing.T) {
	o := newSwitched(t)
	o.out, o.seen = 0, false
	o.run(3 * time.Second)
	a := o.w.last(BridgeDown)
	e := a.Evidence.(*Evidence)
	if a.State != "suspected" || !strings.Contains(e.Facts[0].What, "samples/s without a gap") || !strings.Contains(e.Facts[1].What, "3 instances go on sending") {
		t.Errorf("%s: %+v", a.State, e.Facts)
	}
	o.run(18 * time.Second)
	for i := range uint32(3) {
		o.w.tell(fact.Fact{Kind: fact.PortFlat, Agent: exported, Index: 11 + i, A: 1, B: 10000<<32 | 900, C: 9000})
	}
	o.run(time.Second)
	if a := o.w.last(BridgeDown); a.State != "confirmed" {
		t.Errorf("%s after two polls", a.State)
	}
}

// TestGapsKeepTheBudget: of samples that come at random, in bursts, and in the
// datagrams that they wait for, a gap is as rare as it is taken to be. The limit is
// set to one alarm an hour, over 50 hours each; that of lacks is 17 nats beyond:
// one in a year over 1,000 bridges.
func TestGapsKeepTheBudget(t *testing.T) {
	const hours = 50
	for _, c := range []struct {
		name          string
		rate          float64
		on, off, idle float64 // mean s of bursts and between, and the share of the rate between
	}{
		{"10 a second", 10, 0, 0, 0}, {"50 a second", 50, 0, 0, 0},
		{"bursts of 2 s, a tenth between for 3 s", 40, 2, 3, 0.1}, {"bursts of 10 s, nothing between for 1 s", 30, 10, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 5))
			var f flowing
			alarms, total := 0, 0
			now, tick, waiting := 1.0, 1.0, uint64(0)
			burst, turn := true, now+c.on*rng.ExpFloat64()
			for now < 3600*hours {
				r := c.rate
				if !burst {
					r *= c.idle
				}
				next := math.Inf(1)
				if r > 0 {
					next = now + rng.ExpFloat64()/r
				}
				if c.on > 0 && turn < next && turn < tick {
					now, burst = turn, !burst
					turn += rng.ExpFloat64() * map[bool]float64{true: c.on, false: c.off}[burst]
					continue
				}
				if next < tick {
					now = next
					if waiting++; waiting < 7 {
						continue
					}
				} else {
					now = tick
					tick++
				}
				if waiting == 0 {
					continue
				}
				at := int64(now * 1e9)
				if _, ok := f.lacks(1000); ok && now > 600 {
					q := at - f.at
					if f.nats(f.rate(), q) > math.Log(f.rate()*3600) {
						total++
						if q > 2*f.usualGap() {
							alarms++
						}
					}
				}
				f.add(at, waiting, waiting, 0)
				waiting = 0
			}
			t.Logf("%d alarms in %d h, %d without the usual gap", alarms, hours, total)
			if alarms > hours {
				t.Errorf("%d alarms in %d h, want one an hour at most", alarms, hours)
			}
		})
	}
}
