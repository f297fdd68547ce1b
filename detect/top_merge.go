package detect

import (
	"math"
	"sync"
	"time"

	"weir/detect/heavy"
	"weir/detect/keys"
	"weir/detect/window"
)

// Top is what is known of the heaviest keys of a definition in a window. Rates
// are sums over the learned cut (package flood): a packet that is sampled at
// three switches counts once, where it enters. It counts as often as it is
// sampled while ports have not been learned, which takes some seconds of flows
// that are sampled again and again, at ports where as many packets come from
// sampled switches as from elsewhere, and where floods are not watched for.
// Keys with an agent (also input and output) count what is sampled there,
// wherever else it was; keys with an instance what is sampled at its port, and
// of the rest each packet where it enters.
type Top struct {
	Key           string    `json:"key"`                   // "dst,dst_port"
	Value         string    `json:"value"`                 // "bytes" or "packets"
	DistinctOf    string    `json:"distinct_of,omitempty"` // "src"
	Unit          string    `json:"unit"`                  // of rates: "bits_per_second" or "packets_per_second"
	WindowSeconds float64   `json:"window_seconds"`        // asked for
	Seconds       float64   `json:"seconds"`               // counted: less at the start, and by what the window's first slot is late
	To            Time      `json:"to"`                    // when the window ended
	Total         float64   `json:"total"`                 // rate of all keys
	Exact         bool      `json:"exact"`                 // no key has bounds that differ
	Absent        float64   `json:"absent"`                // the most that any key not in Items has, by the table
	Items         []TopItem `json:"items"`                 // the heaviest first
}

// TopItem is one key.
type TopItem struct {
	Key              keys.Key     `json:"key"`
	Domain           string       `json:"domain,omitempty"` // name of the key's domain where it is not the underlay
	InstanceUUID     string       `json:"instance_uuid,omitempty"`
	Rate             float64      `json:"rate"`
	Low              float64      `json:"low"` // 95 % interval of the rate, table bounds included
	High             float64      `json:"high"`
	TableLower       *float64     `json:"table_lower,omitempty"` // bounds of what the samples add up to; omitted where exact
	TableUpper       *float64     `json:"table_upper,omitempty"`
	Samples          uint64       `json:"samples"`
	EffectiveSamples float64      `json:"effective_samples"`
	Distinct         *TopDistinct `json:"distinct,omitempty"`
}

// TopDistinct is a number of distinct values in the samples of a key: no more
// than there were samples, and fewer than in the traffic.
type TopDistinct struct {
	Estimate float64  `json:"estimate"`
	Low      float64  `json:"low"`
	High     *float64 `json:"high,omitempty"` // omitted where there are too many to tell
	Seconds  float64  `json:"seconds"`        // counted
}

// topEngine is the part of an Engine that merges what shards have counted.
type topEngine struct {
	sort   string // as a shard's
	defs   []keys.Definition
	shards int
	parts  [][]topPart // per definition and window, and of these per shard
	empty  []int64     // per shard: windows that end here have nothing
	ready  []*keys.Digest

	mu     sync.Mutex
	merged []topMerged // per definition and window
}

// topPart is the newest digest of a shard.
type topPart struct {
	since int64
	d     *keys.Digest // nil before the first
}

type topMerged struct {
	since int64
	d     *keys.Digest // never changed once it is here
}

func newTopEngine(cfg *TopConfig, shards int) *topEngine {
	e := &topEngine{sort: cfg.sort(), defs: cfg.Definitions(), shards: shards, empty: make([]int64, shards)}
	n := len(e.defs) * len(TopWindows)
	e.parts, e.merged = make([][]topPart, n), make([]topMerged, n)
	for i := range e.parts {
		e.parts[i] = make([]topPart, shards)
	}
	return e
}

func (e *topEngine) collect(shards []*Shard) {
	if len(e.defs) == 0 {
		return
	}
	for i, s := range shards {
		b := s.takeTops()
		if b == nil {
			continue
		}
		if b.sort != e.sort { // of before or after a change
			s.giveTops(b)
			continue
		}
		if b.empty != 0 {
			e.empty[i] = b.empty
		}
		for j := range b.digests[:b.n] {
			d := &b.digests[j]
			at := d.definition*len(TopWindows) + d.window
			p := &e.parts[at][i]
			p.since = d.since
			if p.d == nil {
				p.d = &keys.Digest{}
			}
			p.d, d.d = d.d, p.d
			e.merge(at, p.d.Window)
		}
		s.giveTops(b)
	}
	for at := range e.parts { // where the last to come had nothing
		e.settle(at)
	}
}

