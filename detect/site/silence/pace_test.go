package silence

import (
	"math/rand/v2"
	"testing"
	"time"
)

// heard lets a sender beat every period for a time, of which the share loss is
// lost in bursts of that mean length.
func heard(p *Pace, rng *rand.Rand, period, span time.Duration, jitter, loss, burst float64) (last int64, worst int64) {
	bad := false
	prev := int64(0)
	at := int64(time.Hour)
	missing := uint32(0)
	for end := at + int64(span); at < end; {
		at += int64(period)
		if bad {
			bad = rng.Float64() < 1-1/burst
		} else {
			bad = rng.Float64() < loss/(1-loss)/burst
		}
		if bad {
			missing++
			continue
		}
		t := at + int64(jitter*rng.Float64()*float64(period))
		d, _, _ := p.Deadline(1000, &Losses{})
		p.Count(1, missing)
		p.Beat(t, d)
		missing = 0
		if prev != 0 {
			worst = max(worst, t-prev)
		}
		prev = t
	}
	return prev, worst
}

// TestDeadlineFollowsPaceAndLoss checks the table of detection: a heartbeat of
// a second is missed within 4 s at 0.1 % loss, 6 s at 1 % and 9 s at 5 %.
func TestDeadlineFollowsPaceAndLoss(t *testing.T) {
	for _, c := range []struct {
		name          string
		period        time.Duration
		jitter, loss  float64
		burst         float64
		least, most   time.Duration
		least2, most2 int
	}{
		{"no loss", time.Second, 0.02, 0, 1, 3 * time.Second, 4600 * time.Millisecond, 3, 4},
		{"one in a thousand", time.Second, 0.02, 0.001, 1, 3900 * time.Millisecond, 5600 * time.Millisecond, 3, 5},
		{"one in a hundred", time.Second, 0.02, 0.01, 1, 5 * time.Second, 8 * time.Second, 5, 7},
		{"one in twenty", time.Second, 0.02, 0.05, 1, 8 * time.Second, 12 * time.Second, 7, 11},
		{"switch polled every 20 s", 20 * time.Second, 0.05, 0, 1, 60 * time.Second, 90 * time.Second, 3, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Pace
			heard(&p, rand.New(rand.NewPCG(1, 2)), c.period, 1500*c.period, c.jitter, c.loss, c.burst)
			d, m, ok := p.Deadline(1000, &Losses{})
			if !ok || time.Duration(d) < c.least || time.Duration(d) > c.most || m < c.least2 || m > c.most2 {
				t.Errorf("deadline %v after %d misses (%v), want %v to %v and %d to %d; period %v, loss %.4f",
					time.Duration(d), m, ok, c.least, c.most, c.least2, c.most2, time.Duration(p.Period()), p.Loss())
			}
		})
	}
}

// TestDeadlineKeepsQuiet runs a fleet for long and counts silences that are
// none: 3.5 agent-years at once a second and 1 % loss may have less than one in
// a year over 1,000 agents, so there must be none; bursts of three lost in a
// row included.
func TestDeadlineKeepsQuiet(t *testing.T) {
	for _, c := range []struct {
		name        string
		loss, burst float64
		learning    time.Duration // that losses come together takes some to learn
	}{
		{"none", 0, 1, time.Minute}, {"1 %", 0.01, 1, 10 * time.Minute}, {"5 %", 0.05, 1, 10 * time.Minute},
		{"1 % in bursts", 0.01, 3, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			alarms, beats := 0, 0
			for seed := range uint64(20) {
				var p Pace
				var all Losses
				rng := rand.New(rand.NewPCG(seed, 7))
				bad, missing := false, uint32(0)
				for at := int64(time.Second); at < int64(6*time.Hour); at += int64(time.Second) {
					if bad {
						bad = rng.Float64() < 1-1/c.burst
					} else {
						bad = rng.Float64() < c.loss/(1-c.loss)/c.burst
					}
					if bad {
						missing++
						continue
					}
					d, _, ok := p.Deadline(1000, &all)
					if ok && at > int64(c.learning) && at-p.Last() > d {
						alarms++
					}
					p.Count(1, missing)
					all.Count(1, missing)
					all.Missed(int64(time.Second), p.Beat(at, d))
					missing = 0
					beats++
				}
			}
			if alarms > 0 {
				t.Errorf("%d false silences in %d beats", alarms, beats)
			}
		})
	}
}

// TestPaceIsOfPolls: several datagrams at once each second are a pace of one
// second, and a pace that changed for good is learned anew.
func TestPaceIsOfPolls(t *testing.T) {
	var p Pace
	at := int64(time.Hour)
	beat := func(n int, every time.Duration) {
		for range n {
			at += int64(every)
			for k := range 5 {
				d, _, _ := p.Deadline(100, &Losses{})
				p.Beat(at+int64(k)*int64(time.Millisecond), d)
			}
		}
	}
	beat(50, time.Second)
	if got := time.Duration(p.Period()); got < 950*time.Millisecond || got > 1150*time.Millisecond {
		t.Errorf("period %v, want 1 s", got)
	}
	beat(600, 10*time.Second)
	if got := time.Duration(p.Period()); got < 9500*time.Millisecond || got > 11500*time.Millisecond {
		t.Errorf("period %v after a change, want 10 s", got)
	}
}

func TestPaceAllocatesNothing(t *testing.T) {
	var p Pace
	at := int64(1)
	if n := testing.AllocsPerRun(1000, func() {
		at += int64(time.Second)
		d, _, _ := p.Deadline(1000, &Losses{})
		p.Count(1, 0)
		p.Beat(at, d)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
