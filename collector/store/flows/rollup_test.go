package flows

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"weir/collector/record"
)

// days writes segments of so many hours, a segment each half hour and a journal
// behind them, and their rollups. It returns the rows.
func days(tb testing.TB, dir string, hours, perSegment, flows int) (all []record.Sample) {
	tb.Helper()
	rows := zipfRows(perSegment*(2*hours+1), 1000, flows, false)
	for i := range rows {
		part, within := i/perSegment, i%perSegment
		rows[i].At = epoch.Add(time.Duration(part)*30*time.Minute + time.Duration(within)*30*time.Minute/time.Duration(perSegment)).UnixNano()
	}
	for part := range 2*hours + 1 {
		id := fmt.Sprintf("r%d", part)
		path := filepath.Join(dir, journalName(id))
		if err := os.Rename(writeJournal(tb, dir, rows[part*perSegment:(part+1)*perSegment]), path); err != nil {
			tb.Fatal(err)
		}
		if part == 2*hours {
			break
		}
		if _, err := convert(dir, path); err != nil {
			tb.Fatal(err)
		}
	}
	if err := makeHours(dir, epoch.Add(time.Duration(hours)*time.Hour), func(path string, why error) { tb.Error(path, why) }); err != nil {
		tb.Fatal(err)
	}
	return rows
}

// What a rollup says of a key is at most what there was, and at least that less
// what it says it may have missed.
func TestRollupsBoundTheTruth(t *testing.T) {
	dir := t.TempDir()
	days(t, dir, 30, 3000, 3000)
	for _, c := range []struct {
		name, filter string
		by           []string
		definition   string
	}{
		{"destinations", "", []string{"dst"}, "dst"},
		{"pairs", "", []string{"src", "dst"}, "src,dst"},
		{"protocols", "", []string{"proto"}, "proto"},
		{"all", "", nil, "proto"},
		{"interfaces", "agent = 192.0.2.7", []string{"input"}, "agent,input"},
		{"agents", "", []string{"agent"}, "proto"},
		{"a destination's sources", "dst = 10.0.2.51", []string{"src"}, "src,dst"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := Query{From: epoch.Add(10 * time.Minute), To: epoch.Add(32 * time.Hour), By: c.by, Filter: filter(t, c.filter), Top: 20}
			got, err := Scan(context.Background(), dir, q)
			if err != nil || got.Broken != "" {
				t.Fatal(err, got.Broken)
			}
			if got.Rollup == nil || got.Rollup.Definition != c.definition || got.Rollup.Hours != 29 || got.Rollup.Minutes == 0 {
				t.Fatalf("read %+v, want rollups of %s, 29 of hours", got.Rollup, c.definition)
			}
			q.Samples, q.Top = true, 0
			want, err := Scan(context.Background(), dir, q)
			if err != nil || want.Rollup != nil {
				t.Fatal(err, want.Rollup)
			}
			truth := map[string]Sum{}
			for _, s := range want.Rows {
				truth[fmt.Sprint(s.Key)] = s
			}
			if c.filter == "" && got.Total.Samples < want.Total.Samples*99/100 {
				t.Errorf("total of %d samples, want %d", got.Total.Samples, want.Total.Samples)
			}
			for i, s := range got.Rows {
				w := truth[fmt.Sprint(s.Key)]
				if s.Bytes > w.Bytes*(1+1e-9) || s.Bytes+s.Missed < w.Bytes*(1-1e-9) {
					t.Errorf("%v: %.0f, missed %.0f, but it was %.0f", s.Key, s.Bytes, s.Missed, w.Bytes)
				}
				if i == 0 && s.Missed > s.Bytes/2 && c.filter == "" {
					t.Errorf("the greatest, %v: may miss %.0f of %.0f", s.Key, s.Missed, s.Bytes)
				}
			}
			if len(got.Rows) == 0 {
				t.Error("no rows")
			}
		})
	}
}

