package link

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/bench/lab"
	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/hostagent/source"
)

// told is what a Snapshot says, by data source and by statement.
type told struct {
	samples    map[uint32]map[sflow.Format]sflow.Structure
	statements map[string]map[string]string
}

func read(t *testing.T, s *source.Snapshot) *told {
	t.Helper()
	out := &told{map[uint32]map[sflow.Format]sflow.Structure{}, map[string]map[string]string{}}
	d := sflow.Datagram{}
	for v := range s.All() {
		d.NumSamples++
		d.SampleData = append(d.SampleData, v.Bytes...)
	}
	b := d.Append(nil)
	if err := d.Decode(b); err != nil {
		t.Fatal(err)
	}
	for smp, err := range d.Samples() {
		if err != nil {
			t.Fatal(err)
		}
		if smp.Format == sflow.FormatRTMetric {
			out.statement(t, smp)
			continue
		}
		var c sflow.CounterSample
		if err := c.Decode(smp); err != nil {
			t.Fatal(err)
		}
		recs := map[sflow.Format]sflow.Structure{}
		for r, err := range c.Records() {
			if err != nil {
				t.Fatal(err)
			}
			v := sflow.NewCounterRecord(r.Format)
			if err := v.Decode(r); err != nil {
				t.Fatal(err)
			}
			recs[r.Format] = v
		}
		out.samples[c.Source.Index] = recs
	}
	return out
}

func (o *told) statement(t *testing.T, smp sflow.Sample) {
	t.Helper()
	var m sflow.RTMetric
	if err := m.Decode(smp); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for v, err := range m.Metrics.All() {
		if err != nil {
			t.Fatal(err)
		}
		if v.Type == sflow.MetricString {
			values[v.Name.String()] = v.Text.String()
		} else {
			values[v.Name.String()] = fmt.Sprint(v.Bits)
		}
	}
	o.statements[m.DataSource.String()] = values
}

func (o *told) counters(index uint32) *sflow.IfCounters {
	c, _ := o.samples[index][sflow.FormatIfCounters].(*sflow.IfCounters)
	return c
}

// ipLink is what `ip -j -s -s -d link` prints.
type ipLink struct {
	Index  uint32   `json:"ifindex"`
	Name   string   `json:"ifname"`
	Flags  []string `json:"flags"`
	MTU    uint32   `json:"mtu"`
	Oper   string   `json:"operstate"`
	Addr   string   `json:"address"`
	Master string   `json:"master"`
	Stats  struct {
		RX struct {
			Bytes, Packets, Errors, Dropped, Multicast uint64
			OverErrors                                 uint64 `json:"over_errors"`
		} `json:"rx"`
		TX struct {
			Bytes, Packets, Errors, Dropped uint64
		} `json:"tx"`
	} `json:"stats64"`
}

func ipLinks(t *testing.T, l *lab.Lab, ns string) map[string]ipLink {
	t.Helper()
	var all []ipLink
	if err := json.Unmarshal([]byte(l.Exec(ns, "ip", "-j", "-s", "-s", "link")), &all); err != nil {
		t.Fatal(err)
	}
	byName := map[string]ipLink{}
	for _, i := range all {
		byName[i.Name] = i
	}
	return byName
}

// node makes a namespace with a bridge, a tap, a veth pair and an ifb.
func node(t *testing.T) (l *lab.Lab, ns string, s *Source, table *Table) {
	t.Helper()
	l = lab.NewBare(t, "/dev/net/tun")
	ns = l.Namespace("node")
	for _, c := range []string{
		"link add br0 type bridge", "tuntap add tap0 mode tap", "link add v0 type veth peer name v1", "link add ifb9 type ifb",
		"link add vx0 type vxlan id 5 dstport 4789 remote 192.0.2.9",
		"link set tap0 master br0", "link set v0 master br0", "link set vx0 master br0",
		"link set br0 up", "link set tap0 up", "link set v0 up", "link set v1 up", "addr add 10.0.0.1/24 dev br0",
	} {
		l.IP(append([]string{"-n", ns}, strings.Fields(c)...)...)
	}
	table = NewTable()
	s = New(Config{Names: []string{"*"}, Except: []string{"lo"}, Fast: []Kind{Tap, Bridge}, Slow: 10 * time.Second, Max: 100}, table)
	t.Cleanup(table.Close)
	return l, ns, s, table
}

// collect polls in the namespace.
func collect(t *testing.T, l *lab.Lab, ns string, s *Source, at time.Time) *told {
	t.Helper()
	var snap source.Snapshot
	l.In(ns, func() {
		if err := s.Collect(at, &snap); err != nil {
			t.Fatal(err)
		}
	})
	return read(t, &snap)
}

