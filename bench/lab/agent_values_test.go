package lab

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"weir/decoder/sflow"
)

// domstats returns virsh's figures of a guest; sums are of all its disks or
// interfaces, under the name without the number.
func (g *Guest) domstats() map[string]uint64 {
	all := map[string]uint64{}
	for line := range strings.Lines(g.h.Virsh("domstats", g.Name)) {
		name, text, ok := strings.Cut(strings.TrimSpace(line), "=")
		v, err := strconv.ParseUint(text, 10, 64)
		if !ok || err != nil {
			continue
		}
		all[name] += v
		parts := strings.SplitN(name, ".", 3)
		if _, err := strconv.Atoi(parts[min(1, len(parts)-1)]); err == nil && len(parts) == 3 {
			all[parts[0]+"."+parts[2]] += v
		}
	}
	return all
}

// checkVirtual compares each figure of a virtual machine with virsh's, taken
// before and after: a counter must lie between.
func checkVirtual(t *testing.T, c *computeNode) {
	for _, g := range []*Guest{c.a, c.b} {
		ds, _ := c.ear.instance(g.UUID)
		before := g.domstats()
		since := time.Now()
		var cpu *sflow.VirtCPU
		c.lab.Eventually(5*time.Second, "two polls later", func() bool {
			cpu = last[sflow.VirtCPU](c.ear, ds, sflow.FormatVirtCPU, since.Add(1100*time.Millisecond))
			return cpu != nil
		})
		mem := last[sflow.VirtMemory](c.ear, ds, sflow.FormatVirtMemory, since)
		disk := last[sflow.VirtDiskIO](c.ear, ds, sflow.FormatVirtDiskIO, since)
		net := last[sflow.VirtNetIO](c.ear, ds, sflow.FormatVirtNetIO, since)
		after := g.domstats()
		if mem == nil || disk == nil || net == nil {
			t.Errorf("%s: records missing: memory %v, disk %v, net %v", g.Name, mem, disk, net)
			continue
		}
		for _, v := range []struct {
			what  string
			got   uint64
			name  string
			scale float64
		}{
			{"state", uint64(cpu.State), "state.state", 1},
			{"CPU time", uint64(cpu.CPUTime), "cpu.time", 1e-6},
			{"virtual CPUs", uint64(cpu.NrVirtCPU), "vcpu.current", 1},
			{"memory", mem.Memory, "balloon.current", 1024},
			{"most memory", mem.MaxMemory, "balloon.maximum", 1024},
			{"capacity", disk.Capacity, "block.capacity", 1},
			{"allocation", disk.Allocation, "block.allocation", 1},
			{"physical size", disk.Available, "block.physical", 1},
			{"read requests", uint64(disk.RdReq), "block.rd.reqs", 1},
			{"octets read", uint64(disk.RdBytes), "block.rd.bytes", 1},
			{"write requests", uint64(disk.WrReq), "block.wr.reqs", 1},
			{"octets written", uint64(disk.WrBytes), "block.wr.bytes", 1},
			{"octets received", uint64(net.RxBytes), "net.rx.bytes", 1},
			{"packets received", uint64(net.RxPackets), "net.rx.pkts", 1},
			{"errors received", uint64(net.RxErrs), "net.rx.errs", 1},
			{"drops received", uint64(net.RxDrop), "net.rx.drop", 1},
			{"octets sent", uint64(net.TxBytes), "net.tx.bytes", 1},
			{"packets sent", uint64(net.TxPackets), "net.tx.pkts", 1},
			{"errors sent", uint64(net.TxErrs), "net.tx.errs", 1},
			{"drops sent", uint64(net.TxDrop), "net.tx.drop", 1},
		} {
			low, ok := before[v.name]
			lowest, highest := uint64(float64(low)*v.scale), uint64(float64(after[v.name])*v.scale)
			if !ok || v.got < lowest || v.got > highest {
				t.Errorf("%s: %s is %d, virsh's %s says %d before and %d after", g.Name, v.what, v.got, v.name, lowest, highest)
			}
		}
		// The file, the disk of the network and the block device.
		if disk.RdReq == 0 || disk.WrReq == 0 || before["block.count"] != 3 {
			t.Errorf("%s: %d disks with %d reads and %d writes; the guest reads and writes all of them", g.Name, before["block.count"], disk.RdReq, disk.WrReq)
		}
	}
	c.checkVirtNode(t)
}

