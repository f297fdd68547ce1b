package influx

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"weir/collector/sink/influx/influxtest"
)

// patience is how long is waited for what comes within seconds where the machine does
// nothing else.
const patience = 2 * time.Minute

// newTest starts a sink that is closed with the test; its log goes there.
func newTest(t testing.TB, url, dir string, change func(*Config)) (*Sink, *syncBuffer) {
	t.Helper()
	log := &syncBuffer{}
	cfg := Config{
		URL: url, Bucket: "weir", Site: "test", Series: 1000, Dir: dir, Spool: 64 << 20,
		Timeout: 2 * time.Second, Log: zerolog.New(log),
	}
	if change != nil {
		change(&cfg)
	}
	s := New(cfg)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Close(ctx)
		if t.Failed() {
			t.Logf("log:\n%s", log)
		}
	})
	return s, log
}

// feed gives the sink 20 numbered points every 10 ms, for a time, and returns
// the lines. It fails where the sink makes it wait.
func feed(t testing.TB, s *Sink, d time.Duration) []string {
	t.Helper()
	var all []string
	next := time.Now()
	for end := next.Add(d); next.Before(end); next = next.Add(10 * time.Millisecond) {
		time.Sleep(time.Until(next))
		var b bytes.Buffer
		for range 20 {
			line := fmt.Sprintf("m,i=%d v=%di %d", len(all)%100, len(all), 1795332604000000000+len(all))
			all = append(all, line)
			b.WriteString(line + "\n")
		}
		start := time.Now()
		s.WriteLines(b.Bytes(), 20)
		if d := time.Since(start); d > time.Second { // nobody waits for the server
			t.Errorf("WriteLines took %v", d)
		}
	}
	return all
}

// await waits until all points that were accepted are sent, refused or dropped.
func await(t testing.TB, s *Sink) Stats {
	t.Helper()
	var st Stats
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if st = s.Stats(); st.MemoryPoints == 0 && st.Spool.Points == 0 && st.Sent+st.Rejected+st.Dropped >= st.Accepted {
			return st
		}
	}
	t.Fatalf("points still wait after %v: %+v", patience, st)
	return st
}

func sorted(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }

func TestSinkLosesNothingWhileTheServerFails(t *testing.T) {
	for _, c := range []struct {
		name    string
		fault   influxtest.Fault
		failing string // what Stats says meanwhile
		log     string
	}{
		{"503", influxtest.Fault{Status: 503, Message: "starting"}, "Service Unavailable: starting", "points are kept until the server takes them"},
		{"429 with Retry-After", influxtest.Fault{Status: 429, RetryAfter: 1, Message: "slow down"}, "Too Many Requests: slow down", "points are kept until"},
		{"500", influxtest.Fault{Status: 500, Message: "engine"}, "Internal Server Error: engine", "points are kept until"},
		{"hang", influxtest.Fault{Hang: true}, "no answer: ", "points are kept until"},
		{"reset", influxtest.Fault{Reset: true}, "no answer: ", "points are kept until"},
		{"401", influxtest.Fault{Status: 401, Message: "unauthorized access"}, "the server wants to know who writes: set influx.token", "set influx.token; points are kept meanwhile"},
		{"403", influxtest.Fault{Status: 403, Message: "forbidden"}, "the token may not write there: give it the right, or correct influx.token, influx.org, influx.bucket", "points are kept meanwhile"},
		{"404", influxtest.Fault{Status: 404, Message: "bucket not found"}, "there is no bucket weir, or no server of InfluxDB at this address: correct influx.bucket, influx.org, influx.url, or make the bucket", "points are kept meanwhile"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := influxtest.StartProxy(t, "")
			s, log := newTest(t, p.URL, t.TempDir(), nil)
			all := feed(t, s, 700*time.Millisecond)
			p.Set(c.fault)
			// The proxy takes the statement that makes the bucket, and goes on saying 404.
			all = append(all, feedUntil(t, s, len(all), func(st Stats) bool {
				return strings.HasPrefix(st.Failing, c.failing) && st.Spool.Points > 0
			})...)
			p.Set(influxtest.Fault{})
			all = append(all, feedMore(t, s, len(all), 500*time.Millisecond)...)
			st := await(t, s)
			if st.Sent != uint64(len(all)) || st.Dropped+st.Rejected+st.Gap+st.Refused != 0 {
				t.Errorf("%+v, want %d sent", st, len(all))
			}
			if diff := cmp.Diff(len(all), len(p.Lines())); diff != "" {
				t.Errorf("lines that arrived (-want +got)\n%s", diff)
			}
			if !strings.Contains(log.String(), c.log) {
				t.Errorf("the log does not say %q:\n%s", c.log, log)
			}
			if n := strings.Count(log.String(), "\n"); n > 8 {
				t.Errorf("%d lines of log for one failure:\n%s", n, log)
			}
		})
	}
}

