package collector

import (
	"net/netip"

	"weir/collector/agents"
)

// siteNames are the words of files, imports and SNMP for the model of the site.
type siteNames struct{ labels agents.Labels }

// NodeName implements site.Names.
func (n siteNames) NodeName(agent netip.Addr) string { return n.labels.AgentLabel(agent) }

// InterfaceName implements site.Names.
func (n siteNames) InterfaceName(agent netip.Addr, ifIndex uint32, said string) (name, alias string) {
	l := n.labels.InterfaceLabel(agent, ifIndex, said)
	return l.Name, l.Alias
}

// christen hands names on that were set since the last time.
func (w *siteWatch) christen() {
	if w.named == nil {
		return
	}
	if l, gen := w.named.LabelsNow(); gen != w.labels && l != nil {
		w.labels = gen
		w.site.SetNames(siteNames{l})
	}
}
