package series

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/agents"
	"weir/decoder"
	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

// world is one shard's registry and gatherer, fed with datagrams.
type world struct {
	t        testing.TB
	shared   *agents.Shared
	registry *agents.Registry
	gather   *Gather
	decoder  decoder.Decoder
	admitted bool
	now      time.Time
	sequence uint32
}

func newWorld(t testing.TB, cfg Config) *world {
	w := &world{t: t, shared: agents.NewShared(agents.Config{}), now: time.Unix(1_795_332_604, 0)}
	w.registry = agents.NewRegistry(w.shared)
	w.gather = NewGather(cfg, w.registry, w.shared)
	return w
}

func (w *world) Arrival(a *decoder.Arrival) { w.admitted = w.registry.Arrival(a) }

func (w *world) Flow(f *decoder.Flow) {
	w.registry.Flow(f)
	w.gather.Flow(f)
}

func (w *world) Counters(c *decoder.Counters) {
	w.registry.Counters(c)
	w.gather.Counters(c)
}

func (w *world) Discard(d *decoder.Discard) {
	w.registry.Discard(d)
	w.gather.Discard(d)
}

func (w *world) Metrics(*decoder.Metrics) {}

// send has the agent send a datagram, a millisecond after the last.
func (w *world) send(agent string, build func(b *sflow.Builder)) {
	w.t.Helper()
	w.now = w.now.Add(time.Millisecond)
	addr := netip.MustParseAddr(agent)
	w.sequence++
	var b sflow.Builder
	b.Reset(nil, &sflow.Datagram{Agent: addr, Sequence: sflow.Seq(w.sequence), Uptime: uint32(w.now.UnixMilli())})
	build(&b)
	if err := w.decoder.Decode(b.Bytes(), netip.AddrPortFrom(addr, 40000), w.now, w); err != nil {
		w.t.Fatal(err)
	}
}

// points ticks and returns the points by class, as text.
func (w *world) points() map[string][]string {
	w.registry.Tick(w.now)
	w.gather.Tick(w.now)
	all := map[string][]string{}
	for b := w.gather.Take(); b != nil; b = w.gather.Take() {
		for i := range b.Points {
			p := &b.Points[i]
			all[p.Class.Name] = append(all[p.Class.Name], text(p))
		}
		w.gather.Give(b)
		w.gather.Tick(w.now)
	}
	return all
}

// text writes a point: tags, then what is known of its fields.
func text(p *Point) string {
	s := ""
	for i, name := range p.Class.Tags {
		s += name + "=" + p.Tags[i] + " "
	}
	for i := range p.Values {
		if v := &p.Values[i]; v.Kind() != Unknown {
			s += "| " + p.Class.Fields[i].Name + "=" + value(v) + " "
		}
	}
	return s
}

func value(v *Value) string {
	switch v.Kind() {
	case Int:
		return fmt.Sprint(v.Int(), "i")
	case Float:
		return fmt.Sprintf("%.6g", v.Float())
	}
	return v.Text()
}

