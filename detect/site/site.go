package site

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"weir/detect"
	"weir/detect/site/fact"
	"weir/detect/site/incident"
	"weir/detect/site/silence"
)

// Config is what a Site is told. The zero value works.
type Config struct {
	Off  bool // nothing is judged; the model is learned all the same
	Mute bool // that nothing at all is heard is told by somebody else

	Watched []string // names or identities of projects; see Watch
}

// Site is the model of the site and the judge of its conditions. It belongs to
// one goroutine.
type Site struct {
	cfg      Config
	nodes    map[string]*node
	order    []*node // in the order of their keys
	byNumber map[uint32]*node
	streams  map[streamKey]*stream
	macs     map[uint64]*address
	insts    map[string]*instance
	board    *incident.Board[*condition]
	words    Names // that others have; nil without
	out      []*detect.Alert
	starting []*incident.Item[*condition]

	now     int64
	before  int64 // when what the fact tells that is applied was told otherwise; 0 unknown, or it is the very time
	started int64
	losses  silence.Losses // of all senders
	blindness
	refused  uint64 // nodes, ports and addresses for which there was no place
	dropped  uint64 // facts the shards could not hand over
	watching bool   // the watch list is to be built anew
	watchAt  int64
	placing  placing
	incident map[string]*record // timelines of incidents, by id
	recent   []string           // their ids, in the order in which they were first told
	unkept   uint64             // incidents that had to go before they were kept

	contests  []*address // that send at two nodes
	travelers []*port    // of instances of which it is known by which ways they are reached
	routers   map[uint64]*router
	systems   map[uint64]*node // by what they call themselves in LACP; nil of several
	common    []*commonLoss
	commonAt  int64
	restored  []string // entities of such findings of before a restart
	recalled  recalled

	lates    []late // of this tick
	heard    int
	gathered bool

	hearsNothing bool
	deafSince    int64
	flaps        map[string]*flapping
	names        map[string]int64 // of the last alert about a subject, by its key: the second in its id
}

type streamKey struct{ number, sub uint32 }

// New returns a Site that has learned nothing.
func New(cfg Config) *Site {
	s := &Site{cfg: cfg, incident: map[string]*record{}}
	s.reset()
	return s
}

func (s *Site) reset() {
	s.nodes, s.order, s.byNumber = map[string]*node{}, nil, map[uint32]*node{}
	s.streams = map[streamKey]*stream{}
	s.macs, s.insts = map[uint64]*address{}, map[string]*instance{}
	s.board = incident.NewBoard[*condition](s)
	s.placing, s.recalled = placing{}, recalled{}
	s.started, s.blindness, s.watching, s.losses = 0, blindness{}, false, silence.Losses{}
	s.flaps, s.names = map[string]*flapping{}, map[string]int64{}
	s.systems = map[uint64]*node{}
	s.routers, s.travelers, s.common, s.contests = map[uint64]*router{}, nil, nil, nil
}

// Add takes facts, and how many more were dropped for want of place.
func (s *Site) Add(facts []fact.Fact, dropped uint64) {
	if dropped > 0 {
		s.dropped += dropped
		s.Blind(s.now-int64(time.Second), s.now, WhyFacts)
	}
	for i := range facts {
		s.apply(&facts[i])
	}
}

// Tick judges as of now and emits the changes, in the order of their keys. Call
// it after Add, every 100 ms; now never goes backwards, except across Epoch.
func (s *Site) Tick(now time.Time, emit func(*detect.Alert)) {
	s.now, s.before = now.UnixNano(), 0
	if s.started == 0 {
		s.started = s.now
		s.begin()
	}
	if !s.cfg.Off {
		s.judge()
		s.board.Tick(s.now)
		s.start()
	}
	s.flush(emit)
}

// flush emits what has gathered.
func (s *Site) flush(emit func(*detect.Alert)) {
	if len(s.out) == 0 {
		return
	}
	slices.SortStableFunc(s.out, func(a, b *detect.Alert) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Seq, b.Seq)) })
	for _, a := range s.out {
		emit(a)
	}
	clear(s.out)
	s.out = s.out[:0]
}

// Epoch ends every open alert with detect.ReasonClock and forgets everything but what
// is shown of incidents: the clock jumped. now is the last time of the old clock.
func (s *Site) Epoch(now time.Time, emit func(*detect.Alert)) {
	s.Close(now, emit, detect.ReasonClock)
	s.detach()
	s.reset()
}

