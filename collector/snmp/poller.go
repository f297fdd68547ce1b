// Package snmp learns the names, aliases and true speeds of switches that do
// not send them, with SNMP v2c or v3.
//
// Only addresses of networks that the operator listed are asked: agent
// addresses come from datagrams, which anybody can send, and a community goes
// over the network in clear.
package snmp

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"weir/collector/names"
)

// Times of the poller.
const (
	pollEvery  = time.Hour
	retryFirst = 30 * time.Second // after a failure, doubled up to pollEvery
	atOnce     = 8                // conversations
)

// Config configures a Poller.
type Config struct {
	Access []Access // the first that covers an address is used
	// Learned is called with what a device says. It is called from several
	// goroutines.
	Learned func(names.Device)

	every, retry time.Duration // 0 are pollEvery and retryFirst; tests shorten them
}

// Stats counts what a Poller did.
type Stats struct {
	Devices  int    // to be asked
	Answered int    // that answered when last asked
	Asked    uint64 // conversations
	Failed   uint64 // conversations that failed
	Error    string // of one device that did not answer last: "10.1.2.3: no answer; …"
}

// Poller asks devices now and again.
type Poller struct {
	cfg Config

	mu      sync.Mutex
	devices map[netip.Addr]*device
	asked   uint64
	failed  uint64
	wake    chan struct{}
}

// device is one device to be asked.
type device struct {
	addr   netip.Addr
	access *Access
	due    time.Time
	wait   time.Duration // after the next failure
	busy   bool
	again  bool // asked to be read anew while busy
	ok     bool
	err    error
}

// New returns a poller of no devices.
func New(cfg Config) *Poller {
	if cfg.every == 0 {
		cfg.every = pollEvery
	}
	if cfg.retry == 0 {
		cfg.retry = retryFirst
	}
	return &Poller{cfg: cfg, devices: map[netip.Addr]*device{}, wake: make(chan struct{}, 1)}
}

// Want says which agents there are: those that are covered are asked, others
// no longer.
func (p *Poller) Want(agents []netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	want := make(map[netip.Addr]bool, len(agents))
	for _, a := range agents {
		want[a] = true
		if p.devices[a] != nil {
			continue
		}
		i := slices.IndexFunc(p.cfg.Access, func(x Access) bool { return x.covers(a) })
		if i < 0 || len(p.devices) >= names.MaxDevices {
			continue
		}
		p.devices[a] = &device{addr: a, access: &p.cfg.Access[i], wait: p.cfg.retry}
		p.signal()
	}
	for a, d := range p.devices {
		if !want[a] && !d.busy {
			delete(p.devices, a)
		}
	}
}

// Again has a device asked at once, because it restarted. It reports whether
// the device is one to be asked.
func (p *Poller) Again(agent netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.devices[agent]
	if d == nil {
		return false
	}
	d.due, d.wait, d.again = time.Time{}, p.cfg.retry, true
	p.signal()
	return true
}

func (p *Poller) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Stats returns the counts.
func (p *Poller) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{Devices: len(p.devices), Asked: p.asked, Failed: p.failed}
	var worst *device
	for _, d := range p.devices {
		if d.ok {
			s.Answered++
		}
		if d.err != nil && (worst == nil || d.addr.Less(worst.addr)) {
			worst = d
		}
	}
	if worst != nil {
		s.Error = worst.addr.String() + ": " + worst.err.Error()
	}
	return s
}

// Run asks until ctx is done.
func (p *Poller) Run(ctx context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	places := make(chan struct{}, atOnce)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-timer.C:
		}
		for {
			d, next := p.next(time.Now())
			if d == nil {
				timer.Reset(next)
				break
			}
			select {
			case <-ctx.Done():
				return
			case places <- struct{}{}:
			}
			asking.Go(func() {
				defer func() { <-places }()
				p.ask(ctx, d)
			})
		}
	}
}

// next returns a device that is due, or how long there is none.
func (p *Poller) next(now time.Time) (*device, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := p.cfg.every
	for _, d := range p.devices {
		if d.busy {
			continue
		}
		if !d.due.After(now) {
			d.busy, d.again = true, false
			return d, 0
		}
		wait = min(wait, d.due.Sub(now))
	}
	return nil, wait
}

// ask has one conversation.
func (p *Poller) ask(ctx context.Context, d *device) {
	got, _, err := Read(ctx, d.addr, *d.access)
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	if err == nil {
		got.Learned = now.UTC().Truncate(time.Second)
		p.cfg.Learned(got)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	d.busy, d.ok, d.err = false, err == nil, err
	wait := p.cfg.every
	if err != nil {
		p.failed++
		wait = d.wait
		d.wait = min(2*d.wait, p.cfg.every)
	} else {
		d.wait = p.cfg.retry
	}
	// Spread, so that what began together does not stay together.
	d.due = now.Add(wait - time.Duration(rand.Int64N(int64(wait)/5+1)))
	if d.again {
		d.due = now
	}
	p.signal()
}
