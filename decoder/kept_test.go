package decoder_test

import (
	"encoding/binary"
	"testing"

	"weir/decoder"
	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

// gatherer keeps the newest flow samples without copying them.
type gatherer struct {
	none
	t     *testing.T
	flows []*decoder.Flow
	all   int
}

func (g *gatherer) Flow(f *decoder.Flow) {
	g.flows = append(g.flows, f)
	g.flows = g.flows[max(0, len(g.flows)-decoder.FlowsKept):]
	g.all++
	for i, f := range g.flows {
		want := g.all - len(g.flows) + i
		if got := int(f.Header.Key.SrcPort); got != 1000+want || int(f.Sample.Sequence) != want {
			g.t.Fatalf("after %d samples number %d has port %d and sequence %d", g.all, want, got, f.Sample.Sequence)
		}
	}
}

// The newest flow samples stay as they were, also where bad ones come between.
func TestDecodeKeepsTheNewestFlows(t *testing.T) {
	var b sflow.Builder
	b.Reset(nil, &sflow.Datagram{Agent: from.Addr(), Sequence: 1})
	const samples = 3*decoder.FlowsKept + 1
	for i := range samples {
		h := sflowtest.Header()
		binary.BigEndian.PutUint16(h[34:], uint16(1000+i))
		b.FlowSample(&sflow.FlowSample{Sequence: sflow.Seq(i), SamplingRate: 100}, false,
			&sflow.SampledHeader{Protocol: 1, FrameLength: 1518, Header: h})
		if i%5 == 2 { // a header longer than its record
			at := len(b.Bytes())
			b.FlowSample(&sflow.FlowSample{Sequence: 99}, false, &sflow.SampledHeader{Protocol: 1, Header: h})
			binary.BigEndian.PutUint32(b.Bytes()[at+8+32+8+12:], 1<<20)
		}
	}
	g := gatherer{t: t}
	var d decoder.Decoder
	if err := d.Decode(b.Bytes(), from, at, &g); err == nil {
		t.Error("no error for a header longer than its record")
	}
	if g.all != samples {
		t.Errorf("%d samples, want %d", g.all, samples)
	}
}
