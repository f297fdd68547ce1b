package sflow

import (
	"iter"
	"math"
)

// RTMetric is an rtmetric (sample 4300:1002): named values that a program on
// the host hands to its agent. It has no sequence number.
type RTMetric struct {
	DataSource Text       `json:"datasource"` // name of what is measured; empty: the agent itself
	Metrics    MetricList `json:"metrics"`    // refers to the sample's bytes
}

// MetricList is the list of an RTMetric, undecoded.
type MetricList struct {
	Num  uint32 // as sent; Data is the truth
	Data []byte // refers to the sample's bytes

	off int // of Data in the datagram
}

// MetricType says what a Metric holds.
type MetricType uint32

// Values of MetricType.
const (
	MetricString      MetricType = 0
	MetricCounter32   MetricType = 1
	MetricCounter64   MetricType = 2
	MetricGauge32     MetricType = 3
	MetricGauge64     MetricType = 4
	MetricGaugeFloat  MetricType = 5
	MetricGaugeDouble MetricType = 6
)

var metricTypes = [...]string{"string", "counter32", "counter64", "gauge32", "gauge64", "gaugeFloat", "gaugeDouble"}

// String returns the type's name as agents spell it, "unknown" where it is
// none of the constants.
func (t MetricType) String() string {
	if int64(t) < int64(len(metricTypes)) {
		return metricTypes[t]
	}
	return "unknown"
}

// Metric is one named value of an RTMetric.
type Metric struct {
	Name Text
	Type MetricType
	Bits uint64 // the number as on the wire: an integer, or an IEEE 754 float of 32 or 64 bits
	Text Text   // of a MetricString
}

// Known reports whether the value is data: false for a counter of all ones.
func (m Metric) Known() bool {
	switch m.Type {
	case MetricCounter32:
		return Counter32(m.Bits).Known()
	case MetricCounter64:
		return Counter64(m.Bits).Known()
	}
	return true
}

// Float returns the number of any type; 0 of a MetricString.
func (m Metric) Float() float64 {
	switch m.Type {
	case MetricGaugeFloat:
		return float64(math.Float32frombits(uint32(m.Bits)))
	case MetricGaugeDouble:
		return math.Float64frombits(m.Bits)
	}
	return float64(m.Bits)
}

// Decode reads the head of an rtmetric; the list is read by its iterator. Decode
// keeps smp.Body; DataSource and Metrics refer to it.
func (s *RTMetric) Decode(smp Sample) error {
	*s = RTMetric{}
	if smp.Format != FormatRTMetric {
		return ErrFormat
	}
	name, b, err := decodeOpaque(smp.Body)
	if err != nil {
		return err
	}
	if len(b) < 4 {
		return ErrTruncated
	}
	s.DataSource = name
	s.Metrics = MetricList{be.Uint32(b), b[4:len(b):len(b)], smp.Offset + len(smp.Body) - len(b) + 4}
	return nil
}

// All iterates over the values. A value that runs past the sample, or one
// of an unknown type, whose length nobody knows, ends the iteration with an
// *Error; it is not delivered.
func (l *MetricList) All() iter.Seq2[Metric, error] {
	return func(yield func(Metric, error) bool) {
		b := l.Data
		for i := 0; uint64(i) < uint64(l.Num); i++ {
			m, rest, err := decodeMetric(b)
			if err != 0 {
				off := l.off + len(l.Data) - len(b)
				yield(Metric{}, &Error{What: "metric", Index: i, Offset: off, Err: err})
				return
			}
			if !yield(m, nil) {
				return
			}
			b = rest
		}
	}
}

// decodeMetric reads the value at the start of b and returns it with what
// follows; the Reason is 0 where it could be read.
func decodeMetric(b []byte) (m Metric, rest []byte, _ Reason) {
	name, b, err := decodeOpaque(b)
	if err != nil || len(b) < 4 {
		return Metric{}, nil, ErrTruncated
	}
	m.Name, m.Type = name, MetricType(be.Uint32(b))
	b = b[4:]
	switch m.Type {
	case MetricString:
		if m.Text, rest, err = decodeOpaque(b); err != nil {
			return Metric{}, nil, ErrTruncated
		}
		return m, rest, 0
	case MetricCounter32, MetricGauge32, MetricGaugeFloat:
		if len(b) < 4 {
			return Metric{}, nil, ErrTruncated
		}
		m.Bits = uint64(be.Uint32(b))
		return m, b[4:], 0
	case MetricCounter64, MetricGauge64, MetricGaugeDouble:
		if len(b) < 8 {
			return Metric{}, nil, ErrTruncated
		}
		m.Bits = be.Uint64(b)
		return m, b[8:], 0
	}
	return Metric{}, nil, ErrValue
}

// Add adds a value to a list made with Add alone. A value of an unknown type is
// not added. To begin again in the same buffer, set Num to 0 and Data to
// Data[:0].
func (l *MetricList) Add(m Metric) {
	if m.Type > MetricGaugeDouble {
		return
	}
	b := be.AppendUint32(appendOpaque(l.Data, m.Name), uint32(m.Type))
	switch m.Type {
	case MetricString:
		b = appendOpaque(b, m.Text)
	case MetricCounter32, MetricGauge32, MetricGaugeFloat:
		b = be.AppendUint32(b, uint32(m.Bits))
	case MetricCounter64, MetricGauge64, MetricGaugeDouble:
		b = be.AppendUint64(b, m.Bits)
	}
	l.Data = b
	l.Num++
}

// Append appends the sample with its format and length, the list's Num and Data
// as they are.
func (s *RTMetric) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatRTMetric)
	b = appendOpaque(b, s.DataSource)
	b = be.AppendUint32(b, s.Metrics.Num)
	return endRecord(append(b, s.Metrics.Data...), at)
}
