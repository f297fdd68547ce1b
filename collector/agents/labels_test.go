package agents

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
	"weir/decoder/sflow"
)

// testLabels is a names file for one agent: by ifIndex, and by name.
type testLabels struct {
	agent   string
	byIndex map[uint32]Label
	byName  map[string]Label
}

func (l testLabels) AgentLabel(netip.Addr) string { return l.agent }

func (l testLabels) Indexes(netip.Addr) (all []uint32) {
	for i, x := range l.byIndex {
		if x.Speed != 0 {
			all = append(all, i)
		}
	}
	return all
}

func (l testLabels) InterfaceLabel(_ netip.Addr, ifIndex uint32, said string) Label {
	if said != "" {
		return l.byName[said]
	}
	return l.byIndex[ifIndex]
}

func TestLabelsNameWhatAgentsDoNot(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	seq := uint32(0)
	counters := func(index uint32, name string, speed uint64) {
		seq++
		rec := []sflow.Appender{&sflow.IfCounters{Index: index, Speed: speed, Status: 3}}
		if name != "" {
			rec = append(rec, &sflow.PortName{Name: []byte(name)})
		}
		p.counters(port(index), seq, rec...)
	}
	counters(1, "", 0)
	counters(2, "Ethernet2", 10e9)
	counters(3, "", 1e9)
	a := s.only(t)
	s.SetLabels(testLabels{
		agent:   "leaf1",
		byIndex: map[uint32]Label{1: {Name: "Ethernet1", Alias: "to spine1", Speed: 100e9}, 3: {Name: "tap12", Speed: 25e9, Fixed: true}, 49: {Name: "Ethernet49", Alias: "to spine2", Speed: 400e9}},
		byName:  map[string]Label{"Ethernet2": {Name: "Ethernet2", Alias: "to hv1"}},
	})
	type seen struct {
		Name, Alias string
		Speed       uint64
	}
	look := func(index uint32) seen {
		return seen{s.Interface(a.Number, index), s.Alias(a.Number, index), s.Speed(a.Number, index)}
	}
	if diff := cmp.Diff(seen{"Ethernet2", "", 10e9}, look(2)); diff != "" {
		t.Errorf("before the tick (-want +got):\n%s", diff)
	}
	s.pass(time.Second)
	for index, want := range map[uint32]seen{
		1:  {"Ethernet1", "to spine1", 100e9},
		2:  {"Ethernet2", "to hv1", 10e9},
		3:  {"tap12", "", 25e9},
		49: {"Ethernet49", "to spine2", 400e9}, // only in flow samples
		50: {},
	} {
		if diff := cmp.Diff(want, look(index)); diff != "" {
			t.Errorf("ifIndex %d (-want +got):\n%s", index, diff)
		}
	}
	if _, name := s.Agent(a.Number); name != "leaf1" {
		t.Errorf("agent is %q, want leaf1", name)
	}
	info := s.only(t)
	if info.Name != "leaf1" || info.Interfaces[0].Alias != "to spine1" || !info.Hypervisor {
		t.Errorf("published as %+v", info)
	}

	// The agent's newer word on a speed holds, unless the label is fixed.
	counters(1, "", 40e9) // the first it says at all
	counters(3, "", 40e9)
	if one := s.Speed(a.Number, 1); one != 100e9 {
		t.Errorf("speed %d, want 100e9", one)
	}
	counters(1, "", 10e9)
	if one, three := s.Speed(a.Number, 1), s.Speed(a.Number, 3); one != 10e9 || three != 25e9 {
		t.Errorf("speeds %d and %d, want 10e9 as the agent says and 25e9 as fixed", one, three)
	}
	// An interface that comes later is labelled at once, a name that changes too.
	counters(4, "Ethernet2", 1e9)
	if got := look(4).Alias; got != "to hv1" {
		t.Errorf("alias of a new interface is %q", got)
	}
	counters(4, "Ethernet9", 1e9)
	if diff := cmp.Diff(seen{"Ethernet9", "", 1e9}, look(4)); diff != "" {
		t.Errorf("renamed (-want +got):\n%s", diff)
	}

	s.SetLabels(testLabels{})
	s.pass(time.Second)
	for index, want := range map[uint32]seen{1: {Speed: 10e9}, 2: {Name: "Ethernet2", Speed: 10e9}, 3: {Speed: 40e9}, 49: {}} {
		if diff := cmp.Diff(want, look(index)); diff != "" {
			t.Errorf("without labels, ifIndex %d (-want +got):\n%s", index, diff)
		}
	}
}

// TestLabelsGiveSpeedsToSwitchesWithoutCounters has flow samples and nothing
// else.
func TestLabelsGiveSpeedsToSwitchesWithoutCounters(t *testing.T) {
	s := newSite(Config{Limits: Limits{AgentInterfaces: 3}})
	labels := testLabels{byIndex: map[uint32]Label{1: {Speed: 100e9, Name: "tap1"}, 2: {Speed: 10e9}}}
	for i := uint32(10); i < 20; i++ {
		labels.byIndex[i] = Label{Speed: 1e9} // more than an agent may have
	}
	s.SetLabels(labels)
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	delete(labels.byIndex, 19)
	f := func(index uint32) *decoder.Flow {
		return p.flow(decoder.Flow{Sample: sflow.FlowSample{Source: port(index), SamplingRate: 1000, Input: single(index), Output: single(99)}})
	}
	f(1)
	speeds := 0
	for _, i := range []uint32{1, 2, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19} {
		if got := f(i); got.Est.Speed == labels.byIndex[i].Speed && got.Est.Speed != 0 {
			speeds++
			if i == 1 && got.Est.Class != decoder.PortInstance {
				t.Errorf("class of tap1 is %v", got.Est.Class)
			}
		}
	}
	if speeds != 3 {
		t.Errorf("%d interfaces have their speed, want as many as an agent may have", speeds)
	}
}

// TestLabelsAreSpreadOverTicks has more interfaces than one tick labels.
func TestLabelsAreSpreadOverTicks(t *testing.T) {
	s := newSite(Config{})
	for i := range byte(5) {
		p := s.speaker(netip.AddrFrom4([4]byte{192, 0, 2, i}).String(), netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, i}), 6343).String())
		for n := range uint32(1000) {
			p.counters(port(n+1), 1, &sflow.IfCounters{Index: n + 1})
		}
	}
	byIndex := map[uint32]Label{}
	for n := range uint32(1000) {
		byIndex[n+1] = Label{Name: "e"}
	}
	s.SetLabels(testLabels{byIndex: byIndex})
	count := func() (n int) {
		for number := uint32(1); number <= 5; number++ {
			for i := range uint32(1000) {
				s.withInterface(number, i+1, func(f *iface) {
					if f.name == "e" {
						n++
					}
				})
			}
		}
		return n
	}
	s.r.Tick(s.now)
	if n := count(); n != 2000 {
		t.Errorf("%d labelled after one tick, want %d", n, labelStep)
	}
	s.pass(200 * time.Millisecond)
	if n := count(); n != 5000 {
		t.Errorf("%d labelled after three, want all 5000", n)
	}
}
