package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"weir/collector/udp/capture"
	"weir/decoder/sflow"
)

// payload is a datagram without samples.
func payload(sequence uint32) []byte {
	d := sflow.Datagram{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: sflow.Seq(sequence), Uptime: 1000}
	return d.Append(nil)
}

// recorded is a capture of n datagrams, 10 ms apart.
func recorded(t *testing.T, n int, port uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := capture.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		err := w.Write(capture.Datagram{
			Payload: payload(uint32(i + 1)), At: time.Unix(1000, int64(i)*1e7).UTC(),
			From: netip.MustParseAddrPort("10.0.0.1:5000"), To: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.2"), port),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// sequences are those of the objects printed.
func sequences(t *testing.T, out string) (all []int) {
	t.Helper()
	for line := range strings.Lines(out) {
		var d struct {
			At, From, Agent string
			Sequence        int
		}
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if d.Agent != "192.0.2.1" || d.From == "" || !strings.HasSuffix(d.At, "Z") {
			t.Errorf("line %s", line)
		}
		all = append(all, d.Sequence)
	}
	return all
}

func TestDecodePrintsCaptures(t *testing.T) {
	whole := recorded(t, 3, 6343)
	first, second := file(t, "a.pcap", string(whole)), file(t, "b.pcap", string(whole))
	code, out, stderr := weir(t, "decode", first, second)
	if got := fmt.Sprint(sequences(t, out)); code != 0 || got != "[1 2 3 1 2 3]" || stderr != "" {
		t.Errorf("two files: code %d, sequences %s, errors %q", code, got, stderr)
	}
	code, out, stderr = weirWith(t, whole, "decode", "-")
	if got := fmt.Sprint(sequences(t, out)); code != 0 || got != "[1 2 3]" || stderr != "" {
		t.Errorf("standard input: code %d, sequences %s, errors %q", code, got, stderr)
	}
	cut := file(t, "cut.pcap", string(whole[:len(whole)-5]))
	code, out, stderr = weir(t, "decode", cut)
	if got := fmt.Sprint(sequences(t, out)); code != 0 || got != "[1 2]" ||
		!strings.HasPrefix(stderr, "weir: warning: "+cut) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("cut file: code %d, sequences %s, errors %q", code, got, stderr)
	}
}

func TestDecodeTellsOfOtherPorts(t *testing.T) {
	name := file(t, "a.pcap", string(recorded(t, 2, 9999)))
	code, out, stderr := weir(t, "decode", name)
	want := "weir: warning: " + name + ": no datagram to UDP port 6343, 2 to other ports; --any-port reads those\n"
	if code != 0 || out != "" || stderr != want {
		t.Errorf("code %d, output %q, errors %q", code, out, stderr)
	}
	if code, out, _ = weir(t, "decode", "--any-port", name); code != 0 || len(sequences(t, out)) != 2 {
		t.Errorf("--any-port: code %d, output %q", code, out)
	}
}

// await waits until the text of o matches, and returns the groups.
func await(t *testing.T, o *output, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if m := re.FindStringSubmatch(o.String()); m != nil {
			return m
		}
	}
	t.Fatalf("no %s in %q", pattern, o.String())
	return nil
}

func TestDecodeListensUntilStopped(t *testing.T) {
	out, stderr, stop := start(t, "decode", "--listen", "127.0.0.1:0")
	addr := await(t, stderr, `receiving on (\S+)\n`)[1]
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(payload(7)); err != nil {
		t.Fatal(err)
	}
	await(t, out, `"sequence":7`)
	if code := stop(); code != 0 {
		t.Errorf("code %d, errors %q", code, stderr)
	}
	code, _, text := weir(t, "decode", "--listen", "no")
	if code != 1 || strings.Count(text, "\n") != 1 {
		t.Errorf("bad address: code %d, errors %q", code, text)
	}
}

func TestSendSendsTheCapture(t *testing.T) {
	name := file(t, "a.pcap", string(recorded(t, 20, 6343)))
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, c := range []struct {
		name  string
		flags []string
		least time.Duration // 20 datagrams, 10 ms apart: 19 pauses
	}{
		{"as fast as possible", nil, 0},
		{"at a rate", []string{"--rate", "200/s"}, 90 * time.Millisecond},
		{"in real time", []string{"--realtime"}, 180 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin := time.Now()
			code, out, stderr := weir(t, append([]string{"send", name, "--to", l.LocalAddr().String()}, c.flags...)...)
			took := time.Since(begin)
			want := fmt.Sprintf("sent 20 datagrams, 560 octets to %v in ", l.LocalAddr())
			if code != 0 || !strings.HasPrefix(out, want) || stderr != "" {
				t.Fatalf("code %d, output %q, errors %q; want %s", code, out, stderr, want)
			}
			if took < c.least {
				t.Errorf("took %v, want at least %v", took, c.least)
			}
			buf := make([]byte, 100)
			for i := range 20 {
				if err := l.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
				n, _, err := l.ReadFrom(buf)
				if err != nil || !bytes.Equal(buf[:n], payload(uint32(i+1))) {
					t.Fatalf("datagram %d: % x, %v", i, buf[:n], err)
				}
			}
		})
	}
}

func TestSendTellsThatNobodyListens(t *testing.T) {
	const addr = "127.0.0.1:1" // a port that nobody is given
	name := file(t, "a.pcap", string(recorded(t, 20, 6343)))
	code, _, stderr := weir(t, "send", name, "--to", addr, "--rate", "1000/s")
	if code != 1 || !strings.HasPrefix(stderr, "weir: nobody listens on "+addr) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("code %d, errors %q", code, stderr)
	}
}

func TestDecodeSaysOnceThatItsOutputIsFull(t *testing.T) {
	name := file(t, "a.pcap", string(recorded(t, 2000, capture.DefaultPort))) // more than is buffered
	var stderr output
	code := execute(t.Context(), []string{"decode", name}, streams{strings.NewReader(""), fullDisk{}, &stderr})
	if want := "weir: standard output: disk full\n"; code != 1 || stderr.String() != want {
		t.Errorf("code %d, %q, want 1, %q", code, stderr.String(), want)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }
