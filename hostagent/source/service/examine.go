package service

import (
	"context"
	"errors"
	"fmt"
	"os"

	"weir/hostagent/source"
)

// Examine implements source.Examiner.
func (s *Source) Examine(ctx context.Context) (all []source.Finding) {
	if len(s.units.names) > 0 {
		f := source.Finding{What: "systemd units", OK: true, Text: fmt.Sprintf("%d are watched", len(s.units.names))}
		if c, err := connect(ctx); err != nil {
			f.OK, f.None, f.Text = false, errors.Is(err, source.ErrAbsent), err.Error()
			f.Fix = "name processes in services.processes where the node has no systemd"
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
	if len(s.containers.patterns) > 0 {
		all = append(all, s.containers.examine())
	}
	return all
}

// examine tells which containers are seen.
func (c *containers) examine() source.Finding {
	f := source.Finding{What: "containers", OK: true, Text: "none of the watched names"}
	if n := c.active(); n > 0 {
		f.Text = fmt.Sprintf("%d of the watched names run", n)
	}
	if _, err := os.Stat(c.places.Cgroup + "/cgroup.procs"); err != nil {
		f.OK, f.Text, f.Fix = false, err.Error(), "mount the node's /sys/fs/cgroup, or write services: { containers: [] }"
	}
	return f
}
