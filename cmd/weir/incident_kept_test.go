package main

import (
	"strings"
	"testing"
	"time"

	"weir/collector/store"
	"weir/detect"
	"weir/detect/site"
)

// TestIncidentsWithoutACollector: the state file tells of incidents while no collector
// runs, by the beginning of an identity too.
func TestIncidentsWithoutACollector(t *testing.T) {
	dir := t.TempDir()
	cfg := file(t, "weir.yaml", "state_dir: "+dir+"\n")
	if code, out, errs := weir(t, "--config", cfg, "incident", "list"); code == 0 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "no weir runs") {
		t.Errorf("without a state file: %d %q %q", code, out, errs)
	}
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	at := detect.Time(now)
	for _, id := range []string{"aa-1", "ab-2"} {
		i := site.Incident{ID: id, Line: "bridge down br0 on cn1", Began: at, Ended: at, Nodes: []string{}, Alerts: []string{}, Steps: []site.Step{{At: at, Node: "cn1", What: "forwarding lost"}}}
		if _, err := s.Incidents(store.IncidentsConfig{MaxBytes: 1 << 20, MaxAge: time.Hour}).Save([]site.KeptIncident{{Incident: i}}, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args       []string
		want, fail string
	}{
		{args: []string{"list"}, want: "ab-2"},
		{args: []string{"list", "--json"}, want: `"aa-1"`},
		{args: []string{"show", "aa"}, want: "forwarding lost"},
		{args: []string{"show", "ab-2", "--json"}, want: `"steps"`},
		{args: []string{"show", "a"}, fail: "several begin so"},
		{args: []string{"show", "zz"}, fail: "is none that is kept"},
	} {
		code, out, errs := weir(t, append([]string{"--config", cfg, "incident"}, tt.args...)...)
		if tt.fail == "" && (code != 0 || !strings.Contains(out, tt.want)) || tt.fail != "" && (code == 0 || !strings.Contains(errs, tt.fail) || strings.Count(errs, "\n") != 1) {
			t.Errorf("%v: %d %q %q", tt.args, code, out, errs)
		}
	}
}
