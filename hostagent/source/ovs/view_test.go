package ovs

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

func ptr[T any](v T) *T { return &v }

// twoBridges is a node as Neutron makes it.
func twoBridges() (*builder, []*bridgeRow) {
	b := &builder{
		ports: map[string]*portRow{}, interfaces: map[string]*interfaceRow{},
		sflows: map[string]*sflowRow{"s": {Targets: []string{"b:1", "a:1"}, Agent: ptr("eth0"), Sampling: ptr(400), Polling: ptr(10)}},
	}
	bridges := []*bridgeRow{{UUID: "1", Name: "br-int", SFlow: ptr("s")}, {UUID: "2", Name: "br-ex", DatapathType: "netdev"}}
	add := func(br int, r interfaceRow) {
		id := fmt.Sprint(br, len(b.ports))
		r.UUID = id
		b.interfaces[id] = &r
		b.ports[id] = &portRow{UUID: id, Name: r.Name, Interfaces: []string{id}}
		bridges[br].Ports = append(bridges[br].Ports, id)
	}
	add(0, interfaceRow{Name: "br-int", Type: "internal", AdminState: ptr("down"), LinkState: ptr("down")})
	add(0, interfaceRow{Name: "tap1", IfIndex: ptr(7), LinkState: ptr("up"), ExternalIDs: map[string]string{"iface-id": "p1", "vm-uuid": "u1", "attached-mac": "fa:16:3e:00:00:01"}})
	b.ports["0 1"].OtherConfig = map[string]string{"net_uuid": "n1", "network_type": "vxlan", "segmentation_id": "4711", "tag": "2"}
	add(0, interfaceRow{Name: "tap2", LinkState: ptr("down"), ExternalIDs: map[string]string{"iface-id": "p2", "attached-mac": "fa:16:3e:00:00:02"}})
	add(0, interfaceRow{Name: "int-br-ex", Type: "patch", LinkState: ptr("up")})
	add(1, interfaceRow{Name: "br-ex", Type: "internal", AdminState: ptr("up"), LinkState: ptr("up")})
	add(1, interfaceRow{Name: "eth1", IfIndex: ptr(3), LinkState: ptr("up")})
	add(1, interfaceRow{Name: "dpdk0", Type: "dpdk", LinkState: ptr("up")})
	return b, bridges
}

func build(b *builder, rows []*bridgeRow) *view {
	v := newView()
	for _, r := range rows {
		b.bridge(v, r)
	}
	return v
}

