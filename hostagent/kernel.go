package hostagent

import (
	"slices"
	"time"

	"weir/hostagent/config"
	"weir/hostagent/sampler"
	"weir/hostagent/source"
	"weir/hostagent/source/drops"
	"weir/hostagent/source/filter"
	"weir/hostagent/source/linkevent"
	"weir/hostagent/source/lldp"
	"weir/hostagent/source/login"
	"weir/hostagent/source/logs"
	"weir/hostagent/source/neighbour"
	"weir/hostagent/source/netns"
	"weir/hostagent/source/sampling"
	"weir/hostagent/source/service"
)

// kernel adds the sources that listen to the kernel and to what runs on it.
func kernel(cfg config.Config, a *Agent, add func(time.Duration, source.Source)) {
	every := time.Duration(cfg.Polling.Default)
	add(every, linkevent.New(a.links))
	add(every, filter.New())
	services := service.New(service.Config{Units: cfg.Services.Units, Processes: cfg.Services.Processes})
	add(every, services)
	add(every, login.New(login.Config{Node: a.id.node}))
	add(every, logs.New(logs.Config{Files: cfg.Logs.Files, Services: cfg.Logs.Services, Runs: services.Runs}))
	add(every, lldp.New(a.links))
	add(every, drops.New(drops.Config{Payload: cfg.Sampling.Payload}, a.packer))
	if len(cfg.Namespaces.Names) > 0 {
		add(every, netns.New(netns.Config{Names: cfg.Namespaces.Names, Cycle: time.Duration(cfg.Namespaces.Cycle)}))
	}
	neighbours := neighbour.New(a.links)
	samplingConf := samplingConfig(cfg.Sampling)
	if !slices.Contains(cfg.Off, neighbours.Name()) {
		// One socket for both costs the instances' packets half of what two cost.
		samplingConf.Control = neighbours.Frame
	}
	samples := sampling.New(samplingConf, a.links, a.packer)
	if !slices.Contains(cfg.Off, samples.Name()) {
		neighbours.Covered(samples.Controls)
	}
	add(every, neighbours)
	// Rates change every second, and the heartbeat tells them.
	add(time.Duration(cfg.Polling.Interfaces), samples)
}

// samplingConfig is what the configuration says of packet samples.
func samplingConfig(c config.Sampling) sampling.Config {
	dirs := map[string]sampler.Direction{
		"ingress": sampler.Ingress, "egress": sampler.Egress, "both": sampler.Ingress | sampler.Egress,
	}
	methods := map[string]sampler.Method{"packet": sampler.MethodPacket, "tcx": sampler.MethodTCX, "nflog": sampler.MethodNFLOG}
	return sampling.Config{
		Method: methods[c.Method], Group: c.NFLOGGroup,
		Names: c.Interfaces, Except: c.Except, Rate: c.Rate, Budget: c.Budget,
		Directions: dirs[c.Direction], Payload: c.Payload, Header: c.Header,
	}
}
