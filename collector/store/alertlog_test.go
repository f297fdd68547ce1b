package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/detect"
)

// thing is subject and evidence of the tests' alerts.
type thing struct {
	Name string `json:"name"`
	Fat  string `json:"fat,omitempty"`
	bad  bool
}

func (t *thing) AppendCanonical(b []byte) []byte { return append(b, t.Name...) }
func (t *thing) Line() string                    { return t.Name }
func (t *thing) MarshalJSON() ([]byte, error) {
	if t.bad {
		return nil, errors.New("has no JSON")
	}
	type plain thing
	return json.Marshal((*plain)(t))
}

// change returns the i-th change of the tests' alerts, a second after the one
// before.
func change(i int) *detect.Alert {
	kinds := []detect.Kind{detect.LargeFlow, "bridge_down"}
	severities := []detect.Severity{detect.Info, detect.Critical}
	changes := []detect.Change{detect.Start, detect.Start, detect.End, detect.End}
	return &detect.Alert{
		At: day.Add(time.Duration(i) * time.Second), ID: fmt.Sprintf("%x-1", i%2), Seq: uint64(i/2 + 1), Change: changes[i%4], Kind: kinds[i%2],
		State: detect.Confirmed, Severity: severities[i%2], Incident: "i-1", Subject: &thing{Name: fmt.Sprintf("Leaf-%d", i)}, Evidence: &thing{Name: "why"},
	}
}

var keepAll = AlertLogConfig{MaxBytes: 1 << 30, MaxAge: 400 * 24 * time.Hour, EvidenceAge: 14 * 24 * time.Hour}

