package traffic

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"
)

// Demo is a small site: a spine, two leaves, two hypervisors with four
// instances each, a third hypervisor whose telemetry others make, servers and the
// Internet. The hypervisors keep their storage alike, by which the leaves see where
// each is attached. Its benign traffic is many short
// flows, few of them large (Zipf); every half minute an elephant flow of 10 s
// runs from a server on one leaf to one on the other, so that five ports of
// three switches see it. Datagrams come from 127.0.0.0/8, each
// node from an address of its own, so that they can really be sent.
func Demo(seed uint64) Config {
	const (
		spine, leaf1, leaf2, hv1, hv2 = 0, 1, 2, 3, 4
		uplink                        = 49
		gbit                          = 1e9
		polling                       = 5 * time.Second
	)
	// The host agent of a hypervisor shares the address of its bridge.
	from := func(i int) netip.AddrPort {
		host := i
		if i > hv2 {
			host = i - 2
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(10 + host)}), uint16(10000+i))
	}
	addr := netip.MustParseAddr
	leaf := func(i int, a string) Agent {
		g := Agent{Kind: Switch, Addr: addr(a), From: from(i), Expanded: i == leaf2, SamplingRate: 1000, Polling: polling, Uptime: 40 * 24 * time.Hour}
		g.Ports = []Port{{Index: uplink, Name: "swp49", Speed: 100 * gbit}}
		g.VNIs = map[uint32]uint32{1: uint32(5000 + i)} // what hypervisors send is tunnelled
		for p := uint32(1); p <= 5; p++ {
			g.Ports = append(g.Ports, Port{Index: p, Name: fmt.Sprintf("swp%d", p), Speed: 25 * gbit})
		}
		return g
	}
	bridge := func(i int, a string, node byte) Agent {
		g := Agent{Kind: Bridge, Addr: addr(a), From: from(i), SamplingRate: 400, Polling: polling, Flush: time.Second, Uptime: 6 * 24 * time.Hour}
		g.Ports = []Port{{Index: 2, Name: "eth0", Speed: 25 * gbit}}
		for p := byte(0); p < 4; p++ {
			g.Ports = append(g.Ports, Port{Index: 10 + uint32(p), Name: fmt.Sprintf("tap%02x%02xc0ffee-0", node, p+1), Speed: 10 * gbit})
		}
		return g
	}
	host := func(i int, a, name string) Agent {
		g := Agent{Kind: HostAgent, Addr: addr(a), SubAgent: 100000, From: from(i), Name: name, Flush: time.Second, Polling: 10 * time.Second, Uptime: 6 * 24 * time.Hour}
		node := byte(i - 4)
		for p := byte(0); p < 4; p++ {
			g.Instances = append(g.Instances, Instance{
				Name: fmt.Sprintf("instance-%02x%02x", node, p+1), UUID: [16]byte{0xde, 0xad, node, p + 1, 0, 0, 0x40, 0, 0x80},
				CPUs: 2, Memory: uint64(p+1) * 4 * gib, Busy: 0.2 * float64(p+1), At: End{hv1 + int(node) - 1, 10 + uint32(p)},
			})
		}
		return g
	}
	c := Config{
		Seed: seed,
		Agents: []Agent{
			{
				Kind: Switch, Addr: addr("10.255.0.1"), From: from(spine), Expanded: true, SamplingRate: 2000, Polling: polling, Uptime: 90 * 24 * time.Hour,
				Buffers: true, Discards: Discards{Every: 250 * time.Millisecond, Reason: 257, Input: 3}, // ttl_exceeded
				Ports: []Port{{1, "Ethernet1", 100 * gbit}, {2, "Ethernet2", 100 * gbit}, {3, "Ethernet3", 100 * gbit}},
			},
			leaf(leaf1, "10.255.0.11"), leaf(leaf2, "10.255.0.12"),
			bridge(hv1, "10.255.1.1", 1), bridge(hv2, "10.255.1.2", 2),
			host(5, "10.255.1.1", "hv1"), host(6, "10.255.1.2", "hv2"),
		},
		Links: []Link{
			{End{spine, 1}, End{leaf1, uplink}}, {End{spine, 2}, End{leaf2, uplink}},
			{End{leaf1, 1}, End{hv1, 2}}, {End{leaf2, 1}, End{hv2, 2}},
		},
		Hosts: []Host{{netip.MustParsePrefix("0.0.0.0/0"), End{spine, 3}}},
	}
	var servers, all []netip.Addr
	attach := func(a netip.Addr, e End) {
		c.Hosts = append(c.Hosts, Host{netip.PrefixFrom(a, 32), e})
		all = append(all, a)
	}
	for p := byte(0); p < 4; p++ {
		for node := byte(1); node <= 2; node++ {
			a := netip.AddrFrom4([4]byte{10, 10, node, 11 + p})
			attach(a, End{hv1 + int(node) - 1, 10 + uint32(p)})
		}
	}
	for p := byte(2); p <= 4; p++ {
		for i := byte(1); i <= 2; i++ {
			a := netip.AddrFrom4([4]byte{10, 20, i, 10 + p})
			attach(a, End{leaf1 + int(i) - 1, uint32(p)})
			servers = append(servers, a)
		}
	}
	hypervisors := []Host{
		{netip.MustParsePrefix("10.255.1.1/32"), End{leaf1, 1}},
		{netip.MustParsePrefix("10.255.1.2/32"), End{leaf2, 1}},
		{netip.MustParsePrefix("10.255.1.3/32"), End{leaf2, 5}},
	}
	c.Hosts, c.Flows = append(c.Hosts, hypervisors...), storage(hypervisors)
	rng := rand.New(rand.NewPCG(seed, 1<<32))
	c.Arrive = merge(mice(rng, all), elephants(servers))
	return c
}

