package route

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"weir/detect"
)

// Kinds of alerts that the collector raises about itself.
const (
	CollectorDeaf       detect.Kind = "collector_deaf"       // nothing is heard: it is us
	CollectorOverloaded detect.Kind = "collector_overloaded" // our own drops blind us
	PageStorm           detect.Kind = "page_storm"           // stands for the pages after the tenth in an hour
	PagersFailing       detect.Kind = "pagers_failing"       // nobody can be paged
	Watchdog            detect.Kind = "watchdog"             // always firing, while all is well
	Test                detect.Kind = "test"                 // asked for with weir alert test
	AlertHistory        detect.Kind = "alert_history"        // the head of the history of alerts, told each hour
)

// Collector is the subject of an alert about the collector itself, or about its
// whole site.
type Collector struct {
	Host string `json:"collector,omitempty"` // "" is the site's, the same in each of its collectors
	Site string `json:"site,omitempty"`
}

// AppendCanonical implements detect.Subject.
func (c *Collector) AppendCanonical(b []byte) []byte {
	return append(append(append(b, c.Site...), ' '), c.Host...)
}

// Line implements detect.Subject.
func (c *Collector) Line() string {
	switch {
	case c.Host != "":
		return "weir on " + c.Host
	case c.Site != "":
		return "site " + c.Site
	}
	return "weir"
}

// PublicLine tells outside services which collector it is.
func (c *Collector) PublicLine() string { return c.Line() }

// Says is evidence in one sentence.
type Says struct {
	Text string      `json:"text"`
	From detect.Time `json:"from,omitzero"` // of the time that it is about
	To   detect.Time `json:"to,omitzero"`
}

// Line implements detect.Evidence.
func (s *Says) Line() string { return s.Text }

// Storm is the evidence of a page storm.
type Storm struct {
	Pages     int                 `json:"pages"`     // of the last hour, those held back too; those of one incident are one
	Held      int                 `json:"held"`      // back since the storm began
	Incidents int                 `json:"incidents"` // that those held back are of
	ByKind    map[detect.Kind]int `json:"by_kind"`   // of those held back
	Open      int                 `json:"open"`      // of them still open
	Minutes   int                 `json:"minutes"`   // of the window
}

// Line implements detect.Evidence: "23 pages within 60 min, further ones are
// held back: 10 instance_unreachable, 3 node_down in 4 incidents; 9 still open".
func (s *Storm) Line() string {
	kinds := slices.SortedFunc(maps.Keys(s.ByKind), func(a, b detect.Kind) int {
		return cmp.Or(cmp.Compare(s.ByKind[b], s.ByKind[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, k := range kinds {
		parts = append(parts, fmt.Sprintf("%d %s", s.ByKind[k], k))
	}
	return fmt.Sprintf("%d pages within %d min, further ones are held back: %s in %d incidents; %d still open", s.Pages, s.Minutes, strings.Join(parts, ", "), s.Incidents, s.Open)
}

// NewOwn returns a confirmed critical alert about the collector, with its
// identity, that began at onset.
func NewOwn(kind detect.Kind, subject *Collector, e detect.Evidence, onset, now time.Time) *detect.Alert {
	a := &detect.Alert{
		At: now.UTC(), Seq: 1, Change: detect.Start, Kind: kind, State: detect.Confirmed, Severity: detect.Critical,
		Subject: subject, Evidence: e,
	}
	a.Identify(onset)
	return a
}
