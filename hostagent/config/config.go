// Package config reads the host agent's one YAML file, strictly: a key that does
// not exist is an error, and every mistake is told with its line and the fix.
// Without a file the defaults hold, which suit a compute node.
package config

import (
	"net/netip"
	"time"
)

// DefaultFile is read when no file is named and it exists.
const DefaultFile = "/etc/weir/weir-agent.yaml"

// Config is everything that can be set. The sample, cmd/weir-agent/etc/
// weir-agent.yaml, says the same for the operator.
type Config struct {
	// Collectors are addresses or names, with a port or without (6343).
	Collectors []string `yaml:"collectors"`
	// PlainCollectors get standard samples only: they would complain of others.
	PlainCollectors []string `yaml:"plain_collectors"`
	// DNSSD asks the DNS for collectors (_sflow._udp) where none is named.
	DNSSD DNSSD `yaml:"dns_sd"`
	// AgentAddress is an address, or networks of which the node's first address
	// in the first of them is taken; empty: the address that datagrams to the
	// first collector leave from.
	AgentAddress AgentAddress `yaml:"agent_address"`
	// SubAgent tells this agent from others on the node.
	SubAgent uint32 `yaml:"sub_agent"`
	// Node is the node's name in what the agent says; empty: the host name.
	Node string `yaml:"node"`
	// KeyFile holds the key that heartbeats and events are signed with.
	KeyFile string `yaml:"key_file"`
	// StateDir holds what the agent must know after a restart.
	StateDir string `yaml:"state_dir"`
	// Polling says how often is told what.
	Polling Polling `yaml:"polling"`
	// Off names modules that are not to run.
	Off []string `yaml:"off"`
	// Interfaces selects interfaces.
	Interfaces Interfaces `yaml:"interfaces"`
	// Disks selects disks and file systems.
	Disks Disks `yaml:"disks"`
	// Libvirt is about the node's virtual machines.
	Libvirt Libvirt `yaml:"libvirt"`
	// OVS is about Open vSwitch.
	OVS OVS `yaml:"ovs"`
	// Sampling is about packet samples.
	Sampling Sampling `yaml:"sampling"`
	// Services is about what must run.
	Services Services `yaml:"services"`
	// Logs is about logs that must keep growing.
	Logs Logs `yaml:"logs"`
	// Namespaces is about packet filters in network namespaces.
	Namespaces Namespaces `yaml:"namespaces"`
	// Log is about standard error.
	Log Log `yaml:"log"`
}

// DNSSD is about finding collectors in the DNS.
type DNSSD struct {
	Off    bool   `yaml:"off"`
	Domain string `yaml:"domain"` // empty: the search domains of the node
}

// AgentAddress is one address or a list of networks.
type AgentAddress struct {
	Addr     netip.Addr
	Networks []netip.Prefix
}

// Polling has the times between two polls.
type Polling struct {
	Interfaces Duration `yaml:"interfaces"`
	Default    Duration `yaml:"default"` // everything else
}

// Interfaces selects which interfaces' counters are told: those that a pattern
// of Names matches and none of Except.
type Interfaces struct {
	Names  []string `yaml:"names"`
	Except []string `yaml:"except"`
	// Fast are the kinds told every Polling.Interfaces; the others are told every
	// Polling.Default.
	Fast []string `yaml:"fast"`
	// Max bounds how many are told.
	Max int `yaml:"max"`
}

// Disks selects the file systems whose room is told.
type Disks struct {
	Except []string `yaml:"except"` // patterns of mount points
}

// Log configures standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // json, console, or auto: console on a terminal
}

// defaultSubAgent is above the numbers that Open vSwitch gives to its bridges,
// and is not host-sflow's.
const defaultSubAgent = 100001

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{
		SubAgent: defaultSubAgent,
		StateDir: "/run/weir-agent",
		Polling:  Polling{Interfaces: Duration(time.Second), Default: Duration(10 * time.Second)},
		Interfaces: Interfaces{
			Names:  []string{"*"},
			Except: []string{"lo"},
			Fast:   []string{"tap", "bridge"},
			Max:    4096,
		},
		OVS:        OVS{RunDir: "/run/openvswitch"},
		Sampling:   defaultSampling(),
		Services:   defaultServices(),
		Logs:       defaultLogs(),
		Namespaces: Namespaces{Cycle: Duration(time.Minute)},
		Log:        Log{Level: "info", Format: "auto"},
	}
}