// alertLog opens a history of alerts in a state directory.
func alertLog(t testing.TB, dir string, cfg AlertLogConfig) *AlertLog {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := OpenAlertLog(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// write puts changes from first up to last, and has them written.
func write(t testing.TB, l *AlertLog, from, to int, now time.Time) {
	t.Helper()
	for i := from; i < to; i++ {
		l.Put(change(i))
	}
	l.flush(now)
	if st := l.Stats(); st.Err != "" || st.Queued != 0 {
		t.Fatalf("%d wait, %s", st.Queued, st.Err)
	}
}

func verify(t testing.TB, dir string, heads ...Head) *AlertProof {
	t.Helper()
	p, err := VerifyAlerts(t.Context(), dir, heads)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ask(t testing.TB, dir string, q AlertQuery) *AlertAnswer {
	t.Helper()
	if q.To.IsZero() {
		q.From, q.To = day.Add(-time.Hour), day.Add(time.Hour)
	}
	a, err := QueryAlerts(t.Context(), dir, q)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func places(a *AlertAnswer) (all []uint64) {
	for i := range a.Alerts {
		all = append(all, a.Alerts[i].N)
	}
	return all
}

func TestAlertHistoryOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	l := alertLog(t, dir, keepAll)
	write(t, l, 0, 3, day)
	first := l.Stats().Head
	l = alertLog(t, dir, keepAll)
	write(t, l, 3, 5, day)
	got := ask(t, dir, AlertQuery{})
	if diff := cmp.Diff([]uint64{1, 2, 3, 4, 5}, places(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	want := AlertChange{
		N: 3, At: day.Add(2 * time.Second), Written: day, ID: "0-1", Seq: 2, Change: "end", Kind: "large_flow", State: "confirmed", Severity: "info",
		Incident: "i-1", Line: "large flow Leaf-2: why", Subject: json.RawMessage(`{"name":"Leaf-2"}`), Evidence: json.RawMessage(`{"name":"why"}`),
	}
	if diff := cmp.Diff(want, got.Alerts[2]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	p := verify(t, dir, first, l.Stats().Head)
	if p.Break != nil || p.Changes != 5 || p.Heads != 2 || p.Head != l.Stats().Head || p.From.N != 0 {
		t.Errorf("%+v, break %v", p, p.Break)
	}
}

func TestQueryAlertsSelects(t *testing.T) {
	dir := t.TempDir()
	write(t, alertLog(t, dir, keepAll), 0, 8, day)
	for _, c := range []struct {
		name  string
		q     AlertQuery
		want  []uint64
		older bool
	}{
		{"kind", AlertQuery{Kinds: []string{"bridge_down"}}, []uint64{2, 4, 6, 8}, false},
		{"kinds", AlertQuery{Kinds: []string{"bridge_down", "large_flow"}, Changes: []string{"end"}}, []uint64{3, 4, 7, 8}, false},
		{"severity", AlertQuery{Severities: []string{"info", "warning"}}, []uint64{1, 3, 5, 7}, false},
		{"subject in letters of the other case", AlertQuery{Subject: "lEAF-3"}, []uint64{4}, false},
		{"subject's JSON", AlertQuery{Subject: `"name":"Leaf-5"`}, []uint64{6}, false},
		{"subject with the words of a pattern", AlertQuery{Subject: "%"}, nil, false},
		{"an alert", AlertQuery{ID: "1-1"}, []uint64{2, 4, 6, 8}, false},
		{"an incident", AlertQuery{ID: "i-1", Changes: []string{"end"}}, []uint64{3, 4, 7, 8}, false},
		{"those that begin so", AlertQuery{ID: "i-", Changes: []string{"end"}}, []uint64{3, 4, 7, 8}, false},
		{"an alert that is none", AlertQuery{ID: "none"}, nil, false},
		{"the newest", AlertQuery{Limit: 3}, []uint64{6, 7, 8}, true},
		{"as many as there are", AlertQuery{Limit: 8}, []uint64{1, 2, 3, 4, 5, 6, 7, 8}, false},
		{"time, its end not included", AlertQuery{From: day.Add(time.Second), To: day.Add(3 * time.Second)}, []uint64{2, 3}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ask(t, dir, c.q)
			if diff := cmp.Diff(c.want, places(got)); diff != "" || got.Older != c.older {
				t.Errorf("older %v (-want +got)\n%s", got.Older, diff)
			}
		})
	}
	got := ask(t, dir, AlertQuery{Kinds: []string{"bridge_dwn"}})
	if diff := cmp.Diff([]string{"bridge_down", "large_flow"}, got.Kinds); diff != "" || got.Alerts == nil {
		t.Errorf("kinds there are (-want +got)\n%s", diff)
	}
}

func TestAlertAskNamesTheMistake(t *testing.T) {
	for _, c := range []struct {
		name string
		ask  AlertAsk
		want string
	}{
		{"from", AlertAsk{From: "soon", To: "now"}, `from "soon": no time`},
		{"to", AlertAsk{From: "-1h", To: "x"}, `to "x": no time`},
		{"order", AlertAsk{From: "-1h", To: "-2h"}, `from "-1h": is not before the end "-2h"`},
		{"severity", AlertAsk{From: "-1h", To: "now", Severity: "info,bad"}, `severity "bad": write info, warning, critical`},
		{"change", AlertAsk{From: "-1h", To: "now", Change: "begin"}, `change "begin": write start, update, end`},
		{"limit", AlertAsk{From: "-1h", To: "now", Limit: -1}, `limit -1: must not be negative`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := c.ask.Query(day); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestAlertHistoryRemovesWhatIsOld(t *testing.T) {
	dir := t.TempDir()
	l := alertLog(t, dir, AlertLogConfig{MaxBytes: 1 << 30, MaxAge: 10 * time.Hour, EvidenceAge: 5 * time.Hour})
	for i := range 12 {
		write(t, l, i, i+1, day.Add(time.Duration(i)*time.Hour))
	}
	got := ask(t, dir, AlertQuery{})
	if diff := cmp.Diff([]uint64{3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, places(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, c := range got.Alerts {
		if want := c.N > 6; (c.Evidence != nil) != want {
			t.Errorf("change %d: evidence %s, want it kept %v", c.N, c.Evidence, want)
		}
	}
	p := verify(t, dir)
	if p.Break != nil || p.From.N != 2 || p.RemovedUntil == nil || !p.RemovedUntil.Equal(day.Add(time.Hour)) || p.Changes != 11 || p.Checkpoints != 1 || p.WithoutEvidence != 4 {
		t.Errorf("%+v, break %v", p, p.Break)
	}
	l.flush(day.Add(1000 * time.Hour))
	head := l.Stats().Head
	if p := verify(t, dir, head); p.Break != nil || p.Changes != 1 || p.Checkpoints != 1 || p.Head != head || l.Stats().Bytes > 1000 {
		t.Errorf("all old: %+v, break %v, %d octets", p, p.Break, l.Stats().Bytes)
	}
	l = alertLog(t, dir, keepAll)
	write(t, l, 12, 13, day.Add(1001*time.Hour))
	if p := verify(t, dir, head); p.Break != nil || p.Head.N != 15 || p.Checkpoints != 1 {
		t.Errorf("after all were old: %+v, break %v", p, p.Break)
	}
}

// A clock that was set back must not keep what is old, nor take what is new.
func TestAlertHistoryAgesOverClockSteps(t *testing.T) {
	dir := t.TempDir()
	l := alertLog(t, dir, AlertLogConfig{MaxBytes: 1 << 30, MaxAge: 10 * time.Hour, EvidenceAge: 10 * time.Hour})
	write(t, l, 0, 1, day)
	write(t, l, 1, 2, day.Add(10000*time.Hour)) // 1 is too old for this clock
	write(t, l, 2, 3, day.Add(time.Hour))
	write(t, l, 3, 4, day.Add(150*time.Minute))
	write(t, l, 4, 5, day.Add(12*time.Hour))
	if diff := cmp.Diff([]uint64{5, 6}, places(ask(t, dir, AlertQuery{}))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAlertHistoryStaysInItsBytes(t *testing.T) {
	dir := t.TempDir()
	const limit = 1 << 20
	l := alertLog(t, dir, AlertLogConfig{MaxBytes: limit, MaxAge: 1000 * time.Hour, EvidenceAge: 1000 * time.Hour})
	for round := range 12 {
		for i := range 500 {
			a := change(round*500 + i)
			a.Evidence = &thing{Name: "why", Fat: strings.Repeat("x", i)}
			l.Put(a)
		}
		l.flush(day.Add(time.Duration(round) * time.Second))
		if st := l.Stats(); st.Bytes > limit || st.Err != "" {
			t.Fatalf("%d octets, %s", st.Bytes, st.Err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(filepath.Join(dir, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	if st.Size() > limit+80<<10 { // and the file's other tables
		t.Errorf("the file has %d octets, the limit is %d", st.Size(), limit)
	}
	p := verify(t, dir)
	if p.Break != nil || p.Head.N < 6000 || p.From.N == 0 || p.Checkpoints == 0 || p.Changes < limit/(rowOverhead+800) {
		t.Errorf("%+v, break %v", p, p.Break)
	}
	t.Logf("%d changes in %d octets", p.Changes, st.Size())
}

func TestAlertHistoryCountsWhatItLoses(t *testing.T) {
	dir := t.TempDir()
	l := alertLog(t, dir, keepAll)
	l.limit = 100
	bad := change(0)
	bad.Evidence = &thing{bad: true}
	l.Put(bad)
	l.Put(change(1))
	for i := range l.limit {
		l.Put(change(i + 2))
	}
	if st := l.Stats(); st.Queued != l.limit || st.Lost != 2 {
		t.Fatalf("%d wait, %d lost, want %d and 2", st.Queued, st.Lost, l.limit)
	}
	l.flush(day)
	write(t, l, l.limit+2, l.limit+3, day)
	p := verify(t, dir)
	if p.Break != nil || p.Changes != 100 || p.Lost != 3 || l.Stats().Lost != 3 {
		t.Errorf("%+v, break %v, %d lost", p, p.Break, l.Stats().Lost)
	}
}

// What the file does not take waits, and is written once it does.
func TestAlertHistoryWaitsForTheDisk(t *testing.T) {
	dir := t.TempDir()
	var told []error
	cfg := keepAll
	cfg.Report = func(err error) { told = append(told, err) }
	l := alertLog(t, dir, cfg)
	write(t, l, 0, 1, day)
	pages := 0
	if err := l.db.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := l.db.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		l.Put(change(i + 1))
	}
	l.flush(day)
	l.flush(day)
	if st := l.Stats(); st.Queued != 1000 || !strings.Contains(st.Err, "full") || len(told) != 1 || told[0] == nil {
		t.Errorf("%d wait, %q, told %v", st.Queued, st.Err, told)
	}
	if _, err := l.db.Exec("PRAGMA max_page_count = 100000"); err != nil {
		t.Fatal(err)
	}
	write(t, l, 1001, 1002, day)
	if p := verify(t, dir); p.Break != nil || p.Changes != 1002 || len(told) != 2 || told[1] != nil {
		t.Errorf("%+v, break %v, told %v", p, p.Break, told)
	}
}

func TestAlertHistoryWritesEachSecond(t *testing.T) {
	dir := t.TempDir()
	l := alertLog(t, dir, keepAll)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { l.Run(ctx); close(done) }()
	l.Put(change(0))
	for end := time.Now().Add(time.Minute); len(ask(t, dir, AlertQuery{}).Alerts) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not written within a minute")
		}
	}
	l.Put(change(1))
	stop()
	<-done
	if p := verify(t, dir); p.Break != nil || p.Changes != 2 {
		t.Errorf("%+v, break %v", p, p.Break)
	}
}

func TestReadAlertLogRefusesWhatIsNone(t *testing.T) {
	dir := t.TempDir()
	if _, err := QueryAlerts(t.Context(), dir, AlertQuery{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(strings.Repeat("rubbish ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyAlerts(t.Context(), dir, nil); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("rubbish: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, stateFile)); err != nil {
		t.Fatal(err)
	}
	tamper(t, dir, "CREATE TABLE alert_log (x)")
	if _, err := VerifyAlerts(t.Context(), dir, nil); err == nil || !strings.Contains(err.Error(), "is no state of weir") {
		t.Errorf("another's: %v", err)
	}
}

// What a later weir made is not half understood.
func TestReadersRefuseALaterState(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tamper(t, dir, "PRAGMA user_version = 99")
	_, asked := QueryAlerts(t.Context(), dir, AlertQuery{})
	_, proved := VerifyAlerts(t.Context(), dir, nil)
	_, reported := MakeReport(t.Context(), dir, time.Unix(0, 0), time.Now())
	_, copied := Backup(t.Context(), dir, t.TempDir())
	for name, err := range map[string]error{"query": asked, "verify": proved, "report": reported, "backup": copied} {
		if err == nil || !strings.Contains(err.Error(), "has schema version 99, this weir knows up to") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
