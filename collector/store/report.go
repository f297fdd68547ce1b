package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"weir/collector/care"
)

// Report is what alerts were good for in a time.
type Report struct {
	From      time.Time      `json:"from"`
	To        time.Time      `json:"to"`
	Rows      []ReportRow    `json:"kinds"`     // the most pages first, then the most alerts
	Weeks     []ReportWeek   `json:"weeks"`     // the same of each, back from the end, the newest first; none where there is only one
	Noisy     []NoisySubject `json:"noisy"`     // subjects, those most marked as noise first, then the most alerts
	Proposals []Proposal     `json:"proposals"` // thresholds
}

// ReportWeek is what began in one week.
type ReportWeek struct {
	From time.Time   `json:"from"`
	To   time.Time   `json:"to"`
	Rows []ReportRow `json:"kinds"`
}

// ReportRow is one kind of alert, or one rule.
type ReportRow struct {
	Kind      string   `json:"kind"`
	Rule      string   `json:"rule,omitempty"`
	Alerts    int      `json:"alerts"`
	Pages     int      `json:"pages"` // confirmed and critical once, while not muted
	Muted     int      `json:"muted"`
	Acked     int      `json:"acknowledged"`
	Useful    int      `json:"useful"`
	Noise     int      `json:"noise"`
	Precision *float64 `json:"precision"` // useful of those marked; null without marks
}

// NoisySubject is something that alerts are often about.
type NoisySubject struct {
	Line   string `json:"line"` // of its last alert
	Kind   string `json:"kind"`
	Key    string `json:"key"` // what the identities of its alerts begin with
	Alerts int    `json:"alerts"`
	Pages  int    `json:"pages"`
	Noise  int    `json:"noise"`
}

// Proposal is another threshold, from what was marked.
type Proposal struct {
	Kind      string  `json:"kind"`
	Rule      string  `json:"rule,omitempty"`
	Unit      string  `json:"unit"`
	Threshold float64 `json:"threshold"` // as it was at the last alert
	Proposed  float64 `json:"proposed"`
	Useful    int     `json:"useful"` // marked so, of which
	Kept      int     `json:"kept"`   // would have been raised
	Noise     int     `json:"noise"`  // marked so, of which
	Dropped   int     `json:"dropped"`
}

// reported is an alert in a report.
type reported struct {
	at               time.Time // of its first change in the time
	kind, rule, line string
	page             bool
	value, threshold float64 // the greatest measured; 0 unknown
	unit             string
	care             *care.Care
	muted            bool
}

// maxWeeks is how many weeks are told: more than alerts are kept by default.
const maxWeeks = 60

// maxNoisy is how many subjects are told.
const maxNoisy = 10

