package largeflow

import (
	"testing"

	"weir/decoder"
	"weir/decoder/packet"
)

// colliding returns keys that fall into the bucket of key in tab.
func colliding(tab *Table, key *packet.Key, v decoder.Vantage, n int) (keys []packet.Key) {
	bucket := tab.hash(key, v) & tab.mask
	for i := uint32(0); len(keys) < n; i++ {
		k := packet.Key{SrcPort: uint16(i), DstPort: 443, Proto: 6}
		k.Src[14], k.Src[15] = byte(i>>24), byte(i>>16)
		if k != *key && tab.hash(&k, v)&tab.mask == bucket {
			keys = append(keys, k)
		}
	}
	return keys
}

// TestKeysChosenToCollide sends, beside one large flow, packets with keys that
// fall into its bucket under one seed: with another, which is what a sender can
// only guess, they are spread; and where they do collide the large flow, once
// hot, keeps its place.
func TestKeysChosenToCollide(t *testing.T) {
	const places = 1024
	v := decoder.Vantage{Agent: 1}
	large := packet.Key{SrcPort: 7, DstPort: 7, Proto: 17}
	th := Thresholds{All: Threshold{Share: 0.1}}
	keys := colliding(NewTable(th, DefaultBudget, places, 1), &large, v, 100)
	for _, c := range []struct {
		name        string
		seed        uint64
		mostEvicted uint64
	}{{"seed known", 1, 1 << 20}, {"another seed", 2, 20}} {
		t.Run(c.name, func(t *testing.T) {
			tab := NewTable(th, DefaultBudget, places, c.seed)
			est := decoder.FlowEst{SamplingRate: 10_000, Vantage: v, Speed: 10e9}
			spare, found := make([]Record, 0, HandOver), false
			for i := range 2000 { // 5 s: the large flow has 80 samples a second, all others 320
				at := base + int64(i)*25e5
				if i%5 == 0 {
					sample(tab, &large, est, 1500, at)
				} else {
					sample(tab, &keys[i%len(keys)], est, 1500, at)
				}
				if i%40 == 0 {
					spare = tab.Take(spare)
					for j := range spare {
						if spare[j].Cross.Member != 0 {
							if spare[j].Key != large {
								t.Errorf("a small flow crossed")
							}
							found = true
						}
					}
				}
			}
			if !found {
				t.Error("the large flow was not found")
			}
			if tab.Evicted > c.mostEvicted || c.seed == 1 && tab.Evicted < 500 {
				t.Errorf("%d evicted", tab.Evicted)
			}
		})
	}
}

// TestSamplingRateChangesInMidStream lets the sampling rate fall and rise
// tenfold, as busy agents do: a flow below the threshold stays below it, one
// above it is found once and is not lost.
func TestSamplingRateChangesInMidStream(t *testing.T) {
	for _, c := range []struct {
		name  string
		share float64
		want  bool
	}{{"2 % of the link", 0.02, false}, {"30 % of the link", 0.3, true}} {
		t.Run(c.name, func(t *testing.T) {
			th := Thresholds{All: Threshold{Share: 0.1}}
			w := NewWatch(64, 1)
			tab := NewTable(th, DefaultBudget, 64, 1)
			tab.SetWatch(w)
			tr := NewTracker(TrackerConfig{Threshold: th, Budget: DefaultBudget, Hold: 3e9, Flows: 64, Watch: w})
			key := packet.Key{SrcPort: 1, Proto: 17}
			spare := make([]Record, 0, HandOver)
			var reports []Report
			at, next := base, base
			for step, rate := range []uint32{10_000, 100_000, 10_000, 1000, 10_000} {
				gap := int64(float64(rate) * 1500 * 8 / (c.share * 10e9) * 1e9)
				for end := base + int64(step+1)*20e9; at < end; at += gap {
					sample(tab, &key, decoder.FlowEst{SamplingRate: rate, Vantage: decoder.Vantage{Agent: 1}, Speed: 10e9}, 1500, at)
					if at < next {
						continue
					}
					next = at + 1e8
					spare = tab.Take(spare)
					for i := range spare {
						tr.Add(&spare[i])
					}
					reports = tr.Decide(at, reports)
				}
			}
			starts, ends := 0, 0
			for _, r := range reports {
				if r.Start {
					starts++
				}
				if r.State == Ended {
					ends++
				}
				if truth := c.share * 10e9; !r.Start && (r.Window.Low > 1.05*truth || r.Window.High < 0.95*truth) {
					t.Errorf("%.1f s: %.3g to %.3g bit/s", float64(r.At-base)/1e9, r.Window.Low, r.Window.High)
				}
			}
			if want := map[bool]int{true: 1}[c.want]; starts != want || ends != 0 {
				t.Errorf("%d starts, %d ends, want %d and none", starts, ends, want)
			}
		})
	}
}
