package witness

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"weir/decoder/sflow"
)

// Pair is one named value.
type Pair struct {
	Name string
	Type sflow.MetricType
	Bits uint64 // the number as on the wire
	Text string // of a MetricString
}

// String returns a pair with text, which is cut after MaxText octets.
func String(name, v string) Pair { return Pair{Name: name, Type: sflow.MetricString, Text: v} }

// Gauge32 returns a pair with a number that rises and falls.
func Gauge32(name string, v uint32) Pair {
	return Pair{Name: name, Type: sflow.MetricGauge32, Bits: uint64(v)}
}

// Gauge64 returns a pair with a number that rises and falls.
func Gauge64(name string, v uint64) Pair {
	return Pair{Name: name, Type: sflow.MetricGauge64, Bits: v}
}

// Counter64 returns a pair with a number that only rises: a count or a time.
func Counter64(name string, v uint64) Pair {
	return Pair{Name: name, Type: sflow.MetricCounter64, Bits: v}
}

// signature is the room an hmac pair takes on the wire, stamp that of the time of a
// state.
const (
	signature = 4 + 4 + 4 + 4 + 2*macLen
	stamp     = 4 + 4 + 4 + 8
)

// Statement builds one statement in buffers that it keeps: nothing is allocated
// once they are large enough. The zero value is ready for Begin.
type Statement struct {
	m    sflow.RTMetric
	text []byte // of the string being added
	name []byte
	cut  bool
}

// Begin starts a statement of class about entity; what the Statement held
// before is gone. Slashes and control characters of the entity are
// percent-encoded.
func (s *Statement) Begin(class, entity string) {
	b := append(s.m.DataSource[:0], Prefix...)
	b = append(append(b, class...), '/')
	s.m.DataSource = appendEscaped(b, entity)
	s.m.Metrics.Num, s.m.Metrics.Data = 0, s.m.Metrics.Data[:0]
	s.cut = false
}

// BeginIn is Begin for an entity inside another: the source is
// weir/<class>/<outer>/<entity>.
func (s *Statement) BeginIn(class, outer, entity string) {
	s.Begin(class, outer)
	s.m.DataSource = appendEscaped(append(s.m.DataSource, '/'), entity)
}

// Add adds pairs. A text longer than MaxText is cut; a pair that would make the
// statement longer than MaxStatement is left out. Both make Cut true.
func (s *Statement) Add(pairs ...Pair) {
	for i := range pairs {
		s.add(&pairs[i])
	}
}

func (s *Statement) add(p *Pair) {
	text := p.Text
	if len(text) > MaxText {
		text, s.cut = text[:MaxText], true
	}
	if s.len()+4+pad(len(p.Name))+4+max(8, 4+pad(len(text)))+stamp+signature > MaxStatement {
		s.cut = true
		return
	}
	s.name = append(s.name[:0], p.Name...)
	s.text = append(s.text[:0], text...)
	s.m.Metrics.Add(sflow.Metric{Name: s.name, Type: p.Type, Bits: p.Bits, Text: s.text})
}

// len returns the statement's octets with format, length, source and count.
func (s *Statement) len() int {
	return 8 + 4 + pad(len(s.m.DataSource)) + 4 + len(s.m.Metrics.Data)
}

func pad(n int) int { return (n + 3) &^ 3 }

// Cut reports whether something did not fit.
func (s *Statement) Cut() bool { return s.cut }

// Metric returns the statement as the sample it is. It refers to the Statement's
// buffers and is valid until the next Begin.
func (s *Statement) Metric() *sflow.RTMetric { return &s.m }

// Append appends the statement as an rtmetric sample with format and length.
func (s *Statement) Append(b []byte) []byte { return s.m.Append(b) }

// macLen is how many octets of the HMAC are sent.
const macLen = 16

// Signer signs statements with the key that a node shares with the collector.
// It is not safe for concurrent use.
type Signer struct {
	mac  hash.Hash
	sum  [sha256.Size]byte
	zero [1]byte
	text [2 * macLen]byte
}

// NewSigner returns a Signer, nil where key is empty: nothing is signed then.
func NewSigner(key []byte) *Signer {
	if len(key) == 0 {
		return nil
	}
	return &Signer{mac: hmac.New(sha256.New, key)}
}

// Sign adds the hmac pair, which must be the last one. A nil Signer adds
// nothing.
func (g *Signer) Sign(s *Statement) {
	if g == nil {
		return
	}
	hex.Encode(g.text[:], g.digest(s.m.DataSource, s.m.Metrics.Data))
	s.name = append(s.name[:0], HMAC...)
	s.m.Metrics.Add(sflow.Metric{Name: s.name, Type: sflow.MetricString, Text: g.text[:]})
}

// digest is HMAC-SHA256 over the data source, a zero octet and the octets of
// all pairs before the hmac pair as they are on the wire, cut to 16 octets.
func (g *Signer) digest(source, pairs []byte) []byte {
	g.mac.Reset()
	g.mac.Write(source)
	g.mac.Write(g.zero[:])
	g.mac.Write(pairs)
	return g.mac.Sum(g.sum[:0])[:macLen]
}

// SignState appends a statement, which is a whole encoded rtmetric sample, to b: with
// the time at which it is said, in Unix nanoseconds, and the hmac pair. So nobody who
// has heard it can say it again later. A nil Signer appends it as it is, and so does
// one of what is no such sample.
func (g *Signer) SignState(b, sample []byte, now int64) []byte {
	source, num, ok := parts(sample)
	if g == nil || !ok {
		return append(b, sample...)
	}
	at := len(b)
	b = append(b, sample...)
	pairs := at + num + 4
	b = appendPair(b, At, sflow.Metric{Type: sflow.MetricCounter64, Bits: uint64(now)})
	hex.Encode(g.text[:], g.digest(source, b[pairs:]))
	b = appendPair(b, HMAC, sflow.Metric{Type: sflow.MetricString, Text: g.text[:]})
	be := binary.BigEndian
	be.PutUint32(b[at+4:], uint32(len(b)-at-8))
	be.PutUint32(b[at+num:], be.Uint32(b[at+num:])+2)
	return b
}

// parts returns the source of an encoded rtmetric sample, and where the number of its
// pairs is.
func parts(sample []byte) (source []byte, num int, ok bool) {
	be := binary.BigEndian
	if len(sample) < 16 || sflow.Format(be.Uint32(sample)) != sflow.FormatRTMetric || uint64(be.Uint32(sample[4:])) != uint64(len(sample)-8) {
		return nil, 0, false
	}
	n := uint64(be.Uint32(sample[8:]))
	if n > uint64(len(sample)-16) || 12+uint64(pad(int(n)))+4 > uint64(len(sample)) {
		return nil, 0, false
	}
	return sample[12 : 12+n], 12 + pad(int(n)), true
}

// appendPair appends one pair as it is on the wire.
func appendPair(b []byte, name string, m sflow.Metric) []byte {
	var l sflow.MetricList
	var buf [16]byte
	m.Name = append(buf[:0], name...)
	l.Data = b
	l.Add(m)
	return l.Data
}
