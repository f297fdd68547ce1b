package fact

import (
	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
)

// point is one data source that sends flow samples.
type point struct {
	agent, sub, index uint32
	at                int64
	n, out            uint32 // samples since the last tick, and those with an output
	input             uint32 // interface of the last
	rate              uint32
	header            uint32 // octets of the longest cut header, as it was told
	longest, cuts     uint32 // the longest of this run, and how many headers it has
	wholeAt           int64  // last header that was as long as is told
	yield             yield
}

const (
	tcpFIN = 1
	tcpSYN = 2
	tcpRST = 4
	tcpPSH = 8
	tcpACK = 16
)

// Flow looks at one flow sample, whose Est the registry has filled. It keeps
// nothing of f.
func (g *Gatherer) Flow(f *decoder.Flow) {
	if g.sub == nil {
		return
	}
	g.sub.flows++
	p := g.point(f)
	if p == nil {
		return
	}
	if p.n == 0 {
		g.points = append(g.points, p)
	}
	p.n++
	p.yield.hits++
	p.yield.scaled += float64(f.Sample.SamplingRate)
	before := p.at
	p.at = g.at
	p.input, _ = f.Sample.Input.Single()
	if forwarded(f.Sample.Output) {
		p.out++
	}
	if r := f.Sample.SamplingRate; r != p.rate {
		g.tell(Fact{Kind: Sampling, Agent: p.agent, Sub: p.sub, Index: p.index, At: g.at, A: uint64(r), B: uint64(p.rate), Detail: &Detail{Before: before}})
		p.rate = r
	}
	// 8 octets may be stripped.
	if n := uint32(len(f.HeaderBytes)); n > 0 && f.FrameLength > n+8 {
		g.cut(p, n)
	}
	g.flowPorts(f)
}

// cutRun is how many cut headers tell that a data source sends less of each. A
// source may cut each header where its own layers end: one alone tells nothing.
const cutRun = 32

// cut takes n octets that a header was cut to: more than ever is told at once,
// less when none of a run was longer.
func (g *Gatherer) cut(p *point, n uint32) {
	p.longest = max(p.longest, n)
	if n >= p.header {
		p.wholeAt = g.at
	}
	p.cuts++
	if n <= p.header && p.cuts < cutRun {
		return
	}
	if p.longest != p.header {
		g.tell(Fact{Kind: HeaderBytes, Agent: p.agent, Sub: p.sub, Index: p.index, At: g.at, A: uint64(p.longest), B: uint64(p.header), Detail: &Detail{Before: p.wholeAt}})
	}
	p.header, p.longest, p.cuts = p.longest, 0, 0
}

func forwarded(p sflow.Port) bool {
	return p.Format == sflow.PortMultiple || p.Format == sflow.PortSingle && p.Value != 0
}

// point returns the state of the sample's data source, nil where there are too
// many.
func (g *Gatherer) point(f *decoder.Flow) *point {
	a, n := g.cur, f.Est.Vantage.Source>>1
	if n >= maxPoints || n == 0 {
		return nil
	}
	for int(n) >= len(a.points) {
		a.points = append(a.points, nil)
	}
	p := a.points[n]
	if p == nil {
		p = &point{agent: a.number, sub: g.sub.id, index: f.Sample.Source.Index}
		a.points[n] = p
		if f.Sample.Source.Class == sflow.ClassInterface {
			if a.sampled == nil {
				a.sampled = map[uint32]*point{}
			}
			a.sampled[p.index] = p
		}
	}
	p.sub = g.sub.id
	if g.sub.whole != p && p.index >= firstWhole && f.Sample.Source.Class == sflow.ClassEntity {
		g.sub.whole = p
	}
	return p
}

// flowPorts counts for the instances whose ports the sample passed, and for
// watched addresses seen elsewhere.
func (g *Gatherer) flowPorts(f *decoder.Flow) {
	h := &f.Header
	home := false
	if i, ok := f.Sample.Input.Single(); ok && g.cur.taps {
		if p := g.cur.port(i); p != nil && p.instance {
			home = true
			g.stranger(p, h, f.Sample.Output)
			g.sent(p, h)
			g.wayOut(p, h)
			if f.Seen&decoder.SeenVNIOut != 0 {
				g.carried(MAC(h.SrcMAC), Segment{true, f.OutVNI})
			}
		}
	}
	switch {
	case !g.cur.taps:
	case h.Tunnel != packet.TunnelNone && !home:
		if p := g.cur.tunnelled(f); p != nil {
			g.towards(p, h, h.InnerSrcMAC, h.InnerDstMAC)
		}
	case h.DstMAC[0]&1 == 0:
		if p := g.cur.portOf(f.Sample.Output, h.DstMAC); p != nil {
			g.towards(p, h, h.SrcMAC, h.DstMAC)
		}
	}
	if g.watch == nil {
		return
	}
	if !home {
		g.sight(f)
		g.segment(f)
	}
	if h.ARP.Op == arpRequest {
		g.asked(g.watch.ByIP(h.ARP.TargetIP), arpInVain)
	} else if h.Key.Proto == protoICMP && h.HasKey && h.ICMPType == icmpUnreachable {
		if ip, ok := quoted(f.HeaderBytes, h.PayloadOffset); ok {
			g.asked(g.watch.ByIP(ip), icmpInVain)
		}
	}
}

