package rules

// Never reports that no packet can pass, as far as the values of fields tell: a
// port above 1023 and below 1000, two protocols at once, a port of ICMP.
func (f *Filter) Never() bool {
	if f.All() {
		return false
	}
	return (&known{}).never(f.root, false)
}

// known is what conditions joined by and say of each field.
type known struct {
	has [numFields]bool // the packet must have the field
	in  [numFields]spans
}

// never reports for certain that no packet with what is known is as n says, or
// with not as it does not.
func (k *known) never(n *node, not bool) bool {
	var absent, either []condition
	if k.walk(condition{n, not}, &absent, &either) {
		return true
	}
	// What is also true of packets without the field counts where the field
	// must be there.
	for _, c := range absent {
		if f := c.field; k.has[f] && k.meet(f, c.values().not(f.all())) {
			return true
		}
	}
	for _, c := range either {
		possible := false
		for _, kid := range c.kids {
			with := *k
			if !with.never(kid, c.not) {
				possible = true
				break
			}
		}
		if !possible {
			return true
		}
	}
	return false
}

// condition is a node or its opposite.
type condition struct {
	*node
	not bool
}

// walk takes what is joined by and; it returns true where that cannot be.
func (k *known) walk(c condition, absent, either *[]condition) bool {
	switch c.op {
	case opAll:
		return c.not
	case opNot:
		return k.walk(condition{c.kids[0], !c.not}, absent, either)
	case opAnd, opOr:
		if (c.op == opAnd) == c.not {
			*either = append(*either, c)
			return false
		}
		for _, kid := range c.kids {
			if k.walk(condition{kid, c.not}, absent, either) {
				return true
			}
		}
		return false
	}
	if (c.op == opNotIn) != c.not {
		*absent = append(*absent, c)
		return false
	}
	if k.meet(c.field, c.values()) {
		return true
	}
	protos := c.field.protocols()
	return protos != nil && k.meet(Proto, protos)
}

// meet adds that the field is there and in the set.
func (k *known) meet(f Field, set spans) bool {
	if k.has[f] {
		set = set.and(k.in[f])
	}
	k.has[f], k.in[f] = true, set
	return len(set) == 0
}

// values returns the values that the comparison names.
func (n *node) values() spans {
	if n.op != opHas {
		return n.set
	}
	var all []span
	for v := range uint64(256) {
		if v&n.mask == n.mask {
			all = append(all, span{number(v), number(v)})
		}
	}
	return newSpans(all)
}

// protocols returns the protocols whose packets have the field, nil for all.
func (f Field) protocols() spans {
	of := func(all ...uint64) spans {
		var out []span
		for _, p := range all {
			out = append(out, span{number(p), number(p)})
		}
		return newSpans(out)
	}
	switch f {
	case SrcPort, DstPort:
		return of(6, 17, 33, 132, 136)
	case TCPFlags:
		return of(protoTCP)
	case ICMPType, ICMPCode:
		return of(protoICMP, protoICMPv6)
	}
	return nil
}
