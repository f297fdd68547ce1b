package filter

import (
	"context"
	"fmt"
	"os"

	"weir/hostagent/source"
)

// Examine implements source.Examiner.
func (*Source) Examine(context.Context) []source.Finding {
	const fix = "give the agent CAP_NET_ADMIN and CAP_NET_RAW, and let it read /proc/net as root may"
	var nft, legacy State
	var all []source.Finding
	r, err := NewReader()
	if err == nil {
		defer r.Close()
		err = readNFT(r.c, &nft, nil)
	}
	all = append(all, finding("nftables", nft.Tables, err, fix))
	err = readLegacy(&legacy)
	all = append(all, finding("legacy iptables", legacy.Tables, err, fix))
	if _, err := os.Stat("/proc/sys/net/netfilter/nf_conntrack_count"); err != nil {
		return append(all, source.Finding{What: "conntrack", Text: "the kernel tracks no connections"})
	}
	return append(all, source.Finding{What: "conntrack", OK: true, Text: "counted"})
}

func finding(what string, tables []Table, err error, fix string) source.Finding {
	if err != nil {
		return source.Finding{What: what, Text: err.Error(), Fix: fix}
	}
	rules := 0
	for _, t := range tables {
		rules += t.Rules
	}
	return source.Finding{What: what, OK: true, Text: fmt.Sprintf("%d rules in %d tables", rules, len(tables))}
}
