package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	points "weir/collector/series"
	"weir/collector/store/series"
	"weir/detect"
)

func TestQuerySeriesMistakes(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing", nil, "weir: write an expression such as 'topk(5, weir_interface_in_bits_per_second)', or --list"},
		{"both", []string{"--list", "x"}, "weir: --list takes no expression"},
		{"expression", []string{"sum(x"}, "weir: \"sum(x\": 1:6: parse error: unclosed left parenthesis\nweir:   sum(x\nweir:        ^\n"},
		{"expression in the middle", []string{"topk(5, up{agent=10})"}, "weir: \"topk(5, up{agent=10})\": 1:18: parse error: unexpected character inside braces: '1'\nweir:   topk(5, up{agent=10})\nweir:                    ^\n"},
		{"time", []string{"x", "--from", "yesterday"}, `weir: --from "yesterday": no time; write such as -1h`},
		{"order", []string{"x", "--from", "now", "--to", "-1h"}, `weir: "x": the end is before the start`},
		{"step alone", []string{"x", "--step", "1m"}, "weir: --step needs --from"},
		{"small step", []string{"x", "--from", "-1h", "--step", "1ns"}, `weir: "x": the step must be a millisecond or more`},
		{"points", []string{"x @ end()", "--from", "-1d", "--step", "1s"}, `weir: "x @ end()": more than 11000 points for each series: write a longer step`},
		{"format", []string{"x", "--format", "xml"}, `weir: --format "xml": write table, json, csv or parquet`},
		{"directory", []string{"x", "--dir", "/nonexistent"}, "weir: no history of series in /nonexistent: start `weir run` first, or name the directory with --dir"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, errs := weir(t, append([]string{"query", "series"}, c.args...)...)
			if code == 0 || !strings.HasPrefix(errs, c.want) {
				t.Errorf("exit %d, %s\nwant %s", code, errs, c.want)
			}
		})
	}
}

// keepSeries writes a directory of series: of two interfaces, from a time on, one
// sample every ten seconds.
func keepSeries(t *testing.T, from time.Time, n int, more ...func(b *points.Batch, at time.Time, i int)) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s, err := series.Open(series.Config{Dir: dir, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	for !s.Stats().Ready {
		time.Sleep(time.Millisecond)
	}
	var class *points.Class
	for _, c := range points.Classes() {
		if c.Name == "if_counters" {
			class = c
		}
	}
	var b points.Batch
	for i := range n {
		for port := range 2 {
			p, v := b.Add(class, from.Add(time.Duration(i)*10*time.Second).UnixNano())
			p.Tags = [points.MaxTags]string{"10.0.0.1", "leaf1", fmt.Sprint(port), fmt.Sprint("Ethernet", port)}
			for f := range class.Fields {
				value := points.Value{}
				if class.Fields[f].Name == "in_bits_per_second" {
					value = points.Number(float64(1000*(i+1) + port))
				}
				v = append(v, value)
			}
			b.Done(v)
		}
		for _, add := range more {
			add(&b, from.Add(time.Duration(i)*10*time.Second), i)
		}
		s.Write(&b)
		b.Reset()
	}
	stop()
	<-done
	return dir
}

func TestQuerySeriesReadsFiles(t *testing.T) {
	from := time.Date(2026, 3, 14, 15, 0, 0, 0, time.Local)
	dir := keepSeries(t, from, 6)
	const first, last = "2026-03-14T15:00:00", "2026-03-14T15:00:50"
	day := from.UTC().Format("2006-01-02T15:04:")
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"as of a time", []string{"weir_interface_in_bits_per_second", "--to", last},
			"VALUE  SERIES\n" +
				"6.00k  weir_interface_in_bits_per_second{agent=\"10.0.0.1\", agent_name=\"leaf1\", ifindex=\"0\", interface=\"Ethernet0\"}\n" +
				"6.00k  weir_interface_in_bits_per_second{agent=\"10.0.0.1\", agent_name=\"leaf1\", ifindex=\"1\", interface=\"Ethernet1\"}\n"},
		{"steps", []string{`weir_interface_in_bits_per_second{ifindex="1"}`, "--from", first, "--to", last, "--step", "20s"},
			"A  weir_interface_in_bits_per_second{agent=\"10.0.0.1\", agent_name=\"leaf1\", ifindex=\"1\", interface=\"Ethernet1\"}\n\n" +
				"TIME            A\n03-14 15:00:00  1.00k\n03-14 15:00:20  3.00k\n03-14 15:00:40  5.00k\n"},
		{"csv", []string{"sum by (agent) (weir_interface_in_bits_per_second)", "--from", first, "--to", last, "--step", "30s", "--format", "csv"},
			"time,agent,value\n" + day + "00Z,10.0.0.1,2001\n" + day + "30Z,10.0.0.1,8001\n"},
		{"json", []string{"sum(weir_interface_in_bits_per_second)", "--to", first, "--format", "json"},
			fmt.Sprintf("[\n  {\n    \"metric\": {},\n    \"values\": [\n      [\n        %d,\n        \"2001\"\n      ]\n    ]\n  }\n]\n", from.Unix())},
		{"number", []string{"2*3", "--to", first}, "VALUE  SERIES\n6      {}\n"},
		{"none", []string{"weir_nothing", "--to", first}, "no series; `weir query series --list` shows what there is\n"},
		{"none at its steps", []string{"weir_interface_in_bits_per_second", "--from", "2026-03-13T16:00:40", "--to", last, "--step", "3h"},
			"no series at steps of 3h0m up to 03-14 13:00:00: without --step they are chosen by what there is, which `weir query series --list` shows\n"},
		{"list", []string{"--list", "--to", last},
			"METRIC                             TYPE   UNIT             SERIES  WHAT\n" +
				"weir_interface_in_bits_per_second  gauge  bits_per_second  2       in bits per second (counters of an interface (if_counters, 0:1), and rates that know wraps and resets)\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := weir(t, append([]string{"query", "series", "--dir", dir}, c.args...)...)
			if diff := cmp.Diff(c.want, out); code != 0 || diff != "" {
				t.Errorf("exit %d, %s (-want +got)\n%s", code, errs, diff)
			}
		})
	}
}

