package detect

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
	"weir/decoder/sflow"
	"weir/detect/rules"
)

func ruleSet(t *testing.T, specs ...rules.Spec) *rules.Set {
	t.Helper()
	var all []rules.Rule
	for _, s := range specs {
		r, problems := rules.Compile(s)
		if len(problems) > 0 {
			t.Fatalf("%+v", problems)
		}
		all = append(all, r)
	}
	return rules.NewSet(all)
}

// ruled is a world with nothing but rules.
func ruled(t *testing.T, specs ...rules.Spec) *world {
	t.Helper()
	cfg := DefaultConfig()
	cfg.LargeFlow.Off, cfg.Flood.Off, cfg.Scan.Off = true, true, true
	cfg.Rules = ruleSet(t, specs...)
	w := &world{next: 100 * time.Millisecond, shards: []*Shard{NewShard(cfg, 1)}}
	w.engine = NewEngine(cfg, w.shards, testNames{})
	return w
}

func TestRuleAlertHasItsEvidence(t *testing.T) {
	w := ruled(t, rules.Spec{Name: "to one", Key: []string{"dst"}, Threshold: "10Mbit/s", Window: "2s", Filter: "proto = tcp or proto = udp", Severity: "critical"})
	s := stream{flow: 1, vantage: decoder.Vantage{Agent: 1, Source: 2}, bits: 1e8, frames: []uint32{1000}, rate: 100, speed: 1e9, to: 10 * time.Second}
	w.play(generate(1, s))
	w.until(30 * time.Second)
	if n := len(w.alerts); n < 2 {
		t.Fatalf("%d alerts", n)
	}
	first, last := w.alerts[0], w.alerts[len(w.alerts)-1]
	if first.Kind != Rule || first.Change != Start || first.Severity != Critical || last.Change != End || last.ID != first.ID || last.State != Resolved {
		t.Errorf("first %+v, last %+v", first, last)
	}
	b, err := json.Marshal(last)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Subject struct {
			Rule string
			Key  map[string]any
		}
		Evidence map[string]any
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Subject.Rule != "to one" || got.Subject.Key["dst"] == nil {
		t.Errorf("%s", b)
	}
	for _, name := range []string{"value", "estimate", "low", "high", "lower", "upper", "peak", "samples", "effective_samples", "sampling_rate",
		"window_seconds", "threshold", "filter", "agent", "direction", "vantage_points"} {
		if _, ok := got.Evidence[name]; !ok {
			t.Errorf("evidence without %s: %s", name, b)
		}
	}
	if peak := got.Evidence["peak"].(float64); peak < 0.85e8 || peak > 1.2e8 {
		t.Errorf("peak %g", peak)
	}
	if line := first.Line(); !strings.HasPrefix(line, `rule "to one" dst=`) || !strings.Contains(line, "threshold 10Mbit/s") {
		t.Errorf("line %q", line)
	}
}

func TestRuleWatchesCounters(t *testing.T) {
	w := ruled(t, rules.Spec{Name: "errors", Watch: "if_in_errors rate > 10/s"})
	a := decoder.Arrival{}
	for i := range uint32(3) {
		at := epoch.Add(time.Duration(i) * 20 * time.Second)
		w.until(time.Duration(i) * 20 * time.Second)
		a.At = at
		c := sflow.IfCounters{Index: 7, InErrors: sflow.Counter32(1000 * i * i)}
		w.shards[0].Counters(&decoder.Counters{Arrival: &a, Sample: sflow.CounterSample{
			Sequence: sflow.Seq(i + 1), Source: sflow.DataSource{Index: 7}, NumRecords: 1, RecordData: c.Append(nil),
		}}, 1)
	}
	w.until(41 * time.Second)
	if len(w.alerts) != 1 {
		t.Fatalf("%d alerts", len(w.alerts))
	}
	al := w.alerts[0]
	if diff := cmp.Diff("if_counters.if_in_errors rate > 10/s, and it is 50", al.Evidence.Line()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if b, err := json.Marshal(al.Subject); err != nil || !strings.Contains(string(b), `"rule":"errors","metric":"if_counters.if_in_errors","agent":`) || !strings.Contains(string(b), `"source":"0:7"`) {
		t.Errorf("%s, %v", b, err)
	}
}

func TestRulesChangeAtTheTick(t *testing.T) {
	spec := rules.Spec{Name: "to one", Key: []string{"dst"}, Threshold: "10Mbit/s", Window: "2s"}
	w := ruled(t, spec)
	s := stream{flow: 1, vantage: decoder.Vantage{Agent: 1, Source: 2}, bits: 1e8, frames: []uint32{1000}, rate: 100, speed: 1e9, to: 10 * time.Second}
	w.play(generate(1, s))
	n := len(w.alerts)
	cfg := DefaultConfig()
	cfg.LargeFlow.Off, cfg.Flood.Off, cfg.Scan.Off = true, true, true
	w.shards[0].SetConfig(cfg)
	w.engine.SetConfig(epoch.Add(w.next), cfg, w.emit)
	if len(w.alerts) != n+1 || w.alerts[n].Change != End || w.alerts[n].Reason != ReasonReload {
		t.Fatalf("%d alerts, before %d", len(w.alerts), n)
	}
	w.until(w.next + time.Second)
	if st := w.shards[0].Stats(); st.Rules.MaxKeys != 0 || st.Rules.Bytes != 0 {
		t.Errorf("%+v", st.Rules)
	}
}
