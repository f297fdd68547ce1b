package flows

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/record"
	"weir/detect/rules"
	"weir/detect/window"
)

// stored writes rows as segments and, the last part, as a journal.
func stored(tb testing.TB, rows []record.Sample, segments int) string {
	tb.Helper()
	dir := tb.TempDir()
	each := len(rows) / (segments + 1)
	for i := range segments + 1 {
		part := rows[i*each:]
		if i < segments {
			part = part[:each]
		}
		path := writeJournal(tb, dir, part)
		id := filepath.Join(dir, journalName(fmt.Sprint(i)))
		if err := os.Rename(path, id); err != nil {
			tb.Fatal(err)
		}
		if i < segments {
			if n, err := convert(dir, id); err != nil || n != each {
				tb.Fatal(n, err)
			}
		}
	}
	return dir
}

// exact sums the rows with a map: what Scan must say. At the vantage point that
// saw most of each key.
func exact(rows []record.Sample, key func(r *Row) string, pass func(r *Row) bool) map[string]Sum {
	type at struct{ key, point string }
	all := map[at]*Sum{}
	for i := range rows {
		r := plainRow(&rows[i])
		if !pass(&r) {
			continue
		}
		k := at{key(&r), r.Agent}
		if all[k] == nil {
			all[k] = &Sum{}
		}
		s := all[k]
		s.Samples++
		s.Packets += float64(r.SamplingRate)
		s.Bytes += float64(r.SamplingRate) * float64(r.Length)
	}
	best := map[string]Sum{}
	for k, s := range all {
		have, ok := best[k.key]
		points := have.Points + 1
		if !ok || s.Bytes > have.Bytes {
			have = *s
		}
		have.Points = points
		best[k.key] = have
	}
	return best
}

// Row is a row as another reader sees it.
type Row struct {
	Time         int64  `parquet:"time,timestamp(microsecond)"`
	Agent        string `parquet:"agent"`
	Input        string `parquet:"input"`
	Output       string `parquet:"output"`
	Domain       string `parquet:"domain"`
	Src          string `parquet:"src"`
	Dst          string `parquet:"dst"`
	Proto        int32  `parquet:"proto"`
	SrcPort      int32  `parquet:"src_port"`
	DstPort      int32  `parquet:"dst_port"`
	TCPFlags     int32  `parquet:"tcp_flags"`
	DSCP         int32  `parquet:"dscp"`
	TTL          int32  `parquet:"ttl"`
	Fragment     int32  `parquet:"fragment"`
	EtherType    int32  `parquet:"ether_type"`
	VLAN         int32  `parquet:"vlan"`
	Egress       int32  `parquet:"egress"`
	Length       int32  `parquet:"length"`
	SamplingRate int64  `parquet:"sampling_rate"`
}

// plainRow says the same in other words, for rows of TCP or none at all.
func plainRow(r *record.Sample) Row {
	x := Row{
		Time: r.At / 1e3, Agent: site{}.Agent(r.Agent).String(), Input: fmt.Sprint(r.Input), Output: fmt.Sprint(r.Output), Domain: site{}.Domain(r.Domain),
		Src: r.SrcAddr().String(), Dst: r.DstAddr().String(), Proto: int32(r.Proto), SrcPort: int32(r.SrcPort), DstPort: int32(r.DstPort),
		TCPFlags: int32(r.TCPFlags), DSCP: int32(r.TOS >> 2), TTL: int32(r.TTL), EtherType: int32(r.EtherType), VLAN: int32(r.Has.VLAN()),
		Egress: int32(r.Has & record.Egress / record.Egress), Fragment: int32(r.Has & record.Fragment / record.Fragment), Length: int32(r.Length), SamplingRate: int64(r.Rate),
	}
	if r.Has.VLAN() == 0 {
		x.VLAN = -1
	}
	if r.Has&record.Addresses == 0 {
		x.Src, x.Dst, x.Domain, x.Proto, x.DSCP, x.TTL = "", "", "", -1, -1, -1
	}
	if r.Has&record.Ports == 0 {
		x.SrcPort, x.DstPort, x.TCPFlags = -1, -1, -1
	}
	return x
}

