package cloud

import (
	"net/netip"
	"testing"
	"time"

	"weir/detect"
	"weir/detect/site"
)

// told counts changes of alerts of a kind about a node.
func told(c *Cloud, kind detect.Kind, change detect.Change) (n int) {
	for _, a := range c.Alerts {
		if a.Kind == kind && a.Change == change {
			n++
		}
	}
	return n
}

// TestForgerCannotResolve: where agents sign, neither unsigned heartbeats nor old
// ones sent again hide that an agent was killed, or end the alert about it; the
// agent itself does. Without a key they do.
func TestForgerCannotResolve(t *testing.T) {
	for _, c := range []struct {
		name  string
		key   string
		forge func(n *Node)
		hides bool
	}{
		{"unsigned, with a key", "0123456789abcdef", func(n *Node) { n.Forge(n.addr) }, false},
		{"sent again, with a key", "0123456789abcdef", (*Node).Replay, false},
		{"unsigned, without a key", "", func(n *Node) { n.Forge(n.addr) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := New(Config{Seed: 1, Nodes: 4, Instances: 1, Agent: true, OVS: true, OVSPoll: 2 * time.Second, Rate: 4, LeafRate: 2, OwnRate: 3, Key: []byte(c.key)})
			x.Run(60 * time.Second)
			if len(x.Alerts) > 0 {
				t.Fatal(x.Alerts[0].Line())
			}
			n := x.Nodes[0]
			n.Kill()
			c.forge(n)
			x.Run(40 * time.Second)
			if got := told(x, site.TelemetrySilent, detect.Start) == 0; got != c.hides {
				t.Errorf("hidden: %v, want %v: %d alerts", got, c.hides, len(x.Alerts))
			}
			if n := told(x, site.TelemetrySilent, detect.End); n > 0 {
				t.Errorf("%d ends by a forger", n)
			}
			if c.hides {
				return
			}
			n.StartAgent("restart", "1.0")
			x.Run(20 * time.Second)
			if told(x, site.TelemetrySilent, detect.End) == 0 {
				t.Error("the agent is back, and the alert goes on")
			}
		})
	}
}

// TestForgedStatementsAreTold: unsigned statements in the name of an agent
// that signs are told.
func TestForgedStatementsAreTold(t *testing.T) {
	x := New(Config{Seed: 1, Nodes: 2, Agent: true, Key: []byte("0123456789abcdef")})
	x.Run(30 * time.Second)
	x.Nodes[1].Forge(netip.MustParseAddr("192.0.2.66"))
	x.Run(10 * time.Second)
	if told(x, site.TelemetryTampered, detect.Start) == 0 {
		t.Errorf("nothing is told: %d alerts", len(x.Alerts))
	}
}

// TestEqualSeedsAreEqualClouds: what is told depends on the seed alone.
func TestEqualSeedsAreEqualClouds(t *testing.T) {
	run := func() (lines []string) {
		x := New(Config{Seed: 7, Nodes: 3, Instances: 3, Agent: true, OVS: true, Rate: 4, LeafRate: 1, OwnRate: 1, Loss: 0.02, Burst: 3})
		x.Run(60 * time.Second)
		x.Nodes[0].Down()
		x.Run(30 * time.Second)
		for _, a := range x.Alerts {
			lines = append(lines, a.At.String()+a.ID+a.Line())
		}
		return lines
	}
	a, b := run(), run()
	if len(a) == 0 || len(a) != len(b) {
		t.Fatalf("%d alerts, then %d", len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			t.Errorf("%s, then %s", a[i], b[i])
		}
	}
}

// TestLossesComeAsAsked: the share and the runs of what is lost.
func TestLossesComeAsAsked(t *testing.T) {
	for _, burst := range []float64{0, 3} {
		x := New(Config{Seed: 3, Loss: 0.05, Burst: burst})
		var p path
		lost, runs, was := 0, 0, false
		const n = 200000
		for range n {
			is := p.loses(x)
			if is {
				lost++
				if !was {
					runs++
				}
			}
			was = is
		}
		if share := float64(lost) / n; share < 0.045 || share > 0.055 {
			t.Errorf("%.3f lost, want 0.05", share)
		}
		if mean, want := float64(lost)/float64(runs), max(burst, 1/0.95); mean < 0.9*want || mean > 1.1*want {
			t.Errorf("runs of %.2f, want %.2f", mean, want)
		}
	}
}
