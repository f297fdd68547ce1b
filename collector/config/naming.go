package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"weir/collector/snmp"
)

// Names says where names of agents and interfaces come from, beside the agents.
type Names struct {
	// Files are read at the start and again on SIGHUP: CSV or YAML.
	Files []string
	// URL is asked for the same every Refresh; "" is none.
	URL string
	// Token is sent to it; the zero value is none.
	Token   Secret
	Refresh time.Duration
}

func defaultNames() Names { return Names{Refresh: 5 * time.Minute} }

// SNMP is one group of agents that are asked for names.
type SNMP struct {
	Agents    []netip.Prefix
	Port      uint16
	Community Secret

	User            string
	Auth            snmp.Auth
	AuthPassword    Secret
	Privacy         snmp.Privacy
	PrivacyPassword Secret
}

// Access returns what the poller is told.
func (s *SNMP) Access() snmp.Access {
	return snmp.Access{
		Agents: s.Agents, Port: s.Port, Community: s.Community.Reveal(),
		User: s.User, Auth: s.Auth, AuthPassword: s.AuthPassword.Reveal(),
		Privacy: s.Privacy, PrivacyPassword: s.PrivacyPassword.Reveal(),
	}
}

// maxForward bounds the collectors that datagrams are sent on to.
const maxForward = 16

// namingKeys are the keys of Names, SNMP and Forward.
func namingKeys() []key {
	return []key{
		live(list("names.files", func(c *Config) *[]string { return &c.Names.Files }, parseFile, 0, 64)),
		scalar("names.url", func(c *Config) *string { return &c.Names.URL }, parseURL),
		scalar("names.token", func(c *Config) *Secret { return &c.Names.Token }, parseOptionalSecret),
		scalar("names.refresh", func(c *Config) *time.Duration { return &c.Names.Refresh }, within(10*time.Second, 24*time.Hour)),
		snmpList("snmp"),
		list("forward", func(c *Config) *[]netip.AddrPort { return &c.Forward }, parseTarget, 0, maxForward),
	}
}

func parseFile(s string) (string, error) {
	if !filepath.IsAbs(s) {
		return "", &fault{"the path is not absolute", "write /path/names.yaml or /path/names.csv"}
	}
	return filepath.Clean(s), nil
}

func parseURL(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", &fault{"not a URL", `write "https://HOST/PATH"`}
	}
	if u.User != nil {
		return "", &fault{"a secret must not stand in the file", "leave user and password out and set names.token"}
	}
	return s, nil
}

func parseTarget(s string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(s)
	if err != nil || a.Port() == 0 || a.Addr().IsUnspecified() || a.Addr().IsMulticast() {
		return a, &fault{"not the address and port of one collector", `write ADDRESS:PORT such as "192.0.2.20:6343"; names are not looked up`}
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
}

// snmpKeys are the keys of an entry of snmp.
var snmpKeys = []string{"agents", "port", "community", "user", "auth", "auth_password", "privacy", "privacy_password"}

// snmpList is the key of the groups of agents.
func snmpList(name string) key {
	return key{
		name: name,
		set: func(c *Config, n *yaml.Node, r *report) {
			const most = 256
			if n.Kind != yaml.SequenceNode || len(n.Content) > most {
				r.add(n, name, &fault{fmt.Sprintf("needs a list of at most %d, has %s", most, describe(n)), `write a "-" before each group, or ` + name + ": [] for none"})
				return
			}
			bad := len(r.errs)
			all := make([]SNMP, 0, len(n.Content))
			for i, item := range n.Content {
				all = append(all, r.snmp(fmt.Sprintf("%s[%d]", name, i), resolve(item)))
			}
			if len(r.errs) == bad {
				c.SNMP = all
			}
		},
		get:  func(c *Config) string { return fmt.Sprintf("%v", c.SNMP) },
		copy: func(to, from *Config) { to.SNMP = slices.Clone(from.SNMP) },
	}
}

// snmp reads one group.
func (r *report) snmp(at string, n *yaml.Node) (s SNMP) {
	rd := ruleReader{r: r, at: at, nodes: map[string]*yaml.Node{}}
	bad := len(r.errs)
	rd.fields(n, "", snmpKeys, func(key, _ string, v *yaml.Node) {
		name := at + "." + key
		switch key {
		case "agents":
			for i, text := range rd.list(key, v) {
				p, err := parsePrefix(text)
				if err != nil {
					r.add(v, fmt.Sprintf("%s[%d]", name, i), err)
				}
				s.Agents = append(s.Agents, p)
			}
		case "port":
			port, _ := parseNode(r, name, v, whole(1, 65535))
			s.Port = uint16(port)
		case "community":
			s.Community, _ = parseNode(r, name, v, ParseSecret)
		case "user":
			s.User = rd.text(key, v)
		case "auth":
			text, _ := parseNode(r, name, v, oneOf(string(snmp.AuthMD5), string(snmp.AuthSHA), string(snmp.AuthSHA256), string(snmp.AuthSHA512)))
			s.Auth = snmp.Auth(text)
		case "auth_password":
			s.AuthPassword, _ = parseNode(r, name, v, parsePassphrase)
		case "privacy":
			text, _ := parseNode(r, name, v, oneOf(string(snmp.PrivacyDES), string(snmp.PrivacyAES), string(snmp.PrivacyAES256)))
			s.Privacy = snmp.Privacy(text)
		case "privacy_password":
			s.PrivacyPassword, _ = parseNode(r, name, v, parsePassphrase)
		}
	})
	if len(r.errs) == bad {
		if problem, fix := s.lacks(); problem != "" {
			r.add(&yaml.Node{Line: n.Line}, at, &fault{problem, fix})
		}
	}
	return s
}

// parsePassphrase reads a secret of SNMP v3, of which RFC 3414 wants 8 octets.
func parsePassphrase(s string) (Secret, error) {
	p, err := ParseSecret(s)
	if err == nil && len(p.Reveal()) < 8 {
		return p, &fault{"is shorter than 8 characters", "SNMP v3 needs 8 or more"}
	}
	return p, err
}

// lacks says what makes a group useless.
func (s *SNMP) lacks() (problem, fix string) {
	set := func(x Secret) bool { return x.Reveal() != "" }
	switch {
	case len(s.Agents) == 0:
		return "has no agents", `write the networks that may be asked, agents: ["10.255.0.0/16"]`
	case s.User == "" && !set(s.Community):
		return "has neither community nor user", "write community: ${NAME} for SNMP v2c, or user and auth for v3"
	case s.User != "" && set(s.Community):
		return "has both community and user", "leave one out"
	case s.User == "" && (s.Auth != "" || s.Privacy != ""):
		return "has auth or privacy without user", "write user"
	case (s.Auth != "") != set(s.AuthPassword):
		return "has one of auth and auth_password", "write both"
	case (s.Privacy != "") != set(s.PrivacyPassword):
		return "has one of privacy and privacy_password", "write both"
	case s.Privacy != "" && s.Auth == "":
		return "has privacy without auth", "write auth and auth_password"
	}
	return "", ""
}

// String is the group as it is told to the operator, without secrets.
func (s SNMP) String() string {
	how := "v2c " + s.Community.String()
	if s.User != "" {
		how = strings.TrimSpace(fmt.Sprintf("v3 %s %s %s %s %s", s.User, s.Auth, s.AuthPassword, s.Privacy, s.PrivacyPassword))
	}
	return fmt.Sprintf("%v:%d %s", s.Agents, s.Port, how)
}
