package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"weir/collector/udp/capture"
	"weir/decoder/sflow"
)

// ip4 is an IPv4 packet of UDP from 10.0.0.1 to 10.0.0.2, size octets long.
func ip4(size int) []byte {
	b := make([]byte, size)
	copy(b, []byte{0x45, 0, byte(size >> 8), byte(size), 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x10, 0, 0x20, 0})
	return b
}

func ethernet(etherType uint16, data []byte) []byte {
	return append([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, byte(etherType >> 8), byte(etherType)}, data...)
}

// packets is a capture of n packets, gap apart; each says that it was more
// octets longer.
func packets(t *testing.T, link layers.LinkType, data []byte, more, n int, gap time.Duration) string {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriterNanos(&b)
	err := w.WriteFileHeader(1<<16, link)
	for i := range n {
		at := time.Unix(1000, 0).Add(time.Duration(i) * gap)
		ci := gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(data), Length: len(data) + more}
		err = errors.Join(err, w.WritePacket(ci, data))
	}
	if err != nil {
		t.Fatal(err)
	}
	return file(t, "in.pcap", b.String())
}

// sampledHeaders reads the datagrams of a capture.
func sampledHeaders(t *testing.T, text string) (hs []sflow.SampledHeader, datagrams []capture.Datagram) {
	t.Helper()
	r, err := capture.NewReader(strings.NewReader(text), "output", capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		d, err := r.Next()
		if errors.Is(err, io.EOF) {
			return hs, datagrams
		} else if err != nil {
			t.Fatal(err)
		}
		d.Payload = bytes.Clone(d.Payload)
		datagrams = append(datagrams, d)
		var dg sflow.Datagram
		if err := dg.Decode(d.Payload); err != nil {
			t.Fatal(err)
		}
		for smp := range dg.Samples() {
			var f sflow.FlowSample
			if f.Decode(smp) != nil {
				continue
			}
			for r := range f.Records() {
				var h sflow.SampledHeader
				if err := h.Decode(r); err != nil {
					t.Fatal(err)
				}
				hs = append(hs, h)
			}
		}
	}
}

func TestSampleDescribesEveryLink(t *testing.T) {
	v4 := ip4(60)
	v6 := append([]byte{0x60, 0, 0, 0, 0, 20, 59, 64}, make([]byte, 52)...)
	arp := make([]byte, 28)
	cooked := func(etherType byte, data []byte) []byte {
		return append(append(make([]byte, 14), 8, etherType), data...)
	}
	tests := []struct {
		name string
		link layers.LinkType
		data []byte
		want *sflow.SampledHeader // its lengths without the octets that were not captured
	}{
		{"Ethernet", layers.LinkTypeEthernet, ethernet(0x0800, v4), &sflow.SampledHeader{Protocol: 1, FrameLength: 78, Stripped: 4, Header: ethernet(0x0800, v4)}},
		{"Ethernet ARP", layers.LinkTypeEthernet, ethernet(0x0806, arp), &sflow.SampledHeader{Protocol: 1, FrameLength: 46, Stripped: 4, Header: ethernet(0x0806, arp)}},
		{"cooked", layers.LinkTypeLinuxSLL, cooked(0, v4), &sflow.SampledHeader{Protocol: 11, FrameLength: 60, Header: v4}},
		{"cooked ARP", layers.LinkTypeLinuxSLL, cooked(6, arp), nil},
		{"raw IPv4", layers.LinkTypeRaw, v4, &sflow.SampledHeader{Protocol: 11, FrameLength: 60, Header: v4}},
		{"raw IPv6", layers.LinkTypeRaw, v6, &sflow.SampledHeader{Protocol: 12, FrameLength: 60, Header: v6}},
		{"loopback", layers.LinkTypeNull, append([]byte{2, 0, 0, 0}, v4...), &sflow.SampledHeader{Protocol: 11, FrameLength: 60, Header: v4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := packets(t, tt.link, tt.data, 1000, 3, time.Millisecond)
			code, out, stderr := weir(t, "sample", in, "--rate", "1")
			hs, _ := sampledHeaders(t, out)
			if tt.want == nil {
				want := "weir: warning: " + in + ": 3 packets are no IP, and sFlow cannot describe them without Ethernet; left out\n"
				if code != 0 || len(hs) != 0 || !strings.HasPrefix(stderr, want) {
					t.Errorf("code %d, %d samples, errors %q", code, len(hs), stderr)
				}
				return
			}
			tt.want.FrameLength += 1000
			if diff := cmp.Diff([]sflow.SampledHeader{*tt.want, *tt.want, *tt.want}, hs); diff != "" || code != 0 {
				t.Errorf("code %d, errors %q (-want +got):\n%s", code, stderr, diff)
			}
			octets := commas(uint64(3 * tt.want.FrameLength))
			want := fmt.Sprintf("weir: sampled 3 of 3 packets, 1 in 1, into 1 datagrams; %s octets passed, the samples estimate %s (+0.0 %%, standard error 0.0 %%)\n", octets, octets)
			if stderr != want {
				t.Errorf("summary %q, want %q", stderr, want)
			}
		})
	}
}

