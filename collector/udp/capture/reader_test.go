package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	from4 = netip.MustParseAddrPort("192.0.2.1:49152")
	to4   = netip.MustParseAddrPort("198.51.100.2:6343")
	from6 = netip.MustParseAddrPort("[2001:db8::1]:49152")
	to6   = netip.MustParseAddrPort("[2001:db8::2]:6343")
	when  = time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.UTC)
)

func payload(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	return b
}

// ip returns an IP packet of a UDP datagram.
func ip(t testing.TB, from, to netip.AddrPort, data []byte) []byte {
	t.Helper()
	frame, err := appendFrame(nil, Datagram{Payload: data, From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	return frame[14:]
}

// classic builds a pcap file by hand.
func classic(order binary.AppendByteOrder, magic, link uint32, packets ...[]byte) []byte {
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = order.AppendUint32(b, 65535)
	b = order.AppendUint32(b, link)
	for _, p := range packets {
		b = order.AppendUint32(b, uint32(when.Unix()))
		if magic == pcapMagicNanos {
			b = order.AppendUint32(b, uint32(when.Nanosecond()))
		} else {
			b = order.AppendUint32(b, uint32(when.Nanosecond()/1000))
		}
		b = order.AppendUint32(b, uint32(len(p)))
		b = order.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

// readAll reads a capture to its end; what ended it, io.EOF apart, is err.
func readAll(t testing.TB, file []byte, opt Options) (ds []Datagram, stats Stats, err error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file), "test", opt)
	if err != nil {
		return nil, Stats{}, err
	}
	for {
		d, err := r.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return ds, r.Stats(), err
		}
		d.Payload = bytes.Clone(d.Payload)
		ds = append(ds, d)
	}
}

var equal = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
}

