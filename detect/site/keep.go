package site

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"time"

	"weir/detect/site/fact"
)

const (
	// keptFor is how long what is known of a node that is not heard is kept.
	keptFor = 7 * 24 * time.Hour
	// sightKept is how lately an address must have been seen for that to be kept.
	sightKept = 60 * second
	// maxKeptText is how long a name may be that is kept.
	maxKeptText = 255
)

// Kept returns what is to be kept of at most most nodes, those that were returned
// longest ago first. Nodes that are not heard are none of them: what was kept of
// them stays. Call it from the Site's goroutine.
func (s *Site) Kept(most int) (all []KeptNode) {
	for range min(most, len(s.order)) {
		if s.recalled.next >= len(s.order) {
			s.recalled.next = 0
		}
		n := s.order[s.recalled.next]
		s.recalled.next++
		if n.heard && !n.silent && len(n.streams) > 0 {
			all = append(all, s.keep(n))
		}
	}
	return all
}

// Nodes is how many nodes are known.
func (s *Site) Nodes() int { return len(s.order) }

func (s *Site) keep(n *node) KeptNode {
	k := KeptNode{Key: n.key, Parts: KeptParts{Carries: n.carries}}
	k.Learned.Heard = time.Unix(0, n.lastHeard()).UTC().Truncate(time.Minute)
	numbers := map[uint32]int{}
	for _, x := range n.senders {
		if numbers[x.number] == 0 && s.byNumber[x.number] == n {
			k.Parts.Senders = append(k.Parts.Senders, KeptSender{x.agent, x.source})
			numbers[x.number] = len(k.Parts.Senders)
		}
	}
	for _, st := range n.streams {
		if x := numbers[st.number]; x != 0 && !st.retired && !st.silent && len(k.Learned.Streams) < maxKeptStreams {
			k.Learned.Streams = append(k.Learned.Streams, KeptStream{
				Sender: x, Sub: st.sub, Speaks: st.speaks, Agent: n.agentOf != nil && n.agentOf.stream == st, Beats: st.beats, Samples: st.samples,
				Pace: st.pace.Learned(), Traffic: st.traffic.Learned(),
			})
		}
	}
	k.Parts.Own = s.keepAddresses(&k, n.own)
	for _, name := range sortedKeys(n.bridges) {
		if b := n.bridges[name]; !b.gone && !b.removed && short(name) {
			x := KeptBridge{Name: name, Linux: b.linux, Datapaths: slices.Clone(b.datapaths)}
			if b.local != nil {
				x.Local = b.local.index
			}
			k.Parts.Bridges = append(k.Parts.Bridges, x)
		}
	}
	for _, p := range n.portList() {
		if !p.gone && short(p.name) {
			k.Parts.Ports = append(k.Parts.Ports, s.keepPort(&k, p, numbers[p.number]))
		}
	}
	for _, uuid := range sortedKeys(n.insts) {
		i := n.insts[uuid]
		if i.unseen || len(k.Parts.Instances) >= maxPerNode || !short(i.uuid, i.name, i.domain, i.project, i.reason) {
			continue
		}
		k.Parts.Instances = append(k.Parts.Instances, KeptInstance{
			UUID: i.uuid, Name: i.name, Domain: i.domain, Project: i.project, State: i.state, Reason: i.reason, MACs: texts(i.macs),
		})
	}
	for _, p := range n.hangsOn() {
		if p.node != n {
			k.Parts.At = append(k.Parts.At, KeptPoint{p.node.key, p.index})
		}
	}
	return k
}

// maxKeptStreams bounds the streams of a node that are kept.
const maxKeptStreams = 256

// hangsOn are the ports of switches that a node is seen at, that it hangs on first.
func (n *node) hangsOn() (all []*port) {
	if n.switchPort != nil {
		all = append(all, n.switchPort)
	}
	for _, x := range n.points {
		if !slices.Contains(all, x.port) && slices.Contains(x.port.attached, n) {
			all = append(all, x.port)
		}
	}
	return all
}

func (s *Site) keepPort(k *KeptNode, p *port, sender int) KeptPort {
	x := KeptPort{
		Index: p.index, Name: p.name, Sender: sender, Sub: p.sub, Up: p.counted && p.up() && !p.unknown, Datapath: p.datapath,
		Group: p.group, Speed: p.speed, Neutron: p.neutron, MACs: s.keepAddresses(k, p.macs), Network: p.network.name,
	}
	for bit, is := range [...]bool{p.instance, p.local, p.isBridge, p.bond, p.internal} { // in the order of KeptIs
		if is {
			x.Is |= 1 << bit
		}
	}
	if p.bridge != nil {
		x.Bridge = p.bridge.name
	}
	if p.inst != nil {
		x.UUID = p.inst.uuid
	}
	if p.network.virtual {
		x.VNI = p.network.id
	} else {
		x.VLAN = p.network.id
	}
	if r := p.ways.next; r != nil {
		x.Router = fact.UnpackMAC(r.mac).String()
	}
	return x
}

// keepAddresses keeps addresses of a node, and where they are seen.
func (s *Site) keepAddresses(k *KeptNode, macs []uint64) (all []KeptAddress) {
	for _, m := range macs {
		a := s.macs[m]
		if a == nil || m&fact.HostIP != 0 {
			continue
		}
		x := KeptAddress{MAC: fact.UnpackMAC(m).String(), VLAN: a.vlan, VNI: a.vni, Many: a.many}
		for _, ip := range a.ips {
			x.IPs = append(x.IPs, netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, ip))))
		}
		all = append(all, x)
		for i := range a.seen {
			if y := &a.seen[i]; y.n >= seenLeast && s.now-y.last < sightKept {
				s.keepSight(k, x.MAC, y)
			}
		}
	}
	return all
}

func (s *Site) keepSight(k *KeptNode, mac string, y *seen) {
	at := s.byNumber[y.number]
	if at == nil || len(k.Learned.Sights) >= maxPerNode {
		return
	}
	for _, x := range at.senders {
		if x.number == y.number {
			// As coarse as it is known.
			rate := math.Exp2(math.Round(4*math.Log2(max(y.rate, 1e-3))) / 4)
			k.Learned.Sights = append(k.Learned.Sights, KeptSight{mac, at.key, x.agent, x.source, y.sub, y.input, rate})
			return
		}
	}
}

func short(texts ...string) bool {
	for _, t := range texts {
		if len(t) > maxKeptText {
			return false
		}
	}
	return true
}

func texts(macs []uint64) (all []string) {
	for _, m := range macs {
		all = append(all, fact.UnpackMAC(m).String())
	}
	return all
}
