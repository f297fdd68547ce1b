package hostagent

import (
	"fmt"
	"slices"
	"time"

	"weir/hostagent/config"
	"weir/hostagent/source"
	"weir/hostagent/source/libvirt"
	"weir/hostagent/source/link"
	"weir/hostagent/source/ovs"
	"weir/hostagent/source/proc"
)

// adding adds a module that is polled every so often. Where its settings stay, it
// goes on over a reload; they are plain values of the configuration.
type adding func(every time.Duration, s source.Source, settings ...any)

// modules makes the sources that the configuration does not turn off.
func modules(cfg config.Config, a *Agent) []*module {
	every := time.Duration(cfg.Polling.Default)
	var all []*module
	add := func(every time.Duration, s source.Source, settings ...any) {
		if !slices.Contains(cfg.Off, s.Name()) {
			m := &module{source: s, settings: fmt.Sprintf("%+v", settings)}
			m.pollEvery(every)
			all = append(all, m)
		}
	}
	add(every, proc.New(proc.Config{Node: a.id.node, Links: a.links, ExceptMounts: cfg.Disks.Except}), cfg.Disks)
	add(time.Duration(cfg.Polling.Interfaces), link.New(linkConfig(cfg), a.links), linkConfig(cfg))
	add(every, libvirt.New(libvirt.Options{Sockets: cfg.Libvirt.Sockets}), cfg.Libvirt)
	add(every, ovs.New(ovs.Options{RunDir: cfg.OVS.RunDir, Keep: kept(cfg.OVS.KeepSFlow)}), cfg.OVS)
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
