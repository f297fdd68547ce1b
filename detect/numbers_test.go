package detect

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"weir/decoder"
)

// The numbers that the large-flow detector is held to: one link sampled 1 in
// speed/10^6, samples a Poisson process, no flush, no loss. With -numbers=10
// ten times as many are drawn.
var numbers = flag.Int("numbers", 1, "how many times the usual number of flows and hours the statistics of large flows are drawn from")

// linkWorld is a link that is full of equal flows, seen at some vantage
// points, on which large flows come and go.
type linkWorld struct {
	*world
	rng    *rand.Rand
	each   float64 // share of the link of a competitor; 0 none
	points int
	at     time.Duration
	f      decoder.Flow
	urgent time.Duration // when the shards' hand-over is due; 0 it is not
	handed time.Duration
	churn  time.Duration // after which a competitor is another flow; 0 never
}

func newLinkWorld(seed uint64, each float64, points int, cfg Config) *linkWorld {
	w := &world{next: 100 * time.Millisecond}
	for i := range points {
		w.shards = append(w.shards, NewShard(cfg, uint64(i)))
	}
	w.engine = NewEngine(cfg, w.shards, testNames{})
	return &linkWorld{world: w, rng: rand.New(rand.NewPCG(seed, 1)), each: each, points: points, f: decoder.Flow{Arrival: &decoder.Arrival{}}}
}

// run lets time pass with a further flow of a share of the link, or none. A
// shard that has something urgent hands it over at most every 5 ms.
func (w *linkWorld) run(d time.Duration, flow int, share float64, done func() bool) {
	const full = linkSpeed / linkRate / 8 / 1500 // samples a second
	other, large := 0.0, share*full*float64(w.points)
	if w.each > 0 {
		other = full * float64(w.points) * (1 - share)
	}
	end := w.at + d
	s := stream{rate: linkRate, speed: linkSpeed}
	for {
		w.at += time.Duration(w.rng.ExpFloat64() / (other + large) * 1e9)
		if w.urgent != 0 && w.urgent < w.at {
			w.hand(w.urgent)
		}
		if w.at >= end || done != nil && done() {
			w.at = min(w.at, end)
			w.until(w.at)
			return
		}
		w.until(w.at)
		if s.flow = flow; w.rng.Float64()*(other+large) >= large {
			n := int(math.Round(1 / w.each))
			s.flow = w.rng.IntN(n)
			if w.churn > 0 { // not all at once
				s.flow += n * (int((w.at+w.churn*time.Duration(s.flow)/time.Duration(n))/w.churn) % 90)
			}
		}
		point := w.rng.IntN(w.points)
		s.vantage = decoder.Vantage{Agent: uint32(1 + point), Source: 1}
		fill(&w.f, event{w.at, &s, 1500})
		w.shards[point].Flow(&w.f)
		if w.shards[point].Urgent() && w.urgent == 0 {
			if w.urgent = w.handed + 5*time.Millisecond; w.urgent <= w.at {
				w.hand(w.at)
			}
		}
	}
}

func (w *linkWorld) hand(at time.Duration) {
	w.tick(at)
	w.handed, w.urgent = at, 0
}

// outcome is what large flows of one share gave.
type outcome struct {
	suspected, confirmed []float64 // s from the flow's start
	cover, coverAll      [2]int    // intervals of first alerts that hold the truth: suspected, confirmed
	below                [2]int    // of these that missed, such as are wholly below the truth
	bias                 [2]float64
	missed               int
}

// elephants draws n large flows one after the other.
func (w *linkWorld) elephants(n int, share float64, least time.Duration, confirm bool) (o outcome) {
	for i := range n {
		flow := 10000 + i
		begin, first := w.at, len(w.alerts)
		var sus, con *Alert
		w.run(least, flow, share, func() bool {
			for _, a := range w.alerts[first:] {
				if a.Subject.(*FlowSubject).Src != keyOfAddr(flow) {
					continue
				}
				if a.Change == Start {
					sus = a
				}
				if a.State == Confirmed && con == nil {
					con = a
				}
			}
			return con != nil || sus != nil && !confirm
		})
		if sus == nil {
			o.missed++
		}
		for j, a := range []*Alert{sus, con} {
			if a == nil {
				continue
			}
			d := a.At.Sub(epoch.Add(begin)).Seconds()
			if j == 0 {
				o.suspected = append(o.suspected, d)
			} else {
				o.confirmed = append(o.confirmed, d)
			}
			if j == 0 && a.State == Confirmed {
				continue // counted there
			}
			e, truth := evidence(a), share*linkSpeed
			o.coverAll[j]++
			o.bias[j] += float64(e.BitsPerSecond)/truth - 1
			switch {
			case float64(e.High) < truth:
				o.below[j]++
			case float64(e.Low) <= truth:
				o.cover[j]++
			}
		}
		w.alerts = w.alerts[:0]
		w.run(time.Second, 0, 0, nil)
	}
	slices.Sort(o.suspected)
	slices.Sort(o.confirmed)
	return o
}

func quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]
}

