package record

import (
	"testing"
	"time"

	"weir/decoder"
)

// A writer keeps every sample of a rate that it must keep, though they come in
// bursts, and of more at least as many, others counting for them.
func TestWriterKeepsAtLeastItsSamples(t *testing.T) {
	const seconds = 3
	for _, c := range []struct {
		name          string
		perSecond     int
		least, most   int // kept a second
		countsForMany bool
	}{
		{"as many", Samples, Samples, Samples, false},
		{"a few more", Samples * 11 / 10, Samples * 11 / 10, Samples * 11 / 10, false},
		{"ten times as many", 10 * Samples, Samples, 2 * Samples, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := NewExchange(2)
			w := x.NewWriter()
			kept, counted := 0, uint64(0)
			take := func() {
				w.Flush()
				for {
					select {
					case b := <-x.Full():
						for i := range b.Used() {
							counted += uint64(b.Keys[b.Rows[i].Key].Rate)
						}
						kept += b.N
						x.Release(b)
						continue
					default:
					}
					return
				}
			}
			begin := time.Unix(1_700_000_000, 0)
			for i := range seconds * c.perSecond {
				at := time.Duration(i) * time.Second / time.Duration(c.perSecond)
				at = at.Truncate(7 * time.Millisecond) // a burst each 7 ms
				f := decoder.Flow{Arrival: &decoder.Arrival{At: begin.Add(at)}}
				f.Est.SamplingRate = 100
				if w.Add(&f); i%1000 == 0 {
					take()
				}
			}
			take()
			if x.Lost() > 0 || kept < seconds*c.least*99/100 || kept > seconds*c.most*101/100 {
				t.Errorf("%d kept, %d lost, want %d to %d", kept, x.Lost(), seconds*c.least, seconds*c.most)
			}
			if all := x.Thinned() + uint64(kept); all != uint64(seconds*c.perSecond) {
				t.Errorf("%d kept and %d left out of %d", kept, x.Thinned(), seconds*c.perSecond)
			}
			if c.countsForMany == (kept == seconds*c.perSecond) {
				t.Errorf("%d kept of %d", kept, seconds*c.perSecond)
			}
			if want := float64(100 * seconds * c.perSecond); float64(counted) < 0.95*want || float64(counted) > 1.05*want {
				t.Errorf("they count for %d packets, want %.0f", counted, want)
			}
		})
	}
}
