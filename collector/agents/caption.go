package agents

import (
	"net/netip"

	"weir/decoder/sflow"
)

// Caption is how an agent is told from all others in time series: its address,
// with the source address where several claim it, and its name, or the address
// again where none is known.
type Caption struct{ Agent, Name string }

func caption(addr, source netip.Addr, contested bool, name string) Caption {
	c := Caption{Agent: addr.String()}
	if contested || namesNobody(addr) {
		c.Agent += "@" + source.String()
	}
	if c.Name = name; name == "" {
		c.Name = c.Agent
	}
	return c
}

// Caption returns the caption of the agent with this number; false where it is
// not known.
func (sh *Shared) Caption(number uint32) (Caption, bool) {
	a := sh.find(number)
	if a == nil {
		return Caption{}, false
	}
	_, name := sh.Agent(number)
	return caption(a.addr, a.source, a.contested.Load(), name), true
}

// Caption returns the caption of the agent that info tells of.
func (info *AgentInfo) Caption() Caption {
	return caption(info.Agent, info.Source, info.Contested, info.Name)
}

// CurrentHost returns the name and the UUID of the host or virtual machine at a
// data source of the agent that the current datagram is from, each "" where it
// is unknown.
func (r *Registry) CurrentHost(id sflow.DataSource) (name, uuid string) {
	if r.cur == nil {
		return "", ""
	}
	h := r.cur.hosts[id]
	if h == nil {
		return "", ""
	}
	return h.name, uuidText(h.uuid)
}
