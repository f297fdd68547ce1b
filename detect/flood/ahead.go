package flood

import "weir/detect/prefetch"

// spot is a key that a sample is counted for, and where that is.
type spot struct {
	in   *places
	hash uint64
}

// places returns what a sample may be counted for: where it goes to, and where
// it comes from.
func (t *Table) places(s *sample) [4]spot {
	return [4]spot{{&t.hosts, s.dst}, {&t.prefixes, s.to}, {&t.hosts, s.src}, {&t.prefixes, s.from}}
}

// fetchRecord asks for the record that the last sample of a hot key joined: the
// next mostly joins it too.
func (t *Table) fetchRecord(p *places, hash uint64) {
	i := p.find(hash)
	if i < 0 || !p.isHot(i) {
		return
	}
	if e := &p.entries[i]; e.in == t.epoch && int(e.rec) < len(t.out.Records) {
		r := &t.out.Records[e.rec]
		prefetch.Line(&r.N)
		prefetch.Line(&r.Last)
	}
}
