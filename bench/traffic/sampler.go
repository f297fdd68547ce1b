package traffic

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"weir/decoder/sflow"
)

// SamplerConfig describes the one agent that a Sampler plays.
type SamplerConfig struct {
	Agent    netip.Addr
	SubAgent uint32
	From     netip.AddrPort // source of its datagrams; zero: Agent, port 6343
	Seed     uint64         // of the choice of samples

	SamplingRate uint32           // one packet in SamplingRate; 0 as 1: every packet
	HeaderBytes  int              // of a sampled packet, at most 1024; 0: 128
	Expanded     bool             // expanded samples
	Source       sflow.DataSource // zero: the interface Input
	Input        sflow.Port
	Output       sflow.Port

	Flush   time.Duration // longest time a sample waits; 0: each is sent at once
	Polling time.Duration // of the counters of interface Input; 0: none
	Speed   uint64        // bit/s of that interface; 0 unknown
	Uptime  time.Duration // at the first packet
}

// Packet is a packet that passes a Sampler. A length of the frame is as sFlow
// counts it: an Ethernet frame's includes the 4 octets of its FCS, which are in
// Stripped because no header shows them.
type Packet struct {
	At          time.Time
	Protocol    uint32 // header_protocol: 1 Ethernet, 11 IPv4, 12 IPv6
	FrameLength uint32
	Stripped    uint32
	Header      []byte // the packet from its beginning, as much as there is
}

// SamplerStats counts what a Sampler saw and sent.
type SamplerStats struct {
	Packets       uint64 // that could have been sampled
	Octets        uint64 // of their FrameLength
	Samples       uint64
	SampledOctets uint64 // of the sampled packets' FrameLength
	Counters      uint64 // counter samples
	Datagrams     uint64
	ClockSteps    uint64 // backwards in time, by more than a second

	squares float64 // sum of the squares of Octets' parts
}

// StandardError is the standard deviation that sampling one packet in rate
// gives the estimate SampledOctets × rate of Octets, in octets.
func (s *SamplerStats) StandardError(rate uint32) float64 {
	return math.Sqrt(s.squares * float64(max(rate, 1)-1))
}

// Sampler turns packets into the sFlow that an agent would have sent had it
// seen them: each packet is sampled with probability 1/SamplingRate whatever
// came before, sample_pool counts every packet, and samples wait for each other
// until a datagram is full or Flush is over.
//
// Its clock is that of the packets, and nothing else: the same packets give the
// same datagrams. A packet up to a second older than the one before is taken to
// be as late as that; one still older is a step of the clock, which the uptime
// does not show. Over a gap of more than a minute no counters are sent.
//
// It is not safe for concurrent use.
type Sampler struct {
	cfg  SamplerConfig
	emit func(Datagram) error
	rng  *rand.Rand
	skip uint64 // packets until the next sample

	started  bool
	now      time.Time // of the last packet
	boot     time.Time // when uptime was 0
	nextPoll time.Time
	flushAt  time.Time // of the open datagram

	builder  sflow.Builder
	buf      []byte
	open     bool // the builder holds a datagram that has begun
	sequence sflow.Seq
	flows    sflow.Seq
	polls    sflow.Seq
	pool     uint64
	port     portCounts

	// Reused for every sample, so that nothing is allocated.
	flow    sflow.FlowSample
	header  sflow.SampledHeader
	counter sflow.CounterSample
	generic sflow.IfCounters

	stats SamplerStats
}

// portCounts are the true counters of what came in.
type portCounts struct{ octets, unicast, multicast, broadcast uint64 }

const (
	largestHeader = 1024
	backStep      = time.Second // more is a step of the clock
	longestGap    = time.Minute // over which counters are still sent
)

// NewSampler starts a sampler that gives its datagrams to emit; their payload
// is valid during the call. An error of emit ends the call that led to it.
func NewSampler(c SamplerConfig, emit func(Datagram) error) *Sampler {
	c.SamplingRate = max(c.SamplingRate, 1)
	if c.HeaderBytes <= 0 {
		c.HeaderBytes = defaultHeader
	}
	c.HeaderBytes = min(c.HeaderBytes, largestHeader)
	if c.Source == (sflow.DataSource{}) {
		c.Source.Index = c.Input.Value
	}
	if !c.From.IsValid() {
		c.From = netip.AddrPortFrom(c.Agent, 6343)
	}
	s := &Sampler{cfg: c, emit: emit, rng: rand.New(rand.NewPCG(c.Seed, 0))}
	s.skip = skip(s.rng, c.SamplingRate)
	return s
}

// skip draws how many packets are passed before the next sample, so that each
// packet is sampled with probability 1/rate whatever came before: a geometric
// variable, by inversion.
func skip(rng *rand.Rand, rate uint32) uint64 {
	if rate <= 1 {
		return 0
	}
	u := 1 - rng.Float64() // in (0, 1]
	return uint64(math.Log(u) / math.Log1p(-1/float64(rate)))
}

