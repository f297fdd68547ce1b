package series

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// served is a store behind its handler, with 100 interfaces of two agents for
// ten minutes before now.
func served(t *testing.T) (*httptest.Server, *Store, time.Time) {
	t.Helper()
	now := time.Now().Truncate(time.Minute)
	s := open(t, Config{Dir: t.TempDir(), Log: discard})
	f := &feed{t: t}
	for m := range 11 {
		for i := range 100 {
			f.port(now.Add(time.Duration(m-10)*time.Minute), fmt.Sprint("10.0.0.", i/50), i%50, float64(m*1000+i))
		}
		f.give(s)
	}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	return srv, s, now
}

// ask asks the API, by GET and by POST, which must answer the same.
func ask(t *testing.T, srv *httptest.Server, path string, v url.Values) (code int, body string) {
	t.Helper()
	get, err := http.Get(srv.URL + Prefix + "/api/v1/" + path + "?" + v.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer get.Body.Close()
	post, err := http.PostForm(srv.URL+Prefix+"/api/v1/"+path, v)
	if err != nil {
		t.Fatal(err)
	}
	defer post.Body.Close()
	a, _ := io.ReadAll(get.Body)
	b, _ := io.ReadAll(post.Body)
	if string(a) != string(b) || get.StatusCode != post.StatusCode {
		t.Errorf("%s: GET answers %d %s, POST %d %s", path, get.StatusCode, a, post.StatusCode, b)
	}
	return get.StatusCode, strings.TrimSpace(string(a))
}

func TestAnswersAreThoseOfPrometheus(t *testing.T) {
	srv, _, now := served(t)
	at := fmt.Sprint(now.Unix())
	for _, c := range []struct {
		name, path, query, want string
	}{
		{"vector", "query", `query=weir_interface_in_bits_per_second{agent="10.0.0.0",ifindex="3"}&time=` + at,
			`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"weir_interface_in_bits_per_second","agent":"10.0.0.0","ifindex":"3","interface":"Ethernet3"},"value":[` + at + `,"10003"]}]}}`},
		{"scalar", "query", "query=1.5&time=" + at, `{"status":"success","data":{"resultType":"scalar","result":[` + at + `,"1.5"]}}`},
		{"no number", "query", "query=0/0&time=" + at, `{"status":"success","data":{"resultType":"scalar","result":[` + at + `,"NaN"]}}`},
		{"infinite", "query", "query=-1/0&time=" + at, `{"status":"success","data":{"resultType":"scalar","result":[` + at + `,"-Inf"]}}`},
		{"string", "query", `query="a"&time=` + at, `{"status":"success","data":{"resultType":"string","result":[` + at + `,"a"]}}`},
		{"nothing", "query", "query=weir_nothing&time=" + at, `{"status":"success","data":{"resultType":"vector","result":[]}}`},
		{"matrix", "query_range", fmt.Sprintf("query=sum(weir_interface_in_bits_per_second)&start=%d&end=%s&step=60", now.Unix()-60, at),
			fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[%d,"904950"],[%s,"1004950"]]}]}}`, now.Unix()-60, at)},
		{"steps in words", "query_range", fmt.Sprintf("query=vector(1)&start=%s&end=%s&step=1m", now.Add(-time.Minute).Format("2006-01-02T15:04:05Z07:00"), at),
			fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[%d,"1"],[%s,"1"]]}]}}`, now.Unix()-60, at)},
		{"series", "series", `match[]=weir_interface_oper_up{ifindex="1"}`,
			`{"data":[{"__name__":"weir_interface_oper_up","agent":"10.0.0.0","ifindex":"1","interface":"Ethernet1"},{"__name__":"weir_interface_oper_up","agent":"10.0.0.1","ifindex":"1","interface":"Ethernet1"}],"status":"success"}`},
		{"some series", "series", `match[]=weir_interface_oper_up&limit=1`,
			`{"data":[{"__name__":"weir_interface_oper_up","agent":"10.0.0.0","ifindex":"0","interface":"Ethernet0"}],"status":"success"}`},
		{"labels", "labels", "", `{"data":["__name__","agent","ifindex","interface"],"status":"success"}`},
		{"names", "label/__name__/values", "", `{"data":["weir_interface_in_bits_per_second","weir_interface_oper_up"],"status":"success"}`},
		{"values", "label/agent/values", `match[]=weir_interface_oper_up{agent=~".*1"}`, `{"data":["10.0.0.1"],"status":"success"}`},
		{"some values", "label/ifindex/values", `limit=2`, `{"data":["0","1"],"status":"success"}`},
		{"no values", "label/nothing/values", "", `{"data":[],"status":"success"}`},
		{"earlier", "labels", "end=1000", `{"data":[],"status":"success"}`},
		{"metadata", "metadata", "metric=weir_agent_loss_ratio",
			`{"data":{"weir_agent_loss_ratio":[{"type":"gauge","help":"loss percent: of its datagrams, by sequence, since it is known (health of an agent)","unit":"ratio"}]},"status":"success"}`},
		{"rules", "rules", "", `{"data":{"groups":[]},"status":"success"}`},
		{"exemplars", "query_exemplars", "", `{"data":[],"status":"success"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := url.ParseQuery(strings.ReplaceAll(c.query, "+", "%2B"))
			if err != nil {
				t.Fatal(err)
			}
			code, got := ask(t, srv, c.path, v)
			if diff := cmp.Diff(c.want, got); code != 200 || diff != "" {
				t.Errorf("%d (-want +got)\n%s", code, diff)
			}
		})
	}
	code, got := ask(t, srv, "status/buildinfo", nil)
	var build struct{ Data struct{ Version string } }
	if err := json.Unmarshal([]byte(got), &build); err != nil || code != 200 {
		t.Errorf("%d %s", code, got)
	}
}

func TestMistakesAreToldAsPrometheusTellsThem(t *testing.T) {
	srv, s, now := served(t)
	s.ask = newAsking(queryTime, 500)
	at := fmt.Sprint(now.Unix())
	long := "start=" + fmt.Sprint(now.Unix()-86400) + "&end=" + at
	for _, c := range []struct {
		name, path, query string
		code              int
		kind, want        string
	}{
		{"no expression", "query", "", 400, "bad_data", "no expression; write such as"},
		{"expression", "query", "query=sum(", 400, "bad_data", "parse error: unclosed left parenthesis"},
		{"time", "query", "query=1&time=soon", 400, "bad_data", `time "soon": write seconds since 1970`},
		{"time beyond all", "query", "query=1&time=1e300", 400, "bad_data", `time "1e300": write`},
		{"no number", "query", "query=1&time=NaN", 400, "bad_data", `time "NaN": write`},
		{"no start", "query_range", "query=1&step=1&end=" + at, 400, "bad_data", `start "": write`},
		{"no step", "query_range", "query=1&" + long, 400, "bad_data", `step "": write seconds, or such as 1m`},
		{"negative step", "query_range", "query=1&step=-1&" + long, 400, "bad_data", `step "-1": write`},
		{"points", "query_range", "query=1&step=1&" + long, 400, "bad_data", "more than 11000 points for each series: write a longer step"},
		{"backwards", "query_range", "query=1&step=1&start=" + at + "&end=5", 400, "bad_data", "the end is before the start"},
		{"labels", "query", "query=weir_interface_oper_up*on(x)weir_interface_oper_up", 422, "execution", "many-to-many"},
		{"no match", "series", "", 400, "bad_data", "no match[]"},
		{"match", "series", "match[]={", 400, "bad_data", "parse error"},
		{"limit", "labels", "limit=x", 400, "bad_data", `limit "x": write a number`},
		{"samples", "query_range", "query=" + url.QueryEscape(`weir_interface_oper_up[1h:1ms]`) + "&step=60&" + long, 400, "bad_data", "invalid expression type"},
		{"too many samples", "query_range", "query=weir_interface_oper_up&step=60&start=" + fmt.Sprint(now.Unix()-600) + "&end=" + at, 400, "bad_data", "reads more than 500 samples at a time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := url.ParseQuery(c.query)
			if err != nil {
				t.Fatal(err)
			}
			code, body := ask(t, srv, c.path, v)
			var got struct{ Status, ErrorType, Error string }
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			if code != c.code || got.Status != "error" || got.ErrorType != c.kind || !strings.Contains(got.Error, c.want) {
				t.Errorf("%d %s, want %d %s with %q", code, body, c.code, c.kind, c.want)
			}
		})
	}
}

func TestQueriesTakeTurns(t *testing.T) {
	_, s, now := served(t)
	for range maxQueries {
		s.ask.room <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	q := &Query{Expr: "vector(1)", To: now}
	if err := s.query(ctx, q, nil); err == nil || err.Error() != errSlow.Error() {
		t.Errorf("no place: %v", err)
	}
	for range maxWaiting {
		s.ask.waiting <- struct{}{}
	}
	if err := s.query(t.Context(), q, nil); err == nil || err.Error() != errBusy.Error() {
		t.Errorf("too many wait: %v", err)
	}
}

func TestQueryEndsWithItsAsker(t *testing.T) {
	_, s, now := served(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	begun := time.Now()
	q := &Query{Expr: `sum(sum_over_time(weir_interface_in_bits_per_second[4h:1s]))`, From: now.Add(-24 * time.Hour), To: now, Step: 10 * time.Second}
	if err := s.query(ctx, q, nil); err == nil {
		t.Error("it was answered")
	}
	if d := time.Since(begun); d > queryTime-time.Second {
		t.Errorf("it ended after %s", d)
	}
}

func TestAnswersWhileTheFilesAreRead(t *testing.T) {
	s, err := Open(Config{Dir: t.TempDir(), Log: discard})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	code, body := ask(t, srv, "query", url.Values{"query": {"weir_ready"}})
	if code != http.StatusServiceUnavailable || !strings.Contains(body, errReading.Error()) {
		t.Errorf("%d %s", code, body)
	}
	f := &feed{t: t}
	f.port(time.Now(), "10.0.0.1", 1, 1)
	f.give(s)
	if st := s.Stats(); st.Lost != 2 || st.Ready {
		t.Errorf("%+v", st)
	}
}

func FuzzQuery(f *testing.F) {
	for _, q := range []string{"up", `sum by (a) (rate(x{b="c"}[5m])) / 2`, "{", "1e999", `label_replace(x, "a", "$1", "b", "(.*)")`, "x[5m:1m] @ 3"} {
		f.Add(q, "60", "0")
	}
	f.Fuzz(func(t *testing.T, expr, step, at string) {
		v := url.Values{"query": {expr}, "step": {step}, "start": {at}, "end": {at}}
		q, err := readQuery(v, true, time.Unix(0, 0))
		if err == nil {
			err = q.Check()
		}
		if _, ok := err.(*BadQuery); err != nil && !ok {
			t.Errorf("%v is no mistake of the asker", err)
		}
	})
}
