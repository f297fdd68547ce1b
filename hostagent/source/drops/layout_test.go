package drops

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
	"weir/hostagent/source"
)

// Two alerts octet by octet as linux/net_dropmon.h numbers them and the kernel's
// net_dm_packet_report_fill and net_dm_hw_packet_report_fill lay them out, on a
// machine that is little-endian. Our own encoder had no hand in them.
const (
	softwareAlert = `
		05 02 00 00                                          # NET_DM_CMD_PACKET_ALERT, version 2
		06 00 0e 00 00 00 00 00                              # ORIGIN: software
		0c 00 02 00 95 3f 8a 81 ff ff ff ff                  # PC
		16 00 03 00 6e 66 5f 68 6f 6f 6b 5f 73 6c 6f 77 2b 30 78 39 35 00 00 00  # SYMBOL nf_hook_slow+0x95
		18 00 04 80                                          # IN_PORT, nested
		   08 00 00 00 07 00 00 00                           #   IFINDEX 7
		   09 00 01 00 65 74 68 30 00 00 00 00               #   NAME eth0
		0c 00 05 00 00 ca 9a 3b 00 00 00 00                  # TIMESTAMP 10^9
		08 00 0a 00 dc 05 00 00                              # ORIG_LEN 1500
		06 00 06 00 08 00 00 00                              # PROTO IPv4, in network order
		13 00 17 00 4e 45 54 46 49 4c 54 45 52 5f 44 52 4f 50 00 00  # REASON NETFILTER_DROP
		32 00 07 00                                          # PAYLOAD, 46 octets
		   02 00 00 00 00 0b 02 00 00 00 00 0a 08 00
		   45 00 05 ce 00 01 00 00 40 11 00 00 0a 09 00 01 0a 09 00 02
		   00 01 00 02 05 ba 00 00 73 65 63 72 00 00`
	hardwareAlert = `
		05 02 00 00
		06 00 0e 00 01 00 00 00                              # ORIGIN: hardware
		0d 00 0f 00 6c 33 5f 64 72 6f 70 73 00 00 00 00      # HW_TRAP_GROUP_NAME l3_drops
		14 00 10 00 62 6c 61 63 6b 68 6f 6c 65 5f 72 6f 75 74 65 00  # HW_TRAP_NAME blackhole_route
		0c 00 04 80 08 00 00 00 09 00 00 00                  # IN_PORT: IFINDEX 9
		0c 00 05 00 01 00 00 00 00 00 00 00                  # TIMESTAMP
		08 00 0a 00 40 00 00 00                              # ORIG_LEN 64
		06 00 06 00 86 dd 00 00                              # PROTO IPv6
		12 00 07 00 02 00 00 00 00 0b 02 00 00 00 00 0a 86 dd 00 00  # PAYLOAD, cut behind the link header`
)

// octets reads hexadecimal text with comments.
func octets(t *testing.T, text string) []byte {
	t.Helper()
	var all strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		all.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(all.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAlertsAsTheKernelLaysThemOut(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("netlink speaks the machine's byte order, and these are little-endian octets")
	}
	for _, c := range []struct {
		name, wire string
		want       told
	}{
		{"software", softwareAlert, told{"NETFILTER_DROP", "", "nf_hook_slow+0x95", 7, 258, 0, sflow.DataSource{Index: 7}, 42, 1504, 1e9}},
		{"hardware", hardwareAlert, told{"", "l3_drops/blackhole_route", "", 9, 269, 0, source.Interface(9), 14, 68, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := octets(t, c.wire)
			a, err := parse(b)
			if err != nil {
				t.Fatal(err)
			}
			f := &flows{}
			s := New(Config{}, f)
			s.left.Store(1)
			s.tell(&a)
			if d := cmp.Diff([]told{c.want}, f.list, cmp.AllowUnexported(told{})); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			for n := range b { // every prefix is harmless
				if a, err := parse(b[:n:n]); err == nil {
					s.left.Store(1)
					s.tell(&a)
				}
			}
		})
	}
}
