package names

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weir/collector/agents"
)

var addrs = cmpopts.EquateComparable(netip.Addr{})

const yamlFile = `# two switches
- agent: 10.255.0.11
  name: leaf1
  interfaces:
    - {name: Ethernet12, alias: to spine2, speed: 100Gbit/s}
    - {index: 49, name: Ethernet49, alias: "to spine1", speed: 400G}
    - {index: 50, alias: spare}
- agent: 2001:db8::1
  name: edge
`

const csvFile = "\ufeffagent,agent_name,ifname,ifindex,alias,speed\n" +
	"# comment\n" +
	"10.255.0.11,leaf1,Ethernet12,,to spine2,100Gbit/s\n" +
	"10.255.0.11,,Ethernet49,49,to spine1,400000000000\n" +
	"10.255.0.11,,,50,spare,\n" +
	"2001:db8::1,edge,,,,\n"

var wanted = []Device{
	{Agent: netip.MustParseAddr("10.255.0.11"), Name: "leaf1", Interfaces: []Interface{
		{Name: "Ethernet12", Alias: "to spine2", Speed: 100e9},
		{Index: 49, Name: "Ethernet49", Alias: "to spine1", Speed: 400e9},
		{Index: 50, Alias: "spare"},
	}},
	{Agent: netip.MustParseAddr("2001:db8::1"), Name: "edge"},
}

func TestReadFileReadsYAMLAndCSV(t *testing.T) {
	for name, text := range map[string]string{"names.yaml": yamlFile, "names.csv": csvFile, "names.json": `[
		{"agent": "10.255.0.11", "name": "leaf1", "interfaces": [
			{"name": "Ethernet12", "alias": "to spine2", "speed": 100000000000},
			{"index": 49, "name": "Ethernet49", "alias": "to spine1", "speed": "400 Gbps"},
			{"index": 50, "alias": "spare", "speed": null}]},
		{"agent": "2001:db8::1", "name": "edge"}]`} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wanted, got, addrs); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, err := ReadFile("/nowhere/names.yaml"); err == nil || !strings.Contains(err.Error(), "/nowhere/names.yaml: no such file") {
		t.Errorf("missing file: %v", err)
	}
}

