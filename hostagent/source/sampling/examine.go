package sampling

import (
	"context"
	"fmt"
	"strings"
	"time"

	"weir/hostagent/sampler"
	"weir/hostagent/source"
)

// maxNamed bounds the interfaces that are named.
const maxNamed = 10

// Examine implements source.Examiner.
func (s *Source) Examine(context.Context) []source.Finding {
	if s.cfg.Load().Method == sampler.MethodNFLOG {
		return []source.Finding{{What: "packet samples", OK: true,
			Text: fmt.Sprintf("what the operator's rules log to group %d, taken as 1:%d", s.cfg.Load().Group, s.cfg.Load().Rate)}}
	}
	if err := s.links.Refresh(time.Time{}, 0); err != nil {
		return []source.Finding{{What: "packet samples", Text: err.Error()}}
	}
	list := s.selected(nil)
	if len(list) == 0 {
		return []source.Finding{{What: "packet samples", None: true, Text: "no interface is an uplink or a tap, or matches sampling.interfaces",
			Fix: "name some in sampling.interfaces"}}
	}
	var names []string
	method, how := s.cfg.Load().Method, "by an eBPF program"
	if method == sampler.MethodAuto {
		if err := sampler.Probe(sampler.MethodTCX, list[0]); err != nil {
			how = "by packet sockets, since " + err.Error()
		}
	} else if method == sampler.MethodPacket {
		how = "by packet sockets"
	}
	for _, i := range list {
		if err := sampler.Probe(method, i); err != nil {
			return []source.Finding{{What: "packet samples", Text: i.Name + ": " + err.Error(),
				Fix: "give the agent CAP_NET_RAW (method tcx: CAP_BPF and CAP_NET_ADMIN)"}}
		}
		names = append(names, i.Name)
	}
	text := strings.Join(names[:min(len(names), maxNamed)], ", ")
	if len(names) > maxNamed {
		text += fmt.Sprintf(" and %d more", len(names)-maxNamed)
	}
	return []source.Finding{{What: "packet samples", OK: true, Text: "of " + text + ", " + how}}
}
