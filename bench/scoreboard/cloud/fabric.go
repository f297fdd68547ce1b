package cloud

import (
	"weir/decoder/sflow"
)

// A cloud with a fabric has VLANs, in which instances speak to each other across
// nodes and through a router to everybody else, and switches with an uplink of two
// links. What the leaves sample has tags.

// firstVLAN is the first VLAN's id.
const firstVLAN = 100

// vlan is the instance's VLAN, 0 without a fabric.
func (i *Instance) vlan() uint16 {
	if i.c.cfg.VLANs == 0 {
		return 0
	}
	return uint16(firstVLAN + i.n%i.c.cfg.VLANs)
}

// router is what the instance reaches others by: it has an address in each VLAN, and
// every other VLAN is another router's.
func (i *Instance) router() sflow.MAC {
	v := i.vlan()
	return sflow.MAC{2, 0, 0, 1, byte(v % 2), byte(v)}
}

// beyond is somebody whom the instance speaks to: behind the router, or in its VLAN
// on another node.
func (i *Instance) beyond(outside bool) end {
	c := i.c
	if outside {
		return end{mac: i.router(), ip: [4]byte{198, 51, byte(c.rng.IntN(250)), byte(1 + c.rng.IntN(250))}, port: 50000}
	}
	for range 200 {
		n := c.Nodes[c.rng.IntN(len(c.Nodes))]
		if n == i.node || len(n.insts) == 0 {
			continue
		}
		if o := n.insts[c.rng.IntN(len(n.insts))]; o.vlan() == i.vlan() {
			return o.end
		}
	}
	return end{mac: i.router(), ip: gateway.ip, port: 50000}
}

// reaches reports whether a packet between the instance and somebody gets through.
func (i *Instance) reaches(outside bool) bool {
	return i.fate != Cut && !(i.fate == Unrouted && outside)
}

// retries is the share of its packets that the instance still sends where nothing
// comes back, some time after that began: connections repeat theirs with growing
// pauses, and new ones are tried all the time.
func retries(t float64) float64 { return max(1/((1+t)*(1+t)), 0.05) }

// across samples what the instance sends to others and is sent by them, at so many
// samples a second either way.
func (i *Instance) across(sent, asked float64) {
	c, w := i.c, &i.c.wire
	t := c.now.Sub(i.since).Seconds()
	for range c.poisson(sent) {
		outside := c.rng.Float64() < 0.5
		if !i.reaches(outside) && c.rng.Float64() > retries(t) {
			continue
		}
		to := i.beyond(outside)
		flags := byte(flagACK)
		if c.rng.Float64() < SharePush || !i.reaches(outside) {
			flags |= flagPSH
		}
		i.node.sampled(i.index, uplinkIndex, w.tcp(i.end, to, flags))
	}
	for range c.poisson(asked) {
		if outside := c.rng.Float64() < 0.5; i.reaches(outside) {
			from := i.beyond(outside)
			to := i.end
			to.port = uint16(40000 + c.rng.IntN(20000))
			i.node.sampled(uplinkIndex, i.index, w.tcp(from, to, flagPSH|flagACK))
		}
	}
	if c.cfg.LeafRate > 0 && i.rate > 0 {
		share := c.cfg.LeafRate
		if i.fate == Cut {
			share *= retries(t)
		}
		for range c.poisson(share) {
			i.node.leaf.sampled(i.node.leafPort, 0, w.tagged(w.tcp(i.end, i.beyond(true), flagACK), i.vlan()))
		}
	}
	per := float64(c.cfg.Sampling) * octets * Step.Seconds()
	const arp = 42.0 // octets a second: it asks for its next hop
	switch i.fate {
	case Cut:
		i.in += uint64(sent*retries(t)*per + arp*Step.Seconds() + 1)
	case Unrouted:
		i.in += uint64(sent*(0.5+0.5*retries(t))*per + arp*Step.Seconds() + 1)
		i.out += uint64(asked * 0.5 * per)
	default:
		i.in += uint64(sent * per)
		i.out += uint64(asked * per)
	}
}

// tagged puts a VLAN tag into a frame.
func (w *wire) tagged(frame []byte, vlan uint16) []byte {
	copy(w.tag[:], frame[:12])
	be.PutUint16(w.tag[12:], 0x8100)
	be.PutUint16(w.tag[14:], vlan)
	copy(w.tag[16:], frame[12:])
	return w.tag[:]
}

// RemoveVLAN takes a VLAN off the trunks of nodes: nothing of it comes to them.
func (c *Cloud) RemoveVLAN(k int, nodes []*Node) {
	for _, n := range nodes {
		for _, i := range n.insts {
			if i.vlan() == uint16(firstVLAN+k) {
				i.fate, i.since = Cut, c.now
			}
		}
	}
}

// LoseRouter takes a router's power: of every other VLAN.
func (c *Cloud) LoseRouter(k int) {
	for _, n := range c.Nodes {
		for _, i := range n.insts {
			if int(i.vlan())%2 == k%2 {
				i.fate, i.since = Unrouted, c.now
			}
		}
	}
}

// Indexes of a leaf's uplink, and of its members.
const (
	uplinkGroup = 1001
	firstMember = 51
	members     = 2
)

// LoseMembers takes down so many members of the leaf's uplink. With all of them
// nothing comes to its nodes' instances; telemetry goes by another network.
func (l *Leaf) LoseMembers(n int) {
	l.lost = n
	if n < members {
		return
	}
	for _, o := range l.nodes {
		for _, i := range o.insts {
			i.fate, i.since = Cut, l.c.now
		}
	}
}

// uplink sends the counters of the uplink's members and of the group.
func (l *Leaf) uplink() {
	group := uint32(3)
	if l.lost >= members {
		group = 1
	}
	l.s.counters(sflow.DataSource{Index: uplinkGroup}, ifCounters(uplinkGroup, group, l.links[members], l.links[members]), &sflow.PortName{Name: sflow.Text("po1")})
	for k := range uint32(members) {
		status, to := uint32(3), uint32(uplinkGroup)
		if int(k) < l.lost {
			status, to = 1, 0 // it is attached to none
		}
		index := firstMember + k
		l.s.counters(sflow.DataSource{Index: index}, ifCounters(index, status, l.links[k], l.links[k]), &sflow.PortName{Name: sflow.Text("swp" + string('1'+rune(k)) + "s")},
			&sflow.LAGPortStats{AttachedAggID: to})
	}
}
