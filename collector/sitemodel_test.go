package collector

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
	"weir/decoder/witness"
)

// guestMAC is the address of an instance of a node.
func guestMAC(node, i int) net.HardwareAddr {
	return net.HardwareAddr{0xfa, 0x16, 0x3e, 0, byte(node), byte(i)}
}

// guestNode is a host agent with two instances.
type guestNode struct {
	r       *running
	conn    net.Conn
	number  int
	started time.Time
	seq     sflow.Seq
}

func (h *guestNode) beat(all bool) {
	h.seq++
	var b sflow.Builder
	b.Reset(nil, &sflow.Datagram{Agent: netip.AddrFrom4([4]byte{192, 0, 2, byte(h.number)}), SubAgent: 1, Sequence: h.seq, Uptime: uint32(time.Since(h.started).Milliseconds())})
	say := func(class, entity string, pairs ...witness.Pair) {
		var st witness.Statement
		st.Begin(class, entity)
		st.Add(pairs...)
		b.Sample(st.Metric())
	}
	text := witness.String
	say(witness.ClassHeartbeat, fmt.Sprintf("cn%d", h.number), witness.Counter64(witness.Sequence, uint64(h.seq)), text(witness.BootID, "b"), witness.Counter64(witness.Started, uint64(h.started.Unix())))
	for i := range 2 {
		if !all {
			break
		}
		tap := fmt.Sprintf("tap%d-%d", h.number, i)
		say(witness.ClassLink, tap, witness.Gauge32(witness.IfIndex, uint32(10+i)), text(witness.Kind, "tap"), text(witness.Admin, "up"), text(witness.Oper, "up"))
		say(witness.ClassInstance, fmt.Sprintf("00000000-0000-4000-8000-0000000000%d%d", h.number, i), text(witness.NovaName, fmt.Sprintf("web-%d-%d", h.number, i)),
			text(witness.ProjectName, "acme"), text(witness.State, "running"), text(witness.Taps, tap+"="+guestMAC(h.number, i).String()))
	}
	h.r.send(h.conn, b.Bytes())
}

// traffic is a datagram of a switch that sees what the instances of nodes send.
func (e *exporter) traffic(nodes []int) []byte {
	b := e.begin()
	for _, n := range nodes {
		for i := range 2 {
			e.samples++
			e.pool += oneIn
			e.flowSamples++
			h := sflowtest.Header()
			copy(h[6:], guestMAC(n, i))
			h[47] = 0x10
			b.FlowSample(&sflow.FlowSample{
				Sequence: e.samples, Source: sflow.DataSource{Index: ifIndex}, SamplingRate: oneIn, SamplePool: e.pool,
				Input: sflow.Port{Value: uint32(20 + n)}, Output: sflow.Port{Value: 10},
			}, false, &sflow.SampledHeader{Protocol: 1, FrameLength: frame, Stripped: 4, Header: h})
		}
	}
	return e.end(b)
}

// TestModelOutlivesARestart: a node that falls silent seconds after the collector was
// restarted is told to be down, with its instances, though neither it nor its switch
// has said what it has since.
func TestModelOutlivesARestart(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	e := newExporter("192.0.2.99")
	hosts := []*guestNode{{number: 1, started: time.Now().Add(-time.Hour)}, {number: 2, started: time.Now().Add(-time.Hour)}}
	play := func(r *running, d time.Duration, all bool, alive ...int) {
		conn := r.dial("127.0.3.9")
		for _, h := range hosts {
			h.r, h.conn = r, r.dial(fmt.Sprintf("127.0.3.%d", h.number))
		}
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			for _, h := range hosts {
				if slices.Contains(alive, h.number) {
					h.beat(all)
				}
			}
			r.send(conn, e.traffic(alive))
			r.send(conn, e.counted("uplink"))
		}
	}
	r := start(t, cfg)
	play(r, 12*time.Second, true, 1, 2)
	if got := r.alerts.with(`"node_down"`); len(got) > 0 {
		t.Fatalf("told before: %s", got)
	}
	r.stop()

	r = start(t, cfg)
	play(r, 3*time.Second, false, 1, 2)
	for _, kind := range []string{"node_down", "telemetry_silent", "bridge_down", "instance_unreachable", "interface_down"} {
		if got := r.alerts.with(`"` + kind + `"`); len(got) > 0 {
			t.Errorf("the restart told %s", got)
		}
	}
	died := time.Now()
	for time.Since(died) < time.Minute && len(r.alerts.with(`"node_down"`)) == 0 {
		play(r, time.Second, false, 2)
	}
	told := r.alerts.with(`"node_down"`)
	if len(told) == 0 {
		t.Fatalf("not told: %s", r.alerts.all())
	}
	var a struct {
		Severity string
		Subject  struct{ Node string }
		Evidence struct {
			Children []struct {
				Subject struct{ Name, Project string }
			}
		}
	}
	if err := json.Unmarshal([]byte(told[0]), &a); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range a.Evidence.Children {
		names = append(names, c.Subject.Name+" of "+c.Subject.Project)
	}
	if want := []string{"web-1-0 of acme", "web-1-1 of acme"}; a.Severity != "critical" || a.Subject.Node != "cn1" || !slices.Equal(names, want) {
		t.Errorf("%s, %v; want %v\n%s", time.Since(died), names, want, told[0])
	}
}
