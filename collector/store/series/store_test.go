package series

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/rs/zerolog"

	points "weir/collector/series"
)

// classOf returns a class by its name.
func classOf(t testing.TB, name string) *points.Class {
	t.Helper()
	for _, c := range points.Classes() {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no class %s", name)
	return nil
}

// feed makes batches of points.
type feed struct {
	t testing.TB
	b points.Batch
}

// add adds a point with some fields, as pairs of name and value.
func (f *feed) add(class string, at time.Time, tags []string, values map[string]points.Value) {
	f.t.Helper()
	c := classOf(f.t, class)
	p, v := f.b.Add(c, at.UnixNano())
	copy(p.Tags[:], tags)
	for i := range c.Fields {
		v = append(v, values[c.Fields[i].Name])
	}
	f.b.Done(v)
}

// port adds a point of an interface.
func (f *feed) port(at time.Time, agent string, index int, in float64) {
	f.add("if_counters", at, []string{agent, agent, fmt.Sprint(index), fmt.Sprint("Ethernet", index)},
		map[string]points.Value{"in_bits_per_second": points.Number(in), "oper_up": points.Yes(true)})
}

// give writes what was added.
func (f *feed) give(s *Store) {
	s.Write(&f.b)
	f.b.Reset()
}

// open opens a store, and reads it at once.
func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.reopen()
	if st := s.Stats(); st.Err != "" {
		t.Fatal(st.Err)
	}
	t.Cleanup(s.shut) // twice, in some
	return s
}

// values asks for an expression as of a time: the value by the labels.
func values(t testing.TB, s *Store, expr string, at time.Time) map[string]float64 {
	t.Helper()
	all, err := instant(s, expr, at)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return all
}

func instant(s *Store, expr string, at time.Time) (map[string]float64, error) {
	all := map[string]float64{}
	err := s.query(context.Background(), &Query{Expr: expr, To: at}, func(v parser.Value) error {
		switch v := v.(type) {
		case promql.Vector:
			for _, s := range v {
				all[s.Metric.String()] = s.F
			}
		case promql.Scalar:
			all[""] = v.V
		}
		return nil
	})
	return all, err
}

// discard is a log that nobody reads.
var discard = zerolog.Nop()