// Of a long time of which little is kept, the steps are where that is.
func TestQuerySeriesChoosesStepsByWhatThereIs(t *testing.T) {
	from := time.Date(2026, 3, 14, 15, 7, 3, 0, time.Local)
	dir := keepSeries(t, from, 12) // of two minutes
	rows := func(t *testing.T, args ...string) []string {
		t.Helper()
		code, out, errs := weir(t, append([]string{"query", "series", "--dir", dir, "--format", "csv"}, args...)...)
		if code != 0 {
			t.Fatalf("exit %d, %s", code, errs)
		}
		return strings.Split(strings.TrimSpace(out), "\n")[1:]
	}
	at := func(d time.Duration, value string) string {
		return from.Add(d).UTC().Format(time.RFC3339) + ",1," + value
	}
	const sum = `sum by (ifindex) (weir_interface_in_bits_per_second{ifindex="1"})`
	for _, c := range []struct {
		name        string
		args        []string
		n           int
		first, last string
	}{
		{"up to its end", []string{sum, "--from", "2026-03-13T15:00:00", "--to", "2026-03-14T15:08:53"}, 11, at(7*time.Second, "1001"), at(107*time.Second, "11001")},
		{"within a month", []string{sum, "--from", "2026-03-01", "--to", "2026-03-31"}, 41, at(7*time.Second, "1001"), at(407*time.Second, "12001")},
		{"later by an offset", []string{strings.Replace(sum, "}", "} offset 6h", 1), "--from", "2026-03-01", "--to", "2026-03-31"}, 41, at(6*time.Hour+7*time.Second, "1001"), at(6*time.Hour+407*time.Second, "12001")},
		{"less than a step", []string{sum, "--from", "2026-03-13T15:00:00", "--to", "2026-03-14T15:07:04"}, 1, at(time.Second, "1001"), at(time.Second, "1001")},
		{"of all time", []string{"time()", "--from", "2026-03-13T15:00:00", "--to", "2026-03-14T15:00:00"}, 49, "2026-03-13T", "2026-03-14T"},
		{"where there is none", []string{"absent(weir_interface_in_bits_per_second)", "--from", "2026-03-13T15:00:00", "--to", "2026-03-14T15:00:00"}, 49, "2026-03-13T", "2026-03-14T"},
		{"steps that are asked for", []string{sum, "--from", "2026-03-13T15:00:00", "--to", "2026-03-14T16:00:00", "--step", "5m"}, 1, at(177*time.Second, "12001"), at(177*time.Second, "12001")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := rows(t, c.args...)
			if len(got) != c.n || !strings.HasPrefix(got[0], c.first) || !strings.HasPrefix(got[len(got)-1], c.last) {
				t.Errorf("%d rows:\n%s\nwant %d, from %s to %s", len(got), strings.Join(got, "\n"), c.n, c.first, c.last)
			}
		})
	}
	code, out, errs := weir(t, "query", "series", "--dir", dir, sum, "--from", "2026-03-01", "--to", "2026-03-02")
	if want := "no series from 03-01 00:00:00 to 03-02 00:00:00; `weir query series --list` shows what there is\n"; code != 0 || out != want {
		t.Errorf("exit %d: %s%s, want %s", code, out, errs, want)
	}
}

