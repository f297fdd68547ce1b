package decoder_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
	"weir/decoder/sflow"
)

// ovsDatagram reads a datagram that an Open vSwitch sent, from the commented hex
// of decoder/sflow.
func ovsDatagram(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("sflow", "testdata", name, "datagram.hex"))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lines is a Handler that keeps each flow as a line.
type lines struct {
	none
	flows []string
}

func (l *lines) Flow(f *decoder.Flow) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s to %s, %d octets:", port(f.Sample.Input), port(f.Sample.Output), f.FrameLength)
	h := &f.Header
	if h.HasKey {
		fmt.Fprintf(&b, " proto %d %s %d > %s %d", h.Key.Proto, h.Key.SrcAddr(), h.Key.SrcPort, h.Key.DstAddr(), h.Key.DstPort)
	}
	if h.ARP.Op != 0 {
		fmt.Fprintf(&b, " arp %d %s > %s", h.ARP.Op, netip.AddrFrom4(h.ARP.SenderIP), netip.AddrFrom4(h.ARP.TargetIP))
	}
	if h.TCPFlags != 0 {
		fmt.Fprintf(&b, " flags %#x", h.TCPFlags)
	}
	if h.MPLSLabels > 0 {
		fmt.Fprintf(&b, " labels %d from %d", h.MPLSLabels, h.MPLSLabel)
	}
	if f.Seen&decoder.SeenVNIIn != 0 {
		fmt.Fprintf(&b, " in vni %d", f.InVNI)
	}
	if f.Seen&decoder.SeenVNIOut != 0 {
		fmt.Fprintf(&b, " out vni %d", f.OutVNI)
	}
	if f.Seen&decoder.SeenSwitch != 0 && f.OutVLAN != 0 {
		fmt.Fprintf(&b, " out vlan %d", f.OutVLAN)
	}
	l.flows = append(l.flows, b.String())
}

func port(p sflow.Port) string {
	if p.Format == sflow.PortMultiple {
		return fmt.Sprintf("%d ports", p.Value)
	}
	return fmt.Sprint(p.Value)
}

// The packets that were sent through the bridges come out as flows. ICMP has
// type<<8|code for its port: 771 and 260 are the answers "port unreachable".
func TestOpenVSwitchFlows(t *testing.T) {
	for _, c := range []struct {
		name string
		want []string
	}{
		{"ovs_vxlan_ipv4", []string{
			"9 to 1 ports, 110 octets: proto 17 198.51.100.1 40011 > 198.51.100.9 5001 out vni 42",
			"0 to 9, 138 octets: proto 1 198.51.100.9 0 > 198.51.100.1 771 in vni 42",
		}},
		{"ovs_vxlan_ipv6", []string{
			"9 to 1 ports, 130 octets: proto 17 2001:db8:1::1 40012 > 2001:db8:1::9 5001 out vni 42",
			"0 to 9, 178 octets: proto 58 2001:db8:1::9 0 > 2001:db8:1::1 260 in vni 42",
		}},
		{"ovs_gre", []string{
			"0 to 15, 86 octets: proto 17 198.51.100.8 40008 > 198.51.100.5 53 in vni 7",
			"15 to 1 ports, 114 octets: proto 1 198.51.100.5 0 > 198.51.100.8 771 out vni 7",
		}},
		{"ovs_mpls", []string{
			"11 to 12, 106 octets: proto 17 198.51.100.3 40001 > 198.51.100.4 8847",
		}},
		{"ovs_mpls_stack", []string{
			"12 to 2 ports, 74 octets: proto 58 fe80::ff:fe00:4 0 > ff02::2 34048",
			"11 to 12, 58 octets: proto 6 198.51.100.3 40003 > 198.51.100.4 443 flags 0x2",
		}},
		{"ovs_mpls_swap", []string{
			"12 to 11, 94 octets: proto 17 198.51.100.4 40006 > 198.51.100.3 123 labels 2 from 16010",
		}},
		{"ovs_qinq", []string{
			"11 to 12, 106 octets: proto 17 198.51.100.3 40002 > 198.51.100.4 8848 out vlan 200",
		}},
		{"ovs_arp", []string{
			"9 to 3 ports, 46 octets: arp 1 198.51.100.1 > 198.51.100.2",
			"10 to 9, 46 octets: arp 2 198.51.100.2 > 198.51.100.1",
			"9 to 10, 110 octets: proto 17 198.51.100.1 40013 > 198.51.100.2 5001",
			"10 to 9, 138 octets: proto 1 198.51.100.2 0 > 198.51.100.1 771",
		}},
		{"ovs_lag", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var (
				d decoder.Decoder
				l lines
			)
			if err := d.Decode(ovsDatagram(t, c.name), from, at, &l); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, l.flows); diff != "" {
				t.Errorf("flows (-want +got):\n%s", diff)
			}
		})
	}
}
