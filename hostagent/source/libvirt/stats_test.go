package libvirt

import (
	"testing"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
	"weir/hostagent/source"
)

func param(name string, v any) golibvirt.TypedParam {
	return golibvirt.TypedParam{Field: name, Value: golibvirt.TypedParamValue{I: v}}
}

// instanceParams are a running domain's with a file, an RBD volume and a block
// device, as libvirt 9 gives them.
func instanceParams() []golibvirt.TypedParam {
	return []golibvirt.TypedParam{
		param("state.state", int32(1)), param("state.reason", int32(1)),
		param("cpu.time", uint64(5_060_000_000)), param("cpu.user", uint64(1)),
		param("balloon.current", uint64(2048)), param("balloon.maximum", uint64(4096)), param("balloon.rss", uint64(9)),
		param("vcpu.current", uint32(2)), param("vcpu.maximum", uint32(4)), param("vcpu.0.time", uint64(7)),
		param("net.count", uint32(2)),
		param("net.0.name", "tap0"), param("net.0.rx.bytes", uint64(1<<40)), param("net.0.rx.pkts", uint64(1<<33+5)),
		param("net.0.rx.errs", uint64(1)), param("net.0.rx.drop", uint64(2)),
		param("net.0.tx.bytes", uint64(3)), param("net.0.tx.pkts", uint64(4)), param("net.0.tx.errs", uint64(5)), param("net.0.tx.drop", uint64(6)),
		param("net.1.name", "tap1"), param("net.1.rx.bytes", uint64(10)), param("net.1.rx.pkts", uint64(20)),
		param("block.count", uint32(3)),
		param("block.0.name", "vda"), param("block.0.rd.reqs", uint64(1)), param("block.0.rd.bytes", uint64(10)), param("block.0.rd.times", uint64(99)),
		param("block.0.wr.reqs", uint64(2)), param("block.0.wr.bytes", uint64(20)), param("block.0.allocation", uint64(100)),
		param("block.0.capacity", uint64(1000)), param("block.0.physical", uint64(500)),
		param("block.1.name", "vdb"), param("block.1.rd.reqs", uint64(1)), param("block.1.rd.bytes", uint64(10)),
		param("block.1.wr.reqs", uint64(2)), param("block.1.wr.bytes", uint64(20)), param("block.1.capacity", uint64(2000)), param("block.1.physical", uint64(2000)),
		param("block.2.name", "vdc"), param("block.2.rd.reqs", int64(-1)), param("block.2.fl.reqs", uint64(77)),
	}
}

// counterRecords returns the records of a Snapshot by format.
func counterRecords(t *testing.T, s *source.Snapshot) map[sflow.Format]any {
	t.Helper()
	all := map[sflow.Format]any{}
	for smp := range s.All() {
		if !smp.Counter {
			continue
		}
		var c sflow.CounterSample
		format := sflow.Format(uint32(smp.Bytes[0])<<24 | uint32(smp.Bytes[1])<<16 | uint32(smp.Bytes[2])<<8 | uint32(smp.Bytes[3]))
		if err := c.Decode(sflow.Sample{Format: format, Body: smp.Bytes[8:]}); err != nil {
			t.Fatal(err)
		}
		for r, err := range c.Records() {
			if err != nil {
				t.Fatal(err)
			}
			x := sflow.NewCounterRecord(r.Format)
			if err := x.Decode(r); err != nil {
				t.Fatal(err)
			}
			all[r.Format] = x
		}
	}
	return all
}