func TestInternal(t *testing.T) {
	b, rows := twoBridges()
	id := "qr"
	b.interfaces[id] = &interfaceRow{UUID: id, Name: "qr-1", Type: "internal"}
	b.ports[id] = &portRow{UUID: id, Name: "qr-1", Interfaces: []string{id}}
	rows[0].Ports = append(rows[0].Ports, id)
	s := New(Options{})
	if got := s.Internal(); len(got) > 0 {
		t.Errorf("%v before the database was read", got)
	}
	s.view = build(b, rows)
	want := map[string]bool{"br-int": true, "br-ex": true, "qr-1": true}
	if d := cmp.Diff(want, s.Internal()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	s.lost(errors.New("away"))
	if d := cmp.Diff(want, s.Internal()); d != "" {
		t.Errorf("with the database away (-want +got)\n%s", d)
	}
}

func TestViewCountsPorts(t *testing.T) {
	v := build(twoBridges())
	for name, want := range map[string]counts{
		"br-int": {instances: 2, carrier: 2},
		"br-ex":  {uplinks: 2, uplinksUp: 2, carrier: 2},
	} {
		if got := v.bridges[name].count(); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if got, want := v.bridges["br-int"].sflow, "agent=eth0 polling=10 sampling=400 targets=a:1,b:1"; got != want {
		t.Errorf("sFlow row %q, want %q", got, want)
	}
	if got, want := v.bridges["br-int"].ports["tap1"].String(), "iface-id=p1 vm-id=u1 mac=fa:16:3e:00:00:01 link=up ifindex=7"; got != want {
		t.Errorf("port %q, want %q", got, want)
	}
}

// TestViewReadsNetworks: what Neutron's agent notes of a port's network, and what
// is no number.
func TestViewReadsNetworks(t *testing.T) {
	b, rows := twoBridges()
	b.ports["0 2"].OtherConfig = map[string]string{"net_uuid": "n2\n", "network_type": "local", "segmentation_id": "-1"}
	v := build(b, rows)
	for name, want := range map[string][3]any{"tap1": {"n1", "vxlan", uint32(4711)}, "tap2": {"n2?", "local", uint32(0)}, "int-br-ex": {"", "", uint32(0)}} {
		p := v.bridges["br-int"].ports[name]
		if got := [3]any{p.network, p.networkType, p.segment}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestViewTellsWhatChanged(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(b *builder, rows []*bridgeRow) []*bridgeRow
		want   []string
	}{
		{"nothing", func(_ *builder, r []*bridgeRow) []*bridgeRow { return r }, nil},
		{"bridge removed", func(_ *builder, r []*bridgeRow) []*bridgeRow { return r[:1] }, []string{"ovs_bridge_removed br-ex  [ports=2 instance_ports=0] []"}},
		{"bridge added", func(_ *builder, r []*bridgeRow) []*bridgeRow { return append(r, &bridgeRow{Name: "br-tun"}) }, []string{"ovs_bridge_added br-tun  [] []"}},
		{"port removed", func(_ *builder, r []*bridgeRow) []*bridgeRow { r[1].Ports = r[1].Ports[:2]; return r },
			[]string{"ovs_port_removed br-ex dpdk0 [type=dpdk link=up] []"}},
		{"sFlow cleared", func(_ *builder, r []*bridgeRow) []*bridgeRow { r[0].SFlow = nil; return r },
			[]string{"ovs_sflow_changed br-int  [agent=eth0 polling=10 sampling=400 targets=a:1,b:1] []"}},
		{"rate changed", func(b *builder, r []*bridgeRow) []*bridgeRow { b.sflows["s"].Sampling = ptr(100000); return r },
			[]string{"ovs_sflow_changed br-int  [agent=eth0 polling=10 sampling=400 targets=a:1,b:1] [agent=eth0 polling=10 sampling=100000 targets=a:1,b:1]"}},
		{"link of DPDK", func(b *builder, r []*bridgeRow) []*bridgeRow {
			b.interfaces[r[1].Ports[2]].LinkState = ptr("down")
			return r
		}, []string{"link_down br-ex dpdk0 [up] [down]"}},
		{"link of the kernel", func(b *builder, r []*bridgeRow) []*bridgeRow {
			b.interfaces[r[1].Ports[1]].LinkState = ptr("down")
			return r
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := build(twoBridges())
			b, rows := twoBridges()
			var got []string
			for _, x := range build(b, c.change(b, rows)).since(old) {
				got = append(got, fmt.Sprintf("%s %s %s [%s] [%s]", x.name, x.bridge.name, x.port, x.before, x.after))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	if first := build(twoBridges()).since(nil); first != nil {
		t.Errorf("the first view tells %v", first)
	}
}

// TestViewIsBounded: a database with more than any node has, and names that are
// no names.
func TestViewIsBounded(t *testing.T) {
	b := &builder{ports: map[string]*portRow{}, interfaces: map[string]*interfaceRow{}}
	var rows []*bridgeRow
	for i := range 2 * maxBridges {
		rows = append(rows, &bridgeRow{UUID: fmt.Sprint(i), Name: fmt.Sprintf("../../br\n%d%s", i, strings.Repeat("x", 1000))})
	}
	for i := range maxPorts + 100 {
		id := fmt.Sprint("p", i)
		b.ports[id] = &portRow{Interfaces: []string{id, "none"}}
		b.interfaces[id] = &interfaceRow{Name: "a\x00b" + id, ExternalIDs: map[string]string{"vm-id": strings.Repeat("\xff", 10000)}}
		rows[0].Ports = append(rows[0].Ports, id, "none")
	}
	v := build(b, rows)
	if len(v.bridges) != maxBridges || v.size != maxPorts || v.left != maxBridges+100 {
		t.Errorf("%d bridges, %d ports, %d left out", len(v.bridges), v.size, v.left)
	}
	if n := len(v.since(newView())); n > maxChanges {
		t.Errorf("%d changes at once", n)
	}
	for name, br := range v.bridges {
		if strings.ContainsAny(name, "\n\x00") || len(name) > maxText {
			t.Errorf("bridge %q", name)
		}
		for _, p := range br.ports {
			if strings.ContainsRune(p.name, 0) || len(p.vm) > 3*maxText {
				t.Fatalf("port %q of %d octets", p.name, len(p.vm))
			}
		}
	}
}

// TestForwarding: what moves packets and what does not.
func TestForwarding(t *testing.T) {
	netdev, kernel := &bridge{netdev: true}, &bridge{}
	for _, c := range []struct {
		state vswitchState
		b     *bridge
		flows uint64
		known bool
		want  string
	}{
		{vswitchUp, kernel, 5, true, "yes"}, {vswitchUp, kernel, 0, true, "no"}, {vswitchUp, kernel, 0, false, "unknown"},
		{vswitchDown, kernel, 0, false, "unknown"}, {vswitchDown, netdev, 0, false, "no"}, {vswitchUnknown, netdev, 0, false, "unknown"},
	} {
		s := &Source{vswitch: c.state}
		if got := s.forwarding(c.b, c.flows, c.known); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// sink keeps events.
type sink struct{ events []source.Event }

func (s *sink) Emit(e source.Event)   { s.events = append(s.events, e) }
func (s *sink) Push(*source.Snapshot) {}

func TestFlowsAreToldAsEmptied(t *testing.T) {
	s, k := New(Options{}), &sink{}
	s.view = build(twoBridges())
	s.vswitch = vswitchUp
	for _, c := range []struct {
		n    uint64
		want bool
	}{{0, false}, {100, false}, {50, false}, {9, false}, {0, true}, {0, false}, {300, false}, {29, true}, {30, false}, {3, false}, {1, false}, {0, true}} {
		before := len(k.events)
		s.counted("br-int", c.n, k)
		if got := len(k.events) > before; got != c.want {
			t.Errorf("after %d flows: told %v, want %v", c.n, got, c.want)
		}
	}
	if e := k.events[1]; e.Name != witness.OVSFlowsEmptied || e.Before != "300" || e.After != "29" || e.State == nil {
		t.Errorf("event %+v", e)
	}
	s.counted("no such bridge", 5, k)
	s.counted("no such bridge", 0, k)
	if len(k.events) != 3 {
		t.Errorf("%d events, want 3", len(k.events))
	}
}

// TestViewReadsBonds: a port with several interfaces is a bond, each of them a
// member.
func TestViewReadsBonds(t *testing.T) {
	b, rows := twoBridges()
	b.ports["1 5"].Name, b.ports["1 5"].Interfaces = "bond0", []string{"1 5", "1 6"}
	rows[1].Ports = rows[1].Ports[:2]
	v := build(b, rows)
	for name, want := range map[string]string{"eth1": "bond0", "dpdk0": "bond0"} {
		if got := v.bridges["br-ex"].ports[name].bond; got != want {
			t.Errorf("%s is a member of %q, want %q", name, got, want)
		}
	}
	if got := v.bridges["br-int"].ports["tap1"].bond; got != "" {
		t.Errorf("tap1 is a member of %q", got)
	}
}
