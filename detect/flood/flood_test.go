package flood

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"weir/decoder/packet"
)

var attacks = []struct {
	name, class, vector string
	packet              maker
}{
	{"syn", "syn_flood", "", attack(protoTCP, syn, 0, 80, 64)},
	{"udp", "udp_flood", "", attack(protoUDP, 0, 0, 0, 512)},
	{"dns", "amplification", "dns", attack(protoUDP, 0, 53, 0, 1400)},
	{"ntp", "amplification", "ntp", attack(protoUDP, 0, 123, 80, 482)},
	{"memcached", "amplification", "memcached", attack(protoUDP, 0, 11211, 0, 1428)},
	{"cldap", "amplification", "cldap", attack(protoUDP, 0, 389, 0, 1428)},
	{"ssdp", "amplification", "ssdp", attack(protoUDP, 0, 1900, 0, 340)},
	{"snmp", "amplification", "snmp", attack(protoUDP, 0, 161, 0, 1400)},
	{"chargen", "amplification", "chargen", attack(protoUDP, 0, 19, 0, 1000)},
	{"icmp", "icmp_flood", "", attack(protoICMP, 0, 0, 0, 98)},
	{"synack", "synack_reflection", "syn_ack", attack(protoTCP, syn|ack, 443, 0, 64)},
	{"rst", "rst_flood", "rst", attack(protoTCP, rst, 0, 80, 64)},
	{"null", "tcp_anomaly", "null", attack(protoTCP, 0, 0, 80, 64)},
	{"xmas", "tcp_anomaly", "xmas", attack(protoTCP, fin|psh|urg, 0, 80, 64)},
	{"fragments", "fragment_flood", "", fragments},
}

func fragments(rng *rand.Rand, h *packet.Header) uint32 {
	h.Key = packet.Key{Src: anyone(rng), Dst: v4(victimHost), Proto: protoUDP}
	h.HasKey, h.Fragment, h.FragOff, h.MoreFrags, h.Depth = false, true, 1480, true, packet.DepthNetwork
	return 1514
}

// delays runs one attack with several seeds and returns the sorted delays of
// its first alert, and how many had the right class.
func delays(t *testing.T, m maker, pps float64, rate uint32, class, vector string, runs int) (d []time.Duration, right int, ratios []float64) {
	t.Helper()
	for seed := range runs {
		w := newWorld(Default(), 1)
		begin := time.Second + time.Duration(seed*137)*time.Millisecond
		w.until(begin - 100*time.Millisecond)
		w.play(generate(uint64(seed), source{pps: pps, rate: rate, from: begin, to: begin + time.Duration(80*float64(rate)/pps*1e9) + 400*time.Millisecond, packet: m}))
		s := w.starts()
		if len(s) != 1 {
			t.Fatalf("%s %.0f pps 1:%d seed %d: %d alerts%v", class, pps, rate, seed, len(s), w)
		}
		d = append(d, time.Unix(0, s[0].At).Sub(epoch)-begin)
		ratios = append(ratios, s[0].Now.PacketsPerSecond/pps)
		if s[0].Class == class && s[0].Vector == vector {
			right++
		} else {
			t.Logf("seed %d: %s %s", seed, s[0].Class, s[0].Vector)
		}
	}
	slices.Sort(d)
	slices.Sort(ratios)
	return d, right, ratios
}

// Every class is found and named: half of the time within twelve samples and
// 0.1 s.
func TestClasses(t *testing.T) {
	for _, a := range attacks {
		for _, c := range []struct {
			pps  float64
			rate uint32
		}{{40_000, 100}, {100_000, 400}, {100_000, 1000}, {1_000_000, 1000}, {100_000, 4096}} {
			t.Run(fmt.Sprintf("%s/%.0f:%d", a.name, c.pps, c.rate), func(t *testing.T) {
				const runs = 20
				d, right, ratios := delays(t, a.packet, c.pps, c.rate, a.class, a.vector, runs)
				want := time.Duration(12*float64(c.rate)/c.pps*1e9) + 100*time.Millisecond
				t.Logf("p50 %v p99 %v, want %v; estimate/truth %.2f", d[runs/2], d[runs-1], want, ratios[runs/2])
				if d[runs/2] > want {
					t.Errorf("p50 %v, want at most %v", d[runs/2], want)
				}
				if right < runs*99/100 {
					t.Errorf("%d of %d have the right class", right, runs)
				}
			})
		}
	}
}

// A flood of 2, 5 and 10 times 20,000 packets a second, sampled 1:100, is
// noticed within 0.15 s, and its first estimate is not biased.
func TestDelayAndBias(t *testing.T) {
	for _, pps := range []float64{40_000, 100_000, 200_000} {
		const runs = 200
		d, _, ratios := delays(t, attack(protoUDP, 0, 0, 0, 512), pps, 100, "udp_flood", "", runs)
		var mean float64
		for _, r := range ratios {
			mean += r / runs
		}
		t.Logf("%.0f pps: p50 %v p99 %v, estimate/truth mean %.3f median %.3f", pps, d[runs/2], d[runs*99/100], mean, ratios[runs/2])
		if d[runs/2] > 150*time.Millisecond {
			t.Errorf("%.0f pps: p50 %v", pps, d[runs/2])
		}
		if mean < 0.9 || mean > 1.1 {
			t.Errorf("%.0f pps: first estimate is %.2f of the truth", pps, mean)
		}
	}
}

// A flood of ACKs at a server whose answers are seen too.
func TestACKFlood(t *testing.T) {
	found := 0
	const runs = 20
	for seed := range uint64(runs) {
		w := newWorld(Default(), 1)
		begin := 20 * time.Second
		w.play(generate(seed,
			source{pps: 20_000, rate: 1000, to: begin + 5*time.Second, packet: tcpService(victimHost, 2000, session, 0.5, 80, 1400)},
			source{pps: 200_000, rate: 1000, from: begin, to: begin + 5*time.Second, packet: attack(protoTCP, ack, 0, 443, 64)}))
		s := w.starts()
		if len(s) == 1 && s[0].Class == "ack_flood" && time.Unix(0, s[0].At).Sub(epoch) > begin {
			found++
		} else {
			t.Logf("seed %d:%v", seed, w)
		}
	}
	if found < runs {
		t.Errorf("found %d of %d", found, runs)
	}
}

// Little that came before does not hide when a flood began.
func TestOnset(t *testing.T) {
	const runs = 60
	covered := 0
	var sum float64
	for seed := range uint64(runs) {
		w := newWorld(Default(), 1)
		begin := 60 * time.Second
		w.play(generate(seed,
			source{pps: 2000, rate: 10_000, to: begin + 3*time.Second, packet: tcpService(victimHost, 2000, session, 0.5, 80, 1400)},
			source{pps: 100_000, rate: 10_000, from: begin, to: begin + 3*time.Second, packet: attack(protoTCP, syn, 0, 443, 64)}))
		s := w.starts()
		if len(s) != 1 {
			t.Fatalf("seed %d:%v", seed, w)
		}
		sum += s[0].Now.PacketsPerSecond / 100_000 / runs
		if s[0].Now.Low <= 100_000 && 100_000 <= s[0].Now.High {
			covered++
		}
	}
	if covered < runs*90/100 || sum < 0.8 || sum > 1.25 {
		t.Errorf("the interval holds the truth in %d of %d, estimate/truth %.2f", covered, runs, sum)
	}
}
