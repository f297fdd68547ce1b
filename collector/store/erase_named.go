package store

import "strings"

// naming is by what instances are told of in texts.
type naming struct {
	words map[string]bool     // identities and addresses
	ports map[string][]string // names, with the addresses of their agents
}

// naming returns by what the project is known so far.
func (e *Erased) naming() naming {
	n := naming{map[string]bool{}, map[string][]string{}}
	for _, id := range e.Instances {
		n.words[id] = true
	}
	for _, a := range e.Addresses {
		n.words[a.String()] = true
	}
	for _, p := range e.Ports {
		n.ports[p.Name] = append(n.ports[p.Name], p.Agent.String())
	}
	return n
}

// in reports that a text names one. Names of ports are used by many agents: one
// counts where its agent is named, too.
func (n *naming) in(text string) bool {
	for word := range strings.FieldsFuncSeq(text, between) {
		// "10.0.0.5:443" and "10.0.0.5." are 10.0.0.5; "fd00::5:443" is another address
		// than fd00::5.
		word = strings.TrimRight(word, ".:")
		if host, _, port := strings.Cut(word, ":"); n.is(word, text) || port && n.is(host, text) {
			return true
		}
	}
	return false
}

func (n *naming) is(word, text string) bool {
	if n.words[word] {
		return true
	}
	for _, agent := range n.ports[word] {
		if strings.Contains(text, agent) {
			return true
		}
	}
	return false
}

// between reports what parts words: neither identities nor addresses have it.
func between(c rune) bool {
	return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.ContainsRune("-_.:", c))
}
