package sflow

import "iter"

// Sample formats (sflow_version_5.txt, "Sample Format").
const (
	FormatFlowSample            Format = 1
	FormatCounterSample         Format = 2
	FormatFlowSampleExpanded    Format = 3
	FormatCounterSampleExpanded Format = 4
	FormatDiscardedPacket       Format = 5
	FormatRTMetric              Format = 4300<<12 | 1002
	FormatRTFlow                Format = 4300<<12 | 1003
)

// FlowSample is a flow_sample (0:1) or flow_sample_expanded (0:3).
type FlowSample struct {
	Sequence      Seq
	Source        DataSource
	SamplingRate  uint32 // one packet in SamplingRate, as the agent says
	SamplePool    uint32 // packets that could have been sampled; wraps
	Drops         uint32 // samples the agent itself lost; a running count
	Input, Output Port
	NumRecords    uint32 // as sent; RecordData is the truth
	RecordData    []byte // the records, undecoded

	off int
}

// Decode reads a compact or expanded flow sample. It keeps smp.Body; RecordData
// and the records refer to it.
func (s *FlowSample) Decode(smp Sample) error {
	if r := s.DecodeBody(smp.Format, smp.Body, smp.Offset); r != 0 {
		return r
	}
	return nil
}

// DecodeBody is Decode for callers that walk a datagram themselves: b is the
// body of a sample of format f at offset off of the datagram. It returns 0, or
// why it failed.
func (s *FlowSample) DecodeBody(f Format, b []byte, off int) Reason {
	switch f {
	case FormatFlowSample:
		if len(b) < 32 {
			*s = FlowSample{}
			return ErrTruncated
		}
		h := b[:32]
		s.Sequence = Seq(be.Uint32(h))
		s.Source = compactSource(be.Uint32(h[4:]))
		s.SamplingRate = be.Uint32(h[8:])
		s.SamplePool = be.Uint32(h[12:])
		s.Drops = be.Uint32(h[16:])
		s.Input = compactPort(be.Uint32(h[20:]))
		s.Output = compactPort(be.Uint32(h[24:]))
		s.NumRecords = be.Uint32(h[28:])
		s.RecordData, s.off = b[32:], off+32
	case FormatFlowSampleExpanded:
		if len(b) < 44 {
			*s = FlowSample{}
			return ErrTruncated
		}
		h := b[:44]
		s.Sequence = Seq(be.Uint32(h))
		s.Source = DataSource{be.Uint32(h[4:]), be.Uint32(h[8:])}
		s.SamplingRate = be.Uint32(h[12:])
		s.SamplePool = be.Uint32(h[16:])
		s.Drops = be.Uint32(h[20:])
		s.Input = Port{be.Uint32(h[24:]), be.Uint32(h[28:])}
		s.Output = Port{be.Uint32(h[32:]), be.Uint32(h[36:])}
		s.NumRecords = be.Uint32(h[40:])
		s.RecordData, s.off = b[44:], off+44
	default:
		*s = FlowSample{}
		return ErrFormat
	}
	return 0
}

// Records iterates over the flow records. A record that runs past the sample
// ends the iteration with an *Error.
func (s *FlowSample) Records() iter.Seq2[Record, error] {
	return records(s.RecordData, s.NumRecords, s.off)
}

// Append appends the sample with its format and length, NumRecords and
// RecordData as they are: flow_sample_expanded if expanded, else flow_sample,
// which holds 24 bits of the source's index and 30 of a port's value.
func (s *FlowSample) Append(b []byte, expanded bool) []byte {
	f := FormatFlowSample
	if expanded {
		f = FormatFlowSampleExpanded
	}
	b, at := beginRecord(b, f)
	b = be.AppendUint32(b, uint32(s.Sequence))
	b = appendSource(b, s.Source, expanded)
	b = be.AppendUint32(b, s.SamplingRate)
	b = be.AppendUint32(b, s.SamplePool)
	b = be.AppendUint32(b, s.Drops)
	b = appendPort(b, s.Input, expanded)
	b = appendPort(b, s.Output, expanded)
	b = be.AppendUint32(b, s.NumRecords)
	b = append(b, s.RecordData...)
	return endRecord(b, at)
}

func appendSource(b []byte, s DataSource, expanded bool) []byte {
	if expanded {
		return be.AppendUint32(be.AppendUint32(b, s.Class), s.Index)
	}
	return be.AppendUint32(b, s.compact())
}

func appendPort(b []byte, p Port, expanded bool) []byte {
	if expanded {
		return be.AppendUint32(be.AppendUint32(b, p.Format), p.Value)
	}
	return be.AppendUint32(b, p.compact())
}