// feedMore is feed with further numbers.
func feedMore(t testing.TB, s *Sink, from int, d time.Duration) []string {
	t.Helper()
	end := time.Now().Add(d)
	return feedUntil(t, s, from, func(Stats) bool { return !time.Now().Before(end) })
}

// feedUntil is feedMore until the sink is as wanted.
func feedUntil(t testing.TB, s *Sink, from int, is func(Stats) bool) []string {
	t.Helper()
	var all []string
	for end := time.Now().Add(patience); !is(s.Stats()); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v %+v", patience, s.Stats())
		}
		var b bytes.Buffer
		for range 20 {
			n := from + len(all)
			line := fmt.Sprintf("m,i=%d v=%di %d", n%100, n, 1795332604000000000+n)
			all = append(all, line)
			b.WriteString(line + "\n")
		}
		start := time.Now()
		s.WriteLines(b.Bytes(), 20)
		if d := time.Since(start); d > time.Second { // nobody waits for the server
			t.Errorf("WriteLines took %v", d)
		}
	}
	return all
}

func TestSinkSplitsWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	p := influxtest.StartProxy(t, "")
	p.Set(influxtest.Fault{MaxBody: 1000})
	s, _ := newTest(t, p.URL, t.TempDir(), nil)
	all := feed(t, s, time.Second)
	giant := "m,i=giant v=\"" + strings.Repeat("x", 2000) + "\" 1\n"
	s.WriteLines([]byte(giant), 1)
	st := await(t, s)
	if st.Sent != uint64(len(all)) || st.Rejected != 1 {
		t.Errorf("%+v, want %d sent, 1 refused", st, len(all))
	}
	slices.Sort(all)
	if diff := cmp.Diff(all, sorted(p.Lines())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	letter, err := os.ReadFile(filepath.Join(s.cfg.Dir, "rejected.lp"))
	if err != nil || !strings.HasSuffix(string(letter), giant) || !strings.Contains(string(letter), "status 413: request too large\n") {
		t.Errorf("dead-letter file: %.200s (%v)", letter, err)
	}
}

