package config

import "path/filepath"

// Libvirt is about the node's virtual machines.
type Libvirt struct {
	// Sockets are tried in their order; none: /run/libvirt/virtqemud-sock-ro,
	// then /run/libvirt/libvirt-sock-ro.
	Sockets []string `yaml:"sockets"`
}

func (l *Libvirt) check(wrong func(key, problem, fix string)) {
	for _, s := range l.Sockets {
		if !filepath.IsAbs(s) {
			wrong("libvirt.sockets", s+" is no absolute path", "write the read-only socket, such as /run/libvirt/libvirt-sock-ro")
		}
	}
}
