package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/detect"
	"weir/detect/site"
)

var incidentDay = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// keptOne is an incident of a minute, with two instances of two projects.
func keptOne(id string, began time.Time, open bool) site.KeptIncident {
	at := detect.Time(began)
	k := site.KeptIncident{
		Incident: site.Incident{
			ID: id, Line: "bridge down br0 on cn1: with it 2 instances unreachable", Began: at, Kind: "bridge_down", State: detect.Confirmed, Severity: detect.Critical,
			Affected: 2, Nodes: []string{"10.0.0.1"},
			Alerts: []string{"12:00:00.000 start bridge down br0 on cn1", "12:00:01.000 start instance unreachable secret-name of secret-project on cn1"},
			Steps: []site.Step{
				{At: at, Node: "cn1", Entity: "bridge/cn1/br0", What: "forwarding lost", Was: "up", Is: "down"},
				{At: at, Node: "cn1", Entity: "instance/u1", What: "instance secret-name is gone"},
				{At: at, Node: "cn1", Entity: "port/cn1/tap-secret", What: "status of tap-secret", Was: "up", Is: "down"},
				{At: at, Node: "cn1", Entity: "instance/u2", What: "instance other-name is gone"},
			},
			Root: []byte(`{"evidence":{"children":[{"subject":{"uuid":"u1","project":"secret-project","mac":"fa:16:3e:00:00:01"}}]}}`),
			Children: []site.Child{
				{Kind: "instance_unreachable", Subject: site.Subject{UUID: "u1", Name: "secret-name", Project: "secret-project", MAC: "fa:16:3e:00:00:01"}, Since: at, Line: "its bridge is down"},
				{Kind: "instance_unreachable", Subject: site.Subject{UUID: "u2", Name: "other-name", Project: "other"}, Since: at, Line: "its bridge is down"},
			},
			Addresses: []string{"192.168.7.9", "192.168.8.1"},
		},
		Parts: []site.Part{{Project: "secret-project", When: "12:00:00.000 start", Line: "its bridge is down"}, {Project: "other", When: "12:00:00.000 start", Line: "its bridge is down"}},
		Owned: map[string][]string{"secret-project": {"192.168.7.9"}, "other": {"192.168.8.1"}},
	}
	if !open {
		k.Incident.Ended = detect.Time(began.Add(time.Minute))
	}
	return k
}

func openIncidents(t *testing.T, dir string, limit int64) (*Store, *Incidents) {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, s.Incidents(IncidentsConfig{MaxBytes: limit, MaxAge: 24 * time.Hour})
}

func saveIncidents(t *testing.T, x *Incidents, now time.Time, all ...site.KeptIncident) IncidentsUse {
	t.Helper()
	use, err := x.Save(all, now)
	if err != nil {
		t.Fatal(err)
	}
	return use
}

func listed(t *testing.T, dir string) (ids []string, damaged int) {
	t.Helper()
	all, damaged, err := ListIncidents(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		ids = append(ids, all[i].ID)
		if all[i].Steps != nil || all[i].Children != nil {
			t.Errorf("%s is listed with its timeline", all[i].ID)
		}
	}
	return ids, damaged
}

