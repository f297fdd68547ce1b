package message

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
	"weir/detect"
	"weir/detect/site"
)

var onset = time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC)

func flow() *detect.Alert {
	a := &detect.Alert{
		At: onset.Add(600 * time.Millisecond), Seq: 1, Change: detect.Start, Kind: detect.LargeFlow,
		State: detect.Confirmed, Severity: detect.Info,
		Subject: &detect.FlowSubject{
			Src: netip.MustParseAddr("10.0.0.5"), Dst: netip.MustParseAddr("10.0.1.9"), SrcPort: 443, DstPort: 51332,
			Proto: 6, ProtoName: "tcp", Domain: "underlay",
		},
		Evidence: &detect.LargeFlowEvidence{
			BitsPerSecond: 1.2e9, Low: 0.9e9, High: 1.5e9, Agent: netip.MustParseAddr("192.0.2.1"), AgentName: "leaf1",
			Input: detect.Port(sflow.Port{Value: 12}), InputName: "Ethernet12", SecondsToAlert: 0.6,
		},
	}
	a.Identify(onset)
	return a
}

// wide is an alert about a node, as those of the site's model are.
type (
	nodeSubject struct{ name string }
	wide        struct{}
)

func (n nodeSubject) AppendCanonical(b []byte) []byte { return append(b, n.name...) }
func (n nodeSubject) Line() string                    { return n.name }
func (n nodeSubject) PublicLine() string              { return "br-int on cn7" }
func (wide) Line() string                             { return "forwarding is lost" }
func (wide) Where() string                            { return "rack 4, cn7" }
func (wide) Confidence() float64                      { return 0.987 }
func (wide) Affected() (int, int)                     { return 14, 1 }
func (wide) Check() string                            { return "the uplink of cn7" }

