package lab

import (
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// alert is the part of an alert line that is checked here.
type alert struct {
	ID, Kind, Change string
	Subject          struct {
		Src, Dst string
		DstPort  int `json:"dst_port"`
		Proto    json.RawMessage
	}
	Evidence struct {
		BitsPerSecond float64 `json:"bits_per_second"`
		Low, High     float64
		Samples       float64
		SamplingRate  float64 `json:"sampling_rate"`
		Agent         string
	}
}

// collector is a weir that runs in the lab.
type collector struct {
	*Process
	lab    *Lab
	binary string
	env    []string
}

// startCollector builds weir and runs it in the collector's namespace.
func startCollector(t *testing.T, l *Lab, args ...string) *collector {
	t.Helper()
	c := &collector{lab: l, binary: filepath.Join(l.dir, "weir"), env: []string{"XDG_STATE_HOME=" + t.TempDir()}}
	if out, err := exec.Command("go", "build", "-o", c.binary, "weir/cmd/weir").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	// Without a configuration its history is where it is started.
	c.Process = l.Start(l.Collector, c.env, append([]string{"env", "--chdir", t.TempDir(), c.binary, "run"}, args...)...)
	l.Eventually(15*time.Second, "a healthy collector", func() bool {
		if code, ended := c.Wait(0); ended {
			t.Fatalf("weir run ended with exit code %d", code)
		}
		_, err := c.command("healthcheck")
		return err == nil
	})
	return c
}

// command runs another command of weir in the collector's namespace.
func (c *collector) command(args ...string) (string, error) {
	cmd := exec.Command("ip", append([]string{"netns", "exec", c.lab.Collector, c.binary}, args...)...)
	cmd.Env = append(cmd.Environ(), c.env...)
	out, err := cmd.Output()
	return string(out), err
}

// alerts returns the alert changes so far for flows from one address to another.
func (c *collector) alerts(src, dst string) []alert {
	var all []alert
	for line := range strings.Lines(c.Stdout.String()) {
		var a alert
		if !strings.HasSuffix(line, "\n") {
			break // being written
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			c.lab.t.Fatalf("weir run printed %q: %v", line, err)
		}
		if a.Subject.Src == src && a.Subject.Dst == dst {
			all = append(all, a)
		}
	}
	return all
}

// TestCollectorSeesOpenVSwitch is the main job on real input: two nodes with an
// Open vSwitch each, a paced flow between them over UDP and then TCP. The
// collector must know the agents and their ports by name, and raise a large-flow
// alert whose rate is the one sent.
func TestCollectorSeesOpenVSwitch(t *testing.T) {
	l := New(t)
	c := startCollector(t, l, "--threshold", "30Mbit/s")
	one, two := l.Node("one"), l.Node("two")
	a, b := one.Instance("a"), two.Instance("b")
	one.SFlow("br0", 20, 1)
	two.SFlow("br0", 20, 1)

	checkAgents(t, c, one, two, a, b)

	// Octets of a whole frame with FCS for each octet of payload.
	const udpFrame, tcpFrame = 1446.0 / 1400, 1518.0 / 1448
	for _, f := range []struct {
		proto string
		from  *Instance
		to    *Instance
		frame float64
	}{{"udp", a, b, udpFrame}, {"tcp", b, a, tcpFrame}} {
		t.Run(f.proto, func(t *testing.T) {
			sent := f.from.IPerf(f.to, f.proto, 60e6, 8*time.Second)
			rate := func(octets uint64) float64 { return 8 * float64(octets) * f.frame / sent.Seconds }
			var got []alert
			l.Eventually(30*time.Second, "an alert that has ended", func() bool {
				got = c.alerts(f.from.Addr, f.to.Addr)
				return len(got) > 0 && ended(got)
			})
			checkLargeFlow(t, got, rate(sent.Arrived), rate(sent.Octets), one.Addr, two.Addr)
		})
	}
	c.Stop()
	if code, _ := c.Wait(0); code != 0 {
		t.Errorf("weir run ended with exit code %d after SIGTERM, want 0", code)
	}
}

// checkLargeFlow checks the alert changes of one flow against its true rate, which
// lies between what arrived and what was sent.
func checkLargeFlow(t *testing.T, got []alert, arrived, sent float64, agents ...string) {
	t.Helper()
	ids := map[string]bool{}
	for _, g := range got {
		ids[g.ID] = true
		if g.Kind != "large_flow" || g.Subject.DstPort != iperfPort {
			t.Errorf("alert %+v, want a large flow to port %d", g, iperfPort)
		}
		if !strings.Contains(strings.Join(agents, " "), g.Evidence.Agent) {
			t.Errorf("agent %q, want one of %v", g.Evidence.Agent, agents)
		}
	}
	if got[0].Change != "start" {
		t.Errorf("the first change is %q, want start", got[0].Change)
	}
	// The addresses are of a tenant network, which each node's bridge is its own
	// of as long as nothing proves that they are one.
	if len(ids) > 2 {
		t.Errorf("%d alerts for one flow", len(ids))
	}
	last := got[len(got)-1].Evidence
	if math.Abs(last.SamplingRate-20) > 1 {
		t.Errorf("sampling rate %v, want 20", last.SamplingRate)
	}
	// Five standard errors of the sample count, and 5 % for the flow's edges.
	tol := 5/math.Sqrt(last.Samples) + 0.05
	if last.BitsPerSecond < arrived*(1-tol) || last.BitsPerSecond > sent*(1+tol) {
		t.Errorf("estimated %.1f Mbit/s from %v samples, sent %.1f, arrived %.1f, each ± %.0f %%", last.BitsPerSecond/1e6, last.Samples, sent/1e6, arrived/1e6, 100*tol)
	}
	if last.Low > last.BitsPerSecond || last.High < last.BitsPerSecond {
		t.Errorf("the interval %.0f to %.0f does not hold the estimate %.0f", last.Low, last.High, last.BitsPerSecond)
	}
}

// ended reports whether the last change of every alert is its end.
func ended(got []alert) bool {
	last := map[string]string{}
	for _, g := range got {
		last[g.ID] = g.Change
	}
	for _, change := range last {
		if change != "end" {
			return false
		}
	}
	return true
}

// checkAgents waits until the running collector tells of the nodes and their
// ports by name, which takes one poll of the counters.
func checkAgents(t *testing.T, c *collector, one, two *Node, a, b *Instance) {
	t.Helper()
	var out string
	var missing []string
	defer func() {
		if t.Failed() {
			t.Logf("weir agents --json does not name %q:\n%s", missing, out)
		}
	}()
	c.lab.Eventually(10*time.Second, "all agents and ports named", func() bool {
		var err error
		if out, err = c.command("agents", "--json"); err != nil {
			t.Fatalf("weir agents: %v: %s", err, out)
		}
		missing = nil
		for _, want := range []string{one.Addr, two.Addr, a.Tap, b.Tap, "eth1", "br0"} {
			if !strings.Contains(out, fmt.Sprintf("%q", want)) {
				missing = append(missing, want)
			}
		}
		return len(missing) == 0
	})
}
