package collector

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// TestConditionsHaveNamesOfFiles: what a file calls a node stands in alerts of
// conditions, and their identities stay what they are without.
func TestConditionsHaveNamesOfFiles(t *testing.T) {
	play := func(files ...string) string {
		cfg := replayConfig()
		cfg.Names.Files = files
		var out strings.Builder
		if err := Replay(t.Context(), cfg, []string{"testdata/ovs-bridge-deleted.pcap"}, IO{Alerts: &out, AlertsJSON: true, Log: zerolog.New(io.Discard)}); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	const id = `"id":"7596403b81c77bf9-1795334095"`
	got := play(writeFile(t, filepath.Join(t.TempDir(), "names.csv"), "agent,agent_name\n10.200.0.11,rack7-cn1\n"))
	if !strings.Contains(got, `"node":"rack7-cn1"`) || !strings.Contains(got, id) {
		t.Errorf("with a name: %s", got)
	}
	if got := play(); !strings.Contains(got, `"node":"10.200.0.11"`) || !strings.Contains(got, id) {
		t.Errorf("without: %s", got)
	}
}