// An estimate has its interval beside it, whatever the form, as long as the
// expression leaves it as it is.
func TestQuerySeriesTellsErrors(t *testing.T) {
	from := time.Date(2026, 3, 14, 15, 0, 0, 0, time.Local)
	tops := points.Tops{}
	dir := keepSeries(t, from, 2, func(b *points.Batch, at time.Time, i int) {
		rate := float64(10+i) * 1e6
		tops.Add(b, "dst: bytes", &detect.Top{Unit: "bits_per_second", Total: 2e7, Items: []detect.TopItem{{Domain: "net1", Rate: rate, Low: rate - 2e6, High: rate + 2e6}}}, at)
	})
	const first, last = "2026-03-14T15:00:00", "2026-03-14T15:00:10"
	at := from.UTC().Format("2006-01-02T15:04:05Z")
	const one = `weir_top_bits_per_second{definition="dst: bytes", key=" in net1"}`
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"as of a time", []string{"topk(1, weir_top_bits_per_second)", "--to", last},
			"VALUE   95 %               SERIES\n" + "11.00M  9.00M - 13.00M     " + one + "\n"},
		{"steps", []string{"weir_top_bits_per_second", "--from", first, "--to", last, "--step", "10s"},
			"A  " + one + "\n\nTIME            A\n03-14 15:00:00  10.00M (8.00M - 12.00M)\n03-14 15:00:10  11.00M (9.00M - 13.00M)\n"},
		{"csv", []string{"weir_top_bits_per_second", "--to", first, "--format", "csv"},
			"time,__name__,definition,key,value,low,high\n" + at + ",weir_top_bits_per_second,dst: bytes,\" in net1\",10000000,8000000,12000000\n"},
		{"a sum has none", []string{"sum(weir_top_bits_per_second)", "--to", first}, "VALUE   SERIES\n10.00M  {}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := weir(t, append([]string{"query", "series", "--dir", dir}, c.args...)...)
			if diff := cmp.Diff(strings.Fields(c.want), strings.Fields(out)); code != 0 || diff != "" {
				t.Errorf("exit %d, %s (-want +got)\n%s", code, errs, diff)
			}
			if said := strings.Contains(errs, "have no interval here"); said != strings.Contains(c.name, "has none") {
				t.Errorf("says that there is no interval: %v\n%s", said, errs)
			}
		})
	}
}

