package agents

import (
	"net/netip"
	"testing"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
)

// key is one flow, the same wherever it is seen.
func key(src, dst string) packet.Key {
	return packet.Key{
		Src: netip.MustParseAddr(src).As16(), Dst: netip.MustParseAddr(dst).As16(),
		SrcPort: 40000, DstPort: 443, Proto: 6,
	}
}

// seen is a flow sample of k.
func seen(k packet.Key, src sflow.DataSource, in, out sflow.Port) decoder.Flow {
	f := flowSample(1, src, in, out)
	f.Packet.Header.Key, f.Packet.Header.HasKey, f.Packet.Header.Depth = k, true, packet.DepthTransport
	return f
}

// tagged is seen with an 802.1Q tag.
func tagged(vlan uint16, f decoder.Flow) decoder.Flow {
	f.Packet.Header.VLAN, f.Packet.Header.VLANTags = vlan, 1
	return f
}

// tunnelled is seen inside a tunnel.
func tunnelled(t packet.Tunnel, vni uint32, hasVNI bool, outer packet.Key, f decoder.Flow) decoder.Flow {
	h := &f.Packet.Header
	h.Tunnel, h.VNI, h.HasVNI, h.Outer = t, vni, hasVNI, outer
	return f
}

// hypervisor makes p an Open vSwitch node with two instances' ports, 4 and 5,
// and an uplink, 9.
func (p *speaker) hypervisor() *speaker {
	p.counters(bridge(1000), 1, &sflow.OVSDPStats{})
	for _, c := range []struct {
		index uint32
		name  string
	}{{4, "tap0001"}, {5, "tap0002"}, {6, "brq0001"}, {7, "brq0002"}, {9, "eth1"}} { // in order: a limit refuses the last
		p.counters(port(c.index), 1, &sflow.PortName{Name: []byte(c.name)}, &sflow.IfCounters{Index: c.index})
	}
	return p
}

func (p *speaker) key(f decoder.Flow) packet.Key { return p.flow(f).Packet.Header.Key }

func TestTenantNetworksNeverMerge(t *testing.T) {
	s := newSite(Config{})
	a := s.speaker("192.0.2.1", "192.0.2.1:6343").hypervisor()
	b := s.speaker("192.0.2.2", "192.0.2.2:6343").hypervisor()
	l1 := s.speaker("127.0.0.1", "192.0.2.3:6343").hypervisor()
	l2 := s.speaker("127.0.0.1", "192.0.2.4:6343").hypervisor()
	leaf := s.speaker("192.0.2.9", "192.0.2.9:6343")
	k, under := key("10.0.0.5", "10.0.0.6"), key("172.16.0.1", "172.16.0.2")
	at := seen(k, bridge(1000), single(4), single(5))
	vnis := func(in, out uint32) decoder.Flow {
		f := seen(k, bridge(1001), sflow.Port{}, single(5))
		f.Packet.Seen, f.Packet.InVNI, f.Packet.OutVNI = decoder.SeenVNIIn, in, out
		return f
	}
	inSwitchVLAN := at
	inSwitchVLAN.Packet.Seen, inSwitchVLAN.Packet.InVLAN = decoder.SeenSwitch, 300

	domains := map[uint32]string{}
	for _, c := range []struct {
		name string
		key  packet.Key
	}{
		{"the underlay", leaf.key(seen(k, port(1), single(1), single(2)))},
		{"VLAN 100", a.key(tagged(100, at))},
		{"VLAN 200", a.key(tagged(200, at))},
		{"VLAN 300 as the switch says", a.key(inSwitchVLAN)},
		{"VLAN 100 of another node", b.key(tagged(100, at))},
		{"another bridge", a.key(tagged(100, seen(k, bridge(1001), single(4), single(5))))},
		{"a port that is its own source", a.key(seen(k, port(4), single(4), sflow.Port{}))},
		{"another such port", a.key(seen(k, port(5), single(5), sflow.Port{}))},
		{"a bridge that is its own source", a.key(seen(k, port(6), single(6), single(sflow.PortInternal)))},
		{"another such bridge", a.key(seen(k, port(7), single(7), single(sflow.PortInternal)))},
		{"a port without a name", a.key(seen(k, port(8), single(8), single(sflow.PortInternal)))},
		{"a node that calls itself 127.0.0.1", l1.key(tagged(100, at))},
		{"another one", l2.key(tagged(100, at))},
		{"VNI 42", leaf.key(tunnelled(packet.TunnelVXLAN, 42, true, under, seen(k, port(1), single(1), single(2))))},
		{"VNI 43", leaf.key(tunnelled(packet.TunnelGeneve, 43, true, under, seen(k, port(1), single(1), single(2))))},
		{"VNI 44 as a record says", a.key(vnis(44, 0))},
		{"VNI 45 as a record says", a.key(vnis(45, 0))},
		{"GRE", leaf.key(tunnelled(packet.TunnelGRE, 0, false, under, seen(k, port(1), single(1), single(2))))},
		{"GRE between others", leaf.key(tunnelled(packet.TunnelGRE, 0, false, key("172.16.0.1", "172.16.0.3"), seen(k, port(1), single(1), single(2))))},
		{"GRE with a key", leaf.key(tunnelled(packet.TunnelGRE, 42, true, under, seen(k, port(1), single(1), single(2))))},
		{"GRE with another key", leaf.key(tunnelled(packet.TunnelGRE, 43, true, under, seen(k, port(1), single(1), single(2))))},
		{"IP in IP", leaf.key(tunnelled(packet.TunnelIPIP, 0, false, under, seen(k, port(1), single(1), single(2))))},
		{"a tenant's own VXLAN with VNI 42", a.key(tunnelled(packet.TunnelVXLAN, 42, true, under, at))},
		{"another tenant's", b.key(tunnelled(packet.TunnelVXLAN, 42, true, under, at))},
	} {
		if c.key.Src != k.Src || c.key.DstPort != k.DstPort {
			t.Errorf("%s: the rest of the key changed: %+v", c.name, c.key)
		}
		if other, had := domains[c.key.Domain]; had {
			t.Errorf("10.0.0.5 in %s and in %s is one: domain %s", c.name, other, s.Domain(c.key.Domain))
		}
		domains[c.key.Domain] = c.name
	}
}

