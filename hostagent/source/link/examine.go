package link

import (
	"context"
	"fmt"
	"strings"

	"weir/hostagent/source"
)

// Examine tells which kinds of interfaces there are and are selected, and of
// which the medium is known.
func (s *Source) Examine(context.Context) []source.Finding {
	var count [len(kinds)]int
	left, noSpeed := 0, []string{}
	s.table.Each(func(i *Info) bool {
		switch {
		case !s.examined(i.Name):
			left++
		case i.Kind == Physical && i.Speed == 0:
			noSpeed = append(noSpeed, i.Name)
			fallthrough
		default:
			count[i.Kind]++
		}
		return true
	})
	var parts []string
	for k, n := range count {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kinds[k]))
		}
	}
	all := []source.Finding{{What: "interfaces", OK: len(parts) > 0, Text: strings.Join(parts, ", ") + fmt.Sprintf("; %d not selected", left)}}
	if len(parts) == 0 {
		all[0].None = left <= 1 // the loopback
		all[0].Text, all[0].Fix = fmt.Sprintf("none of %d is selected", left), "widen interfaces.names"
	}
	if len(noSpeed) > 0 {
		all = append(all, source.Finding{What: "speeds", Text: "not told by " + strings.Join(noSpeed, ", "),
			Fix: "nothing, where they are virtual; the collector can be told speeds"})
	}
	s.mu.Lock()
	n := len(s.optics)
	s.mu.Unlock()
	return append(all, source.Finding{What: "optics", OK: true, Text: fmt.Sprintf("%d modules", n)})
}

// examined is selects without its memory, which belongs to Collect.
func (s *Source) examined(name string) bool {
	return matches(s.cfg.Names, name) && !matches(s.cfg.Except, name)
}
