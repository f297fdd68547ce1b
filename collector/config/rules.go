package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"weir/detect/rules"
)

// ruleKeys are the keys of a rule, groupKeys those of a group in it.
var (
	ruleKeys = []string{"name", "key", "filter", "value", "window", "threshold", "severity", "groups", "never", "at", "keys",
		"watch", "agents", "agent_names", "interfaces", "off"}
	groupKeys = []string{"name", "networks", "threshold"}
)

// ruleList is the key of the list of rules.
func ruleList(name string) key {
	return key{
		name: name,
		set: func(c *Config, n *yaml.Node, r *report) {
			if n.Kind != yaml.SequenceNode {
				r.add(n, name, &fault{"needs a list, has " + describe(n), `write a "-" before each rule, or ` + name + ": [] for none"})
				return
			}
			if len(n.Content) > rules.MaxRules {
				r.add(n, name, &fault{fmt.Sprintf("has %d entries", len(n.Content)), fmt.Sprintf("write at most %d", rules.MaxRules)})
				return
			}
			bad := len(r.errs)
			if all := r.rules(name, n); len(r.errs) == bad {
				c.Rules = all
			}
		},
		get: func(c *Config) string {
			var b strings.Builder
			for _, r := range c.Rules {
				fmt.Fprintf(&b, "%+v\n", r.Spec)
			}
			return b.String()
		},
		copy: func(to, from *Config) { to.Rules = slices.Clone(from.Rules) },
	}
}

// rules reads every rule of the list.
func (r *report) rules(name string, n *yaml.Node) []rules.Rule {
	all := make([]rules.Rule, 0, len(n.Content))
	readers := make([]ruleReader, len(n.Content))
	for i, item := range n.Content {
		rd := &readers[i]
		*rd = ruleReader{r: r, at: fmt.Sprintf("%s[%d]", name, i), nodes: map[string]*yaml.Node{"": item}}
		before := len(r.errs)
		spec := rd.rule(resolve(item))
		rule, problems := rules.Compile(spec)
		rd.compiled(problems, len(r.errs) == before)
		all = append(all, rule)
	}
	together := rules.Check(all)
	for i := range all {
		readers[i].problems(together[i])
	}
	return all
}

// ruleReader reads one rule and remembers where each part of it stands.
type ruleReader struct {
	r     *report
	at    string // "rules[0]"
	nodes map[string]*yaml.Node
}

// compiled reports the mistakes of one rule. Where it was not read whole, what others
// are about may be missed for that, and only names that nobody knows are told.
func (rd *ruleReader) compiled(all []rules.Problem, whole bool) {
	if !whole {
		all = slices.DeleteFunc(all, func(p rules.Problem) bool {
			return p.Caret == "" && (p.Value == "" || p.Key != "key" && !strings.HasPrefix(p.Key, "key["))
		})
	}
	rd.problems(all)
}

// problems reports mistakes at their places.
func (rd *ruleReader) problems(all []rules.Problem) {
	for _, p := range all {
		n := rd.nodes[p.Key]
		for key := p.Key; n == nil; n = rd.nodes[key] { // the nearest that is written
			key = key[:max(strings.LastIndexAny(key, ".["), 0)]
		}
		e := &Error{File: rd.r.file, Line: n.Line, Key: rd.at, Value: p.Value, Problem: p.Problem, Fix: p.Fix, Caret: p.Caret}
		if p.Key != "" {
			e.Key += "." + p.Key
		}
		rd.r.errs = append(rd.r.errs, e)
	}
}

