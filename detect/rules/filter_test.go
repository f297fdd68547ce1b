package rules

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
	"weir/detect/keys"
)

// flow returns a sample of a TCP packet from 10.1.2.3:40000 to 192.0.2.80:443.
func flow(change ...func(*decoder.Flow)) *decoder.Flow {
	f := &decoder.Flow{Arrival: &decoder.Arrival{Agent: netip.MustParseAddr("172.16.0.1")}}
	f.Header.Key = packet.Key{
		Src: netip.MustParseAddr("10.1.2.3").As16(), Dst: netip.MustParseAddr("192.0.2.80").As16(),
		SrcPort: 40000, DstPort: 443, Proto: 6,
	}
	f.Header.HasKey, f.Header.HasTCP, f.Header.Depth = true, true, packet.DepthTransport
	f.Header.TCPFlags, f.Header.TTL, f.Header.TOS, f.Header.EtherType = 2, 64, 46<<2, 0x0800
	f.Header.SrcMAC, f.Header.DstMAC = [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}
	f.Header.VLAN, f.Header.VLANTags = 120, 1
	f.FrameLength, f.Seen = 1500, decoder.SeenHeader
	f.Sample.Input, f.Sample.Output = sflow.Port{Value: 7}, sflow.Port{Value: 9}
	f.Est.SamplingRate, f.Est.Speed, f.Est.Vantage = 1000, 1e9, decoder.Vantage{Agent: 1, Source: 2}
	for _, c := range change {
		c(f)
	}
	return f
}

func udp(f *decoder.Flow) {
	f.Header.Key.Proto, f.Header.Key.DstPort, f.Header.HasTCP = 17, 53, false
}

func v6(f *decoder.Flow) {
	f.Header.Key.Src = netip.MustParseAddr("2001:db8:1::5").As16()
	f.Header.Key.Dst = netip.MustParseAddr("2001:db8:2::6").As16()
	f.Header.Key.V6, f.Header.EtherType = true, 0x86dd
}

func laterFragment(f *decoder.Flow) {
	udp(f)
	f.Header.HasKey, f.Header.Fragment, f.Header.FragOff, f.Header.Depth = false, true, 1480, packet.DepthNetwork
}

