package site

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/detect"
)

// asJSON is v as it is written.
func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// keep takes what is to be kept as the collector does it, once a second for some time,
// and returns how often, and what was kept last.
func (w *world) keep(d time.Duration) (n int, last KeptIncident) {
	for range int(d / time.Second) {
		w.run(time.Second)
		for _, k := range w.site.KeptIncidents(1000, false) {
			n++
			last = k
		}
	}
	return n, last
}

// An incident is kept when it begins, once a minute while something is told of it, now
// and then while it goes on, and when it has ended with what came soon after.
func TestIncidentsAreKeptNowAndThen(t *testing.T) {
	w := newWorld(t)
	a := w.node(3)
	w.run(5 * time.Second)
	if n, _ := w.keep(2 * time.Second); n != 0 {
		t.Errorf("%d of nothing", n)
	}
	a.bridge("no", 3, 3)
	if n, k := w.keep(3 * time.Second); n != 1 || len(k.Incident.Steps) == 0 || k.Incident.State == "" {
		t.Errorf("at the beginning %d, %+v", n, k)
	}
	if n, _ := w.keep(20 * time.Minute); n < 3 || n > 20 {
		t.Errorf("in 20 minutes %d", n)
	}
	a.bridge("yes", 3, 3)
	n, k := w.keep(60 * time.Second)
	if n < 2 || n > 4 || time.Time(k.Incident.Ended).IsZero() || !strings.Contains(asJSON(t, k.Incident.Steps), "bridge_down is over") {
		t.Errorf("at the end %d, %s", n, asJSON(t, k))
	}
	if n, _ = w.keep(time.Minute); n != 0 || len(w.site.KeptIncidents(1000, true)) != 0 {
		t.Errorf("later %d", n)
	}
	i, _ := w.site.Incident(k.Incident.ID)
	if diff := cmp.Diff(asJSON(t, k.Incident), asJSON(t, i)); diff != "" {
		t.Errorf("shown otherwise than kept (-kept +shown)\n%s", diff)
	}
}

// What was kept is shown by the next collector as it was, to everybody and to those of
// a project, and goes on.
func TestKeptIncidentsGoOn(t *testing.T) {
	w := newWorld(t)
	a := w.node(3)
	w.run(5 * time.Second)
	a.bridge("no", 3, 3)
	w.run(3 * time.Second)
	all := w.site.KeptIncidents(1000, true)
	if len(all) != 1 || len(all[0].Parts) == 0 {
		t.Fatalf("%+v", all)
	}
	id := all[0].Incident.ID
	mine := func(project string) bool { return project == "acme" }
	before, _ := w.site.Incident(id)
	of := w.site.IncidentsOf(mine)
	var kept []KeptIncident
	if err := json.Unmarshal([]byte(asJSON(t, all)), &kept); err != nil {
		t.Fatal(err)
	}
	one, ok := kept[0].Of(mine)
	if diff := cmp.Diff(asJSON(t, of), asJSON(t, []Incident{one})); diff != "" || !ok || len(one.Alerts) == 0 {
		t.Errorf("to a project (-shown +kept)\n%s", diff)
	}
	told := map[string]bool{}
	for _, line := range one.Alerts {
		told[line] = true
	}
	if len(told) != 3 { // an instance each, by name
		t.Errorf("to a project: %q", one.Alerts)
	}
	if none, ok := kept[0].Of(func(project string) bool { return project == "other" }); ok || len(none.Alerts)+len(none.Steps) != 0 {
		t.Errorf("told to others: %+v", none)
	}
	st := w.site.Save()
	if got := st.OpenIncidents(); !slices.Equal(got, []string{id}) {
		t.Fatalf("%q, want %s", got, id)
	}
	w.restart(time.Second)
	w.site.RecallIncidents(kept)
	after, _ := w.site.Incident(id)
	if diff := cmp.Diff(asJSON(t, before), asJSON(t, after)); diff != "" {
		t.Errorf("(-before +after)\n%s", diff)
	}
	if diff := cmp.Diff(asJSON(t, of), asJSON(t, w.site.IncidentsOf(mine))); diff != "" {
		t.Errorf("to a project (-before +after)\n%s", diff)
	}
	w.run(2 * time.Second)
	a.bridge("yes", 3, 3)
	w.run(30 * time.Second)
	i, _ := w.site.Incident(id)
	if len(w.site.Incidents()) != 1 || time.Time(i.Ended).IsZero() || i.State != detect.Resolved || i.Affected != 3 || len(i.Children) != 3 || len(i.Steps) <= len(before.Steps) {
		t.Errorf("%s", asJSON(t, i))
	}
	for k := range before.Steps {
		if n := len(slices.DeleteFunc(slices.Clone(i.Steps), func(s Step) bool { return s.id() != before.Steps[k].id() })); n != 1 {
			t.Errorf("%d times %s", n, before.Steps[k].What)
		}
	}
}

// When the clock was set everything is forgotten but what is shown of incidents, and
// they are kept.
func TestIncidentsOutliveAStepOfTheClock(t *testing.T) {
	w := newWorld(t)
	a := w.node(3)
	w.run(5 * time.Second)
	a.bridge("no", 3, 3)
	w.run(3 * time.Second)
	w.site.Epoch(w.now, func(*detect.Alert) {})
	all := w.site.Incidents()
	if len(all) != 1 || time.Time(all[0].Ended).IsZero() || len(all[0].Nodes) != 1 {
		t.Fatalf("%+v", all)
	}
	if i, ok := w.site.Incident(all[0].ID); !ok || len(i.Steps) == 0 || len(i.Children) != 3 {
		t.Errorf("%+v", i)
	}
	w.now = w.now.Add(-24 * time.Hour)
	w.site.Tick(w.now, func(*detect.Alert) {})
	if kept := w.site.KeptIncidents(1000, false); len(kept) != 1 || len(kept[0].Incident.Steps) == 0 {
		t.Errorf("%+v", kept)
	}
	if kept := w.site.KeptIncidents(1000, false); len(kept) != 0 {
		t.Errorf("again %+v", kept)
	}
}

// Of a timeline that is too long the beginning and the end are kept, and it says so.
func TestLongTimelinesAreCut(t *testing.T) {
	all := make([]int, 11)
	for i := range all {
		all[i] = i
	}
	for most, want := range map[int][]int{11: all, 4: {0, 1, 9, 10}, 5: {0, 1, 8, 9, 10}} {
		if got, cut := ends(slices.Clone(all), most); !slices.Equal(got, want) || cut != (most < 11) {
			t.Errorf("%d: %v, %t", most, got, cut)
		}
	}
}

// Facts of one moment that each change of an alert repeats are told once.
func TestStepsOfAMomentAreToldOnce(t *testing.T) {
	var all []Step
	for range 3 {
		for _, what := range []string{"link of eth0", "speed of eth0", "bridge of eth0"} {
			st := Step{At: at(epoch.UnixNano()), Node: "cn1", Entity: "port eth0", What: what}
			st.order()
			all = append(all, st)
		}
	}
	if got := inOrder(all); len(got) != 3 || got[0].What != "link of eth0" || got[2].What != "bridge of eth0" {
		t.Errorf("%s", asJSON(t, got))
	}
}
