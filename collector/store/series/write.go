package series

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"

	points "weir/collector/series"
)

// entryKey identifies what the points of a class are about: its tags without
// names, which may change.
type entryKey struct {
	class *points.Class
	tags  [points.MaxTags]string
}

// nameTags is how many tags of a class are names.
const nameTags = 2

// entry is what is known of it.
type entry struct {
	at       int64 // ms, of the last sample
	series   int   // there are
	retired  int   // there were under other names
	changed  int64 // ms, when the name last changed
	reserved int   // of an interface: as Store.scarce has it
	names    [nameTags]string
	refs     []storage.SeriesRef
}

// setBack is how much older than the last a sample is, in ms, where the clock was
// set back and no point came late.
const setBack = 60_000

// forget drops all entries: the references of one database mean nothing to the
// next.
func (s *Store) forget() {
	s.entriesMu.Lock()
	defer s.entriesMu.Unlock()
	s.entries, s.agents, s.heaviest = map[entryKey]*entry{}, map[string]int{}, map[entryKey]*entry{}
	s.scarce.reserved = 0
}

// forgetBefore drops the entries whose series the database has dropped.
func (s *Store) forgetBefore(ms int64) {
	s.entriesMu.Lock()
	defer s.entriesMu.Unlock()
	for k, e := range s.entries {
		gone := 0
		if e.retired > 0 && e.changed < ms {
			gone, e.retired = e.retired, 0
		}
		if e.at < ms {
			gone += e.series + e.retired
			s.scarce.reserved -= e.reserved
			delete(s.entries, k)
		}
		if gone > 0 && s.plans[k.class].ofAgent {
			if s.agents[k.tags[0]] -= gone; s.agents[k.tags[0]] <= 0 {
				delete(s.agents, k.tags[0])
			}
		}
	}
}

// Write keeps the points of a batch. One goroutine calls it.
func (s *Store) Write(b *points.Batch) {
	if !s.wants(b) {
		return
	}
	w := writing{Store: s, begun: time.Now()}
	if s.full.Load() || s.torn.Load() || !s.mu.TryRLock() {
		w.lose(b)
		return
	}
	defer s.mu.RUnlock()
	if s.db == nil {
		w.lose(b)
		return
	}
	w.app = s.db.Appender(context.Background())
	s.entriesMu.Lock()
	for i := range b.Points {
		w.add(&b.Points[i])
	}
	w.retireKeys()
	s.entriesMu.Unlock()
	s.held.Store(int64(s.db.Head().NumSeries()))
	if err := w.app.Commit(); err != nil {
		s.full.Store(true)
		s.torn.Store(true)
		s.tell(fmt.Errorf("the journal in %s cannot be written: %w; they are lost until it can", s.cfg.Dir, err))
		w.stats.Lost += w.stats.Samples
		w.stats.Samples = 0
	}
	s.dirty.Store(true)
	w.done()
}

// wants reports whether there is a point to keep.
func (s *Store) wants(b *points.Batch) bool {
	for i := range b.Points {
		if s.plans[b.Points[i].Class] != nil {
			return true
		}
	}
	return false
}

// writing is one call of Write.
type writing struct {
	*Store
	app     storage.Appender
	builder labels.ScratchBuilder
	rounds  map[string]int64 // ms, when all keys of a definition were told
	stats   Stats            // counted in it
	begun   time.Time

	// Of the point at hand: whether it may have further series, and how many it
	// may not.
	admitted bool
	refused  int
}

func (w *writing) done() {
	w.count(func(st *Stats) {
		st.Samples += w.stats.Samples
		st.Refused += w.stats.Refused
		st.Lost += w.stats.Lost
		st.Late += w.stats.Late
		st.Thinned += w.stats.Thinned
	})
}

// lose counts what would have been kept.
func (w *writing) lose(b *points.Batch) {
	for i := range b.Points {
		p := &b.Points[i]
		if pl := w.plans[p.Class]; pl != nil {
			w.stats.Lost += uint64(pl.known(p))
		}
	}
	w.done()
}

// add keeps a point.
func (w *writing) add(p *points.Point) {
	if p.Class.Name == "top_total" {
		if w.rounds == nil {
			w.rounds = map[string]int64{}
		}
		w.rounds[p.Tags[0]] = p.At / int64(time.Millisecond)
	}
	pl := w.plans[p.Class]
	if pl == nil {
		return
	}
	k := entryKey{p.Class, p.Tags}
	if pl.key >= 0 && !pl.named(p, &k) {
		return
	}
	var names [nameTags]string
	for i, t := range pl.names {
		names[i], k.tags[t] = k.tags[t], ""
	}
	at := p.At / int64(time.Millisecond)
	e := w.entries[k]
	switch {
	case e == nil:
		e = &entry{names: names, refs: make([]storage.SeriesRef, len(pl.fields))}
		defer func() {
			if e.series > 0 {
				w.entries[k] = e
			}
		}()
	case at-e.at < least && at >= e.at:
		w.stats.Thinned += uint64(pl.known(p))
		return
	}
	if e.names != names {
		w.retire(e, at)
		e.names, e.changed = names, at
	}
	if e.at < at || e.at-at > setBack {
		e.at = at
	}
	if pl.key >= 0 {
		w.heaviest[k] = e
	}
	w.values(p, pl, &k, e, at)
}

