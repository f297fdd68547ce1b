package sflow

import "iter"

// CounterSample is a counters_sample (0:2) or counters_sample_expanded (0:4).
type CounterSample struct {
	Sequence   Seq
	Source     DataSource
	NumRecords uint32 // as sent; RecordData is the truth
	RecordData []byte // the records, undecoded

	off int
}

// Decode reads a compact or expanded counter sample. It keeps smp.Body;
// RecordData and the records refer to it.
func (s *CounterSample) Decode(smp Sample) error {
	*s = CounterSample{}
	switch b := smp.Body; smp.Format {
	case FormatCounterSample:
		if len(b) < 12 {
			return ErrTruncated
		}
		s.Sequence = Seq(be.Uint32(b))
		s.Source = compactSource(be.Uint32(b[4:]))
		s.NumRecords = be.Uint32(b[8:])
		s.RecordData, s.off = b[12:], smp.Offset+12
	case FormatCounterSampleExpanded:
		if len(b) < 16 {
			return ErrTruncated
		}
		s.Sequence = Seq(be.Uint32(b))
		s.Source = DataSource{be.Uint32(b[4:]), be.Uint32(b[8:])}
		s.NumRecords = be.Uint32(b[12:])
		s.RecordData, s.off = b[16:], smp.Offset+16
	default:
		return ErrFormat
	}
	return nil
}

// Records iterates over the counter records. A record that runs past the
// sample ends the iteration with an *Error.
func (s *CounterSample) Records() iter.Seq2[Record, error] {
	return records(s.RecordData, s.NumRecords, s.off)
}

// Append appends the sample with its format and length, NumRecords and
// RecordData as they are.
func (s *CounterSample) Append(b []byte, expanded bool) []byte {
	f := FormatCounterSample
	if expanded {
		f = FormatCounterSampleExpanded
	}
	b, at := beginRecord(b, f)
	b = be.AppendUint32(b, uint32(s.Sequence))
	b = appendSource(b, s.Source, expanded)
	b = be.AppendUint32(b, s.NumRecords)
	b = append(b, s.RecordData...)
	return endRecord(b, at)
}
