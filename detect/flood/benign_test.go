package flood

import (
	"math/rand/v2"
	"testing"
	"time"

	"weir/decoder/packet"
)

// conversation makes packets of both directions between clients and one host:
// each call one of them.
func tcpService(host uint32, clients int, flags []uint8, back float64, frame, backFrame uint32) maker {
	return func(rng *rand.Rand, h *packet.Header) uint32 {
		h.Key = packet.Key{Src: v4(client + uint32(rng.IntN(clients))), Dst: v4(host), SrcPort: port(rng), DstPort: 443, Proto: protoTCP}
		h.HasTCP, h.TCPFlags = true, flags[rng.IntN(len(flags))]
		n := frame
		if rng.Float64() < back {
			h.Key.Src, h.Key.Dst, h.Key.SrcPort, h.Key.DstPort = h.Key.Dst, h.Key.Src, h.Key.DstPort, h.Key.SrcPort
			if h.TCPFlags = ack; rng.IntN(10) == 0 {
				h.TCPFlags = syn | ack
			}
			n = backFrame
		}
		h.IPLength = uint16(n - 14)
		return n
	}
}

func udpService(host uint32, clients int, service uint16, back float64, frame, backFrame uint32) maker {
	return func(rng *rand.Rand, h *packet.Header) uint32 {
		h.Key = packet.Key{Src: v4(client + uint32(rng.IntN(clients))), Dst: v4(host), SrcPort: port(rng), DstPort: service, Proto: protoUDP}
		n := frame
		if rng.Float64() < back {
			h.Key.Src, h.Key.Dst, h.Key.SrcPort, h.Key.DstPort = h.Key.Dst, h.Key.Src, h.Key.DstPort, h.Key.SrcPort
			n = backFrame
		}
		return n
	}
}

// elephants are a few flows of full frames, answered with bare ACKs.
func elephants(host uint32, flows int, proto uint8) maker {
	return func(rng *rand.Rand, h *packet.Header) uint32 {
		n := rng.IntN(flows)
		h.Key = packet.Key{Src: v4(client + uint32(n)), Dst: v4(host), SrcPort: uint16(40000 + n), DstPort: 49152, Proto: proto}
		h.HasTCP, h.TCPFlags, h.IPLength = proto == protoTCP, ack|psh, 1500
		if rng.IntN(3) == 0 && proto == protoTCP {
			h.Key.Src, h.Key.Dst, h.Key.SrcPort, h.Key.DstPort = h.Key.Dst, h.Key.Src, h.Key.DstPort, h.Key.SrcPort
			h.TCPFlags, h.IPLength = ack, 52
			return 70
		}
		return 1514
	}
}

// Handshakes with what follows: SYN, ACK, request, ACKs, FIN.
var session = []uint8{syn, ack, ack | psh, ack, ack, ack | fin, ack}

