package route

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/detect"
	"weir/detect/site"
)

var start = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// world is a router with one way of each role, whose outcome is readable.
type world struct {
	r   *Router
	now time.Time
	got []string
}

func newWorld(change ...func(*Config)) *world {
	w := &world{now: start}
	cfg := Config{Table: NewTable(nil), Site: "fra1"}
	for _, way := range []Way{
		{Name: "pager", Role: Pager}, {Name: "duty", Role: Pager, Updates: true},
		{Name: "chat", Role: Chat}, {Name: "am", Role: Chat, Updates: true, Keeps: true}, {Name: "log", Role: Log},
	} {
		way.Out = func(a detect.Alert) {
			line := fmt.Sprintf("%s %s %s %s %s", way.Name, a.Change, a.Kind, a.Severity, a.Subject.Line())
			if a.Reason != "" {
				line += " because of " + a.Reason
			}
			w.got = append(w.got, line)
		}
		cfg.Ways = append(cfg.Ways, way)
	}
	for _, c := range change {
		c(&cfg)
	}
	w.r = New(cfg)
	return w
}

// alert is one that lives at a host.
func alert(kind detect.Kind, host int, change detect.Change, state detect.State, s detect.Severity) *detect.Alert {
	a := &detect.Alert{
		At: start, Change: change, Kind: kind, State: state, Severity: s,
		Subject:  &detect.FloodSubject{Victim: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(host >> 8), byte(host)}), 32), Domain: "underlay"},
		Evidence: &Says{Text: "so it is"},
	}
	a.Identify(start)
	return a
}

func (w *world) put(kind detect.Kind, host int, change detect.Change, state detect.State, s detect.Severity) {
	w.r.Put(alert(kind, host, change, state, s), w.now)
}

func (w *world) end(kind detect.Kind, host int, s detect.Severity, reason string) {
	a := alert(kind, host, detect.End, detect.Resolved, s)
	a.Reason = reason
	w.r.Put(a, w.now)
}

func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(time.Second)
		w.r.Tick(w.now)
	}
}

// expect compares what was told since the last call.
func (w *world) expect(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	slices.Sort(w.got)
	if diff := cmp.Diff(want, w.got); diff != "" {
		t.Errorf("told (-want +got)\n%s", diff)
	}
	w.got = nil
}

const (
	suspected, confirmed    = detect.Suspected, detect.Confirmed
	begin, update           = detect.Start, detect.Update
	info, warning, critical = detect.Info, detect.Warning, detect.Critical
)

func TestRouterTellsEachRoleItsShareOnce(t *testing.T) {
	w := newWorld()
	w.put(detect.Flood, 1, begin, suspected, warning)
	w.expect(t, "log start flood warning 10.0.0.1")
	for range 3 {
		w.put(detect.Flood, 1, update, suspected, warning)
	}
	w.expect(t)
	w.put(detect.Flood, 1, update, confirmed, warning)
	w.expect(t, "chat start flood warning 10.0.0.1", "am start flood warning 10.0.0.1", "log update flood warning 10.0.0.1")
	w.put(detect.Flood, 1, update, confirmed, critical)
	w.expect(t,
		"pager start flood critical 10.0.0.1", "duty start flood critical 10.0.0.1",
		"chat update flood critical 10.0.0.1", "am update flood critical 10.0.0.1", "log update flood critical 10.0.0.1")
	w.put(detect.Flood, 1, update, confirmed, warning)
	w.expect(t, "duty update flood warning 10.0.0.1", "am update flood warning 10.0.0.1", "log update flood warning 10.0.0.1")
	w.end(detect.Flood, 1, warning, "")
	w.expect(t,
		"pager end flood warning 10.0.0.1", "duty end flood warning 10.0.0.1",
		"chat end flood warning 10.0.0.1", "am end flood warning 10.0.0.1", "log end flood warning 10.0.0.1")
	w.end(detect.Flood, 1, warning, "")
	w.expect(t)
}

func TestRouterTellsTheEndOnlyWhereItToldTheBeginning(t *testing.T) {
	w := newWorld()
	w.put(detect.LargeFlow, 1, begin, confirmed, info)
	w.end(detect.LargeFlow, 1, info, "")
	w.expect(t, "log start large_flow info 10.0.0.1", "log end large_flow info 10.0.0.1")
	if s := w.r.Stats(); s.Open != 0 {
		t.Errorf("%d open", s.Open)
	}
}