// frameMixes are sizes of frames as clients, servers and bulk senders use them.
var frameMixes = [][]int{
	{78, 1518, 1518, 78, 1518}, {78, 594, 78, 1518}, {1518}, {78, 130, 78, 342},
}

// mice gives benign flows: 40 a second, for 3 s in the mean, of rates that fall
// with their rank, between the hosts or to and from the Internet.
func mice(rng *rand.Rand, hosts []netip.Addr) func() (Flow, bool) {
	ports := []uint16{443, 443, 443, 80, 22, 53, 3306, 5432, 9200, 6379}
	zipf := rand.NewZipf(rng, 1.2, 1, 999)
	var at time.Duration
	return func() (Flow, bool) {
		at += time.Duration(rng.ExpFloat64() * float64(time.Second) / 40)
		f := Flow{Proto: protoTCP, Start: at, Frames: frameMixes[rng.IntN(len(frameMixes))]}
		f.Stop = at + 50*time.Millisecond + time.Duration(rng.ExpFloat64()*3*float64(time.Second))
		// Ranks are drawn as often as they are popular; the few high ranks are the fast flows.
		f.Rate = uint64(20e3 * math.Pow(float64(zipf.Uint64()+1), 1.1))
		f.Rate = min(f.Rate, 30e6)
		f.Src, f.Dst = hosts[rng.IntN(len(hosts))], hosts[rng.IntN(len(hosts))]
		for f.Dst == f.Src {
			f.Dst = hosts[rng.IntN(len(hosts))]
		}
		if rng.IntN(3) == 0 {
			f.Dst = netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + rng.IntN(254))})
		}
		f.SrcPort, f.DstPort = uint16(32768+rng.IntN(28000)), ports[rng.IntN(len(ports))]
		if f.DstPort == 53 { // resolvers ask and answer little
			f.Proto, f.Frames, f.Rate = protoUDP, frameMixes[len(frameMixes)-1], min(f.Rate, 200e3)
		}
		if rng.IntN(2) == 0 { // the way back
			f.Src, f.Dst, f.SrcPort, f.DstPort = f.Dst, f.Src, f.DstPort, f.SrcPort
		}
		return f, true
	}
}

// storage gives a flow of 12 Mbit/s from each host to the next, as of replicas that
// are kept alike.
func storage(hosts []Host) (all []Flow) {
	for i := range hosts {
		to := hosts[(i+1)%len(hosts)]
		all = append(all, Flow{
			Src: hosts[i].Net.Addr(), Dst: to.Net.Addr(), SrcPort: uint16(45000 + i), DstPort: 6800, Proto: protoTCP, Rate: 12e6,
		})
	}
	return all
}

// elephants gives a flow of 6 Gbit/s from 5 s on, every half minute for 10 s,
// from a server of the first leaf to one of the second.
func elephants(servers []netip.Addr) func() (Flow, bool) {
	i := 0
	return func() (Flow, bool) {
		start := 5*time.Second + time.Duration(i)*30*time.Second
		src, dst := servers[2*i%len(servers)], servers[(2*i+3)%len(servers)]
		i++
		return Flow{
			Src: src, Dst: dst, SrcPort: uint16(40000 + i%20000), DstPort: 873, Proto: protoTCP,
			Rate: 6e9, Start: start, Stop: start + 10*time.Second,
		}, true
	}
}

// merge gives the flows of both in order of their start.
func merge(x, y func() (Flow, bool)) func() (Flow, bool) {
	a, moreA := x()
	b, moreB := y()
	return func() (f Flow, ok bool) {
		if moreA && (!moreB || a.Start <= b.Start) {
			f = a
			a, moreA = x()
			return f, true
		}
		f, ok = b, moreB
		if moreB {
			b, moreB = y()
		}
		return f, ok
	}
}
