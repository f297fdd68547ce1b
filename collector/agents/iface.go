package agents

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"weir/decoder/sflow"
)

// Rate is something per second; negative is unknown, which is never zero.
type Rate float32

// Unknown is a Rate nobody knows.
const Unknown Rate = -1

// Known reports whether the rate is known.
func (r Rate) Known() bool { return r >= 0 }

// MarshalJSON writes null for an unknown rate.
func (r Rate) MarshalJSON() ([]byte, error) {
	if !r.Known() {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(r), 'f', -1, 32), nil
}

// Rates are the rates of an interface in one direction.
type Rates struct {
	BitsPerSecond Rate `json:"bits_per_second"`
	Packets       Rate `json:"packets"` // unicast, multicast and broadcast, as far as the agent counts them
	Errors        Rate `json:"errors"`
	Discards      Rate `json:"discards"`
}

var unknownRates = Rates{Unknown, Unknown, Unknown, Unknown}

// portKind is what a port's name says it leads to.
type portKind uint8

const (
	portUnknown  portKind = iota
	portPhysical          // anything named that is none of the others
	portInstance          // a virtual machine or container
	portBridge            // a bridge's own port
)

// iface is one interface of an agent, by ifIndex: sub-agents are renumbered
// when a bridge goes, ifIndexes are not. The owner alone writes; what others
// read is written under the agent's mu.
type iface struct {
	index    uint32
	group    uint32 // ifIndex of the link aggregation group; 0 none
	typ      uint32
	speed    uint64 // bit/s as the agent says
	override atomic.Uint64
	name     string    // as the agent says, else its label's
	label    *labelled // what others say; nil is nothing
	at       int64     // ns, last heard

	kind      portKind
	status    uint8 // bit 0 admin up, bit 1 oper up
	direction uint8
	counted   bool // had if_counters

	base   counterBase
	rates  [2]Rates // by Direction
	resets uint32
}

// counterBase is an if_counters as it arrived.
type counterBase struct {
	set     bool
	epoch   uint32
	gen     uint32 // of sub
	uptime  uint32 // ms
	sub     *sub
	at      int64 // ns
	octets  [2]sflow.Counter64
	packets [2][3]sflow.Counter32 // unicast, multicast, broadcast
	errors  [2]sflow.Counter32
	discard [2]sflow.Counter32
}

// judgedSpeed returns the speed to believe, in bit/s; 0 is unknown.
func (i *iface) judgedSpeed() uint64 {
	if v := i.override.Load(); v != 0 {
		return v
	}
	return i.speed
}

// update counts an if_counters of sub.
func (i *iface) update(c *sflow.IfCounters, at int64, epoch uint32, s *sub) {
	b := counterBase{
		set: true, epoch: epoch, gen: s.gen, uptime: s.uptime, sub: s, at: at,
		octets: [2]sflow.Counter64{c.InOctets, c.OutOctets},
		packets: [2][3]sflow.Counter32{
			{c.InUcastPkts, c.InMulticastPkts, c.InBroadcastPkts},
			{c.OutUcastPkts, c.OutMulticastPkts, c.OutBroadcastPkts},
		},
		errors:  [2]sflow.Counter32{c.InErrors, c.OutErrors},
		discard: [2]sflow.Counter32{c.InDiscards, c.OutDiscards},
	}
	i.status, i.direction, i.counted = uint8(c.Status&3), uint8(c.Direction), true
	old := &i.base
	if !old.set || old.epoch != epoch || old.sub == s && old.gen != s.gen {
		i.restart(b)
		return
	}
	ms := elapsed(old, &b)
	if ms < 100 {
		return // twice the same, or too close for a rate: the next counts from the same base
	}
	if fell(old, &b, i.judgedSpeed(), ms) {
		i.resets++
		i.restart(b)
		return
	}
	for d := range 2 {
		i.rates[d] = ratesOf(old, &b, d, ms)
	}
	i.base = b
}

// restart takes b as the new base: there is no rate until the next.
func (i *iface) restart(b counterBase) {
	i.base = b
	i.rates = [2]Rates{unknownRates, unknownRates}
}