func TestSinkFindsTheLinesThatAreRefused(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusUnprocessableEntity} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			p := influxtest.StartProxy(t, "")
			p.Set(influxtest.Fault{Status: status, Bad: "bad", Message: "partial write: field type conflict\n dropped=1"})
			s, log := newTest(t, p.URL, t.TempDir(), nil)
			var all []string
			all = append(all, feed(t, s, 500*time.Millisecond)...)
			bad := []string{"bad,x=1 v=1i 7\n", "bad,x=2 v=1i 7\n"}
			s.WriteLines([]byte(bad[0]), 1)
			all = append(all, feedMore(t, s, len(all), 500*time.Millisecond)...)
			s.WriteLines([]byte(bad[1]), 1)
			st := await(t, s)
			if st.Sent != uint64(len(all)) || st.Rejected != 2 || st.Dropped != 0 {
				t.Errorf("%+v, want %d sent, 2 refused", st, len(all))
			}
			slices.Sort(all)
			if diff := cmp.Diff(all, sorted(p.Lines())); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			letter, err := os.ReadFile(filepath.Join(s.cfg.Dir, "rejected.lp"))
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for l := range strings.Lines(string(letter)) {
				if !strings.HasPrefix(l, "#") {
					lines = append(lines, l)
				} else if !strings.HasSuffix(l, fmt.Sprintf(" status %d: partial write: field type conflict  dropped=1\n", status)) {
					t.Errorf("the server's message is %q", l)
				}
			}
			slices.Sort(lines) // what was spooled goes beside what is new
			if diff := cmp.Diff(bad, lines); diff != "" {
				t.Errorf("dead letters (-want +got)\n%s", diff)
			}
			if !strings.Contains(log.String(), `,"status":`+fmt.Sprint(status)) {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestSinkWithoutAFolderUsesMemory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := influxtest.StartProxy(t, "")
	p.Set(influxtest.Fault{Status: 503})
	s, log := newTest(t, p.URL, filepath.Join(file, "influx"), func(c *Config) { c.Memory = 40 << 10 })
	all := feed(t, s, time.Second)
	all = append(all, feedUntil(t, s, len(all), func(st Stats) bool { return st.Dropped > 0 })...)
	st := s.Stats()
	for end := time.Now().Add(patience); st.MemoryBytes > 80<<10 && time.Now().Before(end); st = s.Stats() { // once the block at hand is closed
		time.Sleep(10 * time.Millisecond)
	}
	if st.SpoolError == "" || st.MemoryBytes > 80<<10 || st.Dropped == 0 || st.MemoryPoints == 0 {
		t.Errorf("%+v", st)
	}
	p.Set(influxtest.Fault{})
	st = await(t, s)
	if st.Sent+st.Dropped != uint64(len(all)) || int(st.Sent) != len(p.Lines()) {
		t.Errorf("%+v, %d arrived; want %d in all", st, len(p.Lines()), len(all))
	}
	lines := p.Lines()
	for _, l := range all[len(all)-100:] {
		if lines[l] == 0 {
			t.Fatalf("of the newest points %q is missing", l)
		}
	}
	for _, want := range []string{"the spool cannot be used", "state_dir", "the oldest points were dropped"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
}

func TestSinkGivesUpABlockThatBreaksTheServer(t *testing.T) {
	t.Parallel()
	p := influxtest.StartProxy(t, "")
	p.Set(influxtest.Fault{Status: 500, Bad: "poison", Message: "panic"})
	s, _ := newTest(t, p.URL, t.TempDir(), nil)
	s.WriteLines([]byte("poison v=1i 1\n"), 1)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if n, _ := p.Counts(); n > 0 {
			break // it is a block of its own
		}
	}
	all := feedUntil(t, s, 0, func(st Stats) bool { return st.Rejected > 0 })
	st := await(t, s)
	if st.Rejected != 1 || st.Sent != uint64(len(all)) || len(p.Lines()) != len(all) {
		t.Errorf("%+v, %d arrived; want %d sent, 1 refused", st, len(p.Lines()), len(all))
	}
}

func TestSinkClosesWithoutLoss(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault influxtest.Fault
	}{{"server works", influxtest.Fault{}}, {"server fails", influxtest.Fault{Status: 503}}, {"server hangs", influxtest.Fault{Hang: true}}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := influxtest.StartProxy(t, "")
			p.Set(c.fault)
			s, _ := newTest(t, p.URL, dir, func(c *Config) { c.Timeout = time.Hour })
			all := feed(t, s, 500*time.Millisecond)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			if err := s.Close(ctx); err != nil {
				t.Error(err)
			}
			if d := time.Since(start); d > patience { // nor for the server
				t.Errorf("took %v", d)
			}
			p.Set(influxtest.Fault{})
			s, _ = newTest(t, p.URL, dir, nil)
			if st := await(t, s); st.Gap != 0 || st.Dropped != 0 {
				t.Errorf("%+v", st)
			}
			slices.Sort(all)
			for end := time.Now().Add(patience); len(p.Lines()) < len(all) && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			}
			if diff := cmp.Diff(all, sorted(p.Lines())); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
