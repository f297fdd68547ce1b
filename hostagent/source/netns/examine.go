package netns

import (
	"context"
	"fmt"
	"os"

	"weir/hostagent/source"
)

// Examine implements source.Examiner.
func (s *Source) Examine(context.Context) []source.Finding {
	names, err := s.list()
	f := source.Finding{What: "namespaces", OK: err == nil, Text: fmt.Sprintf("%d match; each is looked into every %s", len(names), s.cfg.Cycle)}
	if err != nil {
		f.Text = err.Error()
	}
	if os.Geteuid() != 0 && err == nil {
		f.Text += ", if the agent has CAP_SYS_ADMIN"
	}
	return []source.Finding{f}
}
