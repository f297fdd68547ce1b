package witness

import (
	"bytes"
	"crypto/hmac"
	"encoding/hex"

	"weir/decoder/sflow"
)

// maxPairs bounds what a reader looks at in one statement.
const maxPairs = 256

// Said is a statement that was received. It refers to the sample's bytes.
type Said struct {
	Class  []byte
	Entity []byte // still percent-encoded: see Unescape
	Pairs  sflow.MetricList
	source []byte
}

// Parse reads m as a statement; ok is false where its data source is not one of
// ours.
func Parse(m *sflow.RTMetric) (s Said, ok bool) {
	rest, ok := bytes.CutPrefix(m.DataSource, []byte(Prefix))
	if !ok {
		return Said{}, false
	}
	class, entity, ok := bytes.Cut(rest, []byte{'/'})
	if !ok || len(class) == 0 || len(entity) == 0 {
		return Said{}, false
	}
	return Said{Class: class, Entity: entity, Pairs: m.Metrics, source: m.DataSource}, true
}

// Lookup returns the first value of that name.
func (s *Said) Lookup(name string) (m sflow.Metric, ok bool) {
	n := 0
	for m, err := range s.Pairs.All() {
		if n++; err != nil || n > maxPairs {
			break
		}
		if string(m.Name) == name {
			return m, true
		}
	}
	return sflow.Metric{}, false
}

// Text returns the first string of that name, cut after MaxText octets; "" where
// there is none.
func (s *Said) Text(name string) string {
	m, ok := s.Lookup(name)
	if !ok || m.Type != sflow.MetricString {
		return ""
	}
	return string(m.Text[:min(len(m.Text), MaxText)])
}

// Uint returns the first whole number of that name; ok is false where there is
// none.
func (s *Said) Uint(name string) (v uint64, ok bool) {
	m, ok := s.Lookup(name)
	switch {
	case !ok || !m.Known():
		return 0, false
	case m.Type == sflow.MetricCounter32, m.Type == sflow.MetricCounter64,
		m.Type == sflow.MetricGauge32, m.Type == sflow.MetricGauge64:
		return m.Bits, true
	}
	return 0, false
}

// Signed reports whether the statement has an hmac pair.
func (s *Said) Signed() bool {
	_, ok := s.Lookup(HMAC)
	return ok
}

// Verify reports whether the statement is signed with the Signer's key: its last
// pair is an hmac that fits everything before it. A nil Signer verifies nothing.
func (g *Signer) Verify(s *Said) bool {
	if g == nil {
		return false
	}
	var last sflow.Metric
	n := uint32(0)
	for m, err := range s.Pairs.All() {
		if n++; err != nil || n > maxPairs {
			return false
		}
		last = m
	}
	var sent [macLen]byte
	if n != s.Pairs.Num || string(last.Name) != HMAC || last.Type != sflow.MetricString ||
		len(last.Text) != 2*macLen || len(s.Pairs.Data) < signature {
		return false
	}
	if _, err := hex.Decode(sent[:], last.Text); err != nil {
		return false
	}
	return hmac.Equal(sent[:], g.digest(s.source, s.Pairs.Data[:len(s.Pairs.Data)-signature]))
}
