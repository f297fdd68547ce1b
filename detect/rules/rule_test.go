package rules

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// spec is a rule without mistakes.
func spec(change ...func(*Spec)) Spec {
	s := Spec{Name: "r", Key: []string{"dst"}, Value: "packets_per_second", Window: "10s", Threshold: "20kpps"}
	for _, c := range change {
		c(&s)
	}
	return s
}

func compiled(t testing.TB, s Spec) Rule {
	t.Helper()
	r, problems := Compile(s)
	if len(problems) > 0 {
		t.Fatalf("%+v", problems)
	}
	return r
}

func TestCompileNamesEveryMistake(t *testing.T) {
	bitRate := "write a rate such as 50Mbit/s or 1.5Gbit/s, or a share of the interface's speed such as 10%"
	for _, c := range []struct {
		name   string
		change func(*Spec)
		want   string // key|value|problem|fix, one line each
	}{
		{"no name", func(s *Spec) { s.Name = " " }, `||the rule has no name|write one, such as name: "dns to servers"`},
		{"long name", func(s *Spec) { s.Name = strings.Repeat("x", 65) }, "name|" + strings.Repeat("x", 65) + "|is longer than 64 bytes|write a shorter one"},
		{"no key", func(s *Spec) { s.Key = nil }, "||the rule has no key|write what to tell apart, such as key: [dst]"},
		{"unknown key", func(s *Spec) { s.Key = []string{"src", "dst_prt"} }, "key[1]|dst_prt|unknown|did you mean dst_port?"},
		{"key in one text", func(s *Spec) { s.Key = []string{"src,dst"} }, "key[0]|src,dst|is more than one field|write each apart: key: [src, dst_port]"},
		{"key twice", func(s *Spec) { s.Key = []string{"dst", "dst"} }, "key||dst is there twice|leave one out"},
		{"key too long", func(s *Spec) { s.Key = []string{"src", "dst", "outer_src", "outer_dst", "agent"} }, "key||has 84 bytes, at most 72|leave fields out"},
		{"unknown value", func(s *Spec) { s.Value = "packets" }, "value|packets|is nothing to count|write bits_per_second, packets_per_second, distinct(src), distinct(dst), distinct(dst_port)"},
		{"distinct of no field", func(s *Spec) { s.Value, s.Threshold = "distinct(scr)", "10" }, `value|distinct(scr)|"scr" is no field|write src, dscp`},
		{"distinct of the key", func(s *Spec) { s.Value, s.Threshold = "distinct(dst)", "10" }, "value|distinct(dst)|dst is part of the key, so that there is always one|count another field, or leave it out of the key"},
		{"distinct too many", func(s *Spec) { s.Value, s.Threshold = "distinct(src)", "5000" }, "threshold|5000|is more than the samples of one key can tell apart|write a number from 2 to 1000"},
		{"distinct of one", func(s *Spec) { s.Value, s.Threshold = "distinct(src)", "1" }, "threshold|1|is reached by a single packet|write a number from 2 to 1000"},
		{"window 0", func(s *Spec) { s.Window = "0s" }, "window|0s|is no time at all|write a time from 1s to 5m such as 10s"},
		{"window without a unit", func(s *Spec) { s.Window = "10" }, "window|10|is no length of time|write a time from 1s to 5m such as 10s"},
		{"window too long", func(s *Spec) { s.Window = "1h" }, "window|1h|is out of range|write a time from 1s to 5m such as 10s"},
		{"threshold 0", func(s *Spec) { s.Threshold = "0" }, "threshold|0|is zero: every packet would raise an alert|write a packet rate above 0 such as 20kpps or 20000/s"},
		{"threshold 0 bit/s", func(s *Spec) { s.Value, s.Threshold = "bits_per_second", "0Mbit/s" }, "threshold|0Mbit/s|is zero: every packet would raise an alert|write a bit rate above 0 such as 50Mbit/s"},
		{"threshold in another unit", func(s *Spec) { s.Threshold = "50Mbit/s" }, "threshold|50Mbit/s|is no packet rate|write a packet rate above 0 such as 20kpps or 20000/s"},
		{"threshold without a unit", func(s *Spec) { s.Value, s.Threshold = "bits_per_second", "5" }, "threshold|5|is no bit rate|" + bitRate},
		{"negative threshold", func(s *Spec) { s.Threshold = "-5" }, "threshold|-5|is no packet rate|write a packet rate above 0 such as 20kpps or 20000/s"},
		{"no threshold", func(s *Spec) { s.Threshold = "" }, "||the rule has no threshold|write one, such as threshold: 100Mbit/s"},
		{"share of no link", func(s *Spec) { s.Value, s.Threshold = "bits_per_second", "10%" }, "threshold|10%|is a share of a link, and the key does not name one|add input or output to the key, or write a rate such as 50Mbit/s"},
		{"filter", func(s *Spec) { s.Filter = "prot = udp" }, `filter|prot = udp|column 1: "prot" is no field|write proto`},
		{"filter that never matches", func(s *Spec) { s.Filter = "proto = icmp and dst_port = 53" }, "filter|proto = icmp and dst_port = 53|can never match: no packet is all of that|remove one of the conditions, or join them with or"},
		{"severity", func(s *Spec) { s.Severity = "high" }, "severity|high|not one of the words|write info, warning, critical"},
		{"at", func(s *Spec) { s.At = "all" }, "at|all|not one of the words|write best (the vantage that sees most), cut (each packet where it enters) or sum (of all)"},
		{"keys", func(s *Spec) { s.Keys = "1000" }, "keys|1000|is no power of two from 64 to 1048576|write one such as 4096"},
		{"never of no address", func(s *Spec) { s.Key, s.Never = []string{"dst_port"}, []string{"10.0.0.0/8"} }, "never||the key has no address that a network could hold|add dst or src to the key, or write a filter"},
		{"never of no network", func(s *Spec) { s.Never = []string{"10.0.0.0/8", "lan"} }, `never[1]|lan|is no address or network|write "10.0.0.0/8", "2001:db8::/32" or one address`},
		{"group", func(s *Spec) { s.Groups = []GroupSpec{{}} }, "groups[0]||the group has no name|write name: NAME\n" +
			`groups[0]||the group has no networks|write networks: ["10.0.0.0/8"]` + "\ngroups[0]||the group has no threshold|write one, or remove the group"},
		{"group threshold 0", func(s *Spec) { s.Groups = []GroupSpec{{"a", []string{"10.0.0.0/8"}, "0pps"}} }, "groups[0].threshold|0pps|is zero: every packet would raise an alert|write a packet rate above 0 such as 20kpps or 20000/s"},
		{"network in two groups", func(s *Spec) {
			s.Groups = []GroupSpec{{"a", []string{"10.0.0.0/8"}, "1kpps"}, {"b", []string{"10.0.0.0/8"}, "2kpps"}}
		}, `groups[1].networks[0]|10.0.0.0/8|is already in group "a"|leave it in one`},
		{"interfaces of a flow rule", func(s *Spec) { s.Interfaces = []string{"eth*"} }, "interfaces||belongs to a rule that watches a counter|use agent, input and output in the filter"},
		{"watch and threshold", func(s *Spec) { *s = Spec{Name: "r", Watch: "if_in_errors rate > 1", Threshold: "5"} }, "threshold|5|belongs to a rule without watch|remove it, or watch"},
		{"watch of nothing", func(s *Spec) { *s = Spec{Name: "r", Watch: "if_in_error rate > 1"} }, `watch|if_in_error rate > 1|column 1: "if_in_error" is no metric|write if_in_errors`},
		{"watch of nothing like a metric", func(s *Spec) { *s = Spec{Name: "r", Watch: "zzzzzzzzzz > 1"} }, `watch|zzzzzzzzzz > 1|column 1: "zzzzzzzzzz" is no metric|write one such as if_in_errors, host_cpu.load_one, rtmetric.NAME`},
		{"level of a counter", func(s *Spec) { *s = Spec{Name: "r", Watch: "if_in_errors > 1"} }, "watch|if_in_errors > 1|column 14: if_counters.if_in_errors is a counter, which only rises|write rate before the comparison, absent"},
		{"absent without a time", func(s *Spec) { *s = Spec{Name: "r", Watch: "rtmetric.t absent"} }, `watch|rtmetric.t absent|column 18: "for" is missing at the end|write for 1m`},
		{"absent for nothing", func(s *Spec) { *s = Spec{Name: "r", Watch: "rtmetric.t absent for 0s"} }, "watch|rtmetric.t absent for 0s|column 23: 0s is out of range|write 1s to 24h"},
		{"watch without a number", func(s *Spec) { *s = Spec{Name: "r", Watch: "host_cpu.load_one > much"} }, `watch|host_cpu.load_one > much|column 21: "much" is no number|write a number such as 10`},
		{"interfaces of a host", func(s *Spec) { *s = Spec{Name: "r", Watch: "host_cpu.load_one > 1", Interfaces: []string{"eth0"}} }, "interfaces||host_cpu.load_one is no counter of an interface|remove it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := Compile(spec(c.change))
			var got []string
			for _, p := range problems {
				got = append(got, p.Key+"|"+p.Value+"|"+p.Problem+"|"+p.Fix)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestCompileAccepts(t *testing.T) {
	for _, s := range []Spec{
		spec(),
		spec(func(s *Spec) { s.Value, s.Threshold = "bits_per_second", "1.5 Gbit/s" }),
		spec(func(s *Spec) { s.Value, s.Threshold = "", "50Mbit/s" }),
		spec(func(s *Spec) { s.Key, s.Value, s.Threshold = []string{"src", "input"}, "", "10%" }),
		spec(func(s *Spec) { s.Value, s.Threshold = "distinct(src)", "500" }),
		spec(func(s *Spec) { s.Key, s.Value, s.Threshold = []string{"src/24"}, "distinct(src)", "200" }),
		spec(func(s *Spec) { s.Threshold = "20000/s" }),
		spec(func(s *Spec) { s.Window, s.At, s.Keys, s.Severity = "5m", "sum", "64", "critical" }),
		{Name: "w", Watch: "if_in_errors rate > 10/s", Interfaces: []string{"Ethernet*"}},
		{Name: "w", Watch: "host.cpu_load_one > 16 for 1m"},
		{Name: "w", Watch: "host_memory.mem_free < 1G"},
		{Name: "w", Watch: "rtmetric.queue-depth >= 1e3"},
		{Name: "w", Watch: `"queue depth" absent for 1m`},
	} {
		if _, problems := Compile(s); len(problems) > 0 {
			t.Errorf("%+v: %+v", s, problems)
		}
	}
}

func TestExplainTellsTheDelay(t *testing.T) {
	rates := []Sampling{{Rate: 1000}, {Rate: 10_000}}
	for _, c := range []struct {
		s        Spec
		want     string
		warnings []string
	}{
		{spec(), "raises a warning alert when the packet rate of one dst reaches 20kpps over 10 s; traffic of twice that is told after about 5 s at 1:1000, about 5 s at 1:10000", nil},
		{
			spec(func(s *Spec) { s.Window, s.Filter = "2s", "proto = udp" }),
			"raises a warning alert when the packet rate of one dst (only proto = udp) reaches 20kpps over 2 s; traffic of twice that is told after about 1 s at 1:1000, not at 1:10000",
			[]string{"20kpps at 1:10000 needs about 6 s of samples, and the window is 2 s: alerts come only from 60kpps; set a window of 6s or a threshold of that"},
		},
		{
			spec(func(s *Spec) {
				s.Value, s.Threshold, s.Severity, s.Window = "bits_per_second", "1Mbit/s", "info", "5m"
				s.Groups = []GroupSpec{{"big", []string{"10.0.0.0/8"}, "1Gbit/s"}}
			}),
			"raises an info alert when the bit rate of one dst reaches 1Mbit/s over 5 min, in group big 1Gbit/s; traffic of twice that is told after about 2.5 min at 1:1000, not at 1:10000",
			[]string{"1Mbit/s at 1:10000 needs about 16 min of samples, and the window is 5 min: alerts come only from 3.2Mbit/s; set a threshold of that"},
		},
		{
			spec(func(s *Spec) { s.Value, s.Threshold, s.Off = "distinct(src)", "100", true }),
			"off: would raise a warning alert when the number of different src of one dst reaches 100 over 10 s; it takes at least 100 samples of the key", nil,
		},
		{
			spec(func(s *Spec) { s.Value, s.Threshold = "distinct(src)", "100" }),
			"raises a warning alert when the number of different src of one dst reaches 100 over 10 s; it takes at least 100 samples of the key",
			[]string{
				"100 at 1:1000 needs 100 samples of one key within 10 s: a key with less than 10kpps cannot show them",
				"100 at 1:10000 needs 100 samples of one key within 10 s: a key with less than 100kpps cannot show them",
			},
		},
		{
			Spec{Name: "w", Watch: "if_in_errors rate > 10/s", Interfaces: []string{"Ethernet*"}},
			"raises a warning alert when if_counters.if_in_errors changes by more than 10 a second, on interfaces Ethernet*; told with the second export after the change, agents export every 20 to 30 s", nil,
		},
		{
			Spec{Name: "w", Watch: "rtmetric.temperature absent for 1m", Severity: "critical"},
			"raises a critical alert when rtmetric.temperature has been silent for 60 s, after it was heard once", nil,
		},
	} {
		r := compiled(t, c.s)
		if diff := cmp.Diff(c.want, r.Explain(rates)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(c.warnings, r.Warnings(rates)); diff != "" {
			t.Errorf("warnings (-want +got)\n%s", diff)
		}
	}
}

// The example: 20 kpps at 1:10000 is twelve samples in 6 s.
func TestNeedsTwelveSamples(t *testing.T) {
	r := compiled(t, spec())
	if d := r.Needs(r.threshold, Sampling{Rate: 10_000}); d != 6*time.Second {
		t.Errorf("%v, want 6s", d)
	}
}

func TestOverlaps(t *testing.T) {
	all := []Rule{
		compiled(t, spec()),
		compiled(t, spec(func(s *Spec) { s.Filter = "proto = udp" })),
		compiled(t, spec(func(s *Spec) { s.Filter = "proto = tcp" })),
		compiled(t, spec(func(s *Spec) { s.Key = []string{"src"} })),
		compiled(t, spec(func(s *Spec) { s.Off = true })),
	}
	if diff := cmp.Diff([][2]int{{0, 1}, {0, 2}}, Overlaps(all)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestCheckFindsEqualNames(t *testing.T) {
	all := []Rule{compiled(t, spec()), compiled(t, spec())}
	if p := Check(all); len(p) != 1 || len(p[1]) != 1 || p[1][0].Key != "name" {
		t.Errorf("%+v", p)
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"Ethernet*", "Ethernet12", true}, {"Ethernet*", "Eth", false}, {"*", "", true}, {"a?c", "abc", true},
		{"a*c*e", "abcde", true}, {"a*c*e", "abcd", false}, {"", "", true}, {"", "x", false}, {"**x", "x", true},
	} {
		if got := glob(c.pattern, c.text); got != c.want {
			t.Errorf("%q %q: %v", c.pattern, c.text, got)
		}
	}
}

func FuzzParseWatch(f *testing.F) {
	for _, s := range []string{"if_in_errors rate > 10/s", "host_cpu.load_one > 16 for 30s", `"a b" absent for 1m`, "rtmetric.x < -1e3", "x", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w, err := parseWatch(text)
		if err != nil {
			if err.From < 0 || err.From > err.To || err.To > len(text) {
				t.Fatalf("error %#v", err)
			}
			return
		}
		again, err := parseWatch(w.String())
		if err != nil || again.String() != w.String() {
			t.Fatalf("%q is written as %q, which is read as %q, %v", text, w.String(), again.String(), err)
		}
	})
}

// The sample configuration states the memory as a formula.
func TestBytesFollowTheFormula(t *testing.T) {
	for _, c := range []struct {
		change func(*Spec)
		want   int
	}{
		{func(*Spec) {}, 4096*(8+64+136+76+27) + 4096/32*1560},
		{func(s *Spec) { s.Keys = "64" }, 64*(8+64+136+76+27) + 64/32*1560},
		{func(s *Spec) { s.Value, s.Threshold = "distinct(src)", "5" }, 4096*(8+64+136+76+27+64) + 4096/80*1560},
		{func(s *Spec) { s.Off = true }, 0},
		{func(s *Spec) { *s = Spec{Name: "w", Watch: "if_in_errors rate > 1"} }, 0},
	} {
		r := compiled(t, spec(c.change))
		if got := r.Bytes(); got != c.want {
			t.Errorf("%+v: %d, want %d", r.Spec, got, c.want)
		}
	}
}