// MakeReport reads the history of alerts in a state directory, whether a collector
// runs with it or not.
func MakeReport(ctx context.Context, dir string, from, to time.Time) (*Report, error) {
	db, path, err := readAlertLog(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	fail := func(err error) (*Report, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("state file %s: alert history cannot be read: %w", path, err)
	}
	book, err := readCare(ctx, db)
	if err != nil {
		return fail(err)
	}
	rows, err := db.QueryContext(ctx, `SELECT `+alertColumns+` FROM alert_log WHERE at >= ? AND at < ? AND change != ? ORDER BY n`, from.UnixNano(), to.UnixNano(), checkpoint)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	all, mutes := map[string]*reported{}, care.NewBook()
	for rows.Next() {
		var c AlertChange
		var digest, hash []byte
		if err := c.scan(rows, &digest, &hash); err != nil {
			return fail(err)
		}
		if c.Seq == 0 {
			mutes.Read(c.ID, c.Evidence)
			continue
		}
		a := all[c.ID]
		if a == nil {
			a = &reported{at: c.At, kind: c.Kind}
			all[c.ID] = a
		}
		a.add(&c, mutes)
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	for id, a := range all {
		a.care = book.Of(id, to)
	}
	return &Report{From: from, To: to, Rows: reportRows(all), Weeks: weeks(all, from, to), Noisy: noisy(all), Proposals: proposals(all)}, nil
}

// add takes a change of the alert.
func (a *reported) add(c *AlertChange, mutes *care.Book) {
	a.line = c.Line
	muted := mutes.Muted(care.Key(c.ID), c.At)
	a.muted = a.muted || muted
	a.page = a.page || !muted && c.State == "confirmed" && c.Severity == "critical"
	var s struct {
		Rule string `json:"rule"`
	}
	if json.Unmarshal(c.Subject, &s) == nil && c.Kind == "rule" {
		a.rule = s.Rule
	}
	var e struct {
		Value     any     `json:"value"`
		Peak      float64 `json:"peak"`
		Threshold float64 `json:"threshold"`
		Bits      float64 `json:"bits_per_second"`
		BitsLimit float64 `json:"threshold_bits_per_second"`
		Packets   float64 `json:"peak_packets_per_second"`
		PktLimit  float64 `json:"threshold_packets_per_second"`
	}
	if json.Unmarshal(c.Evidence, &e) != nil {
		return
	}
	value, limit, unit := 0.0, 0.0, ""
	switch c.Kind {
	case "large_flow":
		value, limit, unit = e.Bits, e.BitsLimit, "bit/s"
	case "flood":
		value, limit, unit = e.Packets, e.PktLimit, "packets/s"
	case "rule":
		value, limit = e.Peak, e.Threshold
		unit, _ = e.Value.(string)
	}
	if limit > 0 && value > 0 {
		a.value, a.threshold, a.unit = max(a.value, value), limit, unit
	}
}

func (a *reported) verdict() string {
	if a.care == nil || a.care.Mark == nil {
		return ""
	}
	return a.care.Mark.Verdict
}

// weeks parts a time of more than one into weeks, those without alerts too.
func weeks(all map[string]*reported, from, to time.Time) []ReportWeek {
	const week = 7 * 24 * time.Hour
	out := []ReportWeek{}
	if to.Sub(from) <= week {
		return out
	}
	parts := map[int]map[string]*reported{}
	for id, a := range all {
		n := int((to.Sub(a.at) - 1) / week) // its begin is in a week, its end is not
		if parts[n] == nil {
			parts[n] = map[string]*reported{}
		}
		parts[n][id] = a
	}
	for end := to; end.After(from) && len(out) < maxWeeks; end = end.Add(-week) {
		w := ReportWeek{From: end.Add(-week), To: end, Rows: reportRows(parts[len(out)])}
		if w.From.Before(from) {
			w.From = from
		}
		out = append(out, w)
	}
	return out
}

func reportRows(all map[string]*reported) []ReportRow {
	type name struct{ kind, rule string }
	by := map[name]*ReportRow{}
	for _, a := range all {
		r := by[name{a.kind, a.rule}]
		if r == nil {
			r = &ReportRow{Kind: a.kind, Rule: a.rule}
			by[name{a.kind, a.rule}] = r
		}
		r.Alerts++
		count := func(n *int, is bool) {
			if is {
				*n++
			}
		}
		count(&r.Pages, a.page)
		count(&r.Muted, a.muted)
		count(&r.Acked, a.care != nil && a.care.Ack != nil)
		count(&r.Useful, a.verdict() == care.Useful)
		count(&r.Noise, a.verdict() == care.Noise)
	}
	rows := []ReportRow{}
	for _, r := range by {
		if n := r.Useful + r.Noise; n > 0 {
			p := float64(r.Useful) / float64(n)
			r.Precision = &p
		}
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(x, y ReportRow) int {
		return cmp.Or(cmp.Compare(y.Pages, x.Pages), cmp.Compare(y.Alerts, x.Alerts), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Rule, y.Rule))
	})
	return rows
}

func noisy(all map[string]*reported) []NoisySubject {
	by := map[string]*NoisySubject{}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		a, key := all[id], care.Key(id)
		s := by[key]
		if s == nil {
			s = &NoisySubject{Key: key, Kind: a.kind}
			by[key] = s
		}
		s.Line = a.line
		s.Alerts++
		if a.page {
			s.Pages++
		}
		if a.verdict() == care.Noise {
			s.Noise++
		}
	}
	list := []NoisySubject{}
	for _, s := range by {
		if s.Alerts > 1 || s.Noise > 0 {
			list = append(list, *s)
		}
	}
	slices.SortFunc(list, func(x, y NoisySubject) int {
		return cmp.Or(cmp.Compare(y.Noise, x.Noise), cmp.Compare(y.Alerts, x.Alerts), cmp.Compare(x.Key, y.Key))
	})
	return list[:min(len(list), maxNoisy)]
}

// minMarks is how many marked alerts a proposal rests on at least.
const minMarks = 3

// missedCosts is how many alerts of noise a useful one that is missed weighs.
const missedCosts = 5

// proposals returns higher thresholds that would have raised less noise. Those that
// would have raised more cannot be told: what was not raised was not marked.
func proposals(all map[string]*reported) []Proposal {
	type name struct{ kind, rule, unit string }
	by := map[name][]*reported{}
	for _, id := range slices.Sorted(maps.Keys(all)) { // identities end with their onset
		if a := all[id]; a.value > 0 && a.verdict() != "" {
			by[name{a.kind, a.rule, a.unit}] = append(by[name{a.kind, a.rule, a.unit}], a)
		}
	}
	out := []Proposal{}
	for n, list := range by {
		p := Proposal{Kind: n.kind, Rule: n.rule, Unit: n.unit, Threshold: list[len(list)-1].threshold}
		if len(list) >= minMarks && p.propose(list) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(x, y Proposal) int {
		return cmp.Or(cmp.Compare(y.Dropped, x.Dropped), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Rule, y.Rule))
	})
	return out
}

// propose looks for the threshold that costs least: noise that is raised, and what
// is useful and is not.
func (p *Proposal) propose(list []*reported) bool {
	values := []float64{}
	for _, a := range list {
		values = append(values, a.value)
		if a.verdict() == care.Useful {
			p.Useful++
		} else {
			p.Noise++
		}
	}
	slices.Sort(values)
	best := p.Noise // as it is
	for i, v := range values {
		limit := v * 1.1 // above the greatest
		if i+1 < len(values) {
			limit = math.Sqrt(v * values[i+1])
		}
		kept, dropped := 0, 0
		for _, a := range list {
			switch useful := a.verdict() == care.Useful; {
			case useful && a.value > limit:
				kept++
			case !useful && a.value <= limit:
				dropped++
			}
		}
		if cost := p.Noise - dropped + missedCosts*(p.Useful-kept); cost < best && limit > p.Threshold {
			best, p.Proposed, p.Kept, p.Dropped = cost, roundUp(limit), kept, dropped
		}
	}
	return p.Proposed > 0
}

// roundUp leaves two digits that count.
func roundUp(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v))-1)
	return math.Ceil(v/unit) * unit
}
