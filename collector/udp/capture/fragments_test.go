package capture

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// split cuts an IP packet into fragments of size octets of payload.
func split(packet []byte, id uint32, size int) [][]byte {
	v6 := packet[0]>>4 == 6
	head := 20
	if v6 {
		head = 40
	}
	var out [][]byte
	for body, at := packet[head:], 0; at < len(body); at += size {
		end := min(at+size, len(body))
		more := end < len(body)
		f := bytes.Clone(packet[:head])
		if v6 {
			f[6] = headerFragment
			binary.BigEndian.PutUint16(f[4:], uint16(8+end-at))
			offset := uint16(at)
			if more {
				offset |= 1
			}
			f = append(f, packet[6], 0)
			f = binary.BigEndian.AppendUint16(f, offset)
			f = binary.BigEndian.AppendUint32(f, id)
		} else {
			binary.BigEndian.PutUint16(f[2:], uint16(head+end-at))
			binary.BigEndian.PutUint16(f[4:], uint16(id))
			offset := uint16(at / 8)
			if more {
				offset |= 0x2000
			}
			binary.BigEndian.PutUint16(f[6:], offset)
		}
		out = append(out, append(f, body[at:end]...))
	}
	return out
}

func TestReaderReassemblesFragments(t *testing.T) {
	families := map[string][2]netip.AddrPort{"IPv4": {from4, to4}, "IPv6": {from6, to6}}
	for family, addrs := range families {
		want := func(n int) Datagram {
			return Datagram{Payload: payload(n), From: addrs[0], To: addrs[1], At: when}
		}
		fragments := func(n int, id uint32, size int) [][]byte {
			return split(ip(t, addrs[0], addrs[1], payload(n)), id, size)
		}
		check := func(t *testing.T, packets [][]byte, want []Datagram, stats Stats) {
			t.Helper()
			got, s, err := readAll(t, classic(binary.LittleEndian, pcapMagicNanos, 101, packets...), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, equal); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			stats.Packets, stats.Datagrams, stats.Reassembled = uint64(len(packets)), uint64(len(want)), uint64(len(want))
			stats.Fragments = stats.Packets
			if diff := cmp.Diff(stats, s); diff != "" {
				t.Errorf("stats (-want +got):\n%s", diff)
			}
		}
		t.Run(family+" in order", func(t *testing.T) {
			check(t, fragments(4000, 1, 1448), []Datagram{want(4000)}, Stats{})
		})
		t.Run(family+" reversed", func(t *testing.T) {
			f := fragments(4000, 1, 1448)
			f[0], f[2] = f[2], f[0]
			check(t, f, []Datagram{want(4000)}, Stats{})
		})
		t.Run(family+" last of one octet", func(t *testing.T) {
			check(t, fragments(1480+1-8, 1, 1480), []Datagram{want(1480 + 1 - 8)}, Stats{})
		})
		t.Run(family+" largest", func(t *testing.T) {
			n := 65507
			f := fragments(n, 1, 1448)
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(f), func(i, j int) { f[i], f[j] = f[j], f[i] })
			check(t, f, []Datagram{want(n)}, Stats{})
		})
		t.Run(family+" interleaved", func(t *testing.T) {
			a, b := fragments(3000, 1, 1448), fragments(3001, 2, 1448)
			check(t, [][]byte{a[0], b[0], b[1], a[1], a[2], b[2]}, []Datagram{want(3000), want(3001)}, Stats{})
		})
		t.Run(family+" one missing", func(t *testing.T) {
			check(t, fragments(4000, 1, 1448)[:2], nil, Stats{})
		})
		t.Run(family+" captured in part", func(t *testing.T) {
			f := fragments(4000, 1, 1448)
			f[1] = f[1][:100]
			check(t, f, nil, Stats{FragsLost: 1})
		})
		t.Run(family+" twice", func(t *testing.T) {
			f := fragments(4000, 1, 1448)
			check(t, [][]byte{f[0], f[0], f[1], f[1], f[2]}, []Datagram{want(4000)}, Stats{})
		})
	}
}

