package sflow

// Builder packs samples into one datagram, in a buffer of the caller's. The
// counts and lengths of what holds a part are corrected as the part is added,
// so Bytes is a complete datagram at any time.
//
//	var b sflow.Builder
//	b.Reset(buf[:0], &sflow.Datagram{Agent: agent, Sequence: seq, Uptime: ms})
//	b.FlowSample(&sample, false, &header)
//	b.Record(&extendedSwitch) // one more record for the same sample
//	conn.Write(b.Bytes())
//
// Nothing is allocated where the buffer is large enough and the structures
// given live on.
type Builder struct {
	buf    []byte
	start  int // of the datagram in buf
	first  int // of the first sample
	last   int // of the last sample's body; 0 where there is none
	counts int // of the last sample's record count; 0 where it has no records
	prev   int // len(buf) before the last sample
}

// Reset begins a datagram behind the bytes that buf holds already, with the
// head fields of d; NumSamples and SampleData are taken from d too. The Builder
// owns buf until the next Reset.
func (b *Builder) Reset(buf []byte, d *Datagram) {
	*b = Builder{start: len(buf)}
	b.buf = d.Append(buf)
	b.first = len(b.buf) - len(d.SampleData)
	b.prev = len(b.buf)
}

// FlowSample adds s with its RecordData, then the records, compact or expanded
// (see [FlowSample.Append]).
func (b *Builder) FlowSample(s *FlowSample, expanded bool, records ...Appender) {
	b.prev = len(b.buf)
	b.buf = s.Append(b.buf, expanded)
	n := 28
	if expanded {
		n = 40
	}
	b.added(n)
	b.records(records)
}

// CounterSample adds s with its RecordData, then the records, compact or
// expanded.
func (b *Builder) CounterSample(s *CounterSample, expanded bool, records ...Appender) {
	b.prev = len(b.buf)
	b.buf = s.Append(b.buf, expanded)
	n := 8
	if expanded {
		n = 12
	}
	b.added(n)
	b.records(records)
}

// DiscardSample adds s with its RecordData, then the flow records.
func (b *Builder) DiscardSample(s *DiscardSample, records ...Appender) {
	b.prev = len(b.buf)
	b.buf = s.Append(b.buf)
	b.added(28)
	b.records(records)
}

// Sample adds a whole sample that appends its own format and length, such as
// an RTMetric.
func (b *Builder) Sample(s Appender) {
	b.prev = len(b.buf)
	b.buf = s.Append(b.buf)
	b.added(0)
	b.counts = 0
}

// Record adds a record to the last sample. It must not be called before
// FlowSample, CounterSample or DiscardSample, nor after Sample or Undo.
func (b *Builder) Record(r Appender) {
	if b.counts == 0 {
		panic("sflow: Builder.Record without a sample that holds records")
	}
	b.buf = r.Append(b.buf)
	be.PutUint32(b.buf[b.counts:], be.Uint32(b.buf[b.counts:])+1)
	endRecord(b.buf, b.last)
}

// Undo removes the last sample: a packer adds, sees that Len is too large,
// sends what was there before, and adds again. Only one step can be undone.
func (b *Builder) Undo() {
	if b.last == 0 {
		return
	}
	b.buf = b.buf[:b.prev]
	b.last, b.counts = 0, 0
	be.PutUint32(b.buf[b.numAt():], b.NumSamples()-1)
}

// Len returns the datagram's length in bytes.
func (b *Builder) Len() int { return len(b.buf) - b.start }

// NumSamples returns how many samples the datagram holds.
func (b *Builder) NumSamples() uint32 { return be.Uint32(b.buf[b.numAt():]) }

// Bytes returns the datagram. It refers to the buffer given to Reset, or to
// its larger successor, and is valid until the Builder is used again.
func (b *Builder) Bytes() []byte { return b.buf[b.start:] }

// Buffer returns everything: what the buffer held before Reset, then the
// datagram. Give it to the next Reset to keep what has grown.
func (b *Builder) Buffer() []byte { return b.buf }

func (b *Builder) numAt() int { return b.first - 4 }

func (b *Builder) added(count int) {
	b.last = b.prev + 8
	b.counts = b.last + count
	be.PutUint32(b.buf[b.numAt():], b.NumSamples()+1)
}

func (b *Builder) records(records []Appender) {
	for _, r := range records {
		b.Record(r)
	}
}
