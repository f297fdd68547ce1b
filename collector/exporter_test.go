package collector

import (
	"encoding/binary"
	"net/netip"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

// exporter is a switch that makes datagrams. It samples one packet in oneIn,
// from the interface ifIndex.
type exporter struct {
	agent    netip.Addr
	sequence sflow.Seq
	samples  sflow.Seq
	counters sflow.Seq
	pool     uint32
	uptime   uint32 // ms
	buf      []byte

	// What has been made so far.
	datagrams, flowSamples, counterSamples, octets uint64
}

const (
	oneIn   = 1000
	ifIndex = 9
	frame   = 1518 // octets of a sampled packet
)

func newExporter(agent string) *exporter {
	return &exporter{agent: netip.MustParseAddr(agent), uptime: 1000}
}

func (e *exporter) begin() *sflow.Builder {
	var b sflow.Builder
	e.sequence++
	e.uptime += 10
	b.Reset(e.buf[:0], &sflow.Datagram{Agent: e.agent, Sequence: e.sequence, Uptime: e.uptime})
	return &b
}

func (e *exporter) end(b *sflow.Builder) []byte {
	e.buf = b.Buffer()
	e.datagrams++
	e.octets += uint64(b.Len())
	return b.Bytes()
}

// flows is a datagram with one flow sample for each source port. It is valid
// until the next one.
func (e *exporter) flows(ports ...uint16) []byte {
	b := e.begin()
	for _, p := range ports {
		e.samples++
		e.pool += oneIn
		e.flowSamples++
		h := sflowtest.Header()
		binary.BigEndian.PutUint16(h[34:], p)
		h[47] = 0x10 // ACK: handshakes without end are a flood
		b.FlowSample(&sflow.FlowSample{
			Sequence: e.samples, Source: sflow.DataSource{Index: ifIndex}, SamplingRate: oneIn, SamplePool: e.pool,
			Input: sflow.Port{Value: ifIndex}, Output: sflow.Port{Value: 10},
		}, false, &sflow.SampledHeader{Protocol: 1, FrameLength: frame, Stripped: 4, Header: h})
	}
	return e.end(b)
}

// counted is a datagram with the counters and the name of the interface.
func (e *exporter) counted(name string) []byte {
	b := e.begin()
	e.counters++
	e.counterSamples++
	b.CounterSample(&sflow.CounterSample{Sequence: e.counters, Source: sflow.DataSource{Index: ifIndex}}, false,
		&sflow.IfCounters{Index: ifIndex, Type: 6, Speed: 10e9, Direction: 1, Status: 3, InOctets: sflow.Counter64(e.pool) * frame},
		&sflow.PortName{Name: sflow.Text(name)})
	return e.end(b)
}

// bitsPerSecond is the rate of a flow with one sample every d.
func bitsPerSecond(d time.Duration) float64 { return 8 * frame * oneIn / d.Seconds() }

// netflow5 and sflow4 are datagrams of other protocols.
func netflow5() []byte { return append([]byte{0, 5, 0, 1}, make([]byte, 20+48)...) }
func sflow4() []byte   { return append([]byte{0, 0, 0, 4, 0, 0, 0, 1}, make([]byte, 40)...) }

// damaged is a datagram that ends within its first sample.
func (e *exporter) damaged() []byte {
	b := e.flows(1)
	return b[:len(b)-30]
}
