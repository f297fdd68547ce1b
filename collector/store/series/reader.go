package series

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
)

// Reader answers from the files of a directory that no collector has open.
type Reader struct {
	dir string
	ask *asking
}

// longest bounds a query of a Reader, which reads the journal each time.
const longest = time.Hour

// OpenReader returns what reads dir.
func OpenReader(dir string) (*Reader, error) {
	if _, err := os.Stat(filepath.Join(dir, "wal")); err != nil {
		return nil, err
	}
	a := newAsking(longest, maxSamples)
	a.whole = true // each part would read the journal, and not at the same time
	return &Reader{dir, a}, nil
}

// Query returns the answer as the query API of Prometheus gives it. It keeps
// links to files in the directory meanwhile.
func (r *Reader) Query(ctx context.Context, q *Query) ([]byte, error) {
	var b bytes.Buffer
	err := r.read(func(db *tsdb.DBReadOnly) error {
		return r.ask.query(ctx, db, q, func(v parser.Value) error {
			writeAnswer(bufio.NewWriter(&b), v)
			return nil
		})
	})
	return b.Bytes(), err
}

// read opens the directory for as long as use takes.
func (r *Reader) read(use func(*tsdb.DBReadOnly) error) (err error) {
	db, err := tsdb.OpenDBReadOnly(r.dir, "", nil)
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("history directory %s: cannot be read by this user: %w; ask as the user that runs weir", r.dir, reason(err))
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return use(db)
}
