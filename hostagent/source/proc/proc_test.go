package proc

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/procfs"
	"github.com/prometheus/procfs/blockdevice"
	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
	"weir/hostagent/source"
	"weir/hostagent/source/link"
)

// collect polls once and returns the records of the host by format.
func collect(t *testing.T, s *Source) map[sflow.Format]sflow.Structure {
	t.Helper()
	var snap source.Snapshot
	if err := s.Collect(time.Now(), &snap); err != nil {
		t.Fatal(err)
	}
	return decode(t, &snap)
}

func decode(t *testing.T, snap *source.Snapshot) map[sflow.Format]sflow.Structure {
	t.Helper()
	d := sflow.Datagram{}
	for v := range snap.All() {
		if v.Source != source.Host() {
			t.Errorf("data source %v", v.Source)
		}
		d.NumSamples++
		d.SampleData = append(d.SampleData, v.Bytes...)
	}
	b := d.Append(nil)
	if err := d.Decode(b); err != nil {
		t.Fatal(err)
	}
	out := map[sflow.Format]sflow.Structure{}
	for smp, err := range d.Samples() {
		if err != nil {
			t.Fatal(err)
		}
		var c sflow.CounterSample
		if err := c.Decode(smp); err != nil {
			t.Fatal(err)
		}
		for r, err := range c.Records() {
			if err != nil {
				t.Fatal(err)
			}
			v := sflow.NewCounterRecord(r.Format)
			if err := v.Decode(r); err != nil {
				t.Fatal(err)
			}
			out[r.Format] = v
		}
	}
	return out
}

func of[T any](t *testing.T, recs map[sflow.Format]sflow.Structure, f sflow.Format) *T {
	t.Helper()
	v, ok := any(recs[f]).(*T)
	if !ok {
		t.Fatalf("%s is not told", sflow.CounterRecordName(f))
	}
	return v
}

// between checks a figure that another reader of /proc took before and after.
func between[T ~uint32 | ~uint64 | ~float32](t *testing.T, what string, before, got, after T) {
	t.Helper()
	if got < before || got > after {
		t.Errorf("%s is %v, the kernel says %v, then %v", what, got, before, after)
	}
}

