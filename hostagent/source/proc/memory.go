package proc

import (
	"bytes"

	"weir/decoder/sflow"
)

// memory fills c from /proc/meminfo and /proc/vmstat.
func (s *Source) memory(c *sflow.HostMemory) error {
	*c = sflow.HostMemory{PageIn: unknown, PageOut: unknown, SwapIn: unknown, SwapOut: unknown}
	b, err := s.r.read("/proc/meminfo")
	if err != nil {
		return err
	}
	if !parseMeminfo(b, c) {
		return errOdd("/proc/meminfo")
	}
	if b, err = s.r.read("/proc/vmstat"); err != nil {
		return nil // the counters are unknown then
	}
	parseVmstat(b, c)
	return nil
}

// parseMeminfo reads lines such as "MemTotal: 16 kB".
func parseMeminfo(b []byte, c *sflow.HostMemory) bool {
	for len(b) > 0 {
		var first []byte
		first, b = line(b)
		key, rest, _ := bytes.Cut(first, []byte{':'})
		var to *uint64
		switch string(key) {
		case "MemTotal":
			to = &c.Total
		case "MemFree":
			to = &c.Free
		case "Shmem":
			to = &c.Shared
		case "Buffers":
			to = &c.Buffers
		case "Cached":
			to = &c.Cached
		case "SwapTotal":
			to = &c.SwapTotal
		case "SwapFree":
			to = &c.SwapFree
		default:
			continue
		}
		w, _ := word(rest)
		if v, ok := number(w); ok {
			*to = v * 1024
		}
	}
	return c.Total > 0
}

// parseVmstat reads lines such as "pgpgin 12". The kernel counts pgpgin and
// pgpgout in KiB; they are told as they are.
func parseVmstat(b []byte, c *sflow.HostMemory) {
	for len(b) > 0 {
		var first []byte
		first, b = line(b)
		key, rest := word(first)
		var to *sflow.Counter32
		switch string(key) {
		case "pgpgin":
			to = &c.PageIn
		case "pgpgout":
			to = &c.PageOut
		case "pswpin":
			to = &c.SwapIn
		case "pswpout":
			to = &c.SwapOut
		default:
			continue
		}
		w, _ := word(rest)
		if v, ok := number(w); ok {
			*to = sflow.Counter32(v)
		}
	}
}
