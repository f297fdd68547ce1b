package agents

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
)

// FuzzRegistry feeds nonsense in the shape of events: nothing may panic, rates
// are never 0, and tables keep their limits.
func FuzzRegistry(f *testing.F) {
	var seed []byte
	for i := range 64 {
		seed = append(seed, byte(i*37), byte(i))
	}
	f.Add(seed, (&sflow.IfCounters{Index: 3, Speed: 1e9}).Append((&sflow.PortName{Name: []byte("tap1")}).Append(nil)))
	f.Add(seed, (&sflow.HostParent{}).Append((&sflow.HostDescr{Hostname: []byte("h")}).Append(nil)))
	f.Fuzz(func(t *testing.T, b, records []byte) {
		l := Limits{Agents: 5, Interfaces: 8, Sources: 9, AgentInterfaces: 4, AgentSources: 5, SubAgents: 2, Hosts: 2, AdmissionBurst: 20}
		s := newSite(Config{Limits: l})
		word := func(i int) uint32 {
			var w [4]byte
			copy(w[:], b[min(i, len(b)):])
			return binary.LittleEndian.Uint32(w[:])
		}
		for i := 0; i < len(b); i += 5 {
			w, v := word(i), word(i+7)
			switch w >> 4 & 15 {
			case 0:
				s.now = time.Unix(int64(int32(v)), 0)
				s.r.Epoch(s.now)
			case 1:
				s.r.Tick(s.now)
			default:
				s.now = s.now.Add(time.Duration(w>>8&0xffff) * time.Millisecond)
			}
			addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(w & 7)})
			source := netip.AddrFrom4([4]byte{10, 0, 1, byte(w & 3)})
			a := decoder.Arrival{At: s.now, From: netip.AddrPortFrom(source, 1), Agent: addr, SubAgent: w & 3, Sequence: sflow.Seq(v), Uptime: word(i + 3)}
			s.r.Arrival(&a)
			fl := decoder.Flow{Arrival: &a, Sample: sflow.FlowSample{
				Sequence: sflow.Seq(word(i + 2)), Source: sflow.DataSource{Class: w & 3, Index: v & 15}, SamplingRate: word(i + 4), SamplePool: word(i + 6),
				Input: sflow.Port{Format: v & 3, Value: w & 15}, Output: single(v & 7),
			}}
			fl.Packet.Header.HasKey, fl.Packet.Header.Tunnel, fl.Packet.Seen = true, packet.Tunnel(v%6), decoder.Seen(v)
			if s.r.Flow(&fl); fl.Est.SamplingRate == 0 {
				t.Fatal("a sampling rate of 0")
			}
			s.r.Counters(&decoder.Counters{Arrival: &a, Sample: sflow.CounterSample{
				Sequence: sflow.Seq(v), Source: fl.Sample.Source, NumRecords: 9, RecordData: records,
			}})
			s.r.Discard(&decoder.Discard{Arrival: &a, Sample: sflow.DiscardSample{Sequence: sflow.Seq(v), Source: fl.Sample.Source}})
		}
		s.r.Tick(s.now)
		s.r.Publish()
		interfaces, sources := 0, 0
		for _, a := range s.Agents() {
			interfaces += len(a.Interfaces)
			sources += len(a.Sources)
		}
		n := s.Totals()
		if n.Agents > l.Agents || n.Interfaces != interfaces || interfaces > l.Interfaces || n.Sources != sources || sources > l.Sources {
			t.Errorf("%d interfaces, %d sources seen; %+v", interfaces, sources, n)
		}
	})
}
