package series

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"syscall"
	"testing"
	"time"

	points "weir/collector/series"
)

// site is a site's interfaces, 50 to an agent, 6 series each.
type site struct {
	class  *points.Class
	fields [6]int
	ports  int
	tags   [][points.MaxTags]string
	load   []float64
	random *rand.Rand
	b      points.Batch
}

func newSite(t testing.TB, series int) *site {
	k := &site{class: classOf(t, "if_counters"), ports: (series + 5) / 6, random: rand.New(rand.NewPCG(1, 2))}
	for i, name := range []string{"in_bits_per_second", "out_bits_per_second", "in_packets_per_second", "out_packets_per_second", "admin_up", "oper_up"} {
		for f := range k.class.Fields {
			if k.class.Fields[f].Name == name {
				k.fields[i] = f
			}
		}
	}
	for p := range k.ports {
		a := p / 50
		agent := fmt.Sprintf("10.255.%d.%d", a/250, a%250)
		k.tags = append(k.tags, [points.MaxTags]string{agent, fmt.Sprint("leaf", a), fmt.Sprint(p % 50), fmt.Sprint("Ethernet", p%50)})
		k.load = append(k.load, math.Exp(k.random.NormFloat64()*2)*1e7)
	}
	return k
}

// write gives the store one sample of all series.
func (k *site) write(s *Store, at time.Time) {
	for p := range k.ports {
		q, v := k.b.Add(k.class, at.UnixNano())
		q.Tags = k.tags[p]
		for range k.class.Fields {
			v = append(v, points.Value{})
		}
		in := math.Round(k.load[p] * (1 + 0.1*k.random.NormFloat64()))
		for i, n := range []float64{in, math.Round(in / 3), math.Round(in / 8000), math.Round(in / 16000), 1, 1} {
			v[k.fields[i]] = points.Number(n)
		}
		k.b.Done(v)
	}
	s.Write(&k.b)
	k.b.Reset()
}

const benchSeries = 20_000

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkMemoryOfSeries prints the memory of each series after three hours of
// a sample every 20 s, the most there is between two blocks.
func BenchmarkMemoryOfSeries(b *testing.B) {
	for b.Loop() {
		k := newSite(b, benchSeries)
		start := time.Now().Add(-3 * time.Hour)
		before := heap()
		s := open(b, Config{Dir: b.TempDir(), Log: discard})
		most := uint64(0)
		for i := range 3 * 60 * 3 {
			k.write(s, start.Add(time.Duration(i)*20*time.Second))
			if i%3 == 2 {
				s.compact(context.Background(), time.Now())
			}
			if i%60 == 59 {
				most = max(most, heap()-before)
			}
		}
		st := s.Stats()
		b.ReportMetric(float64(most)/float64(st.Series), "B/series-most")
		b.ReportMetric(float64(heap()-before)/float64(st.Series), "B/series")
		b.ReportMetric(float64(st.Bytes)/float64(st.Samples), "disk-B/sample")
		runtime.KeepAlive(k)
		s.shut()
	}
}

// BenchmarkPanel asks a day of 20,000 series, of a sample each minute, as a
// dashboard does, through the API.
func BenchmarkPanel(b *testing.B) {
	k := newSite(b, benchSeries)
	start := time.Now().Add(-24 * time.Hour)
	s := open(b, Config{Dir: b.TempDir(), Log: discard})
	begun := time.Now()
	for i := range 24 * 60 {
		k.write(s, start.Add(time.Duration(i)*time.Minute))
		if i%10 == 0 {
			s.compact(context.Background(), time.Now())
		}
	}
	s.limit(time.Now())
	st := s.Stats()
	b.Logf("%d samples written in %s, %d blocks, %.2f octets a sample on disk, %+v", st.Samples, time.Since(begun).Round(time.Second), st.Blocks,
		float64(st.Bytes)/float64(st.Samples), st)
	for _, c := range []struct{ name, expr string }{
		{"interface", `weir_interface_in_bits_per_second{agent="10.255.0.7",ifindex="3"}`},
		{"agent", `weir_interface_in_bits_per_second{agent="10.255.0.7"}`},
		{"sum", `sum(weir_interface_in_bits_per_second)`},
		{"sum by agent", `sum by (agent) (weir_interface_in_bits_per_second)`},
		{"topk", `topk(10, weir_interface_in_bits_per_second)`},
		{"avg", `avg(weir_interface_in_bits_per_second)`},
		{"avg by agent", `avg by (agent) (weir_interface_in_bits_per_second)`},
		{"rate-less-avg", `avg_over_time(weir_interface_in_bits_per_second{agent="10.255.0.7"}[5m])`},
	} {
		b.Run(c.name, func(b *testing.B) {
			before := cpu()
			defer func() { b.ReportMetric(float64(cpu()-before)/1e6/float64(b.N), "cpu-ms/op") }()
			api := s.Handler()
			ask := url.Values{"query": {c.expr}, "start": {fmt.Sprint(start.Unix())}, "end": {fmt.Sprint(start.Add(24 * time.Hour).Unix())}, "step": {"120"}}
			for b.Loop() {
				w := httptest.NewRecorder()
				api.ServeHTTP(w, httptest.NewRequest(http.MethodGet, Prefix+"/api/v1/query_range?"+ask.Encode(), nil))
				if w.Code != http.StatusOK || w.Body.Len() < 1000 {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}

// BenchmarkSpan looks when a day of 20,000 series begins and ends, of whose time
// there is more before, and more behind.
func BenchmarkSpan(b *testing.B) {
	k := newSite(b, benchSeries)
	start := time.Now().Add(-26 * time.Hour)
	s := open(b, Config{Dir: b.TempDir(), Log: discard})
	for i := range 24 * 60 {
		k.write(s, start.Add(time.Duration(i)*time.Minute))
		if i%10 == 0 {
			s.compact(context.Background(), time.Now())
		}
	}
	for _, c := range []struct {
		name         string
		before, less time.Duration
	}{{"within", 0, 3 * time.Hour}, {"before", 24 * time.Hour, 3 * time.Hour}, {"behind", 24 * time.Hour, 0}} {
		b.Run(c.name, func(b *testing.B) {
			q := &Query{Expr: "weir_interface_in_bits_per_second", From: start.Add(-c.before), To: time.Now().Add(-c.less)}
			for b.Loop() {
				if span, err := s.ask.span(b.Context(), s, q); err != nil || span.From.IsZero() {
					b.Fatal(span, err)
				}
			}
		})
	}
}

// cpu returns the processor time of this process, which tells more than a clock
// where others work beside it.
func cpu() time.Duration {
	var ru syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &ru) // zero tells
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// BenchmarkWrite writes a sample of 600 series.
func BenchmarkWrite(b *testing.B) {
	k := newSite(b, 600)
	at := time.Now().Add(-time.Hour)
	s := open(b, Config{Dir: b.TempDir(), Log: discard})
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Second)
		k.write(s, at)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/600, "ns/sample")
}
