package site

import (
	"net/netip"
	"slices"
	"time"

	"weir/decoder/sflow"
	"weir/detect/site/fact"
)

const (
	second      = int64(time.Second)
	millisecond = int64(time.Millisecond)
)

// apply takes one fact into the model.
func (s *Site) apply(f *fact.Fact) {
	if f.Kind == fact.Sender {
		s.sender(f)
		return
	}
	n := s.byNumber[f.Agent]
	if n == nil {
		return // a node for which there is no place, or from before an epoch
	}
	switch f.Kind {
	case fact.Alive:
		s.alive(n, f)
	case fact.Port:
		s.portFact(n, f)
	case fact.PortGone:
		s.portGone(n, f)
	case fact.PortActive:
		s.portActive(n, f)
	case fact.PortFlat:
		if p := n.ports[f.Index]; p != nil && f.A < 2 {
			p.flat[f.A] = flat{at: f.At, nats: float64(f.C) / 1000, offered: float64(uint32(f.B))}
			if ms := int64(f.B >> 32); ms > 0 {
				p.flat[f.A].since = f.At - ms*millisecond
			}
			n.dirty = true
		}
	case fact.PortErrors:
		if p := n.ports[f.Index]; p != nil {
			p.errs.add(f.At, f.A, f.B, f.C)
			n.dirty = true
		}
	case fact.PortMAC:
		s.portMAC(n, f)
	case fact.PortSpoke:
		s.portSpoke(n, f)
	case fact.Forwards:
		s.forwards(n, f)
	case fact.Sampling, fact.HeaderBytes:
		s.sampling(n, f)
	case fact.Seen:
		s.seen(n, f)
	case fact.Asked:
		s.askedFor(f)
	case fact.Discards:
		n.discards.add(f.At, f.A, uint32(f.B))
		n.dirty = true
	case fact.Said:
		s.said(n, f)
	default:
		s.hostFact(n, f)
	}
}

// sender notes that a source address speaks as an agent.
func (s *Site) sender(f *fact.Fact) {
	n := s.node(f.Detail.Agent, f.Detail.Source)
	if n == nil {
		return
	}
	s.byNumber[f.Agent] = n
	if n.first == 0 {
		n.first = f.At
	}
	n.heard = true
	if f.Detail.Keyed {
		if n.agentOf == nil {
			n.agentOf = newAgent()
		}
		n.agentOf.keyed = true
	}
	if len(n.senders) < 16 {
		n.senders = append(n.senders, &sender{number: f.Agent, source: f.Detail.Source, agent: f.Detail.Agent, first: f.At, last: f.At})
	}
	n.dirty = true
}

// outage is the shortest time without a datagram that is never taken for loss.
const outage = 6 * second

// alive notes what a sub-agent sent since the last tick.
func (s *Site) alive(n *node, f *fact.Fact) {
	st := s.stream(n, f.Agent, f.Sub)
	n.last = max(n.last, f.At)
	if n.silent {
		n.wokeAt = f.At
	}
	seq, came := uint32(f.A>>32), uint32(f.A)
	uptime := uint32(f.B >> 32)
	boot := f.At - int64(uptime)*millisecond
	switch {
	case st.last == 0:
	case int32(uptime-st.uptime) < 0 && boot-st.boot > 2*second:
		s.restarted(st, f.At, uptime)
	case st.silent || st.last < n.wokeAt || f.At-st.last > max(outage, 4*st.pace.Period()):
		// What an outage took is no loss on the way.
	default:
		if gap := seq - st.seq; gap >= came && gap < 10000 {
			st.pace.Count(came, gap-came)
			st.traffic.Count(came, gap-came)
			s.losses.Count(came, gap-came)
			if gap > came+1 { // one alone is no run
				st.gapAt = f.At
			}
		}
	}
	st.seq, st.uptime, st.boot = seq, uptime, boot
	if st.silent || st.last == 0 || st.retired {
		n.dirty = true
	}
	if n.signs(st) {
		return // only what is signed shows that it lives
	}
	st.last, st.retired = f.At, false
	st.samples = st.samples || uint32(f.B) > 0
	st.traffic.Beat(f.At, st.deadline)
	if f.C != 0 {
		st.beats = true
		st.pace.Beat(int64(f.C), st.deadline)
	}
	s.turn(n, f)
	if n.next == 0 || n.silent {
		n.dirty = true
	}
}

