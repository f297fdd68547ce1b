package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/cmd/internal/commandline"
	"weir/collector/store"
	"weir/detect"
)

// words are subject and evidence of an alert.
type words string

func (w words) AppendCanonical(b []byte) []byte { return append(b, w...) }
func (w words) Line() string                    { return string(w) }

// keepAlerts makes a state directory with changes of alerts, and returns it and
// the heads after each run of the collector.
func keepAlerts(t *testing.T, runs ...[]detect.Alert) (dir string, heads []store.Head) {
	t.Helper()
	dir = t.TempDir()
	for _, changes := range runs {
		s, err := store.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		l, err := store.OpenAlertLog(dir, store.AlertLogConfig{MaxBytes: 1 << 30, MaxAge: time.Hour, EvidenceAge: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for i := range changes {
			l.Put(&changes[i])
		}
		done, cancel := context.WithCancel(t.Context())
		cancel()
		l.Run(done)
		heads = append(heads, l.Stats().Head)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir, heads
}

func night() []detect.Alert {
	at := time.Date(2026, 3, 14, 2, 0, 0, 0, time.UTC)
	return []detect.Alert{
		{
			At: at, ID: "aa-1", Seq: 1, Change: detect.Start, Kind: "bridge_down", State: detect.Suspected, Severity: detect.Critical, Incident: "aa-1",
			Subject: words("br-int on \x1b[2Jnode1"), Evidence: words("no carrier"),
		},
		{
			At: at.Add(1500 * time.Millisecond), ID: "bb-1", Seq: 1, Change: detect.Start, Kind: detect.LargeFlow, State: detect.Confirmed, Severity: detect.Info,
			Subject: words("10.0.0.5 → 10.0.0.9"), Evidence: words("2 Gbit/s"),
		},
		{
			At: at.Add(time.Minute), ID: "aa-1", Seq: 2, Change: detect.End, Kind: "bridge_down", State: detect.Resolved, Severity: detect.Critical, Incident: "aa-1",
			Reason: "shutdown", Subject: words("br-int on \x1b[2Jnode1"), Evidence: words("carrier"),
		},
	}
}

var allOfIt = []string{"--from", "2026-03-14T00:00:00Z", "--to", "2026-03-15T00:00:00Z"}

func TestQueryAlertsPrintsATable(t *testing.T) {
	dir, _ := keepAlerts(t, night())
	code, out, stderr := weir(t, append([]string{"query", "alerts", "--dir", dir}, allOfIt...)...)
	local := func(d time.Duration) string { return night()[0].At.Add(d).Local().Format("01-02 15:04:05.000") }
	want := fmt.Sprintf(`TIME                CHANGE  STATE      SEVERITY  INCIDENT  ALERT
%s  start   suspected  critical  aa-1      bridge down br-int on ?[2Jnode1: no carrier
%s  start   confirmed  info      -         large flow 10.0.0.5 → 10.0.0.9: 2 Gbit/s
%s  end     resolved   critical  aa-1      bridge down br-int on ?[2Jnode1: carrier (shutdown)

3 changes of 2 alerts
`, local(0), local(1500*time.Millisecond), local(time.Minute))
	if diff := cmp.Diff(want, out); diff != "" || code != 0 || stderr != "" {
		t.Errorf("code %d, errors %q (-want +got)\n%s", code, stderr, diff)
	}
	_, out, _ = weir(t, append([]string{"query", "alerts", "--dir", dir, "--limit", "1"}, allOfIt...)...)
	if !strings.HasSuffix(out, "\n1 changes of 1 alerts; there are older ones, --limit 0 shows all\n") {
		t.Errorf("with a limit:\n%s", out)
	}
	_, out, _ = weir(t, append([]string{"query", "alerts", "--dir", dir, "--kind", "bridge_dwn"}, allOfIt...)...)
	if out != "no alerts changed\nkinds in the history: bridge_down, large_flow\n" {
		t.Errorf("a kind that is not there:\n%s", out)
	}
}

func TestQueryAlertsSelectsAndWritesForPrograms(t *testing.T) {
	dir, _ := keepAlerts(t, night())
	query := func(args ...string) string {
		t.Helper()
		code, out, stderr := weir(t, append(append([]string{"query", "alerts", "--dir", dir}, allOfIt...), args...)...)
		if code != 0 || stderr != "" {
			t.Fatalf("%v: code %d, %s", args, code, stderr)
		}
		return out
	}
	for _, c := range []struct {
		name string
		args []string
		want []uint64
	}{
		{"all", nil, []uint64{1, 2, 3}},
		{"kind", []string{"--kind", "large_flow"}, []uint64{2}},
		{"severity", []string{"--severity", "critical,warning"}, []uint64{1, 3}},
		{"subject", []string{"--subject", "BR-INT"}, []uint64{1, 3}},
		{"change", []string{"--change", "end"}, []uint64{3}},
		{"time", []string{"--to", "2026-03-14T02:00:30Z"}, []uint64{1, 2}},
		{"together", []string{"--severity", "info", "--change", "end"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a store.AlertAnswer
			if err := json.Unmarshal([]byte(query(append(c.args, "--format", "json")...)), &a); err != nil {
				t.Fatal(err)
			}
			var got []uint64
			for i := range a.Alerts {
				got = append(got, a.Alerts[i].N)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	lines, err := csv.NewReader(strings.NewReader(query("--format", "csv", "--kind", "large_flow"))).ReadAll()
	want := [][]string{
		{"n", "at", "id", "seq", "change", "kind", "state", "severity", "flapping", "reason", "incident", "line", "lost", "subject", "evidence", "care"},
		{"2", "2026-03-14T02:00:01.5Z", "bb-1", "1", "start", "large_flow", "confirmed", "info", "false", "", "", "large flow 10.0.0.5 → 10.0.0.9: 2 Gbit/s", "0", `"10.0.0.5 → 10.0.0.9"`, `"2 Gbit/s"`, ""},
	}
	if diff := cmp.Diff(want, lines); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if diff := cmp.Diff(want, parquetLines(t, []byte(query("--format", "parquet", "--kind", "large_flow")))); diff != "" {
		t.Errorf("parquet (-want +got)\n%s", diff)
	}
}

func TestQueryAlertsMistakes(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"time", []string{"--from", "yesterday"}, `weir: --from "yesterday": no time; write such as -1h, -7d, now, 15:04`},
		{"severity", []string{"--severity", "high"}, `weir: --severity "high": write info, warning, critical`},
		{"change", []string{"--change", "begin"}, `weir: --change "begin": write start, update, end`},
		{"limit", []string{"--limit", "-1"}, `weir: --limit -1: must not be negative; 0 is all`},
		{"format", []string{"--format", "xml"}, `weir: --format "xml": write table, json, csv or parquet`},
		{"directory", []string{"--dir", "/nonexistent"}, "weir: no history of alerts in /nonexistent: start `weir run` first, or name the state directory with --dir"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := execute(context.Background(), append([]string{"query", "alerts"}, c.args...), streams{strings.NewReader(""), &out, &errs})
			if code == 0 || !strings.HasPrefix(errs.String(), c.want) {
				t.Errorf("exit %d, %s\nwant %s", code, errs.String(), c.want)
			}
		})
	}
}

func TestVerifyProves(t *testing.T) {
	dir, heads := keepAlerts(t, night()[:1], night()[1:])
	log := file(t, "log", fmt.Sprintf(`{"level":"info","head":%q,"from":"0:%064d","message":"alert history"}
another line
12:00 INF alert history %shead=%s%s
`, heads[0], 0, "\x1b[36m", "\x1b[0m", heads[1]))
	code, out, stderr := weir(t, "verify", "--dir", dir, "--heads", log, "--head", heads[0].String())
	want := fmt.Sprintf(`3 changes of alerts, all as they were written
2 heads known from elsewhere stand in the chain, 0 are of changes removed since
head %s
`, heads[1])
	if diff := cmp.Diff(want, out); diff != "" || code != 0 || stderr != "" {
		t.Errorf("code %d, errors %q (-want +got)\n%s", code, stderr, diff)
	}
	// The same changes, but the first: another chain, which holds.
	other, _ := keepAlerts(t, night()[1:], night()[1:])
	code, out, stderr = weir(t, "verify", "--dir", other, "--heads", log)
	if code != 1 || !strings.HasPrefix(stderr, "weir: the history of alerts was changed: change 1, of 2026-03-14T02:00:01Z: has another hash than is known from elsewhere") ||
		!strings.HasPrefix(out, "1 changes of alerts as they were written, up to the break\n") {
		t.Errorf("written anew: code %d, %s%s", code, out, stderr)
	}
	// The state as it was before: its end is cut off.
	short, _ := keepAlerts(t)
	old, _ := keepAlerts(t, night()[:1])
	for _, dir := range []string{short, old} {
		if code, _, stderr := weir(t, "verify", "--dir", dir, "--head", heads[1].String()); code != 1 {
			t.Errorf("%s: cut off, and code %d, %s", dir, code, stderr)
		}
	}
	var p struct {
		Changes int
		Break   *struct{ N int }
	}
	code, out, _ = weir(t, "verify", "--dir", old, "--head", heads[1].String(), "--json")
	if err := json.Unmarshal([]byte(out), &p); err != nil || code != 1 || p.Changes != 1 || p.Break == nil || p.Break.N != 3 {
		t.Errorf("--json: code %d, %v, %s", code, err, out)
	}
}

// Evidence that is gone before its time leaves a whole chain: how old what is gone
// is shows it.
func TestVerifyTellsEvidenceThatIsGoneTooSoon(t *testing.T) {
	dir, _ := keepAlerts(t, night()[:1])
	l, err := store.OpenAlertLog(dir, store.AlertLogConfig{MaxBytes: 1 << 30, MaxAge: time.Hour, EvidenceAge: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	l.Run(done)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := file(t, "weir.yaml", "state_dir: "+dir+"\n")
	code, out, stderr := weir(t, "verify", "--config", cfg)
	if code != 1 || !strings.HasPrefix(stderr, "weir: what a change written ") || !strings.Contains(stderr, "is gone before history.evidence_age, 336h0m0s, is over") {
		t.Errorf("code %d, %s%s", code, out, stderr)
	}
	// Without the configuration nobody knows how old it may get; what is gone is told.
	code, out, stderr = weir(t, "verify", "--dir", dir)
	if code != 0 || stderr != "" || !strings.Contains(out, "1 without what they rest on, which is kept for less time; the youngest was written 20") {
		t.Errorf("code %d, %s%s", code, out, stderr)
	}
}

func TestVerifyMistakes(t *testing.T) {
	empty := file(t, "log", "nothing\n")
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"head", []string{"--head", "12"}, commandline.ExitUsage, `weir: --head "12": no head of the alert history; write its number, a colon and 64 hexadecimal digits`},
		{"log without heads", []string{"--heads", empty}, 1, "weir: --heads " + empty + ": has no head of the alert history: give weir's log"},
		{"no log", []string{"--heads", "/nonexistent"}, 1, "weir: --heads: open /nonexistent: no such file"},
		{"directory", []string{"--dir", "/nonexistent"}, 1, "weir: no history of alerts in /nonexistent"},
		{"argument", []string{"alerts"}, commandline.ExitUsage, "weir: verify: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, stderr := weir(t, append([]string{"verify"}, c.args...)...)
			if code != c.code || !strings.HasPrefix(stderr, c.want) {
				t.Errorf("exit %d, %s\nwant %d, %s", code, stderr, c.code, c.want)
			}
		})
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "state.db"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := weir(t, "verify", "--dir", dir); code != 1 || !strings.Contains(stderr, "state.db: cannot be read") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("rubbish: code %d, %s", code, stderr)
	}
}
