package proc

import (
	"context"
	"fmt"

	"weir/hostagent/source"
)

// Examine tells which files of the kernel can be read, and what identifies the
// node.
func (s *Source) Examine(context.Context) []source.Finding {
	r := reader{root: s.r.root} // the Source's own belongs to Collect
	var all []source.Finding
	for _, path := range [...]string{"/proc/stat", "/proc/meminfo", "/proc/diskstats", "/proc/net/snmp", "/proc/self/mounts"} {
		f := source.Finding{What: "file", OK: true, Text: path}
		if _, err := r.read(path); err != nil {
			f.OK, f.Text, f.Fix = false, err.Error(), "let the agent see the node's /proc"
		}
		all = append(all, f)
	}
	id := source.Finding{What: "UUID", OK: s.uuid != [16]byte{}, Text: fmt.Sprintf("%x", s.uuid)}
	if !id.OK {
		id.Text, id.Fix = "unknown", "run as root, or make /etc/machine-id readable"
	}
	return append(all, id)
}