func TestRouterPagesAfterTheDelay(t *testing.T) {
	w := newWorld()
	w.put("node_down", 1, begin, confirmed, critical)
	w.put("node_down", 2, begin, confirmed, critical)
	w.got = nil
	w.pass(29 * time.Second)
	w.expect(t)
	w.end("node_down", 2, critical, "")
	w.expect(t, "chat end node_down critical 10.0.0.2", "am end node_down critical 10.0.0.2", "log end node_down critical 10.0.0.2")
	w.pass(time.Second)
	w.expect(t, "pager start node_down critical 10.0.0.1", "duty start node_down critical 10.0.0.1")
	w.pass(time.Minute)
	w.expect(t)
}

func TestRouterTellsOneStormInPlaceOfManyPages(t *testing.T) {
	w := newWorld(func(c *Config) { c.Ways = c.Ways[:2] })
	for host := range stormPages {
		w.put("bridge_down", host, begin, confirmed, critical)
	}
	if len(w.got) != 2*stormPages {
		t.Fatalf("%d told, want %d", len(w.got), 2*stormPages)
	}
	w.got = nil
	for host := range 15 {
		w.put("instance_unreachable", 100+host, begin, confirmed, critical)
	}
	w.expect(t, "pager start page_storm critical site fra1", "duty start page_storm critical site fra1")
	w.pass(2 * time.Minute)
	w.expect(t, "duty update page_storm critical site fra1")
	if e, ok := w.r.storm.alert.Evidence.(*Storm); !ok || e.Line() != "25 pages within 60 min, further ones are held back: 15 instance_unreachable in 15 incidents; 15 still open" {
		t.Errorf("evidence %v", w.r.storm.alert.Evidence.Line())
	}
	for host := range 12 {
		w.end("instance_unreachable", 100+host, critical, "")
	}
	w.pass(time.Minute)
	w.expect(t, "duty update page_storm critical site fra1") // 3 are open
	w.pass(time.Hour)
	w.expect(t, "pager end page_storm critical site fra1", "duty end page_storm critical site fra1",
		"pager start instance_unreachable critical 10.0.0.112", "duty start instance_unreachable critical 10.0.0.112",
		"pager start instance_unreachable critical 10.0.0.113", "duty start instance_unreachable critical 10.0.0.113",
		"pager start instance_unreachable critical 10.0.0.114", "duty start instance_unreachable critical 10.0.0.114")
	if s := w.r.Stats(); s.Storm {
		t.Error("the storm goes on")
	}
}

// What one incident pages for counts as one page.
func TestRouterCountsPagesOfAStormByIncident(t *testing.T) {
	w := newWorld(func(c *Config) { c.Ways = c.Ways[:1] })
	for host := range 3 * stormPages {
		a := alert("bridge_down", host, begin, confirmed, critical)
		a.Incident = fmt.Sprint("incident ", host%(stormPages/2))
		w.r.Put(a, w.now)
	}
	if len(w.got) != 3*stormPages || w.r.Stats().Storm {
		t.Errorf("%d alerts of %d incidents: %d told, a storm: %v", 3*stormPages, stormPages/2, len(w.got), w.r.Stats().Storm)
	}
}

// Of tampering, a flush or silence the first pages of an hour come through whatever
// storm there is: who wants to hide them would make one.
func TestRouterPagesTamperingInAStorm(t *testing.T) {
	w := newWorld(func(c *Config) { c.Ways = c.Ways[:1] })
	for host := range 50 {
		w.put("bridge_down", host, begin, confirmed, critical)
	}
	w.got = nil
	for i, kind := range []detect.Kind{"telemetry_tampered", "rules_flushed", "telemetry_silent"} {
		w.put(kind, 100+i, begin, confirmed, critical)
	}
	w.expect(t, "pager start rules_flushed critical 10.0.0.101", "pager start telemetry_silent critical 10.0.0.102", "pager start telemetry_tampered critical 10.0.0.100")
	for host := range 3 * stormPages {
		w.put("rules_flushed", 200+host, begin, confirmed, critical)
	}
	if want := stormPages - 3; len(w.got) != want {
		t.Errorf("%d further pages, want %d", len(w.got), want)
	}
}

func TestRouterPagesOwnAlertsInAStorm(t *testing.T) {
	w := newWorld(func(c *Config) { c.Ways = c.Ways[:1] })
	for host := range 50 {
		w.put("bridge_down", host, begin, confirmed, critical)
	}
	w.got = nil
	w.r.Own(NewOwn(CollectorDeaf, &Collector{Host: "noc1", Site: "fra1"}, &Says{Text: "nothing"}, w.now, w.now), w.now)
	w.expect(t, "pager start collector_deaf critical weir on noc1")
}

