package agents

import (
	"math/rand/v2"
	"testing"

	"weir/decoder/sflow"
)

// sender is one sequence space as its sender sees it.
type sender struct {
	seq    uint32
	booted uint32 // ms
}

// TestTrackerLossOfInterleavedSpaces interleaves senders at random and loses
// one per cent. With 200,000 arrivals the loss's standard error is 0.022 % of
// what was sent, so 0.8 to 1.2 % is nine standard errors either way.
func TestTrackerLossOfInterleavedSpaces(t *testing.T) {
	for _, c := range []struct {
		name    string
		senders []sender
		timed   bool
		reorder int // one in so many changes places with the next
	}{
		{"one", []sender{{seq: 77}}, false, 0},
		{"one across the wrap", []sender{{seq: 1<<32 - 5000}}, true, 0},
		{"two far apart", []sender{{seq: 24000}, {seq: 18000}}, false, 0},
		{"two far apart, timed", []sender{{24000, 1000}, {18000, 46000}}, true, 0},
		{"two far apart, reordered", []sender{{24000, 1000}, {18000, 46000}}, true, 50},
		{"two from the same number, other uptimes", []sender{{0, 1000}, {0, 46000}}, true, 0},
		{"two from the same number", []sender{{seq: 1000}, {seq: 1000}}, false, 0},
		{"two 20 apart", []sender{{seq: 1000}, {seq: 1020}}, false, 0},
		{"two 64 apart", []sender{{seq: 1000}, {seq: 1064}}, false, 0},
		{"two 300 apart", []sender{{seq: 1000}, {seq: 1300}}, false, 0},
		{"two at opposite ends", []sender{{seq: 1 << 31}, {seq: 1<<32 - 100}}, false, 0},
		{"eight", []sender{{seq: 1e4}, {seq: 2e5}, {seq: 3e6}, {seq: 4e7}, {seq: 5e8}, {seq: 6e8}, {seq: 7e8}, {seq: 8e8}}, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			var tr tracker
			type datagram struct {
				seq    sflow.Seq
				uptime uint32
			}
			now, lost := uint32(100_000), 0
			var held *datagram
			const sent = 200_000
			for range sent {
				now += uint32(rng.IntN(20))
				s := &c.senders[rng.IntN(len(c.senders))]
				s.seq++
				d := datagram{seq: sflow.Seq(s.seq)}
				if c.timed {
					d.uptime = now - s.booted
				}
				if rng.IntN(100) == 0 {
					lost++
					continue
				}
				if held == nil && c.reorder > 0 && rng.IntN(c.reorder) == 0 {
					held = &d
					continue
				}
				tr.add(d.seq, now, d.uptime)
				if held != nil {
					tr.add(held.seq, now, held.uptime)
					held = nil
				}
			}
			if l := tr.info().LossRatio(); l < 0.008 || l > 0.012 {
				t.Errorf("loss %.3f %%, want 0.8 to 1.2 (really %.3f): %+v", 100*l, 100*float64(lost)/sent, tr.info())
			}
			if n := tr.spaces(); n != len(c.senders) {
				t.Errorf("%d spaces, want %d", n, len(c.senders))
			}
		})
	}
}

func TestTrackerTellsLossFromTheRest(t *testing.T) {
	run := func(from, n, step int) []int {
		var s []int
		for i := range n {
			s = append(s, from+i*step)
		}
		return s
	}
	cat := func(parts ...[]int) []int {
		var all []int
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for _, c := range []struct {
		name string
		seqs []int // one every second
		lost uint64
		dups uint32
		late uint32
	}{
		{"in order", run(1, 100, 1), 0, 0, 0},
		{"nobody listened at first: every second one", run(1, 100, 2), 99, 0, 0},
		{"one lost", cat(run(1, 10, 1), run(12, 10, 1)), 1, 0, 0},
		{"fifty lost", cat(run(1, 10, 1), run(61, 10, 1)), 50, 0, 0},
		{"swapped", []int{1, 2, 4, 3, 5, 6}, 0, 0, 1},
		{"far reordered", cat(run(1, 10, 1), run(12, 20, 1), []int{11}, run(32, 5, 1)), 0, 0, 1},
		{"first arrivals swapped", []int{2, 1, 3, 4}, 0, 0, 0},
		{"duplicates", []int{1, 2, 2, 3, 3, 4, 5, 6}, 0, 2, 0},
		{"all ones to zero", []int{1<<32 - 2, 1<<32 - 1, 0, 1, 3}, 1, 0, 0},
		{"constant", []int{0, 0, 0, 0, 0, 0}, 0, 5, 0},
		{"began anew", cat(run(5000, 50, 1), run(1, 50, 1)), 0, 0, 0},
		{"nonsense", []int{5, 1 << 30, 77777, 3 << 29, 1234567, 99, 1 << 31, 444444, 9 << 20, 300, 1 << 25}, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tr tracker
			for i, s := range c.seqs {
				tr.add(sflow.Seq(uint32(s)), uint32(1000*i), 0)
			}
			if i := tr.info(); i.Lost != c.lost || i.Duplicates != c.dups || i.Late != c.late {
				t.Errorf("got %+v, want %d lost, %d duplicates, %d late", i, c.lost, c.dups, c.late)
			}
		})
	}
}

