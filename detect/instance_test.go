package detect

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"weir/decoder"
	"weir/detect/keys"
	"weir/detect/rules"
)

// An alert of a rule by instance shows the name, and is the same one whether or
// not the name is known.
func TestRuleAlertNamesTheInstance(t *testing.T) {
	u, ok := keys.ParseUUID("dead0300-0000-4000-8000-000000000001")
	if !ok {
		t.Fatal("no UUID")
	}
	ids := map[string]string{}
	for _, name := range []string{"", "web-1"} {
		w := ruled(t, rules.Spec{Name: "busy", Key: []string{"instance"}, Threshold: "10Mbit/s", Window: "2s"})
		if !w.engine.Instances().Wanted() {
			t.Fatal("nobody asks for instances")
		}
		w.engine.Instances().Set(keys.NewInstanceTable([]keys.InstancePort{{Agent: 1, Index: 2, Instance: u}}, map[keys.UUID]keys.InstanceName{u: {Name: name, Project: "shop"}}))
		s := stream{flow: 1, vantage: decoder.Vantage{Agent: 1, Source: 2}, bits: 1e8, frames: []uint32{1000}, rate: 100, speed: 1e9, to: 10 * time.Second}
		w.play(generate(1, s))
		w.until(30 * time.Second)
		if len(w.alerts) == 0 {
			t.Fatal("no alert")
		}
		first := w.alerts[0]
		ids[first.ID] = name
		shown := name
		if shown == "" {
			shown = u.String()
		}
		b, err := json.Marshal(first.Subject)
		if want := `{"rule":"busy","key":{"instance":"` + shown + `"},"instance":{"uuid":"` + u.String() + `","name":"` + shown + `","project":"shop"}}`; err != nil || string(b) != want {
			t.Errorf("subject %s, want %s, %v", b, want, err)
		}
		if line := first.Line(); !strings.HasPrefix(line, `rule "busy" instance=`+shown) {
			t.Errorf("line %q", line)
		}
	}
	if len(ids) != 1 {
		t.Errorf("%d IDs of one condition: %v", len(ids), ids)
	}
}

// Keys that are added later have the engine ask for instances, and those taken
// away have it ask no more.
func TestInstancesAreAskedForWhileAKeyHasThem(t *testing.T) {
	c := newCounted(1, TopConfig{Keys: []keys.Definition{definition(t, "dst", "bytes")}, Entries: 64})
	in := c.engine.Instances()
	for _, key := range []string{"dst", "instance,dst", "src"} {
		cfg := DefaultConfig()
		cfg.Top.Keys = []keys.Definition{definition(t, key, "bytes")}
		c.engine.SetConfig(epoch, cfg, func(*Alert) {})
		if want := key == "instance,dst"; in.Wanted() != want {
			t.Errorf("with %s: asked for %v, want %v", key, in.Wanted(), want)
		}
	}
}

// A key without any instance has none, and not less.
func TestTopCountsNoInstanceAsNone(t *testing.T) {
	c := newCounted(1, TopConfig{Keys: []keys.Definition{definition(t, "dst", "packets distinct(instance)")}, Entries: 64})
	for at := time.Duration(0); at < 3*time.Second; at += 10 * time.Millisecond {
		c.until(at)
		c.sample(0, at, 1, 2, 100, 1000)
	}
	c.until(4 * time.Second)
	top, ok := c.engine.Top(0, 5, time.Second)
	b, err := json.Marshal(top)
	if !ok || err != nil || len(top.Items) != 1 || !strings.Contains(string(b), `"distinct":{"estimate":0,"low":0,`) {
		t.Errorf("%s, %v", b, err)
	}
}
