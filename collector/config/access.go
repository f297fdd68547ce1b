package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"weir/collector/web/access"
)

// Access says who may ask over HTTP.
type Access struct {
	// Certificate and Key are files in PEM format; "" is no TLS.
	Certificate, Key string
	// ClientCA is a file of the certificates that sign those of people; "" is
	// none.
	ClientCA string
	// Only is "metrics" where nothing but metrics and health is served.
	Only string
	// Hosts are names that weir is asked by, beside its addresses and the names
	// of its certificate.
	Hosts []string
	// Local is what those on this machine may who give no token: a role, or none.
	Local AccessRole
	// Others is the same of those whom a certificate or proxy names and People
	// does not list.
	Others AccessRole
	// Proxies are trusted to name people in UserHeader.
	Proxies    []netip.Prefix
	UserHeader string
	// Rate is how many requests one person may make.
	Rate Rate
	// People are those who are known.
	People []Person
}

// AccessRole is a role, or none.
type AccessRole struct{ access.Role }

// Person is somebody who may ask.
type Person struct {
	access.Known
	text string // as it is written, to compare
}

// Equal reports that both are the same person with the same token.
func (p Person) Equal(o Person) bool {
	return p.Name == o.Name && p.Role == o.Role && p.Token == o.Token && slices.Equal(p.Projects, o.Projects)
}

func defaultAccess() Access {
	return Access{Local: AccessRole{access.Viewer}, UserHeader: access.DefaultHeader, Rate: access.DefaultRate}
}

// Guard returns who may what, with further names of this server.
func (a *Access) Guard(names []string) access.Config {
	c := access.Config{
		Local: a.Local.Role, Others: a.Others.Role, Proxies: a.Proxies, Header: a.UserHeader,
		Hosts: slices.Concat(a.Hosts, names), Rate: float64(a.Rate),
	}
	for i := range a.People {
		c.People = append(c.People, a.People[i].Known)
	}
	return c
}

// accessKeys are the keys of Access.
func accessKeys() []key {
	return []key{
		scalar("access.certificate", func(c *Config) *string { return &c.Access.Certificate }, parsePath),
		scalar("access.key", func(c *Config) *string { return &c.Access.Key }, parsePath),
		scalar("access.client_ca", func(c *Config) *string { return &c.Access.ClientCA }, parsePath),
		scalar("access.only", func(c *Config) *string { return &c.Access.Only }, oneOf("", "metrics")),
		live(list("access.hosts", func(c *Config) *[]string { return &c.Access.Hosts }, parseHostName, 0, 64)),
		live(scalar("access.local", func(c *Config) *AccessRole { return &c.Access.Local }, parseAccessRole)),
		live(scalar("access.others", func(c *Config) *AccessRole { return &c.Access.Others }, parseAccessRole)),
		live(list("access.proxies", func(c *Config) *[]netip.Prefix { return &c.Access.Proxies }, parsePrefix, 0, 256)),
		live(scalar("access.user_header", func(c *Config) *string { return &c.Access.UserHeader }, parseHeaderName)),
		live(scalar("access.rate", func(c *Config) *Rate { return &c.Access.Rate }, ParseRate)),
		live(peopleList("access.people")),
	}
}

// maxPeople bounds the list.
const maxPeople = 4096

// peopleList is the key of the list of people.
func peopleList(name string) key {
	return key{
		name: name,
		set: func(c *Config, n *yaml.Node, r *report) {
			if n.Kind != yaml.SequenceNode || len(n.Content) > maxPeople {
				r.add(n, name, &fault{fmt.Sprintf("needs a list of at most %d, has %s", maxPeople, describe(n)), `write a "-" before each person, or ` + name + ": [] for none"})
				return
			}
			bad := len(r.errs)
			var all []Person
			for i, item := range n.Content {
				rd := &ruleReader{r: r, at: fmt.Sprintf("%s[%d]", name, i), nodes: map[string]*yaml.Node{"": item}}
				p := rd.person(resolve(item))
				switch {
				case slices.ContainsFunc(all, func(o Person) bool { return o.Name == p.Name }):
					r.add(&yaml.Node{Line: item.Line}, rd.at+".name", &fault{fmt.Sprintf("%q is the name of another person", p.Name), "give each person a name of their own"})
				case p.Token != (access.Hash{}) && slices.ContainsFunc(all, func(o Person) bool { return o.Token == p.Token }):
					r.add(&yaml.Node{Line: item.Line}, rd.at+".token", &fault{"is the token of another person", "make one for each with `weir token`"})
				}
				all = append(all, p)
			}
			if len(r.errs) == bad {
				c.Access.People = all
			}
		},
		get: func(c *Config) string {
			var b strings.Builder
			for i := range c.Access.People {
				b.WriteString(c.Access.People[i].text + "\n")
			}
			return b.String()
		},
		copy: func(to, from *Config) { to.Access.People = slices.Clone(from.Access.People) },
	}
}

