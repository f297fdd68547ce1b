package collector

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/collector/agents"
	"weir/collector/web"
	"weir/detect"
)

// alert is one line of the alerts.
type alert struct {
	At, Key, ID, Change, Kind, State, Severity, Reason string

	Seq     int
	Subject struct {
		Src, Dst, Domain string
		SrcPort          int `json:"src_port"`
		DstPort          int `json:"dst_port"`
		Proto            int
	}
	Evidence struct {
		BitsPerSecond float64 `json:"bits_per_second"`
		Low, High     float64
		Life          float64 `json:"life_bits_per_second"`
		LifeLow       float64 `json:"life_low"`
		LifeHigh      float64 `json:"life_high"`
		LifeSeconds   float64 `json:"life_seconds"`
		Samples       int
		SamplingRate  float64 `json:"sampling_rate"`
		Agent         string
		Input, Output any
		InputName     string `json:"input_name"`
		OutputName    string `json:"output_name"`
	}
}

// parseAlerts reads alert lines, each with every field of the contract.
func parseAlerts(t *testing.T, all []string) (out []alert) {
	t.Helper()
	for _, l := range all {
		var a alert
		if err := json.Unmarshal([]byte(l), &a); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		out = append(out, a)
		var o map[string]any
		if err := json.Unmarshal([]byte(l), &o); err != nil {
			t.Fatal(err)
		}
		for _, group := range []struct {
			name string
			keys []string
		}{
			{"", []string{"at", "key", "id", "seq", "change", "kind", "state", "severity", "subject", "evidence"}},
			{"subject", []string{"src", "dst", "src_port", "dst_port", "proto", "domain"}},
			{"evidence", []string{"bits_per_second", "low", "high", "samples", "sampling_rate", "agent", "input", "output"}},
		} {
			m := o
			if group.name != "" {
				m = o[group.name].(map[string]any)
			}
			for _, k := range group.keys {
				if _, ok := m[k]; !ok {
					t.Errorf("no %s %s in %s", group.name, k, l)
				}
			}
		}
	}
	return out
}

func TestRunRaisesALargeFlowAlert(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig(t))
	one, two := newExporter("192.0.2.11"), newExporter("192.0.2.12")
	c1, c2 := r.dial("127.0.0.11"), r.dial("127.0.0.12")
	r.send(c1, one.counted("swp9"))
	r.send(c2, two.counted("Ethernet9"))
	r.send(c2, two.flows(1, 2, 3))
	// Counters of the next second give rates, and the name is known by then.
	r.stream(one, c1, func() bool { return r.saw("update") })
	r.send(c1, one.counted("swp9"))
	r.eventually("the end of the alert", func() bool { return r.saw("end") })

	all := parseAlerts(t, r.alerts.with(`"large_flow"`))
	truth := bitsPerSecond(10 * time.Millisecond)
	for i, a := range all {
		if a.ID != all[0].ID || a.Seq != i+1 || a.Kind != "large_flow" || a.Reason != "" ||
			a.Subject.Src != "192.0.2.1" || a.Subject.Dst != "198.51.100.2" || a.Subject.SrcPort != 40000 || a.Subject.DstPort != 443 ||
			a.Subject.Proto != 6 || a.Subject.Domain != "underlay" ||
			a.Evidence.Agent != "192.0.2.11" || a.Evidence.SamplingRate != oneIn || a.Evidence.Input != 9.0 || a.Evidence.Output != 10.0 || a.Evidence.InputName != "swp9" {
			t.Errorf("change %d: %+v", i, a)
		}
		if at, err := time.Parse("2006-01-02T15:04:05.000000000Z", a.At); err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("time %s: %v", a.At, err)
		}
	}
	if all[0].Change != "start" || all[len(all)-1].Change != "end" || all[len(all)-1].State != "resolved" {
		t.Errorf("%+v, want start, updates, end", all)
	}
	if e := all[len(all)-1].Evidence; e.Low > truth || e.High < truth {
		t.Errorf("%.0f bit/s, 95 %% between %.0f and %.0f; sent %.0f", e.BitsPerSecond, e.Low, e.High, truth)
	}

	var s web.Status
	r.eventually("all lines counted", func() bool { // just after they are written
		s = r.status()
		return s.Sinks[0].Sent == uint64(len(r.alerts.all()))
	})
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"datagrams", s.Datagrams, one.datagrams + two.datagrams},
		{"octets", s.Octets, one.octets + two.octets},
		{"flow samples", count(s.Samples, "0:1"), one.flowSamples + two.flowSamples},
		{"counter samples", count(s.Samples, "0:2"), one.counterSamples + two.counterSamples},
		{"agents", uint64(s.Agents), 2},
		{"errors", uint64(len(s.Errors)), 0},
		{"lost", s.LostDatagrams + s.LostSamples + s.SocketDropped, 0},
		{"open alerts", count(s.AlertsOpen, "large_flow"), 0},
	} {
		if c.got != c.want {
			t.Errorf("status: %s %d, want %d", c.name, c.got, c.want)
		}
	}
	if !s.Ready() || s.Version != "test" || s.Listen[0] != r.sflow {
		t.Errorf("status: %+v", s)
	}
	infos := r.agents()
	if len(infos) != 2 {
		t.Fatalf("%d agents, want 2", len(infos))
	}
	if a := infos[0]; a.Agent != one.agent || a.Source.String() != "127.0.0.11" || a.Sources[0].UsedRate != oneIn ||
		len(a.Interfaces) == 0 || a.Interfaces[0].Name != "swp9" || a.Interfaces[0].Speed != 10e9 || !a.Interfaces[0].OperUp {
		t.Errorf("agent %+v", a)
	}
}

