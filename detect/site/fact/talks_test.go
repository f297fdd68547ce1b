package fact

import "testing"

// TestTalks: who sends UDP to a port asks for an answer where the port answers as
// a rule.
func TestTalks(t *testing.T) {
	for _, c := range []struct {
		name      string
		sent, got int // samples before, in turns
		others    int // further ports that one sample each came from
		want      bool
	}{
		{"answers each", 20, 20, 0, true},
		{"answers one in three", 20, 60, 0, true},
		{"answers one in ten", 20, 200, 0, false},
		{"never sent from it", 0, 50, 0, false},
		{"sent too little to tell", talkLeast - 1, 3, 0, false},
		{"answers each, and a client asked from many ports meanwhile", 60, 60, 50, true},
		{"answers each for long", 20000, 20000, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			const port = 53
			var x talks
			for k := range max(c.sent, c.got, c.others) {
				if k*c.sent/max(c.sent, c.got, c.others) != (k+1)*c.sent/max(c.sent, c.got, c.others) {
					x.sent(port)
				}
				if k*c.got/max(c.sent, c.got, c.others) != (k+1)*c.got/max(c.sent, c.got, c.others) {
					x.got(port)
				}
				if k < c.others {
					x.sent(uint16(1000 + k))
				}
			}
			if got := x.got(port); got != c.want {
				t.Errorf("asks for an answer: %v, want %v: %+v", got, c.want, x)
			}
		})
	}
}

// TestTalksNeverAnswersAgain: a port that has answered and answers no more is
// asked in vain for a while only.
func TestTalksNeverAnswersAgain(t *testing.T) {
	var x talks
	for range 100 {
		x.sent(53)
		x.got(53)
	}
	asked := 0
	for range 10000 {
		if x.got(53) {
			asked++
		}
	}
	if asked < 100 || asked > 1000 {
		t.Errorf("%d samples ask for an answer after the last, want some hundred", asked)
	}
}
