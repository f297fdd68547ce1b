package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// alertDeedsSchema finds rows that are no change of an alert, and knows files
// whose rows were removed before removals left a row themselves.
const alertDeedsSchema = `CREATE INDEX alert_log_deeds ON alert_log (n) WHERE seq = 0;
	ALTER TABLE alert_log_state ADD COLUMN legacy INTEGER NOT NULL DEFAULT 0;
	UPDATE alert_log_state SET legacy = (n > 0)`

// checkpoint is the change of a row that retention leaves. Without one, nobody
// can have removed the beginning of history but by force.
const checkpoint = "checkpoint"

// Why rows were removed.
const (
	causeAge     = "age"
	causeRoom    = "room"
	causeLegacy  = "before there were checkpoints"
	causeUnknown = "unknown"
)

// removal is the subject of a checkpoint.
type removal struct {
	After   uint64 `json:"after"`              // the last row that had been removed before
	Until   Head   `json:"until"`              // the last row that is removed now
	Written string `json:"written,omitempty"`  // of it
	Before  uint64 `json:"previous,omitempty"` // row of the checkpoint before
	Cause   string `json:"cause"`
}

// check appends a checkpoint where rows were removed.
func (l *AlertLog) check(ctx context.Context, tx *sql.Tx, s *logState, now time.Time) error {
	after := l.state.from.N
	switch {
	case s.legacy && s.cause == "":
		s.cause, after = causeLegacy, 0
	case s.legacy:
		after = 0
	case s.cause == "":
		return nil
	}
	r := removal{After: after, Until: s.from, Written: time.Unix(0, s.written).UTC().Format(time.RFC3339), Before: s.checked, Cause: s.cause}
	subject, err := json.Marshal(r)
	if err != nil {
		return err
	}
	put, err := tx.PrepareContext(ctx, insertRow)
	if err != nil {
		return err
	}
	defer put.Close()
	c := AlertChange{
		At: now, ID: checkpoint, Change: checkpoint, Kind: "alert_history", Severity: "info", Subject: subject, Evidence: []byte("{}"),
		Line: fmt.Sprintf("the first %d changes were removed, the last written %s: %s", s.from.N, r.Written, s.cause),
	}
	if _, err = s.append(ctx, put, &c, now); err == nil {
		s.checked, s.cause, s.legacy = c.N, "", false
	}
	return err
}

// checkpoints follows those of a chain.
type checkpoints struct {
	from     Head
	legacy   bool
	n, deeds int
	last     removal
	lastN    uint64
}

func (p *checkpoints) follow(c *AlertChange) *ChainBreak {
	if c.Seq != 0 {
		return nil
	}
	if c.Change != checkpoint {
		if c.Change != eraseChange {
			p.deeds++
		}
		return nil
	}
	broken := func(problem string) *ChainBreak { return &ChainBreak{c.N, &c.At, problem} }
	var r removal
	if err := json.Unmarshal(c.Subject, &r); err != nil {
		return broken("is no checkpoint that can be read")
	}
	switch {
	case r.Cause == causeUnknown:
		return broken(fmt.Sprintf("all changes up to %d were gone, and not by retention", r.Until.N))
	case r.After > 0 && r.Before == 0, r.Before > p.from.N && p.n == 0, p.n > 0 && (r.Before != p.lastN || r.After != p.last.Until.N):
		return broken(fmt.Sprintf("changes up to %d were removed before it, and no checkpoint of retention says so", r.After))
	}
	p.last, p.lastN = r, c.N
	p.n++
	return nil
}

// end reports a beginning that was cut off without a checkpoint.
func (p *checkpoints) end() *ChainBreak {
	if p.from.N == 0 || p.legacy || p.n > 0 && p.last.Until == p.from {
		return nil
	}
	return &ChainBreak{N: p.from.N, Problem: "is the last of those that were removed, and no checkpoint of retention says so: the beginning was cut off"}
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Head) UnmarshalText(b []byte) (err error) {
	*h, err = ParseHead(string(b))
	return err
}
