package flows

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"weir/collector/record"
)

// site tells the names of the tests.
type site struct{}

func (site) Agent(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})
}

func (site) Domain(n uint32) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("vni:%d", n)
}

// epoch is when the tests' rows begin.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// zipfRows returns n rows of flows by Zipf's law, a second for perSecond of
// them; as many as six have one time, as those of a datagram do.
func zipfRows(n, perSecond, flows int, spoofed bool) []record.Sample {
	return zipfRowsOf(2, n, perSecond, flows, spoofed)
}

// zipfRowsOf are others of the same flows for each seed.
func zipfRowsOf(seed uint64, n, perSecond, flows int, spoofed bool) []record.Sample {
	r := rand.New(rand.NewPCG(1, seed))
	z := rand.NewZipf(r, 1.1, 4, uint64(flows-1))
	rows := make([]record.Sample, n)
	at := epoch.UnixNano()
	for i := range rows {
		if i%6 == 0 {
			at += int64(6e9/float64(perSecond)*r.ExpFloat64()) + 1
		}
		f := uint32(z.Uint64())
		h := f * 2654435761
		x := &rows[i]
		*x = record.Sample{At: at, Length: [3]uint32{64, 576, 1518}[h>>3%3], Key: record.Key{
			Agent: 1 + h%20, Input: 1 + h%48, Output: 1 + h>>8%48, Rate: 1000,
			SrcPort: uint16(32768 + h>>5%28000), DstPort: [4]uint16{443, 80, 53, 8080}[h>>7%4], EtherType: 0x0800,
			Proto: 6, TCPFlags: 16, TTL: 64, Has: record.Addresses | record.Ports | record.Has(10+h%8),
		}}
		if spoofed && i%2 == 0 {
			h = r.Uint32()
			x.Dst = address(7)
			x.SrcPort = uint16(h)
		} else {
			x.Dst = address(h >> 9 % 4000)
		}
		x.Src = address(h % 1000000)
	}
	return rows
}

func address(n uint32) (a [16]byte) {
	a[10], a[11], a[12] = 0xff, 0xff, 10
	binary.BigEndian.PutUint32(a[12:], 0x0a000000|n&0xffffff)
	return a
}

// convert makes a segment of a journal.
func convert(dir, journal string) (rows int, err error) {
	return newBuilder().convert(dir, journal, noStep)
}

// writeJournal makes a journal of rows and returns its path.
func writeJournal(tb testing.TB, dir string, rows []record.Sample) string {
	tb.Helper()
	path := filepath.Join(dir, "flows-test"+journalSuffix)
	j, err := createJournal(path, site{}, &numbers{})
	if err != nil {
		tb.Fatal(err)
	}
	for b := range blocks(rows) {
		j.add(b)
	}
	if err := j.close(); err != nil {
		tb.Fatal(err)
	}
	return path
}

// blocks hands out rows as a writer does.
func blocks(rows []record.Sample) iter.Seq[*record.Block] {
	return func(yield func(*record.Block) bool) {
		d, b := record.NewDictionary(1<<16), &record.Block{}
		for some := range slices.Chunk(rows, record.Rows) {
			if len(d.Keys())+len(some) > 1<<16 {
				d.Reset()
				b.Turn++
			}
			b.N = len(some)
			for i := range some {
				b.Rows[i] = record.Row{At: some[i].At, Length: some[i].Length, Key: d.Number(&some[i].Key)}
			}
			if b.Keys = d.Keys(); !yield(b) {
				return
			}
		}
	}
}

// BenchmarkConvert reports what a row costs, in time and on disk.
func BenchmarkConvert(b *testing.B) {
	for _, c := range []struct {
		name    string
		spoofed bool
	}{{"zipf", false}, {"spoofed", true}} {
		b.Run(c.name, func(b *testing.B) {
			const n = 1 << 20
			rows := zipfRows(n, 10_000, 50_000, c.spoofed)
			var size int64
			var took []time.Duration
			one := newBuilder()
			for b.Loop() {
				b.StopTimer()
				dir := b.TempDir()
				path := writeJournal(b, dir, rows)
				b.StartTimer()
				before := processor(b)
				if got, err := one.convert(dir, path, noStep); err != nil || got != n {
					b.Fatal(got, err)
				}
				took = append(took, processor(b)-before)
				files, _ := os.ReadDir(dir)
				info, err := files[0].Info()
				if err != nil {
					b.Fatal(err)
				}
				size = info.Size()
			}
			b.ReportMetric(float64(size)/n, "octets/row")
			slices.Sort(took)
			b.ReportMetric(float64(took[0].Nanoseconds())/n, "least-cpu-ns/row")
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/n, "cpu-ns/row")
		})
	}
}
