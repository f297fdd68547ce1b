package series

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/agents"
	"weir/decoder/sflow"
	"weir/detect"
)

// words is a subject and evidence of a test.
type words string

func (w words) AppendCanonical(b []byte) []byte { return append(b, w...) }
func (w words) Line() string                    { return string(w) }

func alert(id int, change detect.Change, at time.Time) *detect.Alert {
	return &detect.Alert{
		At: at, Key: fmt.Sprint("k", id), ID: fmt.Sprint("k", id, "-1"), Seq: 1, Change: change, Kind: detect.LargeFlow, State: detect.Confirmed,
		Severity: detect.Warning, Subject: words("10.0.0.1 → 10.0.0.2"), Evidence: words("1 Gbit/s"),
	}
}

func texts(b *Batch) (all []string) {
	for i := range b.Points {
		all = append(all, b.Points[i].Class.Name+": "+text(&b.Points[i]))
	}
	return all
}

func TestAlertsAreEventsAndState(t *testing.T) {
	var s Alerts
	var b Batch
	at := time.Unix(1_795_332_604, 0)
	s.Change(&b, alert(1, detect.Start, at))
	s.Change(&b, alert(2, detect.Start, at))
	if b.Points[0].At == b.Points[1].At {
		t.Error("two changes at one time would be one point")
	}
	want := "alert_events: kind=large_flow severity=warning change=start state=confirmed | count=1i | seq=1i | flapping=0i | id=k1-1 | key=k1 " +
		"| subject=10.0.0.1 → 10.0.0.2 | text=large flow 10.0.0.1 → 10.0.0.2: 1 Gbit/s "
	if diff := cmp.Diff(want, texts(&b)[0]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	b.Reset()
	s.State(&b, at.Add(90*time.Second))
	got := texts(&b)
	slices.Sort(got)
	state := func(slot, id int) string {
		return fmt.Sprintf("alert_state: kind=large_flow severity=warning slot=%d | count=1i | age_seconds=90 | flapping=0i | id=k%d-1 | key=k%d "+
			"| state=confirmed | subject=10.0.0.1 → 10.0.0.2 | text=large flow 10.0.0.1 → 10.0.0.2: 1 Gbit/s | since=2026-11-22T07:30:04Z ", slot, id, id)
	}
	if diff := cmp.Diff([]string{state(0, 1), state(1, 2), "alerts_open: kind=large_flow severity=warning state=confirmed | count=2i "}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	b.Reset()
	s.Change(&b, alert(1, detect.End, at))
	s.Change(&b, alert(3, detect.Start, at.Add(time.Second)))
	b.Reset()
	s.State(&b, at.Add(90*time.Second))
	got = texts(&b)
	if slots := strings.Join(got, "\n"); len(got) != 3 || !strings.Contains(slots, "slot=0 | count=1i | age_seconds=89 | flapping=0i | id=k3-1") || !strings.Contains(slots, "slot=1 | count=1i | age_seconds=90 | flapping=0i | id=k2-1") {
		t.Errorf("the second keeps its slot, the third gets the one that is free: %q", got)
	}
	for i := 2; i <= 3; i++ {
		s.Change(&b, alert(i, detect.End, at))
	}
	b.Reset()
	s.State(&b, at)
	if diff := cmp.Diff([]string{"alerts_open: kind=large_flow severity=warning state=confirmed | count=0i "}, texts(&b)); diff != "" {
		t.Errorf("at the end (-want +got)\n%s", diff)
	}
}

func TestOpenAlertsAreBounded(t *testing.T) {
	var s Alerts
	var b Batch
	at := time.Unix(1_795_332_604, 0)
	for i := range 1000 {
		s.Change(&b, alert(i, detect.Start, at.Add(time.Duration(i)*time.Second)))
	}
	b.Reset()
	s.State(&b, at)
	slots := map[string]bool{}
	for i := range b.Points {
		if b.Points[i].Class == alertState {
			slots[b.Points[i].Tags[2]] = true
		}
	}
	if len(slots) != maxShown {
		t.Errorf("%d alerts are told, want %d", len(slots), maxShown)
	}
}

func TestTopsKeepTheirSlots(t *testing.T) {
	var s Tops
	for _, c := range []struct {
		keys string
		want []int
	}{
		{"a b c", []int{0, 1, 2}}, {"c a b", []int{2, 0, 1}}, {"d a c", []int{1, 0, 2}}, {"", nil}, {"x", []int{0}}, {"y x z", []int{1, 0, 2}},
	} {
		if got := s.assign("dst", strings.Fields(c.keys)); !slices.Equal(got, c.want) {
			t.Errorf("%q have slots %v, want %v", c.keys, got, c.want)
		}
	}
	if n := len(s.slots["dst"]); n != 3 {
		t.Errorf("%d slots for three keys at a time", n)
	}
}

func TestTopPoints(t *testing.T) {
	var s Tops
	var b Batch
	top := detect.Top{Unit: "bits_per_second", Total: 200, Absent: 5, Exact: true, Items: []detect.TopItem{{Rate: 50, Low: 40, High: 60, Samples: 9, Domain: "net 1"}}}
	s.Add(&b, "dst: bytes", &top, time.Unix(5, 0))
	top = detect.Top{Unit: "packets_per_second", Items: []detect.TopItem{{Rate: 50, Low: 40, High: 60, Distinct: &detect.TopDistinct{Estimate: 7}}}}
	s.Add(&b, "dst: packets distinct(src)", &top, time.Unix(5, 0))
	want := []string{
		"top_total: definition=dst: bytes | bits_per_second=200 | absent=5 | exact=1i ",
		"top: definition=dst: bytes slot=0 | rank=1i | key= in net 1 | domain=net 1 | bits_per_second=50 | bits_per_second_low=40 | bits_per_second_high=60 | share=25 | samples=9i ",
		"top_total: definition=dst: packets distinct(src) | packets_per_second=0 | absent=0 | exact=0i ",
		"top: definition=dst: packets distinct(src) slot=0 | rank=1i | packets_per_second=50 | packets_per_second_low=40 | packets_per_second_high=60 | samples=0i | distinct=7 ",
	}
	if diff := cmp.Diff(want, texts(&b)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAgentPoints(t *testing.T) {
	now := time.Unix(1_795_332_604, 0)
	var b Batch
	AddAgents(&b, []*agents.AgentInfo{{
		Agent: netip.MustParseAddr("127.0.0.1"), Source: netip.MustParseAddr("192.0.2.9"), Name: "hv1", LastHeard: now.Add(-90 * time.Second), Datagrams: 90,
		SubAgents:  []agents.SubAgentInfo{{Restarts: 2, Datagrams: agents.SequenceInfo{Received: 90, Lost: 10, Duplicates: 1}}},
		Interfaces: []agents.InterfaceInfo{{Index: 7, Name: "swp7"}},
		Sources: []agents.SourceInfo{
			{Source: sflow.DataSource{Index: 7}, Direction: "ingress", SamplingRate: 1000, UsedRate: 1010, Drops: 3, Flows: agents.SequenceInfo{Received: 5, Lost: 1}},
			{Source: sflow.DataSource{Index: 8}}, // counters alone
		},
	}}, now)
	want := []string{
		"agent: agent=127.0.0.1@192.0.2.9 agent_name=hv1 | silent_seconds=90 | loss_percent=10 | datagrams=90i | lost_datagrams=10i | duplicate_datagrams=1i | restarts=2i " +
			"| interfaces=1i | sources=2i | hosts=0i | hypervisor=0i | contested=0i ",
		"data_source: agent=127.0.0.1@192.0.2.9 agent_name=hv1 source=0:7 if_index=7 if_name=swp7 direction=ingress | sampling_rate=1000i | used_rate=1010i | drops=3i " +
			"| flow_samples=5i | flow_samples_lost=1i | counter_samples=0i | counter_samples_lost=0i ",
	}
	if diff := cmp.Diff(want, texts(&b)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestClassesAreWellFormed(t *testing.T) {
	names := map[string]bool{}
	for _, c := range Classes() {
		if names[c.Name] || c.Help == "" || len(c.Tags) > MaxTags || len(c.Fields) == 0 {
			t.Errorf("class %s", c.Name)
		}
		names[c.Name] = true
		seen := map[string]bool{"time": true, "site": true}
		for _, tag := range c.Tags {
			if seen[tag] {
				t.Errorf("%s: tag %s", c.Name, tag)
			}
			seen[tag] = true
		}
		for i := range c.Fields {
			f := &c.Fields[i]
			if seen[f.Name] || f.Unit == "" || strings.ToLower(f.Name) != f.Name || strings.ContainsAny(f.Name, " ,=-.") {
				t.Errorf("%s: field %s", c.Name, f.Name)
			}
			seen[f.Name] = true
		}
	}
}