// TestQuerySeriesInSlices asks for more steps than are asked for at a time.
func TestQuerySeriesInSlices(t *testing.T) {
	from := time.Now().Add(-10 * time.Hour).Truncate(time.Hour)
	dir := keepSeries(t, from, 1)
	const n = 2*fileSliceSteps + 7
	code, out, errs := weir(t, "query", "series", "--dir", dir, "time()",
		"--from", from.Format(time.RFC3339), "--to", from.Add((n-1)*time.Second).Format(time.RFC3339), "--step", "1s", "--format", "csv")
	if code != 0 {
		t.Fatal(errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")[1:]
	if len(lines) != n {
		t.Fatalf("%d lines, want %d", len(lines), n)
	}
	for i, l := range lines {
		at := from.Add(time.Duration(i) * time.Second)
		if want := fmt.Sprintf("%s,%d", at.UTC().Format(time.RFC3339), at.Unix()); l != want {
			t.Fatalf("line %d: %s, want %s", i, l, want)
		}
	}
}

// TestSeriesAreWhatTheDemoSent compares what the query API answers with what
// the wire carried, as an independent reader of the same datagrams has it.
func TestSeriesAreWhatTheDemoSent(t *testing.T) {
	for try := 1; ; try++ {
		late, wrong := compareSeries(t)
		if len(wrong) == 0 {
			return
		}
		if late <= heldUp || try == 4 {
			t.Fatal(strings.Join(wrong, "\n"))
		}
		t.Logf("the machine held the demo up for %v: it runs once more", late)
	}
}

// compareSeries runs the demo, and returns how late its time was at most and what of its
// series is not as it was sent.
func compareSeries(t *testing.T) (late time.Duration, wrong []string) {
	t.Helper()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	w := listenTruth(t)
	conf := file(t, "weir.yaml", fmt.Sprintf("forward: [%q]\nhistory: {series_more: [if_counters.in_octets]}\n", w.addr()))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out, log output
	code, timer := make(chan int, 1), lateness(ctx)
	go func() {
		code <- execute(ctx, []string{"demo", "--config", conf, "--json"}, streams{strings.NewReader(""), &out, &log})
	}()
	at := await(t, &log, `open (http://\S+)/ in a browser`)[1]
	ask := await(t, &log, `ask it with: weir status --config (\S+)`)[1]
	time.Sleep(22 * time.Second) // two rounds of counters and more
	q := &promClient{t: t, url: at + "/prometheus/api/v1/", at: time.Now()}
	time.Sleep(2 * time.Second) // until the truth has all of that
	w.mu.Lock()
	defer w.mu.Unlock()
	rates := q.compare(w, "if_counters", "in_bits_per_second", "weir_interface_in_bits_per_second", 1, 1e-3)
	rates += q.compare(w, "if_counters", "out_bits_per_second", "weir_interface_out_bits_per_second", 1, 1e-3)
	others := q.compare(w, "if_counters", "in_octets", "weir_interface_in_octets_total", 1, 0) +
		q.compare(w, "if_counters", "oper_up", "weir_interface_oper_up", 1, 0) +
		q.compare(w, "host_memory", "free", "weir_host_memory_free_bytes", 1, 0) +
		q.compare(w, "virt_cpu", "cpu_time", "weir_virt_cpu_time_seconds_total", 1e-3, 1e-12)
	if rates < 20 || others < 60 {
		q.wrong = append(q.wrong, fmt.Sprintf("only %d rates and %d other values could be compared", rates, others))
	}
	t.Logf("%d rates and %d other values were compared", rates, others)
	if c, table, errs := weir(t, "query", "series", "--config", ask, "count(weir_interface_oper_up)"); c != 0 || !strings.HasPrefix(table, "VALUE  SERIES\n") {
		t.Errorf("exit %d: %s%s", c, table, errs)
	}
	if c, list, errs := weir(t, "query", "series", "--config", ask, "--list"); c != 0 || !strings.Contains(list, "weir_agent_silent_seconds") {
		t.Errorf("exit %d: %s%s", c, list, errs)
	}
	if c, _, errs := weir(t, "query", "series", "--config", ask, "weir_ready * on (x) group_left weir_bound_used"); c == 0 || !strings.Contains(errs, "many-to-many") {
		t.Errorf("exit %d: %s", c, errs)
	}
	stop()
	if c := <-code; c != 0 {
		t.Errorf("exit %d: %s", c, log.String())
	}
	return <-timer, q.wrong
}

// promClient asks the query API of Prometheus.
type promClient struct {
	t     *testing.T
	url   string
	at    time.Time // of all questions
	wrong []string
}

// compare compares all samples of a metric with what was sent: at the same time, which
// this test may read late on a busy machine, and off by no more than part of the value.
// It returns how many there were.
func (q *promClient) compare(w *truth, measurement, field, metric string, scale, part float64) (n int) {
	q.t.Helper()
	var answer struct {
		Status string
		Error  string
		Data   struct{ Result []*oneSeries }
	}
	resp, err := http.PostForm(q.url+"query", url.Values{"query": {metric + "[2m]"}, "time": {q.at.Format(time.RFC3339Nano)}})
	if err != nil {
		q.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		q.t.Fatal(err)
	}
	if err := json.Unmarshal(b, &answer); err != nil || answer.Status != "success" {
		q.t.Fatalf("%s: %v %s", metric, err, b)
	}
	for _, s := range answer.Data.Result {
		for _, v := range s.Values {
			best := math.Inf(1)
			for _, p := range w.points[measurement] {
				sent, has := p.values[field]
				if !has || p.tags["agent"] != s.Metric["agent"] || s.Metric["interface"] != "" && p.tags["if_name"] != s.Metric["interface"] && p.tags["if_name"] != "" ||
					s.Metric["instance"] != "" && p.tags["instance"] != s.Metric["instance"] || v.time().Sub(p.at) > time.Second/2 || p.at.Sub(v.time()) > 10*time.Second {
					continue
				}
				best = min(best, math.Abs(v.Value-sent*scale)-part*math.Abs(sent*scale))
			}
			if n++; best > 0 {
				q.wrong = append(q.wrong, fmt.Sprintf("%s at %s is %v, off by %v more than it may", seriesName(s.Metric), v.time(), v.Value, best))
			}
		}
	}
	return n
}