// TestFiguresAreTheKernels compares what is told of this machine with what an
// independent reader of /proc finds.
func TestFiguresAreTheKernels(t *testing.T) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		t.Fatal(err)
	}
	table := link.NewTable()
	defer table.Close()
	s := New(Config{Links: table})
	look := func() (st procfs.Stat, mem procfs.Meminfo, net procfs.NetDev) {
		var errs [3]error
		st, errs[0] = fs.Stat()
		mem, errs[1] = fs.Meminfo()
		self, err := fs.Self()
		if err != nil {
			t.Fatal(err)
		}
		net, errs[2] = self.NetDev()
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatal(err)
		}
		return st, mem, net
	}
	beforeStat, mem, _ := look()
	recs := collect(t, s)
	afterStat, _, _ := look()

	cpu := of[sflow.HostCPU](t, recs, sflow.FormatHostCPU)
	ms := func(seconds float64) sflow.Counter32 { return sflow.Counter32(uint64(seconds*1000 + 0.5)) }
	b, a := beforeStat.CPUTotal, afterStat.CPUTotal
	between(t, "user time", ms(b.User), cpu.CPUUser, ms(a.User))
	between(t, "system time", ms(b.System), cpu.CPUSystem, ms(a.System))
	between(t, "idle time", ms(b.Idle), cpu.CPUIdle, ms(a.Idle))
	between(t, "waiting time", ms(b.Iowait), cpu.CPUWIO, ms(a.Iowait))
	between(t, "soft interrupt time", ms(b.SoftIRQ), cpu.CPUSIntr, ms(a.SoftIRQ))
	between(t, "stolen time", ms(b.Steal), cpu.CPUSteal, ms(a.Steal))
	between(t, "interrupts", sflow.Counter32(beforeStat.IRQTotal), cpu.Interrupts, sflow.Counter32(afterStat.IRQTotal))
	between(t, "context switches", sflow.Counter32(beforeStat.ContextSwitches), cpu.Contexts, sflow.Counter32(afterStat.ContextSwitches))
	if int(cpu.CPUNum) != len(afterStat.CPU) {
		t.Errorf("%d CPUs, the kernel says %d", cpu.CPUNum, len(afterStat.CPU))
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		t.Fatal(err)
	}
	between(t, "uptime", uint32(info.Uptime)-2, cpu.Uptime, uint32(info.Uptime))
	if !cpu.LoadOne.Known() || !cpu.LoadFifteen.Known() || cpu.ProcTotal < 2 {
		t.Errorf("load %v, %v, %d processes", cpu.LoadOne, cpu.LoadFifteen, cpu.ProcTotal)
	}

	m := of[sflow.HostMemory](t, recs, sflow.FormatHostMemory)
	if m.Total != *mem.MemTotalBytes || m.SwapTotal != *mem.SwapTotalBytes {
		t.Errorf("memory %d, swap %d, the kernel says %d and %d", m.Total, m.SwapTotal, *mem.MemTotalBytes, *mem.SwapTotalBytes)
	}
	const slack = 256 << 20 // others use memory while we look
	for _, c := range []struct {
		what      string
		got, want uint64
	}{{"free", m.Free, *mem.MemFreeBytes}, {"buffers", m.Buffers, *mem.BuffersBytes}, {"cached", m.Cached, *mem.CachedBytes}, {"shared", m.Shared, *mem.ShmemBytes}} {
		if c.got > c.want+slack || c.want > c.got+slack {
			t.Errorf("%s memory %d, the kernel says %d", c.what, c.got, c.want)
		}
	}
	if !m.PageIn.Known() || !m.SwapOut.Known() {
		t.Error("pages are not counted")
	}

	d := of[sflow.HostDescr](t, recs, sflow.FormatHostDescr)
	host, _ := os.Hostname()
	if d.Hostname.String() != host || d.OSName != sflow.OSLinux || d.MachineType == sflow.MachineUnknown {
		t.Errorf("%+v", d)
	}
	of[sflow.MIB2IPGroup](t, recs, sflow.FormatMIB2IPGroup)
	of[sflow.MIB2ICMPGroup](t, recs, sflow.FormatMIB2ICMPGroup)
	tcp := of[sflow.MIB2TCPGroup](t, recs, sflow.FormatMIB2TCPGroup)
	udp := of[sflow.MIB2UDPGroup](t, recs, sflow.FormatMIB2UDPGroup)
	if tcp.MaxConn != 0xffffffff || tcp.RtoMin == 0 || !udp.RcvbufErrors.Known() {
		t.Errorf("%+v\n%+v", tcp, udp)
	}
}

// TestDisksAreTheKernels adds up the disks of this machine another way.
func TestDisksAreTheKernels(t *testing.T) {
	fs, err := blockdevice.NewDefaultFS()
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.SysBlockDevices()
	if err != nil {
		t.Fatal(err)
	}
	sum := func() (reads, readBytes, writes, writeBytes uint64) {
		all, err := fs.ProcDiskstats()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range all {
			for _, n := range names {
				if d.DeviceName == n && !strings.HasPrefix(n, "loop") && !strings.HasPrefix(n, "ram") && !strings.HasPrefix(n, "zram") &&
					!strings.HasPrefix(n, "dm-") && !strings.HasPrefix(n, "md") && !strings.HasPrefix(n, "sr") && !strings.HasPrefix(n, "fd") {
					reads += d.ReadIOs
					readBytes += d.ReadSectors * 512
					writes += d.WriteIOs
					writeBytes += d.WriteSectors * 512
				}
			}
		}
		return
	}
	r0, rb0, w0, wb0 := sum()
	got := of[sflow.HostDiskIO](t, collect(t, New(Config{})), sflow.FormatHostDiskIO)
	r1, rb1, w1, wb1 := sum()
	if r1 == 0 && w1 == 0 {
		if got.Reads.Known() {
			t.Errorf("a machine without a disk tells %d reads", got.Reads)
		}
		return
	}
	between(t, "reads", sflow.Counter32(r0), got.Reads, sflow.Counter32(r1))
	between(t, "octets read", sflow.Counter64(rb0), got.BytesRead, sflow.Counter64(rb1))
	between(t, "writes", sflow.Counter32(w0), got.Writes, sflow.Counter32(w1))
	between(t, "octets written", sflow.Counter64(wb0), got.BytesWritten, sflow.Counter64(wb1))
}