// TestSampleIsForReplay samples a flow of 20 Mbit/s and finds it again.
func TestSampleIsForReplay(t *testing.T) {
	// 2,500 octets with the frame check sequence each millisecond.
	in := packets(t, layers.LinkTypeEthernet, ethernet(0x0800, ip4(100)), 2500-4-114, 5000, time.Millisecond)
	name := filepath.Join(t.TempDir(), "s.pcap")
	code, out, stderr := weir(t, "sample", in, "--rate", "1:10", "--out", name)
	if code != 0 || out != "" || !strings.Contains(stderr, " of 5,000 packets, 1 in 10, ") || !strings.Contains(stderr, "; 12,500,000 octets passed, ") {
		t.Fatalf("code %d, output %q, errors %q", code, out, stderr)
	}
	code, alerts, stderr := weir(t, "replay", name, "--threshold", "10Mbit/s")
	if code != 0 || !strings.Contains(alerts, `"kind":"large_flow"`) || !strings.Contains(alerts, `"src":"10.0.0.1"`) {
		t.Errorf("10 Mbit/s: code %d, alerts %q, errors %q", code, alerts, stderr)
	}
	if code, alerts, _ = weir(t, "replay", name, "--threshold", "100Mbit/s"); code != 0 || alerts != "" {
		t.Errorf("100 Mbit/s: code %d, alerts %q", code, alerts)
	}
}

func TestSampleIsTheSameEveryTime(t *testing.T) {
	in := packets(t, layers.LinkTypeEthernet, ethernet(0x0800, ip4(500)), 0, 2000, time.Millisecond)
	name := filepath.Join(t.TempDir(), "s.pcap")
	_, first, _ := weir(t, "sample", in, in, "--rate", "10")
	raw, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	_, piped, _ := weirWith(t, raw, "sample", "-", in, "--rate", "10")
	if code, out, stderr := weir(t, "sample", in, in, "--rate", "10", "--out", name); code != 0 || out != "" {
		t.Errorf("code %d, output of %d octets, errors %q", code, len(out), stderr)
	}
	written, err := os.ReadFile(name)
	if err != nil || string(written) != first || piped != first || len(first) < 1000 {
		t.Errorf("%d octets to a file, %d from a pipe, %d to standard output differ; %v", len(written), len(piped), len(first), err)
	}
	if _, other, _ := weir(t, "sample", in, in, "--rate", "10", "--seed", "2"); other == first {
		t.Error("another seed gives the same")
	}
	// The second file begins where the clock was already: one agent, one
	// sequence, one pool.
	_, ds := sampledHeaders(t, first)
	for i, d := range ds {
		var dg sflow.Datagram
		if err := dg.Decode(d.Payload); err != nil || dg.Sequence != sflow.Seq(i+1) || d.From != netip.MustParseAddrPort("192.0.2.1:6343") {
			t.Fatalf("datagram %d from %v: sequence %d, %v", i, d.From, dg.Sequence, err)
		}
	}
}

