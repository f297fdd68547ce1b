package site

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"weir/bench/traffic"
)

// TestLinksAreFullAndNeverFuller adds up what flows on each link in every
// second.
func TestLinksAreFullAndNeverFuller(t *testing.T) {
	l := Links{Seed: 1, Count: 3, Speed: 10e9, Mice: 0.02, Share: 0.3, Duration: 5 * time.Second, Warm: 4 * time.Second, Spread: 3 * time.Second, Vantages: 2}
	c, elephants := l.Network(0)
	if len(c.Agents) != 6 || len(elephants) != 3 {
		t.Fatalf("%d agents, %d large flows; want 6 and 3", len(c.Agents), len(elephants))
	}
	for _, e := range elephants {
		for at := Settle + time.Second; at < e.End.Sub(Epoch); at += 100 * time.Millisecond {
			sum := 0.0
			for _, f := range c.Flows {
				if f.Path[0].Agent == 2*e.Link && f.Start <= at && at < f.Stop {
					sum += float64(f.Rate)
				}
			}
			if math.Abs(sum/10e9-1) > 0.001 {
				t.Fatalf("link %d carries %.3f of its speed at %v", e.Link, sum/10e9, at)
			}
		}
	}
}

func TestSampleRateOfTheRule(t *testing.T) {
	for _, speed := range []uint64{1e9, 10e9, 400e9} {
		l := Links{Speed: speed}
		if got := l.PerSecond(0.1); math.Abs(got-8.333) > 0.01 {
			t.Errorf("10 %% of %d bit/s: %.3f samples/s, want 8.33", speed, got)
		}
	}
}

// TestFloodsSendTheirRate counts packets by the routers' counters.
func TestFloodsSendTheirRate(t *testing.T) {
	l := Floods{
		Seed: 2, Count: 1, Attack: SYN, PPS: 10000, Rate: 100, Flush: -1, Routers: 4,
		Lasts: 2 * time.Second, Pause: time.Second, Pulses: 3,
	}
	c, truths := l.Network()
	n := traffic.New(c)
	for {
		if _, ok := n.Next(); !ok {
			break
		}
	}
	var packets uint64
	for r := 1; r <= 4; r++ {
		_, in, _, _ := n.PortCounters(traffic.End{Agent: r, Port: 1})
		packets += in
	}
	if packets < 59_900 || packets > 60_100 {
		t.Errorf("%d packets in three pulses of 2 s at 10,000/s", packets)
	}
	if _, _, _, out := n.PortCounters(traffic.End{Agent: 0, Port: 100}); out < 59_900 || out > 60_100 {
		t.Errorf("%d packets leave the leaf", out)
	}
	f := truths[0]
	if len(f.Pulses) != 3 || f.Pulses[1].Start.Sub(f.Pulses[0].Start) != 3*time.Second || f.Victim.Bits() != 32 {
		t.Errorf("truth %+v", f)
	}
}

func TestRampGrows(t *testing.T) {
	l := Floods{Seed: 2, Count: 1, Attack: UDP, PPS: 6000, Rate: 100, Ramp: time.Minute, Lasts: time.Second}
	c, _ := l.Network()
	last := uint64(0)
	for _, f := range c.Flows {
		if f.Rate < last {
			t.Fatalf("the ramp falls from %d to %d bit/s", last, f.Rate)
		}
		last = f.Rate
	}
	if last != 6000*128*8 {
		t.Errorf("it ends at %d bit/s", last)
	}
}

// TestBenignKnowsItsLargeFlows checks the truth that false alarms are judged by.
func TestBenignKnowsItsLargeFlows(t *testing.T) {
	l := Benign{Seed: 3, Links: 2, Speed: 10e9, Hours: 1}
	c, rates := l.Network()
	large := 0
	for _, rate := range rates {
		if rate >= 0.08*10e9 {
			large++
		}
	}
	if large != 6 {
		t.Errorf("%d flows above 8 %% of a link, want a backup and two migrations on each of two", large)
	}
	pairs := map[[2]netip.Addr]bool{}
	for _, f := range c.Flows {
		if f.Vary == (traffic.Vary{}) {
			k := [2]netip.Addr{f.Src, f.Dst}
			if pairs[k] {
				t.Fatalf("two flows from %s to %s", f.Src, f.Dst)
			}
			pairs[k] = true
		}
	}
}
