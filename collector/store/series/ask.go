package series

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

const (
	// maxSamples is what one query may hold at a time: 80 MB.
	maxSamples = 5_000_000
	// maxPoints is how many points each series of an answer may have, as
	// Prometheus has it.
	maxPoints = 11_000
	// queryTime bounds a query, with what it waits for others.
	queryTime = 20 * time.Second
	// maxQueries are evaluated at a time; others wait, as a dashboard asks for
	// all its panels at once.
	maxQueries = 2
	// maxWaiting wait at most.
	maxWaiting = 64
	// lookback is how long a sample stands for what is now.
	lookback = 5 * time.Minute
)

// Query is a question in PromQL.
type Query struct {
	Expr     string
	From, To time.Time     // both included
	Step     time.Duration // 0: as of To alone
}

// BadQuery is the asker's error.
type BadQuery struct{ Problem string }

// Error is the problem.
func (e *BadQuery) Error() string { return e.Problem }

var (
	errBusy = errors.New("too many queries wait; ask again in a moment")
	errSlow = fmt.Errorf("took longer than %s: ask for less time, fewer series or a longer step", queryTime)
)

// Check reports what the asker should write instead.
func (q *Query) Check() error {
	if strings.TrimSpace(q.Expr) == "" {
		return &BadQuery{`no expression; write such as weir_interface_in_bits_per_second{agent="10.0.0.1"}`}
	}
	if _, err := newParser().ParseExpr(q.Expr); err != nil {
		return &BadQuery{err.Error()}
	}
	switch {
	case q.Step == 0:
		return nil
	case q.Step < time.Millisecond:
		return &BadQuery{"the step must be a millisecond or more"}
	case q.To.Before(q.From):
		return &BadQuery{"the end is before the start"}
	case q.To.Sub(q.From)/q.Step > maxPoints:
		return &BadQuery{fmt.Sprintf("more than %d points for each series: write a longer step", maxPoints)}
	}
	return nil
}

func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }

// asking evaluates queries, few at a time.
type asking struct {
	whole   bool // queries are not evaluated in parts
	engine  *promql.Engine
	parts   *promql.Engine // of a query that is split; each part may hold its part
	time    time.Duration  // that a query may take
	samples int            // that it may hold
	room    chan struct{}
	waiting chan struct{}
}

func newAsking(within time.Duration, samples int) *asking {
	engine := func(samples int) *promql.Engine {
		return promql.NewEngine(promql.EngineOpts{
			MaxSamples: samples, Timeout: within, LookbackDelta: lookback,
			NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
			EnableAtModifier:         true, EnableNegativeOffset: true, Parser: newParser(),
		})
	}
	return &asking{
		time: within, samples: samples, engine: engine(samples), parts: engine(max(samples/parts(), 1)),
		room: make(chan struct{}, maxQueries), waiting: make(chan struct{}, maxWaiting),
	}
}

func (a *asking) close() {
	_ = a.engine.Close() // it has no file
	_ = a.parts.Close()
}