// turn follows which of a node's senders speaks.
func (s *Site) turn(n *node, f *fact.Fact) {
	if len(n.senders) < 2 {
		if len(n.senders) == 1 {
			n.senders[0].last = f.At
		}
		return
	}
	for _, x := range n.senders {
		if x.number != f.Agent {
			continue
		}
		for _, o := range n.senders {
			if o != x && o.last > x.last {
				x.turns++
				n.dirty = true
				break
			}
		}
		x.last = f.At
	}
}

// portFact takes identity and status of an interface.
func (s *Site) portFact(n *node, f *fact.Fact) {
	d := f.Detail
	p := n.ports[f.Index]
	if p == nil {
		if len(n.ports) >= maxPerNode {
			s.refused++
			return
		}
		p = &port{node: n, index: f.Index, since: f.At}
		n.ports[f.Index] = p
	}
	if p.stale(f.At) {
		return
	}
	if p.name != d.Name {
		if n.byName[p.name] == p {
			delete(n.byName, p.name)
		}
		if old := n.byName[d.Name]; old != nil && old != p && d.Name != "" {
			s.inherit(p, old)
		}
		p.name = d.Name
		if d.Name != "" {
			n.byName[d.Name] = p
		}
	}
	if p.gone {
		p.since = f.At
	}
	p.number, p.sub, p.gone, p.goneAt, p.group = f.Agent, f.Sub, false, 0, d.Group
	if d.Datapath != 0 || p.said == 0 { // else the host agent knows better
		p.instance, p.local = d.Instance, fact.IsLocalPort(d.OFPort) && d.Datapath != 0
	}
	s.status(p, d, f.At)
	if d.Datapath != 0 {
		s.join(p, d.Datapath)
		if st := s.stream(n, f.Agent, f.Sub); st.speaks == "" {
			st.speaks = openVSwitch
		}
	}
	n.dirty = true
}

// inherit lets a port that has come back under another index keep what is known
// of it.
func (s *Site) inherit(p, old *port) {
	p.macs, p.inst, p.wasUp, p.act = old.macs, old.inst, old.wasUp || p.wasUp, old.act
	for _, m := range p.macs {
		if a := s.macs[m]; a != nil && a.home == old {
			a.home = p
		}
	}
	if p.inst != nil {
		p.inst.replace(old, p)
	}
	if b := old.bridge; b != nil {
		delete(b.ports, old.index)
	}
	delete(p.node.ports, old.index)
	old.gone = true
}

// status takes a port's status.
func (s *Site) status(p *port, d *fact.Detail, at int64) {
	if !d.Counted {
		return
	}
	was := p.status
	if !p.counted || was != d.Status || p.unknown != d.Unknown {
		p.changed = at
		if p.counted && was != d.Status {
			if p.said == at {
				p.node.note(at, p.entity(), "status of "+p.label(), statusText(was), statusText(d.Status), Agent)
			} else { // at any time since the poll before
				p.node.noteSince(at-s.pollOf(p), at, p.entity(), "status of "+p.label(), statusText(was), statusText(d.Status), Passive)
			}
		}
	}
	if !p.counted {
		// After a restart: what is down now may be told already.
		p.wasUp = s.active(InterfaceDown, p.entity()) != nil || s.active(InstanceUnreachable, p.instanceEntity()) != nil ||
			p.bridge != nil && s.active(BridgeDown, p.bridge.entity()) != nil
	}
	p.counted, p.status, p.unknown = true, d.Status, d.Unknown
	if p.up() {
		p.wasUp, p.goodAt, p.downAt = true, at, 0
	} else if p.downAt == 0 {
		p.downAt = at
	}
}

