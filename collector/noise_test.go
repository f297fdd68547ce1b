package collector

import (
	"net/netip"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/shard"
	"weir/decoder/sflow"
)

// Sources are easily forged: what the log hears of them is bounded, whatever
// arrives, and so is what is remembered.
func TestNoiseIsBounded(t *testing.T) {
	const senders = 5000
	for _, c := range []struct {
		name             string
		err              error
		first, nextHour  int // lines of all senders together
		again, quietOnes int // of one sender: after a minute, before that
	}{
		{"damaged", &sflow.Error{What: "datagram", Index: -1, Err: sflow.ErrTruncated}, maxNoisy, maxNoisy, 1, 0},
		{"foreign", sflow.ErrIPFIX, maxNoisy, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var q noise
			var out lines
			log := zerolog.New(&out)
			now := replayStart
			said := 0
			say := func(sender int) int {
				before := said
				a := netip.AddrFrom4([4]byte{10, 0, byte(sender >> 8), byte(sender)})
				q.log(&log, now, &shard.Bad{From: netip.AddrPortFrom(a, 1), Err: c.err, N: 1})
				said = len(out.all())
				return said - before
			}
			all := func(first int) (n int) {
				for i := range senders {
					n += say(first + i)
				}
				return n
			}
			if n := all(0); n != c.first {
				t.Errorf("%d lines, want %d", n, c.first)
			}
			now = now.Add(quiet - time.Second)
			if n := say(1); n != c.quietOnes {
				t.Errorf("%d lines about one sender within a minute, want %d", n, c.quietOnes)
			}
			now = now.Add(time.Second)
			if n := say(1); n != c.again {
				t.Errorf("%d lines about one sender after a minute, want %d", n, c.again)
			}
			now = now.Add(time.Hour)
			if n := all(senders); n != c.nextHour {
				t.Errorf("%d lines about others, want %d", n, c.nextHour)
			}
			if len(q.foreign) > maxNoisy || len(q.damaged) > maxNoisy {
				t.Errorf("%d and %d senders remembered", len(q.foreign), len(q.damaged))
			}
		})
	}
}

func TestRateIsOfTheLastSeconds(t *testing.T) {
	var r rate
	if got := r.perSecond(); got != 0 {
		t.Errorf("nothing: %v", got)
	}
	count := uint64(0)
	for i := range 20 {
		if i > 10 {
			count += 100
		}
		r.add(replayStart.Add(time.Duration(i)*time.Second), count)
		want := map[int]float64{0: 0, 10: 0, 11: 25, 14: 100, 19: 100}
		if w, ok := want[i]; ok && r.perSecond() != w {
			t.Errorf("second %d: %v, want %v", i, r.perSecond(), w)
		}
	}
}
