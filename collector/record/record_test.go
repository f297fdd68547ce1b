package record

import (
	"testing"
	"time"

	"weir/decoder"
	"weir/detect/window"
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

// Every row has the key of its sample, in the order of arrival, also where there are
// more keys than have numbers at a time, and where rows of others are read much later.
func TestRowsHaveTheirKeys(t *testing.T) {
	const n = 3*keysOfTurn + 1000
	key := func(i int) uint16 { return uint16(i * i >> 3) }
	for _, c := range []struct {
		name  string
		flows func(i int) int
		late  int // blocks that wait for the reader
	}{
		{"a key each", func(i int) int { return i }, 0},
		{"a key each, read late", func(i int) int { return i }, 20},
		{"keys that return", func(i int) int { return i * 7 % (keysOfTurn + 5000) }, 3},
		{"few keys", func(i int) int { return i % 100 }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := NewExchange(c.late + 2)
			w, next := x.NewWriter(), 0
			read := func(b *Block) {
				for i := range b.Used() {
					r := &b.Rows[i]
					flow := uint32(c.flows(next))
					if k := &b.Keys[r.Key]; r.At != int64(next) || r.Length != uint32(next) || k.Input != flow || k.EtherType != key(int(flow)) {
						t.Fatalf("row %d: %+v with key %+v, want flow %d", next, r, k, flow)
					}
					next++
				}
				x.Release(b)
			}
			some := make([]decoder.Flow, decoder.FlowsKept)
			var ptrs []*decoder.Flow
			for i := 0; i < n; {
				ptrs = ptrs[:0]
				for j := range min(1+i%decoder.FlowsKept, n-i) {
					f, flow := &some[j], c.flows(i)
					*f = decoder.Flow{Arrival: &decoder.Arrival{At: time.Unix(0, int64(i))}}
					f.FrameLength, f.Sample.Input.Value, f.Header.EtherType = uint32(i), uint32(flow), key(flow)
					f.Est.SamplingRate = 1
					ptrs = append(ptrs, f)
					i++
				}
				w.thin = window.NewThinning(2*Samples, 1) // leave none out
				w.Ahead(ptrs)
				w.Keep()
				for len(x.Full()) > c.late {
					read(<-x.Full())
				}
			}
			w.Flush()
			for len(x.Full()) > 0 {
				read(<-x.Full())
			}
			if next != n || x.Lost() > 0 {
				t.Errorf("%d rows of %d, %d lost", next, n, x.Lost())
			}
			if len(x.spare) > 4+c.late/8 {
				t.Errorf("%d dictionaries", len(x.spare))
			}
		})
	}
}
