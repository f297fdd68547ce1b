package hostagent

import (
	"slices"
	"time"

	"weir/hostagent/config"
	"weir/hostagent/source"
	"weir/hostagent/source/libvirt"
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
	add(every, proc.New(proc.Config{Node: a.id.node}))
	add(every, libvirt.New(libvirt.Options{Sockets: cfg.Libvirt.Sockets}))
	return all
}
