package witness

// Prefix begins the data source of every statement.
const Prefix = "weir/"

// Classes of statements: the second part of the data source.
const (
	ClassEvent      = "event"     // weir/event/<name of the event>
	ClassHeartbeat  = "heartbeat" // weir/heartbeat/<node>, every second
	ClassLink       = "link"      // weir/link/<interface>
	ClassBridge     = "bridge"    // weir/bridge/<bridge>
	ClassOVS        = "ovs"       // weir/ovs/<bridge>
	ClassOVSPort    = "ovs_port"  // weir/ovs_port/<interface of an Open vSwitch>
	ClassInstance   = "instance"  // weir/instance/<UUID>
	ClassFilter     = "filter"    // weir/filter/<network namespace or root>/<family>
	ClassConntrack  = "conntrack" // weir/conntrack/<network namespace or root>
	ClassService    = "service"   // weir/service/<unit>
	ClassLog        = "log"       // weir/log/<path or name>
	ClassLogins     = "logins"    // weir/logins/<node>
	ClassLLDP       = "lldp"      // weir/lldp/<interface>
	ClassNeighbour  = "neighbour" // weir/neighbour/<interface>
	EntityRootNetns = "root"      // the network namespace of the agent, where an entity names one
	SubjectAllUsers = "all"       // subject of login_failed
	Repeats         = 3           // how often an event is sent
	MaxText         = 512         // octets of a value; a longer one is cut
	MaxStatement    = 1280        // octets of a statement with its sample head: one always fits a datagram
)

// Names of events: the entity of ClassEvent.
const (
	AgentStarted  = "agent_started"
	AgentStopping = "agent_stopping"

	LinkUp            = "link_up"
	LinkDown          = "link_down"
	LinkAdded         = "link_added"
	LinkRemoved       = "link_removed"
	LinkRenamed       = "link_renamed"
	LinkChanged       = "link_changed"
	BridgePortAdded   = "bridge_port_added"
	BridgePortRemoved = "bridge_port_removed"

	OVSBridgeAdded   = "ovs_bridge_added"
	OVSBridgeRemoved = "ovs_bridge_removed"
	OVSPortAdded     = "ovs_port_added"
	OVSPortRemoved   = "ovs_port_removed"
	OVSSFlowChanged  = "ovs_sflow_changed"
	OVSDown          = "ovs_down"
	OVSUp            = "ovs_up"
	OVSFlowsEmptied  = "ovs_flows_emptied"

	InstanceDefined     = "instance_defined"
	InstanceUndefined   = "instance_undefined"
	InstanceStarted     = "instance_started"
	InstanceStopped     = "instance_stopped"
	InstanceCrashed     = "instance_crashed"
	InstanceExited      = "instance_exited" // its process has ended; libvirt has yet to say why
	InstancePaused      = "instance_paused"
	InstanceResumed     = "instance_resumed"
	InstanceMigratedIn  = "instance_migrated_in"
	InstanceMigratedOut = "instance_migrated_out"
	InstanceRebooted    = "instance_rebooted"
	LibvirtDown         = "libvirt_down"
	LibvirtUp           = "libvirt_up"

	RulesChanged = "rules_changed"
	RulesFlushed = "rules_flushed"

	ServiceStarted = "service_started"
	ServiceStopped = "service_stopped"
	ServiceFailed  = "service_failed"

	Login       = "login"
	Logout      = "logout"
	LoginFailed = "login_failed"

	LogTruncated    = "log_truncated"
	LogLevelChanged = "log_level_changed"

	DHCPRequest   = "dhcp_request"
	DHCPAnswered  = "dhcp_answered"
	ARPUnanswered = "arp_unanswered"
	LLDPChanged   = "lldp_changed"
)

// Names of values that events of every kind share.
const (
	ID      = "id"      // string: first 8 hex digits of the boot id, start of the agent (Unix seconds, hex), number
	At      = "at"      // counter64: Unix nanoseconds; of a state that is signed too: when it was said
	Subject = "subject" // string: what the event is about
	Repeat  = "repeat"  // gauge32: 0, 1, 2
	Before  = "before"
	After   = "after"
	Cause   = "cause"
	Reason  = "reason"
	PID     = "pid"     // gauge32
	UID     = "uid"     // gauge32
	Command = "command" // string: name of the process
)