func TestParseNamesTheMistake(t *testing.T) {
	for _, c := range []struct {
		name, text string
		csv        bool
		want       string
	}{
		{"no list", "agent: 10.0.0.1", false, "f:1: needs a list of agents"},
		{"no agent", "- name: x", false, "f:1: an entry without agent"},
		{"no address", "- agent: leaf1", false, `f:1: agent "leaf1": not an IP address`},
		{"unknown key", "- agent: 10.0.0.1\n  nam: x", false, `f:2: "nam" is unknown`},
		{"twice", "- agent: 10.0.0.1\n- agent: 10.0.0.1", false, "f:2: agent \"10.0.0.1\" stands in the list twice"},
		{"interface without a name", "- agent: 10.0.0.1\n  interfaces:\n  - {alias: x}", false, "f:3: an interface of 10.0.0.1 has neither name nor index"},
		{"speed", "- agent: 10.0.0.1\n  interfaces:\n  - {name: x, speed: fast}", false, `f:3: speed "fast": not a speed`},
		{"index", "- agent: 10.0.0.1\n  interfaces:\n  - {index: -1}", false, `f:3: index "-1": not an ifIndex`},
		{"no YAML", "- [", false, "f: yaml:"},
		{"interfaces are no list", "- agent: 10.0.0.1\n  interfaces: {name: x}", false, "f:2: interfaces needs a list"},
		{"unknown column", "agent,colour\n", true, `f:1: column "colour" is unknown`},
		{"no column agent", "ifname\n", true, "f:1: no column agent"},
		{"short row", "agent,ifname\n10.0.0.1\n", true, "f:2: not CSV: wrong number of fields"},
		{"bad row", "agent,ifname,speed\n10.0.0.1,e1,x\n", true, `f:2: speed "x"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			devices, err := Parse("f", []byte(c.text), c.csv)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v, want an error with %q", devices, err, c.want)
			}
		})
	}
	if d, err := Parse("f", nil, false); err != nil || len(d) != 0 {
		t.Errorf("empty file: %v, %v", d, err)
	}
}

func TestParseSpeed(t *testing.T) {
	for text, want := range map[string]uint64{"1000000000": 1e9, "100Gbit/s": 100e9, "10 Gbps": 10e9, "2.5G": 25e8, "1T": 1e12, "0": 0} {
		if got, err := parseSpeed(text); err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "fast", "-1", "1e30", "nan", "1X"} {
		if got, err := parseSpeed(text); err == nil {
			t.Errorf("%q is %d, want an error", text, got)
		}
	}
}

func TestViewPutsFilesBeforeImportBeforeSNMP(t *testing.T) {
	leaf := netip.MustParseAddr("10.255.0.11")
	b := &Book{}
	b.Replace(SNMP, []Device{{Agent: leaf, Name: "leaf1.example.net", Interfaces: []Interface{
		{Index: 12, Name: "Ethernet12", Alias: "by snmp", Speed: 10e9},
		{Index: 13, Name: "Ethernet13", Alias: "unused", Speed: 25e9},
	}}})
	b.Replace(Import, []Device{{Agent: leaf, Name: "leaf1", Interfaces: []Interface{{Name: "Ethernet12", Alias: "by import", Speed: 40e9}}}})
	b.Replace(Files, []Device{{Agent: leaf, Interfaces: []Interface{{Name: "Ethernet12", Alias: "to spine2"}, {Index: 7, Name: "mgmt"}}}})
	v := b.View()
	for _, c := range []struct {
		name    string
		ifIndex uint32
		said    string
		want    agents.Label
	}{
		{"found by the name that SNMP has", 12, "", agents.Label{Name: "Ethernet12", Alias: "to spine2", Speed: 40e9, Fixed: true}},
		{"the agent's own name finds it under another ifIndex", 99, "Ethernet12", agents.Label{Name: "Ethernet12", Alias: "to spine2", Speed: 40e9, Fixed: true}},
		{"SNMP alone", 13, "", agents.Label{Name: "Ethernet13", Alias: "unused", Speed: 25e9}},
		{"an ifIndex that has another name now", 13, "Ethernet77", agents.Label{Name: "Ethernet77"}},
		{"by ifIndex in a file", 7, "", agents.Label{Name: "mgmt"}},
		{"unknown", 1000, "", agents.Label{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, v.InterfaceLabel(leaf, c.ifIndex, c.said)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff([]uint32{12, 13}, v.Indexes(leaf)); diff != "" {
		t.Errorf("ifIndexes with a speed (-want +got):\n%s", diff)
	}
	if got := v.AgentLabel(leaf); got != "leaf1" {
		t.Errorf("agent is %q", got)
	}
	if got := v.InterfaceLabel(netip.MustParseAddr("10.0.0.1"), 1, "e1"); got != (agents.Label{}) {
		t.Errorf("another agent has %+v", got)
	}

	// After a restart what SNMP said of ifIndexes is nothing to rely on.
	b.Forget(SNMP, leaf)
	if got := b.View().InterfaceLabel(leaf, 12, ""); got != (agents.Label{}) {
		t.Errorf("forgotten, but %+v", got)
	}
	if got := v.InterfaceLabel(leaf, 12, "").Name; got != "Ethernet12" {
		t.Errorf("a view changed: %q", got)
	}
	b.Put(SNMP, Device{Agent: leaf, Interfaces: []Interface{{Index: 49, Name: "Ethernet12"}}})
	if got := b.View().InterfaceLabel(leaf, 49, ""); got.Alias != "to spine2" {
		t.Errorf("renumbered, but %+v", got)
	}
}

func TestBookIsBounded(t *testing.T) {
	b := &Book{}
	many := make([]Interface, MaxInterfaces)
	if !b.Put(SNMP, Device{Agent: netip.MustParseAddr("10.0.0.1"), Interfaces: many}) {
		t.Fatal("the first does not fit")
	}
	if b.Put(SNMP, Device{Agent: netip.MustParseAddr("10.0.0.2"), Interfaces: many[:1]}) {
		t.Error("one more fits")
	}
	if !b.Put(SNMP, Device{Agent: netip.MustParseAddr("10.0.0.1")}) {
		t.Error("fewer do not fit")
	}
	if d, n := b.Count(SNMP); d != 1 || n != 0 {
		t.Errorf("%d devices, %d interfaces", d, n)
	}
}

func TestBookSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	b := &Book{}
	if err := b.Load(dir); err != nil {
		t.Fatalf("nothing there: %v", err)
	}
	b.Replace(SNMP, wanted)
	b.Replace(Files, wanted)
	if err := b.Save(dir); err != nil {
		t.Fatal(err)
	}
	again := &Book{}
	if err := again.Load(dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, again.Devices(SNMP), addrs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d, _ := again.Count(Files); d != 0 {
		t.Error("files are read anew, not kept")
	}
	path := filepath.Join(dir, cacheFile)
	for _, broken := range []string{"{", `{"version": 9}`, `{"version":1,"snmp":[{"agent":"x"}]}`} {
		if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := (&Book{}).Load(dir); err == nil || !strings.Contains(err.Error(), "is not used") {
			t.Errorf("%s: %v", broken, err)
		}
	}
}

func TestCleanKeepsOneReadableLine(t *testing.T) {
	for in, want := range map[string]string{
		" to spine2\r\n": "to spine2", "a\nb": "a b", "\x00\x1b[31mred\xff": "[31mred", strings.Repeat("é", 100): strings.Repeat("é", 64),
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestFetchImportsWhatIsNew(t *testing.T) {
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer secret":
			w.WriteHeader(http.StatusUnauthorized)
		case status != http.StatusOK:
			w.WriteHeader(status)
		case r.Header.Get("If-None-Match") == `"1"`:
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("Etag", `"1"`)
			w.Header().Set("Content-Type", "text/csv; charset=utf-8")
			_, _ = w.Write([]byte(csvFile))
		}
	}))
	defer srv.Close()
	f := &Fetcher{URL: srv.URL + "/names?secret=1", Token: "secret"}
	got, err := f.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, got, addrs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := f.Fetch(t.Context()); err != ErrUnchanged {
		t.Errorf("again: %v", err)
	}
	for code, want := range map[int]string{http.StatusNotFound: "set names.url", http.StatusBadGateway: "502"} {
		status = code
		if _, err := f.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d: %v", code, err)
		}
	}
	f.Token = "other"
	if _, err := f.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "set names.token") {
		t.Errorf("wrong token: %v", err)
	}
	srv.Close()
	if _, err := f.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("nobody there: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(yamlFile), false)
	f.Add([]byte(csvFile), true)
	f.Add([]byte("- &a {agent: 10.0.0.1, interfaces: [*a]}"), false)
	f.Fuzz(func(t *testing.T, b []byte, asCSV bool) {
		devices, err := Parse("f", b, asCSV)
		if err != nil {
			if _, ok := err.(*Error); !ok || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%T %v: not one line with its place", err, err)
			}
			return
		}
		for _, d := range devices {
			if !d.Agent.IsValid() || Clean(d.Name) != d.Name {
				t.Fatalf("%+v", d)
			}
			for _, x := range d.Interfaces {
				if x.Name == "" && x.Index == 0 || Clean(x.Alias) != x.Alias {
					t.Fatalf("%+v", x)
				}
			}
		}
	})
}
