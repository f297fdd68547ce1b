package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"

	"weir/decoder/sflow"
)

// What the instances of the demo's node send and receive: each talks to one
// client, at so many packets a second in each direction.
const (
	demoRate    = 200 // sampling rate
	demoPackets = 1500
	demoFrame   = 1000 // octets
	demoUplink  = 3    // ifIndex
	demoTap     = 10   // ifIndex of the first instance's port
)

// demoTraffic is one instance's port as a data source.
type demoTraffic struct {
	sample sflow.FlowSample
	header sflow.SampledHeader
	frame  []byte
	polls  sflow.Seq
}

func demoMAC(i int) string { return fmt.Sprintf("fa:16:3e:0d:03:%02x", i+1) }

// traffic sends the samples of a tenth of a second, while there is something to be
// forwarded.
func (n *demoNode) traffic() {
	for i := range n.ports {
		t := &n.ports[i]
		if n.down {
			continue
		}
		const packets = demoPackets / 10
		t.sample.SamplePool += 2 * packets
		for range 2 * packets {
			if n.rng.IntN(demoRate) != 0 {
				continue
			}
			n.send(func() { n.builder.FlowSample(t.next(i, n.rng), false, &t.header) })
		}
	}
}

// demoPolling is how many seconds are between two counter samples of a port.
const demoPolling = 5

// counters sends the counters of the ports, as of now.
func (n *demoNode) counters() {
	for i := range n.ports {
		t := &n.ports[i]
		pool := uint64(t.sample.SamplePool)
		ifc := sflow.IfCounters{
			Index: demoTap + uint32(i), Type: 6, Speed: 10e9, Direction: 1, Status: 3,
			InOctets: sflow.Counter64(pool * 2 / 3 * demoFrame), InUcastPkts: sflow.Counter32(uint32(pool * 2 / 3)),
			OutOctets: sflow.Counter64(pool / 3 * demoFrame), OutUcastPkts: sflow.Counter32(uint32(pool / 3)),
		}
		t.polls++
		c := sflow.CounterSample{Sequence: t.polls, Source: sflow.DataSource{Index: ifc.Index}}
		n.send(func() { n.builder.CounterSample(&c, false, &ifc, &sflow.PortName{Name: []byte(demoTapName(i))}) })
	}
}

func demoTapName(i int) string { return fmt.Sprintf("tap3%07x-e%d", 0xd0c5+i, i) }

// next makes the next sample, of a packet from the instance or to it.
func (t *demoTraffic) next(i int, rng *rand.Rand) *sflow.FlowSample {
	s := &t.sample
	s.Sequence++
	tap, uplink := sflow.Port{Value: demoTap + uint32(i)}, sflow.Port{Value: demoUplink}
	s.Source, s.SamplingRate = sflow.DataSource{Index: tap.Value}, demoRate
	vm, client := netip.AddrFrom4([4]byte{10, 10, 3, byte(11 + i)}), netip.AddrFrom4([4]byte{198, 51, 100, byte(10 + 3*i)})
	mac, router := [6]byte{0xfa, 0x16, 0x3e, 0x0d, 0x03, byte(i + 1)}, [6]byte{0x02, 0, 0, 0, 0, 1}
	if rng.IntN(3) > 0 { // it serves: most goes out
		s.Input, s.Output = tap, uplink
		t.frame = appendTCP(t.frame[:0], router, mac, vm, client, 443, uint16(40000+i))
	} else {
		s.Input, s.Output = uplink, tap
		t.frame = appendTCP(t.frame[:0], mac, router, client, vm, uint16(40000+i), 443)
	}
	t.header = sflow.SampledHeader{Protocol: 1, FrameLength: demoFrame, Stripped: 4, Header: t.frame}
	return s
}

// appendTCP appends the headers of a TCP segment with ACK and PSH, as a sample
// has them: no checksum of what is cut off.
func appendTCP(b []byte, dst, src [6]byte, from, to netip.Addr, sport, dport uint16) []byte {
	be := binary.BigEndian
	b = append(append(append(b, dst[:]...), src[:]...), 8, 0)
	b = append(be.AppendUint16(append(b, 0x45, 0), demoFrame-18), 0, 0, 0x40, 0, 64, 6, 0, 0)
	b = append(append(b, from.AsSlice()...), to.AsSlice()...)
	b = be.AppendUint16(be.AppendUint16(b, sport), dport)
	return append(b, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0)
}

// writeDemoNames writes the names of the demo's switches, as an operator would in
// names.files.
func writeDemoNames(state string) (string, error) {
	name := filepath.Join(state, "names.csv")
	return name, os.WriteFile(name, []byte("agent,agent_name,ifname,alias\n"+
		"10.255.0.1,spine1,Ethernet3,to the Internet\n"+
		"10.255.0.11,leaf1,swp1,to hv1\n10.255.0.11,leaf1,swp49,to spine1\n"+
		"10.255.0.12,leaf2,swp1,to hv2\n10.255.0.12,leaf2,swp5,to hv3\n10.255.0.12,leaf2,swp49,to spine1\n10.255.1.3,hv3,,\n"), 0o600)
}
