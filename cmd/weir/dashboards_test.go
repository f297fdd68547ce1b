package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"weir/cmd/internal/commandline"
	"weir/collector/dashboards"
	"weir/collector/sink/influx/influxtest"
)

// interval is Grafana's $__interval in this test, and the least that panels ask
// for.
const interval = 10 * time.Second

// The demo runs for this long; then the second elephant is under way.
const demoSpan = 41 * time.Second

// The elephants of the demo, as their alerts name them.
const (
	elephant1 = "10.20.1.12:40001 → 10.20.2.13:873 TCP"
	elephant2 = "10.20.1.13:40002 → 10.20.2.14:873 TCP"
)

// shown is the demo's data in a real InfluxDB.
type shown struct {
	server *influxtest.Server
	truth  *truth
	now    time.Time
	late   time.Duration     // at most, that what was to happen at a time did
	vars   map[string]string // of the dashboard that is looked at
}

// heldUp is how late a demo may be whose panels are as they are expected: it and weir
// keep the time of the clock.
const heldUp = 300 * time.Millisecond

// lateness measures until ctx ends how late a timer is at most.
func lateness(ctx context.Context) <-chan time.Duration {
	out := make(chan time.Duration, 1)
	go func() {
		most := time.Duration(0)
		for ctx.Err() == nil {
			due := time.Now().Add(10 * time.Millisecond)
			time.Sleep(time.Until(due))
			most = max(most, time.Since(due))
		}
		out <- most
	}()
	return out
}

// TestDashboardsShowWhatTheDemoSent runs the demo into a real InfluxDB, then
// every query of every dashboard. Each must return series, and one cell of each
// panel at least what the generator sent.
func TestDashboardsShowWhatTheDemoSent(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := runDemo(t, influxtest.Start(t))
	for try := 1; s.late > heldUp && try < 4; try++ { // what it sent then is not what it is to send
		t.Logf("the machine held the demo up for %v: it runs once more", s.late)
		s = runDemo(t, influxtest.Start(t))
	}
	s.truth.mu.Lock()
	defer s.truth.mu.Unlock()
	if rows := s.query(t, dashboards.AnnotationQuery, demoSpan); len(rows) == 0 || !strings.Contains(fmt.Sprint(rows), elephant1) {
		t.Errorf("annotations do not tell of the elephant: %v", rows)
	}
	panels := 0
	for _, d := range dashboards.All() {
		s.choose(t, &d)
		for _, r := range d.Rows {
			for i := range r.Panels {
				panels++
				t.Run(d.UID+"/"+r.Panels[i].Title, func(t *testing.T) { s.panel(t, &d, &r.Panels[i]) })
			}
		}
	}
	t.Logf("%d dashboards with %d panels on %d datagrams", len(dashboards.All()), panels, len(s.truth.datagrams))
	for name := range expectations {
		if uid, title, _ := strings.Cut(name, "/"); !slices.ContainsFunc(dashboards.All(), func(d dashboards.Dashboard) bool {
			return d.UID == uid && slices.ContainsFunc(d.Rows, func(r dashboards.Row) bool {
				return slices.ContainsFunc(r.Panels, func(p dashboards.Panel) bool { return p.Title == title })
			})
		}) {
			t.Errorf("an expectation of %s, which is no panel", name)
		}
	}
}

