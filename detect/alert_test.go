package detect

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/packet"
	"weir/decoder/sflow"
)

func sampleAlert() *Alert {
	k := packet.Key{
		Src: netip.MustParseAddr("10.0.0.5").As16(), Dst: netip.MustParseAddr("10.0.1.9").As16(),
		SrcPort: 443, DstPort: 51332, Proto: 6,
	}
	a := &Alert{
		At: time.Date(2026, 3, 1, 13, 0, 0, 500e6, time.FixedZone("", 3600)), Seq: 2,
		Change: Update, Kind: LargeFlow, State: Confirmed, Severity: Info,
		Subject: newFlowSubject(&k, testNames{}),
		Evidence: &LargeFlowEvidence{
			BitsPerSecond: 1.2e9, Low: 0.9e9, High: 1.5e9, Samples: 60, EffectiveSamples: 59.5, SamplingRate: 10000,
			Agent: netip.MustParseAddr("192.0.2.1"), AgentName: "leaf1",
			Input: Port{Value: 12}, InputName: "Ethernet12", Output: Port(sflow.Port{Format: sflow.PortDiscarded, Value: 256}),
			InterfaceSpeed: 10e9, WindowSeconds: 2, LifeBitsPerSecond: 1.1e9, LifeLow: 1e9, LifeHigh: 1.2e9,
			LifeOctets: 1 << 60, LifeSeconds: 8.25, FrameOctets: 1502.5, VantagePoints: 3,
			FirstSample: Time(time.Date(2026, 3, 1, 11, 59, 52, 0, time.UTC)), LastSample: Time(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), SecondsToAlert: 0.612,
			Threshold: 1e9, Method: "window",
		},
	}
	a.Key = alertKey(a.Kind, a.Subject)
	a.ID = a.Key + "-1772366392"
	return a
}

