package cloud

import (
	"fmt"
	"math/bits"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// Fate is what has befallen an instance.
type Fate uint8

// The fates.
const (
	Well     Fate = iota
	TxDrop        // nothing that it sends gets through
	BothDrop      // nothing gets through, either way
	ARPDead       // it does not answer ARP, and who asks forgets it
	TapDown       // its tap was taken down
	Paused        // its virtual machine stands still
	Crashed       // QEMU is gone
	Idle          // nobody wants anything of it: all is well
	Scanned       // idle and filtered, while somebody knocks at it
	TakesUDP      // idle, but for metrics and video that are sent to it, as ever, which it never answers
	Quieter       // a tenth of what it was asked
	Deserted      // its clients died: it repeats what it sent last, and stops
	ShutOff       // its owner shuts it off: it refuses what it is asked, and is gone
	Cut           // nothing comes to its node of its VLAN
	Unrouted      // nothing comes through its router
)

func (f Fate) String() string {
	return [...]string{"well", "tx dropped", "both dropped", "ARP dead", "tap down", "paused", "crashed", "idle", "idle, scanned",
		"idle, takes UDP", "a tenth as busy", "its clients died", "shut off by its owner", "cut", "unrouted"}[f]
}

// Instance is a virtual machine.
type Instance struct {
	UUID, Name, Domain string

	c     *Cloud
	node  *Node
	n     int
	end   end
	tap   string
	index uint32 // of its tap
	plug  uint32 // its OpenFlow port
	fate  Fate
	since time.Time
	gone  bool
	state string
	rate  float64 // samples a second, both ways

	in, out   uint64 // octets that the tap has received and sent
	arpAsked  uint64
	arpDone   uint64
	arpVain   int
	open      bool // its security group lets everything through
	lastAsked time.Time
}

// newInstance makes an instance that is nowhere yet.
func (c *Cloud) newInstance() *Instance {
	c.created++
	k := c.created
	i := &Instance{
		c: c, n: k, UUID: fmt.Sprintf("%08x-0000-4000-8000-%012x", k, k), Name: fmt.Sprintf("vm-%d", k), Domain: fmt.Sprintf("instance-%08x", k),
		tap: fmt.Sprintf("tap%08x-%02x", k, k&255), state: "running", rate: c.cfg.Rate,
	}
	i.end = end{mac: sflow.MAC{0xfa, 0x16, 0x3e, byte(k >> 16), byte(k >> 8), byte(k)}, ip: [4]byte{10, byte(100 + k>>16), byte(k >> 8), byte(k)}, port: 443}
	return i
}

func (i *Instance) mac() string { return i.end.mac.String() }

// gateway is the router that all clients are behind.
var gateway = end{mac: sflow.MAC{0x02, 0, 0, 0, 0, 0xfe}, ip: [4]byte{10, 100, 255, 254}, port: 50000}

// Shares of an instance's samples: of what it sends, what is data with PSH, a
// SYN-ACK, or else an acknowledgement; of what it is sent likewise.
const (
	ShareSent = 0.5
	SharePush = 0.4
	ShareSYN  = 0.05
	octets    = 576
	arpOctets = 60
)

// flows samples what the instance sends and is sent in one step.
func (i *Instance) flows() {
	if i.c.cfg.VLANs > 0 && (i.fate == Well || i.fate == Cut || i.fate == Unrouted) {
		i.across(i.rate*ShareSent, i.rate*(1-ShareSent))
		return
	}
	t := i.c.now.Sub(i.since).Seconds()
	sent, asked := i.rate*ShareSent, i.rate*(1-ShareSent)
	push, syn, rest := asked*SharePush, asked*ShareSYN, asked*(1-SharePush-ShareSYN)
	switch i.fate {
	case TxDrop, BothDrop, Paused:
		sent, rest = 0, 0
		// Each connection repeats its data with growing pauses, and each client
		// its SYN after 1, 3 and 7 s.
		push /= 1 + t
		syn *= 1 + min(t, 3)*0.7
	case TapDown:
		sent, rest, push, syn = 0, 0, push/(1+t), syn*(1+min(t, 3)*0.7)
	case ARPDead:
		// What it has sent is not acknowledged, so that it repeats that, and stops.
		sent, rest, push, syn = sent/((1+t)*(1+t)), 0, 0, 0
		if t > 3 {
			sent = 0
		}
	case Crashed:
		sent, rest, push, syn = 0, 0, 0, syn*3
	case Idle:
		sent, rest, push, syn = 0, 0, 0, 0
	case Scanned:
		sent, rest, push, syn = 0, 0, 0, 5
	case TakesUDP:
		sent, push, syn = 0, 0, 0
	case Quieter:
		sent, rest, push, syn = sent/10, rest/10, push/10, syn/10
	case Deserted:
		sent, rest, push, syn = sent/((1+t)*(1+t)), 0, 0, 0
		if t > 3 {
			sent = 0
		}
	case ShutOff: // in its last second nobody takes what arrives, and then RST answer
		sent, rest, push = asked, 0, push/(1+t)
		if t > shutFor {
			sent = 0
		}
	}
	i.sample(sent, push, syn, rest)
	i.resolve(t)
	i.knock()
	reaches := i.fate == Well || i.fate == TxDrop || i.fate == Paused && t < 5 || i.fate >= TakesUDP
	i.count(uint64(sent*float64(i.c.cfg.Sampling)*octets*Step.Seconds()), uint64((push+syn+rest)*float64(i.c.cfg.Sampling)*octets*Step.Seconds()), reaches)
}

// shutFor is how long a system that shuts down still answers, s, and shutDown
// after what time its process has ended.
const (
	shutFor  = 2.0
	shutDown = 3 * time.Second
)

// count moves the tap's counters. The tap receives what the instance sends.
func (i *Instance) count(sent, asked uint64, reaches bool) {
	i.in += sent
	if reaches || i.fate == Scanned {
		i.out += asked
	}
}

// sample takes samples of so many packets a second, each.
func (i *Instance) sample(sent, push, syn, rest float64) {
	w, c := &i.c.wire, i.c
	client := gateway
	for range c.poisson(sent) {
		client.port = uint16(40000 + c.rng.IntN(20000))
		flags := byte(flagACK)
		switch x := c.rng.Float64(); {
		case x < SharePush:
			flags |= flagPSH
		case x < SharePush+ShareSYN:
			flags |= flagSYN
		}
		i.node.sampled(i.index, uplinkIndex, i.packet(i.end, client, flags))
	}
	out := i.index
	if i.fate == BothDrop || i.fate == TapDown || i.fate == Crashed {
		out = 0
	}
	towards := func(rate float64, flags byte) {
		for range c.poisson(rate) {
			client.port = uint16(40000 + c.rng.IntN(20000))
			to := i.end
			switch i.fate {
			case Scanned:
				to.port = uint16(1 + c.rng.IntN(1000))
			case TakesUDP:
				to.port = 514
				i.node.sampled(uplinkIndex, out, w.udp(client, to))
				continue
			}
			i.node.sampled(uplinkIndex, out, i.packet(client, to, flags))
		}
	}
	towards(push, flagPSH|flagACK)
	towards(syn, flagSYN)
	towards(rest, flagACK)
	if c.cfg.LeafRate > 0 && i.rate > 0 {
		for range c.poisson(c.cfg.LeafRate * sent / (i.rate * ShareSent)) {
			i.node.leaf.sampled(i.node.leafPort, 0, w.tcp(i.end, client, flagACK))
		}
	}
}

// packet is one of the instance's traffic: TCP, or UDP but for handshakes.
func (i *Instance) packet(from, to end, flags byte) []byte {
	if i.c.cfg.UDP && flags&flagSYN == 0 {
		return i.c.wire.udp(from, to)
	}
	return i.c.wire.tcp(from, to, flags)
}

// servedPorts are where instances serve that their packet filter shields.
var servedPorts = [...]uint16{22, 111, 445}

// knock lets strangers try ports of the instance that its packet filter shields, and
// the instance send with others' addresses where it does so.
func (i *Instance) knock() {
	c, n := i.c, i.node
	if i.fate != Well || c.quiet {
		return
	}
	open := i.open || n.open
	port := func() uint16 {
		if c.cfg.Served {
			return servedPorts[c.rng.IntN(len(servedPorts))]
		}
		return uint16(1 + c.rng.IntN(400))
	}
	stranger := gateway
	for range c.poisson(c.cfg.Knocks) {
		to := i.end
		stranger.port, to.port = uint16(40000+c.rng.IntN(20000)), port()
		frame := c.wire.tcp(stranger, to, flagSYN)
		n.sampled(uplinkIndex, i.index, frame)
	}
	if c.cfg.Discards && !open { // of what is dropped others are sampled
		for range c.poisson(c.cfg.Knocks) {
			n.ovs.discard(uplinkIndex, c.wire.tcp(stranger, i.end, flagSYN))
		}
	}
	if open && !c.cfg.Deny {
		flags := byte(flagRST | flagACK)
		if c.cfg.Served {
			flags = flagSYN | flagACK
		}
		for range c.poisson(c.cfg.Knocks) {
			from := i.end
			from.port = port()
			n.sampled(i.index, uplinkIndex, c.wire.tcp(from, stranger, flags))
		}
	}
	if i.n%len(n.insts) < c.cfg.Spoofers {
		i.spoof(open)
	}
}

// spoof lets the instance send with others' addresses.
func (i *Instance) spoof(open bool) {
	c, out := i.c, uint32(0)
	switch {
	case open:
		out = uplinkIndex
	case c.cfg.Hidden:
		return
	}
	for range c.poisson(c.cfg.Knocks) {
		from := i.end
		from.ip = [4]byte{byte(11 + c.rng.IntN(100)), byte(c.rng.IntN(256)), byte(c.rng.IntN(256)), byte(c.rng.IntN(256))}
		i.node.sampled(i.index, out, c.wire.udp(from, gateway))
	}
}

// resolve lets the gateway ask for the instance's MAC address: every half
// minute as long as it answers, every second once it does not.
func (i *Instance) resolve(t float64) {
	every := 30 * time.Second
	answers := i.fate == Well || i.fate == Idle || i.fate >= Scanned && !i.gone
	switch {
	case i.fate == ARPDead && t > 0.1, !answers && t > 15:
		every = time.Second
	}
	if i.lastAsked.IsZero() {
		i.lastAsked = i.c.now.Add(-time.Duration(i.c.rng.Int64N(int64(30 * time.Second))))
	}
	if i.c.now.Sub(i.lastAsked) < every {
		return
	}
	i.lastAsked = i.c.now
	i.arpAsked++
	w, c := &i.c.wire, i.c
	taken := func() bool { return c.rng.Float64() < 1/float64(c.cfg.Sampling) }
	if taken() {
		i.node.sampled(uplinkIndex, i.index, w.arp(1, gateway, i.end))
	}
	if i.arpVain++; i.arpVain%3 == 0 && bits.OnesCount(uint(i.arpVain/3)) == 1 && every == time.Second { // 3, 6, 12
		i.node.event(witness.ARPUnanswered, i.mac(), witness.String(witness.Port, i.tap), witness.Gauge32(witness.Count, uint32(i.arpVain)),
			witness.Counter64(witness.Requests, i.arpAsked), witness.Counter64(witness.Answers, i.arpDone))
	}
	switch {
	case answers:
		i.arpDone++
		i.arpVain = 0
		i.in += arpOctets
		if taken() {
			i.node.sampled(i.index, uplinkIndex, w.arp(2, i.end, gateway))
		}
	case every == time.Second && taken():
		i.node.sampled(uplinkIndex, 0, w.unreachable(gateway, gateway, i.end))
	}
}
