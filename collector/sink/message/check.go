package message

import "weir/detect"

// check is the first thing to look at, by kind.
func check(a *detect.Alert) string {
	if c, ok := a.Evidence.(Advised); ok {
		return oneLine(c.Check())
	}
	switch a.Kind {
	case detect.LargeFlow:
		return "who owns the two addresses, and whether a backup or migration is due"
	case detect.LinkSaturated:
		return "the largest flows of the link, and whether a member of its bundle is down"
	case detect.Flood:
		return "whether the victim still answers, and the ports by which it enters"
	case detect.Scan:
		return "who owns the source, and whether it is a scanner of your own"
	case detect.Rule:
		return "what the rule was written for"
	}
	switch a.Kind { // rooms below detect and the collector define these
	case "bridge_down":
		return "ip link and ovs-vsctl show on the node, then its uplink"
	case "instance_unreachable":
		return "the instance's console and its port on the node"
	case "instance_stopped":
		return "virsh domstate --reason and the hypervisor's log"
	case "rules_flushed":
		return "who changed the packet filter: the node's journal and sudo log"
	case "telemetry_silent":
		return "whether the node answers, then its agent's service"
	case "telemetry_tampered":
		return "the sFlow configuration of the agent, and who changed it"
	case "node_down":
		return "the node's management controller and its switch port"
	case "host_restarted":
		return "the node's journal of the last boot"
	case "host_overloaded":
		return "top and the steal time of the node"
	case "service_changed":
		return "systemctl status of the service on the node"
	case "drops_rising":
		return "the reason of the drops, and recent changes of routes and filters"
	case "interface_down", "interface_errors":
		return "cable and optics, then the other end's counters"
	case "log_silent":
		return "whether the log's service runs and its disk is full"
	case "instance_no_address":
		return "the DHCP agent of its network, and the security group of its port"
	case "login":
		return "who that is, and whether work is planned on the node"
	case "agent_moved":
		return "whether the node has the new address; weir agents"
	case "port_gone":
		return "whether its instance was deleted or moved; ovs-vsctl list-ports on the node"
	case "orphan":
		return "whether it was deleted on purpose, then remove what is left"
	case "alert_history":
		return "nothing: keep it, and prove the history with weir verify --heads"
	case "collector_deaf":
		return "the collector's own network: tcpdump -n udp port 6343 on its host"
	case "collector_overloaded":
		return "weir status: dropped by the kernel; raise receive_buffer, or lower the sampling"
	case "page_storm":
		return "the list of open alerts for what they have in common: a power feed, a spine, a change"
	case "pagers_failing":
		return "weir alert test, and the way out of the collector's host"
	}
	return ""
}