// values keeps the values of a point.
func (w *writing) values(p *points.Point, pl *plan, k *entryKey, e *entry, at int64) {
	fresh, carries, missing := e.series == 0, pl.traffic == nil || pl.carries(p), 0
	w.scarce.reserved -= e.reserved
	for i, f := range pl.fields {
		if e.refs[i] == 0 && f < len(p.Values) && p.Values[f].Kind() != points.Unknown {
			missing++
		}
	}
	w.admitted, w.refused = missing == 0 || w.admits(pl, k, e, missing, carries), 0
	for i, f := range pl.fields {
		if f >= len(p.Values) {
			break
		}
		v := &p.Values[f]
		switch v.Kind() {
		case points.Int:
			w.sample(pl, k, e, i, at, float64(v.Int()))
		case points.Float:
			w.sample(pl, k, e, i, at, v.Float())
		}
	}
	switch {
	case w.refused == 0 && missing > 0:
		w.scarce.admit(k)
	case w.refused > 0:
		w.stats.Refused += uint64(w.refused)
		w.scarce.refuse(k, w.refused, w.begun)
	}
	if pl.traffic != nil {
		w.settle(pl, e, fresh)
	}
}

// sample keeps a value.
func (w *writing) sample(pl *plan, k *entryKey, e *entry, i int, at int64, v float64) {
	v *= pl.metrics[i].Scale
	if e.refs[i] != 0 {
		ref, err := w.app.Append(e.refs[i], labels.EmptyLabels(), at, v)
		if err == nil {
			e.refs[i] = ref
			w.stats.Samples++
			return
		}
		if isLate(err) {
			w.stats.Late++
			return
		}
		w.drop(pl, k, e, i) // the database has dropped it
	}
	l := w.labelsOf(pl, k, e, i)
	if !w.admitted && !w.has(l) {
		w.refused++
		return
	}
	ref, err := w.app.Append(0, l, at, v)
	switch {
	case err == nil:
		w.stats.Samples++
		e.refs[i] = ref
		e.series++
		if pl.ofAgent {
			w.agents[k.tags[0]]++
		}
	case isLate(err):
		w.stats.Late++
	default:
		w.stats.Lost++
	}
}

// retire ends the series of an entry: those under an old name, and those of a key
// that is no more among the heaviest. Without it they would stand for what is
// now for five minutes, beside those that follow.
func (w *writing) retire(e *entry, at int64) {
	for i, ref := range e.refs {
		if ref != 0 {
			// Where it is too old for a mark, it is too old to stand for now.
			_, _ = w.app.Append(ref, labels.EmptyLabels(), at, math.Float64frombits(value.StaleNaN))
			e.refs[i] = 0
		}
	}
	e.retired += e.series
	e.series = 0
}

// retireKeys ends the keys of definitions that were written, and are not among
// the heaviest any more.
func (w *writing) retireKeys() {
	for k, e := range w.heaviest {
		if at := w.rounds[k.tags[0]]; at > e.at {
			w.retire(e, at)
			e.changed = at
			delete(w.heaviest, k)
		}
	}
}

// has reports whether the database has the series already, from before a start.
func (w *writing) has(l labels.Labels) bool {
	g, ok := w.app.(storage.GetRef)
	if !ok {
		return false
	}
	ref, _ := g.GetRef(l, l.Hash())
	return ref != 0
}

// drop forgets a series of an entry.
func (w *writing) drop(pl *plan, k *entryKey, e *entry, i int) {
	e.refs[i] = 0
	e.series--
	if pl.ofAgent {
		w.agents[k.tags[0]]--
	}
}

func isLate(err error) bool {
	return errors.Is(err, storage.ErrOutOfOrderSample) || errors.Is(err, storage.ErrDuplicateSampleForTimestamp) ||
		errors.Is(err, storage.ErrOutOfBounds) || errors.Is(err, storage.ErrTooOldSample)
}

// maxLabel bounds the value of a label, in octets.
const maxLabel = 256

// nameLabel is the label that holds a metric's name (Prometheus data model).
const nameLabel = "__name__"

// labelsOf returns the labels of a series.
func (w *writing) labelsOf(pl *plan, k *entryKey, e *entry, i int) labels.Labels {
	w.builder.Reset()
	w.builder.Add(nameLabel, pl.metrics[i].Name)
	tags := k.tags
	for n, t := range pl.names {
		tags[t] = e.names[n]
	}
	for t, name := range pl.labels {
		v := tags[t]
		if v == "" || name == "agent_name" && v == k.tags[0] {
			continue // an agent without a name
		}
		w.builder.Add(name, strings.ToValidUTF8(v[:min(len(v), maxLabel)], "�"))
	}
	w.builder.Sort()
	return w.builder.Labels()
}
