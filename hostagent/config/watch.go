package config

import (
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Services is about what must run on the node.
type Services struct {
	// Units are systemd's; a name without a dot is a service.
	Units []string `yaml:"units"`
	// Processes are names as /proc/PID/comm has them, wherever they run.
	Processes []string `yaml:"processes"`
	// Containers are patterns of their names.
	Containers []string `yaml:"containers"`
}

// defaultServices is what a compute node lives on. Units that a node does not
// have are not told.
func defaultServices() Services {
	return Services{Units: []string{
		"libvirtd", "virtqemud", "nova-compute", "openvswitch-switch", "ovs-vswitchd", "ovsdb-server",
		"neutron-openvswitch-agent", "neutron-linuxbridge-agent", "neutron-l3-agent", "neutron-dhcp-agent", "neutron-metadata-agent",
		"ovn-controller", "ceph-osd.target", "systemd-journald", "rsyslog", "auditd", "ssh", "docker", "containerd",
	}, Containers: []string{
		"nova_compute", "nova_libvirt", "nova_virt*", "neutron_*_agent", "openvswitch_*", "ovn_*", "cinder_volume", "ceph-*",
	}}
}

func (s *Services) check(wrong func(key, problem, fix string)) {
	for _, p := range s.Processes {
		if p == "" || strings.ContainsAny(p, "/\n") {
			wrong("services.processes", strconv.Quote(p)+" is no name of a process", "write the name that `ps -o comm` shows")
		}
	}
	for _, c := range s.Containers {
		if _, err := path.Match(c, ""); err != nil || c == "" {
			wrong("services.containers", strconv.Quote(c)+" is no pattern of a container's name", `write names, with * for anything: "nova_*"`)
		}
	}
	for _, u := range s.Units {
		if u == "" || strings.ContainsAny(u, "/ \n") {
			wrong("services.units", strconv.Quote(u)+" is no name of a unit", "write the name that `systemctl list-units` shows")
		}
	}
}

// Logs is about logs that must keep growing.
type Logs struct {
	// Files are paths, with * for anything.
	Files []string `yaml:"files"`
	// Services are configurations whose log level is told: files in oslo.config's
	// form.
	Services []string `yaml:"services"`
}

func defaultLogs() Logs {
	return Logs{
		Files: []string{
			"/var/log/auth.log", "/var/log/secure", "/var/log/syslog", "/var/log/messages", "/var/log/audit/audit.log",
			"/var/log/libvirt/libvirtd.log", "/var/log/nova/*.log", "/var/log/neutron/*.log", "/var/log/openvswitch/ovs-vswitchd.log",
			"/var/log/kolla/*/*.log",
		},
		Services: []string{
			"/etc/nova/nova.conf", "/etc/neutron/neutron.conf", "/etc/cinder/cinder.conf",
			"/etc/kolla/nova-compute/nova.conf", "/etc/kolla/neutron-openvswitch-agent/neutron.conf",
		},
	}
}

func (l *Logs) check(wrong func(key, problem, fix string)) {
	for key, list := range map[string][]string{"logs.files": l.Files, "logs.services": l.Services} {
		for _, p := range list {
			if _, err := filepath.Match(p, ""); err != nil || !filepath.IsAbs(p) {
				wrong(key, strconv.Quote(p)+" is no absolute path or pattern", "write a path such as /var/log/nova/*.log")
			}
		}
	}
}

// Namespaces is about packet filters in network namespaces.
type Namespaces struct {
	// Names are patterns of namespaces in /run/netns; empty: none is looked into.
	Names []string `yaml:"names"`
	// Cycle is the time in which each is looked into once.
	Cycle Duration `yaml:"cycle"`
}

func (n *Namespaces) check(wrong func(key, problem, fix string)) {
	for _, p := range n.Names {
		if _, err := filepath.Match(p, ""); err != nil || strings.Contains(p, "/") {
			wrong("namespaces.names", strconv.Quote(p)+" is no pattern of a namespace's name", `write patterns such as "qrouter-*"`)
		}
	}
	if n.Cycle < Duration(1e9) {
		wrong("namespaces.cycle", n.Cycle.String()+" is too short", `write "1s" or more; each namespace is looked into once in that time`)
	}
}