func TestOneFlowOverLeafSpineLeafIsOne(t *testing.T) {
	s := newSite(Config{})
	k := key("10.1.0.5", "10.2.0.6")
	want := k
	for i, addr := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
		p := s.speaker(addr, addr+":6343")
		if i == 1 { // a switch with a host agent: names of ports tell that nobody lives there
			p.counters(bridge(1), 1, &sflow.HostDescr{Hostname: []byte("spine")})
			p.counters(port(1), 1, &sflow.PortName{Name: []byte("swp1")}, &sflow.IfCounters{Index: 1})
		}
		if got := p.key(seen(k, port(1), single(1), single(2))); got != want {
			t.Errorf("at %s %+v, want %+v", addr, got, want)
		}
		// A tag is an attribute of a hop, not of the flow.
		if got := p.key(tagged(uint16(100+i), seen(k, port(1), single(1), single(2)))); got != want {
			t.Errorf("tagged at %s %+v, want %+v", addr, got, want)
		}
	}
	// The uplink of a hypervisor is underlay, too.
	node := s.speaker("192.0.2.7", "192.0.2.7:6343").hypervisor()
	if got := node.key(seen(k, port(9), single(9), single(sflow.PortInternal))); got != want {
		t.Errorf("at a node's uplink %+v, want %+v", got, want)
	}
}

// TestFlowAtTapIsNotTheOneInAnUnderlay: equal addresses are no proof.
func TestFlowAtTapIsNotTheOneInAnUnderlay(t *testing.T) {
	s := newSite(Config{})
	node := s.speaker("192.0.2.1", "192.0.2.1:6343").hypervisor()
	leaf := s.speaker("192.0.2.2", "192.0.2.2:6343")
	k := key("10.0.0.5", "10.0.0.6")
	atTap := func() packet.Key { return node.key(tagged(7, seen(k, bridge(1000), single(4), single(9)))) }
	inUnderlay := leaf.key(tunnelled(packet.TunnelVXLAN, 42, true, key("172.16.0.1", "172.16.0.2"),
		seen(k, port(1), single(1), single(2))))
	if inUnderlay.Domain != vniDomain(42) {
		t.Fatalf("in the underlay the domain is %s", s.Domain(inUnderlay.Domain))
	}
	if atTap() == inUnderlay {
		t.Fatal("merged without proof")
	}
	if before, again := atTap(), atTap(); before != again {
		t.Error("the local domain is not stable")
	}
}

// TestDomainsAreTheSameInEveryCollector pins the encoding: other collectors
// and the alerts' keys depend on it.
func TestDomainsAreTheSameInEveryCollector(t *testing.T) {
	a := netip.MustParseAddr("192.0.2.1")
	sh := NewShared(Config{})
	for _, c := range []struct {
		got  uint32
		want uint32
		name string
	}{
		{domainUnderlay, 0, "underlay"},
		{vniDomain(42), 0x0100002a, "vni:42"},
		{vniDomain(0xffffff), 0x01ffffff, "vni:16777215"},
		{localDomain(a, netip.Addr{}, 1000, 7), 0xb6eea293, "local:b6eea293"},
		{localDomain(a, netip.MustParseAddr("198.51.100.1"), 1000, 7), 0xcc3448a3, "local:cc3448a3"},
	} {
		if c.got != c.want {
			t.Errorf("%#08x, want %#08x (%s)", c.got, c.want, c.name)
		}
		if got := sh.Domain(c.got); got != c.name {
			t.Errorf("%#08x is called %q, want %s", c.got, got, c.name)
		}
	}
}

// TestBridgeIsNoUnderlayBeforeItsPortsAreKnown sends flows of a bridge before
// any counters, and of a switch that calls its chips entities after them.
func TestBridgeIsNoUnderlayBeforeItsPortsAreKnown(t *testing.T) {
	s := newSite(Config{})
	f := seen(key("10.0.0.5", "10.0.0.6"), bridge(1000), single(4), single(5))
	node := s.speaker("192.0.2.1", "192.0.2.1:6343")
	before := node.key(f).Domain
	if after := node.hypervisor().key(f).Domain; before != after || before&domainLocal == 0 {
		t.Errorf("%s before its ports are known, %s after", s.Domain(before), s.Domain(after))
	}
	leaf := s.speaker("192.0.2.2", "192.0.2.2:6343")
	leaf.counters(port(4), 1, &sflow.IfCounters{Index: 4})
	if got := leaf.key(f).Domain; got != domainUnderlay {
		t.Errorf("at a switch %s", s.Domain(got))
	}
}

func TestDomainAtHypervisorDoesNotAllocate(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343").hypervisor()
	flows := [3]decoder.Flow{}
	for i := range flows {
		flows[i] = tagged(uint16(i), seen(key("10.0.0.5", "10.0.0.6"), bridge(1000), single(4), single(5)))
	}
	p.flow(flows[0])
	i := 0
	if n := testing.AllocsPerRun(1000, func() { s.r.Flow(&flows[i%3]); i++ }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
