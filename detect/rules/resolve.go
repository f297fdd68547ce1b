package rules

import (
	"net/netip"
	"slices"
	"strconv"
)

// Resolver returns the addresses that an instance has, by its name or identity; the
// problem says why there are none, and what fits there.
type Resolver func(name string) (addresses []netip.Addr, problem string, fits []string)

// ParseFilterNaming is ParseFilterOf where the instance may be asked for too, by what
// resolve knows: a packet is an instance's that has one of its addresses as source or
// destination.
func ParseFilterNaming(text string, fields []Field, otherwise string, resolve Resolver) (*Filter, error) {
	only := append(slices.Clone(fields), Instance)
	return (&filterParser{lexer: newLexer(text), only: only, otherwise: otherwise, resolve: resolve}).filter()
}

// resolves reports that a field is compared by the addresses that its values have.
func (p *filterParser) resolves(f Field) bool { return f == Instance && p.resolve != nil }

// ofEither returns, of a comparison with the addresses of instances, that with the
// source or destination of packets.
func (n *node) ofEither() *node {
	either := &node{op: opOr}
	for _, f := range []Field{Src, Dst} {
		k := &node{op: opIn, field: f, literals: n.literals}
		k.compile()
		either.kids = append(either.kids, k)
	}
	if n.op == opNotIn {
		return &node{op: opNot, kids: []*node{either}}
	}
	return either
}

// addressesOf reads the name of an instance and returns its addresses.
func (p *filterParser) addressesOf() (all []literal) {
	t := p.tok
	if p.err != nil || t.sign || p.end() {
		p.unexpected("the name of an instance", "its name in the model of the site, its UUID, or the UUID of a port of it")
		return nil
	}
	addresses, problem, fits := p.resolve(t.text)
	if problem != "" {
		p.fail(t.from, t.to, strconv.Quote(t.text)+" "+problem, fits...)
		return nil
	}
	p.next()
	for _, a := range addresses {
		v := address(a.As16())
		all = append(all, literal{span: span{v, v}})
	}
	return all
}
