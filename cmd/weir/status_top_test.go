package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/web"
	"weir/decoder"
	"weir/decoder/packet"
	"weir/detect"
	"weir/detect/heavy"
	"weir/detect/keys"
)

// topKey makes a key of a definition from a packet.
func topKey(t *testing.T, key string, k packet.Key) keys.Key {
	t.Helper()
	d, err := keys.Parse(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := keys.NewSet([]keys.Definition{d}, 8, 1)
	if err != nil {
		t.Fatal(err)
	}
	f := &decoder.Flow{Arrival: &decoder.Arrival{Agent: netip.MustParseAddr("192.0.2.1")}}
	f.Header.Key, f.Header.HasKey, f.Header.Depth, f.FrameLength, f.Est.SamplingRate = k, true, packet.DepthTransport, 100, 1
	f.Sample.Input.Value = 7
	s.Update(f, 1e6)
	top := s.Top(0, 1, heavy.At(1e6, time.Second))
	if len(top) != 1 {
		t.Fatalf("%d keys of %s", len(top), key)
	}
	return top[0].Key
}

func TestStatusPrintsTheTop(t *testing.T) {
	k := packet.Key{Proto: 17, SrcPort: 53, DstPort: 4242}
	k.Src, k.Dst = netip.MustParseAddr("192.0.2.9").As16(), netip.MustParseAddr("2001:db8::1").As16()
	other := k
	other.Domain, other.DstPort = 42, 0
	number := func(v float64) *float64 { return &v }
	to := detect.Time(time.Date(2026, 3, 1, 12, 0, 10, 0, time.UTC))
	r := &running{tops: []detect.Top{
		{
			Key: "dst,dst_port", Value: "bytes", Unit: "bits_per_second", WindowSeconds: 10, Seconds: 9.1, To: to, Total: 12.3456e9, Absent: 5e6,
			Items: []detect.TopItem{
				{Key: topKey(t, "dst,dst_port", k), Rate: 9.996e9, Low: 9.5e9, High: 10.5e9, Samples: 1234},
				{Key: topKey(t, "dst,dst_port", other), Domain: "vni:42", Rate: 999.4, Low: 0.54, High: 999.6, TableLower: number(999.4), TableUpper: number(5e6), Samples: 1},
			},
		},
		{
			Key: "agent,input", Value: "packets", DistinctOf: "src", Unit: "packets_per_second", WindowSeconds: 10, Seconds: 10, To: to, Total: 2e6, Exact: true,
			Items: []detect.TopItem{
				{Key: topKey(t, "input", k), Rate: 1e6, Low: 0.9e6, High: 1.1e6, Samples: 100, Distinct: &detect.TopDistinct{Estimate: 55.2, Low: 50, High: number(61.4)}},
				{Key: topKey(t, "input", k), Rate: 45.6e3, Low: 0, High: 1.1e5, Samples: 100, Distinct: &detect.TopDistinct{Estimate: 2, Low: 2, High: number(3)}},
				{Key: topKey(t, "input", k), Rate: 9, Low: 0, High: 99.94e3, Samples: 100, Distinct: &detect.TopDistinct{Estimate: 1400, Low: 1100}},
			},
		},
		{Key: "src", Value: "packets", Unit: "packets_per_second", Items: []detect.TopItem{}},
	}}
	conf := serve(t, r)
	code, out, stderr := weir(t, "status", "--top", "--key", "dst", "--window", "1m", "--n", "5", "--config", conf)
	want := `dst,dst_port by bytes, 9.1s to 12:00:10Z, 12.3Gbit/s in all; what is not listed has at most 5.00Mbit/s
#  DST          DST_PORT  DOMAIN    BIT/S  95 %           SAMPLES  TABLE
1  2001:db8::1  4242      underlay  10.0G  [9.50G–10.5G]  1,234    exact
2  2001:db8::1  0         vni:42    999    [0.5–1.00k]    1        [999–5.00M]

agent,input by packets, 10s to 12:00:10Z, 2.00M packets/s in all
#  AGENT      INPUT  PACKETS/S  95 %          SAMPLES  DISTINCT SRC
1  192.0.2.1  7      1.00M      [900k–1.10M]  100      55 [50–61]
2  192.0.2.1  7      45.6k      [0.0–110k]    100      2
3  192.0.2.1  7      9.0        [0.0–99.9k]   100      over 1100

src by packets, nothing sampled yet
`
	var trimmed []string
	for line := range strings.Lines(out) {
		trimmed = append(trimmed, strings.TrimRight(line, " \n"))
	}
	if diff := cmp.Diff(want, strings.Join(trimmed, "\n")+"\n"); diff != "" || code != 0 || stderr != "" {
		t.Errorf("code %d, errors %q (-want +got)\n%s", code, stderr, diff)
	}
	if diff := cmp.Diff(web.TopQuery{Key: "dst", Window: time.Minute, N: 5}, r.asked); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
	if code, out, _ := weir(t, "status", "--top", "--json", "--config", conf); code != 0 || !strings.Contains(out, `"dst": "2001:db8::1"`) && !strings.Contains(out, `"dst":"2001:db8::1"`) {
		t.Errorf("--json: code %d, %s", code, out)
	}
	for _, c := range []struct {
		name, want string
		args       []string
	}{
		{"key that is not counted", "weir: key none: is not counted\n", []string{"--top", "--key", "none"}},
		{"window that is not kept", "weir: window 2s: is not kept; write 1s, 10s, 1m or 5m\n", []string{"--top", "--window", "2s"}},
		{"number out of range", "weir: n 65: out of range; write 1 to 64\n", []string{"--top", "--n", "65"}},
		{"flag without --top", "weir: --n goes with --top; add --top\n", []string{"--n", "5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, stderr := weir(t, append([]string{"status", "--config", conf}, c.args...)...)
			if code == 0 || stderr != c.want {
				t.Errorf("code %d, errors %q, want %q", code, stderr, c.want)
			}
		})
	}
}
