package access

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	adaToken  = "weir_ada_ada_ada_ada_ada_ada"
	shopToken = "weir_shop_shop_shop_shop_shop"
)

func config() Config {
	return Config{
		People: []Known{
			{Name: "Ada", Role: Operator, Token: HashOf(adaToken)},
			{Name: "shop", Role: Viewer, Projects: []string{"p1"}, Token: HashOf(shopToken)},
			{Name: "joe", Role: Admin}, // by certificate or proxy alone
		},
		Local: Viewer, Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.8/32")}, Hosts: []string{"weir.example.net"},
	}
}

func request(from string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/api/v1/me", nil)
	r.RemoteAddr, r.Host = from, "127.0.0.1:8343"
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func TestGuardSaysWhoAsks(t *testing.T) {
	certificate := func(r *http.Request, name string) *http.Request {
		leaf := &x509.Certificate{Subject: pkix.Name{CommonName: name}}
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}}
		return r
	}
	const here, away, proxy = "127.0.0.1:4711", "198.51.100.7:4711", "192.0.2.8:4711"
	basic := request(away)
	basic.SetBasicAuth("whoever", adaToken)
	open, closed := config(), config()
	open.Others, closed.Local = Viewer, Nobody
	for _, c := range []struct {
		name  string
		cfg   Config
		local bool
		r     *http.Request
		want  Person
		code  int
	}{
		{"this machine", config(), true, request(here), Person{Name: "local", Role: Viewer, Via: "local"}, 0},
		{"this machine over IPv6", config(), true, request("[::1]:4711"), Person{Name: "local", Role: Viewer, Via: "local"}, 0},
		{"this machine is nobody", closed, true, request(here), Person{}, 401},
		{"another machine over a listener for all", config(), false, request(away), Person{}, 401},
		{"this machine over a listener for all", config(), false, request(here), Person{}, 401},
		{"this machine with a token", config(), true, request(here, "Authorization", "Bearer "+adaToken), Person{Name: "Ada", Role: Operator, Via: "token"}, 0},
		{"this machine with a wrong token is not local", config(), true, request(here, "Authorization", "Bearer wrong"), Person{}, 401},
		{"this machine with another scheme", config(), true, request(here, "Authorization", "Digest x"), Person{}, 401},
		{"through a proxy that is not listed", config(), true, request(here, "X-Forwarded-For", "198.51.100.7"), Person{}, 401},
		{"through a proxy that names somebody and is not listed", config(), true, request(here, "X-Forwarded-User", "joe"), Person{}, 401},
		{"token", config(), false, request(away, "Authorization", "bearer  "+adaToken), Person{Name: "Ada", Role: Operator, Via: "token"}, 0},
		{"token as a password", config(), false, basic, Person{Name: "Ada", Role: Operator, Via: "token"}, 0},
		{"no token in it", config(), false, request(away, "Authorization", "Bearer "), Person{}, 401},
		{"hash instead of the token", config(), false, request(away, "Authorization", "Bearer "+HashOf(adaToken).String()), Person{}, 401},
		{"projects", config(), false, request(away, "Authorization", "Bearer "+shopToken), Person{Name: "shop", Role: Scoped, Projects: []string{"p1"}, Via: "token"}, 0},
		{"certificate", config(), false, certificate(request(away), "joe"), Person{Name: "joe", Role: Admin, Via: "certificate"}, 0},
		{"certificate of a stranger", config(), false, certificate(request(away), "eve"), Person{}, 403},
		{"certificate of a stranger where all may look", open, false, certificate(request(away), "eve"), Person{Name: "eve", Role: Viewer, Via: "certificate"}, 0},
		{"certificate without a name", open, false, certificate(request(away), ""), Person{}, 401},
		{"certificate that was not verified", config(), false, func() *http.Request {
			r := certificate(request(away), "joe")
			r.TLS.PeerCertificates, r.TLS.VerifiedChains = r.TLS.VerifiedChains[0], nil
			return r
		}(), Person{}, 401},
		{"proxy", config(), false, request(proxy, "X-Forwarded-User", "joe"), Person{Name: "joe", Role: Admin, Via: "proxy"}, 0},
		{"proxy that names nobody", config(), false, request(proxy), Person{}, 401},
		{"proxy that names two", config(), false, request(proxy, "X-Forwarded-User", "joe", "X-Forwarded-User", "Ada"), Person{}, 401},
		{"proxy that names a stranger", config(), false, request(proxy, "X-Forwarded-User", "eve"), Person{}, 403},
		{"header of one who is no proxy", config(), false, request(away, "X-Forwarded-User", "joe"), Person{}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, why := New(c.cfg).Identify(c.r, c.local)
			switch {
			case why != nil && why.Status != c.code:
				t.Errorf("%d %s, want %d", why.Status, why.Problem, c.code)
			case why == nil && c.code != 0:
				t.Errorf("%+v, want %d", p, c.code)
			case why == nil:
				if diff := cmp.Diff(c.want, *p); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			}
		})
	}
}