func filter(tb testing.TB, text string) *rules.Filter {
	tb.Helper()
	f, err := rules.ParseFilter(text)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func TestScanAgreesWithExactSums(t *testing.T) {
	rows := zipfRows(60_000, 10_000, 2000, false)
	dir := stored(t, rows, 2)
	for _, c := range []struct {
		name, filter string
		by           []string
		key          func(r *Row) string
		pass         func(r *Row) bool
	}{
		{"one sum", "", nil, func(*Row) string { return "" }, func(*Row) bool { return true }},
		{"destinations", "", []string{"dst"}, func(r *Row) string { return r.Dst }, func(*Row) bool { return true }},
		{"a port and a network", "dst_port = 443 and dst in 10.0.0.0/22", []string{"src", "dst", "dst_port"},
			func(r *Row) string { return fmt.Sprint(r.Src, " ", r.Dst, " ", r.DstPort) },
			func(r *Row) bool {
				return r.DstPort == 443 && (strings.HasPrefix(r.Dst, "10.0.0.") || strings.HasPrefix(r.Dst, "10.0.1.") || strings.HasPrefix(r.Dst, "10.0.2.") || strings.HasPrefix(r.Dst, "10.0.3."))
			}},
		{"not, or", "not (proto = tcp) or length < 100", []string{"length"},
			func(r *Row) string { return fmt.Sprint(r.Length) }, func(r *Row) bool { return r.Length < 100 }},
		{"six columns", "ttl = 64", []string{"src", "dst", "src_port", "dst_port", "input", "output"},
			func(r *Row) string {
				return fmt.Sprint(r.Src, " ", r.Dst, " ", r.SrcPort, " ", r.DstPort, " ", r.Input, " ", r.Output)
			},
			func(*Row) bool { return true }},
		{"nothing", "src = 192.0.2.1", []string{"src"}, func(r *Row) string { return r.Src }, func(*Row) bool { return false }},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := Query{From: epoch, To: epoch.Add(time.Hour), By: c.by, Filter: filter(t, c.filter)}
			r, err := Scan(context.Background(), dir, q)
			if err != nil || r.Broken != "" {
				t.Fatal(err, r.Broken)
			}
			want := exact(rows, c.key, c.pass)
			if len(r.Rows) != len(want) || r.Keys != len(want) {
				t.Fatalf("%d rows, %d keys, want %d", len(r.Rows), r.Keys, len(want))
			}
			for i, s := range r.Rows {
				w := want[strings.Join(s.Key, " ")]
				if s.Samples != w.Samples || s.Packets != w.Packets || s.Bytes != w.Bytes || s.Points != w.Points {
					t.Fatalf("%v: %+v, want %+v", s.Key, s, w)
				}
				if s.Low > s.Bytes || s.High < s.Bytes || s.Low <= 0 {
					t.Errorf("%v: %v not within %v to %v", s.Key, s.Bytes, s.Low, s.High)
				}
				// Of one sampling rate the samples are a number of Poisson.
				n := float64(s.Samples)
				low, high := window.Interval(n, 0.95)
				if low, high = s.Packets*low/n, s.Packets*high/n; s.PacketsLow > low*1.0001 || s.PacketsHigh < high*0.9999 {
					t.Errorf("%v: packets %v to %v, narrower than %v to %v of %d samples", s.Key, s.PacketsLow, s.PacketsHigh, low, high, s.Samples)
				}
				if i > 0 && s.Bytes > r.Rows[i-1].Bytes {
					t.Errorf("row %d has more bytes than the one before", i)
				}
			}
		})
	}
}

// Samples without a header, as hsflowd sends them of transactions, have no length:
// how many packets they stand for has an interval all the same.
func TestScanBoundsPacketsWithoutALength(t *testing.T) {
	rows := zipfRows(64, 8, 2000, false)
	for i := range rows {
		rows[i].Length = 0
	}
	r, err := Scan(context.Background(), stored(t, rows, 1), Query{From: epoch, To: epoch.Add(time.Hour), Add: true})
	if err != nil || len(r.Rows) != 1 {
		t.Fatal(r, err)
	}
	if s := r.Rows[0]; s.Samples != 64 || s.Bytes != 0 || s.PacketsLow <= 0 || s.PacketsLow >= s.Packets || s.PacketsHigh <= s.Packets {
		t.Errorf("%+v: want packets within their interval", s)
	}
}

