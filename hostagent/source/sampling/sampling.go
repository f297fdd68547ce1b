// Package sampling decides which interfaces of the node are sampled, and hands
// their packet samples to the packer: the node's uplinks and its instances' taps
// unless told otherwise. Interfaces that appear are sampled within a second.
package sampling

import (
	"context"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
	"weir/hostagent/sampler"
	"weir/hostagent/source"
	"weir/hostagent/source/link"
)

// Config says what is sampled and how.
type Config struct {
	Method     sampler.Method
	Group      uint16   // of sampler.MethodNFLOG
	Names      []string // patterns of interfaces; none: uplinks and taps
	Except     []string // patterns of those not sampled
	Rate       uint32   // one packet in Rate; 0 adapts to Budget
	Budget     float64  // samples a second of the node
	Directions sampler.Direction
	Payload    int // octets kept behind the innermost transport header
	Header     int // octets of a header at most

	// Control is given ARP and DHCP of taps and uplinks: see sampler.Config. It
	// may be nil.
	Control func(ifIndex uint32, frame []byte)
}

// Source samples packets. It is a source.Runner.
type Source struct {
	cfg   atomic.Pointer[Config]
	links *link.Table
	flows source.Flows
	now   atomic.Pointer[sampler.Sampler] // while Run runs
}

// New returns a Source that samples interfaces of links into flows.
func New(cfg Config, links *link.Table, flows source.Flows) *Source {
	s := &Source{links: links, flows: flows}
	s.cfg.Store(&cfg)
	return s
}

// Change implements source.Changer: samples go on unless another method makes
// them.
func (s *Source) Change(next source.Source) bool {
	n, ok := next.(*Source)
	if !ok {
		return false
	}
	cfg := n.cfg.Load()
	if cfg.Method != s.cfg.Load().Method || cfg.Method == sampler.MethodNFLOG {
		return false
	}
	s.cfg.Store(cfg)
	if sm := s.now.Load(); sm != nil {
		sm.Change(cfg.Budget, cfg.Payload, cfg.Header)
	}
	return true
}

// Name implements source.Source.
func (*Source) Name() string { return "sampling" }

// Capabilities implements source.Capable.
func (s *Source) Capabilities() []int {
	switch s.cfg.Load().Method {
	case sampler.MethodNFLOG:
		return []int{unix.CAP_NET_ADMIN}
	case sampler.MethodTCX:
		return []int{unix.CAP_NET_ADMIN, unix.CAP_BPF}
	}
	return []int{unix.CAP_NET_RAW}
}

// Wishes implements source.Wisher: without them packet sockets choose.
func (s *Source) Wishes() []int {
	if s.cfg.Load().Method == sampler.MethodAuto {
		return []int{unix.CAP_NET_ADMIN, unix.CAP_BPF}
	}
	return nil
}

// Collect adds nothing, and returns why an interface is not sampled.
func (s *Source) Collect(time.Time, *source.Snapshot) error {
	sm := s.now.Load()
	if sm == nil {
		return nil
	}
	for _, st := range sm.States() {
		// One that is gone will be off the list in a second.
		if st.Err != nil && !errors.Is(st.Err, unix.ENODEV) && !errors.Is(st.Err, sampler.ErrGone) {
			return errors.New(st.Name + ": " + st.Err.Error())
		}
	}
	return nil
}

// maxTold bounds the list of rates in the heartbeat, in octets.
const maxTold = 512

