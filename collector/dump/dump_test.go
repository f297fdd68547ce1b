package dump

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

var update = flag.Bool("update", false, "write testdata/*.json from what is printed, and testdata/*.hex where there is none")

// Whoever receives the examples.
var (
	from = netip.MustParseAddrPort("192.0.2.1:50123")
	at   = time.Date(2026, 3, 1, 13, 30, 0, 5, time.FixedZone("", 3600))
)

// examples are the datagrams of testdata, as they were first built: a full one
// of every sample type, and what is worth showing beside them.
func examples() []sflowtest.Datagram {
	var all []sflowtest.Datagram
	for _, d := range sflowtest.Datagrams() {
		switch d.Name {
		case "every_sample", "agent_ipv6":
			continue
		}
		all = append(all, d)
	}
	return append(all,
		sflowtest.Datagram{Name: "ports", Bytes: ports()},
		sflowtest.Datagram{Name: "vxlan", Bytes: vxlan()},
		sflowtest.Datagram{Name: "unknown_counters", Bytes: unknownCounters()},
		sflowtest.Datagram{Name: "bad_record", Bytes: badRecord()},
		sflowtest.Datagram{Name: "bad_sample", Bytes: badSample()},
	)
}

func builder() *sflow.Builder {
	var b sflow.Builder
	b.Reset(nil, &sflow.Datagram{Agent: netip.MustParseAddr("2001:db8::1"), SubAgent: 2, Sequence: 7, Uptime: 1000})
	return &b
}

// ports is a datagram with every form of a port.
func ports() []byte {
	b := builder()
	for i, p := range [][2]sflow.Port{
		{{Value: 0}, {Value: 47}},
		{{Value: 47}, {Format: sflow.PortDiscarded, Value: 256}},
		{{Value: sflow.PortInternal}, {Format: sflow.PortMultiple, Value: 3}},
	} {
		b.FlowSample(&sflow.FlowSample{Sequence: sflow.Seq(i), Input: p[0], Output: p[1]}, i == 1)
	}
	return b.Bytes()
}

// vxlan is a sampled header that holds a whole frame in another.
func vxlan() []byte {
	outer, _ := hex.DecodeString("02000000000b02000000000a8100006408004500005c0001400040110000c6336401c633640200000000")
	outer = outer[:len(outer)-4]
	udp := []byte{0xd4, 0x31, 0x12, 0xb5, 0, 72, 0, 0}
	vx := []byte{0x08, 0, 0, 0, 0, 0, 42, 0}
	frame := append(append(append(outer, udp...), vx...), sflowtest.Header()...)
	b := builder()
	b.FlowSample(&sflow.FlowSample{SamplingRate: 10}, true,
		&sflow.SampledHeader{Protocol: 1, FrameLength: 114, Stripped: 4, Header: frame})
	return b.Bytes()
}

// unknownCounters is what an agent sends that supports no counter.
func unknownCounters() []byte {
	b := builder()
	b.CounterSample(&sflow.CounterSample{Sequence: 1, Source: sflow.DataSource{Index: 9}}, false)
	for _, f := range []uint32{1, 2, 3, 4, 1001, 2003} {
		b.Record(sflowtest.Raw{Format: sflow.MakeFormat(0, f), Body: bytes.Repeat([]byte{0xff}, 144)})
	}
	return b.Bytes()
}

// badRecord has a good record before and after a cut one.
func badRecord() []byte {
	b := builder()
	b.FlowSample(&sflow.FlowSample{Sequence: 1}, false,
		&sflow.ExtendedSwitch{SrcVLAN: 1},
		sflowtest.Raw{Format: sflow.FormatSampledHeader, Body: []byte{0, 0, 0, 1, 0, 0, 5, 0xdc}},
		&sflow.ExtendedVNIIngress{VNI: 42})
	return b.Bytes()
}

// badSample has a good sample before and after one that ends too early.
func badSample() []byte {
	b := builder()
	b.CounterSample(&sflow.CounterSample{Sequence: 1}, false, &sflow.PortName{Name: sflow.Text("eth0")})
	b.Sample(sflowtest.Raw{Format: sflow.FormatFlowSample, Body: make([]byte, 8)})
	b.CounterSample(&sflow.CounterSample{Sequence: 2}, false, &sflow.PortName{Name: sflow.Text("eth1")})
	return b.Bytes()
}