// TestCountersAreTheKernels compares every interface with what ip and
// /proc/net/dev say of it.
func TestCountersAreTheKernels(t *testing.T) {
	l, ns, s, _ := node(t)
	l.In(ns, func() { traffic(t) })
	time.Sleep(300 * time.Millisecond)
	// What the kernel itself sends may come between; an equal look before and
	// after is one without it.
	var before, after map[string]ipLink
	var got *told
	var dev string
	l.Eventually(10*time.Second, "without traffic between two looks", func() bool {
		time.Sleep(freshFor) // else the source says what it knew before
		s.slow = time.Time{}
		before = ipLinks(t, l, ns)
		got = collect(t, l, ns, s, time.Now())
		dev = l.Exec(ns, "cat", "/proc/thread-self/net/dev")
		after = ipLinks(t, l, ns)
		return cmp.Equal(before, after)
	})
	if before["br0"].Stats.TX.Packets == 0 || before["v1"].Stats.RX.Packets == 0 {
		t.Fatal("no traffic to compare")
	}
	for name, want := range before {
		c := got.counters(want.Index)
		if name == "lo" {
			if c != nil {
				t.Error("lo is told")
			}
			continue
		}
		if c == nil {
			t.Errorf("%s is not told", name)
			continue
		}
		rx, tx := want.Stats.RX, want.Stats.TX
		check := func(what string, got, want uint64) {
			if got != want {
				t.Errorf("%s: %s %d, the kernel says %d", name, what, got, want)
			}
		}
		check("in octets", uint64(c.InOctets), rx.Bytes)
		check("in packets", uint64(c.InUcastPkts)+uint64(c.InMulticastPkts), rx.Packets)
		check("in multicast", uint64(c.InMulticastPkts), rx.Multicast)
		check("in errors", uint64(c.InErrors), rx.Errors)
		check("in discards", uint64(c.InDiscards), rx.Dropped)
		check("out octets", uint64(c.OutOctets), tx.Bytes)
		check("out packets", uint64(c.OutUcastPkts), tx.Packets)
		check("out errors", uint64(c.OutErrors), tx.Errors)
		check("out discards", uint64(c.OutDiscards), tx.Dropped)
		if c.InBroadcastPkts.Known() || c.OutMulticastPkts.Known() {
			t.Errorf("%s: what the kernel does not count is told", name)
		}
		st := got.statements["weir/link/"+name]
		wantState := map[string]string{
			witness.IfIndex: fmt.Sprint(want.Index), witness.Kind: kindOf(name), witness.Oper: strings.ToLower(want.Oper),
			witness.Admin: flag(want.Flags, "UP"), witness.Carrier: flag(want.Flags, "LOWER_UP"),
			witness.MTU: fmt.Sprint(want.MTU), witness.MAC: want.Addr,
		}
		if want.Master != "" {
			wantState[witness.Master] = want.Master
		}
		if diff := cmp.Diff(wantState, st); diff != "" {
			t.Errorf("state of %s (-want +got)\n%s", name, diff)
		}
		port, _ := got.samples[want.Index][sflow.FormatPortName].(*sflow.PortName)
		if port == nil || port.Name.String() != name {
			t.Errorf("port name %v, want %s", port, name)
		}
	}
	compareProcNetDev(t, dev, got, before)
	if _, ok := got.samples[before["ifb9"].Index][sflow.FormatEthernetCounters]; !ok {
		t.Error("no Ethernet counters of ifb9")
	}
}

// compareProcNetDev checks the same against the other place where the kernel
// tells it.
func compareProcNetDev(t *testing.T, dev string, got *told, links map[string]ipLink) {
	t.Helper()
	for line := range strings.Lines(dev) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		c := got.counters(links[name].Index)
		if !ok || c == nil {
			continue
		}
		var v [16]uint64
		for i, f := range strings.Fields(rest) {
			if _, err := fmt.Sscan(f, &v[i]); err != nil {
				t.Fatal(err)
			}
		}
		want := []uint64{v[0], v[1], v[2], v[3], v[8], v[9], v[10], v[11]}
		is := []uint64{uint64(c.InOctets), uint64(c.InUcastPkts) + uint64(c.InMulticastPkts), uint64(c.InErrors), uint64(c.InDiscards),
			uint64(c.OutOctets), uint64(c.OutUcastPkts), uint64(c.OutErrors), uint64(c.OutDiscards)}
		if diff := cmp.Diff(want, is); diff != "" {
			t.Errorf("%s and /proc/net/dev (-want +got)\n%s", name, diff)
		}
	}
}

func kindOf(name string) string {
	return map[string]string{"br0": "bridge", "tap0": "tap", "v0": "veth", "v1": "veth", "ifb9": "other", "vx0": "vxlan"}[name]
}

func flag(flags []string, name string) string {
	for _, f := range flags {
		if f == name {
			return "up"
		}
	}
	return "down"
}

// traffic sends broadcasts through the bridge.
func traffic(t *testing.T) {
	c, err := net.Dial("udp", "10.0.0.255:9")
	if err != nil {
		// Broadcasts need leave; unicast to a neighbour that does not answer
		// makes ARP requests, which are as good.
		if c, err = net.Dial("udp", "10.0.0.2:9"); err != nil {
			t.Fatal(err)
		}
	}
	defer c.Close()
	for range 20 {
		_, _ = c.Write([]byte("hello"))
	}
}

