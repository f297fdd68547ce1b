package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/cmd/internal/commandline"
	"weir/collector/agents"
	"weir/collector/web"
	"weir/decoder/sflow"
	"weir/detect"
)

// running stands for a collector.
type running struct {
	status web.Status
	agents []*agents.AgentInfo
	tops   []detect.Top
	asked  web.TopQuery
}

func (r *running) Status() web.Status          { return r.status }
func (r *running) Agents() []*agents.AgentInfo { return r.agents }
func (r *running) Top(q web.TopQuery) ([]detect.Top, error) {
	if q.Key == "none" {
		return nil, errors.New("key none: is not counted")
	}
	r.asked = q
	return r.tops, nil
}

// serve serves r's control socket and returns the configuration to ask it by.
func serve(t *testing.T, r web.Source) string {
	t.Helper()
	dir := t.TempDir()
	c, err := web.ListenControl(dir, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	go c.Serve()
	t.Cleanup(func() { c.Close(t.Context()) })
	return file(t, "weir.yaml", fmt.Sprintf("state_dir: %q\n", dir))
}

func TestStatusPrintsAlignedLines(t *testing.T) {
	at := time.Unix(100000, 0)
	conf := serve(t, &running{status: web.Status{
		Version: "1.2.3", PID: 42, At: at, Started: at.Add(-90 * time.Minute), Listen: []string{"[::]:6343", "192.0.2.1:6343"},
		Components: []web.Component{{Name: "udp", Ready: true, Detail: "receive buffer is 208 KiB"}, {Name: "http", Ready: true}, {Name: "store", Detail: "disk full"}},
		Datagrams:  1234567, DatagramsPerSecond: 81.25,
		Samples:        []web.Count{{Key: "0:1", Name: "flow_sample", Count: 4000}, {Key: "0:2", Name: "counter_sample", Count: 999}},
		SkippedRecords: []web.Count{{Key: "flow 0:1012", Name: "extended_mpls_vc", Count: 2}},
		Errors:         []web.Count{{Key: "truncated", Count: 3}},
		SocketDropped:  5, LostDatagrams: 12, LossPercent: 0.001, LostSamples: 1000,
		Refused: []web.Count{{Key: "not allowed", Count: 8}}, Agents: 2, Admitted: 3,
		Orphans:    []web.Count{{Key: "a", Name: "cn1\x1b[2J", Count: 1591}, {Key: "192.0.2.8", Count: 6}, {Key: "c", Name: "cn3", Count: 5}, {Key: "d", Name: "cn4", Count: 4}, {Key: "e", Name: "cn5", Count: 3}, {Key: "f", Name: "cn6", Count: 2}, {Count: 10}},
		AlertsOpen: []web.Count{{Key: "large_flow", Count: 2}},
		Sinks:      []web.SinkCount{{Name: "logline", Queued: 1, Limit: 4096, Sent: 11}},
		Bounds:     []web.Bound{{Name: "agents", Used: 2, Limit: 16384}, {Name: "interfaces", Used: 100, Limit: 1048576, Refused: 7}},
	}})
	code, out, stderr := weir(t, "status", "--config", conf)
	want := `weir       1.2.3, process id 42, up 1h30m0s
listening  [::]:6343, 192.0.2.1:6343
udp        ready: receive buffer is 208 KiB
store      NOT READY: disk full
datagrams  1,234,567, 81.2/s
samples    4,000 flow_sample (0:1)
           999 counter_sample (0:2)
skipped    2 records: extended_mpls_vc (flow 0:1012)
errors     3 truncated
dropped    5 by the kernel, 0 cut
lost       12 datagrams (0.001 %), 1,000 samples, by sequence
agents     2, 3 admitted since the start
refused    8 datagrams: not allowed
orphans    1,591 on cn1?[2J
           6 on 192.0.2.8
           5 on cn3
           4 on cn4
           3 on cn5
           12 on further nodes; --json names them
alerts     2 open
sinks      logline: 11 sent, 0 failed, 0 dropped, 1 waiting of 4,096
bounds     agents: 2 of 16,384, 0 refused
           interfaces: 100 of 1,048,576, 7 refused
`
	if diff := cmp.Diff(want, out); diff != "" || code != 0 || stderr != "" {
		t.Errorf("code %d, errors %q (-want +got)\n%s", code, stderr, diff)
	}
	var s web.Status
	code, out, _ = weir(t, "status", "--json", "--config", conf)
	if err := json.Unmarshal([]byte(out), &s); err != nil || code != 0 || s.Datagrams != 1234567 {
		t.Errorf("--json: code %d, %v, %d datagrams", code, err, s.Datagrams)
	}
}

func TestAgentsPrintsATable(t *testing.T) {
	now := time.Now()
	full := &agents.AgentInfo{
		Agent: netip.MustParseAddr("192.0.2.1"), Source: netip.MustParseAddr("10.0.0.1"), Name: "leaf\x1b[2J1", LastHeard: now.Add(-95 * time.Second),
		Contested: true,
		SubAgents: []agents.SubAgentInfo{{Datagrams: agents.SequenceInfo{Received: 90, Lost: 10}}, {Datagrams: agents.SequenceInfo{Received: 100}}},
		Sources: []agents.SourceInfo{
			{Source: sflow.DataSource{Index: 3}, SamplingRate: 1000, EffectiveRate: 1002.4}, {SamplingRate: 4000, EffectiveRate: 8000}, {},
		},
		Interfaces: make([]agents.InterfaceInfo, 48),
		Hosts:      make([]agents.HostInfo, 1),
	}
	quiet := &agents.AgentInfo{Agent: netip.MustParseAddr("2001:db8::1"), Source: netip.MustParseAddr("2001:db8::1")}
	conf := serve(t, &running{agents: []*agents.AgentInfo{full, quiet}})
	code, out, stderr := weir(t, "agents", "--config", conf)
	want := `AGENT        SOURCE       NAME       SUB  IF  HEARD  LOSS     RATE         EFFECTIVE
192.0.2.1*   10.0.0.1     leaf?[2J1  2    48  1m35s  5.0 %    1:1000–4000  1:1002–8000
2001:db8::1  2001:db8::1  -          0    0   never  0.000 %  -            -
`
	out = regexp.MustCompile(`1m(3[6-9]|[45]\d)s`).ReplaceAllString(out, "1m35s") // on a busy machine a second later
	if diff := cmp.Diff(want, out); diff != "" || code != 0 || stderr != "" {
		t.Errorf("code %d, errors %q (-want +got)\n%s", code, stderr, diff)
	}
	var all []struct {
		Interfaces []struct{} `json:"interfaces"`
	}
	code, out, _ = weir(t, "agents", "--json", "--config", conf)
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != 0 || len(all) != 2 || len(all[0].Interfaces) != 48 {
		t.Errorf("--json: code %d, %v", code, err)
	}
}

func TestAgentsSaysWhenThereIsNone(t *testing.T) {
	if code, out, _ := weir(t, "agents", "--config", serve(t, &running{})); code != 0 || out != "no agent was heard yet\n" {
		t.Errorf("code %d, output %q", code, out)
	}
}

func TestStatusExplainsThatNothingRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	conf := file(t, "weir.yaml", fmt.Sprintf("state_dir: %q\n", dir))
	for _, name := range []string{"status", "agents"} {
		code, _, stderr := weir(t, name, "--config", conf)
		want := "weir: no weir runs with state_dir " + dir + "; start it with `weir run`, or name its configuration with --config FILE\n"
		if code != 1 || stderr != want {
			t.Errorf("%s: code %d, errors %q", name, code, stderr)
		}
	}
}

