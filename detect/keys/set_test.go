package keys

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
	"weir/detect/heavy"
)

// flow returns a TCP packet of a tenant in a VXLAN tunnel, with all that the
// vocabulary knows.
func flow() *decoder.Flow {
	f := &decoder.Flow{
		Arrival: &decoder.Arrival{Agent: netip.MustParseAddr("192.0.2.200")},
		Sample: sflow.FlowSample{
			Input: sflow.Port{Value: 7}, Output: sflow.Port{Value: 9},
		},
		Est: decoder.FlowEst{SamplingRate: 1000},
	}
	f.FrameLength = 1500
	h := &f.Header
	h.Key = packetKey("198.51.100.77", "203.0.113.130", 6, 40000, 443)
	h.Key.Domain = 5001
	h.HasKey, h.Depth, h.HasTCP, h.TCPFlags, h.TOS = true, packet.DepthTransport, true, 0x12, 46<<2
	h.EtherType = 0x0800
	h.SrcMAC, h.DstMAC = [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}
	h.VLANTags, h.VLAN = 1, 120
	h.Tunnel, h.HasVNI, h.VNI = packet.TunnelVXLAN, true, 5001
	h.Outer = packetKey("10.0.0.1", "10.0.0.2", 17, 55555, 4789)
	path := binary.BigEndian.AppendUint32(nil, sflow.ASSequence)
	for _, n := range []uint32{2, 64500, 64501} {
		path = binary.BigEndian.AppendUint32(path, n)
	}
	gateway := sflow.ExtendedGateway{NextHop: netip.MustParseAddr("192.0.2.9"), AS: 64496, SrcAS: 64497, DstASPath: path}
	router := sflow.ExtendedRouter{NextHop: netip.MustParseAddr("192.0.2.8")}
	f.Sample.RecordData = router.Append(gateway.Append(nil))
	f.Sample.NumRecords = 2
	f.Seen = decoder.SeenHeader | decoder.SeenGateway | decoder.SeenRouter
	return f
}

func packetKey(src, dst string, proto uint8, sport, dport uint16) packet.Key {
	s := netip.MustParseAddr(src)
	return packet.Key{
		Src: s.As16(), Dst: netip.MustParseAddr(dst).As16(),
		Proto: proto, SrcPort: sport, DstPort: dport, V6: s.Is6(),
	}
}

