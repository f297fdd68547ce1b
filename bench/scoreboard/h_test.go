package main

import (
	"testing"

	"weir/detect/site"
)

// TestSilenceOnce, TestReachOnce, TestStormOnce and TestBenignDay play one run of
// each scenario on the simulated cloud: what is told is right.
func TestSilenceOnce(t *testing.T) {
	for _, cause := range silenceCauses {
		if x := silenceOnce(3, cause, losses[1]); x.verdict != cause || x.delay > 8 {
			t.Errorf("%s: told %s after %.1f s: %s", cause, x.verdict, x.delay, x.why)
		}
	}
}

func TestReachOnce(t *testing.T) {
	v := &vantages[0]
	for _, d := range deeds {
		if x := reachOnce(3, v.cfg, d); x.verdict != d.right(v) {
			t.Errorf("%s: told %s after %.1f s: %s", d.fate, x.verdict, x.delay, x.why)
		}
	}
}

func TestStormOnce(t *testing.T) {
	for _, k := range []int{0, 3} {
		if x := stormOnce(3, storms[k]); x.starts > 1 {
			t.Errorf("%s: %d alerts: %s", storms[k].name, x.starts, x.why)
		}
	}
}

func TestBenignDay(t *testing.T) {
	day := benignDay(3, 0.05)
	for k, n := range day.alerts {
		if n[2] > 0 || n[1] > 0 && k != site.InstanceUnreachable {
			t.Errorf("%d warnings and %d pages of %s: %v", n[1], n[2], k, day.lines)
		}
	}
}

// TestFalseSilences plays 20 agent-years of each kind of loss.
func TestFalseSilences(t *testing.T) {
	for _, l := range losses[1:4] {
		if x := lossesAlone(3, l, 20); x.alarms > 0 || x.long == 0 {
			t.Errorf("%s: %d false alarms in %d runs of losses", l.name, x.alarms, x.long)
		}
	}
}
