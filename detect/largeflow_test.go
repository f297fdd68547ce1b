package detect

import (
	"testing"
	"time"

	"weir/decoder"
)

// The speed that a virtual interface says means nothing: a class of interfaces
// has a threshold of its own.
func TestThresholdOfAClassOfInterfaces(t *testing.T) {
	for _, c := range []struct {
		name  string
		class decoder.PortClass
		want  int
	}{{"physical", decoder.PortPhysical, 1}, {"instance", decoder.PortInstance, 0}} {
		t.Run(c.name, func(t *testing.T) {
			cfg := DefaultConfig()
			cfg.LargeFlow.Class[decoder.PortInstance] = Threshold{BitsPerSecond: 9e9}
			s := NewShard(cfg, 1)
			w := &world{shards: []*Shard{s}, engine: NewEngine(cfg, []*Shard{s}, testNames{}), next: 100 * time.Millisecond}
			f := decoder.Flow{Arrival: &decoder.Arrival{}}
			for _, e := range generate(1, share(1, 0.4, 1, 0, 20*sec)) {
				w.until(e.at)
				fill(&f, e)
				f.Est.Class = c.class
				s.Flow(&f)
			}
			if n := len(w.ids()); n != c.want {
				t.Errorf("%d alerts, want %d", n, c.want)
			}
		})
	}
}

// A flow that comes and goes is marked from its third alert on.
func TestFlappingIsMarked(t *testing.T) {
	var streams []stream
	for i := range 4 {
		streams = append(streams, share(1, 0.5, 1, time.Duration(i)*30*sec, time.Duration(i)*30*sec+5*sec))
	}
	w := newWorld(1, tenPercent)
	w.play(generate(1, streams...))
	var marks []bool
	for _, a := range w.alerts {
		if a.Change == Start {
			marks = append(marks, a.Flapping)
		}
	}
	if len(marks) != 4 || marks[0] || marks[1] || !marks[2] || !marks[3] {
		t.Errorf("flapping: %v, want false, false, true, true", marks)
	}
}

// What the alert says of its own making.
func TestEvidenceOfTheFirstAlert(t *testing.T) {
	w := newWorld(1, tenPercent)
	w.play(generate(1, share(1, 0.3, 1, 0, 5*sec), share(2, 0.3, 2, 0, 5*sec)))
	if len(w.alerts) == 0 {
		t.Fatal("no alert")
	}
	e := evidence(w.alerts[0])
	if e.Method != "cusum" || e.LogLikelihoodRatio < 10 || e.Background != 1e8 || e.FalseSuspicions != 1 || e.FalseConfirmations <= 0 || e.FalseConfirmations > 1 {
		t.Errorf("evidence: %+v", e)
	}
}