const (
	arpRequest      = 1
	arpReply        = 2
	protoICMP       = 1
	protoTCP        = 6
	icmpUnreachable = 3
	icmpPort        = 3 // code
	arpInVain       = 0
	icmpInVain      = 1
)

// quoted returns the destination of the packet that an ICMP error quotes, from
// what follows the ICMP header.
func quoted(b []byte, at int) (ip [4]byte, ok bool) {
	if at < 0 || len(b) < at+20 || b[at]>>4 != 4 {
		return ip, false
	}
	return [4]byte(b[at+16:]), true
}

// portOf returns the instance's port that a sample leaves by: Open vSwitch does
// not say which it is where the packet passes a patch port, the address does.
func (a *agent) portOf(out sflow.Port, to [6]byte) *port {
	if i, ok := out.Single(); ok {
		if p := a.port(i); p != nil && p.instance {
			return p
		}
		return nil
	}
	return a.macs[to]
}

// tunnelled returns the instance's port that a packet is for which has come to the
// node by a tunnel, nil where there is none. Open vSwitch samples what it has taken
// out of its tunnels once more.
func (a *agent) tunnelled(f *decoder.Flow) *port {
	if i, ok := f.Sample.Input.Single(); ok {
		if p := a.port(i); p != nil && p.datapath != 0 {
			return nil
		}
	}
	return a.macs[f.Header.InnerDstMAC]
}

// activate puts p among those with something to tell.
func (g *Gatherer) activate(p *port) {
	if !p.active {
		p.active = true
		g.active = append(g.active, p)
	}
}

// sent counts a sample that an instance sent.
func (g *Gatherer) sent(p *port, h *packet.Header) {
	g.activate(p)
	p.tx++
	p.txAt = g.at
	if p.mac != h.SrcMAC && h.SrcMAC[0]&1 == 0 && h.SrcMAC != [6]byte{} && (p.mac == [6]byte{} || speaksAs(h)) {
		g.learn(p, h)
	} else if p.ip == 0 {
		g.learnIP(p, h)
	}
	if from, _, ok := udp(h); ok {
		p.talks.sent(from)
	}
	switch {
	case h.ARP.Op == arpReply:
		p.replies++
	case h.TCPFlags&(tcpSYN|tcpACK) == tcpSYN|tcpACK:
		p.synAck++
		g.answers(p, h.Key.SrcPort)
	case h.TCPFlags&(tcpRST|tcpACK) == tcpRST|tcpACK && h.TCPSeq == 0 && !p.answersAt(h.Key.SrcPort, g.at): // RFC 9293, 3.10.7.1: so a SYN is refused
		p.rst++
	case h.Key.Proto == protoICMP && h.HasKey && h.ICMPType == icmpUnreachable && h.ICMPCode == icmpPort:
		p.unreachable++
	}
}

// answered is a TCP port that an instance has answered at.
type answered struct {
	port uint16
	at   int64
}

// answersFor is how long an answer counts.
const answersFor = 24 * 3600 * second

// answer notes that the instance answered a handshake at a TCP port.
func (p *port) answer(tcp uint16, at int64) {
	oldest := 0
	for i := range p.answers {
		a := &p.answers[i]
		if a.port == tcp {
			a.at = at
			return
		}
		if a.at < p.answers[oldest].at {
			oldest = i
		}
	}
	p.answers[oldest] = answered{tcp, at}
}

// answersAt reports whether the instance has answered at a TCP port lately: a
// scan of its other ports proves nothing.
func (p *port) answersAt(tcp uint16, at int64) bool {
	for i := range p.answers {
		if a := &p.answers[i]; a.port == tcp && a.at != 0 && at-a.at < answersFor {
			return true
		}
	}
	return false
}

