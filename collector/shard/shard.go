// Package shard is the hot path of one core: datagrams in, the registry asked,
// the detectors fed. One goroutine owns a Shard; others read its snapshots.
package shard

import (
	"net/netip"
	"sync"
	"time"

	"weir/collector/agents"
	"weir/collector/record"
	"weir/collector/series"
	"weir/decoder"
	"weir/detect"
	"weir/detect/site/fact"
)

// Shard implements decoder.Handler.
type Shard struct {
	decoder  decoder.Decoder
	registry *agents.Registry
	detect   *detect.Shard
	facts    *fact.Gatherer // nil: none are told
	series   *series.Gather // nil where nobody writes time series
	records  *record.Writer // nil where nobody keeps flow samples
	ring     *record.Ring   // nil where nobody keeps evidence

	admitted bool // the current datagram's agent
	waiting  [decoder.FlowsKept]*decoder.Flow
	waits    int // of waiting
	counts   Counts

	mu   sync.Mutex // guards snap and bad, which leave the goroutine
	snap Snapshot
	bad  []Bad
}

// Counts are the shard's own running counts.
type Counts struct {
	Octets      uint64 // of all payloads given
	NotAdmitted uint64 // datagrams of agents the registry has not admitted
	Discards    uint64 // discarded packets seen
	Metrics     uint64 // rtmetric and rtflow samples seen
	Busy        time.Duration
}

// Snapshot is a copy of what a shard has counted.
type Snapshot struct {
	Counts
	Decoder decoder.Stats
}

// Bad is one payload that could not be read whole.
type Bad struct {
	From netip.AddrPort
	Err  error
	N    uint64 // how many since the last report, this one included
}

// maxBad bounds the payloads remembered between two ticks for the log.
const maxBad = 16

// New returns a Shard that feeds d.
func New(r *agents.Registry, d *detect.Shard) *Shard {
	return &Shard{registry: r, detect: d}
}

// Registry returns what New was given.
func (s *Shard) Registry() *agents.Registry { return s.registry }

// Gather has g gather time series. Call it before the first datagram.
func (s *Shard) Gather(g *series.Gather) { s.series = g }

// Tell lets facts about the site be gathered by g. Call it before the first
// datagram.
func (s *Shard) Tell(g *fact.Gatherer) { s.facts = g }

// Record has every flow sample kept by w. Call it before the first datagram.
func (s *Shard) Record(w *record.Writer) { s.records = w }

// Remember has the newest sampled headers remembered by r. Call it before the
// first datagram.
func (s *Shard) Remember(r *record.Ring) { s.ring = r }

// Urgent reports that something was seen that should not wait for the next Tick.
func (s *Shard) Urgent() bool { return s.detect.Urgent() || s.facts != nil && s.facts.Urgent() }

// Datagram decodes payload and hands its events on. payload is not kept.
func (s *Shard) Datagram(payload []byte, from netip.AddrPort, at time.Time) {
	s.counts.Octets += uint64(len(payload))
	err := s.decoder.Decode(payload, from, at, s)
	s.Flush()
	if err != nil {
		s.remember(from, err)
	}
}

// remember keeps the first few errors of a tick for the log; all are counted
// by the decoder.
func (s *Shard) remember(from netip.AddrPort, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.bad {
		if s.bad[i].From.Addr() == from.Addr() {
			s.bad[i].N++
			return
		}
	}
	if len(s.bad) < maxBad {
		s.bad = append(s.bad, Bad{from, err, 1})
	}
}

// Arrival implements decoder.Handler.
func (s *Shard) Arrival(a *decoder.Arrival) {
	s.admitted = s.registry.Arrival(a)
	if !s.admitted {
		s.counts.NotAdmitted++
	}
	if s.facts != nil {
		s.facts.Arrival(a, s.registry.CurrentAgent())
	}
}

