package flows

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parquet-go/parquet-go"

	"weir/collector/record"
	"weir/detect/rules"
	"weir/detect/window"
)

// Query asks who talked to whom.
type Query struct {
	From, To time.Time     // To is not included
	Filter   *rules.Filter // nil lets everything pass
	By       []string      // columns; none is one sum of all
	Step     time.Duration // sums for each step of time from From; 0 is one for the whole
	Order    Value         // by which the greatest are chosen
	Top      int           // how many; 0 is all, bounded by MaxKeys
	Add      bool          // over all vantage points, instead of the one that saw most
	Progress func(done, of int)
}

// Value is what keys are ordered by.
type Value string

// The values.
const (
	ByBytes   Value = "bytes"
	ByPackets Value = "packets"
	BySamples Value = "samples"
)

// MaxKeys bounds how many keys a query may distinguish.
const MaxKeys = 2_000_000

// maxSteps bounds Query.Step.
const maxSteps = 10_000

// Columns returns the columns that a query may group by.
func Columns() []string {
	all := make([]string, 0, len(fields))
	for _, n := range names {
		if _, ok := fields[n]; ok {
			all = append(all, n)
		}
	}
	return all
}

// Check returns one line that names what is wrong and what to write.
func (q *Query) Check() error {
	if !q.From.Before(q.To) {
		return fmt.Errorf("from %s to %s: the end must be after the start", q.From.UTC().Format(time.RFC3339), q.To.UTC().Format(time.RFC3339))
	}
	for i, n := range q.By {
		if _, ok := fields[n]; !ok {
			return fmt.Errorf("by %q: history has no such column; it has %s", n, strings.Join(Columns(), ", "))
		}
		if slices.Contains(q.By[:i], n) {
			return fmt.Errorf("by %q: is there twice; leave one out", n)
		}
	}
	if len(q.By) > 6 {
		return fmt.Errorf("by: %d columns; at most 6", len(q.By))
	}
	if !slices.Contains([]Value{"", ByBytes, ByPackets, BySamples}, q.Order) {
		return fmt.Errorf("order %q: write bytes, packets or samples", q.Order)
	}
	if q.Step < 0 || q.Step > 0 && (q.Step < time.Millisecond || q.To.Sub(q.From)/q.Step > maxSteps) {
		return fmt.Errorf("step %s: must be at least 1ms and give at most %d steps", q.Step, maxSteps)
	}
	if q.Filter != nil {
		return CheckFilter(q.Filter)
	}
	return nil
}

// Result answers a Query.
type Result struct {
	Rows    []Sum  `json:"rows"`
	Total   Sum    `json:"total"`   // of everything that passed
	Keys    int    `json:"keys"`    // that there are
	Scanned int64  `json:"scanned"` // rows that were read
	Files   int    `json:"files"`   // that were read
	Skipped int    `json:"skipped"` // files and row groups that statistics and Bloom filters ruled out
	Broken  string `json:"broken,omitempty"`
}

// Sum is what was sampled of one key.
type Sum struct {
	Key     []string  `json:"key"`            // as in Query.By
	Step    int       `json:"step,omitempty"` // number of the step
	Bytes   float64   `json:"bytes"`          // estimated: each sample counts its length times its sampling rate
	Packets float64   `json:"packets"`
	Samples uint64    `json:"samples"`
	Low     float64   `json:"low"`  // 95 % interval of Bytes
	High    float64   `json:"high"` // (Garwood's, on the effective number of samples)
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Points  int       `json:"points"` // vantage points that saw it
	squares float64   // of the bytes of each sample
}

// interval fills in Low and High.
func (s *Sum) interval() {
	if s.Bytes <= 0 || s.squares <= 0 {
		return
	}
	n := s.Bytes * s.Bytes / s.squares // effective
	low, high := window.Interval(n, 0.95)
	s.Low, s.High = s.Bytes*low/n, s.Bytes*high/n
}

