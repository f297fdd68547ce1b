package hostagent

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/hostagent/export"
	"weir/hostagent/source"
)

// state is a snapshot with the state of a link, and its counters where index is
// not zero.
func state(entity, oper string, index uint32) *source.Snapshot {
	var s source.Snapshot
	if index > 0 {
		s.Begin(source.Interface(index))
		s.Record(&sflow.IfCounters{Index: index})
	}
	var st witness.Statement
	st.Begin(witness.ClassLink, entity)
	st.Add(witness.String(witness.Oper, oper))
	s.State(&st)
	return &s
}

// toldBy lists what a packer sent: "br0=down", "counters 7", "link_down 0".
func toldBy(t *testing.T, datagrams [][]byte) (all []string) {
	t.Helper()
	for _, b := range datagrams {
		var d sflow.Datagram
		if err := d.Decode(b); err != nil {
			t.Fatal(err)
		}
		for smp, err := range d.Samples() {
			var c sflow.CounterSample
			var m sflow.RTMetric
			switch {
			case err != nil:
				t.Fatal(err)
			case smp.Format == sflow.FormatRTMetric && m.Decode(smp) == nil:
				s, _ := witness.Parse(&m)
				if string(s.Class) == witness.ClassEvent {
					n, _ := s.Uint(witness.Repeat)
					all = append(all, string(s.Entity)+" "+string('0'+rune(n)))
				} else {
					all = append(all, string(s.Entity)+"="+s.Text(witness.Oper))
				}
			case c.Decode(smp) == nil:
				all = append(all, "counters "+string('0'+rune(c.Source.Index)))
			}
		}
	}
	return all
}

// A state that is sent again with its event is never older than what was said of
// the same since.
func TestRepeatedStateIsTheNewest(t *testing.T) {
	down := source.Event{Name: witness.LinkDown, Subject: "br0", State: state("br0", "down", 7)}
	for _, c := range []struct {
		name  string
		event source.Event
		then  func(s *events, began time.Time)
		again [2][]string
	}{
		{"nothing new", down, func(*events, time.Time) {},
			[2][]string{{"counters 7", "br0=down", "link_down 1"}, {"br0=down", "link_down 2"}}},
		{"polled since", down, func(s *events, _ time.Time) { s.polled(state("br0", "up", 7), time.Now()) },
			[2][]string{{"link_down 1"}, {"link_down 2"}}},
		{"its state alone polled since", down, func(s *events, _ time.Time) { s.polled(state("br0", "up", 0), time.Now()) },
			[2][]string{{"counters 7", "link_down 1"}, {"link_down 2"}}},
		{"a poll that began before comes late", down, func(s *events, began time.Time) { s.polled(state("br0", "up", 7), began) },
			[2][]string{{"counters 7", "br0=down", "link_down 1"}, {"br0=down", "link_down 2"}}},
		{"another one polled", down, func(s *events, _ time.Time) { s.polled(state("br1", "up", 8), time.Now()) },
			[2][]string{{"counters 7", "br0=down", "link_down 1"}, {"br0=down", "link_down 2"}}},
		{"pushed since", down, func(s *events, _ time.Time) { s.Push(state("br0", "up", 7)) },
			[2][]string{{"link_down 1"}, {"link_down 2"}}},
		{"another event since", down, func(s *events, _ time.Time) {
			s.Emit(source.Event{Name: witness.LinkUp, Subject: "br0", State: state("br0", "up", 7)})
		}, [2][]string{{"link_down 1", "counters 7", "br0=up", "link_up 1"}, {"link_down 2", "br0=up", "link_up 2"}}},
		{"removed since", down, func(s *events, _ time.Time) {
			s.Emit(source.Event{Name: witness.LinkRemoved, Subject: "br0", More: []witness.Pair{witness.Gauge32(witness.IfIndex, 7)}})
		}, [2][]string{{"link_down 1", "link_removed 1"}, {"link_down 2", "link_removed 2"}}},
		{"a port removed since", source.Event{Name: witness.OVSPortAdded, Subject: "b", State: state("p%1", "up", 0)}, func(s *events, _ time.Time) {
			s.Emit(source.Event{Name: witness.OVSPortRemoved, Subject: "b", More: []witness.Pair{witness.String(witness.Port, "p%1")}})
		}, [2][]string{{"ovs_port_added 1", "ovs_port_removed 1"}, {"ovs_port_added 2", "ovs_port_removed 2"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sent [][]byte
			p := export.NewPacker(netip.MustParseAddr("192.0.2.1"), 0, time.Now(), func(b []byte) { sent = append(sent, append([]byte(nil), b...)) })
			s := newEvents(identity{}, p, nil)
			began := time.Now()
			s.Emit(c.event)
			c.then(s, began)
			p.Flush()
			for i, want := range c.again {
				sent = nil
				s.repeat(time.Now().Add(time.Duration(1+2*i) * 500 * time.Millisecond))
				p.Flush()
				if diff := cmp.Diff(want, toldBy(t, sent)); diff != "" {
					t.Errorf("repetition %d (-want +got)\n%s", i+1, diff)
				}
			}
			if len(s.words) > 0 {
				t.Errorf("%d entities are still held", len(s.words))
			}
		})
	}
}
