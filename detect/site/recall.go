package site

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"weir/detect/site/fact"
)

// What is known from before a restart stands in the model as it was, marked as not
// yet seen: nothing is concluded of it, and nothing is shown as well. Who speaks has
// another number than before, which shows when he does; until then he has one of
// ours.

// recalled is what the model knows from before a restart.
type recalled struct {
	next    int                     // node to be kept next
	numbers map[formerSender]uint32 // in place of those that senders will have
	now     map[uint32]uint32       // those that they have
	heard   bool                    // anybody is, since
}

// formerSender is a sender of before a restart.
type formerSender struct {
	node          string
	agent, source netip.Addr
}

// firstFormer is the first number of those that stand for senders of before.
const firstFormer = 1 << 31

func (r *recalled) number(k formerSender) uint32 {
	if n, ok := r.numbers[k]; ok {
		return n
	}
	if r.numbers == nil {
		r.numbers, r.now = map[formerSender]uint32{}, map[uint32]uint32{}
	}
	n := firstFormer + uint32(len(r.numbers))
	r.numbers[k] = n
	return n
}

// Recall takes what Kept has returned. Call it after Restore, before the first
// Tick. Of what cannot be, or has no place, nothing is taken.
func (s *Site) Recall(all []KeptNode, now time.Time) {
	for i := range all {
		k := &all[i]
		n := s.nodes[k.Key]
		if n == nil || n.heard || n.former != nil || now.Sub(k.Learned.Heard) > keptFor {
			continue
		}
		n.heardBefore = k.Learned.Heard.UnixNano()
		s.recall(n, k)
	}
	for i := range all { // once all are there
		if n := s.nodes[all[i].Key]; n != nil {
			s.recallAttached(n, &all[i])
		}
	}
	s.watching = true
}

func (s *Site) recall(n *node, k *KeptNode) {
	n.carries, n.recalled = k.Parts.Carries, true
	var numbers []uint32
	for _, x := range k.Parts.Senders[:min(len(k.Parts.Senders), 16)] {
		former := formerSender{n.key, x.Agent, x.Source}
		n.former = append(n.former, former)
		number := s.recalled.number(former)
		s.byNumber[number] = n
		numbers = append(numbers, number)
	}
	number := func(sender int) uint32 {
		if sender < 1 || sender > len(numbers) {
			return 0
		}
		return numbers[sender-1]
	}
	quiet := s.active(NodeDown, n.self()) != nil || s.active(TelemetrySilent, n.self()) != nil
	for i := range k.Learned.Streams[:min(len(k.Learned.Streams), maxKeptStreams)] {
		if x := &k.Learned.Streams[i]; number(x.Sender) != 0 && !quiet {
			s.recallStream(n, number(x.Sender), x)
		}
	}
	for i := range k.Parts.Own[:min(len(k.Parts.Own), 64)] {
		if a := s.recallAddress(&k.Parts.Own[i]); a != nil && a.owner == nil {
			a.owner = n
			n.own = append(n.own, a.mac)
		}
	}
	for i := range k.Parts.Bridges[:min(len(k.Parts.Bridges), maxPerNode)] {
		x := &k.Parts.Bridges[i]
		b := s.bridgeOf(n, x.Name)
		b.linux, b.datapaths, b.kept = x.Linux, x.Datapaths[:min(len(x.Datapaths), 4)], true
	}
	for i := range k.Parts.Instances[:min(len(k.Parts.Instances), maxPerNode)] {
		s.recallInstance(n, &k.Parts.Instances[i])
	}
	for i := range k.Parts.Ports[:min(len(k.Parts.Ports), maxPerNode)] {
		x := &k.Parts.Ports[i]
		s.recallPort(n, x, number(x.Sender))
	}
	for i := range k.Parts.Bridges[:min(len(k.Parts.Bridges), maxPerNode)] {
		x := &k.Parts.Bridges[i]
		b := n.bridges[x.Name]
		if p := n.ports[x.Local]; b != nil && p != nil && p.local {
			b.local = p
		}
	}
}

func (s *Site) recallStream(n *node, number uint32, x *KeptStream) {
	if s.streams[streamKey{number, x.Sub}] != nil {
		return
	}
	st := s.stream(n, number, x.Sub)
	st.kept, st.speaks, st.beats, st.samples = true, x.Speaks, x.Beats, x.Samples
	st.pace.Learn(x.Pace)
	st.traffic.Learn(x.Traffic)
	if x.Agent {
		if n.agentOf == nil {
			n.agentOf = newAgent()
		}
		n.agentOf.stream = st
	}
}

func (s *Site) recallAddress(x *KeptAddress) *address {
	m, ok := parseMAC(x.MAC)
	if !ok || sharedMAC(m) {
		return nil
	}
	a := s.address(m)
	if a == nil {
		return nil
	}
	a.vlan, a.vni, a.many = x.VLAN, x.VNI, x.Many
	for _, ip := range x.IPs[:min(len(x.IPs), 4)] {
		if v := ip.Unmap(); v.Is4() && len(a.ips) < 4 {
			b := v.As4()
			if ip := binary.BigEndian.Uint32(b[:]); !slices.Contains(a.ips, ip) {
				a.ips = append(a.ips, ip)
			}
		}
	}
	return a
}

