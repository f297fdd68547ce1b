package access

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Known is somebody the configuration lists.
type Known struct {
	Name     string
	Role     Role
	Projects []string // not empty makes a viewer see these alone
	Token    Hash     // zero is none: a certificate or a proxy names them
}

// Config says who may what.
type Config struct {
	People  []Known
	Local   Role           // of those who ask over loopback and have no name
	Others  Role           // of those whom a certificate or proxy names and nobody lists
	Proxies []netip.Prefix // addresses whose header names people
	Header  string         // of the proxies, "" is X-Forwarded-User
	Hosts   []string       // names of this server, beside its addresses
	Rate    float64        // requests a second of one person; 0 is DefaultRate
}

// DefaultRate is how many requests a second one person may make.
const DefaultRate = 20

// DefaultHeader is the header of a proxy that names people.
const DefaultHeader = "X-Forwarded-User"

// Guard says who asks. Its methods are safe for concurrent use.
type Guard struct {
	cfg     atomic.Pointer[Config]
	people  limiter // by name
	strange limiter // failed attempts, by address
}

// New returns a Guard.
func New(cfg Config) *Guard {
	g := &Guard{}
	g.strange.per, g.strange.burst = 1, 10
	g.Set(cfg)
	return g
}

// Set changes what holds from the next request on.
func (g *Guard) Set(cfg Config) {
	cfg.Rate = cmp.Or(cfg.Rate, DefaultRate)
	cfg.Header = cmp.Or(cfg.Header, DefaultHeader)
	g.people.set(cfg.Rate, max(3*cfg.Rate, 1))
	g.cfg.Store(&cfg)
}

// Refusal is why a request is not answered.
type Refusal struct {
	Status  int // of HTTP
	Problem string
}

// Error is the problem.
func (r *Refusal) Error() string { return r.Problem }

// Identify says who asks, from an address and over a listener of which local says
// that it is loopback.
func (g *Guard) Identify(r *http.Request, local bool) (*Person, *Refusal) {
	cfg := g.cfg.Load()
	from := remote(r)
	p, why := cfg.identify(r, from, local)
	if why != nil && why.Problem == wrongToken && !g.strange.may(network(from), time.Now(), 1) {
		// Who has a right token is never kept out by others of the same address.
		return nil, &Refusal{http.StatusTooManyRequests, "too many wrong tokens from this address; wait a few seconds"}
	}
	return p, why
}

// wrongToken is told to whoever gives a token that nobody has.
const wrongToken = "the token is none of this weir"

// Allow reports whether the person may ask once more now.
func (g *Guard) Allow(p *Person) *Refusal {
	if g.people.may(p.Via+" "+p.Name, time.Now(), 1) {
		return nil
	}
	return &Refusal{http.StatusTooManyRequests, "too many requests; access.rate in the configuration is how many a second one person may make"}
}

func (c *Config) identify(r *http.Request, from netip.Addr, local bool) (*Person, *Refusal) {
	if token, has := credentials(r); has {
		h := HashOf(token)
		for i := range c.People {
			if k := &c.People[i]; k.Token == h && h != (Hash{}) {
				return k.person("token"), nil
			}
		}
		return nil, &Refusal{http.StatusUnauthorized, wrongToken}
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return c.named(r.TLS.VerifiedChains[0][0].Subject.CommonName, "certificate")
	}
	if slices.ContainsFunc(c.Proxies, func(p netip.Prefix) bool { return p.Contains(from) }) {
		if names := r.Header.Values(c.Header); len(names) == 1 {
			return c.named(strings.TrimSpace(names[0]), "proxy")
		}
		return nil, &Refusal{http.StatusUnauthorized, "the proxy names nobody in its header " + c.Header}
	}
	if local && from.IsLoopback() {
		for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", DefaultHeader, c.Header} {
			if r.Header.Get(h) != "" {
				return nil, &Refusal{http.StatusUnauthorized, "this came through a proxy that access.proxies of the configuration does not list"}
			}
		}
		if c.Local > Nobody {
			return &Person{Name: "local", Role: c.Local, Via: "local"}, nil
		}
	}
	return nil, &Refusal{http.StatusUnauthorized, "this needs a token: Authorization: Bearer TOKEN, or the token as the password of any user"}
}

// credentials returns the token of a request: the bearer's, or the password that
// a browser asks for.
func credentials(r *http.Request) (string, bool) {
	if _, password, ok := r.BasicAuth(); ok {
		return password, true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer") || scheme != ""
}

// maxPerson bounds a name that a certificate or proxy gives, in octets.
const maxPerson = 256

func (c *Config) named(name, via string) (*Person, *Refusal) {
	if name == "" || len(name) > maxPerson || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return nil, &Refusal{http.StatusUnauthorized, "the " + via + " has no name to know somebody by"}
	}
	for i := range c.People {
		if c.People[i].Name == name {
			return c.People[i].person(via), nil
		}
	}
	if c.Others > Nobody {
		return &Person{Name: name, Role: c.Others, Via: via}, nil
	}
	return nil, &Refusal{http.StatusForbidden, "is nobody whom access.people of the configuration lists"}
}

func (k *Known) person(via string) *Person {
	p := &Person{Name: k.Name, Role: k.Role, Via: via}
	if len(k.Projects) > 0 {
		p.Role, p.Projects = Scoped, k.Projects
	}
	return p
}

// remote returns the address a request came from.
func remote(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap().WithZone("")
}

// network is what failed attempts are counted for: an IPv6 host has 2^64 addresses.
func network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// Host says what is wrong with the name a request was sent to: a page whose name
// was made to point here must learn nothing.
func (g *Guard) Host(r *http.Request) *Refusal {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), "."))
	if host == "" || host == "localhost" || slices.Contains(g.cfg.Load().Hosts, host) {
		return nil
	}
	addr, err := netip.ParseAddr(host)
	if err == nil {
		if addr = addr.Unmap().WithZone(""); addr.IsLoopback() || addr == localAddr(r) {
			return nil
		}
	}
	return &Refusal{http.StatusForbidden, "this host's name is not one of weir's: ask for 127.0.0.1 or localhost, or list the name in access.hosts"}
}

// localAddr returns the address of this machine that the request came to.
func localAddr(r *http.Request) netip.Addr {
	a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return a.AddrPort().Addr().Unmap().WithZone("")
}

// Origin says what is wrong with the page a request was sent by: only weir's own
// may ask, and programs, which send none of these headers.
func Origin(r *http.Request) *Refusal {
	refused := &Refusal{http.StatusForbidden, "a page of another site must not ask weir"}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin":
	case "none": // typed by a person
	default:
		// A link on another site may lead to the page, and to nothing behind it.
		if r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Method != http.MethodGet || strings.HasPrefix(r.URL.Path, "/api/") {
			return refused
		}
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	scheme, host, ok := strings.Cut(origin, "://")
	if !ok || !strings.EqualFold(host, r.Host) || scheme != "http" && scheme != "https" {
		return refused
	}
	return nil
}
