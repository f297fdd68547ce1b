// Package decoder turns one sFlow datagram into events. It reads no clock, does
// no I/O and allocates nothing for a good datagram.
package decoder

import (
	"encoding/binary"
	"net/netip"
	"time"

	"weir/decoder/packet"
	"weir/decoder/sflow"
)

var be = binary.BigEndian

// Decoder decodes datagrams one at a time into events it reuses. It is not
// safe for concurrent use, and must not be copied after its first Decode: one
// per shard.
type Decoder struct {
	datagram sflow.Datagram
	arrival  Arrival
	flows    [FlowsKept]Flow
	turn     uint // of flows
	counters Counters
	discard  Discard
	metrics  Metrics
	stats    Stats

	first sflow.Error // the datagram's first error; its Err is nil without one
}

// Stats returns the running counts, which the Decoder goes on changing.
func (d *Decoder) Stats() *Stats { return &d.stats }

// Decode delivers the datagram's events to h. A bad sample costs only itself:
// samples before and after it are delivered, every reason is counted, and the
// first error is returned, as an *sflow.Error or a bare sflow.Reason. Events,
// and what they refer to, are valid until payload is changed or Decode is
// called again.
func (d *Decoder) Decode(payload []byte, from netip.AddrPort, at time.Time, h Handler) error {
	g := &d.datagram
	if err := g.Decode(payload); err != nil {
		d.stats.DatagramErrors[err.(sflow.Reason)]++
		return err
	}
	d.stats.Datagrams++
	a := &d.arrival
	if d.counters.Arrival == nil {
		d.counters.Arrival, d.discard.Arrival, d.metrics.Arrival = a, a, a
		for i := range d.flows {
			d.flows[i].Arrival = a
		}
	}
	a.At, a.From, a.Agent, a.SubAgent = at, from, g.Agent, g.SubAgent
	if !g.Agent.IsValid() {
		a.Agent = from.Addr()
	}
	a.Sequence, a.Uptime, a.Samples, a.Octets = g.Sequence, g.Uptime, g.NumSamples, len(payload)
	h.Arrival(a)

	d.first.Err = nil
	d.samples(g.SampleData, g.NumSamples, len(payload), h)
	if d.first.Err != nil {
		e := d.first
		return &e
	}
	return nil
}

// samples walks n samples in b, which ends at end in the datagram.
func (d *Decoder) samples(b []byte, n uint32, end int, h Handler) {
	for i := uint32(0); i < n; i++ {
		if len(b) < 8 {
			d.fail("sample", i, end-len(b), 8, len(b), sflow.ErrTruncated)
			return
		}
		format, length := sflow.Format(be.Uint32(b)), be.Uint32(b[4:])
		b = b[8:]
		if uint64(length) > uint64(len(b)) {
			d.fail("sample", i, end-len(b), uint64(length), len(b), sflow.ErrTruncated)
			return
		}
		body := b[:length:length]
		off := end - len(b)
		b = b[length:]
		switch format {
		case sflow.FormatFlowSample:
			d.stats.Samples[KindFlow]++
			d.flowSample(format, i, off, body, h)
		case sflow.FormatFlowSampleExpanded:
			d.stats.Samples[KindFlowExpanded]++
			d.flowSample(format, i, off, body, h)
		default:
			d.otherSample(format, i, off, body, h)
		}
	}
}

func (d *Decoder) flowSample(format sflow.Format, i uint32, off int, body []byte, h Handler) {
	f := &d.flows[d.turn%FlowsKept]
	if r := f.Sample.DecodeBody(format, body, off); r != 0 {
		d.fail("sample", i, off, 0, len(body), r)
		return
	}
	if !d.records(&f.Packet, f.Sample.RecordData, f.Sample.NumRecords, i, off+len(body)) {
		return
	}
	f.Est = FlowEst{SamplingRate: max(f.Sample.SamplingRate, 1)}
	d.turn++
	h.Flow(f)
}

func (d *Decoder) otherSample(format sflow.Format, i uint32, off int, body []byte, h Handler) {
	smp := sflow.Sample{Format: format, Index: int(i), Offset: off, Body: body}
	switch format {
	case sflow.FormatCounterSample:
		d.stats.Samples[KindCounter]++
		d.counterSample(smp, h)
	case sflow.FormatCounterSampleExpanded:
		d.stats.Samples[KindCounterExpanded]++
		d.counterSample(smp, h)
	case sflow.FormatDiscardedPacket:
		d.stats.Samples[KindDiscard]++
		s := &d.discard.Sample
		if err := s.Decode(smp); err != nil {
			d.fail("sample", i, off, 0, len(body), err.(sflow.Reason))
			return
		}
		if d.records(&d.discard.Packet, s.RecordData, s.NumRecords, i, off+len(body)) {
			h.Discard(&d.discard)
		}
	case sflow.FormatRTMetric, sflow.FormatRTFlow:
		d.stats.Samples[KindRT]++
		d.metrics.Sample = smp
		h.Metrics(&d.metrics)
	default:
		d.stats.Samples[KindOther]++
		d.stats.OtherSamples.add(format)
	}
}

