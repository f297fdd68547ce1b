package flows

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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

// An hour that got more minutes is made again, once.
func TestHoursAreMadeAgain(t *testing.T) {
	dir := t.TempDir()
	days(t, dir, 3, 100, 20)
	late := zipfRows(100, 1000, 20, false)
	for i := range late {
		late[i].At += int64(90 * time.Minute)
	}
	samples := func() (n float64) {
		hours, err := rollFiles(dir, hourPrefix)
		if err != nil || len(hours) != 3 {
			t.Fatal(len(hours), err)
		}
		s := newSteps()
		const proto = 3
		if err := s.load(filepath.Join(dir, rollupDir, hours[1].name), proto, func(at int64) (int64, bool) { return at, true }); err != nil {
			t.Fatal(err)
		}
		for _, one := range s.all {
			for _, r := range one.rows {
				n += r.samples
			}
		}
		return n
	}
	if n := samples(); n != 200 {
		t.Errorf("%v samples before, want 200", n)
	}
	path := filepath.Join(dir, journalName("late"))
	if err := os.Rename(writeJournal(t, dir, late), path); err != nil {
		t.Fatal(err)
	}
	if _, err := convert(dir, path); err != nil {
		t.Fatal(err)
	}
	if left, err := rollFiles(dir, hourPrefix); err != nil || len(left) != 2 {
		t.Errorf("%d hours, want 2 without the one that lacks rows now: %v", len(left), err)
	}
	for range 2 {
		if err := makeHours(dir, epoch.Add(3*time.Hour), func(path string, why error) { t.Error(path, why) }); err != nil {
			t.Fatal(err)
		}
		if n := samples(); n != 300 {
			t.Errorf("%v samples, want 300", n)
		}
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
