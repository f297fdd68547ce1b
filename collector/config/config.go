// Package config reads the collector's YAML file and those of conf.d beside it,
// strictly: a key that does not exist is an error, and every mistake is reported
// at once with its file, line, key, value and the fix.
package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weir/collector/agents"
	"weir/collector/udp"
	"weir/detect"
	"weir/detect/rules"
	"weir/detect/scan"
	"weir/detect/site"
)

// DefaultFile is read when no file is named and it exists.
const DefaultFile = "/etc/weir/weir.yaml"

// Config is everything that can be set. The sample file, cmd/weir/etc/weir.yaml,
// says the same for the operator.
type Config struct {
	// Listen holds the UDP addresses sFlow is received on, at least one.
	Listen []netip.AddrPort
	// Shards is the number of shards, each one goroutine with its own sockets;
	// 0 is one per core.
	Shards int
	// ReceiveBuffer is asked of the kernel for each socket, in octets.
	ReceiveBuffer Bytes
	// StateDir holds what survives a restart, and the control socket. It is
	// never empty after Default or Load.
	StateDir string
	// HTTP is the address of /metrics, /healthz and /readyz; the zero AddrPort
	// is none.
	HTTP netip.AddrPort
	// Access says who may ask there.
	Access Access
	// LargeFlow is the detector of large flows.
	LargeFlow LargeFlow
	// LinkSaturated is the detector of saturated links.
	LinkSaturated LinkSaturated
	// Flood is the detector of floods.
	Flood Flood
	// Scan is the detector of scans.
	Scan Scan
	// Rules are the operator's own, at most rules.MaxRules.
	Rules []rules.Rule
	// Top are the keys that are counted, beside the detectors.
	Top Top
	// Names and SNMP say how agents and interfaces get names they do not send.
	Names Names
	SNMP  []SNMP
	// Forward holds further collectors that every datagram is sent on to.
	Forward []netip.AddrPort
	// HashSeed keys the hashes of the detectors, in all collectors whose counts
	// merge; the zero value is a random one.
	HashSeed HashSeed
	// Allow holds the networks agents may be in, by agent address and source
	// address; empty allows all.
	Allow []netip.Prefix
	// Limits bound memory.
	Limits Limits
	// AgentKey is what host agents sign their statements with.
	AgentKey Secret
	// AgentKeys are keys of single agents: lines with an address and a key.
	AgentKeys Secret
	// WatchedProjects are names or identities of projects of which one instance that
	// cannot be reached is critical.
	WatchedProjects []string
	// Windows are the maintenance windows of the file.
	Windows []site.Window
	// Site names this site in time series and to those who are alerted.
	Site string
	// Influx is where time series are written.
	Influx Influx
	// History is kept on disk.
	History History
	// Log is about standard error.
	Log Log
	// Alerts says who is told.
	Alerts Alerts
	// Severity is what alerts weigh, and when they page.
	Severity Severities
}

// LargeFlow configures the detector of large flows.
type LargeFlow struct {
	Off bool
	// Threshold is what a flow must exceed.
	Threshold detect.Threshold
	// Class are thresholds of interfaces whose speed means nothing; zero is
	// Threshold.
	Class detect.ClassThresholds
	// Hold is how long a flow must be below the threshold before its alert
	// ends.
	Hold time.Duration
	// Budget is how many false alarms are allowed.
	Budget detect.Budget
}

// Limits bound what the collector keeps, whatever arrives. Each is at least 1.
type Limits struct {
	// Agents is how many agents are known at once; a further one is refused
	// and its datagrams are counted.
	Agents int
	// Interfaces is how many interfaces are known at once, over all agents;
	// samples of a further one are counted and have no rates.
	Interfaces int
	// Sources is the same for data sources.
	Sources int
	// Keys is how many flows are watched at once, shared out evenly to the
	// shards; a further one takes the place of another.
	Keys int
	// Hot is how many flows are followed closely at once, over all shards:
	// those that may be large. A further one waits, counted.
	Hot int
	// SinkQueue is how many alert changes wait for each sink; the oldest is
	// dropped for a further one and counted.
	SinkQueue int
	// AdmissionBurst is how many new agents are admitted at once, and
	// AdmissionRate how many per second after that.
	AdmissionBurst int
	AdmissionRate  Rate
}

// Log configures standard error.
type Log struct {
	// Level is the lowest level written: debug, info, warn or error.
	Level string
	// Format is json, console, or auto: console on a terminal.
	Format string
}

// Default returns the configuration of an empty file.
func Default() Config {
	reg, flow := agents.DefaultLimits(), detect.DefaultConfig().LargeFlow
	return Config{
		Listen:        []netip.AddrPort{netip.AddrPortFrom(netip.IPv6Unspecified(), 6343)},
		ReceiveBuffer: udp.DefaultReceiveBuffer,
		StateDir:      defaultStateDir(os.Getenv),
		HTTP:          netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 8343),
		Access:        defaultAccess(),
		LargeFlow:     LargeFlow{Threshold: flow.Threshold, Hold: flow.Hold, Budget: flow.Budget},
		Flood:         defaultFlood(),
		Scan:          Scan{Targets: scan.Default().MinTargets, Hold: scan.Default().Hold},
		Top:           defaultTop(),
		Names:         defaultNames(),
		Limits: Limits{
			Agents:         reg.Agents,
			Interfaces:     reg.Interfaces,
			Sources:        reg.Sources,
			Keys:           1 << 16,
			Hot:            flow.Hot,
			SinkQueue:      4096,
			AdmissionBurst: reg.AdmissionBurst,
			AdmissionRate:  Rate(reg.AdmissionRate),
		},
		Site: "default", Influx: defaultInflux(), History: defaultHistory(),
		Log:      Log{Level: "info", Format: "auto"},
		Severity: defaultSeverities(),
	}
}

// defaultStateDir prefers what systemd made (StateDirectory=), then the user's
// own state directory (XDG Base Directory Specification).
func defaultStateDir(getenv func(string) string) string {
	if d, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":"); filepath.IsAbs(d) {
		return d
	}
	if d := getenv("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "weir")
	}
	if d := getenv("HOME"); d != "" {
		return filepath.Join(d, ".local", "state", "weir")
	}
	return "/var/lib/weir"
}
