// Package export packs samples into datagrams and sends them to collectors. It
// never waits: neither for a collector nor for a slow socket; what could not be
// sent is counted.
package export

import (
	"net/netip"
	"sync"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/hostagent/source"
)

// MaxDatagram is the most octets of a datagram: it passes an Ethernet of 1,500
// with IPv6 and a tunnel around it.
const MaxDatagram = 1400

// How long a sample waits for others to fill its datagram.
const (
	FlushAfter  = 50 * time.Millisecond
	UrgentAfter = 5 * time.Millisecond
)

// maxSources bounds the sequence numbers kept. When there are more, those of
// sources that have been silent begin again.
const maxSources = 1 << 16

// Packer packs samples from any number of goroutines. A datagram is sent when it
// is full, or after FlushAfter from its first sample: an idle Packer has no
// timer.
type Packer struct {
	mu       sync.Mutex
	out      func([]byte)
	agent    netip.Addr
	subAgent uint32
	start    time.Time
	seq      sflow.Seq
	sources  map[sflow.DataSource]sequences
	b        sflow.Builder
	raw      rawSample
	buf      []byte
	filled   bool // b holds a sample
	said     bool // what b holds are statements
	signer   *witness.Signer
	signed   []byte
	plain    *Packer   // packs the same for collectors that know no statements; nil: none
	due      time.Time // when b is sent; where filled
	timer    *time.Timer
	stats    Stats
}

// sequences are the last numbers given to samples of one data source.
type sequences struct{ flow, counter uint32 }

// Stats counts what a Packer did.
type Stats struct {
	Datagrams uint64
	Flows     uint64 // flow samples and notices of dropped packets
	Lost      uint64 // packet samples not taken, as their sources tell, and too long ones
}

// NewPacker returns a Packer for an agent that started at start. It calls out
// with each datagram, which is out's until it returns; out must not block.
func NewPacker(agent netip.Addr, subAgent uint32, start time.Time, out func([]byte)) *Packer {
	p := &Packer{out: out, agent: agent, subAgent: subAgent, start: start,
		sources: map[sflow.DataSource]sequences{}, buf: make([]byte, 0, 2*MaxDatagram)}
	p.timer = time.AfterFunc(time.Hour, p.expire)
	p.timer.Stop()
	return p
}

// rawSample is a whole encoded sample.
type rawSample struct{ b []byte }

func (r *rawSample) Append(b []byte) []byte { return append(b, r.b...) }

// A poll of a large node does not leave at once: sockets and switches hold less.
const (
	burst      = 64 // datagrams
	burstPause = time.Millisecond
)

// Add packs every sample of s, which is the caller's again when Add returns.
// Urgent ones leave after UrgentAfter; of others, Add waits a little where they
// are many.
func (p *Packer) Add(s *source.Snapshot, urgent bool) {
	p.add(s, urgent, true)
	if p.plain != nil {
		p.plain.add(s, urgent, false)
	}
}

// add packs the counter samples of s, then its statements if they are wanted.
func (p *Packer) add(s *source.Snapshot, urgent, statements bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass(s, urgent, true)
	if statements {
		p.pass(s, urgent, false)
	}
	p.arm(urgent)
}

// pass packs the counter samples of s, or the others.
func (p *Packer) pass(s *source.Snapshot, urgent, counters bool) {
	before := p.stats.Datagrams
	for smp := range s.All() {
		if smp.Counter != counters {
			continue
		}
		p.sample(smp)
		if !urgent && p.stats.Datagrams-before >= burst {
			p.mu.Unlock()
			time.Sleep(burstPause)
			p.mu.Lock()
			before = p.stats.Datagrams
		}
	}
}

// Sign has the states that p packs signed; a nil signer signs nothing. Call it before
// anything is packed.
func (p *Packer) Sign(s *witness.Signer) { p.signer = s }

// Also has q pack what p packs, but for statements.
func (p *Packer) Also(q *Packer) { p.plain = q }

// Sample packs one encoded sample that has no sequence number: a statement.
func (p *Packer) Sample(a sflow.Appender, urgent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open(true)
	p.b.Sample(a)
	if p.full() {
		p.b.Undo()
		p.flush()
		p.open(true)
		p.b.Sample(a)
	}
	p.filled = true
	p.arm(urgent)
}

// sample packs an encoded sample and numbers it.
func (p *Packer) sample(smp source.Sample) {
	if smp.Counter {
		seq := p.sources[smp.Source]
		seq.counter++
		p.keep(smp.Source, seq)
		putSequence(smp.Bytes, seq.counter)
	}
	p.raw.b = smp.Bytes
	if !smp.Counter && p.signer != nil {
		p.signed = p.signer.SignState(p.signed[:0], smp.Bytes, time.Now().UnixNano())
		p.raw.b = p.signed
	}
	p.open(!smp.Counter)
	p.b.Sample(&p.raw)
	if p.full() {
		p.b.Undo()
		p.flush()
		p.open(!smp.Counter)
		p.b.Sample(&p.raw)
	}
	p.filled = true
	p.raw.b = nil
}

