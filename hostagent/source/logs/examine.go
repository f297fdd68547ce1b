package logs

import (
	"context"
	"fmt"

	"weir/hostagent/source"
)

// Examine implements source.Examiner.
func (s *Source) Examine(context.Context) []source.Finding {
	seen := New(s.cfg)
	seen.look(true, func(source.Event) {})
	there := 0
	for _, f := range seen.files {
		if f.there {
			there++
		}
	}
	f := source.Finding{What: "logs", OK: there > 0 && seen.err == nil, Text: fmt.Sprintf("%d files are watched", there)}
	if there == 0 {
		f.None = true
		f.Fix = "name some in logs.files"
	}
	if seen.err != nil {
		f.None, f.Text = false, seen.err.Error()
		f.Fix = "let the agent read them"
	}
	return []source.Finding{f}
}