func TestReaderReassemblesIPv4WithOptionsAndDontFragment(t *testing.T) {
	packets := split(ip(t, from4, to4, payload(3000)), 7, 1480)
	for i, p := range packets {
		// Four octets of option, and the bit that some systems leave on.
		p = append(p[:20:20], append([]byte{1, 1, 1, 0}, p[20:]...)...)
		p[0] = 0x46
		p[6] |= 0x40
		binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
		packets[i] = p
	}
	got, _, err := readAll(t, classic(binary.LittleEndian, pcapMagicNanos, 101, packets...), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Datagram{{Payload: payload(3000), From: from4, To: to4, At: when}}
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFragmentsDropIPv6Overlaps(t *testing.T) {
	at := func(offset, size int, more bool) *fragment {
		return &fragment{key: fragmentKey{from6.Addr(), to6.Addr(), 1}, offset: offset, more: more, next: protoUDP, data: payload(size), at: when}
	}
	tests := []struct {
		name string
		frag []*fragment
		lost uint64
	}{
		{"overlap", []*fragment{at(0, 16, true), at(8, 16, true)}, 2},
		{"other length at the same place", []*fragment{at(0, 16, true), at(0, 8, true)}, 2},
		{"two ends", []*fragment{at(16, 8, false), at(32, 8, false)}, 2},
		{"beyond the end", []*fragment{at(16, 8, false), at(32, 8, true)}, 2},
		{"end before a piece", []*fragment{at(32, 8, true), at(16, 8, false)}, 2},
		{"not a multiple of eight", []*fragment{at(0, 9, true)}, 1},
		{"empty", []*fragment{at(0, 0, true)}, 1},
		{"longer than a packet", []*fragment{at(65528, 16, false)}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var fs fragments
			for _, f := range tt.frag {
				if _, data := fs.add(f); data != nil {
					t.Fatalf("%d octets delivered", len(data))
				}
			}
			if len(fs.partial) != 0 || fs.lost != tt.lost {
				t.Errorf("%d wait, %d lost; want none and %d", len(fs.partial), fs.lost, tt.lost)
			}
		})
	}
}

// TestFragmentsStayBounded floods the reassembler with what never completes.
func TestFragmentsStayBounded(t *testing.T) {
	for family, addr := range map[string]netip.AddrPort{"IPv4": from4, "IPv6": from6} {
		floods := map[string]func(i int) (id uint32, offset, size int){
			"new datagrams":       func(i int) (uint32, int, int) { return uint32(i) & 0xffff, 8, 1400 },
			"one datagram":        func(i int) (uint32, int, int) { return 1, 8 + 8*(i%8000), 8 },
			"overlapping":         func(i int) (uint32, int, int) { return 1, 8 + 8*(i%1000), 40000 },
			"few, large, at once": func(i int) (uint32, int, int) { return uint32(i % 64), 8 + 8*(i%8000), 1400 },
		}
		for name, next := range floods {
			t.Run(family+" "+name, func(t *testing.T) {
				var fs fragments
				data := payload(40000)
				const sent = 5000
				delivered := 0
				for i := range sent {
					id, offset, size := next(i)
					f := &fragment{key: fragmentKey{addr.Addr(), addr.Addr(), id}, offset: offset, more: true, data: data[:size], at: when}
					if _, out := fs.add(f); out != nil {
						delivered++
					}
					if len(fs.partial) > maxPartial {
						t.Fatalf("%d datagrams wait", len(fs.partial))
					}
				}
				kept := 0
				for _, p := range fs.partial {
					kept += p.pieces
					if p.octets > maxPieceOctets || p.pieces > maxPieces {
						t.Errorf("%d octets in %d pieces", p.octets, p.pieces)
					}
				}
				if delivered > 0 || uint64(kept)+fs.lost != sent {
					t.Errorf("%d sent, %d kept, %d lost, %d delivered", sent, kept, fs.lost, delivered)
				}
			})
		}
	}
}

func TestFragmentsForgetOld(t *testing.T) {
	var fs fragments
	f := fragment{key: fragmentKey{from6.Addr(), to6.Addr(), 1}, more: true, next: protoUDP, data: payload(8), at: when}
	fs.add(&f)
	f.offset, f.more, f.at = 8, false, when.Add(maxWait+time.Second)
	if _, data := fs.add(&f); data != nil || fs.lost != 1 {
		t.Errorf("%d octets delivered, %d lost", len(data), fs.lost)
	}
	f.offset, f.more = 0, true
	if _, data := fs.add(&f); len(data) != 16 {
		t.Errorf("%d octets delivered, want 16: the second half had just come", len(data))
	}
}
