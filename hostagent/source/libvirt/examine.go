package libvirt

import (
	"context"
	"errors"
	"fmt"

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