// Loads far above every threshold that are no flood.
func TestBenign(t *testing.T) {
	for _, c := range []struct {
		name string
		pps  float64
		make maker
	}{
		{"flash crowd", 400_000, tcpService(victimHost, 60_000, session, 0.6, 80, 1400)},
		{"flash crowd, half of the handshakes repeated", 300_000, tcpService(victimHost, 60_000, append([]uint8{syn}, session...), 0.6, 80, 1400)},
		{"web server", 500_000, tcpService(victimHost, 2000, []uint8{ack, ack, ack, ack, ack | psh, ack, ack, syn, ack | fin, ack}, 0.7, 70, 1500)},
		{"backup", 800_000, elephants(victimHost, 3, protoTCP)},
		{"live migrations over udp", 400_000, elephants(victimHost, 2, protoUDP)},
		{"live migrations", 800_000, elephants(victimHost, 5, protoTCP)},
		{"resolver", 300_000, func(rng *rand.Rand, h *packet.Header) uint32 {
			n := udpService(victimHost, 20_000, 53, 0.5, 80, 300)(rng, h) // asks and is asked
			if rng.IntN(2) == 0 {
				h.Key.SrcPort, h.Key.DstPort = h.Key.DstPort, h.Key.SrcPort
			}
			return n
		}},
		{"quic server", 300_000, udpService(victimHost, 20_000, 443, 0.6, 90, 1300)},
		{"voice", 100_000, udpService(victimHost, 2000, 16384, 0.5, 214, 214)},
		{"prefix of viewers", 300_000, func(rng *rand.Rand, h *packet.Header) uint32 {
			dst := uint32(victimHost&^255 | rng.IntN(256))
			n := udpService(dst, 500, 40000, 0.15, 1300, 80)(rng, h)
			return n
		}},
		{"prefix of viewers by quic", 300_000, func(rng *rand.Rand, h *packet.Header) uint32 {
			dst := uint32(victimHost&^255 | rng.IntN(256))
			n := udpService(dst, 500, 50000, 0.04, 1300, 80)(rng, h)
			if n > 80 {
				h.Key.SrcPort = 443
			} else {
				h.Key.DstPort = 443
			}
			return n
		}},
		{"scanner", 3_000, func(rng *rand.Rand, h *packet.Header) uint32 {
			n := attack(protoTCP, syn, 40000, 0, 64)(rng, h)
			h.Key.Src = v4(client)
			return n
		}},
		{"fast scanner", 12_000, func(rng *rand.Rand, h *packet.Header) uint32 {
			n := attack(protoTCP, syn, 40000, 0, 64)(rng, h)
			h.Key.Src = v4(client)
			return n
		}},
		{"sweep", 8_000, func(rng *rand.Rand, h *packet.Header) uint32 {
			n := attack(protoTCP, syn, 40000, 22, 64)(rng, h)
			h.Key.Src, h.Key.Dst = v4(client), v4(0x0a090000|rng.Uint32()&0xffff)
			return n
		}},
		{"multicast", 300_000, to(0xe0000105, attack(protoUDP, 0, 0, 5000, 1400))},
		{"esp", 300_000, func(rng *rand.Rand, h *packet.Header) uint32 {
			h.Key = packet.Key{Src: anyone(rng), Dst: v4(victimHost), Proto: 50}
			return 1400
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, rate := range []uint32{100, 1000, 10_000} {
				for seed := range uint64(2) {
					for _, flush := range []time.Duration{0, time.Second} {
						w := newWorld(Default(), 2)
						d := 20 * time.Second * time.Duration(rate) / 1000
						d = min(max(d, 4*time.Second), 100*time.Second)
						w.play(generate(seed, source{pps: c.pps, rate: rate, from: 0, to: d, packet: c.make, flush: flush}))
						w.until(d + 5*time.Second)
						if s := w.starts(); len(s) != 0 {
							t.Fatalf("1:%d seed %d flush %v: %d alerts:%v", rate, seed, flush, len(s), w)
						}
					}
				}
			}
		})
	}
}

// What is usual for a host is learned, and what is far above it is found.
func TestBaseline(t *testing.T) {
	const rate = 1000
	// 15,000 packets a second of one-way UDP, day in, day out, then twice that,
	// then ten times.
	w := newWorld(Default(), 1)
	load := attack(protoUDP, 0, 0, 5060, 300)
	w.play(generate(3, source{pps: 15_000, rate: rate, to: 10 * time.Minute, packet: load}))
	if s := w.starts(); len(s) != 0 {
		t.Fatalf("alerts while learning:%v", w)
	}
	w.play(generate(4, source{pps: 30_000, rate: rate, from: 10 * time.Minute, to: 12 * time.Minute, packet: load}))
	if s := w.starts(); len(s) != 0 {
		t.Fatalf("alerts at twice the usual:%v", w)
	}
	w.play(generate(5, source{pps: 150_000, rate: rate, from: 12 * time.Minute, to: 12*time.Minute + 10*time.Second, packet: load}))
	w.until(12*time.Minute + 11*time.Second)
	s := w.starts()
	if len(s) != 1 {
		t.Fatalf("alerts at ten times the usual:%v", w)
	}
	if s[0].Usual < 12_000 || s[0].Usual > 40_000 {
		t.Errorf("usual %.0f", s[0].Usual)
	}
	// A host that has many connections is not blind to handshakes beyond them.
	w = newWorld(Default(), 1)
	web := tcpService(victimHost, 2000, []uint8{ack, ack, ack | psh, ack, ack, ack, ack, syn, ack | fin, ack}, 0.5, 70, 1500)
	w.play(generate(6, source{pps: 200_000, rate: rate, to: 7 * time.Minute, packet: web}))
	if s := w.starts(); len(s) != 0 {
		t.Fatalf("alerts of a web server:%v", w)
	}
	w.play(generate(7, source{pps: 200_000, rate: rate, from: 7 * time.Minute, to: 7*time.Minute + 10*time.Second, packet: web},
		source{pps: 60_000, rate: rate, from: 7 * time.Minute, to: 7*time.Minute + 10*time.Second, packet: attack(protoTCP, syn, 0, 443, 64)}))
	if s := w.starts(); len(s) != 1 || s[0].Class != "syn_flood" {
		t.Fatalf("alerts of a flooded web server:%v", w)
	}
}
