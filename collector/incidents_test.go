package collector

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/collector/archive"
	"weir/collector/store"
	"weir/collector/web"
)

// An incident is handed on with all that is known of it, is held over a restart
// and beyond what retention keeps, and is released.
func TestIncidentsAreHeldAndHandedOn(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	r := start(t, cfg)
	r.bridgeFails("127.0.2.10")
	id := r.bridgeLines("start")[0].Incident
	r.eventually("history", func() bool {
		all, err := store.IncidentChanges(t.Context(), cfg.StateDir, id)
		return err == nil && len(all) > 0
	})
	export := func() ([]byte, archive.Proof) {
		t.Helper()
		var b bytes.Buffer
		if err := web.Fetch(t.Context(), cfg.StateDir, "api/v1/incidents/"+id+"/export", &b); err != nil {
			t.Fatal(err)
		}
		p, err := archive.Check(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		return b.Bytes(), p
	}
	body, p := export()
	if p.Folder != "incident-"+id || p.Files < 6 {
		t.Errorf("%+v", p)
	}
	files := unpack(t, body)
	for name, want := range map[string]string{
		"incident.json": id, "timeline.txt": "brq0", "alerts.json": `"bridge_down"`, "about.json": `"configuration_sha256": "`, "flows.csv": ",bytes,low,high,packets,packets_low,packets_high,samples,first,last\n",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s has no %s: %.300s", name, want, files[name])
		}
	}
	var held HeldView
	hold := func(id string) error {
		return web.CallLong(t.Context(), cfg.StateDir, http.MethodPost, "api/v1/incidents/"+id+"/hold", HoldAsk{Note: "police asks"}, &held)
	}
	if err := hold("none"); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	if err := hold(id); err != nil || held.ID != id || held.By == "" || held.Octets == 0 {
		t.Fatalf("%+v, %v", held, err)
	}
	r.app.refreshHeld(time.Now().Add(2 * refreshEvery))
	var kept []HeldView
	if err := web.Ask(t.Context(), cfg.StateDir, "api/v1/held", &kept); err != nil || len(kept) != 1 || kept[0].ID != id || !kept[0].Made.After(held.Made) {
		t.Errorf("%+v, %v", kept, err)
	}
	proof, err := store.VerifyAlerts(t.Context(), cfg.StateDir, nil)
	if err != nil || proof.Break != nil || proof.Deeds != 2 {
		t.Errorf("%+v, %v", proof, err)
	}
	deeds, err := store.QueryAlerts(t.Context(), cfg.StateDir, store.AlertQuery{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour), Changes: []string{"export"}})
	if err != nil || len(deeds.Alerts) != 1 || !strings.Contains(deeds.Alerts[0].Line, "archive "+p.Digest) {
		t.Errorf("the history has no digest %s: %+v, %v", p.Digest, deeds, err)
	}
	r.stop()

	// The history is gone; what is held is not.
	tooOld(t, cfg.StateDir)
	r = start(t, cfg)
	if body, p = export(); p.Files < 6 || !strings.Contains(unpack(t, body)["alerts.json"], `"bridge_down"`) {
		t.Errorf("held: %+v", p)
	}
	release := func() error {
		return web.Call(t.Context(), cfg.StateDir, http.MethodPost, "api/v1/incidents/"+id+"/release", nil, &held)
	}
	id = id[:8] // the beginning is enough
	if _, p = export(); p.Files < 6 {
		t.Errorf("held, by the beginning of its identity: %+v", p)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if err := release(); err == nil || !strings.Contains(err.Error(), "is not held") {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"..%2f..%2fstate.db", "%2e%2e", "x%00y"} {
		if code, _ := r.asks("", "GET", "/api/v1/incidents/"+bad+"/export", ""); code == http.StatusOK {
			t.Errorf("%s is handed on", bad)
		}
	}
}

// unpack returns the files of an archive by their names below its folder.
func unpack(t *testing.T, b []byte) map[string]string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(h.Name, "/")
		files[name] = string(body)
	}
}

// tooOld removes all of the history but what people did, and the model that knows
// the incident.
func tooOld(t *testing.T, dir string) {
	t.Helper()
	damage(t, dir, "DELETE FROM alert_log WHERE seq > 0 OR incident != ''", "DELETE FROM site", "DELETE FROM open_alerts", "DELETE FROM incidents")
}

// damage changes the state file of a directory that nobody holds.
func damage(t *testing.T, dir string, queries ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range queries {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
}
