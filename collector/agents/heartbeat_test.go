package agents

import (
	"testing"

	"weir/decoder"
	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// statement is a sample of what an agent says.
func statement(class string, pairs ...witness.Pair) sflow.Sample {
	var st witness.Statement
	st.Begin(class, "cn1")
	st.Add(pairs...)
	return sflow.Sample{Format: sflow.FormatRTMetric, Body: st.Append(nil)[8:]} // behind format and length
}

func TestFramesLostAreThoseOfTheNewestHeartbeat(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:5000")
	for _, c := range []struct {
		name string
		says sflow.Sample
		want uint64
	}{
		{"a heartbeat that tells of none", statement(witness.ClassHeartbeat, witness.Counter64(witness.Sequence, 1)), 0},
		{"one that does", statement(witness.ClassHeartbeat, witness.Counter64(witness.Sequence, 2), witness.Counter64(witness.FramesLost, 1234)), 1234},
		{"another statement", statement(witness.ClassLink, witness.Counter64(witness.FramesLost, 7)), 1234},
		{"a sample that cannot be read", sflow.Sample{Format: sflow.FormatRTMetric, Body: []byte{0, 0, 0, 9}}, 1234},
		{"the agent has started anew", statement(witness.ClassHeartbeat, witness.Counter64(witness.Sequence, 1)), 0},
	} {
		m := decoder.Metrics{Arrival: p.arrival(), Sample: c.says}
		s.r.Arrival(m.Arrival)
		s.r.Metrics(&m)
		if got := s.only(t).FramesLost; got != c.want {
			t.Errorf("after %s: %d, want %d", c.name, got, c.want)
		}
	}
}