func statusText(v uint8) string {
	switch v {
	case 3:
		return "up"
	case 1:
		return "no carrier"
	case 0:
		return "down"
	case fact.StatusNew:
		return "unknown"
	}
	return "oper up, admin down"
}

// join puts a port into the bridge of its datapath. A datapath's id follows the
// lowest MAC address of its ports and may change; its own port's name does not.
func (s *Site) join(p *port, datapath uint64) {
	n := p.node
	if p.local {
		b := n.bridges[p.name]
		if b == nil {
			b = &bridge{node: n, name: p.name, ports: map[uint32]*port{}}
			n.bridges[p.name] = b
		}
		b.local = p
		if !slices.Contains(b.datapaths, datapath) {
			b.datapaths = append(b.datapaths, datapath)
			if len(b.datapaths) > 4 {
				b.datapaths = b.datapaths[1:]
			}
		}
		for _, o := range n.ports {
			if o.datapath == datapath {
				s.enter(o, b)
			}
		}
	}
	p.datapath = datapath
	for _, b := range n.bridges {
		if slices.Contains(b.datapaths, datapath) {
			s.enter(p, b)
		}
	}
}

// enter makes p a port of b.
func (s *Site) enter(p *port, b *bridge) {
	if p.bridge != b {
		if p.bridge != nil {
			delete(p.bridge.ports, p.index)
		}
		p.bridge = b
	}
	b.ports[p.index] = p
	if b.gone {
		b.gone, b.removed = false, false
		p.node.dirty = true
	}
}

// portGone notes that a port is polled no more while its agent goes on.
func (s *Site) portGone(n *node, f *fact.Fact) {
	p := n.ports[f.Index]
	if p == nil || p.gone || p.number != f.Agent {
		return
	}
	p.gone, p.goneAt = true, f.At
	n.noteSince(f.At, f.At+max(int64(f.A), second), p.entity(), "port_gone: "+p.label()+" is polled no more", statusText(p.status), "", Passive)
	n.dirty = true
}

// portMAC notes an address that sends at an instance's port.
func (s *Site) portMAC(n *node, f *fact.Fact) {
	p := n.ports[f.Index]
	if p == nil || sharedMAC(f.A) || infrastructure(p.name) {
		return
	}
	a := s.address(f.A)
	if a == nil {
		return
	}
	if ip := uint32(f.B); ip != 0 && !slices.Contains(a.ips, ip) && len(a.ips) < 4 {
		a.ips = append(a.ips, ip)
		s.watching = true
	}
	if a.home == p {
		return
	}
	if old := a.home; old != nil && old.node != n && !old.gone && s.now-old.act.txAt < 10*second && old.act.txAt > 0 {
		a.many = true // two nodes at once: VRRP, anycast or a clone
		s.watching = true
		return
	}
	if old := a.home; old != nil && old != p {
		old.macs = slices.DeleteFunc(old.macs, func(m uint64) bool { return m == a.mac })
		if old.node != n {
			s.moved(a, old, p, f.At)
		}
	}
	a.home = p
	if len(p.macs) < 8 && !slices.Contains(p.macs, a.mac) {
		p.macs = append(p.macs, a.mac)
	}
	n.join(s, p, a.mac)
	n.dirty = true
}

// join joins a port with the instance that was described with its address before
// the port was known.
func (n *node) join(s *Site, p *port, mac uint64) {
	if p.inst != nil {
		return
	}
	for _, uuid := range sortedKeys(n.insts) {
		if i := n.insts[uuid]; slices.Contains(i.macs, mac) {
			s.bind(i, p)
			return
		}
	}
}

// forwards notes that a bridge takes samples of packets with a way out.
func (s *Site) forwards(n *node, f *fact.Fact) {
	p := s.stream(n, f.Agent, f.Sub).point(f.Index)
	p.at = f.At
	if f.B > 0 {
		p.forwarded = f.At
	}
}