func TestWhatIsWrittenIsAnswered(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	s := open(t, Config{Dir: t.TempDir(), Log: discard})
	f := &feed{t: t}
	tags := []string{"10.0.0.1", "leaf1", "49", "Ethernet49"}
	f.add("if_counters", now, tags, map[string]points.Value{
		"in_bits_per_second": points.Number(5e8), "oper_up": points.Yes(true), "in_octets": points.Whole(77), "admin_up": {},
	})
	f.add("host_cpu", now, []string{"10.0.0.9", "10.0.0.9", "hv1"}, map[string]points.Value{"cpu_idle": points.Whole(1500), "load_one": points.Number(0.5)})
	f.add("agent", now, []string{"10.0.0.9", "10.0.0.9"}, map[string]points.Value{"loss_percent": points.Number(2)})
	f.give(s)
	got := values(t, s, `{__name__=~".+"}`, now.Add(time.Second))
	want := map[string]float64{
		`{__name__="weir_interface_in_bits_per_second", agent="10.0.0.1", agent_name="leaf1", ifindex="49", interface="Ethernet49"}`: 5e8,
		`{__name__="weir_interface_oper_up", agent="10.0.0.1", agent_name="leaf1", ifindex="49", interface="Ethernet49"}`:            1,
		`{__name__="weir_host_cpu_idle_seconds_total", agent="10.0.0.9", host="hv1"}`:                                                1.5,
		`{__name__="weir_host_cpu_load_one", agent="10.0.0.9", host="hv1"}`:                                                          0.5,
		`{__name__="weir_agent_loss_ratio", agent="10.0.0.9"}`:                                                                       0.02,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if st := s.Stats(); st.Samples != 5 || st.Series != 5 || st.Lost+st.Late+st.Refused+st.Thinned != 0 {
		t.Errorf("%+v", st)
	}
}

func TestMoreIsKeptOnRequest(t *testing.T) {
	now := time.Now()
	s := open(t, Config{Dir: t.TempDir(), Log: discard, More: []string{"if_counters.in_octets", "protocols"}})
	f := &feed{t: t}
	f.add("if_counters", now, []string{"10.0.0.1", "10.0.0.1", "1", "a"}, map[string]points.Value{"in_octets": points.Whole(77), "out_octets": points.Whole(78)})
	f.add("protocols", now, []string{"10.0.0.1", "10.0.0.1", "tcp"}, map[string]points.Value{"bits_per_second": points.Number(9)})
	f.give(s)
	got := values(t, s, `{__name__=~".+"}`, now)
	want := map[string]float64{
		`{__name__="weir_interface_in_octets_total", agent="10.0.0.1", ifindex="1", interface="a"}`: 77,
		`{__name__="weir_protocols_bits_per_second", agent="10.0.0.1", protocol="tcp"}`:             9,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := Open(Config{Dir: t.TempDir(), Log: discard, More: []string{"nothing"}}); err == nil || !strings.Contains(err.Error(), "no such class") {
		t.Errorf("a class that is none: %v", err)
	}
}

func TestHeaviestKeysAreBounded(t *testing.T) {
	now := time.Now()
	s := open(t, Config{Dir: t.TempDir(), Log: discard})
	f := &feed{t: t}
	for i, share := range []float64{60, 1, 0.9} {
		f.add("top", now, []string{"dst: bytes", fmt.Sprint(i)}, map[string]points.Value{
			"key": points.Words(fmt.Sprint("dst=10.0.0.", i)), "share": points.Number(share), "bits_per_second": points.Number(share * 1e6),
		})
	}
	f.give(s)
	got := values(t, s, `weir_top_bits_per_second`, now)
	want := map[string]float64{
		`{__name__="weir_top_bits_per_second", definition="dst: bytes", key="dst=10.0.0.0"}`: 60e6,
		`{__name__="weir_top_bits_per_second", definition="dst: bytes", key="dst=10.0.0.1"}`: 1e6,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNewNameEndsTheOldSeries(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	s := open(t, Config{Dir: t.TempDir(), Log: discard})
	f := &feed{t: t}
	for i, name := range []string{"10.0.0.1", "leaf1", "leaf1", "leaf01"} {
		f.add("if_counters", now.Add(time.Duration(i)*10*time.Second), []string{"10.0.0.1", name, "1", "Ethernet1"},
			map[string]points.Value{"in_bits_per_second": points.Number(float64(i)), "oper_up": points.Whole(1)})
		f.give(s)
	}
	for i, want := range []map[string]float64{
		{`{__name__="weir_interface_in_bits_per_second", agent="10.0.0.1", ifindex="1", interface="Ethernet1"}`: 0},
		{`{__name__="weir_interface_in_bits_per_second", agent="10.0.0.1", agent_name="leaf1", ifindex="1", interface="Ethernet1"}`: 1},
		{`{__name__="weir_interface_in_bits_per_second", agent="10.0.0.1", agent_name="leaf1", ifindex="1", interface="Ethernet1"}`: 2},
		{`{__name__="weir_interface_in_bits_per_second", agent="10.0.0.1", agent_name="leaf01", ifindex="1", interface="Ethernet1"}`: 3},
	} {
		got := values(t, s, `weir_interface_in_bits_per_second`, now.Add(time.Duration(i)*10*time.Second+time.Second))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d (-want +got)\n%s", i, diff)
		}
	}
}

func TestInventedNamesAreBounded(t *testing.T) {
	now := time.Now().Add(-time.Hour)
	s := open(t, Config{Dir: t.TempDir(), Log: discard, Series: 400})
	f := &feed{t: t}
	for i := range 300 {
		f.add("if_counters", now.Add(time.Duration(i)*time.Second), []string{"10.0.0.1", fmt.Sprint("x", i), "1", "Ethernet1"},
			map[string]points.Value{"oper_up": points.Whole(1)})
		f.give(s)
	}
	if st := s.Stats(); st.Series != 95 || st.Refused != 205 { // of a further interface all six must have a place
		t.Errorf("%+v", st)
	}
	s.forgetBefore(now.Add(time.Hour).UnixMilli())
	if len(s.entries)+len(s.agents) != 0 {
		t.Errorf("what is gone is kept: %v, %v", s.entries, s.agents)
	}
}

func TestKeyThatIsNoMoreHeavyEnds(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	s := open(t, Config{Dir: t.TempDir(), Log: discard})
	f := &feed{t: t}
	round := func(at time.Time, definition string, keys ...string) {
		f.add("top_total", at, []string{definition}, map[string]points.Value{"bits_per_second": points.Number(1e9)})
		for i, k := range keys {
			f.add("top", at, []string{definition, fmt.Sprint(i)}, map[string]points.Value{
				"key": points.Words(k), "share": points.Number(50), "bits_per_second": points.Number(1e8),
			})
		}
		f.give(s)
	}
	round(now, "dst: bytes", "a", "b")
	round(now, "src: bytes", "a")
	round(now.Add(10*time.Second), "dst: bytes", "b", "c")
	round(now.Add(20*time.Second), "dst: bytes")
	round(now.Add(30*time.Second), "dst: bytes", "a")
	for i, want := range []map[string]float64{
		{`{key="a"}`: 2, `{key="b"}`: 1}, {`{key="a"}`: 1, `{key="b"}`: 1, `{key="c"}`: 1}, {`{key="a"}`: 1}, {`{key="a"}`: 2},
	} {
		got := values(t, s, `count by (key) (weir_top_bits_per_second)`, now.Add(time.Duration(i)*10*time.Second+time.Second))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("round %d (-want +got)\n%s", i, diff)
		}
	}
}

func TestSeriesAreBounded(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, Log: discard, Series: 400})
	f := &feed{t: t}
	for i := range 300 { // 6 series each
		f.polled(now, "10.0.0.66", i, false, true, 1)
	}
	f.give(s)
	if st := s.Stats(); st.Series != 96 || st.Refused != 1704 {
		t.Errorf("one agent, who may have a quarter: %+v", st)
	}
	for a := range 10 {
		for i := range 25 {
			f.polled(now, fmt.Sprint("10.0.1.", a), i, false, true, 1)
		}
	}
	f.give(s)
	if st := s.Stats(); st.Series != 348 || st.Refused != 1704+1500-252 { // an eighth is left to others
		t.Errorf("ten further agents: %+v", st)
	}
	s.shut()
	// What was there goes on after a start, though there is no place.
	s = open(t, Config{Dir: dir, Log: discard, Series: 400})
	f.polled(now.Add(time.Minute), "10.0.1.0", 0, false, true, 2)
	f.polled(now.Add(time.Minute), "10.0.2.0", 0, false, true, 2)
	f.give(s)
	if st := s.Stats(); st.Samples != 6 || st.Refused != 6 {
		t.Errorf("after a start: %+v", st)
	}
}