// TestEveryCounterRecordKeepsItsValues compares points with what the structures
// say of themselves, in order.
func TestEveryCounterRecordKeepsItsValues(t *testing.T) {
	// Fields of structures that are no values of a point, and values that are
	// told in another unit.
	skip := map[string]int{"vlan_counters": 1}
	hundredth := map[string]bool{"part_max_used": true, "cpu_5s": true, "cpu_1m": true, "cpu_5m": true}
	seen := map[string]bool{}
	for i, rec := range sflowtest.CounterRecords() {
		w := newWorld(t, Config{Interval: time.Second})
		id := sflow.DataSource{Class: sflow.ClassEntity, Index: 1}
		if cpu, ok := rec.(*sflow.HostCPU); ok { // bits of whole numbers are no loads
			cpu.LoadOne, cpu.LoadFive, cpu.LoadFifteen = 1.5, 2.5, 3.5
		}
		records := []sflow.Appender{rec}
		if _, isVLAN := rec.(*sflow.VLANCounters); !isVLAN { // whose number is no interface
			id = sflow.DataSource{Index: 7}
			if _, has := rec.(*sflow.IfCounters); !has {
				records = append(records, &sflow.IfCounters{Index: 7})
			}
		}
		w.send("192.0.2.1", func(b *sflow.Builder) {
			b.CounterSample(&sflow.CounterSample{Sequence: 1, Source: id}, true, records...)
		})
		points := w.points()
		if _, has := rec.(*sflow.IfCounters); !has {
			delete(points, "if_counters")
		}
		for class, all := range points {
			seen[class] = true
			if class == "if_counters" || class == "sfp" { // tested below
				continue
			}
			b, err := json.Marshal(rec)
			if err != nil {
				t.Fatal(err)
			}
			want := numbersOf(t, b)[skip[class]:]
			var got []string
			for _, f := range strings.Split(all[0], "| ")[1:] {
				name, v, _ := strings.Cut(strings.TrimSpace(f), "=")
				if v = strings.TrimSuffix(v, "i"); hundredth[name] {
					v += "e2"
				}
				got = append(got, four(v))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("record %d, %s (-want +got)\n%s", i, class, diff)
			}
		}
	}
	for _, c := range counterClasses() {
		if !seen[c.Name] {
			t.Errorf("no record made a point of %s", c.Name)
		}
	}
}

// four writes a number with four digits.
func four(s string) string {
	f, _ := strconv.ParseFloat(s, 64)
	return fmt.Sprintf("%.4g", f)
}

// numbersOf returns the numbers of a JSON object in order.
func numbersOf(t *testing.T, b []byte) (all []string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	for {
		tok, err := d.Token()
		if err != nil {
			return all
		}
		if n, ok := tok.(json.Number); ok {
			all = append(all, four(n.String()))
		}
	}
}

func TestInterfacePoints(t *testing.T) {
	w := newWorld(t, Config{Interval: time.Second})
	const unknown = sflow.Counter32(0xffffffff)
	counters := func(octets, packets uint64) func(b *sflow.Builder) {
		return func(b *sflow.Builder) {
			b.CounterSample(&sflow.CounterSample{Sequence: sflow.Seq(packets), Source: sflow.DataSource{Index: 49}}, false,
				&sflow.IfCounters{
					Index: 49, Type: 6, Speed: 1e9, Status: 3, InOctets: sflow.Counter64(octets), InUcastPkts: sflow.Counter32(packets),
					InMulticastPkts: unknown, InUnknownProtos: unknown, OutOctets: sflow.Counter64(1<<64 - 2), OutUcastPkts: unknown,
					OutMulticastPkts: unknown, OutBroadcastPkts: unknown, OutDiscards: unknown, OutErrors: unknown,
				})
		}
	}
	w.send("192.0.2.1", counters(1000, 10))
	got := w.points()["if_counters"]
	want := []string{"agent=192.0.2.1 agent_name=192.0.2.1 if_index=49 if_name=ifIndex 49 | in_octets=1000i | in_ucast_pkts=10i | in_broadcast_pkts=0i | in_discards=0i | in_errors=0i " +
		"| out_octets=9223372036854775807i | speed=1000000000i | admin_up=1i | oper_up=1i "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the first, without rates (-want +got)\n%s", diff)
	}
	w.now = w.now.Add(10*time.Second - time.Millisecond)
	w.send("192.0.2.1", func(b *sflow.Builder) {
		counters(1000+125_000_000, 1010)(b)
		b.Record(&sflow.PortName{Name: sflow.Text("Ethernet49")})
	})
	got = w.points()["if_counters"]
	if len(got) != 1 || !strings.Contains(got[0], "if_name=Ethernet49") ||
		!strings.Contains(got[0], "| in_bits_per_second=1e+08 | out_bits_per_second=0 | in_packets_per_second=100 ") || !strings.Contains(got[0], "| in_utilization=10 ") {
		t.Errorf("the second, with rates: %q", got)
	}
}

