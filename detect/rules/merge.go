package rules

import (
	"math"
	"slices"

	"weir/detect/heavy"
	"weir/detect/keys"
	"weir/detect/window"
)

// latest is the last scan of a rule in a shard.
type latest struct {
	Scan
	items []Item
}

// merged is a key over vantages and shards.
type merged struct {
	fields   [keys.MaxSize]byte
	best     Item // of the vantage that says most, or the sum
	vantages int
	seconds  float64
	rate     uint32
	at       int64
}

// merge joins the items of a rule: of each key the vantage that says most, or
// the sum.
func (t *Tracker) merge(rule int) {
	r := &t.set.rules[rule]
	t.merged = t.merged[:0]
	clear(t.where)
	for shard := range t.latest {
		l := &t.latest[shard][rule]
		for i := range l.items {
			it := &l.items[i]
			at, ok := t.where[it.Key.fields]
			if !ok {
				at = len(t.merged)
				t.where[it.Key.fields] = at
				t.merged = append(t.merged, merged{fields: it.Key.fields})
			}
			t.merged[at].join(it, l, r)
		}
	}
	if !r.sum || len(t.latest) == 1 {
		return
	}
	for i := range t.merged { // a shard that says nothing of a key may have up to its floor
		m := &t.merged[i]
		for shard := range t.latest {
			l := &t.latest[shard][rule]
			if !slices.ContainsFunc(l.items, func(it Item) bool { return it.Key.fields == m.fields }) {
				m.best.Upper = saturate(m.best.Upper, l.floor)
			}
		}
	}
}

func saturate(a, b uint64) uint64 {
	if s := a + b; s >= a {
		return s
	}
	return math.MaxUint64
}

func (m *merged) join(it *Item, l *latest, r *Rule) {
	m.vantages++
	m.at = max(m.at, l.at)
	switch {
	case m.vantages == 1 || !r.sum && r.measure(it.Lower, &it.Distinct, l.seconds) > r.measure(m.best.Lower, &m.best.Distinct, m.seconds):
		m.best, m.seconds, m.rate = *it, l.seconds, l.rate
	case r.sum:
		m.best.Lower = saturate(m.best.Lower, it.Lower)
		m.best.Upper = saturate(m.best.Upper, it.Upper)
		m.best.Samples += it.Samples
		m.best.Effective += it.Effective
		m.best.Distinct.Merge(&it.Distinct)
		m.seconds = max(m.seconds, l.seconds)
	}
}

// report fills what an estimate tells.
func (r *Rule) report(m *merged) Report {
	it := &m.best
	rep := Report{
		Rule: r, Key: r.key.Read(&it.Key.fields), At: m.at,
		Samples: it.Samples, Effective: it.Effective, Seconds: m.seconds, Vantages: m.vantages,
		Agent: it.Key.vantage >> 1, Egress: it.Key.vantage&1 != 0,
		SamplingRate: float64(m.rate),
	}
	rep.Estimate = r.measure(it.Lower, &it.Distinct, m.seconds)
	if r.value.Unit == Distinct {
		rep.Low, rep.High = it.Distinct.Interval()
		rep.Lower, rep.Upper = float64(it.Distinct.Bits), rep.High
		if it.Samples > 0 {
			rep.SamplingRate = float64(it.Lower) / float64(it.Samples)
		}
		return rep
	}
	if r.value.Unit == Packets && it.Samples > 0 {
		rep.SamplingRate = float64(it.Lower) / float64(it.Samples)
	}
	rep.Lower, rep.Upper = rep.Estimate, r.measure(it.Upper, &heavy.Distinct{}, m.seconds)
	low, high := window.Interval(it.Effective, confidence)
	if n := it.Effective; n > 0 {
		rep.Low, rep.High = rep.Lower*low/n, rep.Upper*high/n
	}
	return rep
}