// text is all of an incident as JSON.
func text(t *testing.T, k *site.KeptIncident) string {
	b, err := json.MarshalIndent(k, "", " ")
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// What is read is what was kept, as a whole, by the beginning of its identity, and
// from a copy; one that was open goes on, or is over where nobody tells more of it.
func TestIncidentsAreKept(t *testing.T) {
	dir, day := t.TempDir(), incidentDay
	s, x := openIncidents(t, dir, 1<<20)
	a, b, c := keptOne("aa-1", day, false), keptOne("aa-2", day.Add(time.Minute), true), keptOne("bb-1", day.Add(2*time.Minute), true)
	saveIncidents(t, x, day.Add(time.Hour), c, a, b)
	for id, want := range map[string]*site.KeptIncident{"aa-1": &a, "bb": &c} {
		got, err := ReadIncident(t.Context(), dir, id)
		if diff := cmp.Diff(text(t, want), text(t, &got)); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", id, err, diff)
		}
	}
	for id, want := range map[string]error{"aa": ErrSeveral, "cc": ErrNoIncident, "": ErrNoIncident, "%": ErrNoIncident, "aa-11": ErrNoIncident} {
		if _, err := ReadIncident(t.Context(), dir, id); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", id, err, want)
		}
	}
	if _, err := ReadIncident(t.Context(), dir, "a"); err == nil || err.Error() != "several begin so, the newest is aa-2" {
		t.Errorf("%v", err)
	}
	to := t.TempDir()
	if _, err := Backup(t.Context(), dir, to); err != nil {
		t.Fatal(err)
	}
	if got, damaged := listed(t, to); damaged != 0 || !slices.Equal(got, []string{"aa-1", "aa-2", "bb-1"}) {
		t.Errorf("%v, %d", got, damaged)
	}
	of, _, err := ListIncidentsOf(t.Context(), dir, func(p string) bool { return p == "other" })
	if err != nil || len(of) != 3 {
		t.Fatalf("%d, %v", len(of), err)
	}
	if i, ok := of[0].Of(func(p string) bool { return p == "other" }); !ok || len(i.Alerts) != 1 || i.Line != "its bridge is down" {
		t.Errorf("%+v", i)
	}
	if of, _, err = ListIncidentsOf(t.Context(), dir, func(p string) bool { return p == "no" }); err != nil || len(of) != 0 {
		t.Errorf("%d, %v", len(of), err)
	}
	open, over, damaged, err := x.LoadOpen([]string{"aa-2"})
	if err != nil || damaged != 0 || len(open) != 1 || open[0].Incident.ID != "aa-2" || len(over) != 1 || over[0].Incident.ID != "bb-1" {
		t.Fatalf("%v, %v, %d, %v", open, over, damaged, err)
	}
	if i := over[0].Incident; !time.Time(i.Ended).Equal(day.Add(time.Hour)) || len(i.Steps) != 5 {
		t.Errorf("%+v", i)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// There are never more octets than allowed, the oldest go first and are counted, and
// what is too old goes.
func TestIncidentsAreBounded(t *testing.T) {
	dir, day := t.TempDir(), incidentDay
	const limit = 64 << 10
	s, x := openIncidents(t, dir, limit)
	defer s.Close()
	r := rand.New(rand.NewPCG(1, 2))
	dropped, last := uint64(0), IncidentsUse{}
	for i := range 60 {
		k := keptOne(fmt.Sprintf("%02d", i), day.Add(time.Duration(i)*time.Minute), false)
		for range 200 {
			k.Incident.Steps = append(k.Incident.Steps, site.Step{At: k.Incident.Began, What: fmt.Sprint(r.Uint64())})
		}
		last = saveIncidents(t, x, day.Add(time.Hour), k)
		dropped += last.Dropped
		if last.Bytes > limit {
			t.Fatalf("%+v", last)
		}
	}
	ids, _ := listed(t, dir)
	if len(ids) != last.Rows || len(ids)+int(dropped) != 60 || ids[len(ids)-1] != "59" || len(ids) < 8 {
		t.Errorf("%v, %d dropped, %+v", ids, dropped, last)
	}
	big := keptOne("zz", day, false)
	for range 30_000 {
		big.Incident.Steps = append(big.Incident.Steps, site.Step{What: fmt.Sprint(r.Uint64())})
	}
	if use := saveIncidents(t, x, day.Add(time.Hour), big); use.Dropped != 1 {
		t.Errorf("%+v", use)
	}
	long := keptOne("zy", day, false) // small on disk, and too long to be read again
	long.Incident.Steps = slices.Repeat([]site.Step{{What: strings.Repeat("x", 100)}}, maxText/100)
	if use := saveIncidents(t, x, day.Add(time.Hour), long); use.Dropped != 1 {
		t.Errorf("%+v", use)
	}
	// By the clock of another process, which is believed at the start.
	x = s.Incidents(x.cfg)
	if use := saveIncidents(t, x, day.Add(24*time.Hour+58*time.Minute+90*time.Second)); use.Rows != 1 || use.Dropped != 0 {
		t.Errorf("%+v", use)
	}
}

// A row that cannot be read is counted, and the others are shown.
func TestDamagedIncidentsAreLeftOut(t *testing.T) {
	dir, day := t.TempDir(), incidentDay
	s, x := openIncidents(t, dir, 1<<20)
	defer s.Close()
	for i := range 6 {
		saveIncidents(t, x, day, keptOne(fmt.Sprint("i", i), day.Add(time.Duration(i)*time.Second), true))
	}
	for n, q := range []string{"head = x'00ff', parts = x'', body = x'ff'", "head = x'', parts = x'', body = x''", "projects = '{', head = (SELECT parts FROM incidents WHERE id = 'i5'), body = parts"} {
		if _, err := s.db.Exec(`UPDATE incidents SET `+q+` WHERE id = ?`, fmt.Sprint("i", n)); err != nil {
			t.Fatal(err)
		}
	}
	if ids, damaged := listed(t, dir); damaged != 3 || !slices.Equal(ids, []string{"i3", "i4", "i5"}) {
		t.Errorf("%v, %d", ids, damaged)
	}
	if all, damaged, err := ListIncidentsOf(t.Context(), dir, func(p string) bool { return p == "other" }); err != nil || damaged != 3 || len(all) != 3 {
		t.Errorf("%d, %d, %v", len(all), damaged, err)
	}
	if _, err := ReadIncident(t.Context(), dir, "i0"); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("%v", err)
	}
	open, over, damaged, err := x.LoadOpen([]string{"i0", "i1", "i3"})
	if err != nil || damaged != 3 || len(open) != 1 || len(over) != 2 {
		t.Errorf("%d, %d, %d, %v", len(open), len(over), damaged, err)
	}
}