// turn waits for a place, which the returned function gives back.
func (a *asking) turn(ctx context.Context) (func(), error) {
	select {
	case a.waiting <- struct{}{}:
		defer func() { <-a.waiting }()
	default:
		return nil, errBusy
	}
	select {
	case a.room <- struct{}{}:
		return func() { <-a.room }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// query evaluates q over what db has. What use gets is valid until it returns.
func (a *asking) query(ctx context.Context, db storage.Queryable, q *Query, use func(parser.Value) error) error {
	if err := q.Check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.time)
	defer cancel()
	done, err := a.turn(ctx)
	if err != nil {
		return a.explain(err)
	}
	defer done()
	if m, ok, err := a.split(ctx, db, q); ok {
		if err != nil {
			return a.explain(err)
		}
		return use(m)
	}
	var e promql.Query
	if q.Step == 0 {
		e, err = a.engine.NewInstantQuery(ctx, db, nil, q.Expr, q.To)
	} else {
		e, err = a.engine.NewRangeQuery(ctx, db, nil, q.Expr, q.From, q.To, q.Step)
	}
	if err != nil {
		return &BadQuery{err.Error()}
	}
	defer e.Close()
	r := e.Exec(ctx)
	if r.Err != nil {
		return a.explain(r.Err)
	}
	return use(r.Value)
}

// explain says what to do.
func (a *asking) explain(err error) error {
	var slow promql.ErrQueryTimeout
	var many promql.ErrTooManySamples
	var bad promql.ErrStorage
	switch {
	case errors.As(err, &slow), errors.Is(err, context.DeadlineExceeded):
		return errSlow
	case errors.As(err, &many):
		return &BadQuery{fmt.Sprintf("reads more than %d samples at a time: ask for less time, fewer series or a longer step", a.samples)}
	case errors.As(err, &bad):
		return &damage{bad.Err}
	case strings.Contains(err.Error(), "cannot populate chunk"): // an error without a type
		return &damage{err}
	}
	return err
}

// damage is an error of what is kept.
type damage struct{ err error }

// Error says what could not be read.
func (d *damage) Error() string { return "the history of series could not be read: " + d.err.Error() }

// Unwrap returns the cause.
func (d *damage) Unwrap() error { return d.err }

// Querier implements storage.Queryable. What is older than the age is not
// answered, though it may be on disk until its block goes.
func (s *Store) Querier(from, to int64) (storage.Querier, error) {
	s.mu.RLock()
	if s.db == nil {
		s.mu.RUnlock()
		return nil, errReading
	}
	q, err := s.db.Querier(max(from, s.oldest(time.Now()).UnixMilli()), to)
	if err != nil {
		s.mu.RUnlock()
		return nil, err
	}
	return held{q, s.mu.RUnlock}, nil
}

// held is a querier that keeps the database open.
type held struct {
	storage.Querier
	release func()
}

// Close gives the database free.
func (h held) Close() error {
	defer h.release()
	return h.Querier.Close()
}

// query asks the store.
func (s *Store) query(ctx context.Context, q *Query, use func(parser.Value) error) error {
	return s.met(s.ask.query(ctx, s, q, use))
}

// met passes on the error of a question; damage that it met is looked at.
func (s *Store) met(err error) error {
	if d, ok := errors.AsType[*damage](err); ok {
		if errors.Is(d.err, errReading) {
			return errReading
		}
		s.suspect.Store(true)
	}
	return err
}

// look is a question for series and labels.
type look struct {
	match    []string
	from, to int64 // ms
	limit    int   // of the answer
}

// matchers reads selectors such as {agent="10.0.0.1"}.
func matchers(match []string) ([][]*labels.Matcher, error) {
	all, err := newParser().ParseMetricSelectors(match)
	if err != nil {
		return nil, &BadQuery{err.Error()}
	}
	return all, nil
}

// names lists label names, or with name its values.
func (s *Store) names(ctx context.Context, l *look, name string) ([]string, error) {
	sets, err := matchers(l.match)
	if err != nil {
		return nil, err
	}
	if len(sets) == 0 {
		sets = [][]*labels.Matcher{nil}
	}
	q, err := s.Querier(l.from, l.to)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	var all []string
	for _, m := range sets {
		var found []string
		if name == "" {
			found, _, err = q.LabelNames(ctx, nil, m...)
		} else {
			found, _, err = q.LabelValues(ctx, name, nil, m...)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), l.limit)], nil
}

// series lists the labels of series.
func (s *Store) series(ctx context.Context, l *look) ([]labels.Labels, error) {
	if len(l.match) == 0 {
		return nil, &BadQuery{`no match[]; write such as match[]=weir_agent_silent_seconds`}
	}
	sets, err := matchers(l.match)
	if err != nil {
		return nil, err
	}
	q, err := s.Querier(l.from, l.to)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	hints := &storage.SelectHints{Start: l.from, End: l.to, Func: "series", Limit: l.limit}
	var found []storage.SeriesSet
	for _, m := range sets {
		found = append(found, q.Select(ctx, true, hints, m...))
	}
	set := storage.NewMergeSeriesSet(found, l.limit, storage.ChainedSeriesMerge)
	all := []labels.Labels{}
	for len(all) < l.limit && set.Next() {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		all = append(all, set.At().Labels())
	}
	return all, set.Err()
}

// allTime is from the first sample to the last.
var allTime = [2]int64{math.MinInt64 / 2, math.MaxInt64 / 2}
