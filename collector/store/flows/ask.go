package flows

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Ask is a Query in words, as people write it on a command line or in a URL.
type Ask struct {
	From, To string // such as -1h, now, 15:04, 2026-01-31T15:04:05Z
	Filter   string // in the words of rules
	By       string // columns, with commas
	Order    string
	Top      int
	Step     time.Duration
	Add      bool
	Samples  bool
	// Instances returns those of the model of the site, when a name is to be
	// resolved; nil where there is no model.
	Instances func() ([]Instance, error)
}

// Query reads it. The error names the word that is wrong and what to write;
// that of a filter is a *rules.SyntaxError below.
func (a *Ask) Query(now time.Time) (q Query, err error) {
	if q.From, err = ParseTime(a.From, now); err != nil {
		return q, fmt.Errorf("from %w", err)
	}
	if q.To, err = ParseTime(a.To, now); err != nil {
		return q, fmt.Errorf("to %w", err)
	}
	known := &directory{ask: a.Instances}
	if q.Filter, err = known.filter(a.Filter); err != nil {
		return q, fmt.Errorf("filter: %w", err)
	}
	for _, c := range strings.Split(a.By, ",") {
		if c = strings.TrimSpace(c); c != "" {
			q.By = append(q.By, c)
		}
	}
	if err := known.name(&q); err != nil {
		return q, err
	}
	q.Order, q.Top, q.Step, q.Add, q.Samples = Value(a.Order), a.Top, a.Step, a.Add, a.Samples
	if a.Top < 0 {
		return q, fmt.Errorf("top %d: must not be negative; 0 is all", a.Top)
	}
	return q, q.Check()
}

// timeForms are how times may be written beside relative ones.
var timeForms = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02",
}

// ParseTime reads a time: relative to now, of today, or whole. Times without a
// zone are in that of now.
func ParseTime(s string, now time.Time) (time.Time, error) {
	if s == "now" {
		return now, nil
	}
	if ago, ok := strings.CutPrefix(s, "-"); ok {
		return before(now, ago, s)
	}
	for _, form := range []string{"15:04:05", "15:04"} {
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location()), nil
		}
	}
	for _, form := range timeForms {
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, badTime(s)
}

// before reads a length of time such as 1h30m, 7d or 1d12h, s as it was written.
func before(now time.Time, ago, s string) (time.Time, error) {
	if n, rest, ok := strings.Cut(ago, "d"); ok {
		days, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return time.Time{}, badTime(s)
		}
		if now, ago = now.Add(-time.Duration(days)*24*time.Hour), rest; rest == "" {
			return now, nil
		}
	}
	d, err := time.ParseDuration(ago)
	if err != nil || d < 0 {
		return time.Time{}, badTime(s)
	}
	return now.Add(-d), nil
}

func badTime(s string) error {
	return fmt.Errorf("%q: no time; write such as -1h, -7d, now, 15:04, 2026-01-31 or 2026-01-31T15:04:05Z", s)
}