// TestExamples compares what is printed with the examples of the contract.
func TestExamples(t *testing.T) {
	for _, e := range examples() {
		t.Run(e.Name, func(t *testing.T) {
			name := filepath.Join("testdata", e.Name)
			if _, err := os.Stat(name + ".hex"); *update && os.IsNotExist(err) {
				write(t, name+".hex", hexLines(e.Bytes))
			}
			got := string(Append(nil, readHex(t, name+".hex"), from, at)) + "\n"
			checkLine(t, []byte(strings.TrimSuffix(got, "\n")))
			if *update {
				write(t, name+".json", got)
			}
			want, err := os.ReadFile(name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func hexLines(b []byte) string {
	var s strings.Builder
	for ; len(b) > 32; b = b[32:] {
		fmt.Fprintf(&s, "%x\n", b[:32])
	}
	fmt.Fprintf(&s, "%x\n", b)
	return s.String()
}

func readHex(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestContract checks what the contract says of single values.
func TestContract(t *testing.T) {
	type object = map[string]any
	parse := func(payload []byte) object {
		t.Helper()
		line := Append(nil, payload, from, at)
		checkLine(t, line)
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		var o object
		if err := d.Decode(&o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	samples := func(o object) []any { return o["samples"].([]any) }
	record := func(s any, i int) object { return s.(object)["records"].([]any)[i].(object) }

	b := builder()
	b.FlowSample(&sflow.FlowSample{}, false, &sflow.ExtendedTimestamp{Nanoseconds: 1_700_000_000_123_456_789})
	b.CounterSample(&sflow.CounterSample{}, false, &sflow.IfCounters{Speed: 1 << 53, InOctets: 1<<53 + 1})
	b.Sample(sflowtest.Raw{Format: sflow.MakeFormat(99, 9), Body: []byte{1, 2, 3, 4}})
	o := parse(b.Bytes())
	ifc := record(samples(o)[1], 0)
	unknown := record(samples(parse(unknownCounters()))[0], 0)
	tunnel := record(samples(parse(vxlan()))[0], 0)
	inner := tunnel["inner"].(object)
	port := func(s int, key string) any { return samples(parse(ports()))[s].(object)[key] }
	bad := parse(badSample())
	cut := parse(badRecord())
	foreign := parse([]byte{0, 5, 0, 1})
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"time in UTC with nanoseconds", o["at"], "2026-03-01T12:30:00.000000005Z"},
		{"64-bit time is a string", record(samples(o)[0], 0)["nanoseconds"], "1700000000123456789"},
		{"2^53 is a number", ifc["if_speed"], json.Number("9007199254740992")},
		{"above 2^53 is a string", ifc["if_in_octets"], "9007199254740993"},
		{"counters are there", len(unknown), 21},
		{"unknown 64-bit counter", unknown["if_in_octets"], nil},
		{"unknown 32-bit counter", unknown["if_in_errors"], nil},
		{"port", port(0, "output"), json.Number("47")},
		{"port zero", port(0, "input"), json.Number("0")},
		{"discarded", port(1, "output"), object{"discarded": json.Number("256")}},
		{"multiple", port(2, "output"), object{"multiple": json.Number("3")}},
		{"internal", port(2, "input"), object{"internal": true}},
		{"unknown sample", samples(o)[2], object{"format": "99:9", "length": json.Number("4")}},
		{"outer address", tunnel["src_ip"], "198.51.100.1"},
		{"outer VLAN", tunnel["vlan"], json.Number("100")},
		{"tunnel", tunnel["tunnel"], "vxlan"},
		{"network", tunnel["vni"], json.Number("42")},
		{"inner address", inner["dst_ip"], "198.51.100.2"},
		{"inner port", inner["dst_port"], json.Number("443")},
		{"inner flags", inner["tcp_flags"], json.Number("2")},
		{"inner MAC", inner["src_mac"], "02:00:00:00:00:01"},
		{"good samples beside a bad one", len(samples(bad)), 2},
		{"error of a sample", bad["error"], "sflow: sample 1 at offset 84: truncated"},
		{"good records beside a bad one", record(samples(cut)[0], 2)["vni"], json.Number("42")},
		{"error of a record", cut["error"], "sflow: record 1 at offset 112: truncated"},
		{"a foreign datagram has its error", foreign["error"] != nil && foreign["agent"] == nil, true},
		{"a good datagram has none", o["error"], nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// hostile is text as no honest agent would send it.
const hostile = "a\"b\\c\n\r\t\x00\x1f\x7f\xff\xc3\u009b31m\u2028</script>é"

// TestHostileTextStaysInItsString puts hostile text in every string there is.
func TestHostileTextStaysInItsString(t *testing.T) {
	b := builder()
	b.FlowSample(&sflow.FlowSample{}, true,
		&sflow.ExtendedACL{Name: sflow.Text(hostile)}, &sflow.ExtendedFunction{Symbol: sflow.Text(hostile)},
		&sflow.ExtendedHWTrap{Group: sflow.Text(hostile), Trap: sflow.Text(hostile)},
		&sflow.ExtendedLinuxDropReason{Reason: sflow.Text(hostile)},
		&sflow.AppOperation{Context: sflow.AppContext{Application: sflow.Text(hostile)}, StatusDescr: sflow.Text(hostile)},
		&sflow.SampledHeader{Protocol: 1, Header: []byte(hostile)})
	b.CounterSample(&sflow.CounterSample{}, true,
		&sflow.HostDescr{Hostname: sflow.Text(hostile), OSRelease: sflow.Text(hostile)}, &sflow.PortName{Name: sflow.Text(hostile)})
	m := &sflow.RTMetric{DataSource: sflow.Text(hostile)}
	m.Metrics.Add(sflow.Metric{Name: sflow.Text(hostile), Type: sflow.MetricString, Text: sflow.Text(hostile)})
	m.Metrics.Add(sflow.Metric{Name: sflow.Text("nan"), Type: sflow.MetricGaugeDouble, Bits: math.Float64bits(math.NaN())})
	b.Sample(m)
	f := &sflow.RTFlow{DataSource: sflow.Text(hostile)}
	f.Fields.Add(sflow.Field{Name: sflow.Text(hostile), Type: sflow.FieldString, Bytes: []byte(hostile)})
	b.Sample(f)
	line := Append(nil, b.Bytes(), from, at)
	checkLine(t, line)
	var o struct {
		Samples []struct {
			Records []struct{ Hostname string }
			Metrics []struct{ Name, Value any }
		}
		Error any
	}
	if err := json.Unmarshal(line, &o); err != nil || o.Error != nil || len(o.Samples) != 4 {
		t.Fatalf("%v: %s", err, line)
	}
	want := string([]rune(hostile)) // each bad byte is one U+FFFD
	if got := o.Samples[1].Records[0].Hostname; got != want {
		t.Errorf("hostname %q, want %q", got, want)
	}
	if got := o.Samples[2].Metrics; len(got) != 2 || got[1].Value != nil {
		t.Errorf("metrics %v", got)
	}
}

// TestEveryStructureIsPrinted also checks that no key is there twice.
func TestEveryStructureIsPrinted(t *testing.T) {
	for _, d := range sflowtest.Datagrams() {
		t.Run(d.Name, func(t *testing.T) { checkLine(t, Append(nil, d.Bytes, from, at)) })
	}
	flows, counters := sflowtest.FlowRecords(), sflowtest.CounterRecords()
	for _, s := range append(flows, counters...) {
		f := sflowtest.Record(s).Format
		t.Run(f.String(), func(t *testing.T) {
			b := builder()
			name := sflow.CounterRecordName(f)
			if sflow.NewCounterRecord(f) != nil && fmt.Sprintf("%T", sflow.NewCounterRecord(f)) == fmt.Sprintf("%T", s) {
				b.CounterSample(&sflow.CounterSample{}, false, s)
			} else {
				b.FlowSample(&sflow.FlowSample{}, false, s)
				name = sflow.FlowRecordName(f)
			}
			line := Append(nil, b.Bytes(), from, at)
			checkLine(t, line)
			for _, bad := range []string{`"error"`, `"length":0`} {
				if bytes.Contains(line, []byte(bad)) {
					t.Errorf("%s in %s", bad, line)
				}
			}
			if !bytes.Contains(line, fmt.Appendf(nil, `"format":"%s","name":"%s",`, f, name)) {
				t.Errorf("no format %s with name %q and fields in %s", f, name, line)
			}
		})
	}
}

// Append does what its name says, and keeps neither of its slices.
func TestAppendAppends(t *testing.T) {
	payload := badSample()
	alone := Append(nil, payload, from, at)
	got := Append([]byte("before "), payload, from, at)
	clear(payload)
	if diff := cmp.Diff("before "+string(alone), string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// checkLine checks that b is one line of JSON without a key twice in an object.
func checkLine(t testing.TB, b []byte) {
	t.Helper()
	if i := bytes.IndexFunc(b, unicode.IsControl); i >= 0 {
		t.Fatalf("control character %#x at %d in %q", b[i], i, b)
	}
	if !utf8.Valid(b) {
		t.Fatalf("not UTF-8: %q", b)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	tok, err := d.Token()
	if err != nil || tok != json.Delim('{') {
		t.Fatalf("%v: no object: %s", err, b)
	}
	if err := checkObject(d); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("more than one object: %s", b)
	}
}

func checkObject(d *json.Decoder) error {
	seen := map[string]bool{}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return err
		}
		key := k.(string)
		if seen[key] {
			return fmt.Errorf("key %q is there twice", key)
		}
		seen[key] = true
		if err := checkValue(d); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func checkValue(d *json.Decoder) error {
	tok, err := d.Token()
	switch {
	case err != nil:
		return err
	case tok == json.Delim('{'):
		return checkObject(d)
	case tok == json.Delim('['):
		for d.More() {
			if err := checkValue(d); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}
