package ovs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"weir/hostagent/source"
)

// Examine tells for doctor what of Open vSwitch can be seen.
func (s *Source) Examine(ctx context.Context) []source.Finding {
	const what = "Open vSwitch"
	const fix = "give the agent CAP_DAC_OVERRIDE, or the group that owns Open vSwitch's sockets"
	db, err := dial(ctx, s.socket())
	if errors.Is(err, source.ErrAbsent) {
		return []source.Finding{{What: what, None: true, Text: err.Error()}}
	}
	if err != nil {
		return []source.Finding{{What: what, Text: err.Error(), Fix: fix}}
	}
	defer db.close()
	v := db.view()
	found := []source.Finding{{What: what, OK: true, Text: fmt.Sprintf("%d bridges with %d ports", len(v.bridges), v.size)}}
	for _, name := range sorted(v.bridges) {
		f, err := dialFlows(filepath.Join(s.opts.RunDir, name+".mgmt"), name, func(uint64) {})
		if err != nil {
			return append(found, source.Finding{What: "flows", Text: fmt.Sprintf("%s: %v", name, err), Fix: fix})
		}
		f.close()
	}
	if len(v.bridges) > 0 {
		found = append(found, source.Finding{What: "flows", OK: true, Text: "of every bridge"})
	}
	return found
}
