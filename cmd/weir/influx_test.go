package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/collector/series"
	"weir/collector/sink/influx/influxtest"
)

// TestDemoWritesTimeSeries runs the demo beside a real InfluxDB, which is away
// for some seconds in the middle: of that, nothing is to be seen afterwards.
func TestDemoWritesTimeSeries(t *testing.T) {
	server := influxtest.Start(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var log output
	done, timer := make(chan int), lateness(ctx)
	go func() {
		done <- execute(ctx, []string{"demo", "--influx", server.URL}, streams{strings.NewReader(""), io.Discard, &log})
	}()
	const db = "weir"
	soon := func(is func() bool) {
		for end := time.Now().Add(90 * time.Second); !is() && time.Now().Before(end); time.Sleep(time.Second) {
		}
	}
	soon(func() bool {
		n, err := server.Number(db, "SELECT count(in_octets) FROM if_counters")
		return err == nil && n > 0
	})
	server.Kill()
	before := len(log.String())
	soon(func() bool { return strings.Contains(log.String()[before:], "points are kept") })
	time.Sleep(6 * time.Second)
	server.Restart()
	await(t, &log, "the server takes points again")
	ports := func() ([]influxtest.Series, error) {
		return server.Query(db, "SELECT elapsed(in_octets, 1ms) FROM if_counters GROUP BY agent, if_index")
	}
	elephants := func() (float64, error) {
		return server.Number(db, "SELECT count(seq) FROM alert_events WHERE kind = 'large_flow' AND change = 'start'")
	}
	// Ports are polled every 5 s: where a point is missing there are 10 between two.
	most := 9 * time.Second
	gap := func(row []any) bool {
		ms, _ := row[1].(json.Number).Int64()
		return time.Duration(ms)*time.Millisecond > most
	}
	soon(func() bool { // each port has four points, and what was kept has come too
		got, err := ports()
		n, nerr := elephants()
		return err == nil && nerr == nil && n > 0 && len(got) >= 20 &&
			!slices.ContainsFunc(got, func(s influxtest.Series) bool { return len(s.Values) < 3 || slices.ContainsFunc(s.Values, gap) })
	})
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d, want 0:\n%s", code, log.String())
	}
	most += <-timer // what the machine held up was sent later

	for _, class := range []string{"if_counters", "flow_samples", "data_source", "agent", "protocols", "top", "top_total", "alert_events", "alert_state", "alerts_open",
		"host_cpu", "host_memory", "ovs_dp_stats", "weir", "weir_sink", "weir_bound"} {
		if got, err := server.Query(db, fmt.Sprintf("SELECT * FROM %q WHERE site = 'default' LIMIT 1", class)); err != nil || len(got) == 0 {
			t.Errorf("%s has no points: %v", class, err)
		}
	}
	got, err := ports()
	if err != nil || len(got) < 20 {
		t.Errorf("%d ports: %v", len(got), err)
	}
	for _, s := range got {
		if len(s.Values) < 3 {
			t.Errorf("port %v has %d points", s.Tags, len(s.Values)+1)
		}
		for _, row := range s.Values {
			if gap(row) {
				t.Errorf("port %v has a gap of %v ms", s.Tags, row[1])
			}
		}
	}
	if n, err := elephants(); err != nil || n < 1 {
		t.Errorf("%v large flows began: %v", n, err)
	}
	if dropped, err := server.Number(db, "SELECT last(dropped) FROM weir_sink WHERE sink = 'influx'"); err != nil || dropped != 0 {
		t.Errorf("%v points were dropped: %v", dropped, err)
	}
}

func TestSchemaHasEveryField(t *testing.T) {
	var b bytes.Buffer
	if err := printSchema(&b); err != nil {
		t.Fatal(err)
	}
	for _, c := range series.Classes() {
		_, section, ok := strings.Cut(b.String(), "\n## "+c.Name+"\n")
		if !ok {
			t.Errorf("%s is missing", c.Name)
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		for i := range c.Fields {
			if !strings.Contains(section, fmt.Sprintf("| %s | %s |", c.Fields[i].Name, c.Fields[i].Unit)) {
				t.Errorf("%s: field %s is missing", c.Name, c.Fields[i].Name)
			}
		}
		for _, tag := range c.Tags {
			if !strings.Contains(section, tag) {
				t.Errorf("%s: tag %s is missing", c.Name, tag)
			}
		}
	}
}

func TestCheckPredictsSeries(t *testing.T) {
	name := file(t, "weir.yaml", "influx: {url: \"http://192.0.2.9:8086\", series: 1000}\nstate_dir: "+t.TempDir()+"\ntop: {keys: []}\n")
	var out, errs bytes.Buffer
	if code := execute(t.Context(), []string{"check", "--config", name}, streams{strings.NewReader(""), &out, &errs}); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	want := "a switch with 48 ports has 249 series, so that influx.series: 1,000 is for about 2 of them"
	if !strings.Contains(out.String(), want) || !strings.Contains(out.String(), "writes to bucket weir at http://192.0.2.9:8086; a bucket that is made keeps points for 30 days") {
		t.Errorf("want %q in\n%s", want, out.String())
	}
}

func TestInfluxFlagIsChecked(t *testing.T) {
	var errs bytes.Buffer
	code := execute(t.Context(), []string{"run", "--influx", "localhost"}, streams{strings.NewReader(""), io.Discard, &errs})
	if want := "--influx \"localhost\": no address of a server; write one such as http://127.0.0.1:8086"; code == 0 || !strings.Contains(errs.String(), want) {
		t.Errorf("exit code %d, %q; want %q", code, errs.String(), want)
	}
}
