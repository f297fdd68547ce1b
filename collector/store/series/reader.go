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
	db  *tsdb.DBReadOnly
	ask *asking
}

// longest bounds a query of a Reader, which reads the journal each time.
const longest = time.Hour

// OpenReader reads dir, in which it keeps links to files until Close.
func OpenReader(dir string) (*Reader, error) {
	if _, err := os.Stat(filepath.Join(dir, "wal")); err != nil {
		return nil, err
	}
	db, err := tsdb.OpenDBReadOnly(dir, "", nil)
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("history directory %s: cannot be read by this user: %w; ask as the user that runs weir", dir, reason(err))
	}
	if err != nil {
		return nil, err
	}
	return &Reader{db, newAsking(longest)}, nil
}

// Query returns the answer as the query API of Prometheus gives it.
func (r *Reader) Query(ctx context.Context, q *Query) ([]byte, error) {
	var b bytes.Buffer
	err := r.ask.query(ctx, r.db, q, func(v parser.Value) error {
		writeAnswer(bufio.NewWriter(&b), v)
		return nil
	})
	return b.Bytes(), err
}

// Close removes what Open made.
func (r *Reader) Close() error {
	r.ask.close()
	return r.db.Close()
}