func matches(t testing.TB, text string, f *decoder.Flow) bool {
	t.Helper()
	filter, err := ParseFilter(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var v view
	v.set(f, filter.records)
	return filter.match(&v)
}

func TestFilterMatches(t *testing.T) {
	for _, c := range []struct {
		text   string
		change func(*decoder.Flow)
		want   bool
	}{
		{"", nil, true},
		{"proto = tcp", nil, true},
		{"proto == TCP", nil, true},
		{"proto = 6", nil, true},
		{"proto = udp", nil, false},
		{"proto != udp", nil, true},
		{"proto != tcp", nil, false},
		{"proto in (udp, tcp)", nil, true},
		{"proto not in (udp, icmp)", nil, true},
		{"dst_port = 443", nil, true},
		{"dst_port in (53, 400-500)", nil, true},
		{"dst_port in (53, 444-500)", nil, false},
		{"dst_port in 1-442", nil, false},
		{"dst_port < 443", nil, false},
		{"dst_port <= 443", nil, true},
		{"dst_port > 442", nil, true},
		{"dst_port > 443", nil, false},
		{"dst_port >= 443", nil, true},
		{"dst_port = 0x1bb", nil, true},
		{"src in 10.0.0.0/8", nil, true},
		{"src = 10.0.0.0/8", nil, true},
		{"src in (192.168.0.0/16, 10.1.2.3)", nil, true},
		{"src not in 10.0.0.0/8", nil, false},
		{"src in 11.0.0.0/8", nil, false},
		{"src in 0.0.0.0/0", nil, true},
		{"src in ::/0", nil, true},
		{"src in 2001:db8::/32", v6, true},
		{"src in 0.0.0.0/0", v6, false},
		{"dst = 2001:db8:2::6", v6, true},
		{"ip_version = 6", v6, true},
		{"ip_version = 4", nil, true},
		{"tcp_flags = syn", nil, true},
		{"tcp_flags = syn+ack", nil, false},
		{"tcp_flags has syn", func(f *decoder.Flow) { f.Header.TCPFlags = 18 }, true},
		{"tcp_flags has syn+ack", func(f *decoder.Flow) { f.Header.TCPFlags = 18 }, true},
		{"tcp_flags has syn+fin", func(f *decoder.Flow) { f.Header.TCPFlags = 18 }, false},
		{"tcp_flags = none", func(f *decoder.Flow) { f.Header.TCPFlags = 0 }, true},
		{"tcp_flags = syn", udp, false},
		{"tcp_flags != syn", udp, true},
		{"dscp = 46 and ttl < 65 and length > 1000", nil, true},
		{"mac_src = 02:00:00:00:00:01 and mac_dst = 02-00-00-00-00-02", nil, true},
		{"vlan = 120 and inner_vlan != 5", nil, true},
		{"agent in 172.16.0.0/12 and input = 7 and output in (8-9)", nil, true},
		{"sampling_rate >= 1000", nil, true},
		{"ether_type = 0x0800", nil, true},
		{"fragment = yes", laterFragment, true},
		{"fragment = no", nil, true},
		{"src = 10.1.2.3", laterFragment, true},
		{"dst_port = 53", laterFragment, false},
		{"dst_port != 53", laterFragment, true},
		{"icmp_type = 8", func(f *decoder.Flow) { f.Header.Key.Proto, f.Header.ICMPType = 1, 8 }, true},
		{"icmp_type = 8", nil, false},
		{"vni = 5", nil, false},
		{"src_as = 65000", nil, false},

		// not before and before or
		{"proto = udp or proto = tcp and dst_port = 443", nil, true},
		{"proto = tcp or proto = udp and dst_port = 1", nil, true},
		{"(proto = tcp or proto = udp) and dst_port = 1", nil, false},
		{"not proto = udp and dst_port = 443", nil, true},
		{"not (proto = tcp and dst_port = 443)", nil, false},
		{"not not proto = tcp", nil, true},
		{"! proto = udp && (dst_port = 443 || dst_port = 80)", nil, true},
	} {
		t.Run(c.text, func(t *testing.T) {
			f := flow()
			if c.change != nil {
				c.change(f)
			}
			if got := matches(t, c.text, f); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestFilterReadsRouteRecords(t *testing.T) {
	gateway := sflow.ExtendedGateway{SrcAS: 64497, DstASPath: sflow.AppendASPathSegment(nil, sflow.ASSequence, 64500, 64501)}
	router := sflow.ExtendedRouter{NextHop: netip.MustParseAddr("192.0.2.8")}
	f := flow()
	f.Sample.RecordData, f.Sample.NumRecords = router.Append(gateway.Append(nil)), 2
	f.Seen |= decoder.SeenGateway | decoder.SeenRouter
	if !matches(t, "src_as = 64497 and dst_as = 64501 and next_hop = 192.0.2.8", f) {
		t.Error("no match")
	}
}

func TestFilterErrorsShowThePlace(t *testing.T) {
	for _, c := range []struct{ name, text, err, caret string }{
		{"unknown field", "prot = udp", `column 1: "prot" is no field; write proto`, "^^^^"},
		{"unknown field, late", "proto = udp and destport = 5", `column 17: "destport" is no field; write dst_port`, strings.Repeat(" ", 16) + "^^^^^^^^"},
		{"no value", "proto =", `column 8: a value is missing at the end; write a protocol such as udp`, "       ^"},
		{"unknown protocol", "proto = upd", `column 9: "upd" is no protocol; write udp, or a number from 0 to 255`, "        ^^^"},
		{"no operator", "proto udp", `column 7: "udp" stands where a comparison should; write =, !=, in, not in`, "      ^^^"},
		{"port too large", "dst_port = 70000", `column 12: "70000" is no dst_port; write a number from 0 to 65535, or a range such as 1-9`, "           ^^^^^"},
		{"negative", "dst_port > -1", `column 12: "-1" is no dst_port; write a number from 0 to 65535`, "           ^^"},
		{"host bits", "src in 10.1.2.3/8", `column 8: "10.1.2.3/8" has bits set beyond its length: 10.0.0.0/8 is the network; write an address or a network such as 10.0.0.0/8`, "       ^^^^^^^^^^"},
		{"no UUID", "instance = web-1", `column 12: "web-1" is no UUID; write the UUID of an instance, or none`, "           ^^^^^"},
		{"order of instances", "instance > none", `column 10: ">" compares numbers, instance is none; write =, !=, in, not in`, "         ^"},
		{"no network", "src in lan", `column 8: "lan" is no address or network; write an address or a network such as 10.0.0.0/8`, "       ^^^"},
		{"backward range", "dst_port in 9-1", `column 13: "9-1" is a range that ends before it begins; write a number from 0 to 65535, or a range such as 1-9`, "            ^^^"},
		{"order of an address", "src > 10.0.0.1", `column 5: ">" compares numbers, src is none; write =, !=, in, not in`, "    ^"},
		{"order of nothing", "dst_port < 0", `column 12: nothing is < 0`, "           ^"},
		{"has of a number", "dst_port has 5", `column 10: "has" stands where a comparison should; write =, !=, <, <=, >, >=, in, not in`, "         ^^^"},
		{"list without in", "proto = (udp, tcp)", `column 9: a list needs the word in; write in (…)`, "        ^"},
		{"list not closed", "proto in (udp, tcp", `column 10: the list is not closed; write )`, "         ^"},
		{"list without comma", "proto in (udp tcp)", `column 15: "tcp" stands where the next value should; write a comma, )`, "              ^^^"},
		{"empty list", "proto in ()", `column 11: ")" stands where a value should; write a protocol such as udp`, "          ^"},
		{"parenthesis not closed", "(proto = udp", `column 1: the parenthesis is not closed; write )`, "^"},
		{"parenthesis too many", "proto = udp)", `column 12: ")" stands where the next condition should; write and, or`, "           ^"},
		{"word missing", "proto = udp dst_port = 5", `column 13: "dst_port" stands where the next condition should; write and, or`, "            ^^^^^^^^"},
		{"and at the end", "proto = udp and", "column 16: a field is missing at the end; write " + strings.Join(fieldNames(), ", "), strings.Repeat(" ", 15) + "^"},
		{"quote", `src in "lan`, `column 8: a quoted text does not end; write "`, "       ^^^^"},
		{"letters beyond ASCII before it", "proto = é and x = 1", `column 9: "é" is no protocol; write ah, esp, gre, pim, tcp, udp, or a number from 0 to 255`, "        ^"},
		{"flags", "tcp_flags = syn+foo", `column 13: "syn+foo" are no TCP flags; write fin, syn, rst, psh, ack, urg, ece, cwr, joined by +, or none`, "            ^^^^^^^"},
		{"too deep", strings.Repeat("(", 100) + "proto = udp", "column 66: the expression is nested too deep", strings.Repeat(" ", 65) + "^"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseFilter(c.text)
			e, ok := err.(*SyntaxError)
			if !ok {
				t.Fatalf("error %v", err)
			}
			if c.name == "letters beyond ASCII before it" {
				if got, _, _ := strings.Cut(e.Error(), ";"); got != `column 9: "é" is no protocol` || !strings.HasSuffix(e.Caret(), "\n        ^") {
					t.Errorf("%s\n%s", got, e.Caret())
				}
				return
			}
			if diff := cmp.Diff(c.err, e.Error()); diff != "" {
				t.Errorf("error (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(c.text+"\n"+c.caret, e.Caret()); diff != "" {
				t.Errorf("caret (-want +got)\n%s", diff)
			}
		})
	}
}

func TestFilterWritesWhatItReads(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"proto==UDP&&dst_port in(53,8000-8100)", "proto = udp and dst_port in (53, 8000-8100)"},
		{"not(a_ = 1)", ""},
		{"not (proto = 17 or proto = 6)", "not (proto = udp or proto = tcp)"},
		{"(proto = 17 or proto = 6) and src = 10.0.0.0/8", "(proto = udp or proto = tcp) and src in 10.0.0.0/8"},
		{"(proto = 17 and src in ::1)", "proto = udp and src = ::1"},
		{"proto = 17 and (ttl < 5 and ttl > 2)", "proto = udp and (ttl < 5 and ttl > 2)"},
		{"dst_port not in 5", "dst_port != 5"},
		{"instance not in DEAD03000000400080000000000000AB", "instance != dead0300-0000-4000-8000-0000000000ab"},
		{"instance in (-, None)", "instance in (none, none)"},
		{"src != 10.0.0.0/8", "src not in 10.0.0.0/8"},
		{"tcp_flags has 0x12", "tcp_flags has syn+ack"},
		{"fragment = true", "fragment = yes"},
		{"proto = 200", "proto = 200"},
		{"", ""},
	} {
		f, err := ParseFilter(c.text)
		if err != nil {
			if c.want != "" || c.text == "" {
				t.Errorf("%q: %v", c.text, err)
			}
			continue
		}
		if got := f.String(); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestFilterKnowsWhatNeverMatches(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{"proto = udp and proto = tcp", true},
		{"proto = udp and (proto = tcp or proto = icmp)", true},
		{"proto = udp and (proto = tcp or dst_port = 5)", false},
		{"dst_port > 1023 and dst_port < 1000", true},
		{"dst_port > 1023 and not dst_port >= 1024", true},
		{"src in 10.0.0.0/8 and src = 11.0.0.1", true},
		{"src in 10.0.0.0/8 and src not in 10.0.0.0/8", true},
		{"src not in 10.0.0.0/8 and src not in 0.0.0.0/0", false}, // packets without an address
		{"src not in ::/0 and dst not in ::/0", false},
		{"proto = tcp and (dst_port = 5 or dst_port = 6) and dst_port > 6", true},
		{"proto = tcp and (dst_port = 5 or dst_port = 7) and dst_port > 6", false},
		{"not (proto = tcp or proto != tcp) and proto = tcp", true},
		{"not (proto = udp or not proto = udp)", true},
		{"proto = icmp and dst_port = 53", true},
		{"proto = udp and tcp_flags has syn", true},
		{"proto = udp and dst_port = 53", false},
		{"tcp_flags has syn and tcp_flags = ack", true},
		{"proto = udp and proto = tcp or proto = icmp", false},
		{"", false},
	} {
		f, err := ParseFilter(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Never(); got != c.want {
			t.Errorf("%q: %v, want %v", c.text, got, c.want)
		}
	}
}

func TestFieldsHaveTheVocabularyOfKeys(t *testing.T) {
	for _, w := range keys.Words() {
		f, ok := fieldOf(w)
		if !ok {
			t.Errorf("%s is a field of keys and not of filters", w)
			continue
		}
		if !shared[f].ok {
			t.Errorf("%s is not read as keys read it", w)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	filter, err := ParseFilter("proto = tcp and dst_port in (80, 443, 8000-8100) and not src in (192.168.0.0/16, 172.16.0.0/12, fd00::/8, 11.0.0.0/8, 12.0.0.0/8) and next_hop != 10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	f := flow()
	var v view
	if n := testing.AllocsPerRun(1000, func() {
		v.set(f, filter.records)
		if !filter.match(&v) {
			t.Fatal("no match")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	filter, err := ParseFilter("proto = tcp and dst_port in (80, 443, 8000-8100) and src in 10.0.0.0/8")
	if err != nil {
		b.Fatal(err)
	}
	f := flow()
	var v view
	b.ReportAllocs()
	for b.Loop() {
		v.set(f, filter.records)
		filter.match(&v)
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{
		"proto = udp and dst_port in (53, 123) and src in 10.0.0.0/8", "not (tcp_flags has syn or ttl <= 5)",
		"mac_src != 02:00:00:00:00:01", "instance in (none, dead0300-0000-4000-8000-000000000001)", "fragment = yes || src = ::1", "(((", "a and", `"`, "dst_port in (1-2,,3)", "!!!proto=1",
	} {
		f.Add(s)
	}
	samples := []*decoder.Flow{flow(), flow(udp), flow(v6), flow(laterFragment)}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseFilter(text)
		if err != nil {
			e, ok := err.(*SyntaxError)
			if !ok || e.From < 0 || e.From > e.To || e.To > len(text) || e.Problem == "" {
				t.Fatalf("error %#v", err)
			}
			if strings.Count(e.Caret(), "\n") != 1 {
				t.Fatalf("caret %q", e.Caret())
			}
			return
		}
		b, err := ParseFilter(a.String())
		if err != nil {
			t.Fatalf("%q is written as %q, which is not read: %v", text, a, err)
		}
		if a.String() != b.String() {
			t.Fatalf("%q is written as %q, then %q", text, a, b)
		}
		never := a.Never()
		for i, s := range samples {
			var v view
			v.set(s, true)
			got := a.match(&v)
			if got != b.match(&v) {
				t.Fatalf("sample %d: %q and %q differ", i, text, b)
			}
			if got && never {
				t.Fatalf("sample %d matches %q, which never matches", i, text)
			}
		}
	})
}
