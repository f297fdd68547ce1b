package keys

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"weir/decoder"
)

// short is what differs between the samples of the benchmark, which like those
// of a Decoder come in one Flow.
type short struct {
	src, dst, length, input uint32
	sport, dport            uint16
}

func (x *short) into(f *decoder.Flow) {
	k := &f.Header.Key
	binary.BigEndian.PutUint64(k.Src[8:], 0xffff<<32|uint64(x.src))
	binary.BigEndian.PutUint64(k.Dst[8:], 0xffff<<32|uint64(x.dst))
	k.SrcPort, k.DstPort = x.sport, x.dport
	f.FrameLength, f.Sample.Input.Value = x.length, x.input
}

// traffic returns samples of so many flows among 2,000 hosts, with Zipf's
// weights.
func traffic(n, flows int) (*decoder.Flow, []short) {
	r := rand.New(rand.NewPCG(1, 1))
	z := rand.NewZipf(r, 1.1, 4, uint64(flows-1))
	f := flow()
	f.Seen, f.Sample.RecordData = decoder.SeenHeader, nil
	out := make([]short, n)
	for i := range out {
		id := uint32(z.Uint64())
		h := id * 2654435761
		out[i] = short{
			src: 0x0a000000 | h>>4%2000, dst: 0x0a000000 | h>>9%2000,
			length: 64 + h%1400, input: 1 + h%48, sport: uint16(id), dport: uint16(h >> 4 % 50),
		}
	}
	return f, out
}

func TestUpdateDoesNotAllocate(t *testing.T) {
	_, list := traffic(4096, 20_000)
	f := flow() // with records
	s := newSet(t, 1024, 5, append(Default(), mustParse("src_as,next_hop", "bytes"), mustParse("vlan,mac_src", "bytes"))...)
	i := 0
	if n := testing.AllocsPerRun(20_000, func() {
		list[i%len(list)].into(f)
		s.Update(f, slot+int64(i/500))
		i++
	}); n != 0 {
		t.Errorf("%v allocations per sample", n)
	}
}

// The nine default definitions with 16,384 entries each. Processor time is
// reported beside the time on the wall, because machines are shared.
func BenchmarkUpdate(b *testing.B) {
	for _, flows := range []int{50, 5_000, 1_000_000} {
		b.Run(fmt.Sprintf("flows=%d", flows), func(b *testing.B) { benchmark(b, flows) })
	}
}

func benchmark(b *testing.B, flows int) {
	const n = 1 << 17
	f, list := traffic(n, flows)
	s := newSet(b, 0, 5, Default()...)
	at := int64(slot)
	for i := range list {
		list[i].into(f)
		s.Update(f, at)
	}
	var before, after syscall.Rusage
	b.ReportAllocs()
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		if i%100_000 == 0 {
			at++
		}
		list[i&(n-1)].into(f)
		s.Update(f, at)
		i++
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		b.Fatal(err)
	}
	used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu-ns/op")
}
