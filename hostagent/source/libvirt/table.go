package libvirt

import (
	"hash/fnv"
	"strings"
	"time"
	"unicode/utf8"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// maxDomains bounds the table; libvirt itself lists no more than 16,384.
const maxDomains = 16384

// table is what is known of the node's domains.
type table struct {
	domains map[golibvirt.UUID]*domain
	indexes map[uint32]*domain
	stale   []*domain // whose XML is to be read
	node    nodeInfo
	seen    uint64 // number of the last list
	changes uint64 // messages that changed something
	listed  bool   // there was one
	dropped uint64 // domains that were too many
}

// nodeInfo is what libvirt says of the host.
type nodeInfo struct{ cpus, mhz uint32 }

// domain is one virtual machine.
type domain struct {
	ref   golibvirt.Domain
	uuid  string
	index uint32 // of its data source

	state, reason int32 // as libvirt said last, at a poll or by an event
	life          int32 // state by events alone: what a RESUMED means depends on it
	cause         string

	about     about
	known     bool   // about was read
	err       error  // why it could not be read
	nics      uint64 // digest of the interfaces\' names at the last poll
	queued    bool   // in stale
	removed   bool
	rebooting bool      // told not long ago
	transient bool      // undefined while it runs
	exited    bool      // its process has ended, which libvirt has yet to notice
	doubtful  bool      // why it is paused is to be asked
	sought    time.Time // when all processes were last searched for its own
	seen      uint64
	changed   uint64 // the table's changes at its own last one
	unlike    unlike
	waiting   []told // for about
}

func newTable() *table {
	return &table{domains: map[golibvirt.UUID]*domain{}, indexes: map[uint32]*domain{}}
}

// get returns the domain, which it makes where it is new; nil where there are
// too many.
func (t *table) get(ref golibvirt.Domain) *domain {
	d := t.domains[ref.UUID]
	if d == nil {
		if len(t.domains) >= maxDomains {
			t.dropped++
			return nil
		}
		d = &domain{ref: ref, uuid: formatUUID(ref.UUID), index: t.newIndex(ref.UUID), life: shutoff, seen: t.seen}
		t.domains[ref.UUID] = d
		t.indexes[d.index] = d
		t.describe(d)
	}
	d.ref = ref
	return d
}

// newIndex makes the index of a domain's data source from its UUID, so that it
// is the same after a restart of the agent; two of the same hash are moved apart.
// It fits the 24 bits of a compact counter sample.
func (t *table) newIndex(u golibvirt.UUID) uint32 {
	h := fnv.New32a()
	h.Write(u[:])
	for i := h.Sum32(); ; i++ {
		if i = i&0xffffff | 1<<16; t.indexes[i] == nil {
			return i
		}
	}
}

// describe asks for the domain's XML to be read (again).
func (t *table) describe(d *domain) {
	if !d.queued {
		d.queued = true
		t.stale = append(t.stale, d)
	}
}

// undescribed returns the next domain whose XML is to be read, nil if none.
func (t *table) undescribed() *domain {
	for len(t.stale) > 0 {
		d := t.stale[0]
		t.stale[0] = nil
		t.stale = t.stale[1:]
		d.queued = false
		if !d.removed {
			return d
		}
	}
	t.stale = nil
	return nil
}

// described takes what the XML says.
func (d *domain) described(a about, err error) {
	d.err = err
	if err == nil {
		d.about, d.known = a, true
	}
}

// remove forgets a domain.
func (t *table) remove(d *domain) {
	d.removed = true
	delete(t.domains, d.ref.UUID)
	delete(t.indexes, d.index)
}

// relist takes a complete list and returns what must have happened since the
// one before: nothing for the first one.
func (t *table) relist(records []golibvirt.DomainStatsRecord) []told {
	t.seen++
	var events []told
	for i := range records {
		r := &records[i]
		known := t.domains[r.Dom.UUID] != nil
		d := t.get(r.Dom)
		if d == nil {
			continue
		}
		d.seen = t.seen
		if d.err != nil { // the connection may have been lost over it
			t.describe(d)
		}
		state, reason, _ := stateOf(r.Params)
		if t.listed {
			events = append(events, d.missed(known, state, reason)...)
		}
		d.state, d.reason, d.life = state, reason, state
		d.exited, d.unlike = d.exited && alive(state), unlike{}
	}
	for _, d := range t.domains {
		if d.seen != t.seen {
			events = append(events, d.vanished()...)
			t.remove(d)
		}
	}
	t.listed = true
	return events
}

func formatUUID(u golibvirt.UUID) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for i, c := range u {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b.WriteByte('-')
		}
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// clean returns text that tenants have chosen without control characters and
// broken UTF-8, at most n octets.
func clean(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError || (r >= 0x80 && r < 0xa0) {
			return '?'
		}
		return r
	}, s[:min(len(s), 4*n)])
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
