package collector

import (
	"cmp"
	"context"
	"encoding/json"

	"weir/collector/store"
	"weir/collector/store/flows"
	"weir/detect/site"
)

// instances returns those of the site as it is now, with their addresses.
func (a *app) instances(ctx context.Context) (all []flows.Instance, err error) {
	var nodes []site.KeptNode
	err = a.askSite(ctx, func(s *site.Site) { nodes = s.Kept(s.Nodes()) })
	return instancesOf(nodes), err
}

// KeptInstances returns those of the model of the site in a state directory, as it
// was kept last: up to a minute ago where a collector runs with it.
func KeptInstances(ctx context.Context, stateDir string) ([]flows.Instance, error) {
	var nodes []site.KeptNode
	err := store.ReadNodes(ctx, stateDir, func(body []byte) {
		var k site.KeptNode
		if json.Unmarshal(body, &k) == nil { // of one that cannot be read nothing is known
			nodes = append(nodes, k)
		}
	})
	return instancesOf(nodes), err
}

// instancesOf joins what nodes have of instances with their ports. One that moves is
// on two nodes for a while.
func instancesOf(nodes []site.KeptNode) (all []flows.Instance) {
	at := map[string]int{}
	of := func(uuid string) *flows.Instance {
		n, ok := at[uuid]
		if !ok {
			n = len(all)
			at[uuid] = n
			all = append(all, flows.Instance{UUID: uuid})
		}
		return &all[n]
	}
	for i := range nodes {
		macs := map[string]string{} // instances by their MAC addresses
		for _, k := range nodes[i].Parts.Instances {
			x := of(k.UUID)
			x.Name, x.Project = cmp.Or(k.Name, k.Domain, x.Name), cmp.Or(k.Project, x.Project)
			for _, m := range k.MACs {
				macs[m] = k.UUID
			}
		}
		for _, p := range nodes[i].Parts.Ports {
			for _, m := range p.MACs {
				uuid := cmp.Or(p.UUID, macs[m.MAC])
				if uuid == "" || m.Many {
					continue
				}
				x := of(uuid)
				x.Addresses = append(x.Addresses, m.IPs...)
				if p.Neutron != "" {
					x.Ports = append(x.Ports, p.Neutron)
				}
			}
		}
	}
	return all
}
