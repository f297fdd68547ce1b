package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"

	"weir/collector/sink/post"
	"weir/collector/sink/route"
	"weir/collector/sink/webhook"
)

// AlertSink is one who is told. Which fields have a meaning depends on Type.
type AlertSink struct {
	Type   string // alertmanager, webhook, mail, syslog, slack, pagerduty, command
	Name   string // as in the log, the status and weir alert test
	Role   route.Role
	Detail string // full, ids

	URL      SecretURL
	Token    Secret
	User     string
	Password Secret
	Secret   Secret // of the webhook's signature
	Key      Secret // of the service of PagerDuty
	Template *template.Template
	Trust    *tls.Config // nil is the system's

	Address  string // HOST:PORT of mail and syslog
	Network  string // udp, tcp, tls of syslog
	Security string // starttls, tls, off of mail
	From     mail.Address
	To       []mail.Address
	Facility int
	Command  []string

	text string // as it is written, to compare
}

// maxSinks bounds the list.
const maxSinks = 32

// sinkType says what a type of sink has.
type sinkType struct {
	name   string
	role   route.Role // by default
	detail string     // by default: services outside get identities
	needs  []string
	may    []string
}

func sinkTypes() []sinkType {
	return []sinkType{
		{"alertmanager", route.Chat, "full", []string{"url"}, []string{"token", "user", "password", "ca"}},
		{"webhook", route.Log, "ids", []string{"url"}, []string{"token", "user", "password", "ca", "secret", "template"}},
		{"mail", route.Chat, "full", []string{"address", "from", "to"}, []string{"user", "password", "security", "ca"}},
		{"syslog", route.Log, "full", []string{"url"}, []string{"facility", "ca"}},
		{"slack", route.Chat, "ids", []string{"url"}, []string{"ca"}},
		{"pagerduty", route.Pager, "ids", []string{"key"}, []string{"url", "ca"}},
		{"command", route.Chat, "full", []string{"command"}, nil},
	}
}

// sinkList is the key of the list of sinks.
func sinkList(name string) key {
	return key{
		name: name,
		set: func(c *Config, n *yaml.Node, r *report) {
			if n.Kind != yaml.SequenceNode || len(n.Content) > maxSinks {
				r.add(n, name, &fault{fmt.Sprintf("needs a list of at most %d, has %s", maxSinks, describe(n)), `write a "-" before each sink, or ` + name + ": [] for none"})
				return
			}
			bad := len(r.errs)
			var all []AlertSink
			for i, item := range n.Content {
				sr := &sinkReader{ruleReader: ruleReader{r: r, at: fmt.Sprintf("%s[%d]", name, i), nodes: map[string]*yaml.Node{"": item}}}
				s := sr.read(resolve(item))
				if slices.ContainsFunc(all, func(o AlertSink) bool { return o.Name == s.Name }) {
					r.add(item, sr.at+".name", &fault{fmt.Sprintf("%q is the name of another sink", s.Name), "give each sink a name: of its own"})
				}
				all = append(all, s)
			}
			if len(r.errs) == bad {
				c.Alerts.Sinks = all
			}
		},
		get: func(c *Config) string {
			var b strings.Builder
			for _, s := range c.Alerts.Sinks {
				b.WriteString(s.text + "\n")
			}
			return b.String()
		},
		copy: func(to, from *Config) { to.Alerts.Sinks = slices.Clone(from.Alerts.Sinks) },
	}
}

// sinkReader reads one sink.
type sinkReader struct {
	ruleReader
	text strings.Builder
}