func TestCountersOfARunningDomain(t *testing.T) {
	d := &domain{ref: golibvirt.Domain{Name: "instance-00000007", UUID: golibvirt.UUID{1}}, index: 7, state: running}
	d.about.nics = []nic{{mac: sflow.MAC{1}, hasMAC: true, tap: "tap0"}, {mac: sflow.MAC{2}, hasMAC: true, tap: "gone"}, {}}
	var f figures
	f.read(instanceParams())
	var w statements
	var out source.Snapshot
	w.counters(&out, d, &f, func(tap string) uint32 { return map[string]uint32{"tap0": 5}[tap] })
	got := counterRecords(t, &out)
	var adapters sflow.AdapterList
	adapters = sflow.AppendHostAdapter(adapters, 5, sflow.MAC{1})
	adapters = sflow.AppendHostAdapter(adapters, 0, sflow.MAC{2})
	want := map[sflow.Format]any{
		sflow.FormatHostDescr:    &sflow.HostDescr{Hostname: sflow.Text("instance-00000007"), UUID: [16]byte{1}, OSRelease: sflow.Text{}},
		sflow.FormatHostAdapters: &sflow.HostAdapters{Adapters: adapters},
		sflow.FormatHostParent:   &sflow.HostParent{ContainerType: 2, ContainerIndex: 1},
		sflow.FormatVirtCPU:      &sflow.VirtCPU{State: 1, CPUTime: 5060, NrVirtCPU: 2},
		sflow.FormatVirtMemory:   &sflow.VirtMemory{Memory: 2 << 20, MaxMemory: 4 << 20},
		sflow.FormatVirtDiskIO: &sflow.VirtDiskIO{Capacity: 3000, Allocation: 100, Available: 2500,
			RdReq: 2, RdBytes: 20, WrReq: 4, WrBytes: 40, Errs: 0xffffffff},
		// A 32-bit counter wraps.
		sflow.FormatVirtNetIO: &sflow.VirtNetIO{RxBytes: 1<<40 + 10, RxPackets: sflow.Counter32((1<<33 + 25) & 0xffffffff), RxErrs: 1, RxDrop: 2,
			TxBytes: 3, TxPackets: 4, TxErrs: 5, TxDrop: 6},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestCountersLeaveOutTheUnknown: a domain that was busy has no figures of its
// monitor, one that is shut off none at all.
func TestCountersLeaveOutTheUnknown(t *testing.T) {
	for _, c := range []struct {
		name   string
		state  int32
		params []golibvirt.TypedParam
		want   []sflow.Format
		cpu    sflow.Counter32
	}{
		{"busy", running, []golibvirt.TypedParam{param("cpu.time", uint64(2e6))}, []sflow.Format{2000, 2002, 2101}, 2},
		{"shut off", shutoff, instanceParams(), []sflow.Format{2000, 2002, 2101}, 0xffffffff},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f figures
			f.read(c.params)
			var w statements
			var out source.Snapshot
			w.counters(&out, &domain{state: c.state, index: 1}, &f, nil)
			got := counterRecords(t, &out)
			if len(got) != len(c.want) {
				t.Errorf("records %v, want %v", got, c.want)
			}
			cpu, ok := got[sflow.FormatVirtCPU].(*sflow.VirtCPU)
			if !ok || cpu.CPUTime != c.cpu || cpu.State != uint32(c.state) {
				t.Errorf("virt_cpu %+v, want state %d and time %d", cpu, c.state, c.cpu)
			}
		})
	}
}

func TestFiguresNoticeAnotherInterface(t *testing.T) {
	digest := func(names ...string) uint64 {
		var p []golibvirt.TypedParam
		for _, n := range names {
			p = append(p, param("net.0.name", n))
		}
		var f figures
		f.read(p)
		return f.nicNames
	}
	if digest("a", "b") == digest("a") || digest("a") == digest("b") || digest("a", "b") != digest("b", "a") {
		t.Error("the digest of names does not tell sets of interfaces apart")
	}
}

func BenchmarkFiguresRead(b *testing.B) {
	params := instanceParams()
	var f figures
	b.ReportAllocs()
	for b.Loop() {
		f.read(params)
	}
}

func TestFiguresReadAllocatesLittle(t *testing.T) {
	params := instanceParams()
	var f figures
	if n := testing.AllocsPerRun(100, func() { f.read(params) }); n > 4 {
		t.Errorf("%v allocations", n)
	}
}
