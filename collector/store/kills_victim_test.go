package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/collector/care"
	"weir/detect/site"
)

// victim is a process that writes everything that history and state consist of, all
// killParts at the same time, until it is killed. It begins with a look at what the one
// before it left: what was done is there, what was under way is there or not, and
// nothing else is.
type victim struct {
	dir       string // of this process and those before and after it
	disk      string // beside dir, for time series: they reserve 128 MB, which memory has to find
	templates string
	page      page
	groups    int // of kinds that it writes
	random    *rand.Rand
	work      []func() // each in a goroutine of its own, again and again
	fate      fate

	running context.Context // of what runs beside it
	ends    sync.WaitGroup
	closes  []func() error

	test  *testing.T // nil in a process of its own
	label string     // of what the test does
}

// fate is in which write a process dies, and how.
type fate struct {
	kind  int          // -1 none: it is killed from outside
	skip  atomic.Int64 // of the kind, before that
	die   func(took time.Duration) error
	begun atomic.Bool // it writes
}

// begin, end, done and next are those of the page; a write may be the one to die in.
func (v *victim) begin(kind int, n uint64) {
	v.page.begin(kind, n)
	if kind == v.fate.kind && v.fate.begun.Load() && v.fate.skip.Add(-1) == -1 {
		v.must(v.fate.die(v.page.took(kind)))
	}
}

func (v *victim) end(kind int, n uint64) { v.page.end(kind, n) }
func (v *victim) done(kind int) uint64   { return v.page.done(kind) }

// next runs a write of a kind under the next number.
func (v *victim) next(kind int, write func(n uint64)) {
	n := v.done(kind) + 1
	v.begin(kind, n)
	write(n)
	v.end(kind, n)
}

// wrong ends the process, or the test where it is one, with what is not as it must be.
func (v *victim) wrong(format string, args ...any) {
	if v.test != nil {
		v.test.Helper()
		v.test.Fatalf(v.label+": "+format, args...)
	}
	fmt.Fprintf(os.Stderr, "wrong: "+format+"\n", args...)
	os.Exit(1)
}

// must ends the process where something failed.
func (v *victim) must(err error) {
	if err != nil {
		v.wrong("%v", err)
	}
}

// runs has something run beside the writing.
func (v *victim) runs(run func(context.Context)) {
	v.ends.Go(func() { run(v.running) })
}

// close ends what runs, of a test.
func (v *victim) close(stop func()) {
	stop()
	v.ends.Wait()
	for _, c := range slices.Backward(v.closes) {
		v.must(c())
	}
}

func (v *victim) path(name string) string { return filepath.Join(v.dir, name) }

// found compares what is there of a kind with what was done.
func (v *victim) found(kind int, n uint64) {
	if !v.page.is(kind, n) {
		v.wrong("%s: number %d is there; %d was done, %d was under way", nameOf(kind), n, v.page.done(kind), v.page.under(kind))
	}
	v.page.settle(kind, n)
}

// live looks at what there is, and writes until it is killed.
func (v *victim) live() {
	history, err := OpenHistory(v.path("history"))
	v.must(err)
	defer history.Close()
	for i, part := range [groups]struct {
		open func()
		dirs []string
	}{
		{v.openState, []string{v.path("state"), v.path("backups")}}, {v.openFlows, []string{v.path("history")}}, {v.openSeries, []string{filepath.Join(v.disk, "series")}},
		{v.openEvidence, []string{v.path("evidence")}}, {v.openVersions, []string{v.path("old-state"), v.path("old-history")}},
		{v.openErased, []string{v.path("erase"), v.seriesToErase()}},
	} {
		if v.groups&(1<<i) != 0 {
			before := v.leftovers(part.dirs)
			part.open()
			for path, written := range v.leftovers(part.dirs) {
				if was, ok := before[path]; ok && was.Equal(written) { // else what runs since has begun one of that name
					v.wrong("%s is left", path)
				}
			}
		}
	}
	for kind := range killParts {
		if v.groups&killed[kind].group != 0 {
			v.page.begin(kind, 0)
		}
	}
	v.page.set(pageReady, 1)
	v.fate.begun.Store(true)
	for _, work := range v.work {
		go func() {
			for {
				work()
				time.Sleep(200 * time.Microsecond)
			}
		}()
	}
	forever()
}