func TestLoopbackIsNotTheNodesTraffic(t *testing.T) {
	table := link.NewTable()
	defer table.Close()
	recs := collect(t, New(Config{Links: table}))
	var want sflow.Counter64
	physical := false
	table.Each(func(i *link.Info) bool {
		if i.Kind == link.Physical {
			physical = true
			want += sflow.Counter64(i.Stats.RxBytes)
		}
		return true
	})
	got := of[sflow.HostNetIO](t, recs, sflow.FormatHostNetIO)
	if physical && got.BytesIn != want {
		t.Errorf("%d octets, physical interfaces have %d", got.BytesIn, want)
	}
	n := 0
	for a := range of[sflow.HostAdapters](t, recs, sflow.FormatHostAdapters).Adapters.All() {
		n++
		i, ok := table.Lookup(a.IfIndex)
		if !ok || a.MACs.Len() != 1 || a.MACs.At(0) != i.MAC || i.Kind == link.Loopback {
			t.Errorf("adapter %d is %+v", a.IfIndex, i)
		}
	}
	if physical && n == 0 {
		t.Error("no adapter is told")
	}
}

func TestReaderIsBounded(t *testing.T) {
	root := tree(t, map[string]string{"big": strings.Repeat("x", maxFile+1), "long": strings.Repeat("y", 100_000)})
	r := reader{root: root}
	if b, err := r.read("/long"); err != nil || len(b) != 100_000 {
		t.Errorf("%d octets, %v", len(b), err)
	}
	if _, err := r.read("/big"); !errors.Is(err, errTooLong) {
		t.Errorf("%v", err)
	}
	if _, err := r.read("/none"); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/none") {
		t.Errorf("%v", err)
	}
}

func TestPollAllocatesLittle(t *testing.T) {
	table := link.NewTable()
	defer table.Close()
	s := New(Config{Links: table})
	var snap source.Snapshot
	at := time.Now()
	poll := func() {
		at = at.Add(10 * time.Second)
		snap.Reset()
		if err := s.Collect(at, &snap); err != nil {
			t.Fatal(err)
		}
	}
	poll()
	if n := testing.AllocsPerRun(10, poll); n > 60 {
		t.Errorf("%v allocations a poll", n)
	}
}

func BenchmarkPoll(b *testing.B) {
	s := New(Config{})
	var snap source.Snapshot
	b.ReportAllocs()
	for b.Loop() {
		snap.Reset()
		if err := s.Collect(time.Time{}, &snap); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzFiles(f *testing.F) {
	for _, text := range complete {
		f.Add([]byte(text))
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		var cpu sflow.HostCPU
		var mem sflow.HostMemory
		var disk sflow.HostDiskIO
		var m mib2
		parseLoad(b, &cpu)
		parseStat(b, &cpu)
		parseMeminfo(b, &mem)
		parseVmstat(b, &mem)
		parseDiskstats(b, &disk, func([]byte) bool { return true })
		m.parse(b)
		unescape(b)
	})
}

func TestDoctorSeesFiles(t *testing.T) {
	for _, f := range New(Config{Root: tree(t, complete)}).Examine(t.Context()) {
		if !f.OK {
			t.Errorf("%+v", f)
		}
	}
	bad := 0
	for _, f := range New(Config{Root: t.TempDir()}).Examine(t.Context()) {
		if !f.OK && f.Fix != "" {
			bad++
		}
	}
	if bad != 6 {
		t.Errorf("%d things are missed in an empty folder, want 6", bad)
	}
}
