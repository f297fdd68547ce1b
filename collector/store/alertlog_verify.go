package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// AlertProof is what the chain of alert changes says of itself.
type AlertProof struct {
	From            Head        `json:"from"`                       // the first change follows this; its number is 0 where nothing was removed
	RemovedUntil    *time.Time  `json:"removed_until,omitempty"`    // when the last change that was removed had been written
	Head            Head        `json:"head"`                       // the last change
	Changes         uint64      `json:"changes"`                    // there are
	WithoutEvidence uint64      `json:"without_evidence,omitempty"` // whose evidence was removed for its age
	Youngest        *time.Time  `json:"youngest_without,omitempty"` // when the youngest of those had been written
	Lost            uint64      `json:"lost,omitempty"`             // that the collector could not keep, and says so
	Erased          uint64      `json:"erased,omitempty"`           // whose contents were erased, as a later change says
	Checkpoints     int         `json:"checkpoints,omitempty"`      // changes that say what was removed before them
	Deeds           int         `json:"deeds,omitempty"`            // changes that people made: acknowledged, muted, marked, held
	Heads           int         `json:"heads"`                      // known from elsewhere that stand in the chain
	TooOld          int         `json:"too_old,omitempty"`          // known from elsewhere that were removed since
	Break           *ChainBreak `json:"break,omitempty"`            // nil where nothing was changed
}

// TooSoon reports evidence that is gone, though it is not as old as it is kept, which
// the chain does not say: it was removed by hand, unless age was less before.
func (p *AlertProof) TooSoon(age time.Duration, now time.Time) bool {
	return p.Youngest != nil && p.Youngest.After(now.Add(-age))
}

// ChainBreak is the first place where history is not what was written.
type ChainBreak struct {
	N       uint64     `json:"n"`            // of the change
	At      *time.Time `json:"at,omitempty"` // of it, where it is there
	Problem string     `json:"problem"`
}

// Error is the break in one line.
func (b *ChainBreak) Error() string {
	if b.At == nil {
		return fmt.Sprintf("change %d: %s", b.N, b.Problem)
	}
	return fmt.Sprintf("change %d, of %s: %s", b.N, b.At.Format(time.RFC3339), b.Problem)
}

// VerifyAlerts walks the chain of alert changes in a state directory, whether a
// collector runs with it or not, up to the first break. Heads known from
// elsewhere, such as the log, show also what a chain alone cannot: that its end
// was cut off, or that all of it was written anew.
func VerifyAlerts(ctx context.Context, dir string, heads []Head) (*AlertProof, error) {
	db, path, err := readAlertLog(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	// One transaction sees one moment, however long the walk is.
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err == nil {
		defer func() { _ = tx.Rollback() }()
		var p *AlertProof
		if p, err = walk(ctx, tx, heads); err == nil {
			return p, nil
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("state file %s: alert history cannot be read: %w", path, err)
}

func walk(ctx context.Context, tx *sql.Tx, heads []Head) (*AlertProof, error) {
	s, err := loadLogState(ctx, tx)
	if err != nil {
		return nil, err
	}
	p := &AlertProof{From: s.from, Head: s.from}
	if s.from.N > 0 {
		t := time.Unix(0, s.written).UTC()
		p.RemovedUntil = &t
	}
	known, points := newKnownHeads(heads), checkpoints{from: s.from, legacy: s.legacy}
	if p.Break = known.check(p, s.from, nil); p.Break != nil {
		return p, nil
	}
	erased, err := loadErased(ctx, tx)
	if err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, `SELECT `+alertColumns+` FROM alert_log ORDER BY n`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c AlertChange
		var digest, hash []byte
		if err := c.scan(rows, &digest, &hash); err != nil {
			return nil, err
		}
		erased.follow(&c)
		if p.Break = c.follows(p, digest, hash, s.evidenceN, erased.gone[c.N]); p.Break == nil {
			p.Break = known.check(p, p.Head, &c.At)
		}
		if p.Break == nil {
			p.Break = points.follow(&c)
		}
		if p.Break != nil {
			return p, nil
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	p.Checkpoints, p.Deeds = points.n, points.deeds
	if p.Break = points.end(); p.Break == nil {
		p.Break = erased.end()
	}
	if p.Break != nil {
		return p, nil
	}
	if h, more := known.next(); more {
		p.Break = &ChainBreak{N: h.N, Problem: fmt.Sprintf("is known from elsewhere, and history ends with %d: its end was cut off", p.Head.N)}
	}
	return p, nil
}

// follows checks the next change, and moves the head to it.
func (c *AlertChange) follows(p *AlertProof, digest, hash []byte, evidenceN uint64, erased bool) *ChainBreak {
	broken := func(problem string) *ChainBreak { return &ChainBreak{c.N, &c.At, problem} }
	switch {
	case c.N <= p.Head.N:
		return broken(fmt.Sprintf("stands before the place where history begins, which is %d", p.Head.N+1))
	case c.N == p.Head.N+2:
		return &ChainBreak{N: p.Head.N + 1, Problem: "is missing"}
	case c.N > p.Head.N+2:
		return &ChainBreak{N: p.Head.N + 1, Problem: fmt.Sprintf("is missing, and all up to %d", c.N-1)}
	}
	want := c.hash(p.Head.Hash, digest)
	if erased { // what it said cannot be told from its hash
		copy(want[:], hash)
		p.Erased++
	}
	switch sum := sha256.Sum256(c.Evidence); {
	case !slices.Equal(want[:], hash):
		return broken("is not what was written, or the change before it was replaced")
	case erased:
	case c.Evidence != nil && !slices.Equal(sum[:], digest):
		return broken("its evidence is not what was written")
	case c.Evidence == nil && (c.N > evidenceN || c.Seq == 0):
		return broken("its evidence was removed, and not for its age")
	case c.Evidence == nil:
		p.WithoutEvidence++
		if p.Youngest == nil || c.Written.After(*p.Youngest) {
			p.Youngest = &c.Written
		}
	}
	p.Head = Head{c.N, want}
	p.Changes++
	p.Lost += c.Lost
	return nil
}

// knownHeads are heads known from elsewhere, those not yet met.
type knownHeads []Head

func newKnownHeads(heads []Head) knownHeads {
	k := slices.Clone(heads)
	slices.SortFunc(k, func(a, b Head) int {
		if a.N != b.N {
			if a.N < b.N {
				return -1
			}
			return 1
		}
		return slices.Compare(a.Hash[:], b.Hash[:])
	})
	return slices.Compact(k)
}

func (k *knownHeads) next() (Head, bool) {
	if len(*k) == 0 {
		return Head{}, false
	}
	return (*k)[0], true
}

// check compares those that stand where the walk has come to, and passes over
// those of changes that were removed.
func (k *knownHeads) check(p *AlertProof, at Head, when *time.Time) *ChainBreak {
	for h, ok := k.next(); ok && h.N <= at.N; h, ok = k.next() {
		switch {
		case h.N < at.N:
			p.TooOld++
		case h.Hash != at.Hash:
			return &ChainBreak{at.N, when, "has another hash than is known from elsewhere: history was written anew at it or before it"}
		default:
			p.Heads++
		}
		*k = (*k)[1:]
	}
	return nil
}