func TestSamplesThatAreTooCloseOrLate(t *testing.T) {
	now := time.Now()
	s := open(t, Config{Dir: t.TempDir(), Log: discard})
	f := &feed{t: t}
	for _, ms := range []int{0, 400, 600, -5000, 1200, -4 * 3600_000} {
		f.port(now.Add(time.Duration(ms)*time.Millisecond), "10.0.0.1", 1, float64(ms))
		f.give(s)
	}
	if st := s.Stats(); st.Samples != 8 || st.Thinned != 2 || st.Late != 2 {
		t.Errorf("%+v", st)
	}
}

func TestHostileLabels(t *testing.T) {
	now := time.Now()
	s := open(t, Config{Dir: t.TempDir(), Log: discard})
	f := &feed{t: t}
	f.add("if_counters", now, []string{"10.0.0.1", "\xff<script>", "1", strings.Repeat("é", 1000)}, map[string]points.Value{"oper_up": points.Whole(1)})
	f.give(s)
	got := values(t, s, `weir_interface_oper_up`, now)
	want := `{__name__="weir_interface_oper_up", agent="10.0.0.1", agent_name="�<script>", ifindex="1", interface="` + strings.Repeat("é", 128) + `"}`
	if len(got) != 1 || got[want] != 1 {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestWhatWasKeptIsThereAfterAStart(t *testing.T) {
	start := time.Now().Add(-9 * time.Hour).Truncate(time.Hour)
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, Log: discard})
	fill(t, s, start, 9*time.Hour, time.Minute, 20)
	if st := s.Stats(); st.Blocks == 0 || st.Lost+st.Late+st.Refused != 0 || st.Err != "" {
		t.Fatalf("no blocks: %+v", st)
	}
	want := values(t, s, `sum(sum_over_time(weir_interface_in_bits_per_second[10h]))`, start.Add(9*time.Hour))
	s.shut()
	s = open(t, Config{Dir: dir, Log: discard})
	got := values(t, s, `sum(sum_over_time(weir_interface_in_bits_per_second[10h]))`, start.Add(9*time.Hour))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := values(t, s, `count_over_time(weir_interface_in_bits_per_second{ifindex="1"}[10h])`, start.Add(9*time.Hour)); len(n) != 1 {
		t.Errorf("%v", n)
	} else {
		for _, v := range n {
			if v != 9*60 {
				t.Errorf("%v samples of one series, want %d", v, 9*60)
			}
		}
	}
}

