package rules

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

type group struct {
	name      string
	threshold Threshold
}

type network struct {
	prefix netip.Prefix
	group  int
}

// networks reads groups and the never list.
func (c *compiler) networks(s *Spec) {
	r := &c.r
	names := map[string]bool{}
	for i, g := range s.Groups {
		at := fmt.Sprintf("groups[%d]", i)
		switch {
		case g.Name == "":
			c.add(at, "", "the group has no name", "write name: NAME")
		case names[g.Name]:
			c.add(at+".name", g.Name, "is the name of an earlier group", "give each its own")
		}
		names[g.Name] = true
		if len(g.Networks) == 0 {
			c.add(at, "", "the group has no networks", `write networks: ["10.0.0.0/8"]`)
		}
		t := Threshold{}
		if g.Threshold == "" {
			c.add(at, "", "the group has no threshold", "write one, or remove the group")
		} else {
			t = c.threshold(at+".threshold", g.Threshold)
			if t.Share != r.threshold.Share && t.Number > 0 && r.threshold.Number > 0 {
				c.add(at+".threshold", g.Threshold, "is not of the same kind as the rule's threshold", "write both as a rate or both as a share")
			}
		}
		r.groups = append(r.groups, group{g.Name, t})
		for j, text := range g.Networks {
			if p, ok := c.prefix(fmt.Sprintf("%s.networks[%d]", at, j), text); ok {
				if k := slices.IndexFunc(r.networks, func(n network) bool { return n.prefix == p }); k >= 0 {
					c.add(fmt.Sprintf("%s.networks[%d]", at, j), text, "is already in group "+strconv.Quote(r.groups[r.networks[k].group].name), "leave it in one")
					continue
				}
				r.networks = append(r.networks, network{p, i})
			}
		}
	}
	for i, text := range s.Never {
		if p, ok := c.prefix(fmt.Sprintf("never[%d]", i), text); ok {
			r.never = append(r.never, p)
		}
	}
	if len(r.networks)+len(r.never) > maxNetworks {
		c.add("groups", "", fmt.Sprintf("groups and never have more than %d networks", maxNetworks), "join networks")
	}
	if !r.hasAddress() && len(s.Key) > 0 {
		if len(s.Groups) > 0 {
			c.add("groups", "", "the key has no address that a network could hold", "add dst or src to the key")
		}
		if len(s.Never) > 0 {
			c.add("never", "", "the key has no address that a network could hold", "add dst or src to the key, or write a filter")
		}
	}
	slices.SortStableFunc(r.networks, func(a, b network) int { return cmp.Compare(b.prefix.Bits(), a.prefix.Bits()) })
}

func (c *compiler) prefix(key, text string) (netip.Prefix, bool) {
	v, problem := parseNetwork(strings.TrimSpace(text))
	if problem != "" {
		c.add(key, text, problem, `write "10.0.0.0/8", "2001:db8::/32" or one address`)
		return netip.Prefix{}, false
	}
	if v.network.IsValid() {
		return v.network, true
	}
	a := netip.AddrFrom16(v.from.bytes()).Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}