// towards counts a sample of unicast to an instance, and whether it asks for an
// answer: data over TCP, a handshake, or UDP to a port that answers as a rule.
// ARP is no sign that it can be reached: so is asked who cannot. src and dst are
// the innermost addresses.
func (g *Gatherer) towards(p *port, h *packet.Header, src, dst [6]byte) {
	if p.mac != dst || p.mac == src || h.ARP.Op != 0 {
		return
	}
	g.activate(p)
	p.to++
	g.wayIn(p, src)
	if _, to, ok := udp(h); ok && p.talks.got(to) {
		p.rx++
		return
	}
	if h.Key.Proto != protoTCP || !h.HasTCP {
		return
	}
	switch {
	case h.TCPFlags&(tcpSYN|tcpACK) == tcpSYN:
		if p.answersAt(h.Key.DstPort, g.at) {
			p.syn++
		} else {
			p.probes++
			p.try(h.Key.DstPort, g.at)
		}
	case h.TCPFlags&(tcpFIN|tcpSYN) != 0 || h.TCPFlags&tcpPSH != 0:
		p.rx++
	case h.TCPFlags&(tcpRST|tcpACK) == tcpACK && h.IPLength > 0 && h.IPLength <= bareMost:
		p.acked++
	}
}

// bareMost is how many octets a TCP packet without data has at most, with options:
// data without PSH comes in full segments.
const bareMost = 100

// learn notes a MAC address at an instance's port, at most one a second.
func (g *Gatherer) learn(p *port, h *packet.Header) {
	if d := g.at - p.learnt; d >= 0 && d < second {
		return
	}
	a := p.agent
	if a.macs[p.mac] == p {
		delete(a.macs, p.mac)
	}
	p.learnt, p.mac, p.ip = g.at, h.SrcMAC, 0
	if a.macs == nil {
		a.macs = map[[6]byte]*port{}
	}
	a.macs[p.mac] = p
	g.learnIP(p, h)
	if p.ip == 0 {
		g.tell(Fact{Kind: PortMAC, Agent: p.agent.number, Sub: p.sub, Index: p.index, At: g.at, A: MAC(p.mac)})
	}
}

// learnIP notes the IPv4 address that a port's MAC address speaks with.
func (g *Gatherer) learnIP(p *port, h *packet.Header) {
	var ip [4]byte
	switch {
	case h.ARP.Op != 0 && h.ARP.SenderMAC == p.mac:
		ip = h.ARP.SenderIP
	case h.HasKey && !h.Key.V6 && h.Tunnel == packet.TunnelNone && h.DHCP == packet.DHCPNone:
		ip = [4]byte(h.Key.Src[12:])
	}
	if ip == [4]byte{} || ip[0] == 169 && ip[1] == 254 {
		return
	}
	p.ip = IPv4(ip)
	g.tell(Fact{Kind: PortMAC, Agent: p.agent.number, Sub: p.sub, Index: p.index, At: g.at, A: MAC(p.mac), B: uint64(p.ip)})
}

// tellActive tells of ports with samples, at most once a second each.
func (g *Gatherer) tellActive(ns int64) {
	kept := g.active[:0]
	for _, p := range g.active {
		if d := ns - p.told; d >= 0 && d < second {
			kept = append(kept, p)
			continue
		}
		rest := PortRest{cut16(p.rst), cut16(p.unreachable), cut16(p.probes), cut16(p.replies)}
		f := Fact{
			Kind: PortActive, Agent: p.agent.number, Sub: p.sub, Index: p.index,
			A: PortMoves{cut16(p.tx), cut16(p.to), cut16(p.rx), cut16(p.acked)}.Pack(), B: uint64(p.syn)<<32 | uint64(p.synAck), C: rest.Pack(),
		}
		if p.tx > 0 {
			f.At = p.txAt
		}
		g.tell(f)
		g.tellWays(p)
		g.tellStrange(p)
		p.told, p.active = ns, false
		p.to, p.tx, p.rx, p.acked, p.syn, p.synAck, p.rst, p.unreachable, p.probes, p.replies = 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
	}
	clear(g.active[len(kept):])
	g.active = kept
}

func cut16(n uint32) uint16 { return uint16(min(n, 1<<16-1)) }

// Discard looks at one discarded packet.
func (g *Gatherer) Discard(d *decoder.Discard) {
	if g.sub == nil {
		return
	}
	c := &g.cur.discards
	c.n++
	c.reason = d.Sample.DropReason
	if at := g.at - c.told; at >= second || at < 0 {
		g.tell(Fact{Kind: Discards, Agent: g.cur.number, Sub: g.sub.id, At: g.at, A: uint64(c.n), B: uint64(c.reason)})
		c.n, c.told = 0, g.at
	}
}

type discards struct {
	n, reason uint32
	told      int64
}
