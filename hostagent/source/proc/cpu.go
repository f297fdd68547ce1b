package proc

import (
	"bytes"
	"strconv"

	"weir/decoder/sflow"
)

// unknown is a counter that the kernel does not tell.
const unknown = sflow.Counter32(0xffffffff)

// cpu fills c from /proc/loadavg, /proc/stat and /proc/uptime; hz is the
// kernel's clock tick.
func (s *Source) cpu(c *sflow.HostCPU) error {
	*c = sflow.HostCPU{LoadOne: -1, LoadFive: -1, LoadFifteen: -1, CPUSpeed: s.mhz,
		CPUSteal: unknown, CPUGuest: unknown, CPUGuestNice: unknown, Interrupts: unknown, Contexts: unknown}
	b, err := s.r.read("/proc/loadavg")
	if err != nil {
		return err
	}
	parseLoad(b, c)
	if b, err = s.r.read("/proc/uptime"); err != nil {
		return err
	}
	up, _ := number(b)
	c.Uptime = uint32(up)
	if b, err = s.r.read("/proc/stat"); err != nil {
		return err
	}
	if !parseStat(b, c) {
		return errOdd("/proc/stat")
	}
	return nil
}

// errOdd says that a file is not what the kernel writes.
func errOdd(path string) error { return &fileError{path, errFormat} }

// parseLoad reads "0.20 0.18 0.12 1/80 11206".
func parseLoad(b []byte, c *sflow.HostCPU) {
	for _, to := range [...]*sflow.Load{&c.LoadOne, &c.LoadFive, &c.LoadFifteen} {
		var w []byte
		w, b = word(b)
		if v, ok := fraction(w); ok {
			*to = sflow.Load(v)
		}
	}
	w, _ := word(b)
	running, total, _ := bytes.Cut(w, []byte{'/'})
	if v, ok := number(running); ok {
		c.ProcRun = uint32(v)
	}
	if v, ok := number(total); ok {
		c.ProcTotal = uint32(v)
	}
}

// fraction reads a number such as 12.34.
func fraction(b []byte) (float64, bool) {
	whole, part, _ := bytes.Cut(b, []byte{'.'})
	v, ok := number(whole)
	if !ok {
		return 0, false
	}
	f, scale := float64(v), 0.1
	for _, d := range part {
		if d < '0' || d > '9' {
			return 0, false
		}
		f += float64(d-'0') * scale
		scale /= 10
	}
	return f, true
}

// userHZ is the unit of times in /proc/stat: 100 per second on every
// architecture that Linux tells user space about.
const userHZ = 100

// parseStat reads the lines cpu, cpuN, intr and ctxt of /proc/stat.
func parseStat(b []byte, c *sflow.HostCPU) (ok bool) {
	var first []byte
	for len(b) > 0 {
		first, b = line(b)
		w, rest := word(first)
		switch {
		case string(w) == "cpu":
			ok = parseTimes(rest, c)
		case len(w) > 3 && string(w[:3]) == "cpu":
			c.CPUNum++
		case string(w) == "intr":
			var v [1]uint64
			if numbers(rest, v[:]) == 1 {
				c.Interrupts = sflow.Counter32(v[0])
			}
		case string(w) == "ctxt":
			var v [1]uint64
			if numbers(rest, v[:]) == 1 {
				c.Contexts = sflow.Counter32(v[0])
			}
		}
	}
	return ok
}

// parseTimes reads user nice system idle iowait irq softirq steal guest
// guest_nice. Old kernels write fewer.
func parseTimes(b []byte, c *sflow.HostCPU) bool {
	var v [10]uint64
	n := numbers(b, v[:])
	to := [...]*sflow.Counter32{&c.CPUUser, &c.CPUNice, &c.CPUSystem, &c.CPUIdle, &c.CPUWIO, &c.CPUIntr,
		&c.CPUSIntr, &c.CPUSteal, &c.CPUGuest, &c.CPUGuestNice}
	for i, p := range to {
		if i < n {
			*p = sflow.Counter32(v[i] * (1000 / userHZ))
		} else {
			*p = unknown
		}
	}
	return n >= 4
}

// speed returns the speed of the CPUs in MHz, 0 where nothing tells it.
func (s *Source) speed() uint32 {
	if b, err := s.r.read("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"); err == nil {
		if khz, ok := number(b); ok {
			return uint32(khz / 1000)
		}
	}
	b, err := s.r.read("/proc/cpuinfo")
	if err != nil {
		return 0
	}
	var first []byte
	for len(b) > 0 {
		first, b = line(b)
		key, value, ok := bytes.Cut(first, []byte{':'})
		if !ok || string(bytes.TrimSpace(key)) != "cpu MHz" {
			continue
		}
		v, err := strconv.ParseFloat(string(bytes.TrimSpace(value)), 64)
		if err == nil && v > 0 && v < 1e6 {
			return uint32(v)
		}
	}
	return 0
}
