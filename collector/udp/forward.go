package udp

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ForwardConfig says where datagrams are sent on to.
type ForwardConfig struct {
	To     []netip.AddrPort
	Listen []netip.AddrPort // where this collector listens itself
	Shards int              // that call Put
	Queue  int              // octets that wait for each target and shard; 0: 4 MiB
}

const (
	defaultForwardQueue = 4 << 20
	// forwardItems bounds the datagrams that wait, however small they are.
	forwardItems = 1 << 14
	// forwardClose is how long Close goes on sending.
	forwardClose = 2 * time.Second
)

// ForwardStats counts what was sent on to one target.
type ForwardStats struct {
	To          netip.AddrPort
	KeepsSource bool   // sends with the exporters' own addresses
	Sent        uint64 // datagrams handed to the kernel
	Dropped     uint64 // for want of room: the target is slower than what arrives
	Failed      uint64 // that the kernel refused
	OwnSource   uint64 // of Sent, with this machine's address for want of another
}

// Forwarder sends datagrams on, unchanged, to further collectors. What waits
// for each of them is bounded; none delays the others or the caller. A nil
// Forwarder has no targets.
type Forwarder struct {
	targets []*target
	closing sync.Once
}

// target is one further collector.
type target struct {
	to       netip.AddrPort
	sock     *forwardSocket
	queues   []forwardQueue // by shard
	wake     chan struct{}  // holds one token
	closing  chan struct{}
	done     sync.WaitGroup
	dropped  atomic.Uint64
	capacity int // octets of each queue
}

// forwardQueue is what a shard has given to a target. Putting takes the lock
// for the time of a copy, taking for that of a swap.
type forwardQueue struct {
	mu   sync.Mutex
	fill forwardBuffer
	_    [64]byte // shards write side by side
}

// forwardBuffer is payloads one after the other.
type forwardBuffer struct {
	octets []byte
	items  []forwardItem
}

type forwardItem struct {
	from netip.Addr
	end  int // in octets
}

func (b *forwardBuffer) reset() { b.octets, b.items = b.octets[:0], b.items[:0] }

// NewForwarder opens a socket for each target. Its error is one line that says
// what to do. Without targets it returns nil.
func NewForwarder(cfg ForwardConfig) (*Forwarder, error) {
	if len(cfg.To) == 0 {
		return nil, nil
	}
	if cfg.Queue == 0 {
		cfg.Queue = defaultForwardQueue
	}
	f := &Forwarder{}
	for _, to := range cfg.To {
		to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
		if listensAt(cfg.Listen, to) {
			_ = f.Close()
			return nil, fmt.Errorf("forward: %v is where this weir listens: every datagram would come back for ever; name another collector", to)
		}
		sock, err := newForwardSocket(to)
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("forward: %v: %w", to, err)
		}
		t := &target{
			to: to, sock: sock, queues: make([]forwardQueue, cfg.Shards), capacity: cfg.Queue,
			wake: make(chan struct{}, 1), closing: make(chan struct{}),
		}
		f.targets = append(f.targets, t)
		t.done.Go(t.run)
	}
	return f, nil
}

// listensAt reports whether datagrams to the address would arrive at one of
// the listeners.
func listensAt(listen []netip.AddrPort, to netip.AddrPort) bool {
	return slices.ContainsFunc(listen, func(l netip.AddrPort) bool {
		switch {
		case l.Port() != to.Port():
			return false
		case !l.Addr().IsUnspecified():
			return l.Addr().Unmap() == to.Addr()
		case to.Addr().IsLoopback():
			return true
		}
		own, err := net.InterfaceAddrs()
		return err == nil && slices.ContainsFunc(own, func(a net.Addr) bool {
			p, err := netip.ParsePrefix(a.String())
			return err == nil && p.Addr() == to.Addr()
		})
	})
}

// Put queues a batch of a shard for all targets and never waits for any of
// them. Of one shard it belongs to one goroutine. The payloads are copied.
func (f *Forwarder) Put(shard int, batch []Message) {
	if f == nil || len(batch) == 0 {
		return
	}
	for _, t := range f.targets {
		t.put(&t.queues[shard], batch)
	}
}

func (t *target) put(q *forwardQueue, batch []Message) {
	dropped := 0
	q.mu.Lock()
	b := &q.fill
	first := len(b.items) == 0
	for i := range batch {
		m := &batch[i]
		if len(b.octets)+len(m.Payload) > t.capacity || len(b.items) >= forwardItems {
			dropped++
			continue
		}
		b.octets = append(b.octets, m.Payload...)
		b.items = append(b.items, forwardItem{m.From.Addr(), len(b.octets)})
	}
	q.mu.Unlock()
	if dropped > 0 {
		t.dropped.Add(uint64(dropped))
	}
	if first { // else there is a token, or the sender is at it
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// run is the goroutine of one target.
func (t *target) run() {
	var spare forwardBuffer
	for open := true; open; {
		select {
		case <-t.wake:
		case <-t.closing:
			open = false
		}
		deadline := time.Time{}
		if !open {
			deadline = time.Now().Add(forwardClose)
		}
		for i := range t.queues {
			q := &t.queues[i]
			spare.reset()
			q.mu.Lock()
			q.fill, spare = spare, q.fill
			q.mu.Unlock()
			if left := t.sock.send(&spare, deadline); left > 0 {
				t.dropped.Add(uint64(left))
			}
		}
	}
}

// Stats returns the counts of each target.
func (f *Forwarder) Stats() []ForwardStats {
	if f == nil {
		return nil
	}
	all := make([]ForwardStats, len(f.targets))
	for i, t := range f.targets {
		s := t.sock
		all[i] = ForwardStats{
			To: t.to, KeepsSource: s.transparent, Sent: s.sent.Load(), Dropped: t.dropped.Load(),
			Failed: s.failed.Load(), OwnSource: s.own.Load(),
		}
	}
	return all
}

// Close sends what waits, for at most two seconds, and closes the sockets. Put
// must not be called any more.
func (f *Forwarder) Close() error {
	if f == nil {
		return nil
	}
	f.closing.Do(func() {
		for _, t := range f.targets {
			close(t.closing)
		}
		for _, t := range f.targets {
			t.done.Wait()
			t.sock.close()
		}
	})
	return nil
}