// forever waits for the kernel to kill the process. (The runtime takes one in which
// nothing can happen any more for a deadlock, and ends it first.)
func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

// leftovers lists what is half written below directories, and when it was written.
// Nothing is set aside there.
func (v *victim) leftovers(dirs []string) map[string]time.Time {
	all := map[string]time.Time{}
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, _ error) error { // some go meanwhile
			switch name := filepath.Base(path); {
			case name == "room.tmp": // is always the same
			case strings.HasSuffix(name, ".bad"):
				v.wrong("%s is set aside", path)
			case strings.HasSuffix(name, newSuffix), strings.Contains(name, ".tmp"), name == "wal.keep":
				if info, err := e.Info(); err == nil {
					all[path] = info.ModTime()
				}
			}
			return nil
		})
	}
	return all
}

// wholeDatabase has SQLite look at a file.
func (v *victim) wholeDatabase(path string) {
	db, err := openFile(path, "ro", "busy_timeout(5000)")
	v.must(err)
	defer db.Close()
	var says string
	v.must(db.QueryRow(`PRAGMA integrity_check`).Scan(&says))
	if says != "ok" {
		v.wrong("%s: %s", path, says)
	}
}

// wholeChain verifies the alerts of a state directory.
func (v *victim) wholeChain(dir string, heads ...Head) *AlertProof {
	p, err := VerifyAlerts(context.Background(), dir, heads)
	v.must(err)
	if p.Break != nil {
		v.wrong("%s: %v", dir, p.Break)
	}
	return p
}

const stateRows = 10

// openState looks at the state file.
func (v *victim) openState() {
	dir := v.path("state")
	s, err := Open(dir)
	v.must(err)
	v.wholeDatabase(filepath.Join(dir, stateFile))
	v.closes = append(v.closes, s.Close)
	incidents := s.Incidents(IncidentsConfig{MaxBytes: 1 << 20, MaxAge: 24 * time.Hour})
	var ids []string
	for i := range stateRows {
		ids = append(ids, fmt.Sprintf("i%d-1", i))
	}
	v.lookAtState(s, incidents, ids)
	v.work = append(v.work, func() { v.writeState(s, incidents, ids) })
	v.openAlerts(dir)
	v.openBackups()
}

// same reads the number that each of some texts has, which is the same.
func (v *victim) same(kind int, texts []string, want int) {
	n := uint64(0)
	for i, text := range texts {
		var m uint64
		if _, err := fmt.Sscanf(text, "number %d", &m); err != nil || i > 0 && m != n {
			v.wrong("%s: %q beside number %d", nameOf(kind), text, n)
		}
		n = m
	}
	if len(texts) != want && (len(texts) > 0 || v.page.done(kind) > 0) {
		v.wrong("%s: %d are there, want %d", nameOf(kind), len(texts), want)
	}
	v.found(kind, n)
}

func (v *victim) lookAtState(s *Store, incidents *Incidents, ids []string) {
	var texts []string
	known, err := s.LoadAgents()
	v.must(err)
	for _, k := range known {
		texts = append(texts, k.Name)
	}
	v.same(ofAgents, texts, stateRows)

	texts = nil
	alerts, err := s.LoadAlerts()
	v.must(err)
	for _, a := range alerts {
		texts = append(texts, string(a.Body))
	}
	v.same(ofOpenAlerts, texts, stateRows)

	texts = nil
	body, err := s.LoadSite("windows")
	v.must(err)
	if body != nil {
		texts = append(texts, string(body))
	}
	v.same(ofWindows, texts, 1)

	texts = nil
	damaged, err := s.LoadNodes(func(b []byte) { texts = append(texts, string(b)) })
	v.must(err)
	if damaged > 0 {
		v.wrong("%d nodes cannot be read", damaged)
	}
	v.same(ofModel, texts, stateRows)

	texts = nil
	body, err = s.LoadSite(tenantState)
	v.must(err)
	var tenants []Tenant
	if body != nil {
		v.must(json.Unmarshal(body, &tenants))
	}
	for _, t := range tenants {
		texts = append(texts, t.Project)
	}
	v.same(ofTenants, texts, stateRows)

	texts = nil
	open, _, damaged, err := incidents.LoadOpen(ids)
	v.must(err)
	if damaged > 0 {
		v.wrong("%d incidents cannot be read", damaged)
	}
	for _, k := range open {
		texts = append(texts, k.Incident.Line)
	}
	v.same(ofIncidents, texts, stateRows)
}