func TestRouterHolds(t *testing.T) {
	window := true
	w := newWorld(func(c *Config) { c.Hold = func(*detect.Alert) bool { return window } })
	w.put("bridge_down", 1, begin, confirmed, critical)
	w.put("bridge_down", 2, begin, confirmed, critical)
	w.expect(t, "log start bridge_down critical 10.0.0.1", "log start bridge_down critical 10.0.0.2")
	w.end("bridge_down", 2, critical, "")
	w.expect(t, "log end bridge_down critical 10.0.0.2")
	w.pass(time.Hour)
	w.expect(t)
	window = false
	w.pass(time.Second)
	w.expect(t, "pager start bridge_down critical 10.0.0.1", "duty start bridge_down critical 10.0.0.1",
		"chat start bridge_down critical 10.0.0.1", "am start bridge_down critical 10.0.0.1")
}

// What a detector takes for less than certain weighs less.
func TestTableFollowsTheDetector(t *testing.T) {
	table := NewTable(nil)
	for _, c := range []struct {
		kind       detect.Kind
		base, want detect.Severity
	}{
		{site.RulesFlushed, critical, critical},
		{site.RulesFlushed, detect.Warning, detect.Warning},
		{site.BridgeDown, detect.Warning, detect.Warning},
		{site.TelemetryTampered, detect.Warning, detect.Warning},
		{site.NodeDown, critical, critical},
	} {
		a := alert(c.kind, 1, begin, confirmed, c.base)
		if table.Apply(a); a.Severity != c.want {
			t.Errorf("%s, %s by its detector: %s, want %s", c.kind, c.base, a.Severity, c.want)
		}
	}
}

// What was open when weir stopped is told again only if it is new, and ends if
// it is not seen again.
func TestRouterRemembersOverARestart(t *testing.T) {
	w := newWorld()
	for host := range 2 {
		w.put("bridge_down", host, begin, confirmed, critical)
	}
	w.got = nil
	for host := range 2 {
		w.end("bridge_down", host, critical, detect.ReasonShutdown)
	}
	w.expect(t, "log end bridge_down critical 10.0.0.0 because of shutdown", "log end bridge_down critical 10.0.0.1 because of shutdown")
	saved := w.r.Save()
	if len(saved) != 2 || cmp.Diff([]string{"pager", "duty", "chat", "am"}, saved[0].Told) != "" {
		t.Fatalf("saved %+v", saved)
	}

	w = newWorld()
	w.r.Restore(saved, w.now)
	w.expect(t, "am update bridge_down critical 10.0.0.0", "am update bridge_down critical 10.0.0.1")
	w.pass(10 * time.Second)
	w.put("bridge_down", 0, begin, suspected, warning)
	w.put("bridge_down", 0, update, confirmed, critical)
	w.expect(t,
		"am update bridge_down warning 10.0.0.0", "duty update bridge_down warning 10.0.0.0", "am update bridge_down warning 10.0.0.0", "log start bridge_down warning 10.0.0.0",
		"duty update bridge_down critical 10.0.0.0", "am update bridge_down critical 10.0.0.0", "log update bridge_down critical 10.0.0.0")
	w.pass(Grace)
	var want []string
	for _, name := range []string{"pager", "duty", "chat", "am"} {
		want = append(want, name+" end bridge_down critical 10.0.0.1 because of not_seen")
	}
	w.expect(t, want...)
}

func TestRouterEndsAtStopWhereNothingRemembers(t *testing.T) {
	w := newWorld(func(c *Config) { c.EndAtStop = true })
	w.put("bridge_down", 1, begin, confirmed, critical)
	w.got = nil
	w.end("bridge_down", 1, critical, detect.ReasonShutdown)
	if len(w.got) != 5 || len(w.r.Save()) != 0 {
		t.Errorf("told %q, want the end five times", w.got)
	}
}

func TestRouterTellsOutsideServicesIdentities(t *testing.T) {
	w := newWorld(func(c *Config) {
		c.Ways = c.Ways[2:3]
		c.Ways[0].IDs = true
		c.Ways[0].Out = func(a detect.Alert) {
			b, err := a.MarshalJSON()
			if err != nil {
				t.Error(err)
			}
			if text := string(b) + a.Line(); strings.Contains(text, "10.0.0") || strings.Contains(text, "so it is") || a.Key == "" {
				t.Errorf("an outside service is told %s", text)
			}
		}
	})
	w.put(detect.Flood, 1, begin, confirmed, warning)
}

