package site

import (
	"net/netip"
	"testing"
	"time"

	"weir/decoder"
	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// fuzzed hands events to a Gatherer, as a shard does.
type fuzzed struct{ g *fact.Gatherer }

func (f *fuzzed) Arrival(a *decoder.Arrival)   { f.g.Arrival(a, 1+uint32(a.Sequence%3)) }
func (f *fuzzed) Counters(c *decoder.Counters) { f.g.Counters(c) }
func (f *fuzzed) Discard(d *decoder.Discard)   { f.g.Discard(d) }
func (f *fuzzed) Metrics(m *decoder.Metrics)   { f.g.Metrics(m) }
func (f *fuzzed) Flow(s *decoder.Flow) {
	s.Est.Vantage = decoder.Vantage{Agent: 1, Source: 2}
	f.g.Flow(s)
}

// FuzzSite lets any datagram go through gathering and judging, several times and
// at several times: nothing panics, every alert has a subject, evidence and an
// identity, and every start has at most one end.
func FuzzSite(f *testing.F) {
	seed := func(fill func(b *sflow.Builder)) {
		var b sflow.Builder
		b.Reset(nil, &sflow.Datagram{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: 1, Uptime: 1000})
		fill(&b)
		f.Add(b.Bytes())
	}
	say := func(b *sflow.Builder, class, entity string, pairs ...witness.Pair) {
		var st witness.Statement
		st.Begin(class, entity)
		st.Add(pairs...)
		b.Sample(st.Metric())
	}
	seed(func(b *sflow.Builder) {
		b.CounterSample(&sflow.CounterSample{Source: sflow.DataSource{Index: 3}}, false,
			&sflow.IfCounters{Index: 3, Status: 1, InOctets: 5, OutOctets: 6}, &sflow.PortName{Name: sflow.Text("tap1")}, &sflow.OFPort{DatapathID: 1, PortNo: 0xfffe})
		say(b, witness.ClassBridge, "br-int", witness.String(witness.Forwarding, "no"), witness.Gauge32(witness.InstancePorts, 3), witness.Gauge32(witness.Ports, 3))
		say(b, witness.ClassHeartbeat, "n", witness.Counter64(witness.Sequence, 1), witness.String(witness.Sampling, "eth0=100,x=y,=,eth1=0"))
	})
	seed(func(b *sflow.Builder) {
		for _, name := range []string{witness.RulesFlushed, witness.InstanceCrashed, witness.LinkDown, witness.OVSBridgeRemoved, witness.ServiceFailed, witness.LoginFailed, witness.LogLevelChanged, witness.DHCPRequest, witness.AgentStopping} {
			say(b, witness.ClassEvent, name, witness.String(witness.ID, name), witness.String(witness.Subject, "x/y/z"), witness.String(witness.After, "0"), witness.Gauge32(witness.IfIndex, 3))
		}
		say(b, witness.ClassInstance, "u", witness.String(witness.Taps, "tap1=fa:16:3e:00:00:01,=,x"), witness.String(witness.State, "crashed"))
		say(b, witness.ClassConntrack, "root", witness.Gauge64(witness.Count, 99), witness.Gauge64(witness.Max, 100))
	})
	f.Fuzz(func(t *testing.T, payload []byte) {
		h := &fuzzed{fact.NewGatherer(fact.Keys{})}
		s := New(Config{})
		var d decoder.Decoder
		var facts []fact.Fact
		open := map[string]bool{}
		emit := func(a *detect.Alert) {
			if a.Subject.Line() == "" || a.Line() == "" || a.ID == "" || a.Key == "" || a.Incident == "" {
				t.Errorf("%+v", a)
			}
			switch {
			case a.Change == detect.Start && open[a.ID], a.Change == detect.End && !open[a.ID]:
				t.Errorf("%s of %s that is open: %v", a.Change, a.ID, open[a.ID])
			}
			open[a.ID] = a.Change != detect.End
		}
		now := epoch
		for i := range 40 {
			now = now.Add(time.Duration(i) * 100 * time.Millisecond)
			_ = d.Decode(payload, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + i%3)}), 6343), now, h)
			h.g.Tick(now)
			var dropped uint64
			facts, dropped = h.g.Take(facts[:0])
			s.Add(facts, dropped)
			s.Tick(now, emit)
			if w := s.Watchlist(); w != nil {
				h.g.SetWatch(w)
			}
		}
		s.Close(now, emit, detect.ReasonShutdown)
		for id, is := range open {
			if is {
				t.Errorf("%s never ended", id)
			}
		}
	})
}
