package keys

import (
	"strings"
	"testing"
)

func TestParseReadsTheVocabulary(t *testing.T) {
	for _, c := range []struct {
		key, value string
		want       string
		stored     int
	}{
		{"src,dst_port", "bytes", "src,dst_port: bytes", 24},
		{" dst_port , src ", "packets", "src,dst_port: packets", 24},
		{"src,dst,proto,src_port,dst_port", "bytes", "src,dst,proto,src_port,dst_port: bytes", 44},
		{"dst", "distinct(src)", "dst: packets distinct(src)", 24},
		{"dst", "bytes distinct(src,src_port)", "dst: bytes distinct(src,src_port)", 24},
		{"dst/24", "packets distinct(dst)", "dst/24: packets distinct(dst)", 24},
		{"src/48", "bytes", "src/48: bytes", 24},
		{"src/24/48,dst/16/32", "bytes", "src/24/48,dst/16/32: bytes", 44},
		{"input", "packets", "agent,input: packets", 24},
		{"input,output,agent", "packets", "agent,input,output: packets", 24},
		{"domain", "bytes", "domain: bytes", 24},
		{"domain,src", "bytes", "src: bytes", 24},
		{"outer_src,outer_dst,src,dst", "bytes", "outer_src,outer_dst,src,dst: bytes", 72},
		{"inner_dst/24", "bytes", "inner_dst/24: bytes", 24},
		{"mac_src,mac_dst,vlan,vni", "packets", "mac_src,mac_dst,vlan,vni: packets", 24},
		{"tcp_flags,dscp,src_as,dst_as", "packets", "tcp_flags,dscp,src_as,dst_as: packets", 24},
		{"next_hop", "bytes", "next_hop: bytes", 24},
		{"instance", "packets", "instance: packets", 24},
		{"dst_port,dst,instance", "packets distinct(src)", "instance,dst,dst_port: packets distinct(src)", 44},
		{"dst", "distinct(instance)", "dst: packets distinct(instance)", 24},
	} {
		t.Run(c.key+" "+c.value, func(t *testing.T) {
			d, err := ParseWith(c.key, c.value)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.String(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got := d.stored(); got != c.stored {
				t.Errorf("keys take %d bytes, want %d", got, c.stored)
			}
			again, err := ParseWith(d.Key(), strings.SplitN(d.String(), ": ", 2)[1])
			if err != nil || again.String() != d.String() {
				t.Errorf("what it prints reads as %v, %v", again.String(), err)
			}
		})
	}
}

func TestParseRefusesWithAHint(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"dst_prt", "bytes", `key field "dst_prt": unknown; did you mean dst_port?`},
		{"sorce", "bytes", `did you mean src?`},
		{"flavour", "bytes", `known are domain, agent, input`},
		{strings.Repeat("x", 1000), "bytes", `known are`},
		{"instance/24", "bytes", `only addresses have prefixes; use instance`},
		{"instance", "distinct(instance)", `instance is part of the key "instance"`},
		{"", "bytes", `key "": a field is empty`},
		{"src,,dst", "bytes", `a field is empty`},
		{"src,src", "bytes", `key "src,src": src is there twice`},
		{"src,src/24", "bytes", `src is there twice`},
		{"src/0", "bytes", `prefix length "0": must be 1 to 32 for IPv4, 33 to 128 for IPv6`},
		{"src/129", "bytes", `prefix length "129"`},
		{"src/x", "bytes", `prefix length "x"`},
		{"src/+8", "bytes", `prefix length "+8"`},
		{"src/", "bytes", `prefix length ""`},
		{"src/48/24", "bytes", `the first length is that of IPv4`},
		{"src_port/8", "bytes", `only addresses have prefixes; use src_port`},
		{"agent,outer_src,outer_dst,src,dst", "bytes", `at most 72; leave fields out`},
		{"src", "", `value is empty`},
		{"src", "bits", `"bits" is unknown; use bytes, packets, distinct(field)`},
		{"src", "bytes packets", `"packets" is unknown`},
		{"src", "distinct(dts)", `did you mean dst?`},
		{"src", "distinct(dst", `is unknown`},
		{"src", "distinct()", `a field is empty`},
		{"src,dst", "distinct(src)", `src is part of the key "src,dst"`},
	} {
		t.Run(c.key+" "+c.value, func(t *testing.T) {
			_, err := ParseWith(c.key, c.value)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Error("more than one line")
			}
		})
	}
}

func TestDefaultFitsItsMemory(t *testing.T) {
	defs := Default()
	if len(defs) != 9 {
		t.Errorf("%d definitions, want 9", len(defs))
	}
	for _, d := range defs {
		if n := d.Bytes(0); n > 6_000_000 || n < 4_000_000 {
			t.Errorf("%v takes %d bytes", &d, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, d := range Default() {
		f.Add(d.Key(), d.value.String())
	}
	f.Add("src/24/48", "bytes distinct(dst,dst_port)")
	f.Fuzz(func(t *testing.T, key, value string) {
		d, err := ParseWith(key, value)
		if err != nil {
			return
		}
		if d.size > MaxSize || d.size == 0 {
			t.Errorf("%q has %d bytes", key, d.size)
		}
		text := strings.SplitN(d.String(), ": ", 2)
		again, err := ParseWith(text[0], text[1])
		if err != nil || again.String() != d.String() {
			t.Errorf("%q prints as %q, which reads as %v, %v", key, d.String(), again.String(), err)
		}
	})
}