func TestMessageTellsInOrder(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	w := &Writer{Site: "fra1", Zone: zone, Runbook: "https://wiki.example/weir/{kind}", Link: "https://weir.example/i/{incident}?k={key}"}
	end := flow()
	end.Change, end.State, end.Reason = detect.End, detect.Resolved, "reload"
	end.At = onset.Add(time.Hour)
	bridge := &detect.Alert{
		At: onset, Change: detect.Start, Kind: "bridge_down", State: detect.Confirmed, Severity: detect.Critical, Flapping: true, Incident: "inc 1/2",
		Subject: nodeSubject{"br-int on cn7"}, Evidence: wide{},
	}
	bridge.Identify(onset)
	for _, c := range []struct {
		name  string
		a     *detect.Alert
		short string
		text  string
	}{
		{"large flow", flow(),
			"INFO fra1: Large flow 1.2 Gbit/s (0.9-1.5) 10.0.0.5:443 -> 10.0.1.9:51332 TCP on leaf1 Ethernet12, 0.6 s after its first sample",
			`Large flow 1.2 Gbit/s (0.9–1.5) 10.0.0.5:443 → 10.0.1.9:51332 TCP on leaf1 Ethernet12, 0.6 s after its first sample

Where: site fra1, seen at leaf1
Since: 2026-03-01 23:30:00 UTC (2026-03-02 00:30:00 CET)
How sure: confirmed
Check first: who owns the two addresses, and whether a backup or migration is due
Runbook: https://wiki.example/weir/large_flow
Link: https://weir.example/i/bba801ee46e4e063-1772407800?k=bba801ee46e4e063
Alert: info large_flow, bba801ee46e4e063-1772407800
`},
		{"end", end,
			"RESOLVED info fra1: Large flow 1.2 Gbit/s (0.9-1.5) 10.0.0.5:443 -> 10.0.1.9:51332 TCP on leaf1 Ethernet12, 0.6 s after its first sample",
			`Large flow 1.2 Gbit/s (0.9–1.5) 10.0.0.5:443 → 10.0.1.9:51332 TCP on leaf1 Ethernet12, 0.6 s after its first sample

Where: site fra1, seen at leaf1
Since: 2026-03-01 23:30:00 UTC (2026-03-02 00:30:00 CET)
Over since: 2026-03-02 00:30:00 UTC (01:30:00 CET), because of reload
How sure: resolved
Runbook: https://wiki.example/weir/large_flow
Link: https://weir.example/i/bba801ee46e4e063-1772407800?k=bba801ee46e4e063
Alert: info large_flow, bba801ee46e4e063-1772407800
`},
		{"bridge with everything", bridge,
			"CRITICAL fra1: Bridge down br-int on cn7: forwarding is lost",
			`Bridge down br-int on cn7: forwarding is lost

Where: site fra1, rack 4, cn7
Since: 2026-03-01 23:30:00 UTC (2026-03-02 00:30:00 CET)
How sure: confirmed, 98.7 %, flapping
Affected: 14 instances of 1 project
Check first: the uplink of cn7
Runbook: https://wiki.example/weir/bridge_down
Incident: inc 1/2
Link: https://weir.example/i/inc%201%2F2?k=` + bridge.Key + `
Alert: critical bridge_down, ` + bridge.ID + `
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := w.Of(c.a)
			if diff := cmp.Diff(c.short, m.Short); diff != "" {
				t.Errorf("short (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(c.text, m.Text()); diff != "" {
				t.Errorf("text (-want +got)\n%s", diff)
			}
		})
	}
}

func TestMessageOfASitesCondition(t *testing.T) {
	child := func(project string) site.Child {
		return site.Child{Kind: site.InstanceUnreachable, Subject: site.Subject{Type: site.TypeInstance, Name: "vm", Project: project, Address: "10.3.0.7"}}
	}
	a := &detect.Alert{
		At: onset, Change: detect.Start, Kind: site.BridgeDown, State: detect.Confirmed, Severity: detect.Critical,
		Subject: &site.Subject{Type: site.TypeBridge, Node: "cn7", Agent: netip.MustParseAddr("192.0.2.7"), Name: "br-int"},
		Evidence: &site.Evidence{
			Summary: "forwards nothing", Confidence: 0.999, Affected: 14, Part: "br-int",
			Children: []site.Child{child("blue"), child("red"), child("blue")},
		},
	}
	a.Identify(onset)
	m := (&Writer{Site: "fra1"}).Of(a)
	want := `Bridge down br-int on cn7: forwards nothing; with it 14 instances unreachable

Where: site fra1, cn7 (192.0.2.7), br-int
Since: 2026-03-01 23:30:00 UTC
How sure: confirmed, 99.9 %
Affected: 14 instances of 2 projects
Check first: ip link and ovs-vsctl show on the node, then its uplink
Alert: critical bridge_down, ` + a.ID + "\n"
	if diff := cmp.Diff(want, m.Text()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	r := Redacted(*a)
	if line := r.Line(); line != "bridge down br-int on cn7: details in weir, alert "+a.ID {
		t.Errorf("outside %q", line)
	}
	a.Subject = &site.Subject{Type: site.TypeInstance, Name: "web-1", Project: "blue", Node: "cn7", Address: "10.3.0.7"}
	r = Redacted(*a)
	if b, err := json.Marshal(r); err != nil || strings.Contains(string(b)+r.Line(), "web-1") || strings.Contains(string(b)+r.Line(), "10.3") {
		t.Errorf("outside %s %s", b, r.Line())
	}
}

// Whatever wakes somebody says what to look at first.
func TestEveryKindSaysWhatToCheckFirst(t *testing.T) {
	kinds := []detect.Kind{"page_storm", "pagers_failing"} // of the collector itself
	for _, e := range site.Explanations() {
		kinds = append(kinds, e.Kind)
	}
	if len(kinds) < 20 {
		t.Errorf("%d kinds", len(kinds))
	}
	for _, k := range kinds {
		a := flow()
		a.Kind = k
		m := (&Writer{}).Of(a)
		if !strings.Contains(m.Text(), "\nCheck first: ") {
			t.Errorf("%s: nothing to check first", k)
		}
	}
}

// Hostile is what a name in sFlow can be.
const hostile = "eth0\r\nBcc: x@example.net\x00\x1b]0;x\a\u202e\u2028<!channel> \"]}{{.}} '; rm -rf / # äöü → \xff"

func TestMessageKeepsHostileNamesOnOneLine(t *testing.T) {
	a := flow()
	e := a.Evidence.(*detect.LargeFlowEvidence)
	e.AgentName, e.InputName = strings.Repeat(hostile, 20), hostile
	m := (&Writer{Site: "fra1"}).Of(a)
	if len(m.Short) != MaxShort {
		t.Errorf("short form of %d octets", len(m.Short))
	}
	for _, r := range m.Short {
		if r < ' ' || r > '~' {
			t.Errorf("short form has %q", r)
		}
	}
	for _, l := range append(m.Lines, Line{Text: m.Title}) {
		if strings.ContainsAny(l.Text, "\r\n\x00\x1b\a\u202e\u2028") || !utf8.ValidString(l.Text) || len(l.Text) > 600 {
			t.Errorf("%s: %q", l.Name, l.Text)
		}
	}
}

func TestRedactedTellsNoAddressAndNoName(t *testing.T) {
	a := *flow()
	before := a.ID
	r := Redacted(a)
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	m := (&Writer{Site: "fra1"}).Of(&r)
	all := string(b) + m.Text() + m.Short + string(r.Subject.AppendCanonical(nil))
	for _, secret := range []string{"10.0.", "192.0.2", "leaf1", "Ethernet12", "443", "Gbit"} {
		if strings.Contains(all, secret) {
			t.Errorf("tells %q: %s", secret, all)
		}
	}
	if r.ID != before || !strings.Contains(m.Text(), before) || !strings.HasPrefix(m.Short, "INFO fra1: Large flow ") {
		t.Errorf("tells too little: %s", m.Text())
	}
	bridge := Redacted(detect.Alert{Kind: "bridge_down", ID: "x-1", Subject: nodeSubject{"br-int of customer"}, Evidence: wide{}})
	if line := bridge.Line(); line != "bridge down br-int on cn7: details in weir, alert x-1" {
		t.Errorf("line %q", line)
	}
	if text := (&Writer{}).Of(&bridge); !strings.Contains(text.Text(), "Affected: 14 instances of 1 project\n") {
		t.Errorf("%s", text.Text())
	}
}

func FuzzShort(f *testing.F) {
	f.Add(hostile)
	f.Add("→→→")
	f.Fuzz(func(t *testing.T, name string) {
		a := flow()
		a.Evidence.(*detect.LargeFlowEvidence).AgentName = name
		m := (&Writer{Site: "fra1"}).Of(a)
		if len(m.Short) > MaxShort {
			t.Errorf("%d octets", len(m.Short))
		}
		for i := range len(m.Short) {
			if m.Short[i] < ' ' || m.Short[i] > '~' {
				t.Fatalf("%q", m.Short)
			}
		}
		if strings.ContainsAny(m.Title, "\r\n\x00") || !utf8.ValidString(m.Title) {
			t.Fatalf("%q", m.Title)
		}
	})
}
