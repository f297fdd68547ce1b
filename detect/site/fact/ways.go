package fact

import (
	"encoding/binary"

	"weir/decoder"
	"weir/decoder/packet"
)

// ways are the ways by which unicast comes to and leaves an instance's port.
type ways struct {
	hops    [4]hop
	next    int // of hops, the one to give up
	router  [6]byte
	routed  bool  // router is known
	at      int64 // last sample of it
	out, in uint32
	afar    uint32
	asks    uint32
}

// hop is an address that an instance sends to, and where what it sends there is
// for: who gets packets for two networks is a router.
type hop struct {
	mac [6]byte
	net uint64
}

// hopFor is for how long a next hop of which nothing is sampled stays the one.
const hopFor = 60 * second

// wayOut counts a sample that an instance sent by what it is for.
func (g *Gatherer) wayOut(p *port, h *packet.Header) {
	w := &p.ways
	switch {
	case h.ARP.Op == arpRequest, h.HasTCP && (h.TCPFlags&(tcpSYN|tcpACK) == tcpSYN || h.TCPFlags&tcpPSH != 0):
		w.asks++
	}
	if h.DstMAC[0]&1 != 0 || !h.HasKey || h.Tunnel != packet.TunnelNone {
		return
	}
	if w.routed && h.DstMAC == w.router {
		w.out++
		w.at = g.at
		return
	}
	n := network(&h.Key)
	if n == 0 {
		return
	}
	for i := range w.hops {
		x := &w.hops[i]
		if x.mac != h.DstMAC {
			continue
		}
		if x.net != n && (!w.routed || g.at-w.at > hopFor) {
			w.router, w.routed, w.at = x.mac, true, g.at
			w.out, w.in = 1, 0
		}
		return
	}
	w.hops[w.next] = hop{h.DstMAC, n}
	w.next = (w.next + 1) % len(w.hops)
}

// network is the /24 or /64 of a packet's destination, 0 where that is no address
// of one host.
func network(k *packet.Key) uint64 {
	if k.V6 {
		if k.Dst[0] == 0xff || k.Dst[0] == 0xfe {
			return 0
		}
		return binary.BigEndian.Uint64(k.Dst[:])
	}
	d := k.Dst[12:]
	if d[0] >= 224 || d[0] == 0 || d[0] == 169 && d[1] == 254 {
		return 0
	}
	return 1<<32 | uint64(binary.BigEndian.Uint32(d)>>8)
}

// wayIn counts a sample of unicast to an instance by who sent it.
func (g *Gatherer) wayIn(p *port, src [6]byte) {
	switch w := &p.ways; {
	case w.routed && src == w.router:
		w.in++
		w.at = g.at
	case p.agent.macs[src] == nil: // else it is of another instance of the node
		w.afar++
	}
}

// tellWays tells what was counted.
func (g *Gatherer) tellWays(p *port) {
	w := &p.ways
	if w.out+w.in+w.afar+w.asks == 0 {
		return
	}
	f := Fact{
		Kind: PortWays, Agent: p.agent.number, Sub: p.sub, Index: p.index, At: g.at,
		B: uint64(w.out)<<32 | uint64(w.in), C: PortAfar{w.afar, w.asks}.Pack(),
	}
	if w.routed {
		f.A = MAC(w.router)
	}
	g.tell(f)
	w.out, w.in, w.afar, w.asks = 0, 0, 0, 0
}

// place is what tells where an address is: its VLAN, or its virtual network.
type place struct {
	mac     uint64
	virtual bool
}

type placed struct {
	id       uint32
	at, told int64
}

// placeAgain is how often a segment that did not change is told all the same.
const placeAgain = 60 * second

// segment notes in which VLAN or virtual network a watched address sends.
func (g *Gatherer) segment(f *decoder.Flow) {
	h := &f.Header
	switch {
	case h.HasVNI && h.InnerSrcMAC != [6]byte{}:
		g.watched(h.InnerSrcMAC, Segment{true, h.VNI})
	case f.Seen&decoder.SeenVNIIn != 0:
		g.watched(h.SrcMAC, Segment{true, f.InVNI})
	case h.VLANTags > 0 && h.VLAN != 0:
		g.watched(h.SrcMAC, Segment{false, uint32(h.VLAN)})
	case f.Seen&decoder.SeenSwitch != 0 && f.InVLAN > 0 && f.InVLAN < 4095 && !g.cur.taps: // tags within a hypervisor are its own
		g.watched(h.SrcMAC, Segment{false, f.InVLAN})
	}
}

func (g *Gatherer) watched(m [6]byte, s Segment) {
	if mac := MAC(m); g.watch.Has(mac) {
		g.carried(mac, s)
	}
}

// carried tells that an address is in a segment, where that is new.
func (g *Gatherer) carried(mac uint64, s Segment) {
	k := place{mac, s.Virtual}
	x := g.places[k]
	if x == nil {
		if len(g.places) >= maxSights {
			g.refused.Add(1)
			return
		}
		x = &placed{}
		g.places[k] = x
	}
	d := g.at - x.told
	x.at = g.at
	if x.told != 0 && d >= 0 && (d < second || x.id == s.ID && d < placeAgain) {
		return
	}
	x.id, x.told = s.ID, g.at
	g.tell(Fact{Kind: Carried, Agent: g.cur.number, Sub: g.sub.id, At: g.at, A: mac, B: s.Pack()})
}
