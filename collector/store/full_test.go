package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/collector/care"
	"weir/collector/store/smalldisk"
	"weir/detect/site"
)

// Whatever is written meets a full disk as a real one tells of it: it is an error that
// says so, what was there is whole, nothing half written stays, and with room again it
// is written.
func TestFullDisk(t *testing.T) {
	text := func(n int) string { // that cannot be deflated
		b := make([]byte, 100_000)
		rand.NewChaCha8([32]byte{byte(n)}).Read(b)
		return fmt.Sprintf("number %d %x", n, b)
	}
	for _, c := range []struct {
		name  string
		write func(s *Store, dir string, n int) error
	}{
		{"agents", func(s *Store, _ string, n int) error {
			known := crowd(3000)
			for i := range known {
				known[i].Name = fmt.Sprint(n, strings.Repeat("x", 100))
			}
			return s.SaveAgents(known)
		}},
		{"open alerts", func(s *Store, _ string, n int) error { return s.SaveAlerts([]OpenAlert{{"key", []byte(text(n))}}) }},
		{"windows", func(s *Store, _ string, n int) error { return s.SaveSite("windows", []byte(text(n))) }},
		{"model", func(s *Store, _ string, n int) error {
			var all []SiteNode
			for i := range 5 {
				all = append(all, SiteNode{fmt.Sprint("node", i), day, []byte(text(n))})
			}
			_, err := s.SaveNodes(all, day.Add(-time.Hour))
			return err
		}},
		{"instances", func(s *Store, _ string, n int) error {
			return s.SaveTenants([]Tenant{{Project: text(n), UUID: "u"}}, day, time.Hour)
		}},
		{"incidents", func(s *Store, _ string, n int) error {
			var all []site.KeptIncident
			for i := range 5 {
				k := keptOne(fmt.Sprint("i", i, "-", n), incidentDay, true)
				k.Incident.Line = text(n)
				all = append(all, k)
			}
			_, err := s.Incidents(IncidentsConfig{MaxBytes: 4 << 20, MaxAge: 24 * time.Hour}).Save(all, incidentDay)
			return err
		}},
		{"backup", func(_ *Store, dir string, n int) error {
			to := filepath.Join(dir, fmt.Sprint("backup-", n))
			if err := os.Mkdir(to, 0o700); err != nil {
				return err
			}
			_, err := Backup(context.Background(), dir, to)
			if left, gerr := filepath.Glob(filepath.Join(to, "*")); err != nil && len(left) > 0 {
				return fmt.Errorf("%v is left: %w", left, gerr)
			}
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := smalldisk.Mount(t, 6<<20)
			s := open(t, dir)
			if err := c.write(s, dir, 1); err != nil {
				t.Fatal(err)
			}
			free := smalldisk.Fill(t, dir, 0)
			fails := 0
			for n := 2; n < 40 && fails == 0; n++ { // some fit into what the files have
				if err := c.write(s, dir, n); err != nil {
					if fails++; !strings.Contains(err.Error(), "full") && !errors.Is(err, syscall.ENOSPC) {
						t.Fatal(err)
					}
				}
			}
			if fails == 0 {
				t.Fatal("a full disk takes everything")
			}
			v := &victim{test: t, label: "full"}
			v.wholeDatabase(filepath.Join(dir, stateFile))
			free()
			for n := 50; n < 53; n++ {
				if err := c.write(s, dir, n); err != nil {
					t.Fatal(err)
				}
			}
			v.wholeDatabase(filepath.Join(dir, stateFile))
		})
	}
}

// Changes of alerts wait for room in memory, and what people do is in force meanwhile.
func TestAlertsWaitForAFullDisk(t *testing.T) {
	dir := smalldisk.Mount(t, 4<<20)
	var told []error
	cfg := keepAll
	cfg.Report = func(err error) { told = append(told, err) }
	l := alertLog(t, dir, cfg)
	write(t, l, 0, 50, day)
	free := smalldisk.Fill(t, dir, 0)
	sent := 50
	for ; l.Stats().Err == "" && sent < 50_000; sent += 500 { // some fit into what the files have
		for i := sent; i < sent+500; i++ {
			l.Put(change(i))
		}
		l.flush(day)
	}
	if st := l.Stats(); !strings.Contains(st.Err, "full") || st.Queued == 0 || st.Lost != 0 || len(told) != 1 || told[0] == nil {
		t.Fatalf("full: %+v, told %v", st, told)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	if err := l.Deed(ctx, AlertChange{ID: "a-1"}, care.Deed{Do: care.Ack, At: day, By: "Ada"}); !errors.Is(err, ErrWaits) {
		t.Errorf("a deed: %v", err)
	}
	if p := verify(t, dir); p.Break != nil || p.Changes < 50 {
		t.Errorf("full: %+v", p)
	}
	free()
	l.flush(day)
	p := verify(t, dir, l.Stats().Head)
	if st := l.Stats(); st.Err != "" || st.Queued != 0 || st.Lost != 0 || p.Break != nil || p.Changes != uint64(sent)+1 || p.Deeds != 1 || len(told) != 2 {
		t.Errorf("with room: %+v, %+v; %d were sent", st, p, sent)
	}
}

// A directory of an older version, and one of which a project is to be erased, stay as
// they are where there is no room, and can be tried again.
func TestOlderVersionsAndErasingOnAFullDisk(t *testing.T) {
	dir := smalldisk.Mount(t, 16<<20)
	v := &victim{templates: filepath.Join(dir, "templates"), disk: filepath.Join(dir, "templates"), test: t, label: "full", fate: fate{kind: -1}}
	for version := 1; version < len(migrations); version++ {
		v.oldState(filepath.Join(dir, fmt.Sprint("state-", version)), version)
	}
	erasing := filepath.Join(dir, "erasing")
	v.stateToErase(erasing)
	history := filepath.Join(dir, "history")
	if err := errors.Join(os.Mkdir(history, 0o700), os.WriteFile(filepath.Join(history, versionFile), []byte(versionPrefix+"1\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	free := smalldisk.Fill(t, dir, 0)
	full := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "full") && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for version := 1; version < len(migrations); version++ {
		s, err := Open(filepath.Join(dir, fmt.Sprint("state-", version)))
		if full(fmt.Sprint("state of version ", version), err); err == nil {
			s.Close()
		}
	}
	_, err := OpenHistory(history)
	full("history", err)
	_, err = EraseProject(t.Context(), erasing, erasedProject, Named{}, day)
	full("erase", err)
	free()
	for version := 1; version < len(migrations); version++ {
		v.newestState(filepath.Join(dir, fmt.Sprint("state-", version)))
	}
	v.newestHistory(history)
	if e, err := EraseProject(t.Context(), erasing, erasedProject, Named{}, day); err != nil || e.Changes == 0 {
		t.Errorf("%+v, %v", e, err)
	}
	if p := verify(t, erasing); p.Break != nil || p.Erased != erasedChanges {
		t.Errorf("%+v", p)
	}
}