// checkVirtNode compares the host's own record with virsh nodeinfo, and its
// memory with the kernel's: the machine may itself be virtual and be given more
// while libvirtd, which looks once, runs.
func (c *computeNode) checkVirtNode(t *testing.T) {
	t.Helper()
	info := map[string]float64{}
	for line := range strings.Lines(c.Virsh("nodeinfo")) {
		name, text, _ := strings.Cut(line, ":")
		info[name], _ = strconv.ParseFloat(strings.Fields(text + " 0")[0], 64)
	}
	var node *sflow.VirtNode
	var memory float64
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		node = last[sflow.VirtNode](c.ear, sflow.DataSource{Class: 2, Index: 1}, sflow.FormatVirtNode, c.since)
		total, _ := os.ReadFile("/proc/meminfo")
		memory, _ = strconv.ParseFloat(strings.Fields(string(total))[1], 64)
		if node != nil && math.Abs(float64(node.Memory)-1024*memory) <= 1024*memory/100 {
			break
		}
	}
	if node == nil || node.NumDomains != 2 || float64(node.CPUs) != info["CPU(s)"] || float64(node.MHz) != info["CPU frequency"] ||
		math.Abs(float64(node.Memory)-1024*memory) > 1024*memory/100 || node.MemoryFree > node.Memory {
		t.Errorf("virt_node %+v, virsh nodeinfo %v, the kernel's MemTotal %.0f KiB", node, info, memory)
	}
}

// checkInterfaces compares the counters of interfaces with the kernel's, taken
// before and after.
func checkInterfaces(t *testing.T, c *computeNode) {
	names := []string{c.a.Tap, c.b.Tap, "brq0", "br0", "eth0", "eth1"}
	before := map[string]map[string]uint64{}
	for _, name := range names {
		before[name] = c.kernel(name)
	}
	since := time.Now()
	for _, name := range names {
		ds := sflow.DataSource{Class: 0, Index: c.IfIndex(name)}
		var got *sflow.IfCounters
		c.lab.Eventually(5*time.Second, "two polls later", func() bool {
			got = last[sflow.IfCounters](c.ear, ds, sflow.FormatIfCounters, since.Add(1100*time.Millisecond))
			return got != nil
		})
		compareInterface(t, name, got, before[name], c.kernel(name))
	}
}

func compareInterface(t *testing.T, name string, got *sflow.IfCounters, before, after map[string]uint64) {
	t.Helper()
	const low = 0xffffffff
	for _, v := range []struct {
		file string
		got  uint64
		mask uint64
	}{
		{"rx_bytes", uint64(got.InOctets), ^uint64(0)}, {"tx_bytes", uint64(got.OutOctets), ^uint64(0)},
		{"rx_errors", uint64(got.InErrors), low}, {"tx_errors", uint64(got.OutErrors), low},
		{"rx_dropped", uint64(got.InDiscards), low}, {"tx_dropped", uint64(got.OutDiscards), low},
		{"rx_packets", uint64(got.InUcastPkts), low}, {"tx_packets", uint64(got.OutUcastPkts), low},
	} {
		// Unicast is what is left of all packets without multicast.
		lowest := before[v.file] & v.mask
		if v.file == "rx_packets" {
			lowest -= min(lowest, after["multicast"])
		}
		if v.got < lowest || v.got > after[v.file]&v.mask {
			t.Errorf("%s: %s is %d, the kernel says %d before and %d after", name, v.file, v.got, lowest, after[v.file])
		}
	}
	if got.Status != 3 {
		t.Errorf("%s: ifStatus %d, want 3: up", name, got.Status)
	}
}

