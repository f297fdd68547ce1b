package hostagent

import (
	"slices"
	"time"

	"weir/hostagent/config"
	"weir/hostagent/source"
	"weir/hostagent/source/libvirt"
	"weir/hostagent/source/link"
	"weir/hostagent/source/ovs"
	"weir/hostagent/source/proc"
)

// modules makes the sources that the configuration does not turn off.
func modules(cfg config.Config, a *Agent) []*module {
	every := time.Duration(cfg.Polling.Default)
	var all []*module
	add := func(every time.Duration, s source.Source) {
		if !slices.Contains(cfg.Off, s.Name()) {
			all = append(all, &module{source: s, every: every, deadline: max(every, 2*time.Second)})
		}
	}
	add(every, proc.New(proc.Config{Node: a.id.node, Links: a.links, ExceptMounts: cfg.Disks.Except}))
	add(time.Duration(cfg.Polling.Interfaces), link.New(linkConfig(cfg), a.links))
	add(every, libvirt.New(libvirt.Options{Sockets: cfg.Libvirt.Sockets}))
	add(every, ovs.New(ovs.Options{RunDir: cfg.OVS.RunDir, Keep: kept(cfg.OVS.KeepSFlow)}))
	kernel(cfg, a, add)
	return all
}

// kept returns the sFlow rows that are to be kept.
func kept(rows []config.KeepSFlow) (all []ovs.Keep) {
	for _, r := range rows {
		all = append(all, ovs.Keep(r))
	}
	return all
}

// linkConfig is what the configuration says of interfaces.
func linkConfig(cfg config.Config) link.Config {
	c := link.Config{Names: cfg.Interfaces.Names, Except: cfg.Interfaces.Except,
		Slow: time.Duration(cfg.Polling.Default), Max: cfg.Interfaces.Max}
	for _, name := range cfg.Interfaces.Fast {
		if k, ok := link.ParseKind(name); ok {
			c.Fast = append(c.Fast, k)
		}
	}
	return c
}