// putSequence writes the first word of a sample's body.
func putSequence(b []byte, v uint32) {
	b[8], b[9], b[10], b[11] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
}

// Flow packs a flow sample and sets its sequence number.
func (p *Packer) Flow(s *sflow.FlowSample, records ...sflow.Appender) {
	if p.plain != nil {
		p.plain.Flow(s, records...)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	seq := p.sources[s.Source]
	seq.flow++
	p.keep(s.Source, seq)
	s.Sequence = sflow.Seq(seq.flow)
	expanded := source.Expanded(s.Source) || wide(s.Input) || wide(s.Output)
	p.open(false)
	p.b.FlowSample(s, expanded, records...)
	if p.full() {
		p.b.Undo()
		p.flush()
		p.open(false)
		p.b.FlowSample(s, expanded, records...)
	}
	p.packed()
}

// Discard packs a notice of a dropped packet and sets its sequence number, which
// it shares with the flow samples of the source.
func (p *Packer) Discard(s *sflow.DiscardSample, records ...sflow.Appender) {
	if p.plain != nil {
		p.plain.Discard(s, records...)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	seq := p.sources[s.Source]
	seq.flow++
	p.keep(s.Source, seq)
	s.Sequence = sflow.Seq(seq.flow)
	p.open(false)
	p.b.DiscardSample(s, records...)
	if p.full() {
		p.b.Undo()
		p.flush()
		p.open(false)
		p.b.DiscardSample(s, records...)
	}
	p.packed()
}

// packed counts a packet sample just added, or takes it back where no datagram
// has room for it.
func (p *Packer) packed() {
	if p.b.Len() > MaxDatagram {
		p.b.Undo()
		p.stats.Lost++
		return
	}
	p.filled = true
	p.stats.Flows++
	p.arm(false)
}

// Lost counts packet samples that were not taken.
func (p *Packer) Lost(n uint64) {
	p.mu.Lock()
	p.stats.Lost += n
	p.mu.Unlock()
}

func wide(port sflow.Port) bool { return port.Value > 0x3fffffff }

// keep stores the numbers of ds.
func (p *Packer) keep(ds sflow.DataSource, seq sequences) {
	if len(p.sources) >= maxSources {
		if _, known := p.sources[ds]; !known {
			clear(p.sources)
		}
	}
	p.sources[ds] = seq
}

// open begins a datagram where none is begun. Statements have datagrams of their
// own: a collector that gives up a datagram at a sample that it does not know
// loses nothing else.
func (p *Packer) open(said bool) {
	if p.filled && p.said == said {
		return
	}
	p.flush()
	p.said = said
	p.b.Reset(p.buf[:0], &sflow.Datagram{Agent: p.agent, SubAgent: p.subAgent, Sequence: p.seq + 1,
		Uptime: uint32(time.Since(p.start).Milliseconds())})
}

// full reports whether the sample just added belongs into the next datagram.
func (p *Packer) full() bool { return p.filled && p.b.Len() > MaxDatagram }

// arm sees to it that what was packed leaves in time.
func (p *Packer) arm(urgent bool) {
	if !p.filled {
		return
	}
	after := FlushAfter
	if urgent {
		after = UrgentAfter
	}
	due := time.Now().Add(after)
	if p.due.IsZero() || due.Before(p.due) {
		p.due = due
		p.timer.Reset(after)
	}
}

// expire is the timer's.
func (p *Packer) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.due.IsZero() && time.Until(p.due) <= 0 {
		p.flush()
	}
}

// flush sends what is packed.
func (p *Packer) flush() {
	p.due = time.Time{}
	p.timer.Stop()
	if !p.filled {
		return
	}
	p.filled = false
	p.seq++
	p.stats.Datagrams++
	p.out(p.b.Bytes())
	p.buf = p.b.Buffer()
}

// Flush sends what is packed now.
func (p *Packer) Flush() {
	if p.plain != nil {
		p.plain.Flush()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flush()
}

// SetAgent changes the agent address, after sending what is packed under the old
// one.
func (p *Packer) SetAgent(agent netip.Addr) {
	if p.plain != nil {
		p.plain.SetAgent(agent)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flush()
	p.agent = agent
}

// Agent returns the agent address.
func (p *Packer) Agent() netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.agent
}

// Stats returns what was counted.
func (p *Packer) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}
