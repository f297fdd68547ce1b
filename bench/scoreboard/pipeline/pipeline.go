// Package pipeline is weir's own way of a datagram, decoder to alert, on a
// virtual clock and without a socket.
package pipeline

import (
	"time"

	"weir/bench/traffic"
	"weir/collector/agents"
	"weir/collector/shard"
	"weir/decoder"
	"weir/detect"
)

// The collector's tick, and the least time between two hand-overs that a hot
// key asks for.
const (
	tick     = 100 * time.Millisecond
	coalesce = 5 * time.Millisecond
)

// Pipeline is one shard and its engine.
type Pipeline struct {
	// OnAlert receives every change of an alert; At is when the collector would
	// have sent it.
	OnAlert func(*detect.Alert)
	// Tap, if set, sees every flow sample before the detectors do.
	Tap func(*decoder.Flow)

	shard  *shard.Shard
	detect *detect.Shard
	engine *detect.Engine
	tap    tap

	started   bool
	now, next time.Time
	last      time.Time // of the last hand-over
}

// New returns a pipeline as the collector builds it for one core.
func New(cfg detect.Config, seed uint64) *Pipeline {
	shared := agents.NewShared(agents.Config{})
	d := detect.NewShard(cfg, seed)
	return &Pipeline{
		shard: shard.New(agents.NewRegistry(shared), d), detect: d,
		engine: detect.NewEngine(cfg, []*detect.Shard{d}, shared),
	}
}

// Run gives everything that n sends to p, and ends.
func (p *Pipeline) Run(n *traffic.Network) {
	for {
		d, ok := n.Next()
		if !ok {
			break
		}
		p.Datagram(&d)
	}
	p.Close()
}

// Datagram lets one datagram arrive.
func (p *Pipeline) Datagram(d *traffic.Datagram) {
	p.advance(d.At)
	if p.Tap == nil {
		p.shard.Datagram(d.Payload, d.From, d.At)
	} else {
		p.tap.Shard, p.tap.to = p.shard, p.Tap
		_ = p.tap.decoder.Decode(d.Payload, d.From, d.At, &p.tap) // the generator makes no bad ones
		p.shard.Flush()
	}
	if p.detect.Urgent() && p.now.Sub(p.last) >= coalesce {
		p.hand()
	}
}

// advance moves the clock to at, with all ticks between.
func (p *Pipeline) advance(at time.Time) {
	if !p.started {
		p.started = true
		p.now, p.next = at, at.Truncate(tick).Add(tick)
		return
	}
	for !p.next.After(at) {
		// What was urgent within 5 ms of the last hand-over has waited for this.
		if due := p.last.Add(coalesce); p.detect.Urgent() && due.After(p.now) && due.Before(p.next) {
			p.now = due
			p.hand()
		}
		p.now = p.next
		p.hand()
		p.next = p.next.Add(tick)
	}
	if due := p.last.Add(coalesce); p.detect.Urgent() && due.After(p.now) && due.Before(at) {
		p.now = due
		p.hand()
	}
	p.now = at
}

func (p *Pipeline) hand() {
	p.last = p.now
	p.shard.Tick(p.now, 0)
	p.engine.Tick(p.now, p.emit)
}

func (p *Pipeline) emit(a *detect.Alert) {
	if p.OnAlert != nil {
		p.OnAlert(a)
	}
}

// Close ends every open alert.
func (p *Pipeline) Close() {
	if p.started {
		p.hand()
		p.engine.Close(p.now, p.emit, detect.ReasonEndOfData)
	}
}

// tap is the shard with somebody who looks on.
type tap struct {
	*shard.Shard
	decoder decoder.Decoder
	to      func(*decoder.Flow)
}

// Flow implements decoder.Handler.
func (t *tap) Flow(f *decoder.Flow) {
	t.to(f)
	t.Shard.Flow(f)
}
