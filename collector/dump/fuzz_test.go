package dump

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

// maxGrowth bounds the octets printed for each octet of a datagram: the worst
// are empty records, whose 8 octets become a format, a length and an error.
const maxGrowth = 32

func FuzzAppend(f *testing.F) {
	for _, e := range examples() {
		f.Add(e.Bytes)
	}
	for _, d := range sflowtest.Datagrams() {
		f.Add(d.Bytes)
	}
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b) })
}

func check(t testing.TB, b []byte) {
	line := Append(nil, b, from, at)
	checkLine(t, line)
	if limit := 1024 + maxGrowth*len(b); len(line) > limit {
		t.Errorf("%d octets for a datagram of %d, want at most %d", len(line), len(b), limit)
	}
}

// TestEveryPrefixIsALine cuts and damages the examples everywhere, the long
// ones at every fifth place: the codec's own tests look at each.
func TestEveryPrefixIsALine(t *testing.T) {
	for _, e := range examples() {
		step := 1
		if len(e.Bytes) > 400 {
			step = 5
		}
		for n := 0; n < len(e.Bytes); n += step {
			check(t, e.Bytes[:n])
		}
		for off, b := range sflowtest.Saturate(e.Bytes) {
			if off/4%step == 0 {
				check(t, b)
			}
		}
	}
}

// TestCostIsBounded prints datagrams of 64 KiB whose content is as dear as it
// can be made.
func TestCostIsBounded(t *testing.T) {
	for _, c := range []struct {
		name   string
		sample sflow.Format
		record sflow.Format
		body   []byte
	}{
		{"empty samples of no known format", sflow.MakeFormat(1<<20-1, 4095), 0, nil},
		{"empty flow samples", sflow.FormatFlowSample, 0, nil},
		{"empty records", sflow.FormatFlowSample, sflow.MakeFormat(1<<20-1, 4095), nil},
		{"bad records with long names", sflow.FormatFlowSample, sflow.MakeFormat(0, 1025), nil},
		{"control characters", sflow.FormatCounterSample, sflow.MakeFormat(0, 1005), append([]byte{0, 0, 0xf0, 0}, make([]byte, 0xf000)...)},
		{"words", sflow.FormatFlowSample, sflow.MakeFormat(0, 1012), append(binary.BigEndian.AppendUint32(nil, 0x3000), bytes.Repeat([]byte{0xff}, 4*0x3000)...)},
		{"empty path segments", sflow.FormatFlowSample, sflow.MakeFormat(0, 1003), emptySegments(0x1c00)},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := builder()
			if c.record == 0 {
				for b.Len()+8+len(c.body) < sflow.MaxPayload {
					b.Sample(sflowtest.Raw{Format: c.sample, Body: c.body})
				}
			} else {
				if c.sample == sflow.FormatFlowSample {
					b.FlowSample(&sflow.FlowSample{}, false)
				} else {
					b.CounterSample(&sflow.CounterSample{}, false)
				}
				for b.Len()+8+len(c.body) < sflow.MaxPayload {
					b.Record(sflowtest.Raw{Format: c.record, Body: c.body})
				}
			}
			begin := time.Now()
			check(t, b.Bytes())
			// Printing takes some milliseconds, checking ten times as long; the
			// limit is for what is quadratic, on a busy machine.
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// emptySegments is the body of an extended_gateway with n segments of no AS.
func emptySegments(n uint32) []byte {
	var b []byte
	for _, v := range []uint32{1, 0xc0000201, 64496, 64497, 64498, n} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	for range n {
		b = binary.BigEndian.AppendUint32(b, 2)
		b = binary.BigEndian.AppendUint32(b, 0)
	}
	return binary.BigEndian.AppendUint64(b, 0)
}
