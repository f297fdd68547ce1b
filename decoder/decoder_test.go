package decoder_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
)

var (
	from = netip.MustParseAddrPort("192.0.2.1:50000")
	at   = time.Unix(1700000000, 0).UTC()
)

// record is what the tests keep of the events: copies, as a Handler must.
type record struct {
	arrivals, flows, counters, discards, metrics int
	flow                                         decoder.Flow
	arrival                                      decoder.Arrival
	order                                        []string
	ports                                        []uint16
}

func (r *record) Arrival(a *decoder.Arrival) {
	r.arrivals++
	r.arrival = *a
	r.order = append(r.order, "arrival")
}
func (r *record) Flow(f *decoder.Flow) {
	r.flows++
	r.flow = *f
	r.order = append(r.order, "flow")
	r.ports = append(r.ports, f.Header.Key.SrcPort)
}
func (r *record) Counters(*decoder.Counters) {
	r.counters++
	r.order = append(r.order, "counters")
}
func (r *record) Discard(*decoder.Discard) {
	r.discards++
	r.order = append(r.order, "discard")
}
func (r *record) Metrics(*decoder.Metrics) {
	r.metrics++
	r.order = append(r.order, "metrics")
}

// none is a Handler that does nothing.
type none struct{}

func (none) Arrival(*decoder.Arrival)   {}
func (none) Flow(*decoder.Flow)         {}
func (none) Counters(*decoder.Counters) {}
func (none) Discard(*decoder.Discard)   {}
func (none) Metrics(*decoder.Metrics)   {}

// tcp is an Ethernet, IPv4, TCP header of 10.0.0.1:port to 10.0.0.2:443, as a
// switch samples it: the first n bytes.
func tcp(port uint16, n int) []byte {
	b := []byte{
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, 5, 220, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		byte(port >> 8), byte(port), 1, 187, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 0, 0, 0, 0, 0,
	}
	for len(b) < n {
		b = append(b, byte(len(b)))
	}
	return b[:n]
}

// flowSample is a flow sample with a header of n bytes and an extended_switch.
func flowSample(seq uint32, port uint16, n int, expanded bool) []byte {
	h := sflow.SampledHeader{Protocol: 1, FrameLength: 1518, Stripped: 4, Header: tcp(port, n)}
	recs := h.Append(nil)
	sw := sflow.ExtendedSwitch{SrcVLAN: 10, DstVLAN: 20}
	recs = sw.Append(recs)
	s := sflow.FlowSample{Sequence: sflow.Seq(seq), Source: sflow.DataSource{Index: 7}, SamplingRate: 1000,
		SamplePool: seq * 1000, Input: sflow.Port{Value: 7}, Output: sflow.Port{Value: 8}, NumRecords: 2, RecordData: recs}
	return s.Append(nil, expanded)
}

func counterSample() []byte {
	c := sflow.IfCounters{Index: 7, Speed: 1e9, Status: 3, InOctets: 1234}
	s := sflow.CounterSample{Sequence: 1, Source: sflow.DataSource{Index: 7}, NumRecords: 1, RecordData: c.Append(nil)}
	return s.Append(nil, false)
}

func datagram(samples ...[]byte) []byte {
	g := sflow.Datagram{Agent: netip.MustParseAddr("192.0.2.9"), SubAgent: 3, Sequence: 42, Uptime: 1000, NumSamples: uint32(len(samples))}
	for _, s := range samples {
		g.SampleData = append(g.SampleData, s...)
	}
	return g.Append(nil)
}

func decode(t testing.TB, b []byte) (*record, error) {
	t.Helper()
	var d decoder.Decoder
	r := &record{}
	err := d.Decode(b, from, at, r)
	return r, err
}

func TestFlowCarriesKeyVLANAndRate(t *testing.T) {
	for _, expanded := range []bool{false, true} {
		r, err := decode(t, datagram(flowSample(5, 1111, 128, expanded)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"arrival", "flow"}, r.order); diff != "" {
			t.Fatalf("events (-want +got):\n%s", diff)
		}
		f := r.flow
		want := packet.Key{SrcPort: 1111, DstPort: 443, Proto: 6,
			Src: netip.MustParseAddr("10.0.0.1").As16(), Dst: netip.MustParseAddr("10.0.0.2").As16()}
		if diff := cmp.Diff(want, f.Header.Key); diff != "" {
			t.Errorf("key (-want +got):\n%s", diff)
		}
		if f.InVLAN != 10 || f.OutVLAN != 20 || f.FrameLength != 1518 || f.Est.SamplingRate != 1000 {
			t.Errorf("got vlan %d>%d frame %d rate %d", f.InVLAN, f.OutVLAN, f.FrameLength, f.Est.SamplingRate)
		}
		if f.Seen != decoder.SeenHeader|decoder.SeenSwitch {
			t.Errorf("seen %b", f.Seen)
		}
		if r.arrival.Agent.String() != "192.0.2.9" || r.arrival.Sequence != 42 || r.arrival.At != at {
			t.Errorf("arrival %+v", r.arrival)
		}
	}
}

