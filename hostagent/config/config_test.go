package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestMistakesNameLineAndFix(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "colectors: []\n", "f:1: colectors: unknown key; did you mean collectors?"},
		{"unknown key below another", "log:\n  formt: info\n", "f:2: formt: unknown key; did you mean format?"},
		{"nothing like it", "zzzzzzzzzz: 1\n", "f:1: zzzzzzzzzz: unknown key; remove it; `weir-agent check --sample` prints every key"},
		{"twice", "node: a\nnode: b\n", `f:2: node: stands twice, first on line 1; remove one`},
		{"wrong type", "sub_agent: many\n", "f:1: needs a whole number, has \"many\"; `weir-agent check --sample` shows every key"},
		{"a value for a group", "log: 5\n", "f:1: needs keys, indented, has \"5\"; `weir-agent check --sample` shows every key"},
		{"a group for a value", "node: {a: b}\n", "f:1: needs a text, has a group of keys; `weir-agent check --sample` shows every key"},
		{"a text for a list", "collectors: x\n", "f:1: needs a list such as [\"a\", \"b\"], has \"x\"; `weir-agent check --sample` shows every key"},
		{"duration without a unit", "polling: {default: 10}\n", `f:1: "10" is not understood; write a number with a unit, such as "10s" or "500ms"`},
		{"duration out of range", "\npolling:\n  default: 5h\n", "f:3: polling.default: 5h0m0s is out of range; write 1s to 1h0m0s"},
		{"no collector", "collectors: [\"a b\"]\n", `f:1: collectors: "a b" is no collector; write an address or a name, with a port or without, such as "10.0.0.5" or "[2001:db8::1]:6343"`},
		{"no address", "agent_address: nowhere\n", `f:1: "nowhere" is not understood; write an address of this node such as "10.0.0.7", or networks such as ["10.0.0.0/16"]`},
		{"no pattern", "interfaces: {names: [\"[\"]}\n", `f:1: interfaces.names: "[" is no pattern; write a name with *, ? and [a-z], such as "tap*"`},
		{"no kind", "interfaces: {fast: [tun]}\n", `f:1: interfaces.fast: "tun" is no kind of interface; write some of physical, bond, bridge, tap, veth, vlan, vxlan, ovs, other`},
		{"no level", "log: {level: loud}\n", `f:1: log.level: "loud" is no level; write debug, info, warn or error`},
		{"no YAML", "a: [\n", "f:1: not YAML: did not find expected node content; indent with spaces, put a space after each colon, quote values with special characters"},
		{"two documents", "node: a\n---\nnode: b\n", `f:2: a second document begins here; remove the "---" line`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.text))
			if err == nil {
				t.Fatal("no error")
			}
			if _, ok := errors.AsType[Errors](err); !ok {
				t.Errorf("%T", err)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAllMistakesAreTold(t *testing.T) {
	_, err := Parse("f", []byte("log: {level: x, format: y}\nnode: "+strings.Repeat("n", 65)+"\ninterfaces: {max: 0}\n"))
	all, _ := errors.AsType[Errors](err)
	if len(all) != 4 {
		t.Errorf("%d mistakes: %v", len(all), err)
	}
}

func TestValues(t *testing.T) {
	c, err := Parse("f", []byte(`
collectors: [c.example.org, "10.0.0.5:7000"]
dns_sd: example.org.
agent_address: ["10.0.0.0/8", "2001:db8::/32"]
polling: {interfaces: 500ms}
off: [libvirt]
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Collectors = []string{"c.example.org", "10.0.0.5:7000"}
	want.DNSSD = DNSSD{Domain: "example.org"}
	want.AgentAddress = AgentAddress{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}}
	want.Polling.Interfaces = Duration(500 * time.Millisecond)
	want.Off = []string{"libvirt"}
	if diff := cmp.Diff(want, c, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	c, err = Parse("f", []byte("dns_sd: false\nagent_address: \"::ffff:192.0.2.1\"\n"))
	if err != nil || !c.DNSSD.Off || c.AgentAddress.Addr != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("%+v %+v %v", c.DNSSD, c.AgentAddress, err)
	}
}

func TestSplitCollector(t *testing.T) {
	for _, c := range []struct {
		in, host string
		port     uint16
		bad      bool
	}{
		{"10.0.0.5", "10.0.0.5", 6343, false},
		{"10.0.0.5:7", "10.0.0.5", 7, false},
		{"2001:db8::1", "2001:db8::1", 6343, false},
		{"[2001:db8::1]", "2001:db8::1", 6343, false},
		{"[2001:db8::1]:7", "2001:db8::1", 7, false},
		{"fe80::1%eth0", "fe80::1%eth0", 6343, false},
		{"c.example", "c.example", 6343, false},
		{"c.example:7", "c.example", 7, false},
		{"", "", 0, true}, {":7", "", 0, true}, {"a:b", "", 0, true}, {"a:0", "", 0, true}, {"a:70000", "", 0, true}, {"udp://a", "", 0, true},
	} {
		host, port, err := SplitCollector(c.in)
		if (err != nil) != c.bad || !c.bad && (host != c.host || port != c.port) {
			t.Errorf("%q: %q %d %v", c.in, host, port, err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Load(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, _, err := Load(dir); err == nil {
		t.Error("a folder is read")
	}
	write := func(name string, n int, text string) string {
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, []byte(text+strings.Repeat("#", n)), 0o600); err != nil {
			t.Fatal(err)
		}
		return at
	}
	if _, _, err := Load(write("big", maxFile+1, "")); err == nil || !strings.Contains(err.Error(), "longer than 1 MiB") {
		t.Errorf("a large file: %v", err)
	}
	one, d1, err := Load(write("one", 0, "node: a\n"))
	if err != nil || one.Node != "a" || len(d1) != 16 {
		t.Errorf("%q %q %v", one.Node, d1, err)
	}
	if _, d2, _ := Load(write("two", 0, "node: b\n")); d2 == d1 {
		t.Error("different files have the same digest")
	}
	if _, _, err := Load(write("empty", 10, "")); err != nil {
		t.Errorf("nothing but comments: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("collectors: [a]\npolling: {default: 10s}\n"))
	f.Add([]byte("agent_address: [\"10.0.0.0/8\"]\novs: {keep_sflow: [{bridge: b}]}\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4096 {
			return
		}
		_, err := Parse("f", b)
		if err == nil {
			return
		}
		all, ok := errors.AsType[Errors](err)
		if !ok || len(all) == 0 {
			t.Errorf("%T: %v", err, err)
		}
	})
}
