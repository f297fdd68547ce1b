package hostagent

import (
	"slices"
	"sync/atomic"
	"time"

	"weir/hostagent/config"
	"weir/hostagent/sampler"
	"weir/hostagent/source/drops"
	"weir/hostagent/source/filter"
	"weir/hostagent/source/linkevent"
	"weir/hostagent/source/lldp"
	"weir/hostagent/source/login"
	"weir/hostagent/source/logs"
	"weir/hostagent/source/neighbour"
	"weir/hostagent/source/netns"
	"weir/hostagent/source/ovs"
	"weir/hostagent/source/sampling"
	"weir/hostagent/source/service"
)

// kernel adds the sources that listen to the kernel and to what runs on it.
func kernel(cfg config.Config, a *Agent, add adding) {
	every := time.Duration(cfg.Polling.Default)
	add(every, linkevent.New(a.links))
	add(every, filter.New())
	services := service.New(service.Config{Units: cfg.Services.Units, Processes: cfg.Services.Processes, Containers: cfg.Services.Containers})
	add(every, services, cfg.Services)
	add(every, login.New(login.Config{Node: a.id.node}))
	add(every, logs.New(logs.Config{Files: cfg.Logs.Files, Services: cfg.Logs.Services, Runs: a.peers.runs}), cfg.Logs)
	add(every, lldp.New(a.links))
	add(every, drops.New(drops.Config{Payload: cfg.Sampling.Payload}, a.packer), cfg.Sampling.Payload)
	if len(cfg.Namespaces.Names) > 0 {
		add(every, netns.New(netns.Config{Names: cfg.Namespaces.Names, Cycle: time.Duration(cfg.Namespaces.Cycle)}), cfg.Namespaces)
	}
	neighbours := neighbour.New(a.links)
	neighbours.Covered(a.peers.controls)
	neighbours.Nobody(a.peers.internal)
	add(every, neighbours)
	samplingConf := samplingConfig(cfg.Sampling)
	both := !slices.Contains(cfg.Off, neighbours.Name())
	if both {
		// One socket for both costs the instances' packets half of what two cost.
		samplingConf.Control = a.peers.frame
	}
	// Rates change every second, and the heartbeat tells them.
	add(time.Duration(cfg.Polling.Interfaces), sampling.New(samplingConf, a.links, a.packer), cfg.Sampling, both)
}

// peers are the sources that others ask, whichever run now.
type peers struct {
	neighbours atomic.Pointer[neighbour.Source]
	samples    atomic.Pointer[sampling.Source]
	services   atomic.Pointer[service.Source]
	bridges    atomic.Pointer[ovs.Source]
}

// set takes over which modules run.
func (p *peers) set(all []*module) {
	var neighbours *neighbour.Source
	var samples *sampling.Source
	var services *service.Source
	var bridges *ovs.Source
	for _, m := range all {
		switch s := m.source.(type) {
		case *neighbour.Source:
			neighbours = s
		case *sampling.Source:
			samples = s
		case *service.Source:
			services = s
		case *ovs.Source:
			bridges = s
		}
	}
	p.neighbours.Store(neighbours)
	p.samples.Store(samples)
	p.services.Store(services)
	p.bridges.Store(bridges)
}

// frame gives an instance's ARP or DHCP to who watches them.
func (p *peers) frame(ifIndex uint32, b []byte) {
	if s := p.neighbours.Load(); s != nil {
		s.Frame(ifIndex, b)
	}
}

// controls returns the interfaces whose ARP and DHCP the sampling passes on.
func (p *peers) controls() map[uint32]bool {
	if s := p.samples.Load(); s != nil {
		return s.Controls()
	}
	return nil
}

// internal returns the interfaces that are Open vSwitch's own.
func (p *peers) internal() map[string]bool {
	if s := p.bridges.Load(); s != nil {
		return s.Internal()
	}
	return nil
}

// runs reports whether a service runs; known is false where nobody watches it.
func (p *peers) runs(name string) (is, known bool) {
	if s := p.services.Load(); s != nil {
		return s.Runs(name)
	}
	return false, false
}

// samplingConfig is what the configuration says of packet samples.
func samplingConfig(c config.Sampling) sampling.Config {
	dirs := map[string]sampler.Direction{
		"ingress": sampler.Ingress, "egress": sampler.Egress, "both": sampler.Ingress | sampler.Egress,
	}
	methods := map[string]sampler.Method{"packet": sampler.MethodPacket, "tcx": sampler.MethodTCX, "auto": sampler.MethodAuto, "nflog": sampler.MethodNFLOG}
	return sampling.Config{
		Method: methods[c.Method], Group: c.NFLOGGroup,
		Names: c.Interfaces, Except: c.Except, Rate: c.Rate, Budget: c.Budget,
		Directions: dirs[c.Direction], Payload: c.Payload, Header: c.Header,
	}
}
