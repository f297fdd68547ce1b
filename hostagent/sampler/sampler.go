package sampler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
)

// Defaults of a Config.
const (
	DefaultBudget = 200 // samples a second
	DefaultHeader = 256 // octets
)

// Method is how packets are chosen.
type Method uint8

// The methods.
const (
	MethodPacket Method = iota // a packet socket with a random filter
	MethodNFLOG                // rules of the operator's; Set has no say
	MethodTCX                  // an eBPF program at TCX (Linux 6.6), which counts every packet
	MethodAuto                 // MethodTCX where that can be had, else MethodPacket
)

// Config says how to sample.
type Config struct {
	Method  Method
	NFLOG   NFLOG   // of MethodNFLOG
	Budget  float64 // samples a second of all interfaces with an adaptive rate; 0 is DefaultBudget
	Payload int     // octets kept behind the innermost transport header; 0 none
	Header  int     // octets of a header at most; 0 is DefaultHeader

	// Emit is given each sample with its records, without its place in any
	// datagram; Sequence counts the samples of its source. The FlowSample passed
	// to Emit is reused; copy what must outlive the call. Emit must not block.
	Emit func(*sflow.FlowSample)

	// Control, where not nil, is given every ARP and DHCP request and every claim
	// of an IPv6 address that comes in on interfaces that ask for it, but for
	// MethodNFLOG: what samples and listens at once costs the forwarded packets
	// half of what two cost. frame is valid until it returns. Must not block.
	Control func(ifIndex uint32, frame []byte)
}

// State is what the sampler says of one interface.
type State struct {
	Interface
	Rate    uint32 // one packet in Rate now; 0 where nothing is sampled
	Samples uint64
	Dropped uint64 // samples for which there was no room
	Err     error  // why nothing is sampled

	Controls bool // ARP and DHCP are given to Config.Control
}

// Sampler samples interfaces through packet sockets. Make it with New, say what
// is to be sampled with Set, and let Run do it.
type Sampler struct {
	cfg     Config
	epoll   int
	wake    int // eventfd
	samples atomic.Uint64
	dropped atomic.Uint64
	ports   atomic.Pointer[map[sflow.MAC]uint32]

	mu     sync.Mutex
	want   []Interface
	change *change // what is to be taken over; nil: nothing
	fresh  bool
	closed bool
	states []State

	// The rest is Run's alone.
	taps    map[uint32]*tap
	cut     cutter
	sample  sflow.FlowSample
	header  sflow.SampledHeader
	stamp   sflow.ExtendedTimestamp
	frame   frame
	records []byte
	joined  []byte
	demands []demand
	order   []int
	adapt   []*tap
	beats   uint64
	share   int  // frames of a ring at most
	noTCX   bool // MethodAuto has failed to use it
}

// New prepares a sampler. It opens nothing of an interface yet.
func New(cfg Config) (*Sampler, error) {
	if cfg.Emit == nil {
		return nil, errors.New("sampler: no Emit")
	}
	if cfg.Method == MethodNFLOG && (cfg.NFLOG.Rate == 0 || cfg.NFLOG.Rate > maxRate) {
		return nil, fmt.Errorf("sampler: NFLOG at 1:%d: say the rate of the rules", cfg.NFLOG.Rate)
	}
	if cfg.Budget <= 0 {
		cfg.Budget = DefaultBudget
	}
	if cfg.Header <= 0 {
		cfg.Header = DefaultHeader
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("sampler: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN})
	}
	if err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("sampler: %w", err)
	}
	return &Sampler{
		cfg: cfg, epoll: epoll, wake: wake, taps: map[uint32]*tap{},
		cut:     cutter{payload: cfg.Payload, limit: cfg.Header},
		records: make([]byte, 0, 1024),
	}, nil
}

// Set says which interfaces are to be sampled from now on; it replaces what was
// said before. Interfaces that stay keep their counts. It does not block and
// may be called at any time; list is not kept.
func (s *Sampler) Set(list []Interface) {
	s.mu.Lock()
	s.want = append(s.want[:0], list...)
	s.fresh = true
	s.mu.Unlock()
	s.poke()
}

// change is what of a Config may change.
type change struct {
	budget          float64
	payload, header int
}

// Change says budget, payload and header of a Config anew. Samples go on. It does
// not block and may be called at any time.
func (s *Sampler) Change(budget float64, payload, header int) {
	if budget <= 0 {
		budget = DefaultBudget
	}
	if header <= 0 {
		header = DefaultHeader
	}
	s.mu.Lock()
	s.change, s.fresh = &change{budget, payload, header}, true
	s.mu.Unlock()
	s.poke()
}

// SetPorts says behind which interface an instance lives, by the TapMAC of its
// address, so that a sample can name the other side it goes to or comes from.
// The map is kept and must not change any more.
func (s *Sampler) SetPorts(ports map[sflow.MAC]uint32) { s.ports.Store(&ports) }

// Totals returns how many samples were made, and how many had no room, since
// New.
func (s *Sampler) Totals() (samples, dropped uint64) { return s.samples.Load(), s.dropped.Load() }

// States returns what was last known of each interface, at most a second old.
// The slice is the caller's.
func (s *Sampler) States() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]State(nil), s.states...)
}

func (s *Sampler) poke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return // the number may be another file's
	}
	one := [8]byte{1}
	_, _ = unix.Write(s.wake, one[:]) // a full counter wakes as well
}

// Times of the loop.
const (
	beat = time.Second          // between two looks at rates and losses
	nap  = 5 * time.Millisecond // between two readings while little comes: fewer wakes, less cost
)

// Run samples until ctx ends, and then closes everything. It must be called
// once.
func (s *Sampler) Run(ctx context.Context) error {
	defer s.shut()
	if s.cfg.Method == MethodNFLOG {
		return s.runNFLOG(ctx)
	}
	stop := context.AfterFunc(ctx, s.poke)
	defer stop()
	events := make([]unix.EpollEvent, 64)
	last := time.Now()
	for ctx.Err() == nil {
		s.reconcile()
		left := beat - time.Since(last)
		if left <= 0 {
			s.tick(time.Since(last))
			last = time.Now()
			continue
		}
		n, err := unix.EpollWait(s.epoll, events, int(left/time.Millisecond)+1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("sampler: %w", err)
		}
		busy := false
		for i := range max(n, 0) {
			busy = s.serve(&events[i]) || busy
		}
		if n > 0 && !busy && ctx.Err() == nil {
			time.Sleep(nap)
		}
	}
	return nil
}

// serve reads what one socket has. It reports whether more is likely at once.
func (s *Sampler) serve(e *unix.EpollEvent) bool {
	if e.Fd == 0 { // the wake-up: sockets carry their interface
		var b [8]byte
		_, _ = unix.Read(s.wake, b[:])
		return true
	}
	t := s.taps[uint32(e.Fd)]
	if t == nil || t.in == nil {
		return false
	}
	n := s.drain(t)
	if e.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		if err := t.in.fault(); err != nil {
			s.stop(t, err)
		}
	}
	return n > t.frames()/8
}

func (s *Sampler) shut() {
	for _, t := range s.taps {
		t.close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	_ = unix.Close(s.epoll)
	_ = unix.Close(s.wake)
}
