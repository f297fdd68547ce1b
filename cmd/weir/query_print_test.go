package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"weir/collector/store/flows"
	"weir/detect/rules"
)

// TestFlowsOfDaysHaveDays: of more than a day a time of the clock alone says nothing.
func TestFlowsOfDaysHaveDays(t *testing.T) {
	at := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		of   time.Duration
		want string
	}{{time.Hour, "01-30 23:50:00  23:55:00"}, {48 * time.Hour, "01-30 23:50:00  01-30 23:55:00"}} {
		var b bytes.Buffer
		r := &flows.Result{Rows: []flows.Sum{{Key: []string{"192.0.2.1"}, First: at.Add(-10 * time.Minute), Last: at.Add(-5 * time.Minute)}}}
		if err := printFlows(&b, &flows.Query{From: at.Add(-c.of), To: at, By: []string{"src"}}, r); err != nil || !strings.Contains(b.String(), c.want) {
			t.Errorf("of %v: %v, want %q in\n%s", c.of, err, c.want, b.String())
		}
	}
}

// TestCaretIsBelowTheFault also where letters before it take more than an octet.
func TestCaretIsBelowTheFault(t *testing.T) {
	text := "instance = zürich-1 plus"
	got := caret(text, &rules.SyntaxError{From: strings.Index(text, "plus")})
	if want := "\n  " + text + "\n  " + strings.Repeat(" ", len("instance = zurich-1 ")) + "^"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
