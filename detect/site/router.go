package site

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"weir/detect"
	"weir/detect/site/fact"
)

// Bounds of routers.
const (
	maxRouters = 8192
	maxClients = 16384        // of one
	routerFor  = 600 * second // that one is kept without a client
)

// router is what instances reach other networks by, known by a MAC address.
type router struct {
	mac     uint64
	clients []*port
	since   int64 // it was made
	seenAt  int64 // it sent, to whomever
	home    *port // its own, where that is known
}

// router returns the router with a MAC address, which it makes; nil where there are
// too many, or mac is 0.
func (s *Site) router(mac uint64) *router {
	r := s.routers[mac]
	if r == nil && mac != 0 {
		if len(s.routers) >= maxRouters {
			s.refused++
			return nil
		}
		r = &router{mac: mac, since: s.now}
		s.routers[mac] = r
		s.watching = true
	}
	return r
}

func (r *router) entity() string { return "router/" + fact.UnpackMAC(r.mac).String() }

// routerSeen notes that a router sends, and by which port of its own.
func (s *Site) routerSeen(n *node, f *fact.Fact) {
	r := s.routers[f.A]
	if r == nil {
		return
	}
	r.seenAt = f.At
	if p := n.ports[uint32(f.B)]; p != nil && routerPort(p.name) {
		r.home = p
	}
}

// routerPort reports the name of a port of a router of Neutron within a tenant's
// network.
func routerPort(name string) bool {
	return strings.HasPrefix(name, "qr-") || strings.HasPrefix(name, "qg-")
}

// routed is what comes to a port through its next hop.
func routed(p *port) (*rhythm, int64) { return &p.ways.in, p.ways.inAt }

// inside is what comes to a port from its own network and other nodes.
func inside(p *port) (*rhythm, int64) { return &p.ways.afar, p.ways.afarAt }

// asksRouter reports whether a port's instance has asked for an answer through its
// next hop since t.
func (s *Site) asksRouter(p *port, t int64) bool {
	return p.ways.outAt > t+settle && p.ways.askAt > t || s.flatSince(p, t)
}

// judgeRouters looks for routers through which nothing comes any more.
func (s *Site) judgeRouters() {
	for _, mac := range sortedKeys(s.routers) {
		r := s.routers[mac]
		if len(r.clients) == 0 && s.now-max(r.seenAt, r.since) > routerFor {
			delete(s.routers, mac)
			continue
		}
		if len(r.clients) == 0 || s.active(InstanceUnreachable, r.entity()) != nil {
			continue
		}
		r.clients = slices.DeleteFunc(r.clients, func(p *port) bool { return p.node.ports[p.index] != p || p.ways.next != r })
		s.judgeRouter(r)
	}
}

func (s *Site) judgeRouter(r *router) {
	var members []*port
	for _, p := range r.clients {
		if s.tells(p) && !s.explained(p) {
			members = append(members, p)
		}
	}
	l := s.lossOf(members, routed, s.asksRouter, r.seenAt)
	lostHome := r.home != nil && (r.home.gone && r.home.goneAt > l.at-10*second || r.home.counted && !r.home.up() && r.home.downAt > l.at-10*second)
	if least := siblingsLeast; !l.enough(least) && !(lostHome && l.enough(2)) {
		return
	}
	// What goes on within their networks, or else what else comes to their nodes.
	b := s.beside(&l, func(p *port) bool { return p.ways.next == r && s.tells(p) }, inside)
	if b.known < siblingsLeast && b.well == 0 {
		b = s.beside(&l, func(p *port) bool { return p.ways.next != r && s.tells(p) && !s.explained(p) }, fromAfar)
	}
	nodes := nodesOf(l.lost)
	f := &finding{
		kind: InstanceUnreachable, entity: r.entity(), subject: Subject{Type: TypeRouter, Name: r.label(), MAC: fact.UnpackMAC(r.mac).String()},
		severity: detect.Critical, onset: l.at, good: l.at, witness: Passive, hold: 5 * second, sure: round3(probability(prior + l.nats + commonEnough)),
		facts:   l.facts(b),
		summary: fmt.Sprintf("nothing comes through it to any of its %d instances on %d nodes any more", len(l.lost), len(nodes)),
		cause:   "the router, or its own link, is down",
	}
	if h := r.home; h != nil {
		f.subject.Node, f.subject.Agent, f.subject.Source = h.node.label(), h.node.addr, h.node.source
		f.above = h.node.above()
	}
	switch {
	case lostHome:
		f.cause = "its port " + r.home.label() + " is gone or down"
		f.facts = append(f.facts, Noted{At: at(max(r.home.goneAt, r.home.downAt)), Group: "port", From: r.home.node.label(), What: "its own port " + r.home.label() + " is gone or down", Weight: weightPortDown})
	case b.known+b.well == 0 && len(nodes) > 1:
		f.sure = min(f.sure, 0.9)
		f.blind = "nothing else is known to come to these nodes: whether it is the router or their way out cannot be told"
	case !b.living():
		return
	}
	f.above = append(f.above, s.routersBeside(r, l.at)...)
	s.suffer(f, routed, &l, "nothing comes to it through its router any more")
}

// label is how a router is called.
func (r *router) label() string {
	name := "router " + fact.UnpackMAC(r.mac).String()
	if r.home != nil {
		name += " (" + r.home.label() + ")"
	}
	return name
}

// routersBeside are the routers that were lost at the same time, and may be the
// same: one has an address in each of its networks.
func (s *Site) routersBeside(r *router, onset int64) (all []string) {
	for _, mac := range sortedKeys(s.routers) {
		o := s.routers[mac]
		c := s.active(InstanceUnreachable, o.entity())
		if c == nil || o == r || cmp.Compare(max(c.onset-onset, onset-c.onset), 5*second) > 0 {
			continue
		}
		if r.home == nil || o.home == nil || r.home.node == o.home.node {
			all = append(all, o.entity())
		}
	}
	return all
}