func TestBadSendersAreNamedOnceAndCounted(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig(t))
	netflow, old, bad := r.dial("127.0.0.21"), r.dial("127.0.0.22"), r.dial("127.0.0.23")
	e := newExporter("192.0.2.23")
	const rounds = 25
	for range rounds { // for two and a half seconds: the log looks once a second
		r.send(netflow, netflow5())
		r.send(old, sflow4())
		r.send(bad, e.damaged())
		time.Sleep(100 * time.Millisecond)
	}
	r.eventually("all counted", func() bool {
		s := r.status()
		return count(s.Errors, "netflow_v5") == rounds && count(s.Errors, "sflow_v4") == rounds && count(s.Errors, "truncated") == rounds
	})
	for text, from := range map[string]string{
		`"kind":"netflow_v5"`: "127.0.0.21", `"kind":"sflow_v4"`: "127.0.0.22", `"message":"damaged datagrams"`: "127.0.0.23",
	} {
		r.eventually("a line with "+text, func() bool { return len(r.log.with(text)) > 0 })
		if got := r.log.with(text); len(got) != 1 || !strings.Contains(got[0], `"from":"`+from+":") {
			t.Errorf("%d lines with %s, want one about %s: %q", len(got), text, from, got)
		}
	}
	if n := len(r.agents()); n != 1 { // the head of a damaged datagram is good
		t.Errorf("%d agents, want 1", n)
	}
}

// An agent that restarts, or a translator that rebinds, speaks from another
// port: nothing is lost by it, and there is no second agent.
func TestAnotherSourcePortIsTheSameAgent(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig(t))
	e := newExporter("192.0.2.31")
	e.sequence, e.samples, e.uptime = 5000, 9000, 3_600_000
	port := uint16(0)
	say := func() {
		c := r.dial("127.0.0.31")
		for range 20 {
			r.send(c, e.flows(port, port+1))
			port += 2
			time.Sleep(time.Millisecond)
		}
	}
	say()
	say() // rebound
	e.sequence, e.samples, e.pool, e.uptime = 0, 0, 0, 0
	say() // restarted
	r.eventually("all datagrams", func() bool { return r.status().Datagrams == 60 })
	var all []*agents.AgentInfo
	r.eventually("the agent", func() bool {
		all = r.agents()
		return len(all) > 0 && all[0].Datagrams == 60
	})
	if len(all) != 1 || all[0].Contested || len(all[0].SubAgents) != 1 || len(all[0].Sources) != 1 {
		t.Fatalf("agents %+v, want one", all)
	}
	if a := all[0]; a.SubAgents[0].Restarts != 1 || a.SubAgents[0].Datagrams.Lost != 0 || a.Sources[0].Flows.Lost != 0 || a.SubAgents[0].Datagrams.Received != 60 {
		t.Errorf("agent %+v", a)
	}
	if s := r.status(); s.LostDatagrams+s.LostSamples != 0 {
		t.Errorf("lost %d datagrams, %d samples", s.LostDatagrams, s.LostSamples)
	}
	if a := r.told(); len(a) != 0 {
		t.Errorf("alerts: %s", a)
	}
}

func TestReloadChangesTheThreshold(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.LargeFlow.Threshold = detect.Threshold{BitsPerSecond: 100e9}
	r := start(t, cfg)
	e, c := newExporter("192.0.2.41"), r.dial("127.0.0.41")
	n := 0
	r.stream(e, c, func() bool { n++; return n > 50 })
	if a := r.told(); len(a) != 0 {
		t.Fatalf("alerts below the threshold: %s", a)
	}
	cfg.LargeFlow.Threshold = detect.Threshold{BitsPerSecond: 100e6}
	cfg.Shards = 1
	r.reload <- cfg
	r.stream(e, c, func() bool { return r.saw("start") })
	got := strings.Join(r.log.with("configuration"), "")
	if !strings.Contains(got, `"applied":["large_flow.threshold"]`) || !strings.Contains(got, `"need_restart":["shards"]`) {
		t.Errorf("log: %s", got)
	}
}

func TestCancelDrains(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig(t))
	e, c := newExporter("192.0.2.51"), r.dial("127.0.0.51")
	r.stream(e, c, func() bool { return r.saw("start") })
	for range 100 { // into the socket's buffer, without a pause
		r.send(c, e.flows(40000))
	}
	r.stop()
	all := parseAlerts(t, r.told())
	last := all[len(all)-1]
	if last.Change != "end" || last.Reason != detect.ReasonShutdown || last.State != "resolved" || last.ID != all[0].ID {
		t.Errorf("last change %+v, want the end by shutdown", last)
	}
	if s := r.app.Status(); s.Datagrams != e.datagrams || count(s.Samples, "0:1") != e.flowSamples {
		t.Errorf("%d datagrams and %d samples counted, sent %d and %d", s.Datagrams, count(s.Samples, "0:1"), e.datagrams, e.flowSamples)
	}
	if err := web.Ask(t.Context(), r.cfg.StateDir, "status", new(web.Status)); err == nil {
		t.Error("the control socket answers after the end")
	}
}

// Senders do not stop because the collector wants to: what arrives meanwhile
// does not hold it up.
func TestCancelEndsUnderFlood(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig(t))
	e, c := newExporter("192.0.2.61"), r.dial("127.0.0.61")
	stop := make(chan struct{})
	var flood sync.WaitGroup
	flood.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				c.Write(e.flows(1, 2, 3)) // refused once nobody listens
			}
		}
	})
	r.eventually("a flood", func() bool { return r.status().Datagrams > 1000 })
	begin := time.Now()
	r.stop()
	if took := time.Since(begin); took > 15*drainTime { // else until the flood ends
		t.Errorf("stopped after %v", took)
	}
	close(stop)
	flood.Wait()
}