func TestSampleObeysItsFlags(t *testing.T) {
	in := packets(t, layers.LinkTypeEthernet, ethernet(0x0800, ip4(500)), 0, 20, 100*time.Millisecond)
	_, out, _ := weir(t, "sample", in, "--rate", "1", "--agent", "2001:db8::7", "--header", "40", "--flush", "0", "--speed", "0", "--polling", "0", "--expanded")
	hs, ds := sampledHeaders(t, out)
	if len(hs) != 20 || len(ds) != 20 || len(hs[0].Header) != 40 || ds[0].To.Addr() != netip.MustParseAddr("2001:db8::2") || !ds[1].At.Equal(time.Unix(1000, 1e8)) {
		t.Errorf("%d samples in %d datagrams, the first %+v to %v", len(hs), len(ds), hs[0], ds[0].To)
	}
	_, out, _ = weir(t, "sample", in, "--rate", "1", "--speed", "25Gbit/s", "--polling", "500ms")
	_, ds = sampledHeaders(t, out)
	var dg sflow.Datagram
	polls := 0
	for _, d := range ds {
		if err := dg.Decode(d.Payload); err != nil {
			t.Fatal(err)
		}
		for smp := range dg.Samples() {
			var c sflow.CounterSample
			if c.Decode(smp) != nil {
				continue
			}
			for r := range c.Records() {
				var ic sflow.IfCounters
				if err := ic.Decode(r); err != nil || ic.Speed != 25e9 {
					t.Errorf("counters %+v, %v", ic, err)
				}
				polls++
			}
		}
	}
	if polls != 4 { // at 0, 0.5, 1 and 1.5 s of 1.9
		t.Errorf("%d counter samples, want 4", polls)
	}
}

func TestSampleSends(t *testing.T) {
	in := packets(t, layers.LinkTypeEthernet, ethernet(0x0800, ip4(500)), 0, 10, 20*time.Millisecond)
	_, out, _ := weir(t, "sample", in, "--rate", "1", "--flush", "0")
	_, want := sampledHeaders(t, out)
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	begin := time.Now()
	code, out, stderr := weir(t, "sample", in, "--rate", "1", "--flush", "0", "--to", l.LocalAddr().String(), "--realtime")
	if took := time.Since(begin); code != 0 || out != "" || took < 170*time.Millisecond { // nine pauses
		t.Fatalf("code %d, output %q, errors %q, in %v", code, out, stderr, took)
	}
	buf := make([]byte, 2000)
	for i, d := range want {
		if err := l.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, _, err := l.ReadFrom(buf)
		if err != nil || !bytes.Equal(buf[:n], d.Payload) {
			t.Fatalf("datagram %d of %d: %v", i, len(want), err)
		}
	}
	addr := l.LocalAddr().String()
	l.Close()
	if code, _, stderr = weir(t, "sample", in, "--rate", "1", "--flush", "0", "--realtime", "--to", addr); code != 1 || !strings.HasPrefix(stderr, "weir: nobody listens on "+addr) {
		t.Errorf("nobody listens: code %d, errors %q", code, stderr)
	}
}

