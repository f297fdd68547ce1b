package collector

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/store"
	"weir/collector/web"
	"weir/detect"
	"weir/detect/site"
)

// shownIncident is as much of an incident as these tests look at.
type shownIncident struct {
	ID, Line     string
	Began, Ended time.Time
	Alerts       []string
	Steps        []json.RawMessage
	Nodes        []string
	Root         json.RawMessage
}

func (r *running) incident(id string) (i shownIncident) {
	r.t.Helper()
	if err := web.Ask(r.t.Context(), r.cfg.StateDir, "api/v1/incidents/"+id, &i); err != nil {
		r.t.Fatal(err)
	}
	return i
}

// listed returns the incident of the list.
func (r *running) listed(id string) *shownIncident {
	r.t.Helper()
	var all []shownIncident
	if err := web.Ask(r.t.Context(), r.cfg.StateDir, "api/v1/incidents", &all); err != nil {
		r.t.Fatal(err)
	}
	n := slices.IndexFunc(all, func(i shownIncident) bool { return i.ID == id })
	if n < 0 || slices.IndexFunc(all[n+1:], func(i shownIncident) bool { return i.ID == id }) >= 0 {
		r.t.Fatalf("not just one %s in %+v", id, all)
	}
	return &all[n]
}

// TestIncidentsOutliveARestart: the timeline of an incident is after a restart what it
// was before; one that is open goes on under its identity with its earlier steps, each
// once; one that has ended is shown after the next.
func TestIncidentsOutliveARestart(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	r := start(t, cfg)
	a := r.bridgeFails("127.0.2.10")
	id := r.bridgeLines("start")[0].Incident
	r.eventually("a row while it is open", func() bool {
		if err := r.app.site.incidents.save(time.Now()); err != nil {
			t.Error(err)
		}
		k, err := store.ReadIncident(t.Context(), cfg.StateDir, id)
		return err == nil && len(k.Incident.Steps) > 0 && k.Incident.Line != ""
	})
	before := r.incident(id)
	r.stop()

	r = start(t, cfg)
	after := r.incident(id) // with what may have been told again since
	if n := len(before.Alerts); len(before.Steps) == 0 || len(before.Root) == 0 || len(after.Alerts) < n {
		t.Fatalf("%+v\n%+v", before, after)
	} else if after.Alerts = after.Alerts[:n]; len(after.Steps) > len(before.Steps) {
		after.Steps = after.Steps[:len(before.Steps)]
	}
	after.Root = before.Root
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("after a restart (-want +got)\n%s", diff)
	}
	if i := r.listed(id); i.Line != before.Line || !i.Ended.IsZero() {
		t.Errorf("%+v", i)
	}
	a.r, a.conn = r, r.dial("127.0.2.10")
	for range 8 {
		a.beat()
		time.Sleep(100 * time.Millisecond)
	}
	a.down = false
	a.beats("end", func() bool { return len(r.bridgeLines("end")) > 0 })
	goneOn := r.incident(id)
	if goneOn.Ended.IsZero() || !goneOn.Began.Equal(before.Began) || len(goneOn.Steps) <= len(before.Steps) || len(goneOn.Alerts) <= len(before.Alerts) {
		t.Errorf("it did not go on: %+v", goneOn)
	}
	seen := map[string]bool{}
	for _, s := range goneOn.Steps {
		if seen[string(s)] {
			t.Errorf("twice: %s", s)
		}
		seen[string(s)] = true
	}
	for _, s := range before.Steps {
		if !seen[string(s)] {
			t.Errorf("lost: %s", s)
		}
	}
	if got := goneOn.Alerts[:len(before.Alerts)]; !slices.Equal(got, before.Alerts) {
		t.Errorf("%q, want first %q", got, before.Alerts)
	}
	r.stop()

	r = start(t, cfg)
	last := r.incident(id)
	if !last.Ended.Equal(goneOn.Ended) || last.Line != goneOn.Line || !slices.Equal(last.Alerts, goneOn.Alerts) || len(last.Steps) < len(goneOn.Steps) {
		t.Errorf("(-want +got)\n%s", cmp.Diff(goneOn, last))
	}
	if i := r.listed(id); !i.Ended.Equal(goneOn.Ended) || len(i.Steps) != 0 {
		t.Errorf("%+v", i)
	}
	if i := r.incident(id[:12]); i.ID != id {
		t.Errorf("%s", i.ID)
	}
	var b bytes.Buffer
	if err := web.Fetch(t.Context(), cfg.StateDir, "api/v1/incidents/"+id+"/export", &b); err != nil {
		t.Fatal(err)
	}
	var handedOn shownIncident
	if err := json.Unmarshal([]byte(unpack(t, b.Bytes())["incident.json"]), &handedOn); err != nil || len(handedOn.Steps) != len(last.Steps) {
		t.Errorf("%v, handed on with %d steps of %d", err, len(handedOn.Steps), len(last.Steps))
	}
	if code, body := r.asks("", "GET", "/api/v1/incidents/none", ""); code != http.StatusBadRequest {
		t.Errorf("%d %s", code, body)
	}
}

// An incident that was open when weir was killed, and of which nothing else is known, is
// over for whoever asks after the restart, and says why; one that cannot be read is
// counted, and nothing is kept where history is off.
func TestIncidentsAfterAKill(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	s, err := store.Open(cfg.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now().Add(-time.Hour)
	var all []site.KeptIncident
	for _, id := range []string{"aa-1", "bb-2"} {
		all = append(all, site.KeptIncident{Incident: site.Incident{ID: id, Line: "bridge down br0 on cn1", Began: detect.Time(began), Nodes: []string{}, Alerts: []string{"start"}},
			Parts: []site.Part{{Project: "acme", When: "12:00:00.000 start", Line: "its part"}, {Project: "other", When: "12:00:00.000 start", Line: "not its part"}}})
	}
	if _, err := s.Incidents(store.IncidentsConfig{MaxBytes: 1 << 20, MaxAge: time.Hour}).Save(all, began.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	damage(t, cfg.StateDir, `UPDATE incidents SET head = x'00', body = x'00' WHERE id = 'bb-2'`)
	r := start(t, cfg)
	if i := r.incident("aa"); !i.Ended.Equal(began.Add(time.Minute)) || len(i.Steps) != 1 || len(i.Alerts) != 1 {
		t.Errorf("%+v", i)
	}
	if i := r.listed("aa-1"); i.Ended.IsZero() {
		t.Errorf("%+v", i)
	}
	for project, want := range map[string]int{"acme": 1, "none": 0} {
		of, err := r.app.IncidentsOf(t.Context(), func(p string) bool { return p == project })
		if err != nil || len(of) != want || want == 1 && (of[0].Line != "its part" || len(of[0].Alerts) != 1 || len(of[0].Steps) != 0 || of[0].Nodes != nil) {
			t.Errorf("%s: %+v, %v", project, of, err)
		}
	}
	var got web.Status
	r.app.site.addTo(&got)
	if n := slices.IndexFunc(got.DamagedFiles, func(c web.Count) bool { return c.Key == "incidents" && c.Count == 1 }); n < 0 {
		t.Errorf("%+v", got.DamagedFiles)
	}
	r.stop()

	cfg.History.Off = true
	start(t, cfg)
	var none []shownIncident
	if err := web.Ask(t.Context(), cfg.StateDir, "api/v1/incidents", &none); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}
