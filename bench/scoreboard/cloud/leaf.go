package cloud

import (
	"fmt"
	"net/netip"
	"time"

	"weir/decoder/sflow"
)

// leafPoll is how often a rack's switch sends counters of its ports.
const leafPoll = 20 * time.Second

// Leaf is the switch of a rack.
type Leaf struct {
	c     *Cloud
	s     speaker
	nodes []*Node
	phase time.Duration
	octet []uint64 // counted at each node's port, while the node is up
	links [members + 1]uint64
	up    bool
	lost  int // members of its uplink that are down
}

func newLeaf(c *Cloud, k int) *Leaf {
	a := netip.AddrFrom4([4]byte{10, 255, byte(k / 250), byte(k%250 + 1)})
	return &Leaf{
		c: c, up: true, phase: time.Duration(c.rng.Int64N(200)) * Step,
		s: speaker{c: c, path: &path{}, agent: a, from: netip.AddrPortFrom(a, 6343), started: c.now.Add(-90 * 24 * time.Hour)},
	}
}

func (l *Leaf) attach(n *Node) uint32 {
	l.nodes, l.octet = append(l.nodes, n), append(l.octet, 0)
	return uint32(len(l.nodes))
}

// sampled is a packet that enters a port and is sampled.
func (l *Leaf) sampled(in, out uint32, header []byte) {
	if l.up {
		l.s.flow(sflow.DataSource{Index: in}, in, out, header)
	}
}

// perTick is what each port that is up carries in a tick, octets.
const perTick = 100000

// count counts what the ports carry: what is down carries nothing.
func (l *Leaf) count() {
	for k, n := range l.nodes {
		if n.up {
			l.octet[k] += perTick
		}
	}
	for k := range l.links {
		if k >= l.lost && (k < members || l.lost < members) { // the group last
			l.links[k] += perTick
		}
	}
}

func (l *Leaf) tick() {
	if !l.up {
		return
	}
	l.count()
	for k, n := range l.nodes {
		index := uint32(k + 1)
		if (l.c.now.Sub(Epoch)+l.phase+time.Duration(k)*500*time.Millisecond)%leafPoll != 0 {
			continue
		}
		status := uint32(3)
		if !n.up {
			status = 1
		}
		l.s.counters(sflow.DataSource{Index: index}, ifCounters(index, status, l.octet[k], l.octet[k]), &sflow.PortName{Name: sflow.Text(fmt.Sprintf("swp%d", index))})
	}
	if l.c.cfg.VLANs > 0 && (l.c.now.Sub(Epoch)+l.phase)%leafPoll == 0 {
		l.uplink()
	}
	if l.c.now.Sub(Epoch)%(200*time.Millisecond) == 0 {
		l.s.flush()
	}
}
