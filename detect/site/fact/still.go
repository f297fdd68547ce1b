package fact

import "math"

// still follows one direction of an interface that stands still while the other
// moves: how often it does as a rule, and for how long it does now.
type still struct {
	polls, flats float32 // halved now and then
	run          uint16  // polls in a row
	ms           int64   // of them, by the counters' own clock
	packets      uint64  // of the other direction meanwhile
	told         bool
}

// Bounds of still.
const (
	stillPolls = 64   // after which what was counted halves
	stillLeast = 8    // polls from which on something is concluded
	stillRun   = 2    // polls in a row from which on it is told
	stillPause = 2    // polls of a run that has ended, which are learned from
	stillLong  = 5000 // ms by which one poll alone is as good, where nothing comes in
)

// see counts a poll in which the other direction moved. It returns how unlikely
// the run is in nats, and whether that is to be told. one says that one long poll
// is enough.
func (s *still) see(moved bool, ms int64, packets uint64, one bool) (nats float64, tell bool) {
	if s.polls >= stillPolls {
		s.polls, s.flats = s.polls/2, s.flats/2
	}
	if moved {
		pause := float32(min(s.run, stillPause)) // a short one is how it is as well
		s.polls, s.flats = s.polls+pause+1, s.flats+pause
		s.run, s.ms, s.packets = 0, 0, 0
		tell, s.told = s.told, false
		return 0, tell
	}
	s.run++
	s.ms += ms
	s.packets += packets
	nats = float64(s.run) * -math.Log(float64(s.flats+0.05)/float64(s.polls+1))
	if s.run > 20 { // that is how it is now
		s.polls, s.flats = s.polls+1, s.flats+1
	}
	if s.polls < stillLeast || s.run < stillRun && !(one && s.ms >= stillLong) || s.run > 20 {
		return nats, false
	}
	s.told = true
	return nats, true
}
