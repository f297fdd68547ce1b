// Package logline writes alert changes as lines: one JSON object each for
// programs, or one sentence each for people.
package logline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"weir/detect"
)

// Sink writes one line per alert change. Send is not safe for concurrent use.
type Sink struct {
	w    io.Writer
	json bool
	buf  bytes.Buffer
}

// New returns a Sink on w, which gets each batch in one Write.
func New(w io.Writer, json bool) *Sink { return &Sink{w: w, json: json} }

// Send implements sink.Sink.
func (s *Sink) Send(_ context.Context, batch []detect.Alert) error {
	const keep = 64 << 10 // of the buffer between two batches
	s.buf.Reset()
	for i := range batch {
		if !s.json {
			writeLine(&s.buf, &batch[i])
			continue
		}
		// The alert marshals itself as the contract says; Encode ends it with
		// a newline.
		if err := json.NewEncoder(&s.buf).Encode(batch[i]); err != nil {
			return fmt.Errorf("alert %s: %w", batch[i].ID, err)
		}
	}
	_, err := s.w.Write(s.buf.Bytes())
	if s.buf.Cap() > keep {
		s.buf = bytes.Buffer{}
	}
	return err
}

// writeLine writes time, change, severity, what the alert says of itself, and
// by what it is found again.
func writeLine(b *bytes.Buffer, a *detect.Alert) {
	fmt.Fprintf(b, "%s %-6s %-8s %s", a.At.UTC().Format("2006-01-02T15:04:05.000Z"), a.Change, a.Severity, a.Line())
	if a.State != detect.Resolved {
		fmt.Fprintf(b, ", %s", a.State)
	}
	if a.Flapping {
		b.WriteString(", flapping")
	}
	if a.Reason != "" {
		fmt.Fprintf(b, ", because of %s", strings.ReplaceAll(a.Reason, "_", " "))
	}
	fmt.Fprintf(b, " [%s]\n", a.ID)
}
