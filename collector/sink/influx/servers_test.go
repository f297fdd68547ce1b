package influx

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/series"
	"weir/collector/sink/influx/influxtest"
)

func TestInfluxDB(t *testing.T) {
	t.Parallel()
	server := influxtest.Start(t)
	for name, test := range map[string]func(*testing.T, *influxtest.Server){
		"keeps every class": everyClass, "is not injected": notInjected, "gets its bucket": getsItsBucket, "refuses a conflict": refusesAConflict,
	} {
		t.Run(name, func(t *testing.T) { test(t, server) })
	}
}

// everyClass writes a point of every class, with a value in
// each field, and reads all of it back.
func everyClass(t *testing.T, server *influxtest.Server) {
	s, _ := newTest(t, server.URL, t.TempDir(), func(c *Config) { c.Bucket = "classes" })
	var b series.Batch
	const at = 1795332604000000001
	value := func(i int, f *series.Field) series.Value {
		switch {
		case f.Unit == series.Text:
			return series.Words(f.Name + ` "quoted\`)
		case i%2 == 0:
			return series.Whole(1 << 62)
		}
		return series.Number(float64(i) + 0.25)
	}
	for _, c := range series.Classes() {
		p, v := b.Add(c, at)
		for i, tag := range c.Tags {
			p.Tags[i] = "a " + tag + ",x=1"
		}
		for i := range c.Fields {
			v = append(v, value(i, &c.Fields[i]))
		}
		b.Done(v)
	}
	s.Write(&b)
	await(t, s)
	for _, c := range series.Classes() {
		got, err := server.Query("classes", fmt.Sprintf(`SELECT * FROM %q GROUP BY *`, c.Name))
		if err != nil || len(got) != 1 || len(got[0].Values) != 1 {
			t.Errorf("%s: %v, %v", c.Name, got, err)
			continue
		}
		tags := map[string]string{"site": "test"}
		for _, tag := range c.Tags {
			tags[tag] = "a " + tag + ",x=1"
		}
		if diff := cmp.Diff(tags, got[0].Tags); diff != "" {
			t.Errorf("%s: tags (-want +got)\n%s", c.Name, diff)
		}
		want, have := map[string]string{"time": fmt.Sprint(at)}, map[string]string{}
		for i := range c.Fields {
			v := value(i, &c.Fields[i])
			switch v.Kind() {
			case series.Int:
				want[c.Fields[i].Name] = fmt.Sprint(v.Int())
			case series.Float:
				want[c.Fields[i].Name] = fmt.Sprint(v.Float())
			case series.String:
				want[c.Fields[i].Name] = v.Text()
			}
		}
		for i, name := range got[0].Columns {
			have[name] = fmt.Sprint(got[0].Values[0][i])
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s: fields (-want +got)\n%s", c.Name, diff)
		}
	}
}

// notInjected writes what a hostile agent may call itself.
func notInjected(t *testing.T, server *influxtest.Server) {
	s, _ := newTest(t, server.URL, t.TempDir(), func(c *Config) { c.Bucket = "hostile" })
	hostile := []string{
		"a,b", "a b", "a=b", "a\nevil value=1 1", "a\\", `a\\,evil=1`, `"`, "\x00\x01", strings.Repeat("x,=\n\\", 13000), "é\u2028", "\xff\xfe", "#",
	}
	var b series.Batch
	for i, h := range hostile {
		p, v := b.Add(testClass, 1795332604000000000+int64(i))
		p.Tags[0], p.Tags[1] = h, h
		b.Done(append(v, series.Whole(uint64(i)), series.Value{}, series.Words(h)))
	}
	s.Write(&b)
	if st := await(t, s); int(st.Sent) != len(hostile) || st.Rejected != 0 {
		t.Errorf("%+v", st)
	}
	got, err := server.Query("hostile", "SHOW MEASUREMENTS")
	if err != nil || len(got) != 1 || len(got[0].Values) != 1 {
		t.Errorf("measurements: %v, %v", got, err)
	}
	got, err = server.Query("hostile", "SHOW TAG KEYS")
	if err != nil || fmt.Sprint(got[0].Values) != "[[agent] [if_name] [site]]" {
		t.Errorf("tags: %v, %v", got, err)
	}
	if n, err := server.Number("hostile", "SELECT count(in_octets) FROM if_counters"); int(n) != len(hostile) || err != nil {
		t.Errorf("%v points (%v), want %d", n, err, len(hostile))
	}
}

func getsItsBucket(t *testing.T, server *influxtest.Server) {
	for _, c := range []struct {
		bucket, db, policy string
		retention          time.Duration
		want               string
	}{
		{"weir", "weir", "autogen", 48 * time.Hour, "48h0m0s"},
		{"flows/two weeks", "flows", "two weeks", 14 * 24 * time.Hour, "336h0m0s"},
		{"flows/ever", "flows", "ever", 0, "0s"},
	} {
		t.Run(c.bucket, func(t *testing.T) {
			s, log := newTest(t, server.URL, t.TempDir(), func(cfg *Config) { cfg.Bucket, cfg.Retention = c.bucket, c.retention })
			s.WriteLines([]byte("m v=1i\n"), 1)
			await(t, s)
			got, err := server.Query("", fmt.Sprintf("SHOW RETENTION POLICIES ON %q", c.db))
			if err != nil {
				t.Fatal(err)
			}
			found := ""
			for _, row := range got[0].Values {
				if row[0] == c.policy {
					found = fmt.Sprint(row[1])
				}
			}
			if found != c.want {
				t.Errorf("retention of %s is %q, want %q: %v", c.bucket, found, c.want, got)
			}
			if n, err := server.Number(c.db, fmt.Sprintf("SELECT count(v) FROM %q.m", c.policy)); n != 1 || err != nil {
				t.Errorf("%v points, %v", n, err)
			}
			if !strings.Contains(log.String(), "the bucket was missing and has been made") {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func refusesAConflict(t *testing.T, server *influxtest.Server) {
	s, _ := newTest(t, server.URL, t.TempDir(), func(c *Config) { c.Bucket = "conflict" })
	s.WriteLines([]byte("m,a=1 v=1i 1\n"), 1)
	await(t, s)
	var lines strings.Builder
	for i := range 100 {
		fmt.Fprintf(&lines, "m,a=1 v=%di %d\n", i, 10+i)
	}
	bad := "m,a=1 v=\"text\" 5000\n"
	s.WriteLines([]byte(lines.String()+bad+"m,a=1 v=7i 6000\n"), 102)
	if st := await(t, s); st.Sent != 102 || st.Rejected != 1 {
		t.Errorf("%+v", st)
	}
	if n, err := server.Number("conflict", "SELECT count(v) FROM m"); n != 102 || err != nil {
		t.Errorf("%v points, %v", n, err)
	}
	letter, err := os.ReadFile(filepath.Join(s.cfg.Dir, "rejected.lp"))
	if err != nil || !strings.HasSuffix(string(letter), bad) || !strings.Contains(string(letter), "field type conflict") || strings.Count(string(letter), "\n") != 2 {
		t.Errorf("dead letters: %s (%v)", letter, err)
	}
}

func TestInfluxDBWantsToKnowWhoWrites(t *testing.T) {
	t.Parallel()
	server := influxtest.StartWith(t, "auth-enabled = true")
	statement := func(user, q string) {
		t.Helper()
		req, _ := http.NewRequest(http.MethodPost, server.URL+"/query", strings.NewReader(url.Values{"q": {q}}.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if user != "" {
			req.SetBasicAuth(user, "secret")
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s", q, resp.Status, body)
		}
	}
	statement("", "CREATE USER noc WITH PASSWORD 'secret' WITH ALL PRIVILEGES")
	dir := t.TempDir()
	s, log := newTest(t, server.URL, dir, func(c *Config) { c.Token = "noc:wrong" })
	s.WriteLines([]byte("m v=1i 1\n"), 1)
	for end := time.Now().Add(patience); s.Stats().Failing == "" && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	if got, want := s.Stats().Failing, "the server does not know the token: correct influx.token"; got != want {
		t.Errorf("fails because of %q, want %q; log: %s", got, want, log)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	s, _ = newTest(t, server.URL, dir, func(c *Config) { c.Token = "noc:secret" })
	for end := time.Now().Add(patience); s.Stats().Sent == 0 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	if st := s.Stats(); st.Sent != 1 {
		t.Errorf("with the right password %+v", st)
	}
}

func TestVictoriaMetricsTakesPoints(t *testing.T) {
	t.Parallel()
	server := influxtest.StartVictoriaMetrics(t)
	s, _ := newTest(t, server.URL, t.TempDir(), nil)
	now := time.Now().UnixNano()
	var b series.Batch
	for i := range 10 {
		p, v := b.Add(testClass, now)
		p.Tags[0], p.Tags[1] = "192.0.2.1", fmt.Sprintf("swp %d", i)
		b.Done(append(v, series.Whole(uint64(i)), series.Number(0.5)))
	}
	s.Write(&b)
	await(t, s)
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	q := url.Values{"query": {`sum(last_over_time(if_counters_in_octets{site="test",agent="192.0.2.1"}[1h]))`}}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		resp, err := http.Get(server.URL + "/api/v1/query?" + q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		if len(answer.Data.Result) == 1 {
			if got := answer.Data.Result[0].Value[1]; got != "45" {
				t.Errorf("the sum is %v, want 45", got)
			}
			return
		}
	}
	t.Error("the points are not found")
}
