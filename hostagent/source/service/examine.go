package service

import (
	"context"
	"fmt"
	"os"

	"weir/hostagent/source"
)

// Examine implements source.Examiner.
func (s *Source) Examine(ctx context.Context) (all []source.Finding) {
	if len(s.units.names) > 0 {
		f := source.Finding{What: "systemd units", OK: true, Text: fmt.Sprintf("%d are watched", len(s.units.names))}
		if c, err := connect(ctx); err != nil {
			f.OK, f.Text, f.Fix = false, err.Error(), "name processes in services.processes where the node has no systemd"
		} else {
			_ = c.Close()
		}
		all = append(all, f)
	}
	if len(s.processes.names) > 0 {
		f := source.Finding{What: "processes", OK: true, Text: fmt.Sprintf("%d names are watched", len(s.processes.names))}
		if _, err := os.Stat(s.processes.proc + "/1/comm"); err != nil {
			f.OK, f.Text, f.Fix = false, err.Error(), "mount the node's /proc without hidepid, or in a container share its PID namespace"
		}
		all = append(all, f)
	}
	return all
}
