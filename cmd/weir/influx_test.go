package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var log output
	done := make(chan int)
	go func() {
		done <- execute(ctx, []string{"demo", "--influx", server.URL}, streams{strings.NewReader(""), io.Discard, &log})
	}()
	time.Sleep(6 * time.Second)
	server.Kill()
	time.Sleep(6 * time.Second)
	server.Restart()
	await(t, &log, "the server takes points again")
	time.Sleep(10 * time.Second)
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d, want 0:\n%s", code, log.String())
	}

	const db = "weir"
	for _, class := range []string{"if_counters", "flow_samples", "data_source", "agent", "protocols", "top", "top_total", "alert_events", "alert_state", "alerts_open",
		"host_cpu", "host_memory", "ovs_dp_stats", "weir", "weir_sink", "weir_bound"} {
		if got, err := server.Query(db, fmt.Sprintf("SELECT * FROM %q WHERE site = 'default' LIMIT 1", class)); err != nil || len(got) == 0 {
			t.Errorf("%s has no points: %v", class, err)
		}
	}
	// Ports are polled every 5 s: between two points there is no more.
	got, err := server.Query(db, "SELECT elapsed(in_octets, 1ms) FROM if_counters GROUP BY agent, if_index")
	if err != nil || len(got) < 20 {
		t.Errorf("%d ports: %v", len(got), err)
	}
	for _, s := range got {
		if len(s.Values) < 3 {
			t.Errorf("port %v has %d points", s.Tags, len(s.Values)+1)
		}
		for _, row := range s.Values {
			if ms, _ := row[1].(json.Number).Int64(); ms > 6000 {
				t.Errorf("port %v has a gap of %d ms", s.Tags, ms)
			}
		}
	}
	elephants, err := server.Number(db, "SELECT count(seq) FROM alert_events WHERE kind = 'large_flow' AND change = 'start'")
	if err != nil || elephants < 1 {
		t.Errorf("%v large flows began: %v", elephants, err)
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
