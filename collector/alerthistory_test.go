package collector

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/collector/store"
)

// askHistory asks over HTTP.
func (r *running) askHistory(query string) (code int, body []byte) {
	r.t.Helper()
	resp, err := http.Get("http://" + r.status().HTTP + "/api/v1/alerts/history?" + query)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, body
}

// Every change that was told is in the history, with what it rests on, and the
// head in the log proves it.
func TestAlertHistoryHasEveryChange(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig(t))
	one := newExporter("192.0.2.11")
	c := r.dial("127.0.0.11")
	r.stream(one, c, func() bool { return r.saw("update") })
	r.eventually("the end of the alert", func() bool { return r.saw("end") })

	type change struct {
		At, ID, Change, Kind, State, Severity string

		Seq      int
		Subject  json.RawMessage
		Evidence json.RawMessage
	}
	read := func(b []byte) (c change) {
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		c.At = strings.TrimRight(strings.TrimSuffix(c.At, "Z"), "0")
		return c
	}
	var told []change
	for _, l := range r.told() {
		told = append(told, read([]byte(l)))
	}
	var kept struct{ Alerts []json.RawMessage }
	r.eventually("the changes in the history", func() bool {
		code, body := r.askHistory("from=-10m&kind=large_flow")
		if err := json.Unmarshal(body, &kept); err != nil || code != http.StatusOK {
			t.Fatalf("%d %s: %v", code, body, err)
		}
		return len(kept.Alerts) == len(told)
	})
	compact := cmp.Transformer("compact", func(m json.RawMessage) (v any) {
		if err := json.Unmarshal(m, &v); err != nil {
			t.Error(err)
		}
		return v
	})
	var got []change
	for _, k := range kept.Alerts {
		got = append(got, read(k))
	}
	if diff := cmp.Diff(told, got, compact); diff != "" {
		t.Errorf("(-told +kept)\n%s", diff)
	}
	if code, body := r.askHistory("from=soon"); code != http.StatusBadRequest || !strings.Contains(string(body), "no time; write such as") {
		t.Errorf("%d %s", code, body)
	}
	if code, body := r.askHistory("limit=0"); code != http.StatusBadRequest || !strings.Contains(string(body), "write a number from 1") {
		t.Errorf("%d %s", code, body)
	}
	status := r.status().AlertHead
	r.stop()

	var heads []store.Head
	for _, l := range r.log.with(`"message":"alert history"`) {
		var said struct{ Head string }
		if err := json.Unmarshal([]byte(l), &said); err != nil {
			t.Fatal(err)
		}
		h, err := store.ParseHead(said.Head)
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, h)
	}
	if len(heads) != 1 || heads[0].String() != status || heads[0].N < uint64(len(told)) {
		t.Errorf("heads %v in the log, %s in the status, %d changes", heads, status, len(told))
	}
	p, err := store.VerifyAlerts(t.Context(), r.cfg.StateDir, heads)
	if err != nil || p.Break != nil || p.Heads != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestAlertHistoryCanBeOff(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.History.Off = true
	r := start(t, cfg)
	if code, body := r.askHistory(""); code != http.StatusBadRequest || !strings.Contains(string(body), "history is off") {
		t.Errorf("%d %s", code, body)
	}
	if h := r.status().AlertHead; h != "" {
		t.Errorf("head %s", h)
	}
}