func TestSampleMistakesAreOneLine(t *testing.T) {
	in := packets(t, layers.LinkTypeEthernet, ethernet(0x0800, ip4(500)), 0, 10, time.Millisecond)
	text := file(t, "notes.txt", "hello, world")
	link := filepath.Join(t.TempDir(), "link.pcap")
	if err := os.Link(in, link); err != nil {
		t.Fatal(err)
	}
	const whole = "not a whole number from 1 to 4294967295; write for example 100 to sample one packet in 100"
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no file", []string{"--rate", "1"}, 2, "sample: requires at least 1 arg(s), only received 0: write `weir sample FILE… --rate N`; `weir sample --help` shows examples"},
		{"no rate", []string{in}, 2, "sample: no sampling rate; say with --rate N that one packet in N is sampled, such as --rate 100"},
		{"rate 0", []string{in, "--rate", "0"}, 2, `--rate "0": ` + whole},
		{"a share", []string{in, "--rate", "1%"}, 2, `--rate "1%": ` + whole},
		{"agent", []string{in, "--rate", "1", "--agent", "me"}, 2, `--agent "me": not an IP address; write for example 192.0.2.1`},
		{"speed", []string{in, "--rate", "1", "--speed", "10%"}, 2, `--speed "10%": not a speed; write for example 10Gbit/s, or 0 for unknown`},
		{"header", []string{in, "--rate", "1", "--header", "8"}, 2, "--header 8: out of range; write a number of octets from 16 to 1024"},
		{"flush", []string{in, "--rate", "1", "--flush", "-1s"}, 2, "--flush -1s: out of range; write a time up to 1h such as 100ms, or 0 to send each sample at once"},
		{"polling", []string{in, "--rate", "1", "--polling", "1ns"}, 2, "--polling 1ns: out of range; write a time of at least 10ms such as 1s, or 0 for no counters"},
		{"two outputs", []string{in, "--rate", "1", "--out", "x", "--to", "127.0.0.1:1"}, 2, "sample: --out and --to exclude each other; leave one out"},
		{"real time of a file", []string{in, "--rate", "1", "--realtime"}, 2, "sample: --realtime is for sending; name the collector with --to ADDRESS:PORT, such as --to 127.0.0.1:6343"},
		{"address", []string{in, "--rate", "1", "--to", "x"}, 2, `--to "x": not an IP address and port; write for example 127.0.0.1:6343 or [::1]:6343`},
		{"output is the input", []string{in, "--rate", "1", "--out", link}, 2, "--out " + link + ": is the capture to be sampled; name another file"},
		{"no capture", []string{text, "--rate", "1"}, 1, text + ": neither pcap nor pcapng, it begins with 68 65 6c 6c: not a capture file"},
		{"missing", []string{"/none.pcap", "--rate", "1"}, 1, "open /none.pcap: no such file or directory"},
		{"output in no folder", []string{in, "--rate", "1", "--out", "/none/x.pcap"}, 1, "open /none/x.pcap: no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, stderr := weir(t, append([]string{"sample"}, c.args...)...)
			if diff := cmp.Diff("weir: "+c.want+"\n", stderr); diff != "" || code != c.code || out != "" {
				t.Errorf("code %d, want %d; output of %d octets (-want +got)\n%s", code, c.code, len(out), diff)
			}
		})
	}
	if b, err := os.ReadFile(in); err != nil || len(b) < 1000 {
		t.Errorf("the capture has %d octets left, %v", len(b), err)
	}
}

func TestSampleTellsWhatItLeavesOut(t *testing.T) {
	in := packets(t, layers.LinkTypeEthernet, ethernet(0x0800, ip4(500)), 0, 10, time.Millisecond)
	whole, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	cut := file(t, "cut.pcap", string(whole[:len(whole)-1]))
	code, out, stderr := weir(t, "sample", cut, "--rate", "1")
	if hs, _ := sampledHeaders(t, out); code != 0 || len(hs) != 9 || !strings.HasPrefix(stderr, "weir: warning: "+cut+": after packet 9: capture is cut; read up to there\n") {
		t.Errorf("cut: code %d, %d samples, errors %q", code, len(hs), stderr)
	}
	_, _, stderr = weir(t, "sample", in, "--rate", "4000000000")
	if want := "weir: warning: no packet was sampled; a --rate below 4,000,000,000 takes some\n"; !strings.HasSuffix(stderr, want) {
		t.Errorf("no sample: errors %q", stderr)
	}
	_, _, stderr = weir(t, "sample", file(t, "empty.pcap", string(whole[:24])), "--rate", "1")
	if !strings.Contains(stderr, "empty.pcap: no packet\nweir: sampled 0 of 0 packets, 1 in 1, into 0 datagrams; 0 octets passed, the samples estimate 0\n") {
		t.Errorf("empty: errors %q", stderr)
	}
}