// Packet lets p pass. It keeps nothing of p.
func (s *Sampler) Packet(p *Packet) error {
	if err := s.advance(p.At); err != nil {
		return err
	}
	s.pool++
	s.stats.Packets++
	s.stats.Octets += uint64(p.FrameLength)
	s.stats.squares += float64(p.FrameLength) * float64(p.FrameLength)
	s.port.add(p)
	if s.skip > 0 {
		s.skip--
		return nil
	}
	s.skip = skip(s.rng, s.cfg.SamplingRate)
	s.stats.Samples++
	s.stats.SampledOctets += uint64(p.FrameLength)
	s.flows++
	s.flow = sflow.FlowSample{
		Sequence: s.flows, Source: s.cfg.Source, SamplingRate: s.cfg.SamplingRate, SamplePool: uint32(s.pool),
		Input: s.cfg.Input, Output: s.cfg.Output,
	}
	s.header = sflow.SampledHeader{
		Protocol: p.Protocol, FrameLength: p.FrameLength, Stripped: p.Stripped,
		Header: p.Header[:min(len(p.Header), s.cfg.HeaderBytes)],
	}
	return s.add(s.now, s.addFlow)
}

// Close sends what is left, at the time when it would have been sent.
func (s *Sampler) Close() error { return s.send(s.flushAt) }

// Stats returns the counters.
func (s *Sampler) Stats() SamplerStats { return s.stats }

// advance moves the clock to t; what is due until then is sent, in its order.
func (s *Sampler) advance(t time.Time) error {
	switch {
	case !s.started:
		s.started = true
		s.now, s.boot, s.nextPoll = t, t.Add(-s.cfg.Uptime), t
	case s.now.Sub(t) > backStep:
		if err := s.send(s.flushAt); err != nil {
			return err
		}
		s.stats.ClockSteps++
		s.boot = s.boot.Add(t.Sub(s.now))
		s.now, s.nextPoll = t, t
	case t.Before(s.now):
		t = s.now
	case t.Sub(s.now) > longestGap:
		if err := s.send(s.flushAt); err != nil {
			return err
		}
		s.nextPoll = t
	}
	for {
		flush := s.open && !s.flushAt.After(t)
		poll := s.cfg.Polling > 0 && !s.nextPoll.After(t)
		var err error
		switch {
		case flush && (!poll || s.flushAt.Before(s.nextPoll)):
			err = s.send(s.flushAt)
		case poll:
			err = s.poll(s.nextPoll)
			s.nextPoll = s.nextPoll.Add(s.cfg.Polling)
		default:
			s.now = t
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// add adds a sample at time t to the open datagram or, where it has no room
// for it, to the next.
func (s *Sampler) add(t time.Time, sample func()) error {
	s.begin(t)
	sample()
	if s.builder.Len() > maxDatagram && s.builder.NumSamples() > 1 {
		s.builder.Undo()
		if err := s.send(t); err != nil {
			return err
		}
		s.begin(t)
		sample()
	}
	if s.cfg.Flush == 0 {
		return s.send(t)
	}
	return nil
}

// begin makes sure that a datagram is open. Its uptime is set as it is sent.
func (s *Sampler) begin(t time.Time) {
	if s.open {
		return
	}
	s.open = true
	s.flushAt = t.Add(s.cfg.Flush)
	s.sequence++
	s.builder.Reset(s.buf[:0], &sflow.Datagram{Agent: s.cfg.Agent, SubAgent: s.cfg.SubAgent, Sequence: s.sequence})
}

func (s *Sampler) send(t time.Time) error {
	if !s.open {
		return nil
	}
	s.open = false
	s.stats.Datagrams++
	s.buf = s.builder.Buffer()
	setUptime(s.builder.Bytes(), s.cfg.Agent, t.Sub(s.boot))
	return s.emit(Datagram{At: t, From: s.cfg.From, Payload: s.builder.Bytes()})
}

// setUptime writes the uptime into the datagram b of an agent.
func setUptime(b []byte, agent netip.Addr, up time.Duration) {
	at := 8 + len(agent.AsSlice()) + 8 // after version, address type, address, sub-agent, sequence
	be.PutUint32(b[at:], uint32(up/time.Millisecond))
}

func (s *Sampler) addFlow() {
	s.builder.FlowSample(&s.flow, s.cfg.Expanded)
	s.builder.Record(&s.header)
}

// poll sends the counters of the interface. What leaves it nobody has seen.
func (s *Sampler) poll(t time.Time) error {
	s.polls++
	s.stats.Counters++
	s.counter = sflow.CounterSample{Sequence: s.polls, Source: s.cfg.Source}
	s.generic = sflow.IfCounters{
		Index: s.cfg.Input.Value, Type: ethernetCsmacd, Speed: s.cfg.Speed, Direction: 1, Status: 3,
		InOctets: sflow.Counter64(s.port.octets), InUcastPkts: sflow.Counter32(s.port.unicast),
		InMulticastPkts: sflow.Counter32(s.port.multicast), InBroadcastPkts: sflow.Counter32(s.port.broadcast),
		InDiscards: unknown, InErrors: unknown, InUnknownProtos: unknown,
		OutOctets: math.MaxUint64, OutUcastPkts: unknown, OutMulticastPkts: unknown, OutBroadcastPkts: unknown,
		OutDiscards: unknown, OutErrors: unknown, PromiscuousMode: unknown,
	}
	return s.add(t, s.addCounters)
}

func (s *Sampler) addCounters() {
	s.builder.CounterSample(&s.counter, s.cfg.Expanded)
	s.builder.Record(&s.generic)
}

func (c *portCounts) add(p *Packet) {
	c.octets += uint64(p.FrameLength)
	switch {
	case p.Protocol != 1 || len(p.Header) < 6 || p.Header[0]&1 == 0:
		c.unicast++
	case [6]byte(p.Header) == [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}:
		c.broadcast++
	default:
		c.multicast++
	}
}