func (rd *ruleReader) person(n *yaml.Node) (p Person) {
	role := ""
	rd.fields(n, "", []string{"name", "role", "token", "projects"}, func(key, at string, v *yaml.Node) {
		switch key {
		case "name":
			p.Name, _ = parseNode(rd.r, rd.at+"."+at, v, parsePersonName)
			rd.nodes[at] = v
		case "role":
			role = rd.text(at, v)
		case "token":
			p.Token, _ = parseNode(rd.r, rd.at+"."+at, v, parseToken)
			rd.nodes[at] = v
		case "projects":
			p.Projects = rd.list(at, v)
		}
	})
	wrong := func(key, problem, fix string) {
		rd.r.add(&yaml.Node{Line: n.Line}, rd.at+"."+key, &fault{problem, fix})
	}
	if p.Name == "" && rd.nodes["name"] == nil {
		wrong("name", "is missing", "write name: NAME")
	}
	var err error
	if p.Role, err = access.ParseRole(role); err != nil {
		wrong("role", fmt.Sprintf("%q is no role", role), "write viewer, operator or admin")
	}
	if rd.nodes["projects"] != nil && (p.Role != access.Viewer || len(p.Projects) == 0 || slices.Contains(p.Projects, "")) {
		wrong("projects", "are for a viewer who sees these alone", "write role: viewer and at least one project, or remove projects")
	}
	p.text = fmt.Sprintf("%s %v %q %v", p.Name, p.Role, p.Projects, p.Token)
	return p
}

// parseToken reads a hash, or a reference to a token or its hash.
func parseToken(s string) (access.Hash, error) {
	text := s
	if !strings.HasPrefix(s, access.HashPrefix) {
		secret, err := ParseSecret(s)
		if err != nil {
			return access.Hash{}, err
		}
		text = strings.TrimSpace(secret.Reveal())
	}
	h, err := access.ParseHash(text)
	if err != nil {
		return h, hidden{&fault{err.Error(), "make one with `weir token`, and write its line token: sha256:…"}}
	}
	return h, nil
}

var personName = regexp.MustCompile(`^[^\x00-\x1f\x7f]{1,256}$`)

func parsePersonName(s string) (string, error) {
	if !personName.MatchString(s) || strings.TrimSpace(s) != s {
		return "", &fault{"no name of a person", "write 1 to 256 letters without control characters"}
	}
	return s, nil
}

func parseAccessRole(s string) (AccessRole, error) {
	if s == access.Nobody.String() {
		return AccessRole{}, nil
	}
	r, err := access.ParseRole(s)
	if err != nil {
		return AccessRole{}, &fault{"no role", "write none, viewer, operator or admin"}
	}
	return AccessRole{r}, nil
}

var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

// parseHostName reads a name as a browser asks for it, or an address.
func parseHostName(s string) (string, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.String(), nil
	}
	if s = strings.ToLower(s); len(s) > 253 || !hostName.MatchString(s) {
		return "", &fault{"no name of a host", "write one such as weir.example.net, without a port"}
	}
	return s, nil
}

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

func parseHeaderName(s string) (string, error) {
	if !headerName.MatchString(s) {
		return "", &fault{"no name of a header", "write one such as " + access.DefaultHeader}
	}
	return s, nil
}

// parsePath reads an absolute path; "" is none.
func parsePath(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	if !filepath.IsAbs(s) {
		return "", &fault{"not an absolute path", `write one such as "/etc/weir/tls.crt"`}
	}
	return filepath.Clean(s), nil
}

// TLS reports that weir is asked over TLS.
func (a *Access) TLS() bool { return a.Certificate != "" }

// checkAccess finds what only the whole configuration can say. Nobody but this
// machine is let in without TLS and without saying who it is.
func (r *report) checkAccess(c *Config) {
	if len(r.errs) > 0 {
		return
	}
	a := &c.Access
	wrong := func(key, value, problem, fix string) {
		e := &Error{File: r.file, Key: key, Value: value, Problem: problem, Fix: fix}
		if at, ok := r.read[key]; ok {
			e.File, e.Line = at.file, at.line
		}
		r.errs = append(r.errs, e)
	}
	tokens := slices.ContainsFunc(a.People, func(p Person) bool { return p.Token != access.Hash{} })
	switch {
	case (a.Certificate == "") != (a.Key == ""):
		wrong("access", "", "certificate and key belong together", "name the files of both, or of neither")
	case a.ClientCA != "" && a.Certificate == "":
		wrong("access.client_ca", a.ClientCA, "is of no use without TLS", "name access.certificate and access.key")
	case !c.HTTP.IsValid() || c.HTTP.Addr().IsLoopback() || a.Only == "metrics":
	case !a.TLS():
		wrong("http", c.HTTP.String(), "others than this machine can reach it, and there is no TLS",
			"set access.certificate and access.key, or http to 127.0.0.1, or access.only: metrics to serve nothing but metrics and health")
	case !tokens && a.ClientCA == "" && len(a.Proxies) == 0:
		wrong("http", c.HTTP.String(), "others than this machine can reach it, and nobody can say who they are",
			"list people with a token in access.people (`weir token` makes one), or set access.client_ca, or http to 127.0.0.1")
	}
}