// check compares one stage with its targets, with room for chance where few
// flows were drawn.
func (o *outcome) check(t *testing.T, stage int, delays []float64, p50, p99 float64) {
	t.Helper()
	n := o.coverAll[stage]
	cover, bias := float64(o.cover[stage])/float64(n), o.bias[stage]/float64(n)
	t.Logf("p50 %.3f p99 %.3f s, mean %.3f; of %d intervals %.1f %% hold the truth (%d are below it), bias %+.1f %%",
		quantile(delays, 0.5), quantile(delays, 0.99), mean(delays), n, 100*cover, o.below[stage], 100*bias)
	few := 1 / math.Sqrt(float64(n))
	if v := quantile(delays, 0.5); v > p50*(1+1.5*few) {
		t.Errorf("p50 %.3f s, want at most %g", v, p50)
	}
	if v := quantile(delays, 0.99); v > p99*(1+4*few) {
		t.Errorf("p99 %.3f s, want at most %g", v, p99)
	}
	if math.Abs(bias) > 0.1+0.8*few {
		t.Errorf("bias %+.1f %%, want at most 10", 100*bias)
	}
	if lo, hi := 0.93-0.65*few, 0.97+0.5*few; cover < lo || cover > hi {
		t.Errorf("%.1f %% hold the truth, want 93 to 97", 100*cover)
	}
	if o.missed > 0 {
		t.Errorf("%d flows missed", o.missed)
	}
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// Among competitors of 1 % of the link, at the default budget. The mean delay
// is within 1.25 of the bound that no rule can beat (Lorden 1971), ln(mean
// time between false alarms in s)/divergence.
func TestNumbersSuspected(t *testing.T) {
	for _, c := range []struct {
		share    float64
		points   int
		p50, p99 float64
		ratio    float64
	}{
		{0.1, 1, 1.5, 3.8, 1.25}, {0.2, 1, 0.55, 1.4, 1.25}, {0.5, 1, 0.17, 0.45, 0}, {1, 1, 0.08, 0.19, 0},
		{0.1, 3, 0.6, 1.3, 0}, {0.2, 3, 0.22, 0.48, 0}, {0.5, 3, 0.08, 0.15, 0}, {1, 3, 0.04, 0.08, 0},
	} {
		t.Run(fmt.Sprintf("%s, %d points", trimShare(c.share), c.points), func(t *testing.T) {
			t.Parallel()
			w := newLinkWorld(uint64(c.points), 0.01, c.points, DefaultConfig())
			w.run(120*sec, 0, 0, nil)
			o := w.elephants(300**numbers, c.share, 30*sec, false)
			o.check(t, 0, o.suspected, c.p50, c.p99)
			large, small := c.share*linkSpeed/linkRate/8/1500, 0.01*linkSpeed/linkRate/8/1500
			bound := math.Log(86400*100) / (large*math.Log(large/small) - large + small)
			t.Logf("ratio to the bound of %.3f s: %.2f", bound, mean(o.suspected)*float64(c.points)/bound)
			if c.ratio > 0 && mean(o.suspected) > c.ratio*bound*(1+2/math.Sqrt(float64(len(o.suspected)))) {
				t.Errorf("mean %.3f s, want at most %g of the bound", mean(o.suspected), c.ratio)
			}
		})
	}
}

func TestNumbersConfirmed(t *testing.T) {
	for _, c := range []struct{ share, p50, p99 float64 }{{0.15, 15, 40}, {0.2, 4, 12}, {0.5, 0.4, 1.2}, {1, 0.17, 0.5}} {
		t.Run(trimShare(c.share), func(t *testing.T) {
			t.Parallel()
			w := newLinkWorld(7, 0.01, 1, DefaultConfig())
			w.run(60*sec, 0, 0, nil)
			o := w.elephants(200**numbers, c.share, 120*sec, true)
			o.check(t, 1, o.confirmed, c.p50, c.p99)
		})
	}
}

// False alarms on a link that is full of equal flows, whether they stay or are
// others every 20 s: an accelerated run, at a budget of 24 an hour.
func TestNumbersFalseAlarms(t *testing.T) {
	const budget = 24.0 // an hour
	for _, churn := range []time.Duration{0, 4 * sec, 20 * sec} {
		for _, each := range []float64{0.01, 0.02, 0.03, 0.05} {
			t.Run(fmt.Sprintf("%s, churn %s", trimShare(each), churn), func(t *testing.T) {
				t.Parallel()
				cfg := DefaultConfig()
				cfg.LargeFlow.Budget.Suspected = 24 * budget
				w := newLinkWorld(9, each, 1, cfg)
				w.churn = churn
				w.run(600*sec, 0, 0, nil)
				warm := len(w.ids())
				w.alerts = nil
				hours := float64(*numbers) / 2
				w.run(time.Duration(hours*float64(time.Hour)), 0, 0, nil)
				n, most := len(w.ids()), budget*hours
				t.Logf("%d in the first 600 s, then %d in %g h, budget %g", warm, n, hours, most)
				if float64(n) > most+3*math.Sqrt(most) {
					t.Errorf("%d false alarms, budget %g", n, most)
				}
				for _, a := range w.alerts {
					if a.State == Confirmed {
						t.Errorf("confirmed: %s", a.Line())
					}
				}
			})
		}
	}
}

func trimShare(v float64) string { return (Threshold{Share: v}).String() }
func keyOfAddr(flow int) netip.Addr {
	k := keyOf(flow)
	return k.SrcAddr()
}
