package linkevent

import (
	"context"
	"strconv"

	"weir/hostagent/source"
)

// Examine implements source.Examiner.
func (s *Source) Examine(ctx context.Context) []source.Finding {
	t := newTable(s.polled)
	if err := t.list(ctx); err != nil {
		return []source.Finding{{What: "link events", Text: err.Error()}}
	}
	bridges, ports := 0, 0
	for _, l := range t.links {
		if l.Driver == "bridge" {
			bridges++
		}
		if l.Port != 0 {
			ports++
		}
	}
	return []source.Finding{{What: "link events", OK: true,
		Text: count(len(t.links), "interface") + ", " + count(bridges, "bridge") + " with " + count(ports, "port")}}
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}
