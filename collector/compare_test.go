package collector

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"weir/collector/config"
	"weir/collector/web"
)

func withRules(t *testing.T, cfg config.Config, lines ...string) config.Config {
	t.Helper()
	c, err := config.Parse("rules", []byte("rules:\n"+strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Rules = c.Rules
	return cfg
}

// An elephant of 1.2 Gbit/s for 20 s, with as many mice to the same host.
func TestCompareTellsWhichAlertsDiffer(t *testing.T) {
	r := record(t)
	rng := rand.New(rand.NewPCG(1, 2))
	r.write(r.e.counted("eth7"))
	r.mice(rng, 5*time.Second)
	r.elephant(rng, 5001, 20*time.Second)
	r.mice(rng, 30*time.Second)
	name := r.done()

	base := replayConfig()
	base.LargeFlow.Threshold.BitsPerSecond = 100e9
	old := withRules(t, base,
		`- {name: both, key: [dst], threshold: 300Mbit/s, window: 2s}`,
		`- {name: gone, key: [dst, src_port], threshold: 300Mbit/s, window: 2s}`)
	fresh := withRules(t, base,
		`- {name: both, key: [dst], threshold: 600Mbit/s, window: 10s, severity: critical}`,
		`- {name: fresh, key: [input], threshold: 3%, window: 2s}`,
		`- {name: too high, key: [dst], threshold: 50Gbit/s}`)
	compare := func() Comparison {
		c, err := Compare(t.Context(), old, fresh, []string{name}, IO{Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := compare()
	var got []string
	for _, list := range [][]Compared{c.OnlyOld, c.OnlyNew, c.Both} {
		for _, a := range list {
			got = append(got, fmt.Sprintf("%s %s %t %t", a.Kind, a.Subject, a.Old != nil, a.New != nil))
		}
	}
	if len(got) != 3 || !strings.HasPrefix(got[0], `rule "gone" dst=`) || !strings.HasPrefix(got[1], `rule "fresh" agent=192.0.2.11 input=`) || !strings.HasPrefix(got[2], `rule "both" dst=`) {
		t.Fatalf("%q", got)
	}
	both := c.Both[0]
	if first, second := time.Time(both.Old.First), time.Time(both.New.First); !first.Before(second) {
		t.Errorf("the lower threshold over less time was reached at %v, the other at %v", first, second)
	}
	for _, o := range []*Outcome{both.Old, both.New} {
		if o.Peak < 2e9 || o.Peak > 3.2e9 || o.State != "confirmed" || o.Times != 1 {
			t.Errorf("%+v", o)
		}
	}
	if both.New.Severity != "critical" || !strings.HasSuffix(both.New.PeakText, "Gbit/s") {
		t.Errorf("%+v", both.New)
	}
	if diff := cmp.Diff(jsonOf(t, c), jsonOf(t, compare())); diff != "" {
		t.Errorf("the second time differs (-first +second)\n%s", diff)
	}
}

func TestRunShowsTheBoundsOfRules(t *testing.T) {
	t.Parallel()
	cfg := withRules(t, testConfig(t), `- {name: a, key: [dst], threshold: 10Mbit/s, window: 1s}`, `- {name: w, watch: if_in_octets rate > 0/s}`)
	r := start(t, cfg)
	e, c := newExporter("192.0.2.42"), r.dial("127.0.0.42")
	bounds := func() map[string]web.Bound {
		all := map[string]web.Bound{}
		for _, b := range r.status().Bounds {
			if strings.HasPrefix(b.Name, "rule_") {
				all[b.Name] = b
			}
		}
		return all
	}
	r.stream(e, c, func() bool {
		for _, line := range r.alerts.all() {
			if strings.Contains(line, `"kind":"rule"`) {
				return true
			}
		}
		return false
	})
	want := 2 * cfg.Rules[0].Bytes()
	r.eventually("bounds of rules", func() bool {
		r.send(c, e.flows(40000))
		b := bounds()
		return b["rule_bytes"].Used == want && b["rule_keys"].Limit == 2*4096 && b["rule_entities"].Limit == 2*16384 && b["rule_alerts"].Limit > 0
	})
	none := cfg
	none.Rules = nil
	taken := make(chan struct{})
	go func() { defer close(taken); r.reload <- none }()
	r.stream(e, c, func() bool { // else the alert ends by itself
		select {
		case <-taken:
			return true
		default:
			return false
		}
	})
	r.eventually("no rules", func() bool { return len(bounds()) == 0 })
	r.eventually("the end of the alert of the rule that is gone", func() bool {
		return slices.ContainsFunc(r.alerts.with(`"kind":"rule"`), func(l string) bool { return strings.Contains(l, `"reason":"reload"`) })
	})
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