func (d *Decoder) counterSample(smp sflow.Sample, h Handler) {
	c := &d.counters
	if err := c.Sample.Decode(smp); err != nil {
		d.fail("sample", uint32(smp.Index), smp.Offset, 0, len(smp.Body), err.(sflow.Reason))
		return
	}
	// The records are only walked here: a sample whose records do not fit is
	// bad as a whole, as with flow samples.
	b, end := c.Sample.RecordData, smp.Offset+len(smp.Body)
	for j := uint32(0); j < c.Sample.NumRecords; j++ {
		format, rest, ok := d.skip(b, uint32(smp.Index), end)
		if !ok {
			return
		}
		b = rest
		d.stats.CounterRecords.add(format)
	}
	h.Counters(c)
}

// skip passes the first record of b, which ends at end in the datagram.
func (d *Decoder) skip(b []byte, sample uint32, end int) (f sflow.Format, rest []byte, ok bool) {
	if len(b) < 8 {
		d.fail("sample", sample, end-len(b), 8, len(b), sflow.ErrTruncated)
		return
	}
	length := be.Uint32(b[4:])
	f = sflow.Format(be.Uint32(b))
	b = b[8:]
	if uint64(length) > uint64(len(b)) {
		d.fail("sample", sample, end-len(b), uint64(length), len(b), sflow.ErrTruncated)
		return
	}
	return f, b[length:], true
}

// fail counts a bad sample and remembers the datagram's first error.
func (d *Decoder) fail(what string, i uint32, off int, need uint64, have int, r sflow.Reason) {
	d.stats.SampleErrors[r]++
	if d.first.Err == nil {
		d.first = sflow.Error{What: what, Index: int(i), Offset: off, Need: need, Have: uint64(have), Err: r}
	}
}

// records reads the flow records of a flow or discard sample into p; end is
// the sample's end in the datagram. False means that the sample is bad.
func (d *Decoder) records(p *Packet, b []byte, n, sample uint32, end int) bool {
	p.Seen = 0
	p.HeaderBytes, p.HeaderProtocol = nil, 0
	p.FrameLength = 0
	p.InVLAN, p.OutVLAN, p.InVNI, p.OutVNI, p.Timestamp = 0, 0, 0, 0, 0
	for j := uint32(0); j < n; j++ {
		if len(b) < 8 {
			d.fail("sample", sample, end-len(b), 8, len(b), sflow.ErrTruncated)
			return false
		}
		format, length := sflow.Format(be.Uint32(b)), be.Uint32(b[4:])
		b = b[8:]
		if uint64(length) > uint64(len(b)) {
			d.fail("sample", sample, end-len(b), uint64(length), len(b), sflow.ErrTruncated)
			return false
		}
		body := b[:length:length]
		b = b[length:]
		switch format {
		case sflow.FormatSampledHeader:
			if len(body) < 16 {
				d.fail("sample", sample, end-len(b)-len(body), 16, len(body), sflow.ErrTruncated)
				return false
			}
			size := be.Uint32(body[12:])
			if uint64(size) > uint64(len(body)-16) {
				d.fail("sample", sample, end-len(b)-len(body), uint64(size), len(body)-16, sflow.ErrLength)
				return false
			}
			if p.Seen&SeenHeader != 0 {
				continue // one packet has one header
			}
			p.Seen |= SeenHeader
			p.FrameLength = be.Uint32(body[4:])
			p.HeaderBytes = body[16 : 16+size : 16+size]
			proto := packet.Protocol(be.Uint32(body))
			if proto == 0 { // sent by some switches for Ethernet
				proto = packet.ProtocolEthernet
			}
			p.HeaderProtocol = proto
			p.Header.Decode(proto, p.HeaderBytes)
		case sflow.FormatExtendedSwitch:
			if len(body) < 16 {
				d.fail("sample", sample, end-len(b)-len(body), 16, len(body), sflow.ErrTruncated)
				return false
			}
			p.Seen |= SeenSwitch
			p.InVLAN, p.OutVLAN = be.Uint32(body), be.Uint32(body[8:])
		default:
			if r := d.extended(p, format, body); r != 0 {
				d.fail("sample", sample, end-len(b)-len(body), 0, len(body), r)
				return false
			}
		}
	}
	if p.Seen&seenPacket == 0 {
		p.Header.Reset()
	}
	return true
}
