package lldp

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"weir/decoder/witness"
	"weir/hostagent/source"
	"weir/hostagent/source/link"
	"weir/hostagent/source/listen"
)

// Source tells what switches say. It is a source.Runner.
type Source struct {
	links *link.Table
	kind  link.Kind // of the interfaces that are listened to
	st    witness.Statement

	mu    sync.Mutex
	heard map[uint32]*card
	err   error
	lost  uint64 // frames for which there was no room
}

// card is an interface on which a switch was heard.
type card struct {
	neighbour
	name  string
	until time.Time
}

// New returns a Source that listens on the network cards among links.
func New(links *link.Table) *Source {
	return &Source{links: links, kind: link.Physical, heard: map[uint32]*card{}}
}

// Name implements source.Source.
func (*Source) Name() string { return "lldp" }

// Capabilities implements source.Capable.
func (*Source) Capabilities() []int { return []int{unix.CAP_NET_RAW} }

// Collect tells which switch is at which card.
func (s *Source) Collect(now time.Time, snap *source.Snapshot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.heard {
		if now.After(p.until) {
			continue // told as an event by Run
		}
		s.st.Begin(witness.ClassLLDP, p.name)
		s.st.Add(witness.String(witness.Chassis, p.chassis), witness.String(witness.Port, p.port))
		for _, v := range [...]struct{ name, text string }{{witness.PortDesc, p.portDesc}, {witness.System, p.system}} {
			if v.text != "" {
				s.st.Add(witness.String(v.name, v.text))
			}
		}
		s.st.Add(witness.Gauge32(witness.TTL, uint32(p.ttl/time.Second)))
		snap.State(&s.st)
	}
	return s.err
}

// filter keeps LLDP frames whole.
var filter = []bpf.Instruction{
	bpf.LoadAbsolute{Off: 12, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: etherType, SkipFalse: 1},
	bpf.RetConstant{Val: 1 << 16},
	bpf.RetConstant{Val: 0},
}

// group is the nearest bridge's address.
var group = [6]byte{0x01, 0x80, 0xc2, 0, 0, 0x0e}

// lookEvery is the time between two looks for new cards and old news.
const lookEvery = 5 * time.Second

// staleAfter is how old the list of interfaces may be: the source of their
// counters reads it every second.
const staleAfter = 3 * time.Second

// Run listens until ctx is done.
func (s *Source) Run(ctx context.Context, sink source.Sink) error {
	each := func(ifIndex uint32, frame []byte) { s.frame(ifIndex, frame, time.Now(), sink) }
	plain, err := listen.New(listen.Config{Filter: filter, Protocol: etherType, Group: group, Each: each})
	if err != nil {
		return err
	}
	// Open vSwitch takes the packets of its ports before they are told apart by
	// protocol.
	early, err := listen.New(listen.Config{Filter: filter, Group: group, Each: each})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer func() {
		cancel()
		wg.Wait()
		s.addLost(plain.Dropped() + early.Dropped())
	}()
	for _, l := range [...]*listen.Listener{plain, early} {
		wg.Go(func() {
			if err := l.Run(ctx); err != nil {
				s.fail(err)
			}
		})
	}
	tick := source.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		now := time.Now()
		s.fail(s.listen(now, plain, early))
		s.addLost(plain.Dropped() + early.Dropped())
		s.expire(now, sink)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Tell implements source.Teller.
func (s *Source) Tell(t *source.Telling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.FramesLost = s.lost
}

// addLost counts what Listeners dropped; they are asked without the lock, which they
// take themselves while they give frames.
func (s *Source) addLost(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost += n
}

func (s *Source) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// listen says on which cards to listen.
func (s *Source) listen(now time.Time, plain, early *listen.Listener) error {
	_ = s.links.Refresh(now, staleAfter) // its failure is told by the source whose table it is
	masters := map[uint32]bool{}         // Open vSwitch's datapaths
	s.links.Each(func(i *link.Info) bool {
		if i.Kind == link.OVS {
			masters[i.Index] = true
		}
		return true
	})
	var ordinary, ports []uint32
	s.links.Each(func(i *link.Info) bool {
		switch {
		case i.Kind != s.kind:
		case masters[i.Master]:
			ports = append(ports, i.Index)
		default:
			ordinary = append(ordinary, i.Index)
		}
		return true
	})
	return errors.Join(plain.Set(ordinary), early.Set(ports))
}

// frame takes one frame. One that is no LLDP, or cut, says nothing.
func (s *Source) frame(ifIndex uint32, b []byte, now time.Time, sink source.Sink) {
	n, err := parse(b)
	if err != nil || n.chassis == "" || n.port == "" {
		return
	}
	name := s.links.Name(ifIndex)
	if name == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.heard[ifIndex]
	if n.ttl == 0 {
		if old != nil {
			delete(s.heard, ifIndex)
			sink.Emit(changed(name, old, nil))
		}
		return
	}
	p := &card{neighbour: n, name: name, until: now.Add(n.ttl)}
	if old == nil || old.chassis != n.chassis || old.port != n.port {
		sink.Emit(changed(name, old, p))
	}
	s.heard[ifIndex] = p
}

// expire forgets what was not said again in time.
func (s *Source) expire(now time.Time, sink source.Sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, p := range s.heard {
		if now.After(p.until) {
			delete(s.heard, i)
			sink.Emit(changed(p.name, p, nil))
		}
	}
}

func changed(name string, old, now *card) source.Event {
	e := source.Event{Name: witness.LLDPChanged, Subject: name}
	if old != nil {
		e.Before = old.chassis + "/" + old.neighbour.port
	}
	if now != nil {
		e.After = now.chassis + "/" + now.neighbour.port
		if now.system != "" {
			e.More = append(e.More, witness.String(witness.System, now.system))
		}
	}
	return e
}
