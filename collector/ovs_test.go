package collector

import (
	"strings"
	"testing"

	"weir/detect"
)

// TestReplayOfOpenVSwitch replays what a real switch sent: see testdata.
func TestReplayOfOpenVSwitch(t *testing.T) {
	cfg := replayConfig()
	cfg.LargeFlow.Threshold = detect.Threshold{BitsPerSecond: 5e6}
	all, log := mustReplay(t, cfg, "testdata/ovs-elephant.pcap")
	last := ends(all)
	if len(last) != 1 || all[0].Change != "start" {
		t.Fatalf("alerts %+v, want one with an end", all)
	}
	for _, a := range all {
		e := a.Evidence
		if a.ID != all[0].ID || a.Subject.Src != "10.9.0.1" || a.Subject.Dst != "10.9.0.2" || a.Subject.DstPort != 5201 || a.Subject.Proto != 17 ||
			e.Agent != "10.200.0.11" || e.InputName != "tap-a" || e.OutputName != "tap-b" || e.SamplingRate != 20 {
			t.Errorf("alert %+v", a)
		}
	}
	const truth = 8 * 8927 * 1446 / 5.000448 // bit/s
	if e := last[0].Evidence; e.LifeLow > truth || e.LifeHigh < truth || e.LifeSeconds < 4.9 || e.LifeSeconds > 5.2 || e.Samples < 400 || e.Samples > 420 {
		t.Errorf("%.1f Mbit/s, 95 %% between %.1f and %.1f; sent %.1f: %+v", e.Life/1e6, e.LifeLow/1e6, e.LifeHigh/1e6, truth/1e6, e)
	}
	if s := strings.Join(log.all(), ""); !strings.Contains(s, `"unreadable_datagrams":0`) || !strings.Contains(s, `"bad_samples":0,"agents":1,"clock_jumps":0`) || strings.Contains(s, "warn") {
		t.Errorf("log %s", s)
	}
}