// add joins what another saw of the key.
func (s *Sum) add(o *Sum) {
	if s.Samples == 0 || o.First.Before(s.First) {
		s.First = o.First
	}
	if o.Last.After(s.Last) {
		s.Last = o.Last
	}
	s.Bytes, s.Packets, s.Samples, s.squares = s.Bytes+o.Bytes, s.Packets+o.Packets, s.Samples+o.Samples, s.squares+o.squares
}

func (s *Sum) value(v Value) float64 {
	switch v {
	case ByPackets:
		return s.Packets
	case BySamples:
		return float64(s.Samples)
	}
	return s.Bytes
}

// Scan reads a directory, which a collector may be writing. Reading ends early
// with ctx.
func Scan(ctx context.Context, dir string, q Query) (*Result, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	parts, err := list(dir, q.From.UnixMicro(), q.To.UnixMicro())
	if err != nil {
		return nil, err
	}
	defer parts.close()
	s := &scan{q: &q, from: q.From.UnixMicro(), to: q.To.UnixMicro()}
	r := &Result{Files: len(parts.files), Skipped: parts.skipped}
	if err := s.all(ctx, parts.files, r); err != nil {
		return nil, err
	}
	return s.finish(r), nil
}

// scan is one query at work.
type scan struct {
	q        *Query
	from, to int64 // µs

	mu     sync.Mutex
	sums   map[groupKey]*Sum // by key and vantage point
	broken []string
	done   int
}

// groupKey is a key at a vantage point in a step.
type groupKey struct {
	key, point string
	step       int32
}

