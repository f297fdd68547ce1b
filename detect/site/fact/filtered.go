package fact

import (
	"weir/decoder/packet"
	"weir/decoder/sflow"
)

// tried is a TCP port that SYN come to and that the instance has not answered at.
type tried struct {
	port  uint16
	n     uint16 // samples; of others that find no place, each takes one away
	first int64
}

// try counts a SYN to a TCP port that the instance has not answered at.
func (p *port) try(tcp uint16, at int64) {
	free := -1
	for i := range p.tries {
		x := &p.tries[i]
		switch {
		case x.n > 0 && x.port == tcp:
			x.n += min(1, ^x.n)
			return
		case x.n == 0:
			free = i
		}
	}
	if free >= 0 {
		p.tries[free] = tried{tcp, 1, at}
		return
	}
	for i := range p.tries {
		p.tries[i].n--
	}
}

// answers notes that the instance has answered a handshake, and tells it where it
// was tried at that port in vain before.
func (g *Gatherer) answers(p *port, tcp uint16) {
	for i := range p.tries {
		x := &p.tries[i]
		if x.n == 0 || x.port != tcp {
			continue
		}
		if !p.answersAt(tcp, g.at) {
			g.tell(Fact{Kind: PortOpened, Agent: p.agent.number, Sub: p.sub, Index: p.index, At: g.at, A: uint64(tcp), B: uint64(x.n), C: uint64(max(g.at-x.first, 0))})
		}
		*x = tried{}
		break
	}
	p.answer(tcp, g.at)
}

// stranger counts a sample from an instance's port with an address that is not the
// instance's: it was let through where it has a way out, and dropped where the
// exporter says so, as Open vSwitch does; whoever samples at the port itself knows
// neither. Who forwards for others sends such all the time.
func (g *Gatherer) stranger(p *port, h *packet.Header, out sflow.Port) {
	if p.ip == 0 || h.SrcMAC[0]&1 != 0 || h.SrcMAC == [6]byte{} {
		return // its own are not known yet
	}
	if h.SrcMAC != p.mac && !speaksAs(h) {
		return
	}
	if h.SrcMAC == p.mac {
		if !h.HasKey || h.Key.V6 || h.Tunnel != packet.TunnelNone || h.DHCP != packet.DHCPNone {
			return
		}
		ip := [4]byte(h.Key.Src[12:])
		if ip == [4]byte{} || ip[0] == 169 && ip[1] == 254 {
			return
		}
		if g.own(p, ip) {
			return
		}
	}
	switch {
	case forwarded(out):
		p.strange[0]++
	case out.Format == sflow.PortDiscarded:
		p.strange[1]++
	}
}

// speaksAs reports whether a frame tells whose MAC address its source is. What goes
// to a multicast group may come from the node itself: the Linux bridge between an
// instance and Open vSwitch asks for routers and reports groups by the same port.
func speaksAs(h *packet.Header) bool {
	return h.DstMAC[0]&1 == 0 || h.DstMAC == [6]byte{255, 255, 255, 255, 255, 255}
}

// ownMost bounds how sure it is which address is a port's own.
const ownMost = 64

// own reports whether an address is that which the port's MAC address speaks with
// most: what came first may have been another's.
func (g *Gatherer) own(p *port, ip [4]byte) bool {
	switch v := IPv4(ip); {
	case v == p.ip:
		p.sure = min(p.sure+1, ownMost)
		return true
	case p.sure > 0:
		p.sure--
		return false
	default:
		p.ip = v
		g.tell(Fact{Kind: PortMAC, Agent: p.agent.number, Sub: p.sub, Index: p.index, At: g.at, A: MAC(p.mac), B: uint64(v)})
		return true
	}
}

// tellStrange tells what was counted.
func (g *Gatherer) tellStrange(p *port) {
	if p.strange[0]+p.strange[1] == 0 {
		return
	}
	g.tell(Fact{Kind: PortStrange, Agent: p.agent.number, Sub: p.sub, Index: p.index, At: g.at, A: uint64(p.strange[0]), B: uint64(p.strange[1])})
	p.strange = [2]uint32{}
}
