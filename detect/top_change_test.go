package detect

import (
	"testing"
	"time"

	"weir/detect/keys"
)

// Keys are changed while shards count: what is asked after that is of the new
// ones alone, and a change to the same counts on.
func TestTopKeysAreChangedWhileRunning(t *testing.T) {
	before := TopConfig{Keys: []keys.Definition{definition(t, "dst", "bytes"), definition(t, "src", "packets")}}
	c := newCounted(3, before)
	count := func(from, to time.Duration) {
		for at := from; at < to; at += 10 * time.Millisecond {
			for i := range c.shards {
				c.sample(i, at, byte(i+1), 9, 100, 1000)
			}
			if at%(100*time.Millisecond) == 0 {
				for _, s := range c.shards {
					s.Tick(epoch.Add(at))
				}
				c.engine.Tick(epoch.Add(at), func(*Alert) {})
			}
		}
	}
	change := func(at time.Duration, top TopConfig) {
		cfg := DefaultConfig()
		cfg.LargeFlow.Off, cfg.Flood.Off, cfg.Scan.Off, cfg.Links.Off = true, true, true, true
		cfg.Top, cfg.Shards = top, len(c.shards)
		for _, s := range c.shards {
			s.SetConfig(cfg)
		}
		c.engine.SetConfig(epoch.Add(at), cfg, func(*Alert) {})
	}
	top := func(i int) (Top, bool) { return c.engine.Top(i, 10, time.Second) }

	count(0, 5*time.Second)
	was, ok := top(0)
	if !ok || was.Key != "dst" || len(was.Items) != 1 {
		t.Fatalf("%+v, %v", was, ok)
	}
	change(5*time.Second, before)
	if same, _ := top(0); len(same.Items) != 1 {
		t.Errorf("a change to the same begins anew: %+v", same)
	}
	after := TopConfig{Keys: []keys.Definition{definition(t, "src", "bytes"), definition(t, "dst", "bytes"), definition(t, "src,dst", "packets")}}
	change(5*time.Second, after)
	if got, ok := top(0); !ok || got.Key != "src" || len(got.Items) != 0 {
		t.Errorf("right after the change: %+v, %v", got, ok)
	}
	count(5*time.Second, 9*time.Second)
	for i, want := range []struct {
		key   string
		items int
	}{{"src", 3}, {"dst", 1}, {"src,dst", 3}} {
		if got, ok := top(i); !ok || got.Key != want.key || len(got.Items) != want.items {
			t.Errorf("%s: %+v, %v", want.key, got, ok)
		}
	}
	if got, _ := top(1); got.Total != was.Total {
		t.Errorf("total %v, want that of before, %v", got.Total, was.Total)
	}
	for _, s := range c.shards {
		if st := s.TopStats(); len(st) != 3 || st[2].Definition != "src,dst: packets" {
			t.Errorf("%+v", st)
		}
	}
	change(9*time.Second, TopConfig{Off: true})
	count(9*time.Second, 11*time.Second)
	if _, ok := top(0); ok || len(c.engine.TopDefinitions()) != 0 {
		t.Error("what is counted no more is shown")
	}
}
