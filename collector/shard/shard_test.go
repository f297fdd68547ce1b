package shard

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weir/collector/agents"
	"weir/collector/record"
	"weir/collector/series"
	"weir/decoder"
	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
	"weir/detect"
)

var (
	from   = netip.MustParseAddrPort("192.0.2.11:50000")
	epoch0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func newShard(cfg agents.Config) (*Shard, *agents.Shared, *detect.Shard) {
	return newShardAt(cfg, 100e6)
}

func newShardAt(cfg agents.Config, threshold float64) (*Shard, *agents.Shared, *detect.Shard) {
	shared := agents.NewShared(cfg)
	d := detect.NewShard(detect.Config{LargeFlow: detect.LargeFlowConfig{Threshold: detect.Threshold{BitsPerSecond: threshold}}}, 1)
	return New(agents.NewRegistry(shared), d), shared, d
}

// payload is a datagram of an agent with n flow samples, each of a flow of its
// own, and room to change its sequence.
func payload(agent string, n int) []byte {
	var b sflow.Builder
	b.Reset(nil, &sflow.Datagram{Agent: netip.MustParseAddr(agent), Sequence: 1, Uptime: 1000})
	for i := range n {
		h := sflowtest.Header()
		binary.BigEndian.PutUint16(h[34:], uint16(1000+i))
		b.FlowSample(&sflow.FlowSample{
			Sequence: sflow.Seq(i + 1), Source: sflow.DataSource{Index: 9}, SamplingRate: 1000, SamplePool: uint32(1000 * i),
			Input: sflow.Port{Value: 9}, Output: sflow.Port{Value: 10},
		}, false, &sflow.SampledHeader{Protocol: 1, FrameLength: 1518, Stripped: 4, Header: h},
			&sflow.ExtendedSwitch{SrcVLAN: 100, DstVLAN: 100})
	}
	return b.Bytes()
}

func TestSamplesOfAgentsNotAdmittedAreNotDetectedOn(t *testing.T) {
	s, shared, d := newShard(agents.Config{Limits: agents.Limits{AdmissionBurst: 1, AdmissionRate: 1e-9}})
	for range 3 {
		s.Datagram(payload("192.0.2.1", 2), from, epoch0)
		s.Datagram(payload("192.0.2.2", 2), from, epoch0)
	}
	s.Datagram(sflowtest.Datagrams()[4].Bytes, from, epoch0) // discarded packets, of the agent admitted
	s.Tick(epoch0, 7*time.Second)
	var snap Snapshot
	s.Snapshot(&snap)
	if snap.NotAdmitted != 3 || snap.Decoder.Datagrams != 7 || snap.Decoder.Samples[decoder.KindFlow] != 12 || snap.Discards != 1 || snap.Busy != 7*time.Second {
		t.Errorf("counts %+v, of the decoder %d datagrams, %d flow samples", snap.Counts, snap.Decoder.Datagrams, snap.Decoder.Samples[decoder.KindFlow])
	}
	if n := d.Stats().Samples; n != 6 {
		t.Errorf("%d samples detected on, want the 6 of the agent admitted", n)
	}
	if tt := shared.Totals(); tt.Agents != 1 || tt.RefusedRate != 3 || tt.FlowSamples != 6 || tt.DiscardSamples != 1 {
		t.Errorf("totals %+v", tt)
	}
}

func TestSnapshotIsOfTheLastTick(t *testing.T) {
	s, _, _ := newShard(agents.Config{})
	b := payload("192.0.2.1", 3)
	var snap Snapshot
	s.Datagram(b, from, epoch0)
	if s.Snapshot(&snap); snap.Octets != 0 || snap.Decoder.Datagrams != 0 {
		t.Errorf("before the tick: %+v", snap.Counts)
	}
	s.Tick(epoch0, 0)
	s.Datagram(b, from, epoch0)
	if s.Snapshot(&snap); snap.Octets != uint64(len(b)) || snap.Decoder.Datagrams != 1 {
		t.Errorf("after the tick: %+v", snap.Counts)
	}
}

// A clock that is set back leaves no sample out that would have been kept.
func TestSamplesAreKeptWhenTheClockIsSetBack(t *testing.T) {
	s, _, _ := newShard(agents.Config{})
	x := record.NewExchange(2)
	s.Record(x.NewWriter())
	b := payload("192.0.2.1", 100)
	kept := 0
	run := func(at time.Time) {
		for i := range 500 { // ten seconds, of 5,000 samples each
			s.Datagram(b, from, at.Add(time.Duration(i)*20*time.Millisecond))
			s.Tick(at, 0)
			for len(x.Full()) > 0 {
				b := <-x.Full()
				kept += b.N
				x.Release(b)
			}
		}
	}
	run(epoch0)
	s.Epoch(epoch0.Add(-time.Hour))
	run(epoch0.Add(-time.Hour))
	if kept != 2*500*100 || x.Thinned() > 0 || x.Lost() > 0 {
		t.Errorf("%d samples kept of %d, %d thinned, %d lost", kept, 2*500*100, x.Thinned(), x.Lost())
	}
}

func TestTakeBadIsBounded(t *testing.T) {
	s, _, _ := newShard(agents.Config{})
	bad := payload("192.0.2.1", 1)
	bad = bad[:len(bad)-40]
	for i := range 100 {
		source := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 1)
		for port := range uint16(3) { // the address is the sender, not the port
			s.Datagram(bad, netip.AddrPortFrom(source.Addr(), port), epoch0)
		}
	}
	got := s.TakeBad()
	if len(got) != maxBad {
		t.Fatalf("%d remembered, want %d", len(got), maxBad)
	}
	for i, b := range got {
		if b.From.Addr() != netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}) || b.N != 3 || b.Err == nil {
			t.Errorf("%d: %+v", i, b)
		}
	}
	if again := s.TakeBad(); len(again) != 0 {
		t.Errorf("taken twice: %v", again)
	}
	s.Datagram([]byte{0, 9}, from, epoch0)
	s.Datagram(payload("192.0.2.1", 1), from, epoch0)
	s.Tick(epoch0, 0)
	if got := s.TakeBad(); len(got) != 1 || got[0].N != 1 {
		t.Errorf("after that: %v", got)
	}
	var snap Snapshot
	s.Snapshot(&snap)
	var all uint64
	for _, n := range snap.Decoder.SampleErrors {
		all += n
	}
	for _, n := range snap.Decoder.DatagramErrors {
		all += n
	}
	if all != 301 {
		t.Errorf("%d errors counted, want all 301", all)
	}
}

