package proc

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
	"weir/hostagent/source"
)

// tree writes files below a directory and returns it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		at := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// complete is a /proc of which every figure is known.
var complete = map[string]string{
	"proc/loadavg": "0.25 1.50 12.75 3/456 789\n",
	"proc/uptime":  "1234.56 99.0\n",
	"proc/stat": "cpu  10 20 30 40 50 60 70 80 90 100\ncpu0 5 10 15 20 25 30 35 40 45 50\ncpu1 5 10 15 20 25 30 35 40 45 50\n" +
		"intr 4294967297 1 2\nctxt 77\nbtime 1\n",
	"proc/meminfo":            "MemTotal:  1000 kB\nMemFree: 500 kB\nBuffers: 7 kB\nCached: 8 kB\nSwapTotal: 20 kB\nSwapFree: 10 kB\nShmem: 5 kB\n",
	"proc/vmstat":             "pgpgin 11\npgpgout 12\npswpin 13\npswpout 14\npgfault 15\n",
	"proc/diskstats":          "   8  0 sda 1 2 3 4 5 6 7 8 9 10 11\n   8  1 sda1 1 2 3 4 5 6 7 8 9 10 11\n 253 0 dm-0 1 2 3 4 5 6 7 8 9 10 11\n 259 0 nvme0n1 10 0 20 30 40 0 50 60 0 0 0 0 0 0 0\n",
	"sys/block/sda/size":      "1",
	"sys/block/nvme0n1/size":  "1",
	"proc/self/mounts":        "",
	"proc/net/snmp":           "Ip: Forwarding DefaultTTL InReceives New\nIp: 1 64 5 6\nTcp: MaxConn ActiveOpens\nTcp: -1 9\nUdpLite: A\nUdpLite: 1\n",
	"proc/cpuinfo":            "processor : 0\ncpu MHz : 2596.098\n",
	"etc/machine-id":          "0123456789abcdef0123456789abcdef\n",
	"sys/class/dmi/id/x":      "",
	"proc/sys/kernel/nothing": "",
}

func TestFiguresOfAKnownTree(t *testing.T) {
	recs := collect(t, New(Config{Root: tree(t, complete), Node: "node-1"}))
	u := unknown
	for _, c := range []struct {
		format sflow.Format
		want   any
	}{
		{sflow.FormatHostCPU, &sflow.HostCPU{LoadOne: 0.25, LoadFive: 1.5, LoadFifteen: 12.75, ProcRun: 3, ProcTotal: 456, CPUNum: 2,
			CPUSpeed: 2596, Uptime: 1234, CPUUser: 100, CPUNice: 200, CPUSystem: 300, CPUIdle: 400, CPUWIO: 500, CPUIntr: 600, CPUSIntr: 700,
			Interrupts: 1, Contexts: 77, CPUSteal: 800, CPUGuest: 900, CPUGuestNice: 1000}},
		{sflow.FormatHostMemory, &sflow.HostMemory{Total: 1024000, Free: 512000, Shared: 5120, Buffers: 7168, Cached: 8192,
			SwapTotal: 20480, SwapFree: 10240, PageIn: 11, PageOut: 12, SwapIn: 13, SwapOut: 14}},
		{sflow.FormatHostDiskIO, &sflow.HostDiskIO{Reads: 11, BytesRead: 23 * 512, ReadTime: 34, Writes: 45, BytesWritten: 57 * 512, WriteTime: 68}},
		{sflow.FormatMIB2IPGroup, &sflow.MIB2IPGroup{Forwarding: 1, DefaultTTL: 64, InReceives: 5, InHdrErrors: u, InAddrErrors: u,
			ForwDatagrams: u, InUnknownProtos: u, InDiscards: u, InDelivers: u, OutRequests: u, OutDiscards: u, OutNoRoutes: u,
			ReasmReqds: u, ReasmOKs: u, ReasmFails: u, FragOKs: u, FragFails: u, FragCreates: u}},
		{sflow.FormatMIB2TCPGroup, &sflow.MIB2TCPGroup{MaxConn: 0xffffffff, ActiveOpens: 9, PassiveOpens: u, AttemptFails: u, EstabResets: u,
			InSegs: u, OutSegs: u, RetransSegs: u, InErrs: u, OutRsts: u, InCsumErrs: u}},
	} {
		if diff := cmp.Diff(c.want, any(recs[c.format])); diff != "" {
			t.Errorf("%s (-want +got)\n%s", sflow.CounterRecordName(c.format), diff)
		}
	}
	d := of[sflow.HostDescr](t, recs, sflow.FormatHostDescr)
	if d.Hostname.String() != "node-1" || d.UUID[0] != 0x01 || d.UUID[15] != 0xef {
		t.Errorf("%+v", d)
	}
	if _, told := recs[sflow.FormatMIB2UDPGroup]; told {
		t.Error("a group that the kernel does not have is told")
	}
}