func TestScanSteps(t *testing.T) {
	rows := zipfRows(20_000, 1000, 50, false) // 20 s
	dir := stored(t, rows, 1)
	r, err := Scan(context.Background(), dir, Query{From: epoch, To: epoch.Add(time.Hour), By: []string{"dst"}, Step: 5 * time.Second, Top: 3, Add: true})
	if err != nil {
		t.Fatal(err)
	}
	steps, keys := map[int]uint64{}, map[string]bool{}
	for _, s := range r.Rows {
		steps[s.Step] += s.Samples
		keys[s.Key[0]] = true
		if at := int(s.First.Sub(epoch) / (5 * time.Second)); at != s.Step {
			t.Errorf("%v in step %d", s.First, s.Step)
		}
	}
	if len(keys) != 3 || len(steps) < 3 {
		t.Errorf("%d keys in %d steps", len(keys), len(steps))
	}
	if r.Total.Samples != uint64(len(rows)) {
		t.Errorf("total of %d samples, want %d", r.Total.Samples, len(rows))
	}
}

func TestScanTimeRange(t *testing.T) {
	rows := zipfRows(12_000, 1000, 50, false) // 12 s
	dir := stored(t, rows, 3)
	from, to := epoch.Add(4*time.Second), epoch.Add(5*time.Second)
	want := uint64(0)
	for i := range rows {
		if us := rows[i].At / 1e3; us >= from.UnixMicro() && us < to.UnixMicro() {
			want++
		}
	}
	r, err := Scan(context.Background(), dir, Query{From: from, To: to, Add: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Total.Samples != want || r.Skipped == 0 {
		t.Errorf("%d samples, want %d; %d files skipped", r.Total.Samples, want, r.Skipped)
	}
	for _, c := range []struct {
		from time.Duration
		note string
	}{{0, ""}, {-30 * time.Second, ""}, {-time.Hour, "samples are kept from " + epoch.UTC().Format("2006-01-02 15:04:05Z") + " on"}} {
		r, err := Scan(context.Background(), dir, Query{From: epoch.Add(c.from), To: to})
		if notes := fmt.Sprint(r.Notes); err != nil || len(r.Notes) > 0 != (c.note != "") || !strings.Contains(notes, c.note) {
			t.Errorf("from %v: notes %s, %v, want %q", c.from, notes, err, c.note)
		}
	}
}

func TestCheckNamesTheFault(t *testing.T) {
	at := Query{From: epoch, To: epoch.Add(time.Minute)}
	for _, c := range []struct {
		name   string
		change func(q *Query)
		want   string
	}{
		{"time", func(q *Query) { q.To = q.From }, "from 2026-03-01T12:00:00Z to 2026-03-01T12:00:00Z: the end must be after the start"},
		{"column", func(q *Query) { q.By = []string{"dest"} }, `by "dest": history has no such column; it has agent, input, output, domain, src, dst, proto, src_port, dst_port, tcp_flags, dscp, ttl, fragment, ether_type, vlan, egress, length, sampling_rate, src_instance, dst_instance`},
		{"twice", func(q *Query) { q.By = []string{"dst", "dst"} }, `by "dst": is there twice; leave one out`},
		{"order", func(q *Query) { q.Order = "size" }, `order "size": write bytes, packets or samples`},
		{"steps", func(q *Query) { q.Step = time.Microsecond }, `step 1µs: must be at least 1ms and give at most 10000 steps`},
		{"not kept", func(q *Query) { q.Filter = filter(t, "mac_src = 02:00:00:00:00:01") },
			`field mac_src: history does not keep it; it keeps agent, dscp, dst, dst_port, ether_type, fragment, input, length, output, proto, sampling_rate, src, src_port, tcp_flags, ttl, vlan`},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := at
			c.change(&q)
			err := q.Check()
			if diff := cmp.Diff(c.want, fmt.Sprint(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A segment damaged anywhere costs itself, never the process or the others.
func TestScanSurvivesDamage(t *testing.T) {
	rows := zipfRows(20_000, 1000, 500, false)
	dir := stored(t, rows, 1)
	segments, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	whole, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		b := slices.Clone(whole)
		at := i * len(b) / 60
		for j := range min(16, len(b)-at) {
			b[at+j] ^= 0xa5
		}
		if i%3 == 0 {
			b = b[:at]
		}
		if err := os.WriteFile(segments[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Scan(context.Background(), dir, Query{From: epoch, To: epoch.Add(time.Hour), By: []string{"src"}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Total.Samples < 1000 {
			t.Errorf("damage at %d: only %d samples left, those of the journal gone too", at, r.Total.Samples)
		}
	}
}

// processor is the processor time used so far, all cores together: where others
// use the machine too it tells more than the clock.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkScan is a query over an hour at 1,000 rows a second, 3.6 million;
// ns/row lets it be compared with other rates.
func BenchmarkScan(b *testing.B) {
	const n = 3_600_000
	rows := zipfRows(n, 1000, 50_000, false)
	dir := stored(b, rows, 12)
	seen := map[[16]byte]int{}
	for i := range rows {
		seen[rows[i].Src]++
	}
	rare := "" // an address of one segment
	for a, n := range seen {
		if text := netip.AddrFrom16(a).Unmap().String(); n == 1 && text > rare {
			rare = text
		}
	}
	for _, c := range []struct {
		name string
		q    Query
	}{
		{"top 20 destinations", Query{By: []string{"dst"}, Top: 20}},
		{"one address", Query{By: []string{"dst"}, Filter: filter(b, "src = "+rare)}},
		{"src and dst", Query{By: []string{"src", "dst"}, Top: 20}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.q.From, c.q.To = epoch, epoch.Add(2*time.Hour)
			var r *Result
			before := processor(b)
			for b.Loop() {
				var err error
				if r, err = Scan(context.Background(), dir, c.q); err != nil || r.Broken != "" {
					b.Fatal(err, r.Broken)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
			b.ReportMetric(float64((processor(b)-before).Nanoseconds())/float64(b.N)/n, "cpu-ns/row")
			b.ReportMetric(math.Round(1e9*float64(r.Scanned)/n)/1e9, "scanned")
		})
	}
}

// BenchmarkHour is the hour at 10,000 rows a second that answers are promised for: 36
// million, in as many segments and a journal; one address is in one of them. Where
// WEIR_HOUR names a directory they stay there, for other programs to read.
func BenchmarkHour(b *testing.B) {
	const parts, each = 36, 1_000_000
	dir := os.Getenv("WEIR_HOUR")
	if dir == "" {
		dir = b.TempDir()
	}
	for part := range parts {
		path := filepath.Join(dir, journalName(fmt.Sprint(part)))
		if made, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("*-%d%s", part, segmentSuffix))); err != nil || len(made) > 0 {
			continue // it is there already
		}
		rows := zipfRowsOf(uint64(part), each, 10_000, 50_000, false)
		for i := range rows {
			rows[i].At += int64(part) * int64(100*time.Second)
		}
		if part == parts/2 {
			rows[each/3].Src = address(0xfffffe)
		}
		if err := os.Rename(writeJournal(b, dir, rows), path); err != nil {
			b.Fatal(err)
		}
		if part == parts-1 {
			break
		}
		if _, err := convert(dir, path); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		q    Query
	}{
		{"top 20 destinations", Query{By: []string{"dst"}, Top: 20}},
		{"one address", Query{By: []string{"dst"}, Filter: filter(b, "src = "+netip.AddrFrom16(address(0xfffffe)).Unmap().String())}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.q.From, c.q.To = epoch, epoch.Add(2*time.Hour)
			before, least := processor(b), time.Duration(math.MaxInt64)
			for b.Loop() {
				begun := time.Now()
				r, err := Scan(context.Background(), dir, c.q)
				if err != nil || r.Broken != "" || len(r.Rows) == 0 {
					b.Fatal(r, err)
				}
				least = min(least, time.Since(begun))
			}
			b.ReportMetric(float64((processor(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(least.Milliseconds()), "least-ms/op")
		})
	}
}
