package sflow

import "iter"

// DiscardSample is a discarded_packet (0:5, sflow_drops.txt). Its ports are
// plain ifIndexes, 0 where unknown.
type DiscardSample struct {
	Sequence      Seq
	Source        DataSource
	Drops         uint32 // notifications the agent itself lost; a running count
	Input, Output uint32 // ifIndex
	DropReason    uint32 // see DropReasonName
	NumRecords    uint32 // as sent; RecordData is the truth
	RecordData    []byte // the flow records, undecoded

	off int
}

// Decode reads a discarded packet. It keeps smp.Body; RecordData and the
// records refer to it.
func (s *DiscardSample) Decode(smp Sample) error {
	*s = DiscardSample{}
	if smp.Format != FormatDiscardedPacket {
		return ErrFormat
	}
	if len(smp.Body) < 32 {
		return ErrTruncated
	}
	h := smp.Body[:32]
	s.Sequence = Seq(be.Uint32(h))
	s.Source = DataSource{be.Uint32(h[4:]), be.Uint32(h[8:])}
	s.Drops = be.Uint32(h[12:])
	s.Input = be.Uint32(h[16:])
	s.Output = be.Uint32(h[20:])
	s.DropReason = be.Uint32(h[24:])
	s.NumRecords = be.Uint32(h[28:])
	s.RecordData, s.off = smp.Body[32:], smp.Offset+32
	return nil
}

// Records iterates over the flow records. A record that runs past the sample
// ends the iteration with an *Error.
func (s *DiscardSample) Records() iter.Seq2[Record, error] {
	return records(s.RecordData, s.NumRecords, s.off)
}

// Append appends the sample with its format and length, NumRecords and
// RecordData as they are.
func (s *DiscardSample) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatDiscardedPacket)
	b = be.AppendUint32(b, uint32(s.Sequence))
	b = appendSource(b, s.Source, true)
	b = be.AppendUint32(b, s.Drops)
	b = be.AppendUint32(b, s.Input)
	b = be.AppendUint32(b, s.Output)
	b = be.AppendUint32(b, s.DropReason)
	b = be.AppendUint32(b, s.NumRecords)
	b = append(b, s.RecordData...)
	return endRecord(b, at)
}
