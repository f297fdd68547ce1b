package fact

import (
	"encoding/binary"
	"hash/maphash"

	"weir/decoder"
	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// spoken is a statement of state that an agent repeats.
type spoken struct {
	sum, all uint64 // digests without and with the counts that rise all the time
	told     int64
	at       int64 // last said, told or not
	again    int64 // from when on it is told whatever it says; 0 not
}

// sayAgain is how often a state that did not change is told all the same, so
// that a model that has missed it learns of it.
const sayAgain = 60 * second

// sayCounts is how often a state is told of which only counts have risen.
const sayCounts = 10 * second

// settles is how long after an event about something its state may be told that was
// polled before.
const settles = second / 2

// maxPairs bounds what is kept of one statement.
const maxPairs = 64

// Metrics looks at an rtmetric sample. It keeps nothing of m.
func (g *Gatherer) Metrics(m *decoder.Metrics) {
	if g.sub == nil || m.Sample.Format != sflow.FormatRTMetric {
		return
	}
	var rt sflow.RTMetric
	if rt.Decode(m.Sample) != nil {
		return
	}
	s, ok := witness.Parse(&rt)
	if !ok {
		return
	}
	switch string(s.Class) {
	case witness.ClassEvent:
		g.event(&s)
	case witness.ClassHeartbeat:
		g.sub.beat = g.at
		g.say(&s, 0)
	default:
		g.state(&s)
	}
}

// event tells an event once: it is sent three times with the same id.
func (g *Gatherer) event(s *witness.Said) {
	id, ok := s.Lookup(witness.ID)
	if !ok || id.Type != sflow.MetricString {
		return
	}
	a := g.cur
	sum := maphash.Bytes(g.seed, id.Text)
	for _, e := range a.events {
		if e == sum {
			return
		}
	}
	a.events[a.nextID] = sum
	a.nextID = (a.nextID + 1) % len(a.events)
	g.urgent = true
	g.unsettle(s)
	g.say(s, 0)
}

// unsettle lets what is next said of the state of those that an event is about be
// told, though it is what was said last: between two polls a state may have changed
// and changed back, and of the two events one may have been lost.
func (g *Gatherer) unsettle(s *witness.Said) {
	for _, name := range [...]string{witness.Subject, witness.Master, witness.Port} {
		v, ok := s.Lookup(name)
		if !ok || v.Type != sflow.MetricString || len(v.Text) == 0 {
			continue
		}
		entity := witness.Escape(string(v.Text))
		for _, class := range [...]string{witness.ClassLink, witness.ClassBridge, witness.ClassOVS, witness.ClassOVSPort, witness.ClassInstance, witness.ClassService} {
			if k := g.cur.said[class+"/"+entity]; k != nil {
				k.again = g.at + settles
			}
		}
	}
}

// state tells a state that differs from the one before.
func (g *Gatherer) state(s *witness.Said) {
	a := g.cur
	sum, all := g.digest(s)
	key := append(append(append(make([]byte, 0, 300), s.Class...), '/'), s.Entity...)
	k := a.said[string(key)]
	if k == nil {
		if len(a.said) >= MaxSaid {
			g.refused.Add(1)
			return
		}
		if a.said == nil {
			a.said = map[string]*spoken{}
		}
		k = &spoken{}
		a.said[string(key)] = k
	}
	changed, counted := k.sum != sum, k.all != all
	before := k.at
	k.sum, k.all, k.at = sum, all, g.at
	if d := g.at - k.told; changed || d >= sayAgain || counted && d >= sayCounts || k.again != 0 && g.at >= k.again {
		k.told = g.at
		if g.at >= k.again {
			k.again = 0
		}
		g.urgent = g.urgent || changed
		g.say(s, before)
	}
}

// digest returns hashes of a state's values.
func (g *Gatherer) digest(s *witness.Said) (sum, all uint64) {
	var h, c maphash.Hash
	h.SetSeed(g.seed)
	c.SetSeed(g.seed)
	for m, err := range s.Pairs.All() {
		if err != nil {
			break
		}
		if string(m.Name) == witness.HMAC || string(m.Name) == witness.At {
			continue
		}
		to := &c
		if steady(s, m.Name) {
			to = &h
		}
		_, _ = to.Write(m.Name)
		_, _ = to.Write(m.Text)
		var bits [9]byte
		binary.BigEndian.PutUint64(bits[1:], m.Bits)
		_, _ = to.Write(bits[:])
	}
	return h.Sum64(), c.Sum64()
}

// steady reports whether a value of a state is one whose change is a change of
// the state; counts that rise all the time are not.
func steady(s *witness.Said, name []byte) bool {
	switch string(name) {
	case witness.Bytes, witness.Size, witness.Count, witness.Requests, witness.Answers, witness.TTL:
		return string(s.Class) != witness.ClassLog && string(s.Class) != witness.ClassConntrack &&
			string(s.Class) != witness.ClassNeighbour && string(s.Class) != witness.ClassLLDP
	}
	return true
}

// say tells a statement whole. before is when its like was said before, 0 where it
// tells of the very time.
func (g *Gatherer) say(s *witness.Said, before int64) {
	d := &Detail{Before: before, Topic: string(s.Class), Entity: cleanText([]byte(witness.Unescape(s.Entity[:min(len(s.Entity), 600)]))), Trusted: g.cur.signer.Verify(s)}
	for m, err := range s.Pairs.All() {
		if err != nil || len(d.Pairs) >= maxPairs {
			break
		}
		p := witness.Pair{Name: string(m.Name), Type: m.Type, Bits: m.Bits}
		if m.Type == sflow.MetricString {
			p.Text = cleanText(m.Text)
		}
		d.Pairs = append(d.Pairs, p)
	}
	g.tell(Fact{Kind: Said, Agent: g.cur.number, Sub: g.sub.id, At: g.at, Detail: d})
}

func cleanText(b []byte) string { return clean(b, witness.MaxText) }

// Text returns the first text of that name among the pairs.
func (d *Detail) Text(name string) string {
	for i := range d.Pairs {
		if d.Pairs[i].Name == name && d.Pairs[i].Type == sflow.MetricString {
			return d.Pairs[i].Text
		}
	}
	return ""
}

// Uint returns the first whole number of that name; ok is false without.
func (d *Detail) Uint(name string) (v uint64, ok bool) {
	for i := range d.Pairs {
		p := &d.Pairs[i]
		if p.Name != name {
			continue
		}
		switch p.Type {
		case sflow.MetricCounter32, sflow.MetricCounter64, sflow.MetricGauge32, sflow.MetricGauge64:
			return p.Bits, sflow.Metric{Type: p.Type, Bits: p.Bits}.Known()
		}
	}
	return 0, false
}
