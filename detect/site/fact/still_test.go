package fact

import "testing"

// TestStill: how unlikely it is that a port receives nothing for some polls, by
// how often it has before, and from when on that is told.
func TestStill(t *testing.T) {
	for _, c := range []struct {
		name  string
		pause int // polls without anything in each ten before
		polls int // without anything then
		ms    int64
		one   bool // of what comes in
		tell  bool
		least float64
		most  float64
	}{
		{"always moved, one poll of a second", 0, 1, 1000, true, false, 0, 100},
		{"always moved, two polls of a second", 0, 2, 1000, true, true, 10, 20},
		{"always moved, one poll of ten seconds", 0, 1, 10000, true, true, 5, 10},
		{"the other direction, one poll of ten seconds", 0, 1, 10000, false, false, 0, 100},
		{"pauses for a poll in ten, two polls", 1, 2, 1000, true, true, 3, 6},
		{"pauses for two polls in ten, two polls", 2, 2, 1000, true, true, 2, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s still
			for k := range 60 {
				s.see(k%10 >= c.pause, c.ms, 10, c.one)
			}
			var nats float64
			var tell bool
			for range c.polls {
				nats, tell = s.see(false, c.ms, 10, c.one)
			}
			if tell != c.tell || nats < c.least || nats > c.most {
				t.Errorf("%.1f nats, told %v; want %.0f to %.0f, %v: %+v", nats, tell, c.least, c.most, c.tell, s)
			}
		})
	}
}