// TestTrackerCountsAnOutage loses more than a gap that is believed at once.
func TestTrackerCountsAnOutage(t *testing.T) {
	for _, c := range []struct {
		name         string
		gap, silence uint32 // datagrams, ms
		restart      bool
		lost         uint64
		jumps        uint32
	}{
		{"a minute at ten a second", 600, 60_000, false, 600, 0},
		{"far more than it could have sent", 50_000_000, 60_000, false, 0, 1},
		{"a restart meanwhile", 600, 60_000, true, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tr tracker
			now, booted, seq := uint32(1_000_000), uint32(10_000), uint32(5)
			for range 100 {
				now, seq = now+100, seq+1
				tr.add(sflow.Seq(seq), now, now-booted)
			}
			now, seq = now+c.silence, seq+c.gap
			if c.restart {
				booted, seq = now-2000, 0
			}
			restarted := false
			for range 100 {
				now, seq = now+100, seq+1
				restarted = tr.add(sflow.Seq(seq), now, now-booted).restarted || restarted
			}
			if i := tr.info(); i.Lost != c.lost || i.Jumps != c.jumps || restarted != c.restart {
				t.Errorf("restarted %v, %+v; want %d lost, %d jumps, restarted %v", restarted, i, c.lost, c.jumps, c.restart)
			}
		})
	}
}

// TestTrackerSurvivesOddClocks feeds uptimes that are no uptimes.
func TestTrackerSurvivesOddClocks(t *testing.T) {
	for _, c := range []struct {
		name   string
		uptime func(now uint32) uint32
	}{
		{"constant", func(uint32) uint32 { return 12345 }},
		{"hundredths of a second", func(now uint32) uint32 { return now / 10 }},
		{"seconds", func(now uint32) uint32 { return now / 1000 }},
		{"backwards", func(now uint32) uint32 { return -now }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tr tracker
			now, restarts := uint32(1_000_000), 0
			for i := range 2000 {
				now += 20_000
				if i%100 == 99 {
					continue // lost
				}
				if tr.add(sflow.Seq(uint32(i)), now, c.uptime(now)).restarted {
					restarts++
				}
			}
			if l := tr.info().LossRatio(); l < 0.008 || l > 0.012 || restarts > 1 {
				t.Errorf("loss %.3f %%, want 1; %d restarts, want at most 1", 100*l, restarts)
			}
		})
	}
}

// TestTrackerSurvivesClockSteps sets our clock now and then, and sees a
// restart all the same.
func TestTrackerSurvivesClockSteps(t *testing.T) {
	var tr tracker
	now, booted, seq, restarts := uint32(1_000_000), uint32(10_000), uint32(0), 0
	send := func() {
		now, seq = now+1000, seq+1
		if tr.add(sflow.Seq(seq), now, now-booted).restarted {
			restarts++
		}
	}
	for range 10 {
		for range 100 {
			send()
		}
		now, booted = now+60_000, booted+60_000
	}
	if i := tr.info(); i.Lost != 0 || i.Spaces != 1 || restarts != 0 {
		t.Errorf("%d restarts, %+v; want none and no loss", restarts, i)
	}
	for range 50 {
		send()
	}
	seq, booted = 0, now
	for range 50 {
		send()
	}
	if restarts != 1 {
		t.Errorf("%d restarts, want 1", restarts)
	}
}

func TestTrackerDoesNotAllocateInOrder(t *testing.T) {
	var tr tracker
	s := sflow.Seq(0)
	if n := testing.AllocsPerRun(1000, func() { s++; tr.add(s, uint32(s), 0) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// The short way says what the long one does, with jumps, losses and several
// spaces.
func TestTrackerShortWayIsTheLongWay(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		var a, b tracker
		var last [3]uint32
		for i := range last {
			last[i] = rng.Uint32()
		}
		spaces := 1 + round%3
		for i := range 400 {
			k := rng.IntN(spaces)
			switch rng.IntN(40) {
			case 0:
				last[k] += rng.Uint32N(100)
			case 1:
				last[k] += rng.Uint32N(100_000)
			default:
				last[k]++
			}
			now := uint32(10 * i)
			got := a.add(sflow.Seq(last[k]), now, 0)
			b.arrivals++
			want := b.addSlow(sflow.Seq(last[k]), now, 0, now)
			if got != want {
				t.Fatalf("round %d, arrival %d, number %d: %+v, want %+v", round, i, last[k], got, want)
			}
		}
		if a.info() != b.info() {
			t.Fatalf("round %d: %+v, want %+v", round, a.info(), b.info())
		}
	}
}

func BenchmarkTracker(b *testing.B) {
	for _, c := range []struct {
		name       string
		every, gap uint32
	}{{"in order", 0, 0}, {"5 lost of 100", 100, 5}, {"1,000 lost of 2,000", 1000, 1000}} {
		b.Run(c.name, func(b *testing.B) {
			var tr tracker
			seq, n := uint32(0), uint32(0)
			for b.Loop() {
				n++
				if seq++; c.every > 0 && n%c.every == 0 {
					seq += c.gap
				}
				tr.add(sflow.Seq(seq), n, 0)
			}
		})
	}
}

func FuzzTracker(f *testing.F) {
	f.Add([]byte{1, 0, 2, 0, 3, 0, 200, 7})
	f.Fuzz(func(t *testing.T, b []byte) {
		var tr tracker
		seq := uint32(1<<32 - 3)
		for i := 0; i+1 < len(b); i += 2 {
			seq += uint32(int8(b[i])) << (b[i+1] & 31)
			tr.add(sflow.Seq(seq), uint32(i)*uint32(b[i+1]), uint32(b[i]))
		}
		n := uint64(len(b) / 2)
		if i := tr.info(); i.Received+uint64(i.Duplicates) != n || i.Spaces > maxSpaces || tr.n > maxSpaces {
			t.Errorf("%d arrivals gave %+v", n, i)
		}
	})
}
