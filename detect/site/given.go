package site

import (
	"cmp"
	"net/netip"
	"strconv"
)

// Names are words for nodes and interfaces that these do not say themselves: files,
// an inventory or SNMP have them. Its methods must answer at once.
type Names interface {
	// NodeName returns what the node is called whose agent has this address, or sends
	// from it where its own names nobody; "" is unknown.
	NodeName(agent netip.Addr) string
	// InterfaceName returns what an interface is called, and what the operator wrote
	// about it, each "" where it is unknown; said is its name as its agent says it.
	InterfaceName(agent netip.Addr, ifIndex uint32, said string) (name, alias string)
}

// SetNames lets what is told from now on have these names, which hold before what
// nodes call themselves. They are no part of any identity. Call it from the Site's
// goroutine.
func (s *Site) SetNames(x Names) {
	s.words = x
	for _, n := range s.order {
		s.christen(n)
	}
}

// identity is the address that the node is known by in settings.
func (n *node) identity() netip.Addr {
	if n.source.IsValid() {
		return n.source
	}
	return n.addr
}

func (s *Site) christen(n *node) {
	if s.words != nil {
		n.given = s.words.NodeName(n.identity())
	}
}

// interfaceSubject is an interface, with the words that others have for it.
func (s *Site) interfaceSubject(p *port) Subject {
	x := p.node.subject(TypeInterface, p.label())
	x.Label, x.Alias = s.given(p)
	return x
}

// given returns what others call an interface that does not say its name, and what
// was written about it, each "" where it is unknown.
func (s *Site) given(p *port) (label, alias string) {
	if s.words == nil {
		return "", ""
	}
	label, alias = s.words.InterfaceName(p.node.identity(), p.index, p.name)
	if p.name != "" {
		label = ""
	}
	return label, alias
}

// shown is what an interface is called in a sentence.
func (s *Site) shown(p *port) string {
	label, alias := s.given(p)
	return titled(cmp.Or(label, p.label()), alias)
}

// titled writes a name with what the operator wrote about it: Ethernet12 "to spine2".
func titled(name, alias string) string {
	if alias == "" || alias == name {
		return name
	}
	return name + " " + strconv.Quote(alias)
}
