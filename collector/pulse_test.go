package collector

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPulseNoticesOneThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPulse(2)
		for range 30 {
			time.Sleep(time.Second)
			for i := range p.last {
				p.beat(i)
			}
			if !p.alive() {
				t.Fatal("all beat, and it is not alive")
			}
		}
		for s := 1; s <= 20; s++ {
			time.Sleep(time.Second)
			p.beat(0)
			p.beat(2)
			if want := s <= 10; p.alive() != want {
				t.Errorf("a shard hangs for %d s: alive is %v", s, !want)
			}
		}
		p.beat(1)
		if !p.alive() {
			t.Error("it goes on, and is not alive")
		}
	})
}

func TestRunTellsThatItLives(t *testing.T) {
	t.Parallel()
	beats := make(chan struct{}, 10)
	r := startWith(t, testConfig(t), func(io *IO) { io.Alive = func() { beats <- struct{}{} } })
	for range 2 {
		select {
		case <-beats:
		case <-time.After(time.Minute):
			t.Fatal("no sign of life")
		}
	}
	r.stop()
}
