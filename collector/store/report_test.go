package store

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/care"
	"weir/detect"
)

// measured is subject and evidence with what a report reads.
type measured struct {
	name string
	body map[string]any
}

func (m *measured) AppendCanonical(b []byte) []byte { return append(b, m.name...) }
func (m *measured) Line() string                    { return m.name }
func (m *measured) MarshalJSON() ([]byte, error)    { return json.Marshal(m.body) }

// A report counts pages and marks by kind and rule, names who is noisy, and
// proposes the threshold between noise and what was useful.
func TestReportCountsAndProposes(t *testing.T) {
	dir := t.TempDir()
	l := alertLog(t, dir, keepAll)
	now := time.Now()
	n := 0
	raise := func(kind detect.Kind, rule, subject string, severity detect.Severity, value float64, verdict string) {
		n++
		a := &detect.Alert{At: now.Add(time.Duration(n) * time.Second), Seq: 1, Change: detect.Start, Kind: kind, State: detect.Confirmed, Severity: severity,
			Subject:  &measured{subject, map[string]any{"rule": rule}},
			Evidence: &measured{"why", map[string]any{"value": "packets", "peak": value, "threshold": 100, "bits_per_second": value, "threshold_bits_per_second": 100}}}
		a.Identify(now.Add(time.Duration(n) * time.Second))
		l.Put(a)
		if verdict == "" {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_ = l.Deed(ctx, AlertChange{ID: a.ID}, care.Deed{Do: care.Mark, At: a.At, By: "Ada", Verdict: verdict}) // nobody writes yet
	}
	for i := range 6 {
		raise(detect.LargeFlow, "", "backup", detect.Info, 120+float64(i), care.Noise)
	}
	raise(detect.LargeFlow, "", "attack", detect.Critical, 900, care.Useful)
	raise(detect.LargeFlow, "", "other", detect.Critical, 800, care.Useful)
	raise("rule", "dns", "a", detect.Warning, 150, care.Useful)
	raise("rule", "dns", "b", detect.Warning, 400, care.Noise)
	raise("rule", "dns", "c", detect.Warning, 200, care.Useful)
	raise("rule", "smtp", "d", detect.Critical, 0, "")
	raise("bridge_down", "", "br", detect.Critical, 0, "")
	l.flush(now)
	r, err := MakeReport(t.Context(), dir, now.Add(-time.Hour), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	part := func(v float64) *float64 { return &v }
	want := []ReportRow{
		{Kind: "large_flow", Alerts: 8, Pages: 2, Useful: 2, Noise: 6, Precision: part(0.25)},
		{Kind: "bridge_down", Alerts: 1, Pages: 1},
		{Kind: "rule", Rule: "smtp", Alerts: 1, Pages: 1},
		{Kind: "rule", Rule: "dns", Alerts: 3, Useful: 2, Noise: 1, Precision: part(2. / 3)},
	}
	if diff := cmp.Diff(want, r.Rows); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(r.Noisy) != 2 || r.Noisy[0].Alerts != 6 || r.Noisy[0].Noise != 6 || r.Noisy[1].Noise != 1 {
		t.Errorf("%+v", r.Noisy)
	}
	// Of the rule, the useful are below the noise: no threshold is better.
	wantP := []Proposal{{Kind: "large_flow", Unit: "bit/s", Threshold: 100, Proposed: 320, Useful: 2, Kept: 2, Noise: 6, Dropped: 6}}
	if diff := cmp.Diff(wantP, r.Proposals); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if r, err = MakeReport(t.Context(), dir, now.Add(-2*time.Hour), now.Add(-time.Hour)); err != nil || len(r.Rows)+len(r.Noisy)+len(r.Proposals) != 0 {
		t.Errorf("of another time: %+v, %v", r, err)
	}
}

// A time of several weeks is told week by week, too.
func TestReportTellsEachWeek(t *testing.T) {
	const day = 24 * time.Hour
	dir := t.TempDir()
	l := alertLog(t, dir, keepAll)
	now := time.Now().Truncate(time.Second)
	for i, ago := range []time.Duration{day, 7 * day, 7*day + time.Second, 8 * day, 17 * day, 29 * day} {
		a := &detect.Alert{At: now.Add(-ago), Seq: 1, Change: detect.Start, Kind: detect.LargeFlow, State: detect.Confirmed, Severity: detect.Critical,
			Subject: &measured{fmt.Sprint(i), map[string]any{}}, Evidence: &measured{"why", map[string]any{}}}
		a.Identify(a.At)
		l.Put(a)
	}
	l.flush(now)
	r, err := MakeReport(t.Context(), dir, now.Add(-30*day), now)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range r.Weeks {
		n := 0
		for _, row := range w.Rows {
			n += row.Pages
		}
		got = append(got, fmt.Sprintf("%.0f to %.0f days ago: %d", now.Sub(w.From).Hours()/24, now.Sub(w.To).Hours()/24, n))
	}
	want := []string{"7 to 0 days ago: 2", "14 to 7 days ago: 2", "21 to 14 days ago: 1", "28 to 21 days ago: 0", "30 to 28 days ago: 1"}
	if diff := cmp.Diff(want, got); diff != "" || r.Rows[0].Alerts != 6 {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if r, err = MakeReport(t.Context(), dir, now.Add(-7*day), now); err != nil || len(r.Weeks) != 0 {
		t.Errorf("of one week: %+v, %v", r, err)
	}
}

// What was muted is no page.
func TestReportKnowsMutes(t *testing.T) {
	dir := t.TempDir()
	l := alertLog(t, dir, keepAll)
	now := time.Now()
	a := change(0)
	a.State, a.Severity, a.At = detect.Confirmed, detect.Critical, now
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_ = l.Deed(ctx, AlertChange{ID: a.ID}, care.Deed{Do: care.Mute, At: now.Add(-time.Minute), Until: now.Add(time.Minute), By: "Ada"})
	l.Put(a)
	l.flush(now)
	r, err := MakeReport(t.Context(), dir, now.Add(-time.Hour), now.Add(time.Hour))
	if err != nil || len(r.Rows) != 1 || r.Rows[0].Pages != 0 || r.Rows[0].Muted != 1 {
		t.Errorf("%s, %v", fmt.Sprintf("%+v", r), err)
	}
}
