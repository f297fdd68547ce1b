package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/collector/web/audit"
)

// Who reads the files is written down as who asks the collector is, where there is a
// state directory; without, or from a copy elsewhere, nothing is made.
func TestCommandsThatReadFilesAreWrittenDown(t *testing.T) {
	dir, _ := keepAlerts(t, night())
	history := filepath.Join(dir, "history")
	for _, part := range []string{"flows", "evidence", "series"} {
		if err := os.MkdirAll(filepath.Join(history, part), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const id = "aa-1"
	capture := filepath.Join(history, "evidence", id+".pcapng")
	if err := os.WriteFile(capture, []byte("headers"), 0o600); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(conf, []byte("state_dir: "+dir+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "copy")
	for _, c := range []struct {
		args       []string
		what, want string
	}{
		{[]string{"query", "flows", "--by", "dst", "--filter", "src = 10.0.0.5"}, audit.Query, "weir query flows --by=dst --filter=src = 10.0.0.5"},
		{[]string{"query", "flows", "--dir", filepath.Join(history, "flows")}, audit.Query, "weir query flows --dir="},
		{[]string{"query", "flows", "--dir", history}, audit.Query, "weir query flows --dir="},
		{[]string{"query", "alerts", "--kind", "bridge_down"}, audit.Query, "weir query alerts --kind=bridge_down"},
		{[]string{"query", "series", "up"}, audit.Query, "weir query series up"},
		{[]string{"report"}, audit.Query, "weir report "},
		{[]string{"evidence", id}, audit.Payload, "weir evidence aa-1"},
		{[]string{"evidence", "aa", "--dir", filepath.Join(history, "evidence")}, audit.Payload, "weir evidence aa-1 --dir="},
		{[]string{"evidence", "aa", "--dir", history}, audit.Payload, "weir evidence aa-1 --dir="},
		{[]string{"backup", backup}, audit.Export, "weir backup " + backup},
		{[]string{"evidence"}, "", ""},
		{[]string{"verify"}, "", ""},
	} {
		log := filepath.Join(dir, "audit.jsonl")
		if err := os.RemoveAll(log); err != nil {
			t.Fatal(err)
		}
		code, _, text := weir(t, append([]string{"--config", conf}, c.args...)...)
		if none := c.args[0] == "query" && c.args[1] == "series"; code != 0 && !none { // there are none, which was asked nevertheless
			t.Errorf("%q: %d %s", c.args, code, text)
		}
		all, err := audit.New(dir, 0).Last(10, func(*audit.Entry) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for i := range all {
			got += fmt.Sprintf("%s %s\n", all[i].Path, all[i].Query)
			if e := &all[i]; e.What != c.what || e.Via != "files" || e.Person == "" || e.At.IsZero() {
				t.Errorf("%q: %+v, want %s", c.args, e, c.what)
			}
		}
		if !strings.HasPrefix(got, c.want) || (c.want == "") != (got == "") || len(all) > 1 {
			t.Errorf("%q: written down %q, want %q", c.args, got, c.want)
		}
	}
	// What cannot be written down does not leave.
	_ = os.Remove(filepath.Join(dir, "audit.jsonl")) // of the last command, if it made one
	if err := os.Mkdir(filepath.Join(dir, "audit.jsonl"), 0o700); err != nil {
		t.Fatal(err)
	}
	if code, out, text := weir(t, "--config", conf, "evidence", id); code != 1 || out != "" || !strings.Contains(text, "must be written down") {
		t.Errorf("%d %q %s", code, out, text)
	}
	if code, _, text := weir(t, "--config", conf, "query", "alerts"); code != 0 {
		t.Errorf("%d %s", code, text)
	}
	// A copy of the evidence alone belongs to nobody.
	alone := t.TempDir()
	if err := os.WriteFile(filepath.Join(alone, id+".pcapng"), []byte("headers"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, text := weir(t, "evidence", "--dir", alone, id); code != 0 || out != "headers" {
		t.Errorf("%d %q %s", code, out, text)
	}
}

func TestHistoryOrItsFolderIsNamed(t *testing.T) {
	history := t.TempDir()
	flows := filepath.Join(history, "flows")
	if err := os.Mkdir(flows, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ dir, want string }{
		{"", ""}, {history, flows}, {flows, flows}, {"/nonexistent", "/nonexistent"},
	} {
		if got := folderOf(c.dir, "flows"); got != c.want {
			t.Errorf("%q: %q, want %q", c.dir, got, c.want)
		}
	}
}
