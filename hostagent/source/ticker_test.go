package source

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestTickersFallTogether is why there is such a thing.
func TestTickersFallTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewTicker(time.Second)
		time.Sleep(300 * time.Millisecond)
		b := NewTicker(500 * time.Millisecond)
		c := NewTicker(2 * time.Second)
		defer a.Stop()
		defer c.Stop()
		<-c.C
		synctest.Wait() // the others that fall on this moment have ticked too
		at := time.Now()
		for i := range 4 {
			<-b.C
			if i%2 == 0 {
				<-a.C
			}
		}
		b.Stop()
		if got := time.Since(at); got != 1500*time.Millisecond {
			t.Errorf("four ticks of half a second, the first at once, took %v", got)
		}
		select {
		case <-b.C:
			t.Error("a stopped ticker ticks")
		case <-time.After(3 * time.Second):
		}
		if n := len(a.C); n != 1 {
			t.Errorf("%d ticks that nobody took wait, want 1", n)
		}
	})
}

func TestBeatsAreAhead(t *testing.T) {
	now := time.Unix(1e9, 123)
	for _, every := range []time.Duration{time.Second, 2 * time.Second, 10 * time.Second} {
		d := UntilBeat(now, every)
		if d <= 0 || d > every || UntilBeat(now.Add(d), every) != every {
			t.Errorf("%v: next in %v, then in %v", every, d, UntilBeat(now.Add(d), every))
		}
	}
}
