package flows

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"weir/collector/record"
	"weir/collector/store/columnar"
	"weir/detect/rules"
)

// Scan reads a directory, which a collector may be writing. Reading ends early
// with ctx.
func Scan(ctx context.Context, dir string, q Query) (*Result, error) {
	r, _, err := scanDir(ctx, dir, q)
	return r, err
}

// scanDir is Scan that also returns the files that seem to be damaged.
func scanDir(ctx context.Context, dir string, q Query) (r *Result, bad []string, err error) {
	if err := q.Check(); err != nil {
		return nil, nil, err
	}
	s := newScan(&q)
	parts, err := s.open(dir)
	if err != nil {
		return nil, nil, err
	}
	defer parts.close()
	r = &Result{Files: len(parts.files), Skipped: parts.skipped}
	err = s.all(ctx, parts.files, r)
	if err != nil {
		return nil, s.bad, err
	}
	s.finish(r)
	r.Notes = append(r.Notes, s.before(parts, r.Total.First)...)
	slices.Sort(s.broken)
	r.Broken = strings.Join(append(s.broken, gaps(parts.bad, s.from, s.to)...), "; ")
	return r, s.bad, nil
}

// open opens what a query reads: samples, and rollups where they answer it.
func (s *scan) open(dir string) (p *parts, err error) {
	for range 10 {
		if p, err = list(dir, s.from, s.to); err != nil {
			return nil, err
		}
		if err = s.plan(dir, p); err == nil {
			return p, nil
		}
		if p.close(); !errors.Is(err, errMoved) {
			break
		}
	}
	return nil, err
}

// before says of which time that was asked for nothing is kept any more, where that
// is more than a hundredth of it.
func (s *scan) before(p *parts, found time.Time) []string {
	oldest := p.oldest
	if !found.IsZero() {
		oldest = min(oldest, found.UnixMicro()) // of a journal that a crash left
	}
	lacking := min(oldest, s.to) - s.from
	if p.oldest == 0 || lacking <= max((s.to-s.from)/100, rollMinute.Microseconds()) {
		return nil
	}
	what := "samples are"
	if s.rolled != nil {
		what = "rollups are"
	}
	return []string{fmt.Sprintf("%s kept from %s on: of the time before, nothing is counted", what, time.UnixMicro(oldest).UTC().Format("2006-01-02 15:04:05Z"))}
}

// scan is one query at work.
type scan struct {
	q        *Query
	from, to int64 // µs
	words    []*lexicon
	points   *lexicon
	rolled   *rolled // nil where samples answer

	mu     sync.Mutex
	sums   *sums
	broken []string // names, and why
	bad    []string // paths of those that are damaged
	done   int
}

func newScan(q *Query) *scan {
	s := &scan{q: q, from: q.From.UnixMicro(), to: q.To.UnixMicro(), points: newLexicon()}
	for range q.By {
		s.words = append(s.words, newLexicon())
	}
	return s
}

// all reads the files on as many goroutines as there are cores, those that take
// longest first.
func (s *scan) all(ctx context.Context, files []part, r *Result) error {
	slices.SortStableFunc(files, func(a, b part) int {
		switch {
		case a.journal == b.journal:
			return 0
		case a.journal:
			return -1
		}
		return 1
	})
	var scanned, skipped atomic.Int64
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs := make(chan *part)
	var wait sync.WaitGroup
	for range max(1, min(runtime.GOMAXPROCS(0), len(files))) {
		wait.Go(func() {
			w := newWorker(s)
			for p := range jobs {
				if ctx.Err() != nil {
					continue
				}
				rows, left, err := s.file(ctx, p, w)
				scanned.Add(rows)
				skipped.Add(int64(left))
				if errors.Is(err, errTooMany) {
					cancel(err)
				}
				s.progress(p, err, len(files))
			}
			if err := s.merge(w.sums); err != nil {
				cancel(err)
			}
		})
	}
	for i := range files {
		jobs <- &files[i]
	}
	close(jobs)
	wait.Wait()
	r.Scanned, r.Skipped = scanned.Load(), r.Skipped+int(skipped.Load())
	return context.Cause(ctx)
}

// progress counts a file that was read, and remembers that it is broken.
func (s *scan) progress(p *part, err error, of int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done++
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, errTooMany) {
		s.broken = append(s.broken, p.name+": "+err.Error())
		if damaged(err) && !p.journal {
			s.bad = append(s.bad, p.path)
		}
	}
	if s.q.Progress != nil {
		s.q.Progress(s.done, of)
	}
}

var errTooMany = fmt.Errorf("more than %d keys: narrow the filter or the time, or group by fewer columns", MaxKeys)

func (s *scan) merge(local *sums) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sums == nil {
		s.sums = local
		return nil
	}
	return s.sums.merge(local)
}

// file reads one file.
func (s *scan) file(ctx context.Context, p *part, w *worker) (rows int64, skipped int, err error) {
	switch {
	case p.rollup:
		return s.rollup(ctx, p, w)
	case p.journal:
		rows, err = s.journal(ctx, p, w)
		return rows, 0, err
	}
	f, err := columnar.Open(p.file, p.size)
	if err != nil {
		return 0, 0, err
	}
	for n := range f.Groups() {
		if err := ctx.Err(); err != nil {
			return rows, skipped, err
		}
		w.file.at(f, n)
		if !s.may(w.file) {
			skipped++
			continue
		}
		if err := w.group(w.file, p.besides); err != nil {
			return rows, skipped, err
		}
		rows += int64(w.file.rows())
	}
	return rows, skipped, nil
}

// journal reads what has no segment yet.
func (s *scan) journal(ctx context.Context, p *part, w *worker) (n int64, err error) {
	g := newJournalSource()
	w.forget()
	src, dst := s.among(rules.Src), s.among(rules.Dst)
	var bad error
	err = readJournal(io.LimitReader(p.file, p.size), &block{}, func(x *block) bool {
		n += int64(len(x.times))
		if src != nil || dst != nil {
			x.keep(func(k *record.Key) bool {
				return (src == nil || slices.Contains(src, k.Src)) && (dst == nil || slices.Contains(dst, k.Dst))
			})
		}
		if len(x.times) > 0 {
			g.take(x)
			bad = w.group(g, p.besides)
		}
		return bad == nil && ctx.Err() == nil
	})
	if errors.Is(err, errCut) {
		err = nil // it is being written
	}
	return n, errors.Join(bad, err)
}

// among returns the addresses of which a row must have one, nil where others
// may pass too.
func (s *scan) among(f rules.Field) (all [][16]byte) {
	if s.q.Filter == nil {
		return nil
	}
	any, ok := s.q.Filter.Among(f)
	if !ok {
		return nil
	}
	all = [][16]byte{}
	for _, a := range any {
		all = append(all, a.As16())
	}
	return all
}

// may reports whether a row group can have rows that pass.
func (s *scan) may(g group) bool {
	if first, last, known := g.span(); known && (last < s.from || first >= s.to) {
		return false
	}
	if s.q.Filter == nil {
		return true
	}
	for _, f := range []rules.Field{rules.Src, rules.Dst} {
		name, _ := filterColumn(f)
		if any, ok := s.q.Filter.Among(f); ok && !g.may(name, any) {
			return false
		}
	}
	return true
}
