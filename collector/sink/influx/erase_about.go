package influx

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// About says what points are erased: those that name one of these.
type About struct {
	Project    string       // in texts, by its name or id
	Alerts     []string     // identities of alerts
	Instances  []string     // their identities, 8-4-4-4-12 digits
	Addresses  []netip.Addr // of agents, and in whatever names or texts
	Interfaces []string     // by name, of whatever agent
	Ports      []Port
}

// Port is an interface of an agent.
type Port struct {
	Agent netip.Addr
	Name  string
}

func (a *About) empty() bool {
	return a.Project == "" && len(a.Alerts)+len(a.Instances)+len(a.Addresses)+len(a.Interfaces)+len(a.Ports) == 0
}

// naming is an About made ready for many lines.
type naming struct {
	project    string
	alerts     map[string]bool
	digits     []string // of identities of 32
	others     []string // identities that have another form
	addresses  map[netip.Addr]bool
	interfaces []string
	ports      []Port
}

func (a *About) naming() *naming {
	n := &naming{project: a.Project, alerts: map[string]bool{}, addresses: map[netip.Addr]bool{}, interfaces: a.Interfaces, ports: a.Ports}
	for _, id := range a.Alerts {
		n.alerts[id] = true
	}
	for _, id := range a.Instances {
		if d := digits(id); len(d) == identity {
			n.digits = append(n.digits, d)
		} else {
			n.others = append(n.others, id)
		}
	}
	for _, x := range a.Addresses {
		n.addresses[x.Unmap()] = true
	}
	return n
}

// identity is how many digits identities of instances have.
const identity = 32

// digits are those of an identity, however it is written.
func digits(id string) string { return strings.ToLower(strings.ReplaceAll(id, "-", "")) }

// in reports that a line names one of them.
func (n *naming) in(line []byte) bool {
	if len(line) > 0 && line[0] == '#' {
		return n.inText(string(line))
	}
	tags, texts := names(line)
	if name := tags["if_name"]; name != "" && len(n.interfaces)+len(n.ports) > 0 {
		agent, _ := netip.ParseAddr(tags["agent"])
		if slices.Contains(n.interfaces, name) || slices.Contains(n.ports, Port{agent.Unmap(), name}) {
			return true
		}
	}
	for _, v := range tags {
		if n.inTag(v) {
			return true
		}
	}
	return slices.ContainsFunc(texts, n.inText)
}

// inTag reports that the value of a tag names an instance or an address.
func (n *naming) inTag(text string) bool { return n.hasInstance(text) || n.hasAddress(text) }

// inText reports that a text names any of them. Names of ports are used by many
// agents: one counts where its agent is named, too.
func (n *naming) inText(text string) bool {
	word := func(w string) bool { return hasWord(text, w) }
	return n.alerts[text] || n.inTag(text) || word(n.project) || slices.ContainsFunc(n.interfaces, word) ||
		slices.ContainsFunc(n.ports, func(p Port) bool { return word(p.Name) && word(p.Agent.String()) })
}

// hasInstance reports that a text has one of the identities.
func (n *naming) hasInstance(text string) bool {
	if len(n.digits) > 0 && len(text) >= identity {
		plain := digits(text)
		if slices.ContainsFunc(n.digits, func(d string) bool { return strings.Contains(plain, d) }) {
			return true
		}
	}
	return slices.ContainsFunc(n.others, func(id string) bool { return hasWord(text, id) })
}

// hasAddress reports that a text has one of the addresses as a word. "10.0.0.5:443" and
// "10.0.0.5." are 10.0.0.5; "fd00::5:443" is another address than fd00::5.
func (n *naming) hasAddress(text string) bool {
	if len(n.addresses) == 0 || !strings.ContainsAny(text, ".:") {
		return false
	}
	is := func(word string) bool {
		a, err := netip.ParseAddr(word)
		return err == nil && n.addresses[a.Unmap()]
	}
	for w := range strings.FieldsFuncSeq(text, betweenAddresses) {
		host, _, port := strings.Cut(w, ":")
		if is(w) || is(strings.TrimRight(w, ".:")) || port && is(host) {
			return true
		}
	}
	return false
}

// betweenAddresses reports what parts words: no address has it.
func betweenAddresses(r rune) bool {
	return !(unicode.Is(unicode.ASCII_Hex_Digit, r) || r == '.' || r == ':')
}

// names returns what may be a name in a line of line protocol: its tags, and the texts
// of its fields.
func names(line []byte) (tags map[string]string, texts []string) {
	tags = map[string]string{}
	end := unescaped(line, ' ')
	head, fields := line[:end], line[end:]
	for n := unescaped(head, ','); n < len(head); n = unescaped(head, ',') {
		head = head[n+1:]
		tag := head[:unescaped(head, ',')]
		if at := unescaped(tag, '='); at < len(tag) {
			tags[plainly(tag[:at])] = plainly(tag[at+1:])
		}
	}
	for {
		at := bytes.IndexByte(fields, '"')
		if at < 0 {
			return tags, texts
		}
		fields = fields[at+1:]
		n := unescaped(fields, '"')
		texts = append(texts, plainly(fields[:n]))
		fields = fields[min(n+1, len(fields)):]
	}
}

// unescaped returns where c stands for itself first, len(b) for nowhere.
func unescaped(b []byte, c byte) int {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case c:
			return i
		case '\\':
			i++
		}
	}
	return len(b)
}

// plainly returns what an escaped name or text says.
func plainly(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	var s []byte
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+1 < len(b) {
			i++
		}
		s = append(s, b[i])
	}
	return string(s)
}

// hasWord reports that a text has a name that is no part of a longer one.
func hasWord(text, name string) bool {
	if name == "" {
		return false
	}
	edge := func(r rune, n int) bool {
		return n == 0 || !(unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-')
	}
	for at := 0; ; {
		i := strings.Index(text[at:], name)
		if i < 0 {
			return false
		}
		at += i
		if edge(utf8.DecodeLastRuneInString(text[:at])) && edge(utf8.DecodeRuneInString(text[at+len(name):])) {
			return true
		}
		_, n := utf8.DecodeRuneInString(text[at:])
		at += n
	}
}