// fields passes every key of a mapping to read, which says false where it is
// unknown.
func (rd *ruleReader) fields(n *yaml.Node, path string, known []string, read func(key string, at string, v *yaml.Node)) {
	place := strings.TrimSuffix(rd.at+"."+path, ".")
	if n.Kind != yaml.MappingNode {
		rd.r.add(n, place, &fault{"needs keys, has " + describe(n), "write KEY: VALUE lines such as name: NAME"})
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], resolve(n.Content[i+1])
		at := path + k.Value
		full := rd.at + "." + at
		switch line, twice := seen[k.Value]; {
		case k.Kind != yaml.ScalarNode:
			rd.r.add(k, place, &fault{"a key is " + describe(k), "write KEY: VALUE"})
		case twice:
			rd.r.add(&yaml.Node{Line: k.Line}, full, &fault{fmt.Sprintf("stands twice, first on line %d", line), "remove one"})
		case !slices.Contains(known, k.Value):
			rd.r.add(&yaml.Node{Line: k.Line}, full, &fault{"unknown key", among(k.Value, known)})
		default:
			rd.nodes[at] = &yaml.Node{Line: k.Line}
			read(k.Value, at, v)
		}
		seen[k.Value] = cmp.Or(seen[k.Value], k.Line)
	}
}

// among names the word that was probably meant, or all.
func among(word string, known []string) string {
	best := slices.MinFunc(known, func(a, b string) int { return cmp.Compare(distance(word, a), distance(word, b)) })
	if distance(word, best) <= 1+len(word)/3 {
		return "did you mean " + best + "?"
	}
	return "write one of " + strings.Join(known, ", ")
}

func (rd *ruleReader) rule(n *yaml.Node) (s rules.Spec) {
	texts := map[string]*string{
		"name": &s.Name, "filter": &s.Filter, "value": &s.Value, "window": &s.Window, "threshold": &s.Threshold,
		"severity": &s.Severity, "at": &s.At, "keys": &s.Keys, "watch": &s.Watch,
	}
	lists := map[string]*[]string{
		"key": &s.Key, "never": &s.Never, "agents": &s.Agents, "agent_names": &s.AgentNames, "interfaces": &s.Interfaces,
	}
	rd.fields(n, "", ruleKeys, func(key, at string, v *yaml.Node) {
		switch {
		case texts[key] != nil:
			*texts[key] = rd.text(at, v)
		case lists[key] != nil:
			*lists[key] = rd.list(at, v)
		case key == "off":
			s.Off, _ = parseNode(rd.r, rd.at+"."+at, v, parseBool)
		case key == "groups":
			s.Groups = rd.groups(at, v)
		}
	})
	return s
}

func (rd *ruleReader) text(at string, v *yaml.Node) string {
	s, _ := parseNode(rd.r, rd.at+"."+at, v, func(s string) (string, error) { return s, nil })
	rd.nodes[at] = v
	return s
}

// list reads several values, or a single one.
func (rd *ruleReader) list(at string, v *yaml.Node) (all []string) {
	if v.Kind != yaml.SequenceNode {
		return []string{rd.text(at, v)}
	}
	const most = 4096
	if len(v.Content) > most {
		rd.r.add(v, rd.at+"."+at, &fault{fmt.Sprintf("has %d entries", len(v.Content)), fmt.Sprintf("write at most %d", most)})
		return nil
	}
	for i, item := range v.Content {
		all = append(all, rd.text(fmt.Sprintf("%s[%d]", at, i), resolve(item)))
	}
	return all
}

func (rd *ruleReader) groups(at string, v *yaml.Node) (all []rules.GroupSpec) {
	const most = 256
	if v.Kind != yaml.SequenceNode || len(v.Content) > most {
		rd.r.add(v, rd.at+"."+at, &fault{fmt.Sprintf("needs a list of at most %d, has %s", most, describe(v)), `write a "-" before each group`})
		return nil
	}
	for i, item := range v.Content {
		var g rules.GroupSpec
		place := fmt.Sprintf("%s[%d]", at, i)
		rd.nodes[place] = item
		rd.fields(resolve(item), place+".", groupKeys, func(key, at string, v *yaml.Node) {
			switch key {
			case "name":
				g.Name = rd.text(at, v)
			case "threshold":
				g.Threshold = rd.text(at, v)
			case "networks":
				g.Networks = rd.list(at, v)
			}
		})
		all = append(all, g)
	}
	return all
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, &fault{"is neither true nor false", "write true or false"}
}