// Names of the heartbeat's values. Those that states share are not repeated
// below.
const (
	Sequence       = "seq"             // counter64, from 1 at each start of the agent
	BootID         = "boot_id"         // string, as the kernel tells it
	BootTime       = "boot_time"       // counter64: Unix seconds
	Started        = "started"         // counter64: Unix seconds, of the agent
	Version        = "version"         // string
	ConfigDigest   = "config_digest"   // string: hex
	Modules        = "modules"         // string: name=ok, name=absent or name=error:text, joined by commas
	ModuleErrors   = "errors"          // counter64
	SamplesLost    = "samples_lost"    // counter64
	PacketSamples  = "packet_samples"  // counter64
	Datagrams      = "datagrams"       // counter64, sent to the first collector
	DatagramsLost  = "datagrams_lost"  // counter64, of those for the first collector
	FramesLost     = "frames_lost"     // counter64: LLDP, ARP and DHCP frames that found no room; left out where none was
	LibvirtContact = "libvirt_contact" // counter64: Unix seconds of the last answer
	OVSContact     = "ovs_contact"     // counter64: Unix seconds of the last answer
	Sampling       = "sampling"        // string: interface=rate, joined by commas
	SamplingBudget = "sampling_budget" // gauge32: samples a second of the node that the rates adapt to; left out where they are fixed
	HeaderBytes    = "header_bytes"    // gauge32: most octets of a sampled header
	HMAC           = "hmac"            // string: 32 hex digits, always the last value
)

// Names of values of the states of links, bridges, Open vSwitch and instances.
const (
	IfIndex       = "ifindex" // gauge32
	Kind          = "kind"
	Master        = "master"
	Oper          = "oper"    // up, down, lowerlayerdown, dormant, notpresent, testing, unknown
	Admin         = "admin"   // up, down
	Carrier       = "carrier" // up, down
	MTU           = "mtu"     // gauge32: octets
	MAC           = "mac"
	Speed         = "speed" // gauge64: bit/s
	PeerNetns     = "peer_netns"
	Port          = "port"
	Ports         = "ports"
	InstancePorts = "instance_ports"
	Uplinks       = "uplinks"
	CarrierPorts  = "carrier_ports" // gauge32: ports that have a carrier
	Flows         = "flows"         // gauge64
	Forwarding    = "forwarding"    // yes, no, unknown
	SFlow         = "sflow"
	VSwitchd      = "vswitchd"     // up, down
	Bond          = "bond"         // of a port of Open vSwitch: the bond that it is a member of
	IfaceID       = "iface_id"     // of a port: the Neutron port
	VMID          = "vm_id"        // of a port: the instance's UUID
	Network       = "network"      // of a port: UUID of its network
	NetworkType   = "network_type" // of a port's network: vlan, vxlan, gre, geneve, flat, local
	Segment       = "segment"      // gauge32: VLAN or VNI of a port's network
	Name          = "name"
	State         = "state"
	NovaName      = "nova_name"
	Project       = "project"
	ProjectName   = "project_name"
	User          = "user"
	Flavor        = "flavor"
	Taps          = "taps"
	Orphan        = "orphan"
)

// Names of values of the other states and events.
const (
	Rules      = "rules" // gauge64
	Digest     = "digest"
	Tables     = "tables"
	Policy     = "policy" // ACCEPT, DROP
	Generation = "generation"
	Count      = "count"
	Max        = "max"
	Since      = "since" // counter64: Unix seconds
	Restarts   = "restarts"
	Bytes      = "bytes" // counter64
	Size       = "size"
	Inode      = "inode"
	Level      = "level"
	Writer     = "writer" // running, stopped
	Sessions   = "sessions"
	Failed     = "failed" // counter64
	From       = "from"
	TTY        = "tty"
	Session    = "session"
	Address    = "address"
	Signal     = "signal" // of an exit: the name of the signal that killed the process
	Status     = "status" // gauge32: of an exit that no signal caused
	Chassis    = "chassis"
	PortDesc   = "port_desc"
	System     = "system"
	TTL        = "ttl"      // gauge32: seconds
	Requests   = "requests" // counter64
	Answers    = "answers"  // counter64
)
