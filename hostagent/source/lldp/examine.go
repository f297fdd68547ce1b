package lldp

import (
	"context"

	"weir/hostagent/source"
	"weir/hostagent/source/listen"
)

// Examine implements source.Examiner.
func (*Source) Examine(context.Context) []source.Finding {
	f := source.Finding{What: "LLDP", OK: true, Text: "packet sockets can be opened"}
	if err := listen.Probe(filter); err != nil {
		f.OK, f.Text, f.Fix = false, err.Error(), "give the agent CAP_NET_RAW"
	}
	return []source.Finding{f}
}
