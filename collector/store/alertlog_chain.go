package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/collector/care"
	"weir/detect"
)

// alertLogSchema is the history of alerts: rows are appended, and every row's
// hash covers the one before it.
const alertLogSchema = `CREATE TABLE alert_log (
		n        INTEGER PRIMARY KEY,    -- place in the chain, from 1 without a gap
		written  INTEGER NOT NULL,       -- ns since 1970, when the collector wrote it
		at       INTEGER NOT NULL,       -- ns since 1970, of the change
		id       TEXT NOT NULL,          -- of the alert
		seq      INTEGER NOT NULL,       -- counts the changes of the alert
		change   TEXT NOT NULL,
		kind     TEXT NOT NULL,
		state    TEXT NOT NULL,
		severity TEXT NOT NULL,
		flapping INTEGER NOT NULL,
		reason   TEXT NOT NULL,
		incident TEXT NOT NULL,
		line     TEXT NOT NULL,          -- for people
		subject  TEXT NOT NULL,          -- JSON
		lost     INTEGER NOT NULL,       -- changes just before it that could not be kept
		evidence TEXT,                   -- JSON; NULL once it is older than is wanted
		digest   BLOB NOT NULL,          -- SHA-256 of evidence
		hash     BLOB NOT NULL,          -- SHA-256 of the hash before, all columns above but evidence, and digest
		size     INTEGER NOT NULL        -- octets it takes, about
	) STRICT;
	CREATE INDEX alert_log_at ON alert_log (at);
	CREATE TABLE alert_log_state (
		one        INTEGER PRIMARY KEY CHECK (one = 1),
		n          INTEGER NOT NULL,     -- the last row that was removed for its age or for room; 0 none
		hash       BLOB NOT NULL,        -- of it: the first row's hash covers it
		written    INTEGER NOT NULL,     -- of it
		evidence_n INTEGER NOT NULL,     -- the last row whose evidence was removed
		bytes      INTEGER NOT NULL      -- sum of size
	) STRICT;
	INSERT INTO alert_log_state VALUES (1, 0, zeroblob(32), 0, 0, 0)`

// Hash is one link of the chain.
type Hash [sha256.Size]byte

// Head is a place in the chain of alert changes and the hash that stands there.
// Whoever knows an older one can tell whether history was changed since.
type Head struct {
	N    uint64
	Hash Hash
}

// String is the place, a colon and the hash in hexadecimal digits.
func (h Head) String() string {
	return strconv.FormatUint(h.N, 10) + ":" + hex.EncodeToString(h.Hash[:])
}

// MarshalText implements encoding.TextMarshaler.
func (h Head) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// ParseHead reads what String writes.
func ParseHead(s string) (h Head, err error) {
	n, digits, _ := strings.Cut(s, ":")
	if h.N, err = strconv.ParseUint(n, 10, 63); err == nil && len(digits) == 2*len(h.Hash) {
		if _, err = hex.Decode(h.Hash[:], []byte(digits)); err == nil {
			return h, nil
		}
	}
	return Head{}, fmt.Errorf("%q: no head of the alert history; write its number, a colon and 64 hexadecimal digits, as the log has it", s)
}

// AlertChange is one change of one alert as history has it.
type AlertChange struct {
	N        uint64          `json:"n"` // place in the chain
	At       time.Time       `json:"at"`
	Written  time.Time       `json:"written"` // by the collector
	ID       string          `json:"id"`
	Seq      uint64          `json:"seq"`
	Change   string          `json:"change"`
	Kind     string          `json:"kind"`
	State    string          `json:"state"`
	Severity string          `json:"severity"`
	Flapping bool            `json:"flapping,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Incident string          `json:"incident,omitempty"`
	Line     string          `json:"line"`
	Lost     uint64          `json:"lost,omitempty"` // changes just before it that could not be kept
	Subject  json.RawMessage `json:"subject"`
	Evidence json.RawMessage `json:"evidence"`       // null once it is older than evidence is kept
	Care     *care.Care      `json:"care,omitempty"` // of the alert now; no part of the chain
}

// maxEvidence bounds the evidence of one change, in octets; a longer one is
// replaced by its length.
const maxEvidence = 256 << 10

// newAlertChange writes an alert down.
func newAlertChange(a *detect.Alert) (AlertChange, error) {
	c := AlertChange{
		At: a.At, ID: a.ID, Seq: a.Seq, Change: string(a.Change), Kind: string(a.Kind), State: string(a.State),
		Severity: string(a.Severity), Flapping: a.Flapping, Reason: a.Reason, Incident: a.Incident, Line: a.Line(),
	}
	var err error
	if c.Subject, err = json.Marshal(a.Subject); err != nil {
		return c, err
	}
	if c.Evidence, err = json.Marshal(a.Evidence); err != nil {
		return c, err
	}
	if n := len(c.Evidence); n > maxEvidence {
		c.Evidence = fmt.Appendf(nil, `{"left_out_octets":%d}`, n)
	}
	return c, nil
}

// hash returns the change's link of the chain after prev, with the digest of
// its evidence. Texts are hashed with their lengths, so that none can move into
// its neighbour.
func (c *AlertChange) hash(prev Hash, digest []byte) Hash {
	b := append(make([]byte, 0, 512), prev[:]...)
	flapping := uint64(0)
	if c.Flapping {
		flapping = 1
	}
	for _, v := range []uint64{c.N, uint64(c.Written.UnixNano()), uint64(c.At.UnixNano()), c.Seq, flapping, c.Lost} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	for _, s := range []string{c.ID, c.Change, c.Kind, c.State, c.Severity, c.Reason, c.Incident, c.Line, string(c.Subject)} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return sha256.Sum256(append(b, digest...))
}

// rowOverhead is what a row takes beside its texts: numbers, two hashes, the
// index, and what pages leave unused.
const rowOverhead = 320

// size is about how many octets of the file the change takes.
func (c *AlertChange) size() int64 {
	return int64(rowOverhead + len(c.ID) + len(c.Change) + len(c.Kind) + len(c.State) + len(c.Severity) + len(c.Reason) +
		len(c.Incident) + len(c.Line) + len(c.Subject) + len(c.Evidence))
}
