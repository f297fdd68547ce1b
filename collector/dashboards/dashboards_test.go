package dashboards

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"weir/collector/series"
)

// each panel of each dashboard.
func eachPanel(t *testing.T, do func(t *testing.T, d *Dashboard, p *Panel)) {
	for _, d := range All() {
		for _, r := range d.Rows {
			for i := range r.Panels {
				t.Run(d.Title+"/"+r.Panels[i].Title, func(t *testing.T) { do(t, &d, &r.Panels[i]) })
			}
		}
	}
}

// innermost is the query that asks a measurement.
func innermost(q *Query) *Query {
	for q.Of != nil {
		q = q.Of
	}
	return q
}

func classes() map[string]*series.Class {
	all := map[string]*series.Class{}
	for _, c := range series.Classes() {
		all[c.Name] = c
	}
	return all
}

func TestPanelsAskForWhatIsWritten(t *testing.T) {
	written := classes()
	eachPanel(t, func(t *testing.T, d *Dashboard, p *Panel) {
		if p.Description == "" || !strings.HasSuffix(p.Description, ".") || p.Unit == "" || p.Width == 0 {
			t.Errorf("description %q, unit %q, width %d", p.Description, p.Unit, p.Width)
		}
		if len(p.Queries) == 0 {
			t.Fatal("no query")
		}
		for i := range p.Queries {
			q := innermost(&p.Queries[i])
			c := written[q.From]
			if c == nil {
				t.Fatalf("no measurement %q", q.From)
			}
			tags := append([]string{"site"}, c.Tags...)
			for _, tag := range q.By {
				if !slices.Contains(tags, tag) {
					t.Errorf("%s has no tag %q", q.From, tag)
				}
			}
			for _, w := range q.Where {
				if m := regexp.MustCompile(`^"(\w+)" `).FindStringSubmatch(w); m == nil || !slices.Contains(tags, m[1]) {
					t.Errorf("%s has no tag in %s", q.From, w)
				}
				for _, m := range regexp.MustCompile(`\$\{(\w+):regex\}`).FindAllStringSubmatch(w, -1) {
					if !slices.ContainsFunc(d.Variables, func(v Variable) bool { return v.Name == m[1] }) {
						t.Errorf("no variable %s", m[1])
					}
				}
			}
			for _, f := range q.Raw {
				if !slices.Contains(tags, f) {
					field(t, c, f)
				}
			}
			for _, col := range q.Columns {
				for _, f := range append(append([]string{col.Field}, col.Minus...), over(&col)...) {
					field(t, c, f)
				}
				checkUnit(t, p, c, &col)
			}
		}
	})
}

func over(c *Column) []string {
	if c.Over == "" {
		return nil
	}
	return []string{c.Over}
}

func field(t *testing.T, c *series.Class, name string) series.Field {
	t.Helper()
	i := slices.IndexFunc(c.Fields, func(f series.Field) bool { return f.Name == name })
	if i < 0 {
		t.Errorf("%s has no field %q", c.Name, name)
		return series.Field{}
	}
	return c.Fields[i]
}

// checkUnit compares the unit of a panel, or of its column, with that of the
// field and of what is done to it.
func checkUnit(t *testing.T, p *Panel, c *series.Class, col *Column) {
	t.Helper()
	f := field(t, c, col.Field)
	if (col.Func == Rate) != f.Counter && col.Func != Last {
		t.Errorf("%s of %s.%s: counter is %v", col.Func, c.Name, f.Name, f.Counter)
	}
	unit := p.Unit
	if u := p.Units[col.Name()]; u != "" {
		unit = u
	}
	var want []string
	switch {
	case col.Over != "":
		want = []string{"percent"}
	case col.Func == Rate:
		want = map[string][]string{
			"bytes 8": {"bps"}, "bytes 0": {"Bps"}, "packets 0": {"pps"}, "count 0": {"cps", "pps", "iops"}, "ms 0.1": {"percent"}, "s 100": {"percent"},
		}[fmt.Sprintf("%s %v", f.Unit, col.Times)]
	default:
		want = map[series.Unit][]string{
			series.BitsPerSecond: {"bps"}, series.PacketsPerSecond: {"pps"}, series.DatagramsPerSec: {"pps"}, series.Percent: {"percent"},
			series.Bytes: {"bytes"}, series.Seconds: {"s"}, series.Count: {"short"}, series.OneIn: {"short"}, series.Flag: {"short"},
			series.Text: {"string"}, series.None: {"short", "none"},
		}[f.Unit]
	}
	if !slices.Contains(want, unit) {
		t.Errorf("%s of %s.%s (%s) is shown as %q, want one of %q", col.Func, c.Name, f.Name, f.Unit, unit, want)
	}
}

// TestQueriesArePortable holds what InfluxDB 3 does not plan out of them.
func TestQueriesArePortable(t *testing.T) {
	forbidden := regexp.MustCompile(`(?i)\b(SLIMIT|SOFFSET|INTO|SAMPLE|SHOW DATABASES)\b| ON "|;|"\."|=~ /[^^]`)
	check := func(q string) {
		t.Helper()
		if m := forbidden.FindString(q); m != "" {
			t.Errorf("%q in %s", m, q)
		}
	}
	check(AnnotationQuery)
	for _, d := range All() {
		for _, v := range d.Variables {
			check(v.Query)
			if !strings.HasPrefix(v.Query, "SHOW TAG VALUES FROM ") {
				t.Errorf("variable %s: %s", v.Name, v.Query)
			}
		}
	}
	eachPanel(t, func(t *testing.T, _ *Dashboard, p *Panel) {
		for i := range p.Queries {
			check(p.Queries[i].Text())
		}
	})
}