// runDemo runs the command itself, which forwards every datagram to the truth.
func runDemo(t *testing.T, server *influxtest.Server) *shown {
	t.Helper()
	w := listenTruth(t)
	var list strings.Builder
	for agent, name := range demoNames {
		fmt.Fprintf(&list, "- {agent: %s, name: %s}\n", agent, name)
	}
	names := file(t, "names.yaml", list.String())
	conf := file(t, "weir.yaml", fmt.Sprintf("names: {files: [%q]}\nforward: [%q]\n", names, w.addr()))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	late := lateness(ctx)
	var out, log output
	code := make(chan int, 1)
	go func() {
		code <- execute(ctx, []string{"demo", "--config", conf, "--influx", server.URL, "--json"}, streams{strings.NewReader(""), &out, &log})
	}()
	var first time.Time
	for deadline := time.Now().Add(2 * time.Minute); first.IsZero() && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		w.mu.Lock()
		first = w.first
		w.mu.Unlock()
	}
	now := first.Add(demoSpan)
	has := func() bool { // the server, all until then: nothing waits on the disk
		rows, err := server.Query("weir", fmt.Sprintf("SELECT spool_points FROM weir_sink WHERE sink = 'influx' AND spool_points = 0 AND time >= %dms LIMIT 1", now.UnixMilli()))
		return err == nil && len(rows) > 0
	}
	for wait, end := time.Until(now), now.Add(2*time.Minute); ; wait = 500 * time.Millisecond {
		select {
		case c := <-code:
			t.Fatalf("the demo ended with %d: %s", c, log.String())
		case <-time.After(wait):
		}
		if has() || time.Now().After(end) {
			break
		}
	}
	stop()
	if c := <-code; c != 0 || first.IsZero() {
		t.Fatalf("the demo ended with %d: %s", c, log.String())
	}
	return &shown{server: server, truth: w, now: now, late: <-late}
}

// query asks for the time before now.
func (s *shown) query(t *testing.T, q string, span time.Duration) []influxtest.Series {
	t.Helper()
	q = strings.ReplaceAll(q, "$timeFilter", fmt.Sprintf("time >= %dms AND time <= %dms", s.now.Add(-span).UnixMilli(), s.now.UnixMilli()))
	q = strings.ReplaceAll(q, "$__interval", "10s")
	for name, value := range s.vars {
		q = strings.ReplaceAll(q, "${"+name+":regex}", value)
	}
	if m := regexp.MustCompile(`\$\{\w+`).FindString(q); m != "" {
		t.Fatalf("%s is left in %s", m, q)
	}
	all, err := s.server.Query("weir", q)
	if err != nil {
		t.Fatalf("%v: %s", err, q)
	}
	return all
}

// choose runs the queries of the variables, which must offer something, and
// chooses as Grafana does at first: all, the value named, or the first.
func (s *shown) choose(t *testing.T, d *dashboards.Dashboard) {
	t.Helper()
	s.vars = map[string]string{}
	for _, v := range d.Variables {
		var offered []string
		only := regexp.MustCompile(strings.Trim(v.Only, "/"))
		for _, series := range s.query(t, v.Query, demoSpan) {
			for _, row := range series.Values {
				if value := row[1].(string); only.MatchString(value) {
					offered = append(offered, value)
				}
			}
		}
		if len(offered) == 0 {
			t.Errorf("%s: variable %s offers nothing: %s", d.UID, v.Name, v.Query)
			continue
		}
		slices.Sort(offered)
		switch {
		case v.Multi:
			s.vars[v.Name] = ".*"
		case v.First != "":
			if !slices.Contains(offered, v.First) {
				t.Errorf("%s: variable %s offers %q without %q", d.UID, v.Name, offered, v.First)
			}
			s.vars[v.Name] = regexp.QuoteMeta(v.First)
		default:
			s.vars[v.Name] = regexp.QuoteMeta(offered[0])
		}
	}
}

// panel runs the queries of a panel and compares its cells.
func (s *shown) panel(t *testing.T, d *dashboards.Dashboard, p *dashboards.Panel) {
	span := demoSpan
	if p.Since != "" {
		var err error
		if span, err = time.ParseDuration(p.Since); err != nil {
			t.Fatal(err)
		}
	}
	var first []cell
	for i := range p.Queries {
		all := s.query(t, p.Queries[i].Text(), span)
		cells := cellsOf(all)
		if len(cells) == 0 {
			t.Fatalf("no series: %s", p.Queries[i].Text())
		}
		if i == 0 {
			first = cells
		}
	}
	if expect := expectations[d.UID+"/"+p.Title]; expect != nil {
		if err := expect(s, first); err != nil {
			t.Errorf("%v\n%s", err, p.Queries[0].Text())
		}
		return
	}
	q := &p.Queries[0]
	if s.truth.points[q.From] == nil {
		t.Fatalf("nothing is known of %s, and nothing expected of this panel", q.From)
	}
	s.compare(t, q, first, span)
}