func (s *Site) recallInstance(n *node, x *KeptInstance) {
	if x.UUID == "" || s.insts[x.UUID] != nil {
		return // it was kept of two: it moved
	}
	i := s.instance(x.UUID)
	if i == nil {
		return
	}
	i.name, i.domain, i.project, i.state, i.reason, i.kept = x.Name, x.Domain, x.Project, x.State, x.Reason, true
	for _, text := range x.MACs[:min(len(x.MACs), 16)] {
		if m, ok := parseMAC(text); ok {
			i.macs = append(i.macs, m)
		}
	}
	i.place(n)
}

func (s *Site) recallPort(n *node, x *KeptPort, number uint32) {
	if n.ports[x.Index] != nil || x.Name != "" && n.byName[x.Name] != nil {
		return
	}
	p := &port{
		node: n, index: x.Index, name: x.Name, number: number, sub: x.Sub, datapath: x.Datapath, speed: x.Speed, neutron: x.Neutron, kept: true,
		instance: x.Is&isInstance != 0, local: x.Is&isLocal != 0, isBridge: x.Is&isBridge != 0, bond: x.Is&isBond != 0, internal: x.Is&isInternal != 0,
		since: n.first, network: segment{id: x.VLAN, name: x.Network},
	}
	if x.VNI != 0 {
		p.network = segment{virtual: true, id: x.VNI, name: x.Network}
	}
	if x.Up { // what was not may be told already
		p.counted, p.status, p.wasUp, p.goodAt = true, 3, true, n.heardBefore
	}
	n.ports[p.index] = p
	if p.name != "" {
		n.byName[p.name] = p
	}
	n.grouped(p, x.Group)
	if b := n.bridges[x.Bridge]; x.Bridge != "" && b != nil {
		p.bridge = b
		b.ports[p.index] = p
		if p.instance && !p.local {
			b.before = append(b.before, p)
		}
	}
	if i := s.insts[x.UUID]; x.UUID != "" && i != nil && i.node == n && len(i.ports) < 64 {
		p.inst = i
		i.ports = append(i.ports, p)
	}
	for i := range x.MACs[:min(len(x.MACs), 8)] {
		if a := s.recallAddress(&x.MACs[i]); a != nil && a.home == nil {
			a.home = p
			p.macs = append(p.macs, a.mac)
		}
	}
	if m, ok := parseMAC(x.Router); ok {
		if r := s.router(m); r != nil && len(r.clients) < maxClients {
			p.ways.next = r
			r.clients = append(r.clients, p)
		}
	}
}

// recallAttached takes where a node is attached, and where its traffic is seen.
func (s *Site) recallAttached(n *node, k *KeptNode) {
	for i, x := range k.Parts.At[:min(len(k.Parts.At), maxAttachments+1)] {
		sw := s.nodes[x.Node]
		if sw == nil || sw == n || sw.carries || sw.ports[x.Index] == nil {
			continue
		}
		p := sw.ports[x.Index]
		n.attached(p, n.heardBefore)
		if !slices.Contains(p.attached, n) && len(p.attached) < 64 {
			p.attached = append(p.attached, n)
		}
		if i == 0 {
			n.switchPort = p
		}
	}
	for i := range k.Learned.Sights[:min(len(k.Learned.Sights), maxPerNode)] {
		x := &k.Learned.Sights[i]
		m, ok := parseMAC(x.MAC)
		a, at := s.macs[m], s.nodes[x.Node]
		if !ok || a == nil || at == nil || len(a.seen) >= maxSights || !(x.Rate > 0 && x.Rate < 1e6) {
			continue
		}
		a.seen = append(a.seen, seen{
			number: s.recalled.number(formerSender{at.key, x.Agent, x.Source}), sub: x.Sub, input: x.Input, rate: x.Rate, n: seenLeast, recalled: true,
		})
	}
}

// begin says that from now on who is known from before is expected.
func (s *Site) begin() {
	for _, n := range s.order {
		for _, st := range n.streams {
			if st.kept {
				st.last = s.now
				st.pace.Expect(s.now)
				st.traffic.Expect(s.now)
			}
		}
	}
	for _, a := range s.macs {
		for i := range a.seen {
			if x := &a.seen[i]; x.recalled {
				// Its rate is that of a minute before.
				x.last, x.first = s.now, s.now-seenFor
			}
		}
	}
}

// meet takes that a stream of before is heard: the time since is no gap of it.
func (st *stream) meet() {
	st.kept, st.last = false, 0
	st.pace.Reset()
	st.traffic.Reset()
}

// adopt gives what is known from before of a sender its number.
func (s *Site) adopt(n *node, f *fact.Fact) {
	s.recalled.heard = true
	if len(n.former) == 0 || slices.ContainsFunc(n.senders, func(x *sender) bool { return x.number == f.Agent }) {
		return
	}
	k := formerSender{n.key, f.Detail.Agent, f.Detail.Source}
	i := slices.Index(n.former, k)
	if i < 0 && len(n.former) == 1 && n.former[0].agent == k.agent {
		i = 0 // it has moved
	}
	if i < 0 {
		return
	}
	old := s.recalled.numbers[n.former[i]]
	n.former = slices.Delete(n.former, i, i+1)
	s.recalled.now[old] = f.Agent
	for _, st := range n.streams {
		if key := (streamKey{f.Agent, st.sub}); st.number == old && s.streams[key] == nil {
			delete(s.streams, streamKey{old, st.sub})
			st.number = f.Agent
			s.streams[key] = st
		}
	}
	for _, p := range n.ports {
		if p.number == old {
			p.number = f.Agent
		}
	}
}

// current gives a sight the number that its sender has now.
func (s *Site) current(x *seen) *seen {
	if x.number >= firstFormer {
		if now, ok := s.recalled.now[x.number]; ok {
			x.number = now
		}
	}
	return x
}