// writeState writes each part of the state file once, in turn as a collector does.
func (v *victim) writeState(s *Store, incidents *Incidents, ids []string) {
	text := func(n uint64) string { return fmt.Sprintf("number %d %s", n, strings.Repeat("x", int(n%500))) }
	known := crowd(stateRows)
	v.next(ofAgents, func(n uint64) {
		for i := range known {
			known[i].Name = text(n)
		}
		v.must(s.SaveAgents(known))
	})
	v.next(ofOpenAlerts, func(n uint64) {
		var all []OpenAlert
		for i := range stateRows {
			all = append(all, OpenAlert{fmt.Sprint("key", i), []byte(text(n))})
		}
		v.must(s.SaveAlerts(all))
	})
	v.next(ofWindows, func(n uint64) { v.must(s.SaveSite("windows", []byte(text(n)))) })
	v.next(ofModel, func(n uint64) {
		var all []SiteNode
		for i := range stateRows {
			all = append(all, SiteNode{fmt.Sprint("node", i), day, []byte(text(n))})
		}
		refused, err := s.SaveNodes(all, day.Add(-time.Hour))
		if v.must(err); refused > 0 {
			v.wrong("%d nodes are refused", refused)
		}
	})
	v.next(ofTenants, func(n uint64) {
		var all []Tenant
		for i := range stateRows {
			all = append(all, Tenant{Project: text(n), UUID: fmt.Sprint("uuid", i)})
		}
		v.must(s.SaveTenants(all, day, 24*time.Hour))
	})
	v.next(ofIncidents, func(n uint64) {
		var all []site.KeptIncident
		for _, id := range ids {
			k := keptOne(id, incidentDay, true)
			k.Incident.Line = text(n)
			all = append(all, k)
		}
		_, err := incidents.Save(all, incidentDay)
		v.must(err)
	})
}

// openAlerts looks at the alert log. Its changes are written in batches, each with an
// acknowledgement, and the oldest removed at the limit.
func (v *victim) openAlerts(dir string) {
	done := v.page.done(ofAlertLog)
	var heads []Head
	if done > 0 {
		heads = append(heads, v.page.head(done))
	}
	p := v.wholeChain(dir, heads...)
	if p.Heads+p.TooOld != len(heads) || p.TooOld > 0 && v.page.under(ofAlertLog) == 0 {
		v.wrong("alert log: %+v; want %v", p, heads)
	}
	book, err := ReadCare(context.Background(), dir)
	v.must(err)
	acknowledged := uint64(0)
	if c := book.Of("a-1", time.Now()); c != nil && c.Ack != nil {
		_, err := fmt.Sscan(c.Ack.Note, &acknowledged)
		v.must(err)
	}
	v.found(ofAlertLog, acknowledged)
	if acknowledged > done {
		v.page.setHead(acknowledged, p.Head)
	}
	l, err := OpenAlertLog(dir, AlertLogConfig{MaxBytes: 200 << 10, MaxAge: time.Hour, EvidenceAge: time.Hour})
	v.must(err)
	v.runs(l.Run)
	v.closes = append(v.closes, l.Close)
	i := 0
	v.work = append(v.work, func() {
		v.next(ofAlertLog, func(n uint64) {
			for range 1 + n%30 {
				l.Put(change(i))
				i++
			}
			v.must(l.Deed(context.Background(), AlertChange{ID: "a-1", Incident: "i-1"}, care.Deed{Do: care.Ack, At: time.Now(), By: "Ada", Note: fmt.Sprint(n)}))
			for l.Stats().Queued > 0 {
				time.Sleep(10 * time.Microsecond)
			}
			v.page.setHead(n, l.Stats().Head)
		})
	})
}