// merge adds up the shards' digests of a window once all are there.
func (e *topEngine) merge(at int, w heavy.Window) {
	e.ready = e.ready[:0]
	since := int64(math.MaxInt64)
	for i := range e.parts[at] {
		switch p := &e.parts[at][i]; {
		case p.d != nil && p.d.Window == w:
			e.ready = append(e.ready, p.d)
			since = min(since, p.since)
		case e.empty[i] != w.To:
			return
		}
	}
	m, err := keys.Merge(e.ready...)
	if err != nil { // all shards have one configuration and one seed
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.merged[at] = topMerged{since, m}
}

// settle merges what waits for shards that have nothing.
func (e *topEngine) settle(at int) {
	var newest *keys.Digest
	for i := range e.parts[at] {
		if d := e.parts[at][i].d; d != nil && (newest == nil || d.Window.To > newest.Window.To) {
			newest = d
		}
	}
	if m := e.merged[at].d; newest != nil && (m == nil || m.Window != newest.Window) {
		e.merge(at, newest.Window)
	}
}

func (e *topEngine) reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.merged)
	clear(e.empty)
	for i := range e.parts {
		clear(e.parts[i])
	}
}

// TopDefinitions returns the keys that are counted, by whose numbers Top is
// asked.
func (e *Engine) TopDefinitions() []keys.Definition { return e.tops.Load().defs }

// Top returns the n heaviest keys of a definition, at most MaxTop for each
// shard, in one of TopWindows, as of the last second for which all shards have
// told; false where there is no such definition or window. Unlike the other
// methods it may be called from any goroutine.
func (e *Engine) Top(definition, n int, w time.Duration) (Top, bool) {
	at, tops := -1, e.tops.Load()
	for i, known := range TopWindows {
		if known == w && definition >= 0 && definition < len(tops.defs) {
			at = definition*len(TopWindows) + i
		}
	}
	if at < 0 {
		return Top{}, false
	}
	tops.mu.Lock()
	m := tops.merged[at]
	tops.mu.Unlock()
	d := &tops.defs[definition]
	t := Top{Key: d.Key(), Value: d.Value().String(), DistinctOf: d.Distinct(), Unit: "packets_per_second", WindowSeconds: w.Seconds(), Exact: true, Items: []TopItem{}}
	scale := 1.0
	if d.Value() == keys.Bytes {
		t.Unit, scale = "bits_per_second", 8
	}
	if m.d == nil {
		return t, true
	}
	win := m.d.Window
	t.To = Time(time.Unix(0, (win.To+1)*int64(heavy.SlotLength)))
	end := (win.To + 1) * int64(heavy.SlotLength)
	span := min(end-m.since, int64(win.Length()))
	span = max(span, int64(heavy.SlotLength))
	t.Seconds = decimals(float64(span)/1e9, 3)
	scale /= float64(span) / 1e9
	t.Total = decimals(float64(m.d.Total)*scale, 1)
	rest := uint64(0)
	for _, r := range m.d.Rest {
		rest = max(rest, r)
	}
	list := m.d.Keys()
	if n = max(n, 0); n < len(list) {
		for i := range list[n:] {
			rest = max(rest, list[n+i].Upper)
		}
		list = list[:n]
	}
	t.Absent = decimals(float64(rest)*scale, 1)
	for i := range list {
		if list[i].Lower > 0 {
			it := e.topItem(&list[i], scale, d.Distinct() != "")
			t.Exact = t.Exact && it.TableLower == nil
			t.Items = append(t.Items, it)
		}
	}
	return t, true
}

// topItem turns weights into rates.
func (e *Engine) topItem(it *keys.Item, scale float64, distinct bool) TopItem {
	lower, upper, eff := float64(it.Lower)*scale, float64(it.Upper)*scale, it.Effective()
	out := TopItem{
		Key: it.Key, Rate: decimals(lower, 1), Samples: it.Samples, EffectiveSamples: decimals(eff, 1),
	}
	if d, ok := it.Key.Number("domain"); ok && d != 0 {
		out.Domain = e.names.Domain(uint32(d))
	}
	if u, ok := it.Key.Instance(); ok {
		out.Key.Name(e.placed)
		if u != (keys.UUID{}) {
			out.InstanceUUID = u.String()
		}
	}
	each := lower / max(eff, 1) // of a sample
	low, high := window.Interval(eff, 0.95)
	if it.Upper > it.Lower {
		a, b := decimals(lower, 1), decimals(upper, 1)
		out.TableLower, out.TableUpper = &a, &b
		_, high = window.Interval(upper/each, 0.95)
	}
	out.Low, out.High = decimals(low*each, 1), decimals(high*each, 1)
	if distinct {
		d := &it.Distinct
		low, high := d.Interval()
		out.Distinct = &TopDistinct{Estimate: max(decimals(d.Estimate(), 1), 0), Low: decimals(low, 1), Seconds: decimals(d.Span.Seconds(), 1)}
		if !math.IsInf(high, 1) {
			high = decimals(high, 1)
			out.Distinct.High = &high
		}
	}
	return out
}