// Tell implements source.Teller: each interface with its rate.
func (s *Source) Tell(t *source.Telling) {
	sm := s.now.Load()
	if sm == nil {
		return
	}
	var b strings.Builder
	for _, st := range sm.States() {
		if st.Rate == 0 || b.Len()+len(st.Name)+12 > maxTold {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		name := st.Name
		if name == "" { // NFLOG knows numbers
			name = s.links.Name(st.Index)
		}
		b.WriteString(name + "=" + strconv.FormatUint(uint64(st.Rate), 10))
	}
	cfg := s.cfg.Load()
	t.Sampling, t.HeaderBytes = b.String(), uint32(cfg.Header)
	if cfg.Rate == 0 {
		t.SamplingBudget = uint32(cfg.Budget)
	}
}

// Controls returns the interfaces of which Config.Control is given what comes
// in.
func (s *Source) Controls() map[uint32]bool {
	on := map[uint32]bool{}
	if sm := s.now.Load(); sm != nil {
		for _, st := range sm.States() {
			on[st.Index] = st.Controls
		}
	}
	return on
}

// How often the list of interfaces is looked through, and how old it may be: the
// source of its counters reads it every second.
const (
	refreshEvery = time.Second
	staleAfter   = 3 * time.Second
)

// Run samples until ctx is done.
func (s *Source) Run(ctx context.Context, _ source.Sink) error {
	cfg := s.cfg.Load()
	sm, err := sampler.New(sampler.Config{
		Method: cfg.Method, NFLOG: sampler.NFLOG{Group: cfg.Group, Rate: cfg.Rate},
		Control: s.control,
		Budget:  cfg.Budget, Payload: cfg.Payload, Header: cfg.Header,
		Emit: func(f *sflow.FlowSample) { s.flows.Flow(f) },
	})
	if err != nil {
		return err
	}
	s.now.Store(sm)
	cfg = s.cfg.Load() // changed meanwhile?
	sm.Change(cfg.Budget, cfg.Payload, cfg.Header)
	defer s.now.Store(nil)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go s.choose(ctx, sm)
	return sm.Run(ctx)
}

func (s *Source) control(ifIndex uint32, frame []byte) {
	if f := s.cfg.Load().Control; f != nil {
		f(ifIndex, frame)
	}
}

// choose keeps the sampler's list of interfaces until ctx is done.
func (s *Source) choose(ctx context.Context, sm *sampler.Sampler) {
	tick := source.NewTicker(refreshEvery)
	defer tick.Stop()
	var list, last []sampler.Interface
	var lost uint64
	now := time.Time{} // older than any table
	for {
		// What fails is told by the source whose table it is.
		_ = s.links.Refresh(now, staleAfter)
		list = s.selected(list[:0])
		if !slices.Equal(list, last) {
			sm.Set(list)
			sm.SetPorts(s.ports())
			last = append(last[:0], list...)
		}
		if _, dropped := sm.Totals(); dropped > lost {
			s.flows.Lost(dropped - lost)
			lost = dropped
		}
		select {
		case <-ctx.Done():
			return
		case now = <-tick.C:
		}
	}
}

// selected appends the interfaces that are to be sampled.
func (s *Source) selected(list []sampler.Interface) []sampler.Interface {
	cfg := s.cfg.Load()
	s.links.Each(func(i *link.Info) bool {
		if cfg.selects(i) {
			list = append(list, sampler.Interface{
				Index: i.Index, Name: i.Name, Speed: i.Speed, Uplink: i.Kind == link.Physical,
				Rate: cfg.Rate, Directions: cfg.Directions,
				Control: cfg.Control != nil && i.Ethernet,
			})
		}
		return true
	})
	return list
}

func (c *Config) selects(i *link.Info) bool {
	if matches(c.Except, i.Name) {
		return false
	}
	if len(c.Names) > 0 {
		return matches(c.Names, i.Name)
	}
	return i.Kind == link.Physical || i.Kind == link.Tap
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return ok && err == nil
	})
}

// ports returns which tap each instance's MAC address lives behind. libvirt
// gives a tap the address of its instance with 0xfe in the first octet, so that
// is how the sampler looks addresses up.
func (s *Source) ports() map[sflow.MAC]uint32 {
	ports := map[sflow.MAC]uint32{}
	s.links.Each(func(i *link.Info) bool {
		if i.Kind == link.Tap && i.Ethernet {
			ports[sampler.TapMAC(i.MAC)] = i.Index
		}
		return true
	})
	return ports
}
