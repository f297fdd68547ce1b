// Package dump renders datagrams as JSON, one object each: what `weir decode`
// prints. The form is a contract: fields may be added, none renamed.
//
// Numbers are JSON numbers, 64-bit ones above 2^53 strings; a counter that the
// agent does not support is null; bytes are hex; a port is its index,
// {"discarded":reason}, {"multiple":n} or {"internal":true}.
package dump

import (
	"net/netip"
	"strconv"
	"time"

	"weir/decoder/sflow"
)

// timeLayout is RFC 3339 in UTC with nanoseconds.
const timeLayout = "2006-01-02T15:04:05.000000000Z"

// Append appends the datagram in payload as one JSON object, without a
// newline. Samples that cannot be read are left out and "error" says why; the
// good ones before and after them are there.
func Append(dst, payload []byte, from netip.AddrPort, at time.Time) []byte {
	var d sflow.Datagram
	err := d.Decode(payload)
	o := object(dst)
	o.str("at", at.UTC().Format(timeLayout))
	o.str("from", from.String())
	if err != nil {
		o.key("samples")
		o.b = append(o.b, "[]"...)
		o.str("error", err.Error())
		return o.end()
	}
	o.key("agent")
	if d.Agent.IsValid() {
		o.b = appendString(o.b, d.Agent.String())
	} else {
		o.b = append(o.b, "null"...)
	}
	o.num("sub_agent", uint64(d.SubAgent))
	o.num("sequence", uint64(d.Sequence))
	o.num("uptime_ms", uint64(d.Uptime))
	o.key("samples")
	var first error
	keep := func(err error) {
		if first == nil && err != nil {
			first = err
		}
	}
	o.b = append(o.b, '[')
	n := 0
	for smp, err := range d.Samples() {
		if err != nil {
			keep(err)
			break
		}
		before := len(o.b)
		if n > 0 {
			o.b = append(o.b, ',')
		}
		var ok bool
		if o.b, ok = appendSample(o.b, smp, keep); !ok {
			o.b = o.b[:before]
			continue
		}
		n++
	}
	o.b = append(o.b, ']')
	if first != nil {
		o.str("error", first.Error())
	}
	return o.end()
}

// appendSample appends one sample; false means that it is bad as a whole, and
// that what was appended is to be cut off. Errors go to keep.
func appendSample(b []byte, smp sflow.Sample, keep func(error)) ([]byte, bool) {
	bad := func(err error) ([]byte, bool) {
		keep(&sflow.Error{What: "sample", Index: smp.Index, Offset: smp.Offset, Err: err})
		return b, false
	}
	o := object(b)
	o.str("format", smp.Format.String())
	if name := sflow.SampleName(smp.Format); name != "" {
		o.str("name", name)
	}
	var err error
	switch smp.Format {
	case sflow.FormatFlowSample, sflow.FormatFlowSampleExpanded:
		var s sflow.FlowSample
		if err := s.Decode(smp); err != nil {
			return bad(err)
		}
		o.num("sequence", uint64(s.Sequence))
		o.str("source", s.Source.String())
		o.num("sampling_rate", uint64(s.SamplingRate))
		o.num("sample_pool", uint64(s.SamplePool))
		o.num("drops", uint64(s.Drops))
		o.port("input", s.Input)
		o.port("output", s.Output)
		err = o.records(s.Records(), sflow.FlowRecordName, sflow.NewFlowRecord, keep)
	case sflow.FormatCounterSample, sflow.FormatCounterSampleExpanded:
		var s sflow.CounterSample
		if err := s.Decode(smp); err != nil {
			return bad(err)
		}
		o.num("sequence", uint64(s.Sequence))
		o.str("source", s.Source.String())
		err = o.records(s.Records(), sflow.CounterRecordName, sflow.NewCounterRecord, keep)
	case sflow.FormatDiscardedPacket:
		var s sflow.DiscardSample
		if err := s.Decode(smp); err != nil {
			return bad(err)
		}
		o.num("sequence", uint64(s.Sequence))
		o.str("source", s.Source.String())
		o.num("drops", uint64(s.Drops))
		o.port("input", sflow.Port{Value: s.Input})
		o.port("output", sflow.Port{Value: s.Output})
		o.num("reason", uint64(s.DropReason))
		if name := sflow.DropReasonName(s.DropReason); name != "" {
			o.str("reason_name", name)
		}
		err = o.records(s.Records(), sflow.FlowRecordName, sflow.NewFlowRecord, keep)
	case sflow.FormatRTMetric:
		var s sflow.RTMetric
		if err := s.Decode(smp); err != nil {
			return bad(err)
		}
		o.fields(&s)
		for _, err := range s.Metrics.All() {
			keep(err)
		}
	case sflow.FormatRTFlow:
		var s sflow.RTFlow
		if err := s.Decode(smp); err != nil {
			return bad(err)
		}
		o.fields(&s)
		for _, err := range s.Fields.All() {
			keep(err)
		}
	default:
		o.num("length", uint64(len(smp.Body)))
	}
	if err != nil {
		keep(err)
		return b, false
	}
	return o.end(), true
}

// records appends the "records" of a sample. A record that runs past its
// sample is returned as an error; one that cannot be decoded keeps its format
// and length, and its error goes to keep.
func (o *writer) records(seq func(func(sflow.Record, error) bool), name func(sflow.Format) string,
	fresh func(sflow.Format) sflow.Structure, keep func(error)) error {
	o.key("records")
	o.b = append(o.b, '[')
	n := 0
	for r, err := range seq {
		if err != nil {
			return err
		}
		if n++; n > 1 {
			o.b = append(o.b, ',')
		}
		ro := object(o.b)
		ro.str("format", r.Format.String())
		if s := name(r.Format); s != "" {
			ro.str("name", s)
		}
		if s := fresh(r.Format); s == nil {
			ro.num("length", uint64(len(r.Body)))
		} else if err := s.Decode(r); err != nil {
			keep(&sflow.Error{What: "record", Index: r.Index, Offset: r.Offset, Err: err})
			ro.num("length", uint64(len(r.Body)))
			ro.str("error", err.Error())
		} else {
			ro.fields(s)
			if h, ok := s.(*sflow.SampledHeader); ok {
				ro.header(h)
			}
		}
		o.b = ro.end()
	}
	o.b = append(o.b, ']')
	return nil
}

func (o *writer) port(key string, p sflow.Port) {
	o.key(key)
	switch {
	case p.Internal():
		o.b = append(o.b, `{"internal":true}`...)
	case p.Format == sflow.PortSingle:
		o.b = strconv.AppendUint(o.b, uint64(p.Value), 10)
	case p.Format == sflow.PortDiscarded:
		o.b = append(strconv.AppendUint(append(o.b, `{"discarded":`...), uint64(p.Value), 10), '}')
	case p.Format == sflow.PortMultiple:
		o.b = append(strconv.AppendUint(append(o.b, `{"multiple":`...), uint64(p.Value), 10), '}')
	default:
		o.b = append(strconv.AppendUint(append(o.b, `{"format":`...), uint64(p.Format), 10), `,"value":`...)
		o.b = append(strconv.AppendUint(o.b, uint64(p.Value), 10), '}')
	}
}