func TestBadSampleCostsOnlyItself(t *testing.T) {
	good := func(port uint16) []byte { return flowSample(1, port, 64, false) }
	short := flowSample(1, 2, 64, false)
	be32(short[8+32+4:], 0x7fffffff) // the first record's length
	header := flowSample(1, 2, 64, false)
	be32(header[8+32+8+12:], 0xffffffff) // header_length
	tests := []struct {
		name   string
		bad    []byte
		reason sflow.Reason
	}{
		{"record runs past the sample", short, sflow.ErrTruncated},
		{"header length past the record", header, sflow.ErrLength},
		{"flow sample too short", []byte{0, 0, 0, 1, 0, 0, 0, 4, 1, 2, 3, 4}, sflow.ErrTruncated},
		{"counter sample too short", []byte{0, 0, 0, 2, 0, 0, 0, 4, 1, 2, 3, 4}, sflow.ErrTruncated},
		{"discarded packet too short", []byte{0, 0, 0, 5, 0, 0, 0, 4, 1, 2, 3, 4}, sflow.ErrTruncated},
		{"unknown sample is no error", []byte{1, 2, 3, 4, 0, 0, 0, 4, 1, 2, 3, 4}, 0},
		{"empty unknown sample is no error", []byte{1, 2, 3, 4, 0, 0, 0, 0}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var d decoder.Decoder
			r := &record{}
			err := d.Decode(datagram(good(1), tt.bad, good(3), counterSample()), from, at, r)
			if diff := cmp.Diff([]string{"arrival", "flow", "flow", "counters"}, r.order); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]uint16{1, 3}, r.ports); diff != "" {
				t.Errorf("flows (-want +got):\n%s", diff)
			}
			if tt.reason == 0 {
				if err != nil {
					t.Errorf("error %v for a sample that is only unknown", err)
				}
				return
			}
			if !errors.Is(err, tt.reason) {
				t.Errorf("error %v, want %v", err, tt.reason)
			}
			if n := d.Stats().SampleErrors[tt.reason]; n != 1 {
				t.Errorf("counted %d, want 1", n)
			}
			var e *sflow.Error
			if !errors.As(err, &e) || e.Index != 1 {
				t.Errorf("error %v does not name sample 1", err)
			}
		})
	}
}

func be32(b []byte, v uint32) { b[0], b[1], b[2], b[3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v) }

func TestForeignPayloadsAreNamed(t *testing.T) {
	tests := map[string]struct {
		b    []byte
		want sflow.Reason
	}{
		"sflow 2":     {[]byte{0, 0, 0, 2}, sflow.ErrSFlowVersion2},
		"sflow 4":     {[]byte{0, 0, 0, 4}, sflow.ErrSFlowVersion4},
		"netflow 5":   {[]byte{0, 5, 0, 30}, sflow.ErrNetFlowV5},
		"netflow 9":   {[]byte{0, 9, 0, 3}, sflow.ErrNetFlowV9},
		"ipfix":       {[]byte{0, 10, 0, 3}, sflow.ErrIPFIX},
		"other":       {[]byte("GET / HTTP/1.1"), sflow.ErrVersion},
		"too short":   {[]byte{0, 0, 0}, sflow.ErrTruncated},
		"no agent":    {[]byte{0, 0, 0, 5, 0, 0, 0, 9}, sflow.ErrAddressType},
		"head cut":    {[]byte{0, 0, 0, 5, 0, 0, 0, 1, 1, 2, 3, 4, 0}, sflow.ErrTruncated},
		"empty":       {nil, sflow.ErrTruncated},
		"version cut": {[]byte{0, 0, 0, 5}, sflow.ErrTruncated},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var d decoder.Decoder
			r := &record{}
			if err := d.Decode(tt.b, from, at, r); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if d.Stats().DatagramErrors[tt.want] != 1 || len(r.order) != 0 {
				t.Errorf("counted %d, events %v", d.Stats().DatagramErrors[tt.want], r.order)
			}
		})
	}
}

func TestEveryPrefixDeliversOnlyWholeSamples(t *testing.T) {
	one, two, three := flowSample(1, 1, 61, false), counterSample(), flowSample(2, 3, 128, true)
	b := datagram(one, two, three)
	head := len(b) - len(one) - len(two) - len(three)
	for n := range len(b) {
		r, err := decode(t, b[:n:n])
		if !errors.Is(err, sflow.ErrTruncated) {
			t.Fatalf("prefix of %d bytes: error %v", n, err)
		}
		want := 0
		for _, end := range []int{head + len(one), head + len(one) + len(two)} {
			if n >= end {
				want++
			}
		}
		if got := r.flows + r.counters; got != want {
			t.Fatalf("prefix of %d bytes: %d samples, want %d", n, got, want)
		}
	}
}

