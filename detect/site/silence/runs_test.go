package silence

import (
	"math/rand/v2"
	"testing"
	"time"
)

// burstsOf lets a sender of several datagrams a second, of which one is a beat,
// speak for a time in which now and then all is lost for a while.
func burstsOf(p, traffic *Pace, all *Losses, rng *rand.Rand, span, dark, every time.Duration) (last int64) {
	const apart = 250 * time.Millisecond
	missing, next := uint32(0), time.Duration(rng.ExpFloat64()*float64(every))
	for at := time.Second; at < span; at += apart {
		if at > next+dark {
			next = at + time.Duration(rng.ExpFloat64()*float64(every))
		}
		if at > next {
			missing++
			continue
		}
		now := int64(time.Hour + at)
		p.Count(1, missing)
		traffic.Count(1, missing)
		all.Count(1, missing)
		missing = 0
		traffic.Beat(now, 0)
		if at%time.Second == 0 {
			d, _, _ := p.Deadline(1000, all)
			all.Missed(p.Period(), p.Beat(now, d))
			last = now
		}
	}
	return last
}

// TestRunsAreOfBeats: that many datagrams are lost in a row within a second says
// nothing of the beat after; that some seconds are, does. Of a sender whose other
// datagrams have come all the while, each counts.
func TestRunsAreOfBeats(t *testing.T) {
	for _, c := range []struct {
		name        string
		dark        time.Duration
		least, most time.Duration // of the deadline
		alone       time.Duration // at most, where the way was open
	}{
		{"0.9 s of all", 900 * time.Millisecond, 5 * time.Second, 9 * time.Second, 4 * time.Second},
		{"4 s of all", 4 * time.Second, 15 * time.Second, 61 * time.Second, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p, traffic Pace
			var all Losses
			rng := rand.New(rand.NewPCG(1, 2))
			burstsOf(&p, &traffic, &all, rng, time.Hour, c.dark, 30*time.Second)
			d, m, ok := p.Deadline(1000, &all)
			if period := time.Duration(p.Period()); period < 950*time.Millisecond || period > 1150*time.Millisecond {
				t.Errorf("period %v, want 1 s: what is lost is no pause", period)
			}
			if !ok || time.Duration(d) < c.least || time.Duration(d) > c.most {
				t.Errorf("deadline %v after %d beats, want %v to %v; share %.3f, burst %.3f", time.Duration(d), m, c.least, c.most, p.share(&all), p.burst(&all))
			}
			if a := time.Duration(p.Alone(&traffic, 1000, &all)); a > c.alone {
				t.Errorf("alone %v, want at most %v", a, c.alone)
			}
		})
	}
}

// TestKeptLosses: what is kept is taken again, and what cannot be is not.
func TestKeptLosses(t *testing.T) {
	var l Losses
	l.Count(1000, 30)
	l.Missed(int64(time.Second), 3)
	l.Missed(int64(20*time.Second), 1)
	var again Losses
	again.Keep(l.Kept())
	if again != l {
		t.Errorf("%+v, want %+v", again, l)
	}
	for _, bad := range []Kept{{Datagrams: [3]float64{1, 2}}, {Datagrams: [3]float64{1e18, 0}}, {Beats: [classes][2]float64{{1, 2}}}, {Beats: [classes][2]float64{{-1, -2}}}} {
		var x Losses
		if x.Keep(bad); x != (Losses{}) {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// TestShareFollowsItsOwnWay: a sender that loses as all do is judged by what all
// lose, one that loses far more by its own.
func TestShareFollowsItsOwnWay(t *testing.T) {
	var all Losses
	all.Count(100000, 1000)
	for _, c := range []struct {
		name       string
		came, lost uint32
		least      float64
		most       float64
	}{
		{"as all do, by chance a little more", 96, 4, 0.009, 0.0125},
		{"five times as much", 950, 50, 0.03, 0.06},
		{"nothing is known of it", 0, 0, 0.009, 0.011},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Pace
			p.Count(c.came, c.lost)
			if got := p.share(&all); got < c.least || got > c.most {
				t.Errorf("%.4f, want %.4f to %.4f", got, c.least, c.most)
			}
		})
	}
}