func TestHealthcheck(t *testing.T) {
	r := &running{status: web.Status{Components: []web.Component{{Name: "udp", Ready: true}, {Name: "store", Detail: "disk full"}}}}
	s, err := web.Listen(netip.MustParseAddrPort("127.0.0.1:0"), r, web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve()
	conf := file(t, "weir.yaml", fmt.Sprintf("http: %q\n", s.Addr()))
	code, _, stderr := weir(t, "healthcheck", "--config", conf)
	if want := fmt.Sprintf("weir: %v is not ready: store: disk full\n", s.Addr()); code != 1 || stderr != want {
		t.Errorf("not ready: code %d, errors %q", code, stderr)
	}
	r.status.Components[1].Ready = true
	code, out, _ := weir(t, "healthcheck", "--config", conf)
	if want := fmt.Sprintf("%v is ready\n", s.Addr()); code != 0 || out != want {
		t.Errorf("ready: code %d, output %q", code, out)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	code, _, stderr = weir(t, "healthcheck", "--config", conf)
	if code != 1 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, s.Addr().String()+" does not answer: ") {
		t.Errorf("down: code %d, errors %q", code, stderr)
	}
	code, _, stderr = weir(t, "healthcheck", "--config", file(t, "off.yaml", "http: ''\n"))
	if code != 1 || stderr != "weir: http is off in the configuration; set http to an address such as 127.0.0.1:8343\n" {
		t.Errorf("off: code %d, errors %q", code, stderr)
	}
}

func TestStatusShowsTheMostFrequentFormats(t *testing.T) {
	st := web.Status{Samples: []web.Count{{Key: "0:1", Name: "flow_sample", Count: 4000}}}
	for i := range uint64(300) {
		st.Samples = append(st.Samples, web.Count{Key: fmt.Sprintf("77:%d", i), Count: 1 + i/299*8})
	}
	_, out, _ := weir(t, "status", "--config", serve(t, &running{status: st}))
	_, out, _ = strings.Cut(out, "samples ")
	out, _, _ = strings.Cut(out, "dropped")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != maxFormats+1 || !strings.Contains(lines[0], "4,000 flow_sample (0:1)") ||
		!strings.Contains(lines[maxFormats-1], "9 unknown (77:299)") ||
		!strings.HasSuffix(lines[maxFormats], "285 in 285 further formats; --json names them") {
		t.Errorf("got\n%s", out)
	}
}

// A secret that only the collector's own environment has keeps nobody from asking it.
func TestAskingNeedsNoSecret(t *testing.T) {
	dir := t.TempDir()
	conf := file(t, "weir.yaml", fmt.Sprintf("state_dir: %q\nalerts: {sinks: [{type: pagerduty, key: '${WEIR_TEST_UNSET}'}, {type: slack, url: 'file:/nowhere/url'}]}\ninflux: {url: 'http://127.0.0.1:1', token: 'file:/nowhere/token'}\n", dir))
	for _, args := range [][]string{{"status"}, {"agents"}, {"incident", "list"}, {"window", "list"}} {
		want := "weir: no weir runs with state_dir " + dir + "; start it with `weir run`, or name its configuration with --config FILE\n"
		if code, _, stderr := weir(t, append(args, "--config", conf)...); code != 1 || stderr != want {
			t.Errorf("%v: code %d, %s", args, code, stderr)
		}
	}
	for _, args := range [][]string{{"check"}, {"alert", "test"}, {"run"}} {
		if code, _, stderr := weir(t, append(args, "--config", conf)...); code != commandline.ExitConfig || strings.Count(stderr, "\n") != 3 || !strings.Contains(stderr, "variable WEIR_TEST_UNSET of the environment is not set") {
			t.Errorf("%v: code %d, %s", args, code, stderr)
		}
	}
	bad := file(t, "bad.yaml", fmt.Sprintf("state_dir: %q\nshards: many\nagent_key: 'file:/nowhere/key'\n", dir))
	if code, _, stderr := weir(t, "status", "--config", bad); code != commandline.ExitConfig || !strings.Contains(stderr, "shards") {
		t.Errorf("a mistake in the file: code %d, %s", code, stderr)
	}
}