// fill writes points of ports from a time on, and takes care of the store as Run
// does.
func fill(t testing.TB, s *Store, from time.Time, span, every time.Duration, ports int) {
	t.Helper()
	f := &feed{t: t}
	cared := from
	for at := from; at.Before(from.Add(span)); at = at.Add(every) {
		for i := range ports {
			f.port(at, fmt.Sprint("10.0.0.", i/50), i, 1e6*float64(i)+1e5*math.Round(10*math.Sin(float64(at.Unix()+int64(i)))))
		}
		f.give(s)
		if at.Sub(cared) >= 10*time.Minute {
			cared = at
			s.compact(t.Context(), time.Now())
		}
	}
}

func TestLimitByBytesHolds(t *testing.T) {
	start := time.Now().Add(-20 * time.Hour)
	dir := t.TempDir()
	const limit = 2 << 20
	s := open(t, Config{Dir: dir, Log: discard, MaxBytes: limit})
	f := &feed{t: t}
	var most int64
	for m := range 20 * 60 {
		at := start.Add(time.Duration(m) * time.Minute)
		for i := range 100 {
			f.port(at, fmt.Sprint("10.0.0.", i), i, math.Sin(float64(m*i))*1e9)
		}
		f.give(s)
		if m%10 == 0 {
			s.limit(at)
			s.compact(t.Context(), at)
		}
		most = max(most, dirSize(dir))
	}
	st := s.Stats()
	if most > limit || st.Deleted == 0 || st.Err != "" || st.Lost > 0 {
		t.Errorf("at most %d octets of %d: %+v", most, limit, st)
	}
	if n := values(t, s, `count(weir_interface_in_bits_per_second)`, start.Add(20*time.Hour-time.Minute)); n["{}"] != 100 {
		t.Errorf("the newest: %v", n)
	}
	t.Logf("at most %d octets, %+v", most, st)
}

func TestLimitByAgeHolds(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, Log: discard, MaxAge: 24 * time.Hour})
	fill(t, s, time.Now().Add(-40*time.Hour), 40*time.Hour, 2*time.Minute, 5)
	now := time.Now()
	s.limit(now)
	s.mu.RLock()
	for _, b := range s.db.Blocks() {
		if b.MinTime() < now.Add(-24*time.Hour).UnixMilli() {
			t.Errorf("a block begins at %s", time.UnixMilli(b.MinTime()))
		}
	}
	s.mu.RUnlock()
	if st := s.Stats(); st.Deleted == 0 || st.Blocks == 0 || st.Err != "" {
		t.Errorf("%+v", st)
	}
	if got := values(t, s, `count_over_time(weir_interface_oper_up{ifindex="1"}[3d])`, time.Now()); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestLeftoversOfAKilledProcessGo(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{keepName, "01HZZZZZZZZZZZZZZZZZZZZZZZ.tmp-for-creation"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, Config{Dir: dir, Log: discard})
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"chunks_head", "wal", "wbl"}, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if st := s.Stats(); st.Broken != 0 {
		t.Errorf("%+v", st)
	}
}

// TestLimitThatIsTooSmallStopsWriting has more series than fit into the limit:
// they are kept for a while, then lost until the journal has become a block.
func TestLimitThatIsTooSmallStopsWriting(t *testing.T) {
	now := time.Now().Add(-3 * time.Hour)
	dir := t.TempDir()
	const limit = 4 << 20
	s := open(t, Config{Dir: dir, Log: discard, MaxBytes: limit})
	f := &feed{t: t}
	told, most, again := 0, int64(0), false
	for m := 0; m < 1500; m += 4 {
		at := now.Add(time.Duration(m) * time.Second)
		for i := range 1500 {
			f.port(at, fmt.Sprint("10.0.", i/50, ".1"), i, math.Sin(float64(m*i)))
		}
		f.give(s)
		most = max(most, dirSize(dir))
		s.care(at)
		if strings.Contains(s.Stats().Err, "history.series: 4 MiB are too few for 3000 series") {
			told++
		} else if told > 0 {
			again = true
		}
	}
	if st := s.Stats(); told == 0 || !again || st.Lost == 0 || most > limit+100<<10 {
		t.Errorf("told %d times, at most %d octets, %+v", told, most, st)
	}
	if got := values(t, s, `count(weir_interface_oper_up)`, now.Add(1500*time.Second)); got["{}"] != 1500 {
		t.Errorf("%v", got)
	}
}
