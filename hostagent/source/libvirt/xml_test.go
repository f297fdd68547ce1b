package libvirt

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
)

var aboutOptions = cmp.AllowUnexported(about{}, nic{}, nova{})

const novaXML = `<domain type='kvm' id='7'><name>instance-00000007</name>
<metadata>
  <other:instance xmlns:other="http://example.org/"><other:name>not Nova's</other:name></other:instance>
  <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
    <nova:package version="26.2.2"/>
    <nova:name>web &lt;1&gt;</nova:name>
    <nova:flavor name="m1.small"><nova:memory>2048</nova:memory></nova:flavor>
    <nova:owner><nova:user uuid="u-1">demo</nova:user><nova:project uuid="p-1"> acme </nova:project></nova:owner>
    <nova:ports>
      <nova:port uuid="port-1"><nova:ip type="fixed" address="10.0.0.5" ipVersion="4"/><nova:ip type="fixed" address="2001:DB8::5" ipVersion="6"/></nova:port>
      <nova:port uuid="a,b=c"><nova:ip type="fixed" address="10.0.0.6" ipVersion="4"/><nova:ip address="no address"/></nova:port>
    </nova:ports>
  </nova:instance>
</metadata>
<devices>
  <disk type='network' device='disk'><source protocol='rbd' name='volumes/volume-1'><host name='10.1.0.1' port='6789'/></source><target dev='vda'/></disk>
  <interface type='bridge'><mac address='fa:16:3e:00:00:01'/><source bridge='brq0'/><target dev='tap0'/></interface>
  <interface type='bridge'><mac address='FA:16:3E:00:00:02'/><virtualport type='openvswitch'><parameters interfaceid='port-2'/></virtualport><target dev='tap1'/></interface>
  <interface type='hostdev'><mac address='fa:16:3e:00:00:zz'/></interface>
</devices></domain>`

func TestParseXML(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       about
	}{
		{"Nova's", novaXML, about{
			nics: []nic{
				{mac: sflow.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}, hasMAC: true, tap: "tap0"},
				{mac: sflow.MAC{0xfa, 0x16, 0x3e, 0, 0, 2}, hasMAC: true, tap: "tap1", ovsPort: "port-2"},
				{},
			},
			nova: &nova{name: "web <1>", project: "p-1", projectName: "acme", user: "u-1", flavor: "m1.small",
				ports: "port-1=10.0.0.5,port-1=2001:db8::5,a?b?c=10.0.0.6"},
		}},
		{"nobody's", `<domain><name>x</name></domain>`, about{}},
		{"control characters in a name", `<domain><metadata><n:instance xmlns:n="http://openstack.org/xmlns/libvirt/nova/1.0"><n:name>a&#10;b&#x85;c` + "\u00e9" + `</n:name></n:instance></metadata></domain>`,
			about{nova: &nova{name: "a?b?cé"}}},
		{"another namespace", `<domain><metadata><n:instance xmlns:n="http://evil.example/nova/"><n:name>x</n:name></n:instance></metadata></domain>`, about{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseXML(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got, aboutOptions); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestParseXMLRejects(t *testing.T) {
	for name, text := range map[string]string{
		"empty":        "",
		"cut":          novaXML[:len(novaXML)/2],
		"not XML":      "{}",
		"too long":     "<domain>" + strings.Repeat(" ", maxXML) + "</domain>",
		"an entity":    `<!DOCTYPE d [<!ENTITY a "b">]><domain><name>&a;</name></domain>`,
		"wrong nested": "<domain><metadata></domain></metadata>",
	} {
		if _, err := parseXML(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestCleanIsShortAndPrintable(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"plain", 10, "plain"},
		{"\x00a\nb\x7f\xffc", 10, "?a?b??c"},
		{"ééé", 5, "éé"},
		{"", 5, ""},
		{strings.Repeat("x", 1000), 4, "xxxx"},
	} {
		if got := clean(c.in, c.n); got != c.want {
			t.Errorf("clean(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func FuzzParseXML(f *testing.F) {
	f.Add(novaXML)
	f.Add(novaXML[:300])
	f.Add(`<domain><devices><interface><mac address="fa:16:3e:00:00:01"/></interface></devices></domain>`)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseXML(text)
		if err != nil {
			return
		}
		if len(a.nics) > maxNICs {
			t.Errorf("%d interfaces", len(a.nics))
		}
		if n := a.nova; n != nil {
			for _, s := range []string{n.name, n.project, n.projectName, n.user, n.flavor, n.ports} {
				if len(s) > 6*maxName || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
					t.Errorf("%q is not clean", s)
				}
			}
		}
	})
}