// Flow implements decoder.Handler.
func (s *Shard) Flow(f *decoder.Flow) {
	if !s.admitted {
		return
	}
	s.registry.Flow(f)
	s.waiting[s.waits] = f
	if s.waits++; s.waits == len(s.waiting) {
		s.Flush()
	}
}

// Flush hands on the flow samples that wait, several together because the memory
// that they need then comes at once. Datagram calls it; who decodes a datagram
// elsewhere, with the Shard as Handler, calls it at the datagram's end.
func (s *Shard) Flush() {
	if s.waits == 0 {
		return
	}
	flows := s.waiting[:s.waits]
	s.waits = 0
	if s.records != nil {
		s.records.Ahead(flows)
	}
	s.detect.Flows(flows)
	if s.records != nil {
		s.records.Keep()
	}
	for _, f := range flows {
		if s.ring != nil {
			s.ring.Add(f)
		}
		if s.facts != nil {
			s.facts.Flow(f)
		}
		if s.series != nil {
			s.series.Flow(f)
		}
	}
}

// Counters implements decoder.Handler.
func (s *Shard) Counters(c *decoder.Counters) {
	s.Flush()
	if !s.admitted {
		return
	}
	s.registry.Counters(c)
	if i, ok := s.registry.CurrentInterface(); ok && i.LastHeard.Equal(c.At) {
		s.detect.Link(&detect.LinkRates{
			At: c.At.UnixNano(), Agent: s.registry.CurrentAgent(), Interface: i.Index, Speed: i.Speed,
			BitsPerSecond: [2]float64{float64(i.In.BitsPerSecond), float64(i.Out.BitsPerSecond)},
			Discards:      [2]float64{float64(i.In.Discards), float64(i.Out.Discards)},
		})
	}
	s.detect.Counters(c, s.registry.CurrentAgent())
	if s.facts != nil {
		s.facts.Counters(c)
	}
	if s.series != nil {
		s.series.Counters(c)
	}
}

// Discard implements decoder.Handler.
func (s *Shard) Discard(d *decoder.Discard) {
	s.Flush()
	s.counts.Discards++
	if s.admitted {
		s.registry.Discard(d)
		if s.series != nil {
			s.series.Discard(d)
		}
		if s.facts != nil {
			s.facts.Discard(d)
		}
	}
}

// Metrics implements decoder.Handler.
func (s *Shard) Metrics(m *decoder.Metrics) {
	s.Flush()
	s.counts.Metrics++
	if s.admitted {
		s.registry.Metrics(m)
		s.detect.Metrics(m, s.registry.CurrentAgent())
		if s.facts != nil {
			s.facts.Metrics(m)
		}
	}
}

// Tick publishes what has gathered since the last one. busy is the time the
// shard's goroutine has spent on datagrams in all.
func (s *Shard) Tick(now time.Time, busy time.Duration) {
	s.registry.Tick(now)
	s.detect.Tick(now)
	if s.facts != nil {
		s.facts.Tick(now)
	}
	if s.series != nil {
		s.series.Tick(now)
	}
	if s.records != nil {
		s.records.Flush()
	}
	if s.ring != nil {
		s.ring.Tick()
	}
	s.counts.Busy = busy
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snap.Counts = s.counts
	s.snap.Decoder = *s.decoder.Stats()
}

// Epoch starts a new clock: what was learned of periods and rates is void.
func (s *Shard) Epoch(now time.Time) {
	s.registry.Epoch(now)
	if s.facts != nil {
		s.facts.Reset()
	}
	if s.records != nil {
		s.records.Epoch()
	}
}

// Snapshot copies the last tick's counts into snap. Safe from any goroutine.
func (s *Shard) Snapshot(snap *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*snap = s.snap
}

// TakeBad returns and forgets the payloads remembered for the log. Safe from
// any goroutine.
func (s *Shard) TakeBad() []Bad {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bad
	s.bad = nil
	return b
}

var _ decoder.Handler = (*Shard)(nil)