func TestHostsAndOrigins(t *testing.T) {
	g := New(config())
	for _, c := range []struct {
		name, host string
		header     []string
		code       int
	}{
		{"address", "127.0.0.1:8343", nil, 0},
		{"name of the configuration", "Weir.Example.Net.:8343", nil, 0},
		{"address that was asked", "192.0.2.1:8343", nil, 0},
		{"another address", "192.0.2.2:8343", nil, 403},
		{"a name made to point here", "evil.example:8343", nil, 403},
		{"own page", "127.0.0.1:8343", []string{"Origin", "http://127.0.0.1:8343", "Sec-Fetch-Site", "same-origin"}, 0},
		{"own page over TLS", "weir.example.net", []string{"Origin", "https://weir.example.net"}, 0},
		{"typed", "127.0.0.1:8343", []string{"Sec-Fetch-Site", "none"}, 0},
		{"a page of another site", "127.0.0.1:8343", []string{"Origin", "https://evil.example"}, 403},
		{"a page of another port", "127.0.0.1:8343", []string{"Origin", "http://127.0.0.1:80"}, 403},
		{"a page without an origin", "127.0.0.1:8343", []string{"Origin", "null"}, 403},
		{"an image of another site", "127.0.0.1:8343", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"a page of a site beside", "127.0.0.1:8343", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"a link to the API", "127.0.0.1:8343", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request("127.0.0.1:4711", c.header...)
			r.Host = c.host
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8343})))
			why := g.Host(r)
			if why == nil {
				why = Origin(r)
			}
			if got := 0; why != nil && why.Status != c.code || why == nil && c.code != got {
				t.Errorf("%v, want %d", why, c.code)
			}
		})
	}
	r := request("127.0.0.1:4711", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")
	if r.URL.Path = "/"; Origin(r) != nil {
		t.Error("a link to the page is refused")
	}
	if r.Method = http.MethodPost; Origin(r) == nil {
		t.Error("a form of another site is taken")
	}
}

// Each person has requests of their own, and whoever tries tokens soon waits.
func TestRatesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config()
		cfg.Rate = 10
		g := New(cfg)
		ada, joe := &Person{Name: "Ada", Via: "token"}, &Person{Name: "joe", Via: "token"}
		n := 0
		for g.Allow(ada) == nil {
			n++
		}
		if n != 30 {
			t.Errorf("%d at once, want three seconds' worth", n)
		}
		if why := g.Allow(joe); why != nil {
			t.Errorf("another person waits: %v", why)
		}
		time.Sleep(time.Second)
		for n = 0; g.Allow(ada) == nil; n++ {
		}
		if n != 10 {
			t.Errorf("%d in a second, want 10", n)
		}

		guess := func(from string) int {
			_, why := g.Identify(request(from, "Authorization", "Bearer guess"), false)
			return why.Status
		}
		for n = 0; guess("[2001:db8::1]:1") == 401; n++ {
		}
		if n < 5 || n > 20 {
			t.Errorf("%d guesses", n)
		}
		if code := guess("[2001:db8::2]:1"); code != 429 {
			t.Errorf("%d from the next address of the same network", code)
		}
		if code := guess("[2001:db8:0:1::1]:1"); code != 401 {
			t.Errorf("%d from another network", code)
		}
		if _, why := g.Identify(request("[2001:db8::1]:1", "Authorization", "Bearer "+adaToken), false); why != nil {
			t.Errorf("who has a token is kept out by a neighbour who guesses: %v", why)
		}
		time.Sleep(time.Minute)
		if code := guess("[2001:db8::1]:1"); code != 401 {
			t.Errorf("%d after a minute", code)
		}
		for i := range 3 * maxLimited {
			g.Identify(request(fmt.Sprintf("198.51.%d.%d:1", i/256, i%256), "Authorization", "Bearer x"), false)
		}
		if n := len(g.strange.left); n > maxLimited {
			t.Errorf("%d addresses are remembered", n)
		}
	})
}

func TestTokensAreRandomAndHashesAreRead(t *testing.T) {
	a, b := NewToken(), NewToken()
	if a == b || !strings.HasPrefix(a, "weir_") || len(a) < 40 {
		t.Errorf("%s, %s", a, b)
	}
	h, err := ParseHash(HashOf(a).String())
	if err != nil || h != HashOf(a) {
		t.Errorf("%v, %v", h, err)
	}
	for _, bad := range []string{"", "secret", "sha256:", "sha256:zz", "sha256:" + strings.Repeat("0", 66)} {
		if _, err := ParseHash(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestRolesIncludeEachOther(t *testing.T) {
	if !(Nobody < Scoped && Scoped < Viewer && Viewer < Operator && Operator < Admin) {
		t.Error("the order is wrong")
	}
	scoped := &Person{Role: Scoped, Projects: []string{"p1"}}
	for _, c := range []struct {
		p       *Person
		project string
		want    bool
	}{{scoped, "p1", true}, {scoped, "p2", false}, {scoped, "", false}, {&Person{Role: Viewer}, "", true}, {&Person{}, "p1", false}, {&Person{Projects: []string{"p1"}}, "p1", false}} {
		if got := c.p.Sees(c.project); got != c.want {
			t.Errorf("%+v sees %q: %v", c.p, c.project, got)
		}
	}
}