// TestWhatCannotBeReadIsLeftOut takes one file after the other away, or makes
// nonsense of it: the rest is told.
func TestWhatCannotBeReadIsLeftOut(t *testing.T) {
	for _, c := range []struct {
		file, text string // "" takes it away
		lost       []sflow.Format
		err        bool
	}{
		{"proc/loadavg", "", []sflow.Format{sflow.FormatHostCPU}, true},
		{"proc/loadavg", "nonsense\n", nil, false},
		{"proc/stat", "cpu  1 2\n", []sflow.Format{sflow.FormatHostCPU}, true},
		{"proc/stat", "cpu  10 20 30 40\ncpu0 1 2 3 4\n", nil, false},
		{"proc/meminfo", "", []sflow.Format{sflow.FormatHostMemory}, true},
		{"proc/meminfo", "MemTotal\n:::\n", []sflow.Format{sflow.FormatHostMemory}, true},
		{"proc/vmstat", "", nil, false},
		{"proc/diskstats", "", []sflow.Format{sflow.FormatHostDiskIO}, true},
		{"proc/diskstats", "8 0\n8 0 sda\n8 0 sda 1 2 x\n", nil, false},
		{"proc/net/snmp", "", []sflow.Format{sflow.FormatMIB2IPGroup, sflow.FormatMIB2TCPGroup}, true},
		{"proc/net/snmp", "Ip: A\nTcp: 1\nUdp:\n", []sflow.Format{sflow.FormatMIB2IPGroup, sflow.FormatMIB2TCPGroup}, true},
		{"proc/cpuinfo", "", nil, false},
		{"etc/machine-id", "nonsense", nil, false},
	} {
		t.Run(c.file+" "+c.text, func(t *testing.T) {
			root := tree(t, complete)
			at := filepath.Join(root, c.file)
			if err := os.Remove(at); err != nil {
				t.Fatal(err)
			}
			if c.text != "" {
				if err := os.WriteFile(at, []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			whole := collect(t, New(Config{Root: tree(t, complete)}))
			var snap source.Snapshot
			err := New(Config{Root: root}).Collect(time.Now(), &snap)
			if (err != nil) != c.err {
				t.Errorf("error %v", err)
			}
			got := decode(t, &snap)
			for _, f := range c.lost {
				delete(whole, f)
			}
			for f := range whole {
				if got[f] == nil {
					t.Errorf("%s is lost too", sflow.CounterRecordName(f))
				}
			}
			if len(got) != len(whole) {
				t.Errorf("%d records, want %d", len(got), len(whole))
			}
		})
	}
}

func TestFileSystems(t *testing.T) {
	var f unix.Statfs_t
	dir := t.TempDir()
	if err := unix.Statfs(dir, &f); err != nil {
		t.Fatal(err)
	}
	root := tree(t, map[string]string{"proc/self/mounts": "/dev/sda1 / ext4 rw 0 0\n/dev/sda1 /again ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/loop0 /snap squashfs ro 0 0\n"})
	// Everything below root is one file system, which counts once.
	r := measure(root, nil)
	want := f.Blocks * uint64(f.Frsize)
	if r.total != want || r.fullest > 10000 {
		t.Errorf("%+v, want a total of %d", r, want)
	}
	if r := measure(root, []string{"/*", "/"}); r != (room{}) {
		t.Errorf("excepted: %+v", r)
	}
	var full room
	full.add(100, 10, 5, 1)
	full.add(100, 100, 100, 1)
	full.add(10, 0, 0, 1)
	if full != (room{210, 105, 10000}) {
		t.Errorf("%+v", full)
	}
	if got := unescape([]byte(`/mnt/a\040b\`)); got != `/mnt/a b\` {
		t.Errorf("%q", got)
	}
}

// TestFileSystemThatHangs holds nobody.
func TestFileSystemThatHangs(t *testing.T) {
	s := New(Config{Root: tree(t, complete)})
	s.space.busy = true // as if the goroutine never answered
	var snap source.Snapshot
	if err := s.Collect(time.Now(), &snap); !errors.Is(err, errSpace) {
		t.Errorf("error %v", err)
	}
	got := of[sflow.HostDiskIO](t, decode(t, &snap), sflow.FormatHostDiskIO)
	if got.Reads != 11 || got.Total != 0 {
		t.Errorf("%+v", got)
	}
	s.space.answer <- room{total: 7}
	if got := of[sflow.HostDiskIO](t, collect(t, s), sflow.FormatHostDiskIO); got.Total != 7 {
		t.Errorf("after the answer: %+v", got)
	}
}