// elapsed returns the ms between two samples: by the agent's own clock, which
// the network does not delay, unless that counts whole seconds only (Open
// vSwitch) or disagrees with ours (two clocks under one sub-agent).
func elapsed(old, b *counterBase) int64 {
	arrival := (b.at - old.at) / int64(time.Millisecond)
	coarse := old.uptime%1000 == 0 && b.uptime%1000 == 0
	if old.sub != b.sub || b.uptime == old.uptime || coarse {
		return arrival
	}
	uptime := int64(int32(b.uptime - old.uptime))
	if d := uptime - arrival; uptime > 0 && max(d, -d) <= max(arrival/4, 500) {
		return uptime
	}
	return arrival
}

// fell reports whether the counters were reset rather than wrapped: octets
// that fall take packets with them, or would need more than the link carries.
func fell(old, b *counterBase, speed uint64, ms int64) bool {
	packetsFell := false
	for d := range 2 {
		for k := range 3 {
			packetsFell = packetsFell || less(b.packets[d][k], old.packets[d][k])
		}
	}
	for d := range 2 {
		o, n := old.octets[d], b.octets[d]
		if !o.Known() || !n.Known() {
			continue
		}
		delta := octetDelta(o, n)
		if n < o && (packetsFell || float64(delta) > carried(max(speed, 1e9), ms)) {
			return true
		}
		if float64(delta) > carried(max(speed, 1e12), ms) {
			return true
		}
	}
	return false
}

// carried returns the octets a link of speed bit/s can carry in ms, and half
// as many again for what clocks and polling are off by.
func carried(speed uint64, ms int64) float64 { return 1.5 * float64(speed) / 8 * float64(ms) / 1e3 }

func less(a, b sflow.Counter32) bool { return a.Known() && b.Known() && a < b }

// octetDelta is modulo 2^64, or 2^32 for agents that put 32-bit counters there.
func octetDelta(old, b sflow.Counter64) uint64 {
	if b < old && old < 1<<32 {
		return uint64(uint32(b) - uint32(old))
	}
	return uint64(b - old)
}

func ratesOf(old, b *counterBase, d int, ms int64) Rates {
	r := unknownRates
	seconds := float64(ms) / 1e3
	wraps := false // packets may have wrapped more than once
	if o, n := old.octets[d], b.octets[d]; o.Known() && n.Known() {
		delta := octetDelta(o, n)
		r.BitsPerSecond = Rate(8 * float64(delta) / seconds)
		wraps = delta/46 >= 1<<32
	}
	per := func(o, n sflow.Counter32) (float64, bool) {
		return float64(uint32(n-o)) / seconds, o.Known() && n.Known()
	}
	if sum, ok := per(old.packets[d][0], b.packets[d][0]); ok && !wraps {
		for k := 1; k < 3; k++ {
			if v, ok := per(old.packets[d][k], b.packets[d][k]); ok {
				sum += v
			}
		}
		r.Packets = Rate(sum)
	}
	if v, ok := per(old.errors[d], b.errors[d]); ok {
		r.Errors = Rate(v)
	}
	if v, ok := per(old.discard[d], b.discard[d]); ok {
		r.Discards = Rate(v)
	}
	return r
}

// Prefixes that hypervisors and container hosts give the host's side of an
// instance's interface.
var instancePrefixes = []string{"tap", "vnet", "qvo", "qvb", "qvm", "veth", "vif", "vhu", "cali", "lxc", "macvtap"}

// Prefixes of a bridge's own port.
var bridgePrefixes = []string{"br-", "brq", "qbr", "virbr", "ovs-"}

func kindOf(name string) portKind {
	has := func(prefixes []string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(name, p) {
				return true
			}
		}
		return false
	}
	digits := strings.TrimPrefix(name, "br")
	switch {
	case name == "":
		return portUnknown
	case has(instancePrefixes):
		return portInstance
	case has(bridgePrefixes), digits != name && strings.Trim(digits, "0123456789") == "":
		return portBridge
	}
	return portPhysical
}

// cleanName makes a name from the wire fit to be shown.
func cleanName(b []byte) string {
	s := strings.ToValidUTF8(string(b[:min(len(b), maxName)]), "")
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, s))
}
