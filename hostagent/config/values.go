package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Duration is a time span written "10s".
type Duration time.Duration

// UnmarshalYAML reads "500ms", "10s", "1m".
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		return bad(n, `write a number with a unit, such as "10s" or "500ms"`)
	}
	*d = Duration(v)
	return nil
}

// String writes d as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// bad is an error of one value; mistake recognises it.
func bad(n *yaml.Node, fix string) error {
	return &yaml.TypeError{Errors: []string{
		fmt.Sprintf("line %d: value: %s is not understood; %s", n.Line, strconv.Quote(n.Value), fix)}}
}

// UnmarshalYAML reads one address, one network or a list of networks.
func (a *AgentAddress) UnmarshalYAML(n *yaml.Node) error {
	const fix = `write an address of this node such as "10.0.0.7", or networks such as ["10.0.0.0/16"]`
	*a = AgentAddress{}
	values := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		values = n.Content
	}
	for _, v := range values {
		if v.Value == "" && len(values) == 1 {
			return nil
		}
		if p, err := netip.ParsePrefix(v.Value); err == nil {
			a.Networks = append(a.Networks, p)
			continue
		}
		addr, err := netip.ParseAddr(v.Value)
		if err != nil || len(values) > 1 {
			return bad(v, fix)
		}
		a.Addr = addr.Unmap().WithZone("")
	}
	return nil
}

// UnmarshalYAML reads true, false, or a domain name.
func (d *DNSSD) UnmarshalYAML(n *yaml.Node) error {
	*d = DNSSD{}
	switch {
	case n.Kind != yaml.ScalarNode:
		return bad(n, `write true, false or a domain such as "example.org"`)
	case n.Value == "false":
		d.Off = true
	case n.Value != "true":
		d.Domain = strings.TrimSuffix(n.Value, ".")
	}
	return nil
}

// suggest names the key that was probably meant.
func suggest(name string) string {
	best, bestAt := "", len(name)/3+2
	for _, k := range names() {
		if d := distance(strings.ToLower(strings.ReplaceAll(name, "-", "_")), k); d < bestAt {
			best, bestAt = k, d
		}
	}
	if best == "" {
		return "remove it; `weir-agent check --sample` prints every key"
	}
	return "did you mean " + best + "?"
}

// names returns the last parts of all keys.
func names() (all []string) {
	b, err := yaml.Marshal(Default())
	var doc yaml.Node
	if err != nil || yaml.Unmarshal(b, &doc) != nil {
		return nil
	}
	todo := doc.Content
	for len(todo) > 0 {
		n := todo[0]
		todo = todo[1:]
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			all = append(all, n.Content[i].Value)
			todo = append(todo, n.Content[i+1])
		}
	}
	return all
}

// distance is Levenshtein's.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diag, row[j] = row[j], min(row[j]+1, row[j-1]+1, diag+cost)
		}
	}
	return row[len(b)]
}