func TestStatusIsTrue(t *testing.T) {
	l, ns, s, table := node(t)
	at := time.Now()
	collect(t, l, ns, s, at)
	index := func(name string) uint32 { i, _ := table.Named(name); return i.Index }
	for _, c := range []struct {
		name   string
		do     string
		of     string
		status uint32
	}{
		{"a bridge set down", "link set br0 down", "br0", 0},
		{"a bridge up again", "link set br0 up", "br0", 3},
		{"the other end set down", "link set v1 down", "v0", 1},
		{"an interface set down", "link set v0 down", "v0", 0},
		{"a tap that nobody holds", "link set tap0 mtu 1400", "tap0", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l.IP(append([]string{"-n", ns}, strings.Fields(c.do)...)...)
			l.Eventually(5*time.Second, fmt.Sprintf("%s with status %d", c.of, c.status), func() bool {
				at = at.Add(time.Second)
				got := collect(t, l, ns, s, at).counters(index(c.of))
				return got != nil && got.Status == c.status
			})
		})
	}
}

// TestWhatChangesIsToldAtOnce is about kinds that are told now and then: a change
// does not wait for their turn.
func TestWhatChangesIsToldAtOnce(t *testing.T) {
	l, ns, s, table := node(t)
	at := time.Now()
	if first := collect(t, l, ns, s, at); len(first.samples) != 6 || len(first.statements) != 7 {
		t.Fatalf("%d samples and %d statements at first, want all of 6 interfaces and a bridge", len(first.samples), len(first.statements))
	}
	var quiet *told
	l.Eventually(5*time.Second, "quiet", func() bool { // addresses and carriers settle
		at = at.Add(time.Second)
		quiet = collect(t, l, ns, s, at)
		if time.Until(at) > 5*time.Second {
			s.slow = at.Add(time.Hour)
		}
		return len(quiet.samples) == 2 && len(quiet.statements) == 0
	})
	s.slow = at.Add(time.Hour)
	l.IP("-n", ns, "link", "set", "v0", "nomaster")
	got := collect(t, l, ns, s, at.Add(time.Second))
	v0, _ := table.Named("v0")
	if got.counters(v0.Index) == nil {
		t.Error("the interface that left its bridge is not told")
	}
	if st := got.statements["weir/bridge/br0"]; st[witness.Ports] != "2" {
		t.Errorf("the bridge that lost a port says %v", st)
	}
	l.IP("-n", ns, "link", "del", "tap0")
	collect(t, l, ns, s, at.Add(2*time.Second))
	if _, ok := table.Named("tap0"); ok {
		t.Error("an interface that is gone is in the table")
	}
	l.IP("-n", ns, "link", "set", "ifb9", "name", "renamed")
	collect(t, l, ns, s, at.Add(3*time.Second))
	if i, ok := table.Named("renamed"); !ok || i.Name != "renamed" {
		t.Error("a renamed interface is not found")
	}
	if _, ok := table.Named("ifb9"); ok {
		t.Error("its old name is")
	}
	if table.Name(i32(table, "renamed")) != "renamed" {
		t.Error("nor is its name by number")
	}
}

func i32(t *Table, name string) uint32 { i, _ := t.Named(name); return i.Index }

func TestBridgeSaysWhatItDoes(t *testing.T) {
	l, ns, s, _ := node(t)
	at := time.Now()
	bridge := func() map[string]string {
		s.slow = time.Time{}
		at = at.Add(time.Second)
		return collect(t, l, ns, s, at).statements["weir/bridge/br0"]
	}
	l.Eventually(5*time.Second, "forwarding", func() bool { return bridge()[witness.Forwarding] == "yes" })
	want := map[string]string{witness.Kind: "linux", witness.Oper: "up", witness.Admin: "up", witness.Ports: "3",
		witness.InstancePorts: "1", witness.Uplinks: "2", witness.CarrierPorts: "1", witness.Forwarding: "yes"}
	if diff := cmp.Diff(want, bridge()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	l.IP("-n", ns, "link", "set", "br0", "down")
	l.Eventually(5*time.Second, "not forwarding", func() bool { return bridge()[witness.Forwarding] == "no" })
}

func TestDoctorSeesInterfaces(t *testing.T) {
	l, ns, s, _ := node(t)
	s.cfg.Except = []string{"lo", "vx*"}
	collect(t, l, ns, s, time.Now())
	got := s.Examine(t.Context())
	if want := "1 other, 1 bridge, 1 tap, 2 veth; 2 not selected"; got[0].Text != want || !got[0].OK {
		t.Errorf("%+v, want %q", got[0], want)
	}
	s.cfg.Names = nil
	if got := s.Examine(t.Context()); got[0].OK || got[0].Fix == "" {
		t.Errorf("nothing selected: %+v", got[0])
	}
}