// Close ends every open alert with a reason.
func (s *Site) Close(now time.Time, emit func(*detect.Alert), reason string) {
	s.Tick(now, emit)
	for _, it := range s.board.All() {
		if it.Value.open {
			s.end(it.Value, reason)
		}
	}
	s.flush(emit)
}

// node returns the node with these addresses, which it makes; nil where there
// are too many.
func (s *Site) node(agent, source netip.Addr) *node {
	key, src := agent, netip.Addr{}
	if namesNobody(agent) {
		key, src = source, source
	}
	k := key.String()
	n := s.nodes[k]
	if n == nil {
		if len(s.nodes) >= maxNodes {
			s.refused++
			return nil
		}
		n = newNode(k, agent, src)
		s.christen(n)
		s.nodes[k] = n
		i, _ := slices.BinarySearchFunc(s.order, k, func(n *node, k string) int { return cmp.Compare(n.key, k) })
		s.order = slices.Insert(s.order, i, n)
		s.watching = true
	}
	return n
}

// namesNobody reports whether several nodes may call themselves addr without
// being wrong.
func namesNobody(a netip.Addr) bool {
	return a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast() || !a.IsValid() ||
		a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// address returns what is known of a MAC address, which it makes; nil where
// there are too many.
func (s *Site) address(m uint64) *address {
	a := s.macs[m]
	if a == nil {
		if len(s.macs) >= maxMACs {
			s.refused++
			return nil
		}
		a = &address{mac: m}
		s.macs[m] = a
		s.watching = true
	}
	return a
}

// watchEvery is how often the watch list may change.
const watchEvery = int64(time.Second)

// Watchlist returns the addresses to watch for, nil where they are those that
// were returned last.
func (s *Site) Watchlist() *fact.Watchlist {
	if !s.watching || s.now-s.watchAt < watchEvery && s.now >= s.watchAt {
		return nil
	}
	s.watching, s.watchAt = false, s.now
	macs := make([]uint64, 0, len(s.macs))
	for m, a := range s.macs {
		if !a.many && m&fact.HostIP == 0 {
			macs = append(macs, m)
		}
	}
	slices.Sort(macs)
	ips := s.addressesOf(macs)
	for m := range s.routers {
		if s.macs[m] == nil {
			macs = append(macs, m)
		}
	}
	slices.Sort(macs)
	var bare []uint32
	for _, n := range s.order {
		a := n.addr
		if n.source.IsValid() {
			a = n.source
		}
		if a.Is4() && !slices.ContainsFunc(n.own, func(m uint64) bool { return m&fact.HostIP == 0 }) {
			bare = append(bare, fact.IPv4(a.As4()))
		}
	}
	return fact.NewWatchlist(macs, ips, bare)
}

// addressesOf are the IPv4 addresses that one of macs alone has. One that several
// instances have, as of a pair that takes turns, identifies none of them; whoever
// has none but a home that is gone counts only where nobody else does.
func (s *Site) addressesOf(macs []uint64) map[uint32]uint64 {
	ips := map[uint32]uint64{}
	lives := func(a *address) bool { return a.home != nil && !a.home.left() }
	for _, m := range macs {
		a := s.macs[m]
		for _, ip := range a.ips {
			other, ok := ips[ip]
			switch o := s.macs[other]; {
			case !ok, other != 0 && !lives(o) && lives(a):
				ips[ip] = m
			case other != 0 && lives(o) && lives(a) && o.home != a.home:
				ips[ip] = 0
			}
		}
	}
	maps.DeleteFunc(ips, func(_ uint32, m uint64) bool { return m == 0 })
	return ips
}

// Stats are counts and the use of bounds.
type Stats struct {
	Nodes, MaxNodes         int
	Instances               int
	Addresses, MaxAddresses int
	Findings                int // true now
	Open                    int // told
	Refused                 uint64
	Dropped                 uint64    // facts
	Unkept                  uint64    // incidents that went before they were kept
	Deaf                    time.Time // since when nobody is heard; zero: somebody is
	Orphans                 []NodeOrphans
}

// Stats returns the counts. Call it from the Site's goroutine.
func (s *Site) Stats() Stats {
	open := 0
	for _, it := range s.board.All() {
		if it.Value.open {
			open++
		}
	}
	st := Stats{
		Nodes: len(s.nodes), MaxNodes: maxNodes, Instances: len(s.insts), Addresses: len(s.macs), MaxAddresses: maxMACs,
		Findings: s.board.Len(), Open: open, Refused: s.refused, Dropped: s.dropped, Unkept: s.unkept, Orphans: s.orphanCounts(),
	}
	if s.hearsNothing {
		st.Deaf = time.Unix(0, s.deafSince).UTC()
	}
	return st
}