func newSet(t testing.TB, entries int, seed uint64, defs ...Definition) *Set {
	t.Helper()
	s, err := NewSet(defs, entries, seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const slot = 17_600_000_000

func TestKeysShowTheirFields(t *testing.T) {
	v6 := func(f *decoder.Flow) {
		f.Header.Key = packetKey("2001:db8:1:2:3::4", "2001:db8:5:6:7::8", 17, 53, 4000)
		f.Header.HasTCP, f.Header.EtherType = false, 0x86dd
	}
	icmp := func(f *decoder.Flow) {
		f.Header.Key.Proto, f.Header.Key.SrcPort, f.Header.Key.DstPort, f.Header.HasTCP = 1, 0, 8<<8, false
	}
	fragment := func(f *decoder.Flow) {
		f.Header.HasKey, f.Header.Fragment, f.Header.FragOff, f.Header.Depth = false, true, 1480, packet.DepthNetwork
	}
	underlay := func(f *decoder.Flow) {
		f.Header.Tunnel, f.Header.HasVNI, f.Header.Key.Domain = packet.TunnelNone, false, 0
	}
	bare := func(f *decoder.Flow) { f.Seen = decoder.SeenHeader }
	for _, c := range []struct {
		name, key string
		change    func(*decoder.Flow)
		want      string // JSON; empty where the sample has no such key
	}{
		{"addresses", "src,dst", nil, `{"domain":5001,"src":"198.51.100.77","dst":"203.0.113.130"}`},
		{"underlay", "src", underlay, `{"src":"198.51.100.77"}`},
		{"underlay alone", "domain", underlay, `{"domain":0}`},
		{"flow", "src,dst,proto,src_port,dst_port", nil,
			`{"domain":5001,"src":"198.51.100.77","dst":"203.0.113.130","proto":6,"src_port":40000,"dst_port":443}`},
		{"prefixes", "src/24,dst/25", nil, `{"domain":5001,"src":"198.51.100.0/24","dst":"203.0.113.128/25"}`},
		{"host prefix", "src/32", nil, `{"domain":5001,"src":"198.51.100.77/32"}`},
		{"prefix of the other family", "src/48", nil, ``},
		{"IPv6 addresses", "src", v6, `{"domain":0,"src":"2001:db8:1:2:3::4"}`},
		{"IPv6 prefix", "src/48", v6, `{"src":"2001:db8:1::/48"}`},
		{"IPv6 prefix of 64", "src/64", v6, `{"src":"2001:db8:1:2::/64"}`},
		{"IPv6 prefix beyond 64", "src/80", v6, `{"src":"2001:db8:1:2:3::/80"}`},
		{"IPv6 prefix of two", "dst/24/56", v6, `{"dst":"2001:db8:5::/56"}`},
		{"IPv6 in an IPv4 prefix", "src/24", v6, ``},
		{"outer", "outer_src,outer_dst/8", nil, `{"outer_src":"10.0.0.1","outer_dst":"10.0.0.0/8"}`},
		{"outer without a tunnel", "outer_src", underlay, ``},
		{"inner", "inner_src,inner_dst", nil, `{"domain":5001,"inner_src":"198.51.100.77","inner_dst":"203.0.113.130"}`},
		{"inner without a tunnel", "inner_src", underlay, ``},
		{"link", "mac_src,mac_dst,vlan,vni", nil, `{"mac_src":"02:00:00:00:00:01","mac_dst":"02:00:00:00:00:02","vlan":120,"vni":5001}`},
		{"vlan of the switch", "vlan", func(f *decoder.Flow) {
			f.Header.VLANTags, f.InVLAN, f.Seen = 0, 33, f.Seen|decoder.SeenSwitch
		}, `{"vlan":33}`},
		{"no vlan", "vlan", func(f *decoder.Flow) { f.Header.VLANTags = 0 }, ``},
		{"vni of the switch", "vni", func(f *decoder.Flow) {
			f.Header.HasVNI, f.OutVNI, f.Seen = false, 44, f.Seen|decoder.SeenVNIOut
		}, `{"vni":44}`},
		{"no vni", "vni", underlay, ``},
		{"port of a switch", "input,output", nil, `{"agent":"192.0.2.200","input":7,"output":9}`},
		{"unknown port", "input", func(f *decoder.Flow) { f.Sample.Input = sflow.Port{} }, ``},
		{"flags", "tcp_flags,dscp", nil, `{"tcp_flags":"syn+ack","dscp":46}`},
		{"flags of no TCP", "tcp_flags", icmp, ``},
		{"flags cut off", "tcp_flags", func(f *decoder.Flow) { f.Header.HasTCP = false }, ``},
		{"gateway", "src_as,dst_as", nil, `{"src_as":64497,"dst_as":64501}`},
		{"no gateway", "dst_as", bare, ``},
		{"next hop", "next_hop", nil, `{"next_hop":"192.0.2.8"}`},
		{"next hop of the gateway", "next_hop", func(f *decoder.Flow) { f.Seen &^= decoder.SeenRouter }, `{"next_hop":"192.0.2.9"}`},
		{"no next hop", "next_hop", bare, ``},
		{"ICMP has no ports", "dst,dst_port", icmp, ``},
		{"ICMP type and code", "dst,proto,dst_port", icmp, `{"domain":5001,"dst":"203.0.113.130","proto":1,"dst_port":2048}`},
		{"fragment has addresses", "dst,proto", fragment, `{"domain":5001,"dst":"203.0.113.130","proto":6}`},
		{"fragment has no ports", "dst,proto,dst_port", fragment, ``},
		{"no addresses", "src", func(f *decoder.Flow) { f.Header = packet.Header{} }, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := flow()
			if c.change != nil {
				c.change(f)
			}
			d, err := Parse(c.key)
			if err != nil {
				t.Fatal(err)
			}
			s := newSet(t, 64, 1, d)
			s.Update(f, slot)
			top := s.Top(0, 5, heavy.At(slot, time.Second))
			if c.want == "" {
				if len(top) != 0 || s.Counts(0).Missing != 1 {
					t.Errorf("got %v, missing %d, want no key", top, s.Counts(0).Missing)
				}
				return
			}
			if len(top) != 1 {
				t.Fatalf("%d keys", len(top))
			}
			got, err := json.Marshal(top[0].Key)
			if err != nil {
				t.Fatal(err)
			}
			want := c.want
			if want == `{"domain":0,"src":"2001:db8:1:2:3::4"}` { // packetKey has no tenant
				want = `{"src":"2001:db8:1:2:3::4"}`
			}
			if string(got) != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if top[0].Lower != 1_500_000 || top[0].Upper != 1_500_000 || top[0].Samples != 1 {
				t.Errorf("estimate %+v", top[0].Estimate)
			}
			if e, ok := s.Lookup(0, f, heavy.At(slot, time.Second)); !ok || e.Lower != 1_500_000 {
				t.Errorf("lookup %+v, %v", e, ok)
			}
		})
	}
}

func TestKeyReadsBack(t *testing.T) {
	d := mustParse("src/24,dst,dst_port", "bytes")
	s := newSet(t, 64, 1, d)
	s.Update(flow(), slot)
	k := s.Top(0, 1, heavy.At(slot, time.Second))[0].Key
	if got, want := k.String(), "domain=5001 src=198.51.100.0/24 dst=203.0.113.130 dst_port=443"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	want := map[string]string{"domain": "5001", "src": "198.51.100.0/24", "dst": "203.0.113.130", "dst_port": "443"}
	if diff := cmp.Diff(want, k.Fields()); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if a := k.Addr("dst"); a != netip.MustParseAddr("203.0.113.130") {
		t.Errorf("dst %v", a)
	}
	if n, ok := k.Number("dst_port"); n != 443 || !ok {
		t.Errorf("dst_port %d, %v", n, ok)
	}
	if _, ok := k.Number("src_port"); ok || k.Addr("outer_src").IsValid() {
		t.Error("fields that the key has not")
	}
	var none Key
	if none.String() != "" {
		t.Errorf("the zero key is %q", none.String())
	}
}

func TestTenantsAreApart(t *testing.T) {
	s := newSet(t, 64, 1, mustParse("dst", "packets"))
	for domain := range uint32(3) {
		f := flow()
		f.Header.Key.Domain = domain
		s.Update(f, slot)
	}
	if top := s.Top(0, 10, heavy.At(slot, time.Second)); len(top) != 3 {
		t.Errorf("%d keys, want one per domain", len(top))
	}
}

func TestDistinctCountsMembers(t *testing.T) {
	s := newSet(t, 1024, 3,
		mustParse("dst", "distinct(src)"), mustParse("src,dst", "bytes distinct(dst_port)"), mustParse("dst/24/48", "distinct(dst)"))
	for i := range 1000 {
		f := flow()
		f.Header.Key.Src[15] = byte(i % 100)
		f.Header.Key.DstPort = uint16(i % 100 / 20)
		s.Update(f, slot+int64(i/100))
	}
	w := heavy.At(slot+9, time.Second)
	for i, want := range []float64{100, 1, 1} {
		top := s.Top(i, 1, w)
		if len(top) != 1 {
			t.Fatalf("definition %d: %d keys", i, len(top))
		}
		low, high := top[0].Distinct.Interval()
		if low > want || high < want || high > 2*want+2 {
			t.Errorf("%v: %.1f to %.1f distinct, want %g", &s.defs[i].Definition, low, high, want)
		}
	}
}

func TestWeightsOfBadSamplesAreNotCounted(t *testing.T) {
	s := newSet(t, 64, 1, mustParse("dst", "bytes"), mustParse("dst", "packets"))
	f := flow()
	f.FrameLength = 0
	s.Update(f, slot)
	f = flow()
	f.Est.SamplingRate = 0
	s.Update(f, slot)
	f = flow()
	f.FrameLength, f.Est.SamplingRate = 1<<32-1, 1<<32-1
	s.Update(f, slot)
	bytes, packets := s.Counts(0), s.Counts(1)
	if bytes.Weightless != 2 || bytes.Clamped != 1 || packets.Weightless != 1 || packets.Samples != 2 {
		t.Errorf("bytes %+v packets %+v", bytes, packets)
	}
}

// A sample that stands for many counts as many, and readers see what waits.
// A packet that was sampled before counts for the keys of a place alone, and is
// not one that lacks a field.
func TestUpdateOfAPacketSampledBefore(t *testing.T) {
	a, err := Parse("dst")
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse("agent,dst")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSet([]Definition{a, b}, 64, 1)
	if err != nil {
		t.Fatal(err)
	}
	f := flow()
	s.UpdateTimes(f, 100, 1, true)
	s.UpdateTimes(f, 100, 1, false)
	for i, want := range []uint64{1, 2} {
		top := s.Top(i, 2, heavy.At(100, time.Second))
		if len(top) != 1 || top[0].Samples != want {
			t.Errorf("definition %d: %+v, want %d samples of one key", i, top, want)
		}
	}
	if a, b := s.Counts(0), s.Counts(1); a.Again != 1 || a.Missing != 0 || b.Again != 0 {
		t.Errorf("again %d and %d, missing %d; want 1, 0, 0", a.Again, b.Again, a.Missing)
	}
}

func TestUpdateTimes(t *testing.T) {
	s := newSet(t, 64, 5, mustParse("dst", "bytes"), mustParse("dst", "packets"))
	f := flow()
	f.FrameLength, f.Est.SamplingRate = 100, 10
	s.UpdateTimes(f, slot, 7, false)
	for range 2 * blockSize {
		s.Update(f, slot)
	}
	w := heavy.At(slot, time.Second)
	want := []uint64{10 * 100 * (2*blockSize + 7), 10 * (2*blockSize + 7)}
	got := []uint64{s.Total(0, w).Lower, s.Total(1, w).Lower}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	if n := s.Counts(0).Samples; n != 2*blockSize+1 {
		t.Errorf("%d samples counted, want %d", n, 2*blockSize+1)
	}
}

// Sets of several shards, with the definitions in another order and of other
// sizes beside them, agree on hashes and merge.
func TestSetsMerge(t *testing.T) {
	d, other := mustParse("dst,dst_port", "bytes"), mustParse("src", "packets")
	a, b := newSet(t, 64, 9, d, other), newSet(t, 64, 9, other, d)
	whole := newSet(t, 64, 9, d)
	for i := range 40 {
		f := flow()
		f.Header.Key.DstPort = uint16(i % 7)
		whole.Update(f, slot)
		if i%2 == 0 {
			a.Update(f, slot)
		} else {
			b.Update(f, slot)
		}
	}
	w := heavy.At(slot, time.Second)
	var x, y Digest
	a.Digest(0, &x, 10, w)
	b.Digest(1, &y, 10, w)
	m, err := Merge(&x, &y)
	if err != nil {
		t.Fatal(err)
	}
	text := func(items []Item) (out []string) {
		for _, it := range items {
			out = append(out, fmt.Sprint(it.Key, it.Lower, it.Upper, it.Samples))
		}
		return out
	}
	if diff := cmp.Diff(text(whole.Top(0, 10, w)), text(m.Keys())); diff != "" {
		t.Errorf("merged (-whole +parts):\n%s", diff)
	}
	a.Digest(1, &x, 10, w)
	if _, err := Merge(&x, &y); err == nil {
		t.Error("digests of two definitions merged")
	}
}

func TestNewSetRefuses(t *testing.T) {
	if _, err := NewSet(make([]Definition, 65), 64, 1); err == nil {
		t.Error("65 definitions")
	}
	if _, err := NewSet([]Definition{{}}, 64, 1); err == nil {
		t.Error("the zero definition")
	}
	if _, err := NewSet(Default(), 1000, 1); err == nil {
		t.Error("a number of entries that is no power of two")
	}
}