// What is given to Datagram may be overwritten afterwards.
func TestDatagramKeepsNothing(t *testing.T) {
	run := func(poison bool) []*agents.AgentInfo {
		s, shared, _ := newShard(agents.Config{})
		for _, d := range sflowtest.Datagrams() {
			b := append([]byte(nil), d.Bytes...)
			s.Datagram(b, from, epoch0)
			if poison {
				for i := range b {
					b[i] = 0xa5
				}
			}
		}
		s.Tick(epoch0, 0)
		return shared.Agents()
	}
	if diff := cmp.Diff(run(false), run(true), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("(-untouched +overwritten)\n%s", diff)
	}
}

// warm is a shard that knows the agent and the flows of a datagram, each of
// 12 Gbit/s.
func warm(samples int, threshold float64) (s *Shard, next func()) {
	s, _, _ = newShardAt(agents.Config{}, threshold)
	return s, send(s, samples)
}

// send returns what gives the shard a further datagram, and has done so 1000 times.
func send(s *Shard, samples int) (next func()) {
	b := payload("192.0.2.1", samples)
	at, sequence, pool := epoch0, uint32(0), uint32(0)
	const head = 28 // of a datagram with an IPv4 agent
	length := (len(b) - head) / samples
	next = func() {
		at = at.Add(time.Millisecond)
		binary.BigEndian.PutUint32(b[16:], sequence+1)
		for i := range samples {
			sample := b[head+i*length:]
			pool += 1000
			binary.BigEndian.PutUint32(sample[8:], sequence*uint32(samples)+uint32(i)+1)
			binary.BigEndian.PutUint32(sample[20:], pool)
		}
		sequence++
		s.Datagram(b, from, at)
	}
	for range 1000 {
		next()
	}
	return next
}

func TestDatagramDoesNotAllocate(t *testing.T) {
	s, next := warm(6, 100e9)
	if n := testing.AllocsPerRun(1000, next); n != 0 {
		t.Errorf("%v allocations for a datagram of a known agent and known flows", n)
	}
	s.Tick(epoch0.Add(3*time.Second), 0)
	var snap Snapshot
	if s.Snapshot(&snap); snap.Decoder.Samples[decoder.KindFlow] != 6*2001 {
		t.Errorf("%d samples, want %d", snap.Decoder.Samples[decoder.KindFlow], 6*2001)
	}
	bad := payload("192.0.2.1", 1)
	bad = bad[:len(bad)-40]
	s.Datagram(bad, from, epoch0.Add(4*time.Second)) // remembers the sender
	if n := testing.AllocsPerRun(100, func() { s.Datagram(bad, from, epoch0.Add(4*time.Second)) }); n > 1 {
		t.Errorf("%v allocations for a damaged datagram, want 1 at most", n)
	}
}

// cpu returns the processor time of this process, which other processes of a
// shared machine do not lengthen as they do the time on the wall.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkShard is a datagram of six flow samples through decoder, registry,
// the nine default definitions of keys and all detectors, on known flows, with
// the ticks it causes; in one case time series are gathered too.
func BenchmarkShard(b *testing.B) {
	for _, c := range []struct {
		name      string
		threshold float64
		series    bool
	}{{"small flows", 100e9, false}, {"small flows with time series", 100e9, true}, {"large flows", 1e9, false}} {
		b.Run(c.name, func(b *testing.B) {
			s, shared, _ := newShardAt(agents.Config{}, c.threshold)
			if c.series {
				s.Gather(series.NewGather(series.Config{Interval: 10 * time.Second}, s.registry, shared))
			}
			next := send(s, 6)
			b.ReportAllocs()
			n := 0
			before := cpu(b)
			for b.Loop() {
				next()
				if n++; n%100 == 0 {
					s.Tick(epoch0.Add(time.Duration(n+1000)*time.Millisecond), 0)
				}
			}
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N)/6, "cpu-ns/sample")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/6, "ns/sample")
		})
	}
}
