package collector

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/collector/config"
	"weir/collector/web"
	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/rules"
)

// hypervisor makes the datagrams of a node with instances.
type hypervisor struct {
	agent    string
	sequence sflow.Seq
	uptime   uint32 // ms
	samples  sflow.Seq
	pool     uint32
}

func instanceUUID(i int) string { return fmt.Sprintf("dead0300-0000-4000-8000-%012d", i) }

func (h *hypervisor) datagram(fill func(b *sflow.Builder)) []byte {
	var b sflow.Builder
	h.sequence++
	h.uptime += 100
	b.Reset(nil, &sflow.Datagram{Agent: netip.MustParseAddr(h.agent), SubAgent: 1, Sequence: h.sequence, Uptime: 1000 + h.uptime})
	fill(&b)
	return b.Bytes()
}

// says tells of instances, by the ifIndex of their port.
func (h *hypervisor) says(instances map[uint32]int) []byte {
	return h.datagram(func(b *sflow.Builder) {
		say := func(class, entity string, pairs ...witness.Pair) {
			var st witness.Statement
			st.Begin(class, entity)
			st.Add(pairs...)
			b.Sample(st.Metric())
		}
		text := witness.String
		say(witness.ClassHeartbeat, h.agent, witness.Counter64(witness.Sequence, uint64(h.sequence)), text(witness.BootID, "b"))
		for index, i := range instances {
			tap := fmt.Sprintf("tap%d", i)
			say(witness.ClassLink, tap, witness.Gauge32(witness.IfIndex, index), text(witness.Kind, "tap"), text(witness.Admin, "up"), text(witness.Oper, "up"))
			say(witness.ClassInstance, instanceUUID(i), text(witness.NovaName, fmt.Sprintf("web-%d", i)), text(witness.State, "running"),
				text(witness.Taps, fmt.Sprintf("%s=fa:16:3e:00:00:%02x", tap, i)))
		}
	})
}

// samples are n samples of packets from one port to another.
func (h *hypervisor) flows(n int, input, output uint32) []byte {
	return h.datagram(func(b *sflow.Builder) {
		for range n {
			h.samples++
			h.pool += oneIn
			b.FlowSample(&sflow.FlowSample{
				Sequence: h.samples, Source: sflow.DataSource{Index: input}, SamplingRate: oneIn, SamplePool: h.pool,
				Input: sflow.Port{Value: input}, Output: sflow.Port{Value: output},
			}, false, &sflow.SampledHeader{Protocol: 1, FrameLength: frame, Stripped: 4, Header: sflowtest.Header()})
		}
	})
}

// TestTopNamesInstances: a running collector counts by instance once somebody says
// where they are, shows them by their names, and follows one that moves.
func TestTopNamesInstances(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.Top.Keys = []config.TopKey{"instance: packets"}
	r := start(t, cfg)
	a, b := &hypervisor{agent: "192.0.2.51"}, &hypervisor{agent: "192.0.2.52"}
	ca, cb := r.dial("127.0.3.1"), r.dial("127.0.3.2")
	ask := func() map[string]detect.TopItem {
		var all []struct {
			Items []struct {
				detect.TopItem
				Key map[string]string `json:"key"`
			}
		}
		q := web.TopQuery{Window: time.Minute, N: 10}
		if err := web.Ask(t.Context(), cfg.StateDir, "top?"+q.Values().Encode(), &all); err != nil || len(all) != 1 {
			t.Fatalf("%v, %+v", err, all)
		}
		got := map[string]detect.TopItem{}
		for _, it := range all[0].Items {
			got[it.Key["instance"]] = it.TopItem
		}
		return got
	}
	on := map[uint32]int{11: 1, 12: 2}
	r.eventually("instances by name", func() bool {
		r.send(ca, a.says(on))
		r.send(ca, a.flows(3, 11, 3)) // web-1 sends
		r.send(ca, a.flows(2, 3, 12)) // web-2 receives
		r.send(ca, a.flows(1, 3, 4))
		got := ask()
		return got["web-1"].Samples > 10 && got["web-2"].Samples > 0 && got["-"].Samples > 0
	})
	got := ask()
	if got["web-1"].InstanceUUID != instanceUUID(1) || got["-"].InstanceUUID != "" || got["web-1"].Rate <= got["web-2"].Rate || len(got) != 3 {
		t.Errorf("%+v", got)
	}
	if used := func() int {
		for _, x := range r.status().Bounds {
			if x.Name == "instance_ports" {
				return x.Used
			}
		}
		return -1
	}(); used != 2 {
		t.Errorf("%d ports of instances, want 2", used)
	}
	before := got["web-1"].Samples
	delete(on, 11)
	r.eventually("more of the instance where it is now", func() bool {
		r.send(ca, a.says(on))
		r.send(cb, b.datagram(func(bl *sflow.Builder) {
			var st witness.Statement
			st.Begin(witness.ClassEvent, witness.InstanceMigratedIn)
			st.Add(witness.String(witness.ID, fmt.Sprint(b.sequence)), witness.Counter64(witness.At, uint64(time.Now().UnixNano())), witness.String(witness.Subject, instanceUUID(1)))
			bl.Sample(st.Metric())
		}))
		r.send(cb, b.says(map[uint32]int{77: 1}))
		r.send(cb, b.flows(9, 77, 3))
		return ask()["web-1"].Samples > before+30
	})
}

// TestReplayRulesByInstance: the alert of a rule by instance names it, the same way
// each time.
func TestReplayRulesByInstance(t *testing.T) {
	rule, problems := rules.Compile(rules.Spec{Name: "busy", Key: []string{"instance"}, Filter: "instance != " + instanceUUID(9), Value: "packets_per_second", Window: "2s", Threshold: "20kpps"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	cfg := replayConfig()
	cfg.Rules = []rules.Rule{rule}
	rec, h := record(t), &hypervisor{agent: "192.0.2.51"}
	for i := range 100 {
		rec.at = rec.at.Add(100 * time.Millisecond)
		if i%10 == 0 {
			rec.write(h.says(map[uint32]int{11: 1, 12: 2}))
		}
		rec.write(h.flows(6, 12, 3)) // 60 kpps of web-2
		rec.write(h.flows(1, 11, 3)) // 10 kpps of web-1
		rec.write(h.flows(9, 4, 3))  // 90 kpps of nobody
	}
	name := rec.done()
	out, _, err := replayed(t, cfg, name)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := replayed(t, cfg, name)
	if err != nil || !slices.Equal(out.all(), again.all()) {
		t.Errorf("a second time: %v\n%s", err, strings.Join(again.all(), ""))
	}
	var of [][]byte
	for _, line := range out.with(`"rule":"busy"`) {
		of = append(of, []byte(line))
	}
	if len(of) < 2 {
		t.Fatalf("alerts %s", strings.Join(out.all(), ""))
	}
	for _, line := range of {
		if !bytes.Contains(line, []byte(`"key":{"instance":"web-2"}`)) || !bytes.Contains(line, []byte(`"instance":{"uuid":"`+instanceUUID(2)+`","name":"web-2"}`)) {
			t.Errorf("alert %s", line)
		}
	}
}
