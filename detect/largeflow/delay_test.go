package largeflow

import (
	"math"
	"testing"
	"time"
)

// The wanted values are those of the simulation in detect's numbers_test.go.
func TestExpectedDelayAgreesWithSimulation(t *testing.T) {
	for _, c := range []struct {
		share               float64
		points              int
		p50, p99, confirmed float64
	}{
		{0.1, 1, 1.45, 3.75, math.Inf(1)}, {0.2, 1, 0.51, 1.29, 2.86}, {0.5, 1, 0.16, 0.4, 0.38}, {1, 1, 0.074, 0.18, 0.136},
		{0.2, 3, 0.195, 0.46, 1}, {0.15, 1, 0.76, 1.9, 7.5},
	} {
		q := Query{Threshold: Threshold{Share: 0.1}, Speed: 10e9, SamplingRate: 10000, Rate: c.share * 10e9, Points: c.points}
		d := ExpectedDelay(q)
		t.Logf("%g %% at %d points: %.3f, %.3f, %.3f s", 100*c.share, c.points, d.Suspected.Seconds(), d.Suspected99.Seconds(), d.Confirmed.Seconds())
		near := func(name string, got time.Duration, want, by float64) {
			if math.IsInf(want, 1) {
				if got != Never {
					t.Errorf("%g %%: %s %s, want never", 100*c.share, name, got)
				}
			} else if math.Abs(got.Seconds()/want-1) > by {
				t.Errorf("%g %%: %s %.3f s, simulated %.3f", 100*c.share, name, got.Seconds(), want)
			}
		}
		near("p50", d.Suspected, c.p50, 0.15)
		near("p99", d.Suspected99, c.p99, 0.25)
		near("confirmed", d.Confirmed, c.confirmed, 0.2)
	}
}

func TestExpectedDelayGrows(t *testing.T) {
	base := Query{Threshold: Threshold{BitsPerSecond: 1e9}, Speed: 10e9, SamplingRate: 10000, Rate: 2e9}
	want := ExpectedDelay(base)
	for name, change := range map[string]func(*Query){
		"with the sampling rate":     func(q *Query) { q.SamplingRate = 32768 },
		"with larger frames":         func(q *Query) { q.Frame = 9000 },
		"with a tighter budget":      func(q *Query) { q.Budget = Budget{0.001, 0.001} },
		"with a fuller background":   func(q *Query) { q.Background = 0.05 },
		"with a smaller flow":        func(q *Query) { q.Rate = 1.3e9 },
		"without a link's own speed": func(q *Query) { q.Speed, q.SamplingRate = 0, 20000 },
	} {
		q := base
		change(&q)
		if d := ExpectedDelay(q); d.Suspected <= want.Suspected || d.Confirmed <= want.Confirmed && name != "with a fuller background" {
			t.Errorf("%s: %+v, before %+v", name, d, want)
		}
	}
	base.Links = 10000
	if d := ExpectedDelay(base); d.Confirmed <= want.Confirmed || d.Suspected != want.Suspected {
		t.Errorf("with 10,000 links: %+v, before %+v", d, want)
	}
}