// stream returns the stream of a sub-agent, which it makes.
func (s *Site) stream(n *node, number, sub uint32) *stream {
	k := streamKey{number, sub}
	st := s.streams[k]
	if st == nil {
		st = &stream{node: n, number: number, sub: sub}
		s.streams[k] = st
		n.streams = append(n.streams, st)
	}
	return st
}

func (st *stream) point(index uint32) *point {
	if st.points == nil {
		st.points = map[uint32]*point{}
	}
	p := st.points[index]
	if p == nil {
		p = &point{index: index}
		st.node.usually(st, p)
		if len(st.points) < maxPerNode {
			st.points[index] = p
		}
	}
	return p
}

// seen notes that a watched address sends somewhere else than at its home.
func (s *Site) seen(n *node, f *fact.Fact) {
	m := f.A
	var a *address
	if m&fact.HostIP != 0 {
		if a = s.hostAddress(uint32(m)); a == nil {
			return
		}
	} else if a = s.macs[m]; a == nil {
		return
	}
	var place *seen
	for i := range a.seen {
		if x := &a.seen[i]; x.number == f.Agent && x.sub == f.Sub {
			place = x
		}
	}
	if place == nil {
		if len(a.seen) < maxSights {
			a.seen = append(a.seen, seen{})
		} else {
			slices.SortFunc(a.seen, func(x, y seen) int { return int(min(max(y.last-x.last, -1), 1)) })
		}
		place = &a.seen[len(a.seen)-1]
		*place = seen{number: f.Agent, sub: f.Sub}
	}
	place.add(f.At, f.C)
	place.input = uint32(f.B)
	if owner := a.node(); owner != nil {
		if owner.silent {
			owner.dirty = true
		}
		if p := n.ports[place.input]; p != nil && n != owner && !p.instance {
			s.attach(owner, a, p, f.At)
		}
	}
}

// node is the node that an address is on.
func (a *address) node() *node {
	if a.owner != nil {
		return a.owner
	}
	if a.home != nil {
		return a.home.node
	}
	return nil
}

// attach notes at which port of a switch a node's own address enters. Uplinks
// carry the addresses of many nodes: the port with the fewest is where it is.
func (s *Site) attach(n *node, a *address, p *port, _ int64) {
	if a.owner != n || slices.Contains(p.attached, n) {
		return
	}
	if len(p.attached) < 64 {
		p.attached = append(p.attached, n)
	}
	if q := n.switchPort; q == nil || len(p.attached) < len(q.attached) {
		n.switchPort = p
	}
}

// hostAddress returns the pseudo-address of a node that is known by its IPv4
// address alone.
func (s *Site) hostAddress(ip uint32) *address {
	key := uint64(ip) | fact.HostIP
	if a := s.macs[key]; a != nil {
		return a
	}
	n := s.nodes[netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}).String()]
	if n == nil {
		return nil
	}
	a := s.address(key)
	if a != nil {
		a.owner = n
		n.own = append(n.own, key)
	}
	return a
}

// hostFact takes what an agent says of hosts and virtual machines.
func (s *Site) hostFact(n *node, f *fact.Fact) {
	switch f.Kind {
	case fact.Host:
		s.described(n, f)
	case fact.HostGone:
		if h := n.hosts[sflow.DataSource{Class: uint32(f.A), Index: f.Index}]; h != nil {
			h.gone = true
			s.hostGone(n, h, f.At)
		}
	case fact.VirtState:
		s.virtState(n, f)
	case fact.VirtNode:
		n.note(f.At, n.self(), "number of running domains changed", itoa(f.B), itoa(f.A), Passive)
	case fact.HostUptime:
		s.rebooted(n, f.At, int64(f.A), "its uptime fell", itoa(f.B)+" s", itoa(f.A)+" s", Passive)
	case fact.HostLoad:
		s.load(n, f)
	}
}