// kernel returns an interface's counters.
func (c *computeNode) kernel(name string) map[string]uint64 {
	c.lab.t.Helper()
	dir := "/sys/class/net/" + name + "/statistics/"
	files := []string{"rx_bytes", "tx_bytes", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped", "rx_packets", "tx_packets", "multicast"}
	args := []string{"cat"}
	for _, f := range files {
		args = append(args, dir+f)
	}
	all := map[string]uint64{}
	for i, line := range slices.Collect(strings.Lines(c.lab.Exec(c.NS, args...))) {
		v, err := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
		c.must(err)
		all[files[i]] = v
	}
	return all
}

// sfacctd is another program that receives sFlow.
type sfacctd struct {
	*Process
	counters string // file
}

func startSfacctd(t *testing.T, l *Lab) *sfacctd {
	t.Helper()
	s := &sfacctd{counters: filepath.Join(l.dir, "sfacctd.json")}
	conf := filepath.Join(l.dir, "sfacctd.conf")
	text := fmt.Sprintf("daemonize: false\nsfacctd_ip: %s\nsfacctd_port: 6344\nplugins: print\naggregate: proto\nprint_output: json\nprint_output_file: %s\nprint_refresh_time: 60\nsfacctd_counter_file: %s\nsfacctd_counter_output: json\n",
		CollectorAddr, filepath.Join(l.dir, "sfacctd.flows"), s.counters)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Process = l.Start(l.Collector, nil, "sfacctd", "-f", conf)
	// It does not end by SIGTERM.
	t.Cleanup(func() {
		s.Signal(os.Interrupt)
		s.Wait(5 * time.Second)
	})
	l.Eventually(10*time.Second, "sfacctd waiting for data", func() bool {
		return strings.Contains(s.Stdout.String()+s.Stderr.String(), "waiting for sFlow data")
	})
	return s
}

// checkOthers looks at what sfacctd made of the same datagrams, then has
// `weir decode` read them all from a capture.
func checkOthers(t *testing.T, c *computeNode) {
	c.decode(t)
	for line := range strings.Lines(c.sfacct.Stdout.String() + c.sfacct.Stderr.String()) {
		if strings.HasPrefix(line, "ERROR") || strings.HasPrefix(line, "WARN") {
			t.Errorf("sfacctd: %s", line)
		}
	}
	f, err := os.Open(c.sfacct.counters)
	c.must(err)
	defer f.Close()
	generic := map[string]int{}
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := s.Text(); strings.Contains(line, `"sflow_cnt_generic"`) {
			_, rest, _ := strings.Cut(line, `"ifIndex": `)
			index, _, _ := strings.Cut(rest, ",")
			generic[index]++
		}
	}
	for _, name := range []string{c.a.Tap, c.b.Tap, "brq0", "br0", "eth0"} {
		if generic[strconv.Itoa(int(c.IfIndex(name)))] == 0 {
			t.Errorf("sfacctd has no counters of %s; it has those of ifIndex %v", name, slices.Sorted(maps.Keys(generic)))
		}
	}
}

// decode writes what was heard as a capture and has `weir decode` read it.
func (c *computeNode) decode(t *testing.T) {
	t.Helper()
	c.ear.mu.Lock()
	all := c.ear.datagrams
	c.ear.mu.Unlock()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	c.must(w.WriteFileHeader(65535, layers.LinkTypeEthernet))
	for _, d := range all {
		ip := &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.ParseIP(c.Addr), DstIP: net.ParseIP(CollectorAddr)}
		udp := &layers.UDP{SrcPort: 6343, DstPort: 6343}
		c.must(udp.SetNetworkLayerForChecksum(ip))
		frame := gopacket.NewSerializeBuffer()
		c.must(gopacket.SerializeLayers(frame, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
			&layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: make(net.HardwareAddr, 6), EthernetType: layers.EthernetTypeIPv4},
			ip, udp, gopacket.Payload(d)))
		c.must(w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(frame.Bytes()), Length: len(frame.Bytes())}, frame.Bytes()))
	}
	file := filepath.Join(c.lab.dir, "agent.pcap")
	c.must(os.WriteFile(file, b.Bytes(), 0o600))
	cmd := exec.Command("go", "run", "weir/cmd/weir", "decode", file)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("weir decode: %v: %s", err, stderr.String())
	}
	lines := 0
	for line := range strings.Lines(string(out)) {
		lines++
		if strings.Contains(line, `"error"`) {
			t.Errorf("weir decode: %s", line)
		}
	}
	if lines != len(all) {
		t.Errorf("weir decode printed %d datagrams of %d", lines, len(all))
	}
}