func TestReaderReadsEveryLinkType(t *testing.T) {
	data := payload(300)
	v4, v6 := ip(t, from4, to4, data), ip(t, from6, to6, data)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	macs := make([]byte, 12)
	tests := []struct {
		name   string
		link   uint32
		packet []byte
		v6     bool
	}{
		{"Ethernet", 1, join(macs, []byte{8, 0}, v4), false},
		{"Ethernet IPv6", 1, join(macs, []byte{0x86, 0xdd}, v6), true},
		{"Ethernet with frame check sequence announced", 1 | 0x24000000, join(macs, []byte{8, 0}, v4, []byte{1, 2, 3, 4}), false},
		{"VLAN", 1, join(macs, []byte{0x81, 0, 0, 42, 8, 0}, v4), false},
		{"QinQ IPv6", 1, join(macs, []byte{0x88, 0xa8, 0, 42, 0x81, 0, 0, 7, 0x86, 0xdd}, v6), true},
		{"cooked v1", 113, join([]byte{0, 0, 3, 4, 0, 6}, make([]byte, 8), []byte{8, 0}, v4), false},
		{"cooked v1 VLAN IPv6", 113, join(make([]byte, 14), []byte{0x81, 0, 0, 42, 0x86, 0xdd}, v6), true},
		{"cooked v2", 276, join([]byte{8, 0, 0, 0}, make([]byte, 16), v4), false},
		{"cooked v2 IPv6", 276, join([]byte{0x86, 0xdd, 0, 0}, make([]byte, 16), v6), true},
		{"raw IP", 101, v4, false},
		{"raw IP of IPv6", 101, v6, true},
		{"raw IP as 12", 12, v4, false},
		{"raw IP as 14", 14, v4, false},
		{"IPv4", 228, v4, false},
		{"IPv6", 229, v6, true},
		{"null little endian", 0, join([]byte{2, 0, 0, 0}, v4), false},
		{"null big endian IPv6", 0, join([]byte{0, 0, 0, 30}, v6), true},
		{"loop", 108, join([]byte{0, 0, 0, 2}, v4), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := []Datagram{{Payload: data, From: from4, To: to4, At: when}}
			if tt.v6 {
				want[0].From, want[0].To = from6, to6
			}
			got, stats, err := readAll(t, classic(binary.LittleEndian, pcapMagicNanos, tt.link, tt.packet), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, equal); diff != "" {
				t.Errorf("classic (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(Stats{Packets: 1, Datagrams: 1}, stats); diff != "" {
				t.Errorf("stats (-want +got):\n%s", diff)
			}
			if got, _, err = readAll(t, ng(binary.LittleEndian, tt.link&0xffff, 9, tt.packet), Options{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, equal); diff != "" {
				t.Errorf("pcapng (-want +got):\n%s", diff)
			}
			// A link header cut anywhere is no datagram and no panic.
			r := &Reader{opt: Options{Ports: []uint16{DefaultPort}}}
			for n := range min(len(tt.packet)-300, 42) {
				if r.decode(&packet{data: tt.packet[:n:n], link: tt.link & 0xffff}, new(Datagram)) {
					t.Errorf("a datagram in the first %d octets", n)
				}
			}
		})
	}
}

func TestReaderReadsEveryMagic(t *testing.T) {
	packet := ip(t, from4, to4, payload(20))
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for magic, at := range map[uint32]time.Time{pcapMagic: when.Truncate(time.Microsecond), pcapMagicNanos: when} {
			t.Run(fmt.Sprintf("%v %x", order, magic), func(t *testing.T) {
				want := Datagram{Payload: payload(20), From: from4, To: to4, At: at}
				got, _, err := readAll(t, classic(order, magic, 101, packet, packet), Options{})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]Datagram{want, want}, got, equal); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestReaderChoosesPorts(t *testing.T) {
	var packets [][]byte
	for _, port := range []uint16{6343, 6344, 53} {
		packets = append(packets, ip(t, from4, netip.AddrPortFrom(to4.Addr(), port), payload(20)))
	}
	tests := []struct {
		name string
		opt  Options
		want int
	}{
		{"default", Options{}, 1},
		{"two ports", Options{Ports: []uint16{53, 6344}}, 2},
		{"any", Options{AnyPort: true}, 3},
		{"another", Options{Ports: []uint16{1}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, stats, err := readAll(t, classic(binary.LittleEndian, pcapMagic, 101, packets...), tt.opt)
			if err != nil || len(got) != tt.want {
				t.Errorf("%d datagrams, %v; want %d", len(got), err, tt.want)
			}
			if stats.OtherPort != uint64(3-tt.want) {
				t.Errorf("stats %+v", stats)
			}
		})
	}
}

func TestReaderCountsWhatItLeavesOut(t *testing.T) {
	v4, v6 := ip(t, from4, to4, payload(100)), ip(t, from6, to6, payload(100))
	change := func(b []byte, at int, values ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], values)
		return b
	}
	tests := []struct {
		name   string
		packet []byte
		want   Stats
	}{
		{"TCP", change(v4, 9, 6), Stats{NotUDP: 1}},
		{"TCP over IPv6", change(v6, 6, 6), Stats{NotUDP: 1}},
		{"IP version 5", change(v4, 0, 0x55), Stats{NotUDP: 1}},
		{"no octets", nil, Stats{NotUDP: 1}},
		{"IPv4 header of 16 octets", change(v4, 0, 0x44), Stats{Malformed: 1}},
		{"IPv4 total shorter than its header", change(v4, 2, 0, 19), Stats{Malformed: 1}},
		{"UDP of 7 octets", change(v4, 24, 0, 7), Stats{Malformed: 1}},
		{"UDP longer than its packet", change(v4, 24, 0, 109), Stats{Malformed: 1}},
		{"cut in the UDP header", v4[:27], Stats{Malformed: 1}},
		{"cut in the IPv6 header", v6[:39], Stats{Malformed: 1}},
		{"IPv6 extension longer than the packet", change(change(v6, 6, 0), 41, 255), Stats{Malformed: 1}},
		{"cut in the payload", v4[:60], Stats{Datagrams: 1, Cut: 1}},
		{"cut in the payload of IPv6", v6[:60], Stats{Datagrams: 1, Cut: 1}},
		{"IPv4 of length 0", change(v4, 2, 0, 0), Stats{Datagrams: 1}},
		{"UDP of length 0", change(v4, 24, 0, 0), Stats{Datagrams: 1}},
		{"padded frame", append(bytes.Clone(v4), 0, 0, 0), Stats{Datagrams: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Packets = 1
			got, stats, err := readAll(t, classic(binary.BigEndian, pcapMagic, 101, tt.packet), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, stats); diff != "" {
				t.Errorf("stats (-want +got):\n%s", diff)
			}
			for _, d := range got {
				if want := payload(100)[:len(d.Payload)]; !bytes.Equal(d.Payload, want) || (len(want) < 100) != d.Cut {
					t.Errorf("payload of %d octets, cut %v", len(d.Payload), d.Cut)
				}
			}
		})
	}
}

func TestReaderReadsIPv6BehindExtensions(t *testing.T) {
	packet := ip(t, from6, to6, payload(50))
	chain := []byte{
		43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // hop-by-hop of 16 octets
		51, 0, 0, 0, 0, 0, 0, 0, // routing
		60, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // authentication of 16
		44, 0, 1, 4, 0, 0, 0, 0, // destination options
		17, 0, 0, 0, 0, 0, 0, 9, // an atomic fragment
	}
	with := append(bytes.Clone(packet[:40]), append(chain, packet[40:]...)...)
	binary.BigEndian.PutUint16(with[4:], uint16(len(with)-40))
	with[6] = 0
	got, _, err := readAll(t, classic(binary.LittleEndian, pcapMagicNanos, 229, with), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Datagram{{Payload: payload(50), From: from6, To: to6, At: when}}
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReaderStopsAtCut(t *testing.T) {
	packet := ip(t, from4, to4, payload(20))
	files := map[string]struct {
		file      []byte
		head, per int // octets before the first packet, and of each
	}{
		"pcap":   {classic(binary.LittleEndian, pcapMagic, 101, packet, packet, packet), 24, 16 + len(packet)},
		"pcapng": {ng(binary.LittleEndian, 101, 9, packet, packet, packet), 28 + 32, 32 + len(packet)},
	}
	for name, f := range files {
		t.Run(name, func(t *testing.T) {
			if len(f.file) != f.head+3*f.per {
				t.Fatalf("file of %d octets", len(f.file))
			}
			for n := f.head; n <= len(f.file); n++ {
				got, _, err := readAll(t, f.file[:n], Options{})
				whole := (n - f.head) / f.per
				if (n-f.head)%f.per == 0 {
					if err != nil {
						t.Errorf("at %d, between packets: %v", n, err)
					}
				} else if !errors.Is(err, ErrCut) || !strings.Contains(err.Error(), fmt.Sprintf("test: after packet %d: capture is cut", whole)) {
					t.Errorf("at %d: %v, want ErrCut", n, err)
				}
				if len(got) != whole {
					t.Errorf("at %d: %d datagrams, want %d", n, len(got), whole)
				}
			}
			for n := range 24 {
				if _, _, err := readAll(t, f.file[:n], Options{}); !errors.Is(err, ErrNotCapture) {
					t.Errorf("at %d: %v, want ErrNotCapture", n, err)
				}
			}
		})
	}
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		path, text string
		is         error
	}{
		{file("empty", nil), "empty: not a capture file", ErrNotCapture},
		{file("text", []byte("hello, world")), "neither pcap nor pcapng, it begins with 68 65 6c 6c: not a capture file", ErrNotCapture},
		{file("gz", []byte{0x1f, 0x8b, 8, 0}), "compressed, unpack it with gunzip first", ErrNotCapture},
		{file("wifi", classic(binary.LittleEndian, pcapMagic, 105)), "link type 105: link type not supported", ErrLinkType},
		{file("version", append([]byte{0xd4, 0xc3, 0xb2, 0xa1, 9}, make([]byte, 40)...)), "pcap version 9.0: not a capture file", ErrNotCapture},
		{filepath.Join(dir, "missing"), "no such file or directory", os.ErrNotExist},
		{dir, "is a directory", nil},
	}
	for _, tt := range tests {
		t.Run(filepath.Base(tt.path), func(t *testing.T) {
			r, err := Open(tt.path, Options{})
			if err == nil {
				_ = r.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.text) || strings.Count(err.Error(), tt.path) != 1 || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want the path and %q", err, tt.text)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error %v is no %v", err, tt.is)
			}
		})
	}
}

