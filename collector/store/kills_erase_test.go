package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"weir/collector/record"
	points "weir/collector/series"
	"weir/collector/store/evidence"
	"weir/collector/store/flows"
	"weir/collector/store/series"
	"weir/decoder"
	"weir/detect"
	"weir/detect/site"
)

// What is erased is a copy of templates that the killing process makes once: a state
// file of each version, and a directory with a project in everything.

const (
	erasedProject = "secret-project"
	erasedUUID    = "0e6f7c1a-5a0b-4f0e-9d3c-2b1a09f8e7d6"
	oldChanges    = 20
	erasedChanges = 15 // of 30
	erasedFlows   = 3000
	erasedPoints  = 150
)

var erasedAddress = netip.MustParseAddr("10.0.0.3")

// makeTemplates makes them.
func (v *victim) makeTemplates() {
	v.must(os.MkdirAll(v.templates, 0o700))
	for version := 1; version < len(migrations); version++ {
		v.oldState(filepath.Join(v.templates, fmt.Sprint("state-", version)), version)
	}
	v.toErase(filepath.Join(v.templates, "erase"))
}

// oldState makes a state file of an older version, with agents and, where it has
// them, changes of alerts.
func (v *victim) oldState(dir string, version int) {
	v.must(os.MkdirAll(dir, 0o700))
	db, err := openFile(filepath.Join(dir, stateFile), "", "journal_mode(WAL)")
	v.must(err)
	defer db.Close()
	s := &Store{db: db, saved: map[agentKey]row{}}
	v.must(s.inTransaction(func(tx *sql.Tx) error {
		for _, m := range migrations[:version] {
			if _, err := tx.Exec(m); err != nil {
				return err
			}
		}
		_, err := tx.Exec(fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d`, applicationID, version))
		return err
	}))
	v.must(s.SaveAgents(crowd(stateRows)))
	if version < 4 {
		return
	}
	v.must(s.inTransaction(func(tx *sql.Tx) error {
		put, err := tx.Prepare(insertRow)
		if err != nil {
			return err
		}
		var state logState
		for i := range oldChanges {
			c, err := newAlertChange(change(i))
			if err != nil {
				return err
			}
			if _, err := state.append(context.Background(), put, &c, day); err != nil {
				return err
			}
		}
		_, err = tx.Exec(`UPDATE alert_log_state SET bytes = ?`, state.bytes)
		return err
	}))
}

// openVersions brings what the process before left of older versions to this one, and
// has older ones brought to it.
func (v *victim) openVersions() {
	state, history := v.path("old-state"), v.path("old-history")
	if _, err := os.Stat(state); err == nil {
		v.newestState(state)
	}
	if _, err := os.Stat(history); err == nil {
		v.newestHistory(history)
	}
	v.work = append(v.work, func() {
		v.copied(filepath.Join(v.templates, fmt.Sprint("state-", 1+v.random.IntN(len(migrations)-1))), state)
		v.next(ofStateVersion, func(uint64) { v.newestState(state) })
		v.must(errors.Join(v.removed(history), os.MkdirAll(history+"~", 0o700)))
		if n := v.random.IntN(len(historySteps)); n > 0 {
			v.must(os.WriteFile(filepath.Join(history+"~", versionFile), fmt.Appendf(nil, "%s%d\n", versionPrefix, n), 0o600))
		}
		v.must(os.Rename(history+"~", history))
		v.next(ofHistoryVersion, func(uint64) { v.newestHistory(history) })
	})
}

func (v *victim) newestState(dir string) {
	s, err := Open(dir)
	v.must(err)
	known, err := s.LoadAgents()
	v.must(err)
	var version int
	v.must(s.db.QueryRow(`PRAGMA user_version`).Scan(&version))
	if len(known) != stateRows || version != len(migrations) {
		v.wrong("a state file of an older version has %d agents, version %d", len(known), version)
	}
	if p := v.wholeChain(dir); p.Changes != 0 && p.Changes != oldChanges {
		v.wrong("a state file of an older version has %d changes of alerts", p.Changes)
	}
	v.must(s.Close())
	v.wholeDatabase(filepath.Join(dir, stateFile))
}

func (v *victim) newestHistory(dir string) {
	h, err := OpenHistory(dir)
	v.must(err)
	n, err := historyVersion(dir)
	if v.must(err); n != len(historySteps) {
		v.wrong("history of an older version is of version %d", n)
	}
	v.must(h.Close())
}

// removed removes a directory, as a whole or not at all.
func (v *victim) removed(dir string) error {
	if err := os.RemoveAll(dir + "~"); err != nil {
		return err
	}
	if err := os.Rename(dir, dir+"~"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dir + "~")
}

// copied copies a directory in place of an earlier copy, as a whole or not at all.
func (v *victim) copied(from, to string) {
	v.must(v.removed(to))
	v.must(os.CopyFS(to+"~", os.DirFS(from)))
	v.must(os.Rename(to+"~", to))
}

// stateToErase makes a state file with things of a project and of others.
func (v *victim) stateToErase(dir string) {
	s, err := Open(dir)
	v.must(err)
	var nodes []SiteNode
	for i := range 5 {
		nodes = append(nodes, SiteNode{fmt.Sprint("10.9.9.", i), day, fmt.Appendf(nil, `{"key":"10.9.9.%d","parts":{"instances":[{"uuid":%q,"project":%q},{"uuid":"u2","project":"other"}]}}`, i, erasedUUID, erasedProject)})
	}
	_, err = s.SaveNodes(nodes, day.Add(-time.Hour))
	v.must(err)
	v.must(s.SaveTenants([]Tenant{{Project: erasedProject, UUID: erasedUUID, Addresses: []netip.Addr{erasedAddress}, Ports: []Port{{netip.MustParseAddr("192.0.2.1"), "tap1"}}}}, day, time.Hour))
	incidents := s.Incidents(IncidentsConfig{MaxBytes: 1 << 20, MaxAge: 24 * time.Hour})
	_, err = incidents.Save([]site.KeptIncident{keptOne("i-1", incidentDay, true), keptOne("i-2", incidentDay, false)}, incidentDay)
	v.must(err)
	l, err := OpenAlertLog(dir, keepAll)
	v.must(err)
	for i := range 2 * erasedChanges {
		a := change(i)
		a.ID = fmt.Sprintf("a-%d", i)
		if i%2 == 0 {
			a.Subject = saidJSON(fmt.Sprintf(`{"type":"instance","uuid":%q,"project":%q,"address":%q}`, erasedUUID, erasedProject, erasedAddress))
		}
		l.Put(a)
	}
	l.flush(day)
	v.must(errors.Join(l.Close(), s.Close()))
}

// toErase makes a directory with that and history.
func (v *victim) toErase(dir string) {
	v.stateToErase(dir)
	history := filepath.Join(dir, "history")
	x := record.NewExchange(2)
	store, err := flows.Open(flowsConfig(history), x)
	v.must(err)
	w, f := x.NewWriter(), &decoder.Flow{Arrival: &decoder.Arrival{}}
	for i := range erasedFlows {
		flowSample(f, i)
		w.Add(f)
	}
	w.Flush()
	ended, end := context.WithCancel(context.Background())
	end()
	store.Run(ended)
	_, err = flows.Open(flowsConfig(history), x) // makes a segment
	v.must(err)

	ring := record.NewRing(false)
	k, err := evidence.Open(evidence.Config{Dir: filepath.Join(dir, "evidence"), MaxBytes: 1 << 20, MaxAge: time.Hour, Agent: oneAgent{}.Agent, Rings: []*record.Ring{ring}})
	v.must(err)
	for j := range 100 {
		ring.Add(packetTo(killDay.Add(time.Duration(j)), fmt.Sprint("10.0.0.", j%4), "10.0.1.1"))
	}
	ring.Flush()
	for i := range 2 * erasedChanges {
		k.Put(&detect.Alert{ID: fmt.Sprintf("a-%d", i), Change: detect.Start, Kind: "large_flow", Subject: saidJSON(`{"victim":"10.0.1.1/32"}`), Evidence: saidJSON("it was so")})
	}
	k.Gather(time.Now())

	run, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	kept, err := series.Open(seriesConfig(v.seriesToErase()))
	v.must(err)
	go func() { kept.Run(run); close(done) }()
	for !kept.Stats().Ready {
		time.Sleep(time.Millisecond)
	}
	var b points.Batch
	for n := 1; n <= erasedPoints; n++ {
		for p := range killPorts {
			addPort(&b, killDay.Add(time.Duration(n)*pointStep), "192.0.2.1", p, float64(n))
		}
		kept.Write(&b)
		b.Reset()
	}
	stop()
	<-done
}

func (v *victim) seriesToErase() string { return filepath.Join(v.disk, "erase-series") }

// openErased erases what the process before left of that, looks whether all is gone
// and nothing else, and has it done again and again.
func (v *victim) openErased() {
	dir := v.path("erase")
	if _, err := os.Stat(dir); err == nil {
		v.erase(dir)
		v.lookAtErased(dir)
	}
	v.work = append(v.work, func() {
		v.must(v.removed(dir)) // which is what says that there is something to erase
		v.copied(filepath.Join(v.templates, "erase-series"), v.seriesToErase())
		v.copied(filepath.Join(v.templates, "erase"), dir)
		v.erase(dir)
	})
}

// erase does what `weir erase` does, in its order: what tells where there is something
// to erase goes last.
func (v *victim) erase(dir string) {
	ctx := context.Background()
	found, err := FindProject(ctx, dir, erasedProject)
	v.must(err)
	about := series.About{Instances: found.Instances, Addresses: found.Addresses}
	for _, p := range found.Ports {
		about.Ports = append(about.Ports, series.Port(p))
	}
	v.next(ofEraseEvidence, func(uint64) {
		_, _, err := evidence.Erase(filepath.Join(dir, "evidence"), found.Alerts, found.Addresses)
		v.must(err)
	})
	v.next(ofEraseFlows, func(uint64) {
		_, err := flows.Erase(ctx, flowsConfig(filepath.Join(dir, "history")), found.Addresses)
		v.must(err)
	})
	v.next(ofEraseSeries, func(uint64) {
		_, err := series.Erase(ctx, seriesConfig(v.seriesToErase()), about)
		v.must(err)
	})
	v.next(ofEraseState, func(uint64) {
		_, err := EraseProject(ctx, dir, erasedProject, Named{}, day)
		v.must(err)
	})
}

// lookAtErased looks at a directory of which a project was erased, perhaps by
// processes that were killed and by a last one.
func (v *victim) lookAtErased(dir string) {
	ctx := context.Background()
	found, err := FindProject(ctx, dir, erasedProject)
	v.must(err)
	if found.Changes+found.Model+found.Incidents+len(found.Instances)+len(found.Addresses) > 0 {
		v.wrong("erase: %+v is left", found)
	}
	if p := v.wholeChain(dir); p.Erased != erasedChanges || p.Changes < 2*erasedChanges {
		v.wrong("erase: %+v, want %d erased changes", p, erasedChanges)
	}
	for _, name := range []string{stateFile, stateFile + "-wal"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil && (bytes.Contains(b, []byte(erasedProject)) || bytes.Contains(b, []byte(erasedUUID))) {
			v.wrong("erase: %s has the project", name)
		}
	}
	files, err := evidence.List(filepath.Join(dir, "evidence"))
	v.must(err)
	if len(files) != erasedChanges {
		v.wrong("erase: %d files of evidence are left, want %d", len(files), erasedChanges)
	}
	for _, f := range files {
		if n := v.headersIn(filepath.Join(dir, "evidence"), f.ID); n != 75 {
			v.wrong("erase: evidence %s has %d headers, want 75", f.ID, n)
		}
	}
	q := flows.Query{From: killDay, To: killDay.Add(10_000 * time.Hour), Add: true, By: []string{"src"}, Samples: true}
	for range 2 { // of samples, and of rollups
		r, err := flows.Scan(ctx, filepath.Join(dir, "history"), q)
		v.must(err)
		if r.Total.Samples != erasedFlows*19/20 || len(r.Rows) != 19 || r.Broken != "" {
			v.wrong("erase: %d flow samples of %d addresses are left, %s", r.Total.Samples, len(r.Rows), r.Broken)
		}
		q.Samples = false
	}
	running, stop := context.WithCancel(ctx)
	var ends sync.WaitGroup
	defer ends.Wait() // until then it writes there
	defer stop()
	left := v.openedSeries(seriesConfig(v.seriesToErase()), func(run func(context.Context)) { ends.Go(func() { run(running) }) })
	if n := v.lookAtSeries(left, killPorts-1); n != erasedPoints {
		v.wrong("erase: the series that are left end with point %d, want %d", n, erasedPoints)
	}
}
