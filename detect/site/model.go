package site

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"weir/decoder/sflow"
	"weir/detect/site/fact"
	"weir/detect/site/silence"
)

// Bounds of the model.
const (
	maxNodes   = 16384
	maxPerNode = 4096 // ports, and as many instances
	maxMACs    = 1 << 18
	maxSights  = 8 // places where one address is seen elsewhere
)

// node is one that speaks sFlow: a hypervisor, a switch, a host. Several agents
// on one host that call themselves by one address, or by none and send from one
// address, are one node.
type node struct {
	key     string // identity in text: the address
	addr    netip.Addr
	source  netip.Addr // valid where the agent's address names nobody
	name    string     // as it calls itself
	given   string     // as others call it
	first   int64
	last    int64
	heard   bool // in this process; false for one of the state file
	streams []*stream
	senders []*sender
	ports   map[uint32]*port
	byName  map[string]*port
	bridges map[string]*bridge
	hosts   map[sflow.DataSource]*host
	insts   map[string]*instance
	own     []uint64 // MAC addresses of the node itself
	agentOf *agent   // what the host agent says; nil without

	carries    bool  // an instance: it is no switch
	switchPort *port // where it is attached, as samples tell
	points     []attachment
	groups     map[uint32]bool   // numbers of its link aggregation groups
	bonds      map[uint32]string // names of those that Open vSwitch makes
	switchAt   int64             // since when all of its Open vSwitch is silent alone; 0 it is not
	switchBack int64             // since when traffic of it is seen again; 0 it is not
	stopping   int64             // until when silence is announced, ns
	why        string
	bootedAt   int64 // when it was found to have booted; 0 never
	dirty      bool
	next       int64 // when to look again
	silent     bool
	silentAt   int64 // last heard before
	wokeAt     int64 // heard again after it was silent
	backAt     int64 // since when traffic of it is seen again; 0 it is not
	discards   discardRate
	filtering  filtering
	orphansAt  int64
	usual      []PointState // before a restart
	plural     []uint32     // sub-agents whose name several have had from the beginning
	left       []*port      // that are polled no more, which is not told yet
	waits      int64        // a node of the state file is to be heard until then; 0 it was
	timeline   timeline

	recalled    bool // parts of it are known from before a restart
	former      []formerSender
	heardBefore int64 // last, before a restart
	againAt     int64 // since when it is heard after it
	orphans     int   // as counted last
	guests      bool  // they are raised under it, which is down
}

// sender is one source address that speaks as a node.
type sender struct {
	number      uint32
	source      netip.Addr
	agent       netip.Addr
	first, last int64
	turns       int // times it spoke after another had
}

// stream is one sub-agent of one sender: what has a pace of its own.
type stream struct {
	node     *node
	number   uint32
	sub      uint32
	pace     silence.Pace // of its beats
	traffic  silence.Pace // of all its datagrams
	hush     int64        // longest time without any since its last beat, ns
	last     int64
	seq      uint32
	uptime   uint32
	boot     int64 // last - uptime, ns
	born     int64 // what it said before that is another's; 0 it has not begun anew
	gapAt    int64 // when several datagrams were last missing before one
	gapFor   int64 // for how long it had been silent then, ns; the longest of some seconds
	lostAt   int64 // the same of any
	beats    bool
	samples  bool
	speaks   string // who it is: "weir-agent", "Open vSwitch", "hsflowd", ""
	silent   bool
	fell     bool // it was called silent since its last beat
	retired  bool // its sub-agent id is used no more: what it spoke for speaks elsewhere
	deadline int64
	misses   int
	kept     bool // from before a restart: it was not heard yet
	points   map[uint32]*point
	bridge   *bridge // that it was last found to speak for, in this life
	turns    turns
	slow     map[uint32]slow // interfaces that are polled far less often than ever, by index
	adopt    int64           // how far apart polls are now, to be taken for its pace; 0 as ever
	patience int64           // for so long it has sent nothing though nothing was lost; 0 never
}

// openVSwitch is who speaks where bridges have their own streams.
const openVSwitch = "Open vSwitch"

// point is a data source of flow samples.
type point struct {
	index     uint32
	rates     [4]uint64 // sampling rates it had, newest last
	usual     usualRate
	header    uint64
	down, cut bool // sampled far less than ever, or less of each header
	bad       Noted
	at        int64 // last sample
	forwarded int64 // last sample with an output
	mute      mute
}

// port is one interface of a node.
type port struct {
	node     *node
	index    uint32
	name     string
	number   uint32 // of the agent that told of it
	sub      uint32
	status   uint8
	counted  bool
	unknown  bool
	gone     bool
	instance bool
	told     int64 // when it was told of last, with the counters of its agent
	said     int64 // when the host agent spoke of it last; 0 never
	bond     bool  // it is one, as the host agent says
	bonded   bool  // its group is what the host agent says
	removed  int64 // when the host agent said that it was removed; 0 never
	local    bool  // a bridge's own
	isBridge bool  // the same by its type, where nothing else tells of the bridge
	before   uint8 // status before the last change
	domainAt int64 // when libvirt told last of a domain that it belongs to; 0 never
	internal bool  // Neutron's own, such as of its DHCP and metadata agents: no instance's
	datapath uint64
	bridge   *bridge
	group    uint32
	partner  uint64 // address of who speaks LACP at the other end; 0 unknown
	speed    uint64 // bit/s; 0 unknown

	changed  int64 // when the status did
	since    int64 // ns, when it was first heard
	goodAt   int64 // last told to be up
	downAt   int64 // since when it is down; 0 it is up
	goneAt   int64
	polled   int64 // how often it was polled until then, ns
	missedAt int64 // when that was found
	stillAt  int64 // last told that it has received nothing yet
	wasUp    bool
	macs     []uint64 // that it sends with
	inst     *instance
	flat     [2]flat // nothing in, nothing out
	errs     errorRate
	act      activity
	ways     ways
	network  segment // as the host agent says
	attached []*node // nodes seen to speak through it
	kept     bool    // from before a restart: it was not seen yet
	neutron  string  // port of Neutron, as Open vSwitch's database has it
}