func TestReaderBoundsWhatLengthsSay(t *testing.T) {
	good := ip(t, from4, to4, payload(20))
	head := classic(binary.LittleEndian, pcapMagic, 101, good)
	packet := func(captured, length uint32) []byte {
		b := append(bytes.Clone(head), make([]byte, 8)...)
		b = binary.LittleEndian.AppendUint32(b, captured)
		return append(binary.LittleEndian.AppendUint32(b, length), make([]byte, 100)...)
	}
	ngHead := ng(binary.LittleEndian, 101, 9, good)
	block := func(words ...uint32) []byte {
		b := bytes.Clone(ngHead)
		for _, w := range words {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
		return b
	}
	tests := map[string][]byte{
		"pcap captured 4 GiB":             packet(1<<32-1, 1<<32-1),
		"pcap captured more than length":  packet(100, 99),
		"pcap captured above bound":       packet(MaxPacket+1, MaxPacket+1),
		"pcapng captured 4 GiB":           block(6, 1<<32-4, 0, 0, 0, 1<<32-1, 1<<32-1, 0),
		"pcapng captured more than block": block(6, 36, 0, 0, 0, 5, 5, 0, 36),
		"pcapng block of 0":               block(6, 0, 0, 0),
		"pcapng unaligned block":          block(6, 33, 0, 0, 0, 0, 0, 0, 0),
		"pcapng unknown block of 0":       block(99, 0, 0, 0),
		"pcapng interface of 4 GiB":       block(1, 1<<32-4, 0, 0, 0),
		"pcapng interface missing":        block(6, 32, 1, 0, 0, 0, 0, 32),
		"pcapng two lengths":              block(6, 32, 0, 0, 0, 0, 0, 36),
		"pcapng resolution base 10":       block(1, 28, 101, 0, 9|1<<16, 127, 0, 28),
		"pcapng resolution base 2":        block(1, 28, 101, 0, 9|1<<16, 255, 0, 28),
		"pcapng option beyond block":      block(1, 24, 101, 0, 9|1<<31, 24),
		"pcapng section of other order":   block(blockSection, 28, 0x12345678, 1, 0, 0, 28),
	}
	for name, file := range tests {
		t.Run(name, func(t *testing.T) {
			got, _, err := readAll(t, file, Options{})
			if !errors.Is(err, ErrDamaged) || len(got) != 1 {
				t.Errorf("%d datagrams, %v; want one and ErrDamaged", len(got), err)
			}
		})
	}
}

func TestReaderReportsProgress(t *testing.T) {
	file := classic(binary.LittleEndian, pcapMagic, 101, ip(t, from4, to4, payload(20)))
	path := filepath.Join(t.TempDir(), "a.pcap")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = r.Next()
	}
	if r.Size() != int64(len(file)) || r.BytesRead() != r.Size() || !errors.Is(err, io.EOF) {
		t.Errorf("read %d of %d, file has %d; %v", r.BytesRead(), r.Size(), len(file), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
