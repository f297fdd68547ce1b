package site

import (
	"testing"
	"time"

	"weir/decoder/sflow"
	"weir/detect/site/fact"
)

// polled is a node that is told of by counters and samples alone.
type polled struct {
	w      *world
	number uint32
	seq    uint64
	boot   time.Time
	period time.Duration // between polls
	off    bool
}

func (w *world) polled(number uint32, ip string) *polled {
	a := addr(ip)
	w.tell(fact.Fact{Kind: fact.Sender, Agent: number, Detail: &fact.Detail{Agent: a, Source: a}})
	return &polled{w: w, number: number, boot: w.now.Add(-time.Hour), period: time.Second}
}

// port tells of one of its interfaces.
func (e *polled) port(index uint32, name string, status uint8) {
	e.w.tell(fact.Fact{Kind: fact.Port, Agent: e.number, Index: index, Detail: &fact.Detail{
		Name: name, Counted: true, Status: status, Instance: fact.InstancePort(name), Datapath: 7, OFPort: index,
	}})
}

// sends tells of samples that the instance behind a port has sent.
func (e *polled) sends(index uint32) {
	e.w.tell(fact.Fact{Kind: fact.PortActive, Agent: e.number, Index: index, At: e.w.now.UnixNano(), A: fact.PortMoves{Sent: 5}.Pack()})
}

// mac tells of an address that sends at a port.
func (e *polled) mac(index uint32, mac uint64, ip uint32) {
	e.w.tell(fact.Fact{Kind: fact.PortMAC, Agent: e.number, Index: index, A: mac, B: uint64(ip)})
}

// play lets time pass; each of the exporters is polled.
func (w *world) play(d time.Duration, all ...*polled) {
	for end := w.now.Add(d); w.now.Before(end); {
		for _, e := range all {
			if e.off || w.now.Sub(epoch)%e.period != 0 {
				continue
			}
			e.seq++
			w.tell(fact.Fact{Kind: fact.Alive, Agent: e.number, A: e.seq<<32 | 1, B: uint64(uint32(w.now.Sub(e.boot).Milliseconds())) << 32, C: uint64(w.now.UnixNano())})
		}
		w.run(100 * time.Millisecond)
	}
}

// TestMovedAddressIsFollowed: an instance that sends at another node half a second
// after it sent at the first, as live migrations do, has moved; one that goes on at
// both is of two that have one address, and identifies nobody until one is quiet.
func TestMovedAddressIsFollowed(t *testing.T) {
	const mac = 0xfa163e000001
	setup := func(t *testing.T) (w *world, a, b *polled, run func(seconds int, at ...*polled)) {
		w = newWorld(t)
		a, b = w.polled(21, "10.1.0.1"), w.polled(22, "10.1.0.2")
		a.port(5, "tapx", 3)
		b.port(9, "tapx", 3)
		a.mac(5, mac, 0x0a000001)
		ports := map[*polled]uint32{a: 5, b: 9}
		run = func(seconds int, at ...*polled) {
			for range seconds {
				for _, e := range at {
					e.sends(ports[e])
				}
				w.play(time.Second, a, b)
			}
		}
		run(30, a)
		b.mac(9, mac, 0x0a000001)
		return w, a, b, run
	}
	t.Run("moved", func(t *testing.T) {
		w, a, b, run := setup(t)
		run(10, b)
		x := w.site.macs[mac]
		if x.many || x.home == nil || x.home.node.label() != "10.1.0.2" || len(x.home.macs) != 1 || x.rival != nil || len(w.site.contests) != 0 {
			t.Errorf("%+v", x)
		}
		w.tell(fact.Fact{Kind: fact.PortGone, Agent: 21, Index: 5, A: uint64(time.Second)})
		w.play(30*time.Second, a, b)
		w.want()
		for _, ip := range []string{"10.1.0.1", "10.1.0.2"} { // who looks for it finds it once
			branch, _ := w.site.Branch(ip)
			if n := branch.Instances; n != map[string]int{"10.1.0.1": 0, "10.1.0.2": 1}[ip] {
				t.Errorf("%d instances on %s", n, ip)
			}
		}
	})
	t.Run("two have it", func(t *testing.T) {
		w, a, b, run := setup(t)
		run(30, a, b)
		x := w.site.macs[mac]
		if !x.many || x.home.node.label() != "10.1.0.1" {
			t.Errorf("%+v", x)
		}
		run(500, b)
		if !x.many {
			t.Error("it is one's again after eight minutes")
		}
		run(120, b)
		if x.many || x.home.node.label() != "10.1.0.2" {
			t.Errorf("%+v", x)
		}
		w.want()
	})
}

// TestOwnAddressesFollowTheirNode: an interface's address of a node that speaks as
// another now is that one's; of two that speak it is nobody's.
func TestOwnAddressesFollowTheirNode(t *testing.T) {
	const mac = 0x020000000001
	for _, speaks := range []bool{true, false} {
		w := newWorld(t)
		a, b, c := w.polled(21, "10.1.0.1"), w.polled(22, "10.1.0.2"), w.polled(23, "10.1.0.3")
		describe := func(e *polled) {
			w.tell(fact.Fact{Kind: fact.Host, Agent: e.number, Index: 1, Detail: &fact.Detail{Name: "cn", MACs: []sflow.MAC{fact.UnpackMAC(mac)}, Ports: []uint32{0}}})
		}
		describe(a)
		w.play(30*time.Second, a, b, c)
		a.off = !speaks
		w.play(30*time.Second, a, b, c)
		describe(b)
		w.play(time.Second, a, b, c)
		x := w.site.macs[mac]
		if x.many != speaks || !speaks && (x.owner.label() != "cn" || x.owner.key != "10.1.0.2" || len(w.site.nodes["10.1.0.1"].own) != 0) {
			t.Errorf("speaks %v: %+v of %s", speaks, x, x.owner.key)
		}
	}
}
