package flood

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"weir/decoder/packet"
)

// A fabric of 4 leaves (agents 1–4) and 16 spines (agents 11–26). Hosts attach
// at ports 1–20 of a leaf, spine s at port 100+s; leaf l at port l of a spine.
// Peers from outside attach at leaf 1, ports 1 and 2, and leaf 2, ports 1 and 2.
func fabric(routed bool) func(rng *rand.Rand, h *packet.Header) []hop {
	return func(rng *rand.Rand, h *packet.Header) []hop {
		from := uint32(1 + h.Key.Src[13]%4) // second octet of the source address
		port := uint32(1 + h.Key.Src[15]%20)
		to := uint32(1 + h.Key.Dst[13]%4)
		if h.Key.Src[12] != 10 { // outside
			from, port = uint32(1+h.Key.Src[14]%2), uint32(1+h.Key.Src[15]%2)
		}
		spine := uint32(h.Key.SrcPort)%16 + 11
		t := uint8(0)
		if routed {
			t = 1
		}
		host := [2]byte{byte(from), h.Key.Src[15]}
		next, last := host, host
		if routed {
			next, last = [2]byte{200, byte(from)}, [2]byte{200, byte(spine)}
		}
		if h.Key.Src[12] != 10 {
			host = [2]byte{100, byte(port)} // the peer's router
		}
		hops := []hop{{agent: from, port: port, ttl: 0, mac: host}}
		if to != from {
			hops = append(hops, hop{agent: spine, port: from, ttl: t, mac: next}, hop{agent: to, port: 90 + spine, ttl: 2 * t, mac: last})
		}
		return hops
	}
}

// transfers are the large flows that teach the cut: every host talks to one
// in another leaf.
func transfers(rng *rand.Rand, h *packet.Header) uint32 {
	n := rng.IntN(160)
	from, host := n/40, n%40
	h.Key = packet.Key{
		Src: v4(0x0a000000 | uint32(from)<<16 | uint32(host)), Dst: v4(0x0a000000 | uint32((from+1+host%3)%4)<<16 | uint32(host)),
		SrcPort: uint16(2000 + n + 160*rng.IntN(4)), DstPort: 443, Proto: protoTCP,
	}
	if n < 40 { // of leaf 1, half come from outside
		if host%2 == 0 {
			h.Key.Src = v4(0x50000000 | uint32(host))
			h.Key.Src[14] = byte(host / 2 % 2)
			h.Key.Src[15] = byte(host / 4)
		}
	}
	h.HasTCP, h.TCPFlags, h.IPLength = true, ack, 1486
	return 1500
}

// routers are four, each with a peer at port 1, and nothing else sampled.
func routers(rng *rand.Rand, h *packet.Header) []hop {
	return []hop{{agent: 1 + uint32(h.Key.Src[15]%4), port: 1}}
}

func dstOf(m maker, dst uint32) maker { return to(dst, m) }

