package hostagent

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/hostagent/config"
)

// zone is a DNS of a few names.
type zone struct {
	hosts map[string][]string
	srv   map[string][]*net.SRV
	err   error
}

func (z *zone) LookupNetIP(_ context.Context, _, host string) (out []netip.Addr, err error) {
	for _, a := range z.hosts[host] {
		out = append(out, netip.MustParseAddr(a))
	}
	if out == nil {
		err = &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return out, err
}

func (z *zone) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if z.err != nil {
		return "", nil, z.err
	}
	if service != "sflow" || proto != "udp" || z.srv[name] == nil {
		return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return name, z.srv[name], nil
}

func TestCollectorsAreFound(t *testing.T) {
	z := &zone{
		hosts: map[string][]string{"c1.example.": {"192.0.2.9", "192.0.2.1"}, "c2.example.": {"2001:db8::2"}, "c3.example": {"::ffff:192.0.2.3"}},
		srv:   map[string][]*net.SRV{"example.org": {{Target: "c1.example.", Port: 6343}, {Target: "c2.example.", Port: 7000}, {Target: "gone.example.", Port: 1}}},
	}
	for _, c := range []struct {
		name string
		dns  *zone
		cfg  config.Config
		want []string
		err  bool
	}{
		{"by address", z, config.Config{Collectors: []string{"10.0.0.5", "[2001:db8::1]:7"}}, []string{"10.0.0.5:6343", "[2001:db8::1]:7"}, false},
		{"by name, the same of several every time", z, config.Config{Collectors: []string{"c1.example.", "c3.example:9"}}, []string{"192.0.2.1:6343", "192.0.2.3:9"}, false},
		{"one of them unknown", z, config.Config{Collectors: []string{"nobody.example", "10.0.0.5"}}, []string{"10.0.0.5:6343"}, true},
		{"named twice", z, config.Config{Collectors: []string{"10.0.0.5", "10.0.0.5:6343"}}, []string{"10.0.0.5:6343"}, false},
		{"from the DNS", z, config.Config{DNSSD: config.DNSSD{Domain: "example.org"}}, []string{"192.0.2.1:6343", "[2001:db8::2]:7000"}, true},
		{"none in the DNS", z, config.Config{DNSSD: config.DNSSD{Domain: "example.com"}}, nil, false},
		{"DNS not asked", z, config.Config{DNSSD: config.DNSSD{Off: true}}, nil, false},
		{"DNS broken", &zone{err: &net.DNSError{Err: "timeout", IsTimeout: true}}, config.Config{DNSSD: config.DNSSD{Domain: "example.org"}}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := resolve(context.Background(), c.dns, &c.cfg)
			if (err != nil) != c.err {
				t.Errorf("error %v", err)
			}
			var text []string
			for _, a := range got {
				text = append(text, a.String())
			}
			if diff := cmp.Diff(c.want, text); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestCollectorsAreBounded(t *testing.T) {
	var many []*net.SRV
	for i := range 100 {
		many = append(many, &net.SRV{Target: "192.0.2.1", Port: uint16(i + 1)})
	}
	got, err := resolve(context.Background(), &zone{srv: map[string][]*net.SRV{"d": many}}, &config.Config{DNSSD: config.DNSSD{Domain: "d"}})
	if err != nil || len(got) != maxCollectors {
		t.Errorf("%d collectors, %v", len(got), err)
	}
}

func TestAgentAddress(t *testing.T) {
	given := netip.MustParseAddr("203.0.113.9")
	loop := netip.MustParsePrefix("127.0.0.0/8")
	to := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:6343")}
	if got := agentAddress(config.AgentAddress{Addr: given}, to); got != given {
		t.Errorf("given: %v", got)
	}
	if got := agentAddress(config.AgentAddress{Networks: []netip.Prefix{loop}}, to); got != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("by network: %v", got)
	}
	// A collector on the node itself gives no name that others know the node by.
	if got := agentAddress(config.AgentAddress{}, to); !got.IsValid() || got.IsLoopback() && got != noAddress {
		t.Errorf("by itself: %v", got)
	}
}
