package collector

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weir/detect/site"
)

// SiteOverview implements web.ModelSource.
func (a *app) SiteOverview(ctx context.Context) (o site.Overview, err error) {
	if err = a.askSite(ctx, func(s *site.Site) { o = s.Overview() }); err != nil {
		return o, err
	}
	names := a.agentNames()
	for i := range o.Nodes {
		n := &o.Nodes[i]
		n.Name = cmp.Or(n.Name, names[n.Key])
	}
	return o, err
}

// agentNames are the names of agents by their addresses: files, imports and SNMP
// name switches, which have no word for themselves in sFlow.
func (a *app) agentNames() map[string]string {
	names := map[string]string{}
	for _, x := range a.shared.Agents() {
		if x.Name != "" {
			names[x.Agent.String()] = x.Name
		}
	}
	return names
}

// SiteBranch implements web.ModelSource.
func (a *app) SiteBranch(ctx context.Context, key string) (b site.Branch, err error) {
	ok := false
	if err := a.askSite(ctx, func(s *site.Site) { b, ok = s.Branch(key) }); err != nil {
		return b, err
	}
	if !ok {
		return b, fmt.Errorf("node %q: is not in the model of the site", key)
	}
	if b.Name == "" {
		b.Name = a.agentNames()[key]
	}
	return b, nil
}

// SiteFind implements web.ModelSource.
func (a *app) SiteFind(ctx context.Context, text string) (all []site.Found, cut bool, err error) {
	if err = a.askSite(ctx, func(s *site.Site) { all, cut = s.Find(text) }); err != nil {
		return nil, false, err
	}
	names := a.agentNames()
	for _, key := range slices.Sorted(maps.Keys(names)) {
		name := names[key]
		known := func(f site.Found) bool { return f.Node == key && (f.Name == key || f.Name == name) }
		if strings.Contains(strings.ToLower(name), strings.ToLower(strings.TrimSpace(text))) && !slices.ContainsFunc(all, known) {
			all = append(all, site.Found{Node: key, Label: name, Type: "node", Name: name, Detail: key, Health: site.HealthGood})
		}
	}
	return all, cut, err
}
