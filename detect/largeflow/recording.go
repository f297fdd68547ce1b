package largeflow

import (
	"weir/decoder"
	"weir/detect/window"
)

// count adds a sample to its entry, and to a record if the flow is hot.
func (t *Table) count(e *entry, l *link, f *decoder.Flow, w float64, at int64, top float32) {
	frame := f.FrameLength
	one := window.Sum{N: 1, W: w, W2: w * w}
	o := &e.onset
	e.busy++
	if e.hot {
		if top >= hotShare {
			e.hotUntil = at + e.stay(l)
		}
		e.point.see(f)
		t.record(e, one, frame, at)
	} else {
		if o.leads(at) {
			o.Lead.Add(one)
			o.Led = max(o.Led, at)
		}
		o.Sum.Add(one)
		o.Hot = max(e.last, at)
		e.octets += uint64(frame)
		if (top < hotShare || o.Sum.N < 2) && (t.watch == nil || !t.watch.has(e.mark)) {
			return
		}
		t.heat(e, l, f, at)
	}
	if top >= urgentShare && (!e.told || e.busy <= calmSamples) {
		t.urgent = true
	}
}

// heat makes a flow hot.
func (t *Table) heat(e *entry, l *link, f *decoder.Flow, at int64) {
	e.hot, e.hotSince, e.hotUntil = true, at, at+e.stay(l)
	e.point.see(f)
	t.begin(e)
}

// see takes over what the newest sample says beside the vantage point.
func (p *Point) see(f *decoder.Flow) {
	p.Input, p.Output, p.Speed, p.Class = f.Sample.Input, f.Sample.Output, f.Est.Speed, f.Est.Class
}

// leads reports whether a sample arrived together with the first.
func (o *Onset) leads(at int64) bool { return at-o.Led <= batchGap && at <= o.At+minSpan }

// begin opens the record that tells the tracker of a flow become hot.
func (t *Table) begin(e *entry) {
	if r := t.open(e, window.SlotOf(e.onset.Hot), e.onset.Sum.N); r != nil {
		r.Begun = true
		r.Onset = e.onset
		r.Octets = e.octets
		r.First, r.Last = e.onset.At, e.onset.Hot
	}
}

// record adds a sample of a hot flow to the open record of its slot.
func (t *Table) record(e *entry, one window.Sum, frame uint32, at int64) {
	slot := window.SlotOf(at)
	var r *Record
	if e.epoch == t.epoch && t.out[e.rec].Slot == slot {
		r = &t.out[e.rec]
	} else if r = t.open(e, slot, 1); r == nil {
		return
	} else {
		r.First = at
		r.Onset = Onset{At: e.onset.At, Led: e.onset.Led, Hot: e.onset.Hot}
	}
	r.Point = e.point
	if o := &e.onset; at <= o.Hot || at-o.Hot <= batchGap && at <= e.hotSince+minSpan {
		if o.leads(at) {
			o.Led = max(o.Led, at)
			r.Onset.Led = o.Led
			r.Onset.Lead.Add(one)
		}
		o.Hot = max(o.Hot, at)
		r.Onset.Hot = o.Hot
		r.Onset.Sum.Add(one)
	} else {
		r.Sum.Add(one)
	}
	if pause := at - e.last; pause > batchGap {
		r.Idle += pause
		r.Pauses++
	}
	r.Octets += uint64(frame)
	r.First, r.Last = min(r.First, at), max(r.Last, at)
}

func (t *Table) open(e *entry, slot int64, samples uint32) *Record {
	if len(t.out) == cap(t.out) {
		t.LostSamples += uint64(samples)
		return nil
	}
	e.rec, e.epoch = int32(len(t.out)), t.epoch
	t.out = append(t.out, Record{Key: e.key, Point: e.point, Slot: slot, Level: e.level, Share: t.links[e.link].share})
	return &t.out[e.rec]
}