// A flood of many sources by many ways is estimated without bias: neither a
// part nor several times.
func TestCut(t *testing.T) {
	const pps, rate = 200_000, 1000
	flood := dstOf(attack(protoTCP, syn, 0, 80, 64), 0x0a030009) // behind leaf 4
	for _, c := range []struct {
		name string
		path func(rng *rand.Rand, h *packet.Header) []hop
		cut  []Port
		most float64
		edge bool
		cold bool
	}{
		{name: "leaf and spine, routed", path: fabric(true), edge: true},
		{name: "leaf and spine, switched", path: fabric(false), edge: true},
		{name: "leaf and spine, nothing learned", path: fabric(true), cold: true},
		{name: "four routers", path: routers, edge: true},
		{name: "four routers, configured", path: routers, cold: true, edge: true, cut: []Port{
			{netip.AddrFrom4([4]byte{192, 0, 2, 1}), 1}, {netip.AddrFrom4([4]byte{192, 0, 2, 2}), 1},
			{netip.AddrFrom4([4]byte{192, 0, 2, 3}), 1}, {netip.AddrFrom4([4]byte{192, 0, 2, 4}), 1},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sum float64
			const runs = 5
			for seed := range uint64(runs) {
				cfg := Default()
				cfg.Cut = c.cut
				w := newWorld(cfg, 3)
				begin := 30 * time.Second
				all := []source{{pps: pps, rate: rate, from: begin, to: begin + 15*time.Second, packet: flood, path: c.path}}
				if !c.cold {
					all = append(all, source{pps: 1_600_000, rate: rate, from: 0, to: begin + 15*time.Second, packet: transfers, path: c.path})
				}
				w.play(generate(seed, all...))
				w.until(begin + 15*time.Second)
				if s := w.starts(); len(s) != 1 || s[0].Class != "syn_flood" {
					t.Fatalf("seed %d: alerts:%v", seed, w)
				}
				last := &w.reports[len(w.reports)-1]
				if last.Now.Samples < 1000 {
					t.Fatalf("only %d samples", last.Now.Samples)
				}
				sum += last.Now.PacketsPerSecond / pps / runs
				if got := last.Now.Agent == 0; got != c.edge {
					t.Errorf("seed %d: counted on the cut: %v; %+v", seed, got, w.tracker.Stats())
				}
				if c.edge && (last.Now.Low > pps || last.Now.High < pps) {
					t.Logf("seed %d: [%.0f, %.0f] misses %d", seed, last.Now.Low, last.Now.High, pps)
				}
			}
			t.Logf("estimate/truth %.3f", sum)
			if sum < 0.9 || sum > 1.1 {
				t.Errorf("estimate is %.2f of the truth", sum)
			}
		})
	}
}

// What is sampled both where packets enter and where they leave counts once;
// what is sampled only where they leave counts.
func TestEgress(t *testing.T) {
	const pps, rate = 100_000, 1000
	for name, path := range map[string]func(*rand.Rand, *packet.Header) []hop{
		"both": func(*rand.Rand, *packet.Header) []hop {
			return []hop{{agent: 1, port: 1}, {agent: 1, port: 1, egress: true}}
		},
		"egress": func(*rand.Rand, *packet.Header) []hop { return []hop{{agent: 1, port: 1, egress: true}} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(Default(), 1)
			w.play(generate(1, source{pps: pps, rate: rate, to: 15 * time.Second, packet: attack(protoTCP, syn, 0, 80, 64), path: path}))
			if len(w.starts()) != 1 {
				t.Fatalf("alerts:%v", w)
			}
			if got := w.reports[len(w.reports)-1].Now.PacketsPerSecond / pps; got < 0.9 || got > 1.1 {
				t.Errorf("estimate is %.2f of the truth", got)
			}
		})
	}
}

// Of a flow with few samples the port where it entered often has none: ports behind
// it are known as such all the same, from the flows of which more was seen.
func TestCutOfFlowsWithFewSamples(t *testing.T) {
	addr := func(agent uint32) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(agent)}) }
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 1))
		cfg := Default()
		c := newCut(&cfg, addr)
		for n := range 20_000 { // hosts of leaf 1, over the spine 2, to leaf 3; switched
			host := rng.IntN(20)
			mean := 0.3 // samples at each agent
			if n%10 == 0 {
				mean = 4
			}
			for _, at := range []portID{{1, uint32(host)}, {2, 1}, {3, 49}} {
				for range poisson(rng, mean) {
					c.sight(&Sighting{Flow: uint64(n) * 0x9e3779b97f4a7c15, Agent: at.agent, Port: at.port, TTL: 64,
						MAC: uint64(host+1) << 58, At: int64(n) * 1e7})
				}
			}
		}
		for id, want := range map[portID]bool{{1, 3}: false, {2, 1}: true, {3, 49}: true} {
			if p := c.ports[id]; p == nil || p.inside() != want || p.edge == want {
				t.Errorf("seed %d: port %v: %+v, want inside %v", seed, id, p, want)
			}
		}
	}
}

func poisson(rng *rand.Rand, mean float64) (n int) {
	for p := rng.Float64(); p > math.Exp(-mean); p *= rng.Float64() {
		n++
	}
	return n
}
