// Package logline writes alert changes as lines: one JSON object each for
// programs, or one sentence each for people.
package logline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

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
		} else if err := writeJSON(&s.buf, &batch[i]); err != nil {
			return fmt.Errorf("alert %s: %w", batch[i].ID, err)
		}
	}
	_, err := s.w.Write(s.buf.Bytes())
	if s.buf.Cap() > keep {
		s.buf = bytes.Buffer{}
	}
	return err
}

// alert has the fields of detect.Alert and none of its methods.
type alert detect.Alert

// writeJSON writes the alert in the order and with the names of its fields,
// its time in UTC and always with nanoseconds.
func writeJSON(b *bytes.Buffer, a *detect.Alert) error {
	enc := json.NewEncoder(b) // ends each value with a newline
	enc.SetEscapeHTML(false)
	return enc.Encode(struct {
		At string `json:"at"` // before the embedded one
		*alert
	}{a.At.UTC().Format("2006-01-02T15:04:05.000000000Z"), (*alert)(a)})
}

// writeLine writes time, change, severity, kind and what the subject and the
// evidence say of themselves.
func writeLine(b *bytes.Buffer, a *detect.Alert) {
	fmt.Fprintf(b, "%s %-6s %-8s %s", a.At.UTC().Format("2006-01-02T15:04:05.000Z"), a.Change, a.Severity, a.Kind)
	if a.State != "" && a.State != detect.Resolved {
		fmt.Fprintf(b, " %s", a.State)
	}
	if a.Subject != nil {
		fmt.Fprintf(b, " %s", a.Subject.Line())
	}
	if a.Evidence != nil {
		fmt.Fprintf(b, ": %s", a.Evidence.Line())
	}
	if a.Flapping {
		b.WriteString(" (flapping)")
	}
	if a.Reason != "" {
		fmt.Fprintf(b, " (%s)", a.Reason)
	}
	fmt.Fprintf(b, " id=%s\n", a.ID)
}