// The output contract: fields may be added, these stay.
func TestAlertJSON(t *testing.T) {
	const want = `{
 "at": "2026-03-01T12:00:00.500000000Z",
 "key": "bba801ee46e4e063",
 "id": "bba801ee46e4e063-1772366392",
 "seq": 2,
 "change": "update",
 "kind": "large_flow",
 "state": "confirmed",
 "severity": "info",
 "subject": {
  "src": "10.0.0.5",
  "dst": "10.0.1.9",
  "src_port": 443,
  "dst_port": 51332,
  "proto": 6,
  "proto_name": "tcp",
  "domain": "underlay"
 },
 "evidence": {
  "bits_per_second": 1200000000,
  "low": 900000000,
  "high": 1500000000,
  "samples": 60,
  "effective_samples": 59.5,
  "sampling_rate": 10000,
  "agent": "192.0.2.1",
  "agent_name": "leaf1",
  "input": 12,
  "input_name": "Ethernet12",
  "output": {
   "discarded": 256
  },
  "interface_speed": 10000000000,
  "window_seconds": 2,
  "life_bits_per_second": 1100000000,
  "life_low": 1000000000,
  "life_high": 1200000000,
  "life_octets": "1152921504606846976",
  "life_seconds": 8.25,
  "frame_octets": 1502.5,
  "vantage_points": 3,
  "first_sample": "2026-03-01T11:59:52.000000000Z",
  "last_sample": "2026-03-01T12:00:00.000000000Z",
  "seconds_to_alert": 0.612,
  "threshold_bits_per_second": 1000000000,
  "method": "window"
 }
}`
	got, err := json.MarshalIndent(sampleAlert(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestAlertLine(t *testing.T) {
	a := sampleAlert()
	const want = "large flow 1.2 Gbit/s (0.9–1.5) 10.0.0.5:443 → 10.0.1.9:51332 TCP on leaf1 Ethernet12, 0.6 s after its first sample"
	if diff := cmp.Diff(want, a.Line()); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
	e := evidence(a)
	e.AgentName, e.InputName, e.Input = "", "", Port(sflow.Port{Value: sflow.PortInternal})
	e.Output = Port{Value: 7}
	e.BitsPerSecond, e.Low, e.High = 123_400_000, 99_000_000, 150_600_000
	if diff := cmp.Diff("123 Mbit/s (99–151) on 192.0.2.1 ifIndex 7, 0.6 s after its first sample", e.Line()); diff != "" {
		t.Errorf("line without names (-want +got):\n%s", diff)
	}
	e.Samples, e.BitsPerSecond, e.Low, e.High = 0, 0, 0, 19_500_000 // between two samples
	if diff := cmp.Diff("below 19.5 Mbit/s now, 1.1 Gbit/s (1.0–1.2) before, on 192.0.2.1 ifIndex 7", e.Line()); diff != "" {
		t.Errorf("line of a pause (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("large flow below 19.5 Mbit/s now, 1.1 Gbit/s (1.0–1.2) before, 10.0.0.5:443 → 10.0.1.9:51332 TCP on 192.0.2.1 ifIndex 7", a.Line()); diff != "" {
		t.Errorf("line of an alert in a pause (-want +got):\n%s", diff)
	}
}

// The end of a flow says what it was as a whole.
func TestLineOfAnEndedFlow(t *testing.T) {
	for _, c := range []struct {
		seconds float64
		octets  Uint64
		want    string
	}{
		{0.0421, 912_000, "912 kB in 42ms"},
		{8.04, 1_100_000_000, "1.1 GB in 8s"},
		{143.6, 17_800_000_000, "17.8 GB in 2m24s"},
	} {
		a := sampleAlert()
		e := evidence(a)
		e.Ended, e.LifeSeconds, e.LifeOctets = true, c.seconds, c.octets
		want := c.want + ", 1.1 Gbit/s (1.0–1.2) on average, "
		if diff := cmp.Diff("large flow of "+want+"10.0.0.5:443 → 10.0.1.9:51332 TCP on leaf1 Ethernet12", a.Line()); diff != "" {
			t.Errorf("line (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want+"on leaf1 Ethernet12", e.Line()); diff != "" {
			t.Errorf("evidence (-want +got):\n%s", diff)
		}
	}
}

func TestAlertLinesSayWhatTheOperatorWroteAboutAnInterface(t *testing.T) {
	e := evidence(sampleAlert())
	e.InputAlias = "to spine2"
	if want, got := `on leaf1 Ethernet12 "to spine2"`, e.where(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, c := range []struct {
		name string
		s    LinkSubject
		want string
	}{
		{"alias", LinkSubject{AgentName: "leaf1", Interface: 12, InterfaceName: "Ethernet12", Alias: "to spine2", Direction: "out"}, `leaf1 Ethernet12 "to spine2" out`},
		{"nothing known", LinkSubject{Agent: netip.MustParseAddr("10.1.2.3"), Interface: 49, Direction: "in"}, "10.1.2.3 ifIndex 49 in"},
		{"a hostile alias stays one line", LinkSubject{AgentName: "leaf1", InterfaceName: "e1", Alias: "a\n\"b", Direction: "in"}, `leaf1 e1 "a\n\"b" in`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.s.Line(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFlowSubjectLine(t *testing.T) {
	v6 := packet.Key{Src: netip.MustParseAddr("2001:db8::1").As16(), Dst: netip.MustParseAddr("2001:db8::2").As16(), V6: true}
	for _, c := range []struct {
		name   string
		change func(*packet.Key)
		want   string
	}{
		{"udp over IPv6 in a tenant network", func(k *packet.Key) { k.Proto, k.SrcPort, k.DstPort, k.Domain = 17, 53, 4000, 42 }, "[2001:db8::1]:53 → [2001:db8::2]:4000 UDP in vni:42"},
		{"icmp has no ports", func(k *packet.Key) { k.Proto, k.DstPort = 58, 128<<8 }, "2001:db8::1 → 2001:db8::2 IPV6-ICMP"},
		{"a protocol without a name", func(k *packet.Key) { k.Proto = 200 }, "2001:db8::1 → 2001:db8::2 200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := v6
			c.change(&k)
			if diff := cmp.Diff(c.want, newFlowSubject(&k, testNames{}).Line()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPortJSON(t *testing.T) {
	for _, c := range []struct {
		p    sflow.Port
		want string
	}{
		{sflow.Port{Value: 47}, `47`},
		{sflow.Port{}, `0`},
		{sflow.Port{Value: sflow.PortInternal}, `{"internal":true}`},
		{sflow.Port{Format: sflow.PortDiscarded, Value: 256}, `{"discarded":256}`},
		{sflow.Port{Format: sflow.PortMultiple, Value: 3}, `{"multiple":3}`},
	} {
		got, err := json.Marshal(Port(c.p))
		if err != nil || string(got) != c.want {
			t.Errorf("%+v: %s, %v, want %s", c.p, got, err, c.want)
		}
	}
}

// The key tells flows apart by everything in the subject, and nothing else.
func TestAlertKeyIsCanonical(t *testing.T) {
	base := sampleAlert().Subject.(*FlowSubject)
	seen := map[string]string{alertKey(LargeFlow, base): "base"}
	for name, change := range map[string]func(*FlowSubject){
		"src":       func(s *FlowSubject) { s.Src = netip.MustParseAddr("10.0.0.6") },
		"dst":       func(s *FlowSubject) { s.Dst = netip.MustParseAddr("10.0.0.6") },
		"src port":  func(s *FlowSubject) { s.SrcPort++ },
		"dst port":  func(s *FlowSubject) { s.DstPort++ },
		"proto":     func(s *FlowSubject) { s.Proto = 17 },
		"domain":    func(s *FlowSubject) { s.Domain = "vni:42" },
		"direction": func(s *FlowSubject) { s.Src, s.Dst, s.SrcPort, s.DstPort = s.Dst, s.Src, s.DstPort, s.SrcPort },
	} {
		s := *base
		change(&s)
		k := alertKey(LargeFlow, &s)
		if other, ok := seen[k]; ok {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[k] = name
	}
	if k := alertKey("flood", base); seen[k] != "" {
		t.Errorf("another kind has the key of %s", seen[k])
	}
	named := *base
	named.ProtoName = "TCP"
	if alertKey(LargeFlow, &named) != alertKey(LargeFlow, base) {
		t.Error("the key depends on a display name")
	}
}

func TestConfigValidate(t *testing.T) {
	if err := (Config{}).Validate(); err != nil {
		t.Errorf("the zero value means the defaults: %v", err)
	}
	for name, l := range map[string]LargeFlowConfig{
		"two thresholds": {Threshold: Threshold{BitsPerSecond: 1, Share: 0.1}},
		"share above 1":  {Threshold: Threshold{Share: 1.5}},
		"negative":       {Threshold: Threshold{BitsPerSecond: -1}},
		"hold":           {Hold: 2 * time.Hour},
		"few keys":       {Keys: 1},
		"many hot":       {Hot: 1 << 30},
	} {
		if err := (Config{LargeFlow: l}).Validate(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
