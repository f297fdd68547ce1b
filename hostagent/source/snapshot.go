package source

import (
	"encoding/binary"
	"iter"
	"slices"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// maxSample is the most octets of one sample with format and length that a
// Snapshot makes: it fits a datagram of 1,400 octets from an IPv6 agent.
const maxSample = 1360

// maxSnapshot bounds what one poll of one source may tell, in octets; more is
// dropped and counted.
const maxSnapshot = 8 << 20

// Snapshot holds the samples of one poll, encoded, in a buffer that it keeps:
// nothing is allocated once it is large enough. The zero value is empty.
type Snapshot struct {
	buf      []byte
	samples  []sample
	open     int // samples[open-1] takes records; 0: none
	overflow int
}

// sample is a sample in the buffer. Sequence numbers are zero there: the packer
// numbers what it sends.
type sample struct {
	at, end int
	records uint32
	source  sflow.DataSource // of a counter sample
	counter bool
}

var be = binary.BigEndian

// Reset empties s and keeps its buffer.
func (s *Snapshot) Reset() {
	s.buf, s.samples, s.open, s.overflow = s.buf[:0], s.samples[:0], 0, 0
}

// Begin starts a counter sample of ds, to which Record adds.
func (s *Snapshot) Begin(ds sflow.DataSource) {
	s.open = 0
	if len(s.buf) >= maxSnapshot {
		s.overflow++
		return
	}
	at := len(s.buf)
	empty := sflow.CounterSample{Source: ds}
	s.buf = empty.Append(s.buf, Expanded(ds))
	s.samples = append(s.samples, sample{at: at, end: len(s.buf), source: ds, counter: true})
	s.open = len(s.samples)
}

// Expanded reports whether ds needs the expanded form of a sample. Everything
// else is sent in the compact form, which more collectors read.
func Expanded(ds sflow.DataSource) bool { return ds.Index > 0xffffff || ds.Class > 0xff }

// Record adds a record to the sample begun last. Where it does not fit, the
// sample is continued in another one of the same data source; a single record
// that is too long for any is dropped and counted.
func (s *Snapshot) Record(r sflow.Appender) {
	if s.open == 0 {
		return // Begin has counted it
	}
	at := len(s.buf)
	s.buf = r.Append(s.buf)
	size := len(s.buf) - at
	last := &s.samples[s.open-1]
	head := 20
	if Expanded(last.source) {
		head = 24
	}
	switch {
	case size+head > maxSample:
		s.buf = s.buf[:at]
		s.overflow++
		return
	case len(s.buf)-last.at > maxSample:
		rec := slices.Clone(s.buf[at:])
		s.buf = s.buf[:at]
		s.Begin(last.source)
		if s.open == 0 {
			return
		}
		last = &s.samples[s.open-1]
		s.buf = append(s.buf, rec...)
	}
	last.end = len(s.buf)
	last.records++
	b := s.buf[last.at:last.end]
	be.PutUint32(b[4:], uint32(len(b)-8))
	be.PutUint32(b[head-4:], last.records)
}

// State adds a statement, which is signed when it is packed.
func (s *Snapshot) State(st *witness.Statement) {
	s.open = 0
	if len(s.buf) >= maxSnapshot {
		s.overflow++
		return
	}
	at := len(s.buf)
	s.buf = st.Append(s.buf)
	s.samples = append(s.samples, sample{at: at, end: len(s.buf)})
}

// Append adds a copy of everything in o.
func (s *Snapshot) Append(o *Snapshot) {
	s.open = 0
	if len(s.buf)+len(o.buf) > maxSnapshot {
		s.overflow += len(o.samples)
		return
	}
	shift := len(s.buf)
	s.buf = append(s.buf, o.buf...)
	for _, v := range o.samples {
		v.at, v.end = v.at+shift, v.end+shift
		s.samples = append(s.samples, v)
	}
}

// Len returns how many samples s holds.
func (s *Snapshot) Len() int { return len(s.samples) }

// Overflow returns how many records and samples were too much.
func (s *Snapshot) Overflow() int { return s.overflow }

// Sample is one sample of a Snapshot.
type Sample struct {
	Bytes   []byte           // with format and length; refers to the Snapshot
	Counter bool             // a counter sample, whose sequence number is to be set
	Source  sflow.DataSource // of a counter sample
}

// About returns what tells entities apart: a statement's source, or a counter
// sample's data source. It refers to the Snapshot.
func (s Sample) About() []byte {
	if s.Counter {
		var b [9]byte // a zero, which no statement begins with
		be.PutUint32(b[1:], s.Source.Class)
		be.PutUint32(b[5:], s.Source.Index)
		return b[:]
	}
	if len(s.Bytes) < 12 {
		return nil
	}
	n := int(be.Uint32(s.Bytes[8:]))
	return s.Bytes[12:min(12+n, len(s.Bytes))]
}

// Retain removes the samples for which keep is false.
func (s *Snapshot) Retain(keep func(Sample) bool) {
	s.open = 0
	s.samples = slices.DeleteFunc(s.samples, func(v sample) bool {
		return !keep(Sample{s.buf[v.at:v.end:v.end], v.counter, v.source})
	})
}

// All iterates over the samples that hold something.
func (s *Snapshot) All() iter.Seq[Sample] {
	return func(yield func(Sample) bool) {
		for i := range s.samples {
			v := &s.samples[i]
			if v.counter && v.records == 0 {
				continue
			}
			if !yield(Sample{s.buf[v.at:v.end:v.end], v.counter, v.source}) {
				return
			}
		}
	}
}
