package store

import (
	"encoding/binary"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What a process is killed in: parts of kinds of writes.
const (
	ofJournal = iota
	ofSegment
	ofMinutes
	ofHours
	ofSamples
	ofBlocks
	ofAlertLog
	ofAgents
	ofOpenAlerts
	ofWindows
	ofModel
	ofTenants
	ofIncidents
	ofEvidence
	ofBackup
	ofStateVersion
	ofHistoryVersion
	ofEraseEvidence
	ofEraseFlows
	ofEraseSeries
	ofEraseState
	killParts
)

// Parts are of groups: a process writes some of them.
const (
	inState = 1 << iota
	inFlows
	inSeries
	inEvidence
	inVersions
	inErasing
	groups = iota
)

// killed names the parts, by kind.
var killed = [killParts]struct {
	kind, name string
	group      int
}{
	ofJournal:        {"flow journal", "", inFlows},
	ofSegment:        {"flow segment", "", inFlows},
	ofMinutes:        {"rollups", "of minutes", inFlows},
	ofHours:          {"rollups", "of an hour", inFlows},
	ofSamples:        {"series journal", "", inSeries},
	ofBlocks:         {"series blocks", "", inSeries},
	ofAlertLog:       {"alert log", "and acknowledgements", inState},
	ofAgents:         {"state", "known agents", inState},
	ofOpenAlerts:     {"state", "open alerts", inState},
	ofWindows:        {"state", "maintenance windows", inState},
	ofModel:          {"state", "model of the site", inState},
	ofTenants:        {"state", "instances of projects", inState},
	ofIncidents:      {"state", "incidents", inState},
	ofBackup:         {"backup", "", inState},
	ofEvidence:       {"evidence", "", inEvidence},
	ofStateVersion:   {"older version", "of the state", inVersions},
	ofHistoryVersion: {"older version", "of the history", inVersions},
	ofEraseEvidence:  {"erase", "evidence", inErasing},
	ofEraseFlows:     {"erase", "flow samples", inErasing},
	ofEraseSeries:    {"erase", "series", inErasing},
	ofEraseState:     {"erase", "state", inErasing},
}

// page is memory that a process shares with the one that kills it: of each kind the
// number of the write that is under way and of the last that is done, so that what
// was done is known to the instruction, whatever the pipes between them hold. Numbers
// begin with 1 and grow; each kind belongs to one goroutine.
type page []byte

const (
	pageKind  = 32                   // octets of a kind: under way, done, when it began, how long it took
	pageReady = killParts * pageKind // whether the process has looked at what there was
	pageCut   = pageReady + 8        // whether several were under way: a file is cut
	pageHeads = pageCut + 8          // of the alert log, those of the last two numbers
	pageBytes = pageHeads + 2*8 + 2*32
)

// openPage maps the page of a file, which it makes where it is missing.
func openPage(t testing.TB, path string) page {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(pageBytes); err != nil {
		t.Fatal(err)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, pageBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (p page) get(at int) uint64    { return binary.LittleEndian.Uint64(p[at:]) }
func (p page) set(at int, n uint64) { binary.LittleEndian.PutUint64(p[at:], n) }

// begin notes that a write begins, end that it is done.
func (p page) begin(kind int, n uint64) {
	p.set(kind*pageKind+16, uint64(time.Now().UnixNano()))
	p.set(kind*pageKind, n)
}

func (p page) end(kind int, n uint64) {
	p.set(kind*pageKind+24, uint64(time.Now().UnixNano())-p.get(kind*pageKind+16))
	p.set(kind*pageKind+8, n)
}

// took is how long the last write of a kind took.
func (p page) took(kind int) time.Duration { return time.Duration(p.get(kind*pageKind + 24)) }

// done is the number of the last write that is done, and under that of one that was
// under way when the process ended, 0 none.
func (p page) done(kind int) uint64 { return p.get(kind*pageKind + 8) }

func (p page) under(kind int) uint64 {
	if n := p.get(kind * pageKind); n > p.done(kind) {
		return n
	}
	return 0
}

// is reports whether what is found of a kind is what was done last, or what was
// under way.
func (p page) is(kind int, found uint64) bool {
	return found == p.done(kind) || found != 0 && found == p.under(kind) || p.get(pageCut) != 0 && found > p.done(kind) && found < p.under(kind)
}

// settle takes what was found as done: the next process goes on from there. How long
// a write takes is what the last that was done took, not the time between processes.
func (p page) settle(kind int, found uint64) {
	p.set(kind*pageKind+8, found)
	p.begin(kind, 0)
}

func (p page) setHead(n uint64, h Head) {
	at := pageHeads + int(n%2)*40
	p.set(at, h.N)
	copy(p[at+8:], h.Hash[:])
}

func (p page) head(n uint64) (h Head) {
	at := pageHeads + int(n%2)*40
	h.N = p.get(at)
	copy(h.Hash[:], p[at+8:])
	return h
}