func TestQueryText(t *testing.T) {
	inner := Query{From: "alerts_open", By: []string{"kind"}, Columns: []Column{{Func: Last, Field: "count"}}}
	for _, c := range []struct {
		name string
		q    Query
		want string
	}{
		{
			"rates over time", each("if_counters", []string{"agent_name"}, "", []string{is("agent_name", "agent")}, Column{Func: Rate, Field: "in_octets", Times: 8, As: "in"}),
			`SELECT non_negative_derivative(max("in_octets"), 1s) * 8 AS "in" FROM "if_counters" WHERE $timeFilter AND "agent_name" =~ /^${agent:regex}$/ GROUP BY time($__interval), "agent_name" fill(none)`,
		},
		{"rows", Query{From: "alert_events", Raw: []string{"text", "id"}}, `SELECT "text", "id" FROM "alert_events" WHERE $timeFilter ORDER BY time DESC LIMIT 100`},
		{"a sum of others", Query{Of: &inner, Columns: []Column{{Func: Sum, Field: "count", As: "open"}}}, `SELECT sum("count") AS "open" FROM (SELECT last("count") AS "count" FROM "alerts_open" WHERE $timeFilter GROUP BY "kind") WHERE $timeFilter`},
		{"a difference", Query{From: "m", Columns: []Column{{Func: Mean, Field: "a", Minus: []string{"b", "c"}, As: "used"}}}, `SELECT (mean("a") - mean("b") - mean("c")) AS "used" FROM "m" WHERE $timeFilter`},
		{"a share", Query{From: "m", Columns: []Column{{Func: Last, Field: "a", Over: "b", Times: 100}}}, `SELECT last("a") / last("b") * 100 AS "a" FROM "m" WHERE $timeFilter`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.q.Text(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestLinksLeadSomewhere looks for dashboards, their variables, and the columns
// that values come from.
func TestLinksLeadSomewhere(t *testing.T) {
	known := map[string][]string{}
	for _, d := range All() {
		if _, twice := known[d.UID]; twice || len(d.UID) > 40 || !strings.HasPrefix(d.UID, "weir-") {
			t.Errorf("uid %q", d.UID)
		}
		known[d.UID] = []string{}
		for _, v := range d.Variables {
			known[d.UID] = append(known[d.UID], v.Name)
		}
	}
	links := 0
	eachPanel(t, func(t *testing.T, _ *Dashboard, p *Panel) {
		q := &p.Queries[0]
		columns := append(slices.Clone(q.By), q.Raw...)
		for i := range q.Columns {
			columns = append(columns, q.Columns[i].Name())
		}
		for column := range p.Units {
			if !slices.Contains(columns, column) {
				t.Errorf("a unit for column %q, there are %q", column, columns)
			}
		}
		for column, all := range p.Links {
			if !slices.Contains(columns, column) {
				t.Errorf("a link on column %q, there are %q", column, columns)
			}
			for _, l := range all {
				links++
				m := regexp.MustCompile(`^/d/([\w-]+)\?`).FindStringSubmatch(l.URL)
				if m == nil || known[m[1]] == nil || l.Title == "" {
					t.Fatalf("link %+v leads nowhere", l)
				}
				for _, v := range regexp.MustCompile(`&var-(\w+)=\$\{__data\.fields\["(\w+)"\]`).FindAllStringSubmatch(l.URL, -1) {
					if !slices.Contains(known[m[1]], v[1]) || !slices.Contains(columns, v[2]) {
						t.Errorf("link %s: no variable %s there, or no column %s here", l.URL, v[1], v[2])
					}
				}
			}
		}
		if p.Sort != "" && !slices.Contains(columns, p.Sort) {
			t.Errorf("sorted by %q, there are %q", p.Sort, columns)
		}
	})
	if links == 0 {
		t.Error("no links")
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	for _, d := range All() {
		taken := map[[2]int]string{}
		ids := map[int]bool{}
		for _, p := range d.panels() {
			at := p["gridPos"].(object)
			title := p["title"].(string)
			if id := p["id"].(int); ids[id] {
				t.Errorf("%s: %s: id %d twice", d.Title, title, id)
			} else {
				ids[id] = true
			}
			if at["x"].(int)+at["w"].(int) > 24 {
				t.Errorf("%s: %s sticks out", d.Title, title)
			}
			for x := range at["w"].(int) {
				for y := range at["h"].(int) {
					cell := [2]int{at["x"].(int) + x, at["y"].(int) + y}
					if other := taken[cell]; other != "" {
						t.Fatalf("%s: %s lies on %s", d.Title, title, other)
					}
					taken[cell] = title
				}
			}
		}
	}
}

func TestWriteProvisionsGrafana(t *testing.T) {
	dir := t.TempDir()
	files, err := Write(dir, Provision{URL: "http://127.0.0.1:8086", Database: "weir", Path: "/var/lib/grafana/dashboards"})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(All())+2 {
		t.Errorf("%d files: %q", len(files), files)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if filepath.Ext(f) == ".json" {
			if err := json.Unmarshal(b, &v); err != nil {
				t.Errorf("%s: %v", f, err)
			}
			if v["uid"] != strings.TrimSuffix(filepath.Base(f), ".json") || v["id"] != nil || v["gnetId"] != nil {
				t.Errorf("%s: uid %v, id %v", f, v["uid"], v["id"])
			}
			continue
		}
		if err := yaml.Unmarshal(b, &v); err != nil || v["apiVersion"] != 1 {
			t.Errorf("%s: %v: %v", f, err, v)
		}
	}
	if _, err := Write(dir, Provision{URL: "http://x\n- y", Database: "weir"}); err == nil {
		t.Error("a URL of two lines is taken")
	}
}
