package sflow

import (
	"iter"
	"net/netip"
)

// Version is the only datagram version decoded.
const Version = 5

// MaxPayload is the largest UDP payload.
const MaxPayload = 65507

// Datagram is a sample_datagram_v5 (sflow_version_5.txt).
type Datagram struct {
	Agent      netip.Addr // zero where the agent sent address type 0
	SubAgent   uint32
	Sequence   Seq
	Uptime     uint32 // milliseconds; wraps after 49.7 days
	NumSamples uint32 // as sent; SampleData is the truth
	SampleData []byte // the samples, undecoded

	headLen int
}

// Decode reads the head of the datagram b.
//
// Decode keeps b. The Datagram, and every Sample, Record and byte slice
// obtained from it, refer to b and are valid until b is changed or Decode is
// called again. Payloads that are no sFlow version 5 give a Reason for which
// Foreign is true.
func (d *Datagram) Decode(b []byte) error {
	*d = Datagram{}
	if len(b) < 4 {
		return ErrTruncated
	}
	if v := be.Uint32(b); v != Version {
		return foreign(v)
	}
	agent, rest, err := decodeAddress(b[4:])
	if err != nil {
		return err
	}
	if len(rest) < 16 {
		return ErrTruncated
	}
	d.Agent = agent
	h := rest[:16]
	d.SubAgent = be.Uint32(h)
	d.Sequence = Seq(be.Uint32(h[4:]))
	d.Uptime = be.Uint32(h[8:])
	d.NumSamples = be.Uint32(h[12:])
	d.SampleData = rest[16:]
	d.headLen = len(b) - len(d.SampleData)
	return nil
}

// foreign names the first word of a payload that is no sFlow version 5:
// NetFlow and IPFIX carry their version in the first 16 bits.
func foreign(v uint32) error {
	switch {
	case v == 2:
		return ErrSFlowVersion2
	case v == 4:
		return ErrSFlowVersion4
	}
	switch v >> 16 {
	case 1, 5, 7:
		return ErrNetFlowV5
	case 9:
		return ErrNetFlowV9
	case 10:
		return ErrIPFIX
	}
	return ErrVersion
}

// Sample is one sample of a datagram, undecoded.
type Sample struct {
	Format Format
	Index  int    // position in the datagram, from 0
	Offset int    // of Body, from the start of the datagram
	Body   []byte // without format and length
}

// Samples iterates over the samples. A sample that runs past the end of the
// datagram ends the iteration with an *Error; it is not delivered.
func (d *Datagram) Samples() iter.Seq2[Sample, error] {
	return func(yield func(Sample, error) bool) {
		b, off := d.SampleData, d.headLen
		for i := 0; uint64(i) < uint64(d.NumSamples); i++ {
			if len(b) < 8 {
				yield(Sample{}, &Error{"sample", i, off, 8, uint64(len(b)), ErrTruncated})
				return
			}
			f, n := Format(be.Uint32(b)), uint64(be.Uint32(b[4:]))
			b, off = b[8:], off+8
			if n > uint64(len(b)) {
				yield(Sample{}, &Error{"sample", i, off, n, uint64(len(b)), ErrTruncated})
				return
			}
			if !yield(Sample{f, i, off, b[:n:n]}, nil) {
				return
			}
			b, off = b[n:], off+int(n)
		}
	}
}

// Append appends the datagram: head, NumSamples and SampleData as they are.
func (d *Datagram) Append(b []byte) []byte {
	b = appendAddress(be.AppendUint32(b, Version), d.Agent)
	b = be.AppendUint32(b, d.SubAgent)
	b = be.AppendUint32(b, uint32(d.Sequence))
	b = be.AppendUint32(b, d.Uptime)
	b = be.AppendUint32(b, d.NumSamples)
	return append(b, d.SampleData...)
}

// Record is one flow or counter record of a sample, undecoded.
type Record struct {
	Format Format
	Index  int    // position in the sample, from 0
	Offset int    // of Body, from the start of the datagram
	Body   []byte // without format and length
}

// records iterates over n records in b, which begins at off in the datagram.
func records(b []byte, n uint32, off int) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		b, off := b, off
		for i := 0; uint64(i) < uint64(n); i++ {
			if len(b) < 8 {
				yield(Record{}, &Error{"record", i, off, 8, uint64(len(b)), ErrTruncated})
				return
			}
			f, l := Format(be.Uint32(b)), uint64(be.Uint32(b[4:]))
			b, off = b[8:], off+8
			if l > uint64(len(b)) {
				yield(Record{}, &Error{"record", i, off, l, uint64(len(b)), ErrTruncated})
				return
			}
			if !yield(Record{f, i, off, b[:l:l]}, nil) {
				return
			}
			b, off = b[l:], off+int(l)
		}
	}
}
