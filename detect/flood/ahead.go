package flood

import "weir/detect/prefetch"

// fetchHot asks for what is kept of the hot keys that samples go to or come
// from: their entries, then the records that their last samples joined, which
// the next mostly join too.
func (t *Table) fetchHot(wait []sample) {
	if t.hosts.hot == 0 {
		return
	}
	for i := range wait {
		s := &wait[i]
		s.hot[0], s.hot[1] = t.hosts.fetchEntry(s.dst), t.hosts.fetchEntry(s.src)
		s.hot[2] = t.prefixes.fetchEntry(s.to)
	}
	for i := range wait {
		for _, e := range &wait[i].hot {
			if e != nil && e.in == t.epoch && int(e.rec) < len(t.out.Records) {
				r := &t.out.Records[e.rec]
				prefetch.Line(&r.N)
				prefetch.Line(&r.Last)
			}
		}
	}
}