// A file of an older weir has no incidents, and says so without an error.
func TestIncidentsOfAnOlderFile(t *testing.T) {
	dir := t.TempDir()
	s, _ := openIncidents(t, dir, 1<<20)
	if _, err := s.db.Exec(`DROP TABLE incidents`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if ids, damaged := listed(t, dir); len(ids) != 0 || damaged != 0 {
		t.Errorf("%v, %d", ids, damaged)
	}
	if _, err := ReadIncident(t.Context(), dir, "a"); !errors.Is(err, ErrNoIncident) {
		t.Error(err)
	}
}

// TestEraseTakesFromIncidents: nothing of a project is left in what is kept of an
// incident, and all of the others.
func TestEraseTakesFromIncidents(t *testing.T) {
	dir, day := t.TempDir(), incidentDay
	s, x := openIncidents(t, dir, 1<<20)
	if err := s.SaveTenants([]Tenant{{Project: "secret-project", UUID: "u1", Ports: []Port{{netip.MustParseAddr("10.0.0.1"), "tap-secret"}}}}, day, time.Hour); err != nil {
		t.Fatal(err)
	}
	plain := keptOne("bb", day, false)
	plain.Incident.Alerts, plain.Incident.Steps, plain.Incident.Root, plain.Incident.Children = plain.Incident.Alerts[:1], plain.Incident.Steps[:1], []byte(`{"a":1}`), plain.Incident.Children[1:]
	plain.Incident.Addresses, plain.Parts, plain.Owned = nil, plain.Parts[1:], nil
	saveIncidents(t, x, day, keptOne("aa", day, false), plain)
	if _, err := s.db.Exec(`INSERT INTO incidents SELECT 'cc', began, ended, written, size, projects, head, parts, x'00' FROM incidents WHERE id = 'aa'`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	found, err := FindProject(t.Context(), dir, "secret-project")
	if err != nil || found.Incidents != 1 || !slices.Contains(found.Addresses, netip.MustParseAddr("192.168.7.9")) || !slices.Contains(found.Instances, "u1") {
		t.Errorf("%+v, %v", found, err)
	}
	if ids, _ := listed(t, dir); !slices.Equal(ids, []string{"aa", "bb", "aa"}) { // the last is damaged, but for how it is listed
		t.Errorf("found, and took from %v", ids)
	}
	e, err := EraseProject(t.Context(), dir, "secret-project", Named{}, day)
	if err != nil || e.Incidents != 1 {
		t.Fatalf("%+v, %v", e, err)
	}
	if ids, damaged := listed(t, dir); damaged != 0 || !slices.Equal(ids, []string{"aa", "bb"}) {
		t.Errorf("%v, %d", ids, damaged)
	}
	db, err := openFile(filepath.Join(dir, stateFile), "ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var left string
	rows, err := db.Query(`SELECT projects, head, parts, body FROM incidents`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var projects string
		var blobs [3][]byte
		if err := rows.Scan(&projects, &blobs[0], &blobs[1], &blobs[2]); err != nil {
			t.Fatal(err)
		}
		left += projects
		for _, b := range blobs {
			text, err := inflated(b)
			if err != nil {
				t.Fatal(err)
			}
			left += string(text)
		}
	}
	for text, is := range map[string]bool{
		"secret": false, "u1": false, "192.168.7.9": false, "fa:16:3e:00:00:01": false,
		"u2": true, "other-name": true, "192.168.8.1": true, "forwarding lost": true, "with it 2 instances unreachable": true, "12:00:01.000 start erased": true, `{"a":1}`: true,
	} {
		if strings.Contains(left, text) != is {
			t.Errorf("%q is left: %t, want %t\n%s", text, !is, is, left)
		}
	}
}