func TestHostsAndInstancesAreNamed(t *testing.T) {
	w := newWorld(t, Config{Interval: time.Second})
	descr := func(name string, id byte) *sflow.HostDescr {
		return &sflow.HostDescr{Hostname: sflow.Text(name), UUID: [16]byte{15: id}}
	}
	w.send("192.0.2.1", func(b *sflow.Builder) {
		b.CounterSample(&sflow.CounterSample{Sequence: 1, Source: sflow.DataSource{Class: 2, Index: 1}}, true, &sflow.HostCPU{LoadOne: 1.5, LoadFive: -1}, descr("compute-1", 1))
		b.CounterSample(&sflow.CounterSample{Sequence: 1, Source: sflow.DataSource{Class: 3, Index: 100}}, true,
			&sflow.VirtCPU{State: 1, CPUTime: 5, NrVirtCPU: 2}, descr("instance-0001", 7), &sflow.HostParent{ContainerType: 2, ContainerIndex: 1})
		b.CounterSample(&sflow.CounterSample{Sequence: 1, Source: sflow.DataSource{Class: 3, Index: 101}}, true, &sflow.VirtMemory{Memory: 1, MaxMemory: 2})
	})
	got := w.points()
	for class, want := range map[string]string{
		"host_cpu":    "agent=192.0.2.1 agent_name=compute-1 host=compute-1 | load_one=1.5 ",
		"virt_cpu":    "agent=192.0.2.1 agent_name=compute-1 instance=00000000-0000-0000-0000-000000000007 instance_name=instance-0001 | state=1i | cpu_time=5i | nr_virt_cpu=2i ",
		"virt_memory": "agent=192.0.2.1 agent_name=compute-1 instance=3:101 instance_name=3:101 | memory=1i | max_memory=2i ",
	} {
		if len(got[class]) != 1 || !strings.HasPrefix(got[class][0], want) {
			t.Errorf("%s: %q, want %q", class, got[class], want)
		}
	}
}

func TestNameIsUsedInTheSampleThatTellsIt(t *testing.T) {
	w := newWorld(t, Config{Interval: time.Second})
	w.send("192.0.2.1", func(b *sflow.Builder) {
		b.CounterSample(&sflow.CounterSample{Sequence: 1, Source: sflow.DataSource{Index: 2}}, true, &sflow.IfCounters{Index: 2})
	})
	w.send("192.0.2.1", func(b *sflow.Builder) {
		b.CounterSample(&sflow.CounterSample{Sequence: 1, Source: sflow.DataSource{Class: 2, Index: 1}}, true,
			&sflow.HostDescr{Hostname: sflow.Text("compute-1")}, &sflow.HostMemory{Total: 1})
	})
	got := w.points()
	for class, want := range map[string]string{
		"if_counters": "agent=192.0.2.1 agent_name=192.0.2.1 if_index=2 ",
		"host_memory": "agent=192.0.2.1 agent_name=compute-1 host=compute-1 ",
	} {
		if len(got[class]) != 1 || !strings.HasPrefix(got[class][0], want) {
			t.Errorf("%s: %q, want %q", class, got[class], want)
		}
	}
}

func TestGatherIsBounded(t *testing.T) {
	w := newWorld(t, Config{Interval: time.Second, Points: 10})
	for i := range uint32(25) {
		w.send("192.0.2.1", func(b *sflow.Builder) {
			b.CounterSample(&sflow.CounterSample{Sequence: 1, Source: sflow.DataSource{Index: i + 1}}, false, &sflow.IfCounters{Index: i + 1})
		})
	}
	w.gather.Tick(w.now)
	if b := w.gather.Take(); len(b.Points) != 10 || w.gather.Dropped() != 15 {
		t.Errorf("%d points, %d dropped", len(b.Points), w.gather.Dropped())
	}
}