func (sr *sinkReader) read(n *yaml.Node) AlertSink {
	var s AlertSink
	kind := sr.kind(n)
	if kind == nil {
		return s
	}
	s.Type, s.Name, s.Role, s.Detail, s.Facility = kind.name, kind.name, kind.role, kind.detail, 16
	known := slices.Concat([]string{"type", "name", "role", "detail"}, kind.needs, kind.may)
	sr.fields(n, "", known, func(key, at string, v *yaml.Node) { sr.field(&s, key, at, v) })
	for _, key := range kind.needs {
		if sr.nodes[key] == nil {
			sr.fault(n, key, "is missing", "a sink of type "+kind.name+" needs "+strings.Join(kind.needs, ", "))
		}
	}
	sr.together(n, &s)
	s.text = sr.text.String()
	return s
}

// kind reads the type, which says what else there may be.
func (sr *sinkReader) kind(n *yaml.Node) *sinkType {
	var names []string
	word := ""
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "type" {
			word = resolve(n.Content[i+1]).Value
		}
	}
	types := sinkTypes()
	for i := range types {
		if types[i].name == word {
			return &types[i]
		}
		names = append(names, types[i].name)
	}
	sr.fault(n, "type", fmt.Sprintf("%q is no type of sink", word), "write type: and one of "+strings.Join(names, ", "))
	return nil
}

func (sr *sinkReader) fault(n *yaml.Node, key, problem, fix string) {
	sr.r.add(&yaml.Node{Line: n.Line}, sr.at+"."+key, &fault{problem, fix})
}

// field reads one field.
func (sr *sinkReader) field(s *AlertSink, key, at string, v *yaml.Node) {
	for _, item := range append([]*yaml.Node{v}, v.Content...) {
		sr.text.WriteString(key + "=" + item.Value + ";")
	}
	switch key {
	case "type":
	case "name":
		readInto(sr, at, v, &s.Name, parseSinkName)
	case "role":
		readInto(sr, at, v, &s.Role, func(t string) (route.Role, error) {
			w, err := oneOf("pager", "chat", "log")(t)
			return route.Role(w), err
		})
	case "detail":
		readInto(sr, at, v, &s.Detail, oneOf("full", "ids"))
	case "url":
		if s.Type == "syslog" {
			readInto(sr, at, v, &s.Network, func(t string) (string, error) { return sr.syslogURL(s, t) })
			return
		}
		readInto(sr, at, v, &s.URL, parseSecretURL)
	case "token":
		readInto(sr, at, v, &s.Token, ParseSecret)
	case "password":
		readInto(sr, at, v, &s.Password, ParseSecret)
	case "secret":
		readInto(sr, at, v, &s.Secret, ParseSecret)
	case "key":
		readInto(sr, at, v, &s.Key, ParseSecret)
	case "user":
		s.User = sr.ruleReader.text(at, v)
	case "ca":
		readInto(sr, at, v, &s.Trust, parseTrust)
	default:
		sr.local(s, key, at, v)
	}
}

// local reads the fields of mail, syslog, commands and templates.
func (sr *sinkReader) local(s *AlertSink, key, at string, v *yaml.Node) {
	switch key {
	case "template":
		readInto(sr, at, v, &s.Template, parseTemplate)
	case "address":
		readInto(sr, at, v, &s.Address, parseHostPort)
	case "security":
		readInto(sr, at, v, &s.Security, oneOf("starttls", "tls", "off"))
	case "from":
		readInto(sr, at, v, &s.From, parseMailAddress)
	case "to":
		for i, text := range sr.list(at, v) {
			a, err := parseMailAddress(text)
			if err != nil {
				sr.r.add(v, fmt.Sprintf("%s.%s[%d]", sr.at, at, i), err)
			}
			s.To = append(s.To, a)
		}
	case "facility":
		readInto(sr, at, v, &s.Facility, parseFacility)
	case "command":
		s.Command = sr.list(at, v)
		if err := checkCommand(s.Command); err != nil {
			sr.r.add(v, sr.at+"."+at, err)
		}
	}
}

func readInto[T any](sr *sinkReader, at string, v *yaml.Node, to *T, parse func(string) (T, error)) {
	if got, ok := parseNode(sr.r, sr.at+"."+at, v, parse); ok {
		*to = got
	}
}

