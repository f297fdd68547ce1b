package flood

import (
	"net/netip"
	"testing"

	"weir/decoder"
	"weir/decoder/sflow"
)

func at(agent, port, source uint32) *decoder.Flow {
	f := &decoder.Flow{Est: decoder.FlowEst{Vantage: decoder.Vantage{Agent: agent, Source: source}}}
	f.Sample.Input = sflow.Port{Value: port}
	return f
}

// A flow enters at port 1 of agent 1 and is sampled at agents 2 and 3 too.
func TestInsideLearnsWherePacketsWereSampledBefore(t *testing.T) {
	tr := NewTracker(Default(), nil)
	in := &Inside{}
	if in.Again(at(2, 1, 0)) {
		t.Error("a port is inside before anything was learned")
	}
	b := NewBatch()
	for flow := range uint64(8) {
		for i := range int64(50) {
			for agent := range uint32(3) {
				b.Sightings = append(b.Sightings[:0], Sighting{Flow: flow<<8 + 1 + flow, Agent: agent + 1, Port: 1, TTL: uint8(64 - agent), At: i*1e8 + int64(flow)*1e10})
				tr.Add(b)
			}
		}
	}
	tr.Publish(in)
	for _, c := range []struct {
		name                string
		agent, port, source uint32
		want                bool
	}{
		{"where it enters", 1, 1, 0, false},
		{"where it leaves the agent it entered", 1, 1, 1, true},
		{"at the second", 2, 1, 0, true},
		{"at the third", 3, 1, 0, true},
		{"at a port that nothing is known of", 2, 9, 0, false},
		{"where it leaves by an agent that nothing is known of", 7, 1, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := at(c.agent, c.port, c.source)
			if got := in.Again(f); got != c.want {
				t.Errorf("counted elsewhere: %v, want %v", got, c.want)
			}
			if n := testing.AllocsPerRun(100, func() { in.Again(f) }); n != 0 {
				t.Errorf("%g allocations, want 0", n)
			}
		})
	}
	tr.End(1e12, nil)
	tr.Publish(in)
	if in.Again(at(2, 1, 0)) {
		t.Error("a port is inside after everything was forgotten")
	}
}

func TestInsideKnowsAConfiguredCut(t *testing.T) {
	cfg := Default()
	a := netip.MustParseAddr("192.0.2.1")
	cfg.Cut = []Port{{a, 1}}
	tr := NewTracker(cfg, func(uint32) netip.Addr { return a })
	b := NewBatch()
	b.Sightings = append(b.Sightings, Sighting{Flow: 1, Agent: 1, Port: 1}, Sighting{Flow: 1, Agent: 1, Port: 2})
	tr.Add(b)
	in := &Inside{}
	tr.Publish(in)
	if in.Again(at(1, 1, 0)) || !in.Again(at(1, 2, 0)) {
		t.Error("a port of the cut is inside, or one that is not of it is not")
	}
}