func TestRouterForgetsNothingAtItsBound(t *testing.T) {
	w := newWorld(func(c *Config) { c.Ways = c.Ways[4:] })
	for host := range maxOpen + 10 {
		a := alert(detect.LargeFlow, 0, begin, confirmed, info)
		a.Key = fmt.Sprint(host)
		w.r.Put(a, w.now)
	}
	if s := w.r.Stats(); s.Open != maxOpen || s.Refused != 10 || len(w.got) != maxOpen {
		t.Errorf("%+v, %d told", s, len(w.got))
	}
}

func TestRouterBoundsAStorm(t *testing.T) {
	w := newWorld(func(c *Config) { c.Ways = c.Ways[:1] })
	for host := range 3 * maxPages {
		w.put("bridge_down", host, begin, confirmed, critical)
	}
	if n := len(w.r.storm.pages); n != maxPages {
		t.Errorf("%d pages are remembered, want %d", n, maxPages)
	}
	if want := stormPages + 1; len(w.got) != want {
		t.Errorf("%d pages, want %d", len(w.got), want)
	}
}

func TestTableHasACaseForEachWeight(t *testing.T) {
	seen := map[weight]string{}
	for _, c := range Cases() {
		w := weight{c.Kind, c.Base}
		if seen[w] != "" || seen[weight{c.Kind, ""}] != "" {
			t.Errorf("%s weighs as %s", c.Name, seen[w])
		}
		seen[w] = c.Name
	}
	table := NewTable(map[string]Level{"flood": {critical, time.Minute}, "login": {warning, 0}})
	for _, c := range []struct {
		kind       detect.Kind
		base, want detect.Severity
		delay      time.Duration
	}{
		{detect.Flood, warning, critical, time.Minute},
		{detect.Flood, critical, critical, 0},
		{"login", info, warning, 0},
		{detect.Rule, warning, warning, 0},
		{"node_down", warning, critical, 30 * time.Second},
	} {
		a := alert(c.kind, 1, begin, confirmed, c.base)
		if d := table.Apply(a); a.Severity != c.want || d != c.delay {
			t.Errorf("%s %s: %s after %v, want %s after %v", c.kind, c.base, a.Severity, d, c.want, c.delay)
		}
	}
}

func TestRouterTellsAnewWhatWasLost(t *testing.T) {
	w := newWorld()
	w.put("bridge_down", 1, begin, confirmed, critical)
	w.got = nil
	w.r.Lost(0, *alert("bridge_down", 1, begin, confirmed, critical))
	w.pass(time.Second)
	w.expect(t, "pager start bridge_down critical 10.0.0.1")
	w.pass(time.Minute)
	w.expect(t)
	over := alert("bridge_down", 2, detect.End, detect.Resolved, critical)
	w.r.Lost(2, *over)
	w.expect(t, "chat end bridge_down critical 10.0.0.2")
}

// Every kind of the detectors weighs something, whatever they call it.
func TestTableKnowsEveryKind(t *testing.T) {
	known := map[detect.Kind]bool{detect.Rule: true}
	for _, c := range Cases() {
		known[c.Kind] = true
	}
	for _, k := range []detect.Kind{
		detect.LargeFlow, detect.LinkSaturated, detect.Flood, detect.Scan,
		site.BridgeDown, site.InstanceUnreachable, site.InstanceStopped, site.InstanceNoAddress, site.RulesFlushed, site.TelemetrySilent,
		site.TelemetryTampered, site.NodeDown, site.HostRestarted, site.HostOverloaded, site.ServiceChanged, site.Login, site.DropsRising,
		site.InterfaceDown, site.InterfaceErrors, site.CollectorDeaf, site.CollectorOverloaded, site.LogSilent, site.Orphan, site.AgentMoved,
	} {
		if !known[k] {
			t.Errorf("%s has no severity", k)
		}
	}
}

// What most changes are: the figures of an alert that was told.
func BenchmarkPutOfNothingNew(b *testing.B) {
	w := newWorld()
	a := alert(detect.Flood, 1, update, confirmed, warning)
	w.r.Put(a, w.now)
	b.ReportAllocs()
	for b.Loop() {
		w.r.Put(a, w.now)
	}
}
