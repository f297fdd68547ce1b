package evidence

import (
	"encoding/json"
	"net"
	"net/netip"
	"slices"

	"weir/collector/record"
	"weir/decoder/packet"
)

// subject is what an alert may say of what it is about, in the JSON of its kind.
type subject struct {
	Src       string `json:"src"`
	Dst       string `json:"dst"`
	SrcPort   uint16 `json:"src_port"`
	DstPort   uint16 `json:"dst_port"`
	Proto     uint8  `json:"proto"`
	Victim    string `json:"victim"`
	Source    any    `json:"source"`
	Agent     string `json:"agent"`
	Interface uint32 `json:"interface"`
	IfIndex   uint32 `json:"if_index"`
	MAC       string `json:"mac"`
	Address   string `json:"address"`
}

// matcher tells which headers are of an alert's subject.
type matcher struct {
	between [2]netip.Addr // both, in either direction
	ports   [2]uint16
	proto   uint8
	either  []netip.Prefix // source or destination
	mac     [6]byte
	agent   netip.Addr
	port    uint32 // of the agent; 0 is any
	// Of an alert that is about several things, such as a VLAN or a group of nodes.
	macs   map[[6]byte]bool
	agents map[netip.Addr]bool
}

// ofEffects reads what an alert's evidence lists as befallen with it, for subjects
// that name nothing themselves: instances by their MAC and address, and others by
// their agent.
func ofEffects(text []byte) (m matcher, ok bool) {
	var e struct {
		Children []struct {
			Subject json.RawMessage `json:"subject"`
		} `json:"children"`
	}
	if json.Unmarshal(text, &e) != nil {
		return m, false
	}
	m.macs, m.agents = map[[6]byte]bool{}, map[netip.Addr]bool{}
	for i := range e.Children {
		c, fits := newMatcher(e.Children[i].Subject)
		if !fits {
			continue
		}
		ok = true
		if m.either = append(m.either, c.either...); c.mac != [6]byte{} {
			m.macs[c.mac] = true
		}
		if c.agent.IsValid() {
			m.agents[c.agent] = true
		}
	}
	return m, ok
}

// newMatcher reads the subject of an alert, as JSON. ok is false where it names
// nothing that a header has.
func newMatcher(text []byte) (m matcher, ok bool) {
	var s subject
	if json.Unmarshal(text, &s) != nil {
		return m, false
	}
	src, err1 := netip.ParseAddr(s.Src)
	dst, err2 := netip.ParseAddr(s.Dst)
	if err1 == nil && err2 == nil {
		m.between, m.proto, m.ports = [2]netip.Addr{src, dst}, s.Proto, [2]uint16{s.SrcPort, s.DstPort}
		return m, true
	}
	source, _ := s.Source.(string)
	for _, text := range []string{s.Victim, s.Address, source} {
		if p, err := netip.ParsePrefix(text); err == nil {
			m.either = append(m.either, p)
		} else if a, err := netip.ParseAddr(text); err == nil {
			m.either = append(m.either, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	if hw, err := net.ParseMAC(s.MAC); err == nil && len(hw) == 6 {
		m.mac = [6]byte(hw)
	}
	if len(m.either) > 0 || m.mac != [6]byte{} {
		return m, true
	}
	if a, err := netip.ParseAddr(s.Agent); err == nil {
		m.agent, m.port = a, max(s.Interface, s.IfIndex)
		return m, true
	}
	return m, false
}

// has reports whether a header, which p was decoded from, is of the subject.
func (m *matcher) has(h *record.Header, p *packet.Header, agent func(uint32) netip.Addr) bool {
	if m.agent.IsValid() {
		return agent(h.Agent) == m.agent && (m.port == 0 || h.Input == m.port || h.Output == m.port)
	}
	if len(m.agents) > 0 && m.agents[agent(h.Agent)] {
		return true
	}
	if len(m.macs) > 0 && (m.macs[p.SrcMAC] || m.macs[p.DstMAC] || m.macs[p.InnerSrcMAC] || m.macs[p.InnerDstMAC]) {
		return true
	}
	if m.mac != [6]byte{} && slices.Contains([][6]byte{p.SrcMAC, p.DstMAC, p.InnerSrcMAC, p.InnerDstMAC}, m.mac) {
		return true
	}
	if p.Depth < packet.DepthNetwork {
		return false
	}
	if m.between[0].IsValid() {
		return p.Key.Proto == m.proto && m.flows(p, p.Key.SrcAddr(), p.Key.DstAddr())
	}
	src, dst := p.Key.SrcAddr(), p.Key.DstAddr()
	return slices.ContainsFunc(m.either, func(n netip.Prefix) bool { return n.Contains(src) || n.Contains(dst) })
}

// flows reports whether a packet of the protocol belongs to a flow, in either
// direction.
func (m *matcher) flows(p *packet.Header, src, dst netip.Addr) bool {
	k := &p.Key
	switch {
	case m.between == [2]netip.Addr{src, dst}:
		return p.Depth < packet.DepthTransport || m.ports == [2]uint16{k.SrcPort, k.DstPort}
	case m.between == [2]netip.Addr{dst, src}:
		return p.Depth < packet.DepthTransport || m.ports == [2]uint16{k.DstPort, k.SrcPort}
	}
	return false
}