// flat is one direction of a port that stands still while the other moves.
type flat struct {
	since   int64   // 0: it moves
	at      int64   // when that was told
	nats    float64 // how unlikely that is for it
	offered float64 // packets of the other direction meanwhile
}

// bridge is a virtual switch of a node.
type bridge struct {
	node      *node
	name      string
	datapaths []uint64
	local     *port
	ports     map[uint32]*port
	said      *bridgeSaid
	left      []leaver // ports that left it lately
	gone      bool
	goneAt    int64
	backAt    int64 // since when traffic of it is seen again; 0 it is not
	flow      flowing
	missed    bool // since it is gone its traffic was seen nowhere
	removed   bool // the host agent said so
	vacated   bool // since it is gone, instances' ports of it are another bridge's
	linux     bool
	kept      bool    // from before a restart: nothing was told of it yet
	before    []*port // of instances, that it had before a restart
	sflow     string  // its settings, as the database of Open vSwitch has them
}

// host is what an agent describes: the node itself, or a virtual machine.
type host struct {
	src    sflow.DataSource
	name   string
	uuid   string
	parent bool
	gone   bool
	macs   []uint64
	ports  []uint32
}

// address is what is known of a MAC address.
type address struct {
	mac   uint64
	ips   []uint32
	home  *port  // where it sends, if that is an instance's port
	owner *node  // whose own it is
	seen  []seen // elsewhere
	vlan  uint32 // that its frames are tagged with; 0 unknown
	vni   uint32 // of the virtual network that it is in; 0 unknown

	vlanFlips, vniFlips uint8 // times that was another than before

	rival   *port // at another node where it sends too, or now; nil it does not
	rivalAt int64
	many    bool // more than one node sends with it: VRRP, anycast, a cloned image
}

// seen is a place where an address's traffic is sampled, other than its home.
type seen struct {
	number, sub uint32
	input       uint32
	last        int64
	first       int64
	recalled    bool    // from before a restart
	rate        float64 // samples a second, smoothed over a minute
	n           uint64
}

// seenFor is the time constant of rates at other places, ns, and seenLeast how many
// samples make one.
const (
	seenFor   = 60e9
	seenLeast = 5
)

func (s *seen) add(at int64, n uint64) {
	if s.n == 0 {
		s.first, s.last = at, at
	}
	dt := float64(at - s.last)
	if dt > 0 {
		w := min(dt/seenFor, 1)
		// While little time has passed the mean of all of it says more.
		if total := float64(at - s.first); total < seenFor {
			s.rate = float64(s.n+n) / max(total/1e9, 1)
		} else {
			s.rate += (float64(n)/(dt/1e9) - s.rate) * w
		}
	}
	s.last, s.recalled = at, false
	s.n += n
}

// newNode returns an empty node.
func newNode(key string, addr, source netip.Addr) *node {
	return &node{
		key: key, addr: addr, source: source, ports: map[uint32]*port{}, byName: map[string]*port{},
		bridges: map[string]*bridge{}, hosts: map[sflow.DataSource]*host{},
	}
}

// entity names a part of a node.
func (n *node) entity(kind, name string) string { return kind + "/" + n.key + "/" + name }

// self is the node's own entity.
func (n *node) self() string { return "node/" + n.key }

// label is the node's name: as others call it, or it itself; its address while both
// are unknown.
func (n *node) label() string { return cmp.Or(n.given, n.name, n.key) }

// subject returns the subject for a part of the node.
func (n *node) subject(typ, name string) Subject {
	s := Subject{Type: typ, Node: n.label(), Agent: n.addr, Name: name}
	if n.source.IsValid() {
		s.Source = n.source
	}
	return s
}

// lastHeard is when anything of the node was heard last.
func (n *node) lastHeard() int64 {
	last := int64(0)
	for _, s := range n.streams {
		last = max(last, s.last)
	}
	return last
}

// stale reports whether what is told of a port at a time was gathered before it
// was removed.
func (p *port) stale(at int64) bool { return p.removed != 0 && at-p.removed < second }

func (p *port) up() bool { return p.status == 3 }

// label is the port's name, or its index.
func (p *port) label() string {
	if p.name != "" {
		return p.name
	}
	return "interface " + strconv.FormatUint(uint64(p.index), 10)
}

// entity of a port is by name where it has one: indexes change.
func (p *port) entity() string { return p.node.entity("port", p.label()) }

// sharedMAC reports MAC addresses that never identify an instance: VRRP (RFC 5798),
// and what Neutron's router, DHCP and metadata ports of many hosts share.
func sharedMAC(m uint64) bool {
	a := fact.UnpackMAC(m)
	return a[0] == 0 && a[1] == 0 && a[2] == 0x5e && a[3] == 0 && (a[4] == 1 || a[4] == 2) || a[0]&1 != 0 || m == 0
}

// infrastructure reports ports of Neutron that are no instance's: routers, DHCP,
// metadata and HA.
func infrastructure(name string) bool {
	for _, p := range [...]string{"qr-", "qg-", "sg-", "ha-", "rfp-", "fpr-", "fg-", "patch-", "int-", "phy-"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