// cell is one value of an answer.
type cell struct {
	at     time.Time
	tags   map[string]string
	column string
	number float64
	text   string
	row    map[string]string // the texts of its row
}

func cellsOf(all []influxtest.Series) (cells []cell) {
	for _, series := range all {
		for _, row := range series.Values {
			ns, _ := row[0].(json.Number).Int64()
			texts := map[string]string{}
			for i, v := range row {
				if text, ok := v.(string); ok {
					texts[series.Columns[i]] = text
				}
			}
			for i, v := range row[1:] {
				c := cell{at: time.Unix(0, ns), tags: series.Tags, column: series.Columns[i+1], row: texts}
				switch v := v.(type) {
				case json.Number:
					c.number, _ = v.Float64()
				case string:
					c.text = v
				default:
					continue
				}
				cells = append(cells, c)
			}
		}
	}
	return cells
}

// compare computes what cells must be from what was sent. A sample that came just
// after the end of a window may have been counted in it.
func (s *shown) compare(t *testing.T, q *dashboards.Query, cells []cell, span time.Duration) {
	t.Helper()
	right, wrong := 0, []string{}
	for _, c := range cells {
		i := slices.IndexFunc(q.Columns, func(col dashboards.Column) bool { return col.Name() == c.column })
		if i < 0 {
			continue
		}
		want := s.expected(&q.Columns[i], q, c, span)
		if len(want) == 0 {
			continue
		}
		tolerance := 1e-9
		if strings.HasSuffix(c.column, "_per_second") || strings.Contains(c.column, "utilization") || strings.Contains(q.Columns[i].Field, "utilization") {
			tolerance = 0.02 // weir and this test round times
		}
		if slices.ContainsFunc(want, func(w float64) bool { return math.Abs(c.number-w) <= tolerance*math.Abs(w)+1e-6 }) {
			right++
		} else {
			wrong = append(wrong, fmt.Sprintf("%v %s at %s: %v, want %v", c.tags, c.column, c.at.UTC().Format(time.TimeOnly), c.number, want))
		}
	}
	if right == 0 || len(wrong) > right/20 {
		t.Errorf("%d cells of %d are as sent, %d are not: %.600s", right, len(cells), len(wrong), strings.Join(wrong, "\n"))
	}
}

// late is how much later than the collector this test may see a datagram that is
// forwarded to it, on a busy machine.
const late = 500 * time.Millisecond

// expected returns what a cell may be; nothing where that is not clear.
func (s *shown) expected(col *dashboards.Column, q *dashboards.Query, c cell, span time.Duration) (all []float64) {
	times := cmp.Or(col.Times, 1)
	if !q.Every {
		of := func(v []float64) float64 { return v[len(v)-1] }
		for _, to := range []time.Time{s.now, s.now.Add(late)} {
			if v, ok := s.value(col, q, c, s.now.Add(-span), to, of); ok && col.Over == "" {
				all = append(all, v*times)
			}
		}
		return all
	}
	of := map[dashboards.Func]func([]float64) float64{dashboards.Mean: mean, dashboards.Max: slices.Max[[]float64], dashboards.Rate: slices.Max[[]float64]}[col.Func]
	first := c.at
	if col.Func == dashboards.Rate {
		first = c.at.Add(-interval)
	}
	if first.Before(s.now.Add(-span)) || c.at.Add(interval).After(s.now) {
		return nil // cut by the time shown
	}
	for ends := range 8 { // each of up to three ends, as it is or late
		end := func(i int) time.Time {
			return c.at.Add(time.Duration(i) * interval).Add(late * time.Duration(ends>>(i+1)&1))
		}
		v, ok := s.value(col, q, c, end(0), end(1), of)
		if ok && col.Func == dashboards.Rate {
			var before float64
			before, ok = s.value(col, q, c, end(-1), end(0), of)
			v = (v - before) / interval.Seconds()
		}
		if ok {
			all = append(all, v*times)
		}
	}
	return all
}

