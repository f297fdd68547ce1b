package fact

import (
	"encoding/binary"

	"weir/decoder"
)

// Watchlist is a set of MAC addresses whose traffic is noticed wherever it is
// sampled, and of the IPv4 addresses they go by. It is never changed once
// Gatherers have it.
type Watchlist struct {
	macs []uint64          // open addressing, 0 is free
	ips  map[uint32]uint64 // IPv4 address to MAC address
	byIP map[uint32]bool   // IPv4 addresses that name a host whose MAC address is not known
	n    int
}

// NewWatchlist returns the list of these MAC addresses, of IPv4 addresses with
// theirs, and of IPv4 addresses without; such an address is told of as itself,
// with HostIP set.
func NewWatchlist(macs []uint64, ips map[uint32]uint64, bare []uint32) *Watchlist {
	size := 16
	for size < 2*len(macs) {
		size *= 2
	}
	w := &Watchlist{macs: make([]uint64, size), ips: ips, byIP: make(map[uint32]bool, len(bare)), n: len(macs)}
	for _, m := range macs {
		for i := w.slot(m); ; i = (i + 1) & (size - 1) {
			if w.macs[i] == m {
				break
			}
			if w.macs[i] == 0 {
				w.macs[i] = m
				break
			}
		}
	}
	for _, ip := range bare {
		w.byIP[ip] = true
	}
	return w
}

func (w *Watchlist) slot(m uint64) int { return int(m*0x9e3779b97f4a7c15>>32) & (len(w.macs) - 1) }

// Has reports whether a MAC address is watched.
func (w *Watchlist) Has(m uint64) bool {
	if m == 0 {
		return false
	}
	for i := w.slot(m); ; i = (i + 1) & (len(w.macs) - 1) {
		switch w.macs[i] {
		case m:
			return true
		case 0:
			return false
		}
	}
}

// ByIP returns the watched MAC address that goes by an IPv4 address, 0 without.
func (w *Watchlist) ByIP(ip [4]byte) uint64 { return w.ips[IPv4(ip)] }

// HasHost reports whether an IPv4 address is watched as a host's only name.
func (w *Watchlist) HasHost(ip uint32) bool { return w.byIP[ip] }

// HostIP marks a number that is an IPv4 address in place of a MAC address.
const HostIP = 1 << 63

// IPv4 packs an IPv4 address into a number.
func IPv4(ip [4]byte) uint32 { return binary.BigEndian.Uint32(ip[:]) }

// sight is a watched address at one agent.
type sight struct {
	mac    uint64
	agent  uint32
	kind   uint8
	source uint32 // sub-agent
}

const (
	sightSeen = iota
	sightARP
	sightICMP
)

// sighting is what was noticed since it was last told.
type sighting struct {
	at, told int64
	input    uint32
	n        uint32
}

// maxSights bounds the addresses noticed at agents at once.
const maxSights = 1 << 17

// sight notes the sender of a sample if it is watched.
func (g *Gatherer) sight(f *decoder.Flow) {
	h := &f.Header
	m := MAC(h.SrcMAC)
	if !g.watch.Has(m) {
		if len(g.watch.byIP) == 0 || !h.HasKey || h.Key.V6 {
			return
		}
		ip := IPv4([4]byte(h.Key.Src[12:]))
		if !g.watch.HasHost(ip) {
			return
		}
		m = uint64(ip) | HostIP
	}
	g.note(sight{m, g.cur.number, sightSeen, g.sub.id}, f.Sample.Input.Value)
}

// asked notes that somebody asked for a watched address.
func (g *Gatherer) asked(m uint64, kind uint64) {
	if m != 0 {
		g.note(sight{m, g.cur.number, uint8(sightARP + kind), 0}, 0)
	}
}

func (g *Gatherer) note(k sight, input uint32) {
	s := g.sights[k]
	if s == nil {
		if len(g.sights) >= maxSights {
			g.refused.Add(1)
			return
		}
		s = &sighting{}
		g.sights[k] = s
	}
	s.n++
	s.at, s.input = g.at, input
	if d := g.at - s.told; d >= 0 && d < second {
		return
	}
	g.tellSight(&k, s)
}

func (g *Gatherer) tellSight(k *sight, s *sighting) {
	f := Fact{Kind: Seen, Agent: k.agent, Sub: k.source, At: s.at, A: k.mac, B: uint64(s.input), C: uint64(s.n)}
	if k.kind != sightSeen {
		f.Kind, f.B = Asked, uint64(k.kind-sightARP)
	}
	g.tell(f)
	s.told, s.n = s.at, 0
}

// pruneSights forgets what was not noticed for ten minutes.
func (g *Gatherer) pruneSights(ns int64) {
	for k, s := range g.sights {
		if d := ns - s.at; d > 600*second || d < 0 {
			delete(g.sights, k)
		}
	}
	for k, x := range g.places {
		if d := ns - x.at; d > 600*second || d < 0 {
			delete(g.places, k)
		}
	}
}
