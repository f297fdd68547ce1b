package collector

import (
	"bytes"
	"os"
	"strconv"

	"weir/collector/series"
)

// residentMemory returns what this process holds in memory, in octets (RssAnon
// and all else that is resident, the second number of /proc/self/statm).
func residentMemory() series.Value {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return series.Value{}
	}
	f := bytes.Fields(b)
	if len(f) < 2 {
		return series.Value{}
	}
	pages, err := strconv.ParseUint(string(f[1]), 10, 64)
	if err != nil {
		return series.Value{}
	}
	return series.Whole(pages * uint64(os.Getpagesize()))
}
