package pipeline_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"weir/bench/scoreboard/pipeline"
	"weir/bench/scoreboard/site"
	"weir/bench/traffic"
	"weir/collector"
	"weir/collector/config"
	"weir/collector/udp/capture"
	"weir/detect"
)

// TestPipelineIsTheCollectors gives the same datagrams to the collector's own
// replay, as a capture: it must start the same alerts at the same time, give or
// take what the replay waits for the next datagram where the live collector has
// a timer.
func TestPipelineIsTheCollectors(t *testing.T) {
	l := site.Links{
		Seed: 5, Count: 4, Speed: 10e9, Mice: 0.02, Share: 0.4, Flush: 20 * time.Millisecond,
		Duration: 3 * time.Second, Warm: 5 * time.Second, Spread: 2 * time.Second, TCP: true,
	}
	cfg, elephants := l.Network(0)

	got := map[string]time.Time{}
	p := pipeline.New(detect.DefaultConfig(), 1)
	p.OnAlert = func(a *detect.Alert) {
		if a.Change == detect.Start {
			got[a.ID] = a.At
		}
	}
	p.Run(traffic.New(cfg))

	file := filepath.Join(t.TempDir(), "site.pcap")
	record(t, traffic.New(cfg), file)
	var alerts bytes.Buffer
	err := collector.Replay(context.Background(), config.Default(), []string{file}, collector.IO{
		Alerts: &alerts, AlertsJSON: true, Log: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]time.Time{}
	for s := bufio.NewScanner(&alerts); s.Scan(); {
		var a struct {
			ID, Change string
			At         time.Time
		}
		if err := json.Unmarshal(s.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		if a.Change == "start" {
			want[a.ID] = a.At
		}
	}
	if len(want) < len(elephants) {
		t.Fatalf("the replay started %d alerts for %d large flows", len(want), len(elephants))
	}
	if diff := cmp.Diff(ids(want), ids(got)); diff != "" {
		t.Errorf("alerts (-replay +pipeline):\n%s", diff)
	}
	for id, at := range want {
		if d := got[id].Sub(at).Abs(); d > 20*time.Millisecond {
			t.Errorf("alert %s started %v apart", id, d)
		}
	}
}

var collectorAddr = netip.MustParseAddrPort("192.0.2.1:6343")

func ids(m map[string]time.Time) []string {
	var all []string
	for id := range m {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

func record(t *testing.T, n *traffic.Network, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := capture.NewWriter(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		d, ok := n.Next()
		if !ok {
			break
		}
		if err := w.Write(capture.Datagram{At: d.At, From: d.From, To: collectorAddr, Payload: d.Payload}); err != nil {
			t.Fatal(err)
		}
	}
}
