package libvirt

import (
	"context"
	"errors"
	"fmt"

	golibvirt "github.com/digitalocean/go-libvirt"
	"golang.org/x/sys/unix"

	"weir/hostagent/source"
)

// Examine tells for doctor what of libvirt can be seen.
func (s *Source) Examine(ctx context.Context) []source.Finding {
	const what = "virtual machines"
	c, err := dial(ctx, &s.opts)
	if errors.Is(err, source.ErrAbsent) {
		return []source.Finding{{What: what, None: true, Text: err.Error()}}
	}
	if err != nil {
		return []source.Finding{{What: what, Text: err.Error(), Fix: "let the agent's user connect to libvirt's read-only socket"}}
	}
	defer c.close()
	records, err := c.stats(statsList)
	if err != nil {
		return []source.Finding{{What: what, Text: err.Error(), Fix: "see libvirtd's own log; the read-only connection must allow listing domains"}}
	}
	found := []source.Finding{{What: what, OK: true, Text: fmt.Sprintf("%d domains through %s", len(records), c.socket)}}
	if len(records) == 0 {
		return found
	}
	found = append(found, s.examineExits(c, records)...)
	text, err := c.xml(records[0].Dom)
	if err != nil {
		return append(found, source.Finding{What: "Nova's metadata", Text: err.Error(), Fix: "allow reading the XML of domains"})
	}
	a, err := parseXML(text)
	switch {
	case err != nil:
		return append(found, source.Finding{What: "Nova's metadata", Text: err.Error()})
	case a.nova == nil:
		return append(found, source.Finding{What: "Nova's metadata", OK: true, Text: "the first domain has none: instances are told by domain name alone"})
	}
	return append(found, source.Finding{What: "Nova's metadata", OK: true, Text: "names, projects, ports and addresses of instances"})
}

// examineExits tells of how many virtual machines the process is found.
func (s *Source) examineExits(c *conn, records []golibvirt.DomainStatsRecord) []source.Finding {
	const what = "processes of virtual machines"
	run, seen := 0, 0
	var found map[string]int
	for i := range records {
		if state, _, _ := stateOf(records[i].Params); !alive(state) {
			continue
		}
		run++
		d := &records[i].Dom
		if pid := filedPid(c.socket, d.Name); pid != 0 && isProcessOf(s.opts.Proc, pid, d.UUID) && exists(pid) {
			seen++
			continue
		}
		if found == nil {
			found = findPids(s.opts.Proc)
		}
		if found[formatUUID(d.UUID)] != 0 {
			seen++
		}
	}
	switch text := fmt.Sprintf("the end of %d of %d is seen at once", seen, run); {
	case run == 0:
		return nil
	case seen < run:
		return []source.Finding{{What: what, Text: text + ", of the others when libvirt tells", Fix: "run the agent with the host's process numbers (a container with --pid=host) and pidfd_open allowed"}}
	default:
		return []source.Finding{{What: what, OK: true, Text: text}}
	}
}

// exists reports whether there is a process of that number, and pidfds.
func exists(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err == nil
}
