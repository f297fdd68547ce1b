package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkAgentCost measures what weir-agent takes on a compute node: CPU time
// in a minute and memory, with two guests polled every 5 s and with a hundred
// polled every 10 s, without packet samples. It is no test: it takes minutes.
//
//	go test ./bench/lab -run '^$' -bench AgentCost -benchtime 1x
func BenchmarkAgentCost(b *testing.B) {
	for _, c := range []struct {
		name   string
		guests int
		config string
	}{
		{"2 guests at 5 s, host, interfaces and libvirt alone", 2, "polling: { default: 5s, interfaces: 5s }\n" +
			"off: [sampling, ovs, linkevent, filter, service, login, logs, lldp, neighbour, drops]\n"},
		{"2 guests at 5 s", 2, "off: [sampling]\npolling: { default: 5s, interfaces: 5s }\n"},
		{"100 guests at 10 s", 100, "off: [sampling]\npolling: { default: 10s, interfaces: 10s }\n"},
		{"100 guests at the defaults", 100, "off: [sampling]\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				agentCost(b, c.guests, c.config)
			}
		})
	}
}

func agentCost(b *testing.B, guests int, config string) {
	l := New(b)
	h := l.Hypervisor("hv")
	for range guests {
		h.Light()
	}
	agent := startAgent(b, h, "collectors: [10.200.0.1]\nnode: hv\n"+config)
	time.Sleep(15 * time.Second) // what is done once
	pid := agent.Pid()
	before := cpuTime(b, pid)
	begin := time.Now()
	time.Sleep(time.Minute)
	cpu := cpuTime(b, pid) - before
	took := time.Since(begin)
	b.ReportMetric(cpu.Seconds()/took.Minutes(), "cpu-s/min")
	b.ReportMetric(100*cpu.Seconds()/took.Seconds(), "%core")
	for name, metric := range map[string]string{"Rss": "rss-MB", "Pss": "pss-MB", "Private_Dirty": "dirty-MB"} {
		b.ReportMetric(memory(b, pid, name), metric)
	}
	b.ReportMetric(0, "ns/op")
}

// cpuTime returns the processor time of a process.
func cpuTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	var t unix.Timespec
	clock := int32(^pid)<<3 | 2 // of a process, in nanoseconds: see clock_getcpuclockid
	if err := unix.ClockGettime(clock, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// memory returns a value of a process's smaps_rollup in MB.
func memory(b *testing.B, pid int, name string) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return float64(kib) * 1024 / 1e6
		}
	}
	b.Fatalf("no %s in smaps_rollup", name)
	return 0
}

// Light starts a guest that is paused before its first instruction: it costs
// nothing, and libvirt tells of it as of any other.
func (h *Hypervisor) Light() *Guest {
	h.lab.t.Helper()
	g := h.newGuest(GuestSpec{NovaName: fmt.Sprint("light-", len(h.guests)+1)})
	h.must(os.WriteFile(g.DiskFile, nil, 0o600))
	h.must(os.Truncate(g.DiskFile, 1<<20))
	file := filepath.Join(h.dir, g.Name+".xml")
	xml := g.xml()
	xml = strings.ReplaceAll(xml, "<memory unit='MiB'>96", "<memory unit='MiB'>8")
	for _, part := range []string{"<kernel>", "<cmdline>", "<disk type='network'"} { // one line each
		lines := strings.Split(xml, "\n")
		for i, line := range lines {
			if strings.Contains(line, part) {
				lines[i] = strings.Repeat("</os>", strings.Count(line, "</os>"))
			}
		}
		xml = strings.Join(lines, "\n")
	}
	h.must(os.WriteFile(file, []byte(xml), 0o600))
	h.Virsh("define", file)
	h.Virsh("start", "--paused", g.Name)
	h.guests[g.Name] = g
	return g
}