// all reads the files on as many goroutines as there are cores.
func (s *scan) all(ctx context.Context, files []part, r *Result) error {
	s.sums = map[groupKey]*Sum{}
	var scanned, skipped atomic.Int64
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs := make(chan *part)
	var wait sync.WaitGroup
	for range max(1, min(runtime.GOMAXPROCS(0), len(files))) {
		wait.Go(func() {
			local := newWorker(len(s.q.By), len(s.q.By)+2)
			for p := range jobs {
				if ctx.Err() != nil {
					continue
				}
				rows, left, err := s.file(ctx, p, local)
				scanned.Add(rows)
				skipped.Add(int64(left))
				if errors.Is(err, errTooMany) {
					cancel(err)
				}
				s.progress(p, err, len(files))
			}
			if err := s.merge(local); err != nil {
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
	}
	if s.q.Progress != nil {
		s.q.Progress(s.done, of)
	}
}

var errTooMany = fmt.Errorf("more than %d keys: narrow the filter or the time, or group by fewer columns", MaxKeys)

func (s *scan) merge(local *worker) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	local.into(s.sums)
	if len(s.sums) > MaxKeys {
		return errTooMany
	}
	return nil
}

// file reads one file into local.
func (s *scan) file(ctx context.Context, p *part, local *worker) (rows int64, skipped int, err error) {
	if p.journal {
		return s.journal(ctx, p, local)
	}
	defer func() {
		if r := recover(); r != nil { // a damaged file must cost only itself
			err = fmt.Errorf("broken: %v", r)
		}
	}()
	f, err := parquet.OpenFile(p.file, p.size)
	if err != nil {
		return 0, 0, err
	}
	for _, rg := range f.RowGroups() {
		if err := ctx.Err(); err != nil {
			return rows, skipped, err
		}
		g := &fileGroup{g: rg, kept: map[string]*column{}}
		if !s.may(g) {
			skipped++
			continue
		}
		if err := s.group(g, local); err != nil {
			return rows, skipped, err
		}
		rows += int64(g.rows())
	}
	return rows, skipped, nil
}

// journal reads what has no segment yet.
func (s *scan) journal(ctx context.Context, p *part, local *worker) (n int64, skipped int, err error) {
	g := &rowGroup{texts: newTexts()}
	var bad error
	flush := func() {
		if bad == nil && len(g.all) > 0 {
			bad = s.group(g, local)
		}
		n += int64(len(g.all))
		g.all = g.all[:0]
	}
	err = readJournal(p.file, func(said *said, rows []record.Row) bool {
		g.said = said
		if g.all = append(g.all, rows...); len(g.all) >= 16*record.Rows {
			flush()
		}
		return bad == nil && ctx.Err() == nil
	})
	flush()
	if errors.Is(err, errCut) {
		err = nil // it is being written
	}
	return n, 0, errors.Join(bad, err)
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
		if any, ok := s.q.Filter.Among(f); ok && !g.has(filterFields[f], any) {
			return false
		}
	}
	return true
}

// group sums the rows of a group that pass.
func (s *scan) group(g group, local *worker) error {
	at, err := g.times()
	if err != nil {
		return err
	}
	pass, err := s.pass(g, at)
	if pass == nil || err != nil {
		return err
	}
	key, err := columns(g, s.q.By...)
	if err != nil {
		return err
	}
	rest, err := columns(g, "agent", "egress", "length", "sampling_rate")
	if err != nil {
		return err
	}
	length, rate := rest[2], rest[3]
	t := newTally(key, rest[:2], len(at))
	step := int64(0)
	for i, ok := range pass {
		if !ok {
			continue
		}
		if s.q.Step > 0 {
			step = (at[i] - s.from) / s.q.Step.Microseconds()
		}
		r := float64(rate.numbers[rate.index[i]])
		t.add(i, step, at[i], r, r*float64(length.numbers[length.index[i]]))
	}
	t.into(local)
	if len(local.sums) > MaxKeys {
		return errTooMany
	}
	return nil
}

func columns(g group, names ...string) (all []*column, err error) {
	for _, n := range names {
		c, err := g.column(n)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// pass returns which rows pass, nil for none.
func (s *scan) pass(g group, at []int64) (pass selection, err error) {
	if f := s.q.Filter; f != nil && !f.All() {
		pass, err = rules.Fold(f, calculus{g})
	} else {
		pass = calculus{g}.All()
	}
	if err != nil {
		return nil, err
	}
	some := false
	for i, t := range at {
		pass[i] = pass[i] && t >= s.from && t < s.to
		some = some || pass[i]
	}
	if !some {
		return nil, nil
	}
	return pass, nil
}

// finish chooses the vantage points and the greatest.
func (s *scan) finish(r *Result) *Result {
	type stepKey struct {
		key  string
		step int32
	}
	best := map[stepKey]*Sum{}
	for k, v := range s.sums {
		at := stepKey{k.key, k.step}
		have := best[at]
		if have == nil {
			c := *v
			c.Points, c.Step = 1, int(k.step)
			if len(s.q.By) > 0 {
				c.Key = strings.Split(k.key, "\x00")
			}
			best[at] = &c
			continue
		}
		n := have.Points + 1
		switch {
		case s.q.Add:
			have.add(v)
		case v.Bytes > have.Bytes || v.Bytes == have.Bytes && v.First.Before(have.First):
			c := *v
			c.Key, c.Step = have.Key, have.Step
			*have = c
		}
		have.Points = n
	}
	r.Keys = len(best)
	r.Rows = make([]Sum, 0, len(best))
	for _, v := range best {
		r.Total.add(v)
		v.interval()
		r.Rows = append(r.Rows, *v)
	}
	r.Total.interval()
	slices.SortFunc(r.Rows, func(a, b Sum) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(b.value(s.q.Order), a.value(s.q.Order)), slices.Compare(a.Key, b.Key))
	})
	if s.q.Top > 0 && len(r.Rows) > s.q.Top {
		r.Rows = s.top(r.Rows)
	}
	slices.Sort(s.broken)
	r.Broken = strings.Join(s.broken, "; ")
	return r
}

// top keeps the rows of the greatest keys.
func (s *scan) top(rows []Sum) []Sum {
	if s.q.Step == 0 {
		return rows[:s.q.Top]
	}
	of := map[string]float64{}
	for i := range rows {
		of[strings.Join(rows[i].Key, "\x00")] += rows[i].value(s.q.Order)
	}
	keys := make([]string, 0, len(of))
	for k := range of {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(of[b], of[a]), cmp.Compare(a, b)) })
	keep := map[string]bool{}
	for _, k := range keys[:min(s.q.Top, len(keys))] {
		keep[k] = true
	}
	return slices.DeleteFunc(rows, func(r Sum) bool { return !keep[strings.Join(r.Key, "\x00")] })
}
