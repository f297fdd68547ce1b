package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHistorySizeIsSharedOut(t *testing.T) {
	dir := t.TempDir()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	disk := Bytes(fs.Blocks) * Bytes(fs.Bsize)
	type parts struct{ Flows, Series, Rollups, Alerts, Evidence Bytes }
	for _, c := range []struct {
		name, file string
		want       parts
	}{
		{"by default", "", parts{GiB, 512 * MiB, 256 * MiB, 128 * MiB, 128 * MiB}},
		{"of a size", "size: 16GiB", parts{8 * GiB, 4 * GiB, 2 * GiB, GiB, GiB}},
		{"with a part of its own", "size: 16GiB, flows: 64MiB", parts{64 * MiB, 4 * GiB, 2 * GiB, GiB, GiB}},
		{"of the file system", "size: 50%", parts{disk / 4, disk / 8, disk / 16, disk / 32, disk / 32}},
		{"of next to nothing", "size: 1e-9%", parts{128 * MiB, 64 * MiB, 32 * MiB, 16 * MiB, 16 * MiB}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := Parse("f", []byte("history: {"+c.file+"}\nstate_dir: "+filepath.Join(dir, "not", "made")+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			h := cfg.HistoryBounds()
			got := parts{h.Flows, h.Series, h.Rollups, h.Alerts, h.Evidence}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if all := got.Flows + got.Series + got.Rollups + got.Alerts + got.Evidence; h.Total() != all {
				t.Errorf("in all %v, want %v", h.Total(), all)
			}
		})
	}
	for _, bad := range []string{"0%", "96%", "NaN%", "x%", "1MiB", "lots", "-1GiB"} {
		if _, err := Parse("f", []byte("history: {size: "+bad+"}")); err == nil || !strings.Contains(err.Error(), "f:1: history.size: ") {
			t.Errorf("size %s: %v", bad, err)
		}
	}
}

// Without a configuration the history is where weir is started, unless it is a
// service or may not write there.
func TestHistoryWithoutAFileIsWhereWeirIsStarted(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	none := func(string) string { return "" }
	c := Default()
	c.withoutFile(none)
	if got, want := c.HistoryDir(), filepath.Join(dir, "weir-data"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	c = Default()
	c.withoutFile(func(name string) string { return map[string]string{"STATE_DIRECTORY": "/var/lib/weir"}[name] })
	if got, want := c.HistoryDir(), filepath.Join(c.StateDir, "history"); got != want {
		t.Errorf("of a service %s, want %s", got, want)
	}
	if os.Geteuid() == 0 {
		return // may write everywhere
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	c = Default()
	c.withoutFile(none)
	if got, want := c.HistoryDir(), filepath.Join(c.StateDir, "history"); got != want {
		t.Errorf("where nobody may write %s, want %s", got, want)
	}
}

// Who talked to whom is never kept longer than by default.
func TestFlowsAndEvidenceAreNeverKeptLonger(t *testing.T) {
	for _, c := range []struct{ key, value, problem string }{
		{"flows_age", "168h", ""},
		{"flows_age", "1h", ""},
		{"flows_age", "168h1s", `is longer than this is ever kept`},
		{"flows_age", "999h", `write a time from 1h to 168h; rollups`},
		{"flows_age", "59m", `out of range`},
		{"flows_age", "7d", `not a length of time`},
		{"evidence_age", "336h", ""},
		{"evidence_age", "337h", "write a time from 1h to 336h; `weir incident hold`"},
		{"rollups_age", "9600h", ""},
	} {
		_, err := Parse("f", []byte("history: {"+c.key+": "+c.value+"}"))
		switch {
		case c.problem == "" && err != nil, c.problem != "" && (err == nil || !strings.Contains(err.Error(), "f:1: history."+c.key+": ") || !strings.Contains(err.Error(), c.problem)):
			t.Errorf("%s %s: %v, want %q", c.key, c.value, err, c.problem)
		}
	}
}
