package logs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
	"weir/hostagent/source"
)

func TestLogsAreWatched(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		t.Helper()
		f, err := os.OpenFile(path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString(text)
			_ = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write("a.log", strings.Repeat("x", 1000))
	write("nova.conf", "[DEFAULT]\ndebug = True\n")
	running := true
	s := New(Config{
		Files: []string{path("*.log"), path("none")}, Services: []string{path("nova.conf"), path("gone.conf")},
		Runs: func(name string) (bool, bool) { return running, name == "auditd" },
	})
	var events []string
	emit := func(e source.Event) {
		events = append(events, fmt.Sprintf("%s %s %s>%s", e.Name, filepath.Base(e.Subject), e.Before, e.After))
	}
	told := func() (lines []string) {
		t.Helper()
		var snap source.Snapshot
		must(s.Collect(time.Time{}, &snap))
		for v := range snap.All() {
			var m sflow.RTMetric
			must(m.Decode(sflow.Sample{Format: sflow.FormatRTMetric, Body: v.Bytes[8:]}))
			line := filepath.Base(strings.ReplaceAll(string(m.DataSource), "%2F", "/"))
			for p := range m.Metrics.All() {
				switch {
				case p.Type == sflow.MetricString:
					line += " " + string(p.Name) + "=" + string(p.Text)
				case string(p.Name) != "inode":
					line += fmt.Sprintf(" %s=%v", p.Name, p.Float())
				}
			}
			lines = append(lines, line)
		}
		return lines
	}
	check := func(what string, wantEvents, wantState []string) {
		t.Helper()
		if d := cmp.Diff(wantEvents, events); d != "" {
			t.Errorf("%s: events (-want +got)\n%s", what, d)
		}
		if d := cmp.Diff(wantState, told()); d != "" {
			t.Errorf("%s: state (-want +got)\n%s", what, d)
		}
		events = nil
	}
	s.look(true, emit)
	check("start", nil, []string{"a.log bytes=0 size=1000", "nova.conf level=debug", "auditd writer=running"})
	write("a.log", "12345")
	s.look(false, emit)
	check("written", nil, []string{"a.log bytes=5 size=1005", "nova.conf level=debug", "auditd writer=running"})
	must(os.Rename(path("a.log"), path("a.1")))
	write("a.log", "123")
	write("b.log", "1")
	running = false
	s.look(true, emit)
	check("rotated, and a new one", nil, []string{"a.log bytes=8 size=3", "b.log bytes=1 size=1", "nova.conf level=debug", "auditd writer=stopped"})
	must(os.Truncate(path("a.log"), 1))
	must(os.WriteFile(path("nova.conf"), []byte("[DEFAULT]\ndebug = false\n[x]\ndebug=true\n"), 0o600))
	s.look(true, emit)
	check("cut, level lowered", []string{"log_level_changed nova.conf debug>info", "log_truncated a.log 3>1"},
		[]string{"a.log bytes=9 size=1", "b.log bytes=1 size=1", "nova.conf level=info", "auditd writer=stopped"})
	must(os.Remove(path("b.log")))
	s.look(false, emit)
	check("removed", nil, []string{"a.log bytes=9 size=1", "nova.conf level=info", "auditd writer=stopped"})
}

func TestLevel(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing said", "[DEFAULT]\n", "info"},
		{"empty file", "", "info"},
		{"debug", "[DEFAULT]\n debug=1", "debug"},
		{"said twice, the last counts", "[DEFAULT]\ndebug=true\ndebug=off\n", "info"},
		{"commented", "[DEFAULT]\n#debug=true\n", "info"},
		{"of another section", "[other]\ndebug=true\n", "info"},
		{"elsewhere", "[DEFAULT]\nlog_config_append = /etc/x\n", "file /etc/x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := parseLevel(strings.NewReader(c.text)); got != c.want || err != nil {
				t.Errorf("%q %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestTooManyFilesAreAnError(t *testing.T) {
	dir := t.TempDir()
	for i := range maxFiles + 1 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.log", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := New(Config{Files: []string{filepath.Join(dir, "*.log")}})
	s.look(true, func(source.Event) {})
	if err := s.Collect(time.Time{}, &source.Snapshot{}); err == nil || !strings.Contains(err.Error(), "more than 256") {
		t.Errorf("error %v", err)
	}
}