// A segment of several minutes, whose flows are seen by many agents and some of whose
// rows come when their minute is long over, has rollups that bound the truth, made
// in bounded memory.
func TestRollupsOfManyPlaces(t *testing.T) {
	n, agents := 1_200_000, 1000
	if testing.Short() { // as under the race detector
		n /= 10
	}
	rows := zipfRowsOf(7, n, n/240, 3000, false) // four minutes
	for i := range rows {
		r := &rows[i]
		r.Agent = 1 + uint32(i*i>>2)%uint32(agents)
		if i%80_000 > 79_900 {
			r.At -= 3 * time.Minute.Nanoseconds()
		}
	}
	b := newBuilder()
	x := &block{said: &said{agents: map[uint32]netip.Addr{}, domains: map[uint32]string{0: ""}}}
	for a := range uint32(agents) + 1 {
		x.agents[a] = netip.AddrFrom4([4]byte{192, 0, 2 + byte(a>>8), byte(a)})
	}
	b.begin(io.Discard)
	numbers := record.NewDictionary(record.MaxKeys)
	most := 0
	type seen struct {
		minute int64
		dst    string
	}
	truth := map[seen]map[uint32]float64{} // octets by agent
	for some := range slices.Chunk(rows, 4000) {
		if len(numbers.Keys()) > 60_000 {
			numbers.Reset()
			x.turn++
		}
		x.times, x.of, x.lengths = x.times[:0], x.of[:0], x.lengths[:0]
		for i := range some {
			r := &some[i]
			x.times, x.of, x.lengths = append(x.times, r.At/1e3), append(x.of, numbers.Number(&r.Key)), append(x.lengths, r.Length)
			k := seen{r.At / time.Minute.Nanoseconds(), r.DstAddr().String()}
			if truth[k] == nil {
				truth[k] = map[uint32]float64{}
			}
			truth[k][r.Agent] += float64(r.Rate) * float64(r.Length)
		}
		x.keys = numbers.Keys()
		if err := b.add(x); err != nil {
			t.Fatal(err)
		}
		held := 0
		for _, one := range b.rolled.steps.all {
			held += len(one.rows)
		}
		most = max(most, held)
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	b.rolled.steps.keep(minuteKeys)
	const dst = 1
	found := 0
	for _, at := range b.rolled.steps.of(dst) {
		one := b.rolled.steps.all[stepKey{dst, at}]
		for i := range one.rows {
			r := &one.rows[i]
			a := netip.MustParseAddr(b.rolled.steps.words.texts[r.point>>1]).As4()
			was := truth[seen{at / time.Minute.Microseconds(), b.rolled.steps.words.texts[r.key[0]]}][uint32(a[2]-2)<<8|uint32(a[3])]
			if missed := one.missed(&r.rollRow); r.bytes > was*(1+1e-9) || r.bytes+missed < was*(1-1e-9) {
				t.Fatalf("%v: %.0f, missed %.0f, but it was %.0f", r.rollKey, r.bytes, missed, was)
			}
			found++
		}
	}
	if found < 4*minuteKeys {
		t.Errorf("%d rows", found)
	}
	// 400 keys of each minute and definition, wherever they are seen, are 570,000.
	if most > 450_000 {
		t.Errorf("%d rows were held at a time", most)
	}
	t.Logf("%d rows held at most, %d of destinations in the end", most, found)
}

func TestRollupsAreNotAskedForWhatTheyDoNotKnow(t *testing.T) {
	dir := t.TempDir()
	days(t, dir, 25, 100, 20)
	for _, c := range []struct {
		name string
		q    Query
	}{
		{"ports", Query{By: []string{"dst_port"}}},
		{"a filter of ports", Query{By: []string{"dst"}, Filter: filter(t, "dst_port = 443")}},
		{"a short time", Query{By: []string{"dst"}, To: epoch.Add(time.Hour)}},
		{"short steps", Query{By: []string{"dst"}, Step: 30 * time.Second, To: epoch.Add(25 * time.Hour)}},
		{"samples asked for", Query{By: []string{"dst"}, Samples: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.q.From = epoch
			if c.q.To.IsZero() {
				c.q.To = epoch.Add(30 * time.Hour)
			}
			r, err := Scan(context.Background(), dir, c.q)
			if err != nil || r.Rollup != nil {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// BenchmarkMonth asks for the destinations of 30 days, of each hour of which as
// many keys as possible were kept, at two vantage points.
func BenchmarkMonth(b *testing.B) {
	dir := b.TempDir()
	for h := range 30 * 24 {
		s := newSteps()
		at := epoch.Add(time.Duration(h) * time.Hour).UnixMicro()
		for d, names := range definitions {
			one := s.at(stepKey{d, at})
			one.floor = 1e6
			for k := range hourKeys {
				key := rollKey{}
				for c := range names {
					key.key[c] = s.words.number(fmt.Append(nil, "10.", c, ".", (k+h*7%90)/256, ".", (k+h*7%90)%256))
				}
				for p := range 2 {
					key.point = pointOf(s.words.number(fmt.Append(nil, "192.0.2.", (k+p)%30)), false)
					one.add(key, &rollRow{
						bytes: 1e9 / float64(k+1), packets: 1e6 / float64(k+1), samples: 1000, squares: float64(h * k), covered: 1e6,
					})
				}
			}
		}
		err := saveRollup(filepath.Join(dir, rollupDir), hourPrefix, time.Hour, fmt.Sprint(h), func(d int) (*steps, error) {
			return s.only(d), nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	size, _, err := limitRollups(dir, 1<<40, epoch, 1000*time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	for _, by := range [][]string{{"dst"}, {"src", "dst"}} {
		b.Run(fmt.Sprint("top 20 by ", by), func(b *testing.B) {
			before := processor(b)
			for b.Loop() {
				r, err := Scan(context.Background(), dir, Query{From: epoch, To: epoch.Add(30 * 24 * time.Hour), By: by, Top: 20})
				if err != nil || r.Broken != "" || len(r.Rows) != 20 || r.Rollup == nil {
					b.Fatal(r, err)
				}
			}
			b.ReportMetric(float64((processor(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(size)/30/24, "octets/hour")
		})
	}
}