// together checks what only the whole sink can say.
func (sr *sinkReader) together(n *yaml.Node, s *AlertSink) {
	switch {
	case s.User != "" && s.Password.String() == "":
		sr.fault(n, "password", "is missing beside user", "write password: ${NAME}")
	case s.User == "" && s.Password.String() != "":
		sr.fault(n, "user", "is missing beside password", "write user: NAME")
	case s.Token.String() != "" && s.User != "":
		sr.fault(n, "token", "stands beside user and password", "write one of the two")
	}
	if s.Type == "mail" {
		if len(s.To) == 0 && sr.nodes["to"] != nil {
			sr.fault(n, "to", "names nobody", "write at least one address")
		}
		if s.Security == "" {
			s.Security = "starttls"
		}
		if host, _, _ := net.SplitHostPort(s.Address); s.Security == "off" && s.User != "" && host != "localhost" && !loopback(host) {
			sr.fault(n, "security", "off would send the password in the clear", "write starttls or tls, or remove user and password")
		}
	}
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

var sinkName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$`)

func parseSinkName(s string) (string, error) {
	if !sinkName.MatchString(s) {
		return "", &fault{"no name of a sink", "write letters, digits, dots, hyphens and underscores, at most 40"}
	}
	return s, nil
}

// syslogURL reads udp://HOST:PORT, tcp:// or tls://.
func (sr *sinkReader) syslogURL(s *AlertSink, text string) (string, error) {
	const fix = "write udp://HOST:514, tcp://HOST:514 or tls://HOST:6514"
	u, err := url.Parse(text)
	if err != nil || u.Path != "" || u.RawQuery != "" || u.User != nil || !slices.Contains([]string{"udp", "tcp", "tls"}, u.Scheme) {
		return "", &fault{"no address of a syslog server", fix}
	}
	if s.Address, err = parseHostPort(u.Host); err != nil {
		return "", &fault{"no host and port", fix}
	}
	return u.Scheme, nil
}

func parseHostPort(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = whole(1, 65535)(port)
	}
	if err != nil || host == "" || strings.ContainsAny(host, " \t/") {
		return "", &fault{"no host and port", "write HOST:PORT such as mail.example.net:587"}
	}
	return s, nil
}

func parseMailAddress(s string) (mail.Address, error) {
	a, err := mail.ParseAddress(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return mail.Address{}, &fault{"no address of a mailbox", "write noc@example.net or NOC <noc@example.net>"}
	}
	return *a, nil
}

// parseTrust reads a file of certificates.
func parseTrust(s string) (*tls.Config, error) {
	conf, err := post.Trust(s)
	if err != nil || s == "" {
		return nil, &fault{fmt.Sprintf("cannot be used: %v", err), "name a file of certificates in PEM format"}
	}
	return conf, nil
}

// parseTemplate reads the file of a template.
func parseTemplate(s string) (*template.Template, error) {
	b, err := readFile(s, "name a file this user can read")
	if err != nil {
		return nil, err
	}
	t, err := webhook.ParseTemplate(filepath.Base(s), string(b))
	if err != nil {
		return nil, &fault{err.Error(), "correct the template"}
	}
	return t, nil
}

// parseFacility reads a name of RFC 5424 section 6.2.1, as in syslog.conf(5).
func parseFacility(s string) (int, error) {
	names := []string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}
	i := slices.Index(names, s)
	if i < 0 {
		return 0, &fault{"no facility of syslog", "write daemon, user, or local0 to local7"}
	}
	return i, nil
}

func checkCommand(argv []string) error {
	const fix = `write ["/path/to/program", "ARGUMENT", …]`
	if len(argv) == 0 || !filepath.IsAbs(argv[0]) {
		return &fault{"does not begin with the absolute path of a program", fix}
	}
	if st, err := os.Stat(argv[0]); err != nil || st.IsDir() || st.Mode()&0o111 == 0 {
		return &fault{argv[0] + " is no program that can be run", fix}
	}
	return nil
}