func TestHugeCountsAndLengthsAllocateNothing(t *testing.T) {
	b := datagram(flowSample(1, 1, 61, false), counterSample(), flowSample(2, 3, 128, true))
	for at4 := 0; at4+4 <= len(b); at4 += 4 {
		c := append([]byte(nil), b...)
		be32(c[at4:], 0xffffffff)
		var d decoder.Decoder
		var h none
		if n := testing.AllocsPerRun(3, func() { d.Decode(c, from, at, h) }); n > 1 {
			t.Errorf("word at %d set to 2^32-1: %v allocations", at4, n)
		}
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	b := six()
	var d decoder.Decoder
	var h none
	if n := testing.AllocsPerRun(100, func() { d.Decode(b, from, at, h) }); n != 0 {
		t.Errorf("%v allocations per datagram", n)
	}
}

func TestReuseShowsNothingOfYesterday(t *testing.T) {
	rich := datagram(flowSample(1, 1, 128, false))
	s := sflow.FlowSample{Sequence: 9, SamplingRate: 1}
	bare := datagram(s.Append(nil, false))
	var d decoder.Decoder
	r := &record{}
	d.Decode(rich, from, at, r)
	d.Decode(bare, from, at, r)
	var fresh decoder.Decoder
	w := &record{}
	fresh.Decode(bare, from, at, w)
	r.flow.Arrival, w.flow.Arrival = nil, nil
	if diff := cmp.Diff(w.flow.Packet, r.flow.Packet); diff != "" {
		t.Errorf("reused decoder (-fresh +reused):\n%s", diff)
	}
}

func TestSampledEthernetAndIPv4MakeOneFlow(t *testing.T) {
	eth := sflow.SampledEthernet{Length: 1000, SrcMAC: sflow.MAC{2, 0, 0, 0, 0, 1}, DstMAC: sflow.MAC{2, 0, 0, 0, 0, 2}, Type: 0x0800}
	ip := sflow.SampledIPv4{Length: 982, Protocol: 17, SrcIP: netip.MustParseAddr("10.0.0.1"), DstIP: netip.MustParseAddr("10.0.0.2"), SrcPort: 53, DstPort: 5353}
	for name, recs := range map[string][]byte{
		"ethernet first": ip.Append(eth.Append(nil)),
		"ipv4 first":     eth.Append(ip.Append(nil)),
	} {
		t.Run(name, func(t *testing.T) {
			s := sflow.FlowSample{SamplingRate: 10, NumRecords: 2, RecordData: recs}
			var d decoder.Decoder
			r := &record{}
			// A rich header before: nothing of it may remain.
			if err := d.Decode(datagram(flowSample(1, 1, 128, false), s.Append(nil, false)), from, at, r); err != nil {
				t.Fatal(err)
			}
			f := r.flow
			want := packet.Key{SrcPort: 53, DstPort: 5353, Proto: 17,
				Src: netip.MustParseAddr("10.0.0.1").As16(), Dst: netip.MustParseAddr("10.0.0.2").As16()}
			if diff := cmp.Diff(want, f.Header.Key); diff != "" {
				t.Errorf("key (-want +got):\n%s", diff)
			}
			if !f.Header.HasKey || f.FrameLength != 1000 || f.Header.SrcMAC != eth.SrcMAC || f.Header.HasTCP {
				t.Errorf("key %v frame %d mac %v tcp %v", f.Header.HasKey, f.FrameLength, f.Header.SrcMAC, f.Header.HasTCP)
			}
			if f.Seen != decoder.SeenEthernet|decoder.SeenIPv4 || f.HeaderBytes != nil {
				t.Errorf("seen %b, header bytes %x", f.Seen, f.HeaderBytes)
			}
		})
	}
}

func TestEmptySamplesCostLittle(t *testing.T) {
	g := sflow.Datagram{NumSamples: 0xffffffff, SampleData: make([]byte, 65000)}
	var d decoder.Decoder
	b := g.Append(nil)
	r := &record{}
	if err := d.Decode(b, from, at, r); !errors.Is(err, sflow.ErrTruncated) {
		t.Errorf("error %v", err)
	}
	if d.Stats().Samples[decoder.KindOther] != 65000/8 {
		t.Errorf("walked %d samples", d.Stats().Samples[decoder.KindOther])
	}
}

func six() []byte {
	var s [][]byte
	for i := range uint32(6) {
		s = append(s, flowSample(i, uint16(i), 128, false))
	}
	return datagram(s...)
}

type sum struct {
	none
	n uint64
}

func (s *sum) Flow(f *decoder.Flow) { s.n += uint64(f.Header.Key.SrcPort) + uint64(f.FrameLength) }

func BenchmarkHot(b *testing.B) {
	p := six()
	var d decoder.Decoder
	h := &sum{}
	b.ReportAllocs()
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		d.Decode(p, from, at, h)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/6, "ns/sample")
}

// BenchmarkStream reads 64 MiB of datagrams in one buffer in order, so that
// every header comes from memory.
func BenchmarkStream(b *testing.B) {
	p := six()
	const size = 64 << 20
	n := size / len(p)
	buf := make([]byte, 0, n*len(p))
	for range n {
		buf = append(buf, p...)
	}
	var d decoder.Decoder
	h := &sum{}
	b.ReportAllocs()
	for b.Loop() {
		for i := range n {
			d.Decode(buf[i*len(p):(i+1)*len(p)], from, at, h)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n*6), "ns/sample")
}