func mean(v []float64) (m float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	return m
}

// value computes a column from what was sent between two times.
func (s *shown) value(col *dashboards.Column, q *dashboards.Query, c cell, from, to time.Time, of func([]float64) float64) (float64, bool) {
	v := s.values(q, c.tags, col.Field, from, to)
	if len(v) == 0 {
		return 0, false
	}
	sum := of(v)
	for _, m := range col.Minus {
		less := s.values(q, c.tags, m, from, to)
		if len(less) == 0 {
			return 0, false
		}
		sum -= of(less)
	}
	return sum, true
}

// values returns what was sent of a field between two times, in order.
func (s *shown) values(q *dashboards.Query, tags map[string]string, field string, from, to time.Time) (v []float64) {
	for _, p := range s.truth.points[q.From] {
		if x, has := p.values[field]; has && p.at.After(from) && p.at.Before(to) && s.holds(q, p.tags, tags) {
			v = append(v, x)
		}
	}
	return v
}

// holds reports whether a point is of the series, and of what the query asks.
func (s *shown) holds(q *dashboards.Query, point, series map[string]string) bool {
	for _, tag := range q.By {
		if point[tag] != series[tag] {
			return false
		}
	}
	for _, w := range q.Where {
		m := regexp.MustCompile(`^"(\w+)" =~ /\^\$\{(\w+):regex\}\$/$`).FindStringSubmatch(w)
		if m == nil || !regexp.MustCompile("^"+s.vars[m[2]]+"$").MatchString(point[m[1]]) {
			return false
		}
	}
	return true
}

func TestDashboardsCommandWritesFiles(t *testing.T) {
	dir := t.TempDir()
	code, out, errs := weir(t, "dashboards", "--out", dir, "--influx", "http://influxdb:8086", "--path", "/dashboards")
	if code != 0 || strings.Count(out, "\n") != 8 {
		t.Fatalf("code %d: %s%s", code, out, errs)
	}
	for name, want := range map[string]string{
		"dashboards/weir-noc.json":           `"uid": "weir-noc"`,
		"provisioning/datasources/weir.yaml": "url: http://influxdb:8086\n",
		"provisioning/dashboards/weir.yaml":  "path: /dashboards\n",
		"dashboards/weir-instance.json":      `"title": "weir / Instance"`,
	} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %q: %v", name, want, err)
		}
	}
	for at, want := range map[string]bool{"http://127.0.0.1:8343": false, "https://weir.example:8343/": true} {
		code, _, errs := weir(t, "dashboards", "--out", dir, "--weir", at)
		b, err := os.ReadFile(filepath.Join(dir, "provisioning/datasources/weir.yaml"))
		if code != 0 || err != nil {
			t.Fatalf("code %d: %s%v", code, errs, err)
		}
		var got struct {
			Datasources []struct {
				Type, URL string
				Secure    map[string]string `yaml:"secureJsonData"`
			}
		}
		if err := yaml.Unmarshal(b, &got); err != nil || len(got.Datasources) != 2 {
			t.Fatalf("%v: %s", err, b)
		}
		if d := got.Datasources[1]; d.Type != "prometheus" || d.URL != strings.TrimSuffix(at, "/")+"/prometheus" || (d.Secure["httpHeaderValue1"] == "Bearer $WEIR_TOKEN") != want {
			t.Errorf("%s: %+v", at, d)
		}
	}
	if code, _, errs := weir(t, "dashboards"); code != commandline.ExitUsage || !strings.Contains(errs, "--out DIR") {
		t.Errorf("without a folder: code %d, %s", code, errs)
	}
}
