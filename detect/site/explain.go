package site

import "weir/detect"

// Explanation is what an operator needs to know of a kind of alert.
type Explanation struct {
	Kind    detect.Kind `json:"kind"`
	Meaning string      `json:"meaning"`
	Confirm [2]string   `json:"confirm"` // commands
	Causes  string      `json:"causes"`
	Wrong   string      `json:"wrong"` // when it is
}

// Explanations returns what is known of all kinds of alerts, by name.
func Explanations() []Explanation {
	return []Explanation{
		{AgentMoved, "An agent speaks from another source address than before, and the old one is silent. An event.",
			[2]string{"weir agents", "ip address show   # on the node"},
			"a new management address, a failover of a switch's supervisor, NAT", "the new address is an impostor that waited for the agent's silence: compare the node's own address"},
		{BridgeDown, "A bridge has lost its forwarding: instances behind it reach nobody. As a warning its own port is down while it forwards on. Suspected until its next polls: all samples of it have stopped at once.",
			[2]string{"ip -d link show type bridge; ovs-vsctl show   # on the node", "ovs-ofctl dump-flows BRIDGE | head   # on the node"},
			"the bridge was deleted or switched off, its uplink is down, its flow table was emptied, ovs-vswitchd does not run", "from sFlow alone, where nobody else sees the bridge's traffic; it then says so and reports silence only; where one job of three or more instances ends at once, until the next poll"},
		{CollectorDeaf, "Nothing is heard of any agent: it is this collector, or its way to all of them. Node alerts are held back meanwhile.",
			[2]string{"weir status", "tcpdump -ni any -c 20 udp port 6343"},
			"the collector's interface, a firewall, a route", "where all nodes hang on one rack that lost its power"},
		{CollectorOverloaded, "This collector does not hear all, so that what it does not say proves nothing: it drops 1 % of what comes, or was held up for two seconds of fifteen. It names from when to when, as do the timelines of incidents of that time. Few drops go on being judged: silence is then told a little later.",
			[2]string{"weir status", "nstat -az UdpRcvbufErrors"},
			"too little receive buffer or too few shards, sampling too dense; a machine that was suspended, or has too little CPU", "for seconds after a burst"},
		{DropsRising, "A node discards far more packets than it used to, by sampled discards.",
			[2]string{"nstat -az | grep -i -e drop -e filter   # on the node", "ip -s -s link show; tc -s qdisc show   # on the node"},
			"a blackhole route, a packet filter, reverse path filtering, a full queue", "when a scan or flood is rightly dropped"},
		{detect.Flood, "Traffic to a host or prefix that only harms it.",
			[2]string{"weir status --top --key dst", "tcpdump -ni any host VICTIM -c 100"}, "an attack, or an amplifier that is misused", "for a flash crowd that opens many connections at once"},
		{HostOverloaded, "CPU, memory, disk or connection table of a host is nearly full for three polls, and for 25 s at least.",
			[2]string{"top -b -n 1 | head -20   # on the node", "conntrack -C; sysctl net.netfilter.nf_conntrack_max   # on the node"},
			"too many instances, a runaway process, a scan that fills the connection table", "during a planned rebuild or backup: use a window"},
		{HostRestarted, "A host began anew. As info it was announced by its agent.",
			[2]string{"last -x reboot shutdown | head   # on the node", "journalctl -b -1 -n 50   # on the node"},
			"a reboot by a person, a crash, a watchdog, power", "where the clock of the node was set far back"},
		{InstanceNoAddress, "An instance asked for an address again and again without an answer, or has sent nothing in the two minutes since it was started.",
			[2]string{"tcpdump -ni TAP -c 20 port 67 or port 68   # on the node", "openstack network agent list --agent-type dhcp"},
			"the DHCP agent, a security group, a broken tunnel to the network's other nodes", "for images that ask although they have a fixed address, or that wait to be spoken to"},
		{InstanceStopped, "A virtual machine ended or stands still. As a warning it crashed or was killed; as info a person stopped it.",
			[2]string{"virsh domstate --reason DOMAIN   # on the node", "openstack server show UUID -c status -c fault"},
			"QEMU crashed or was killed for want of memory, an I/O error paused it, somebody stopped it", "when it is started again by hand at once; for one that hung, which libvirt killed for somebody and was slow to say so: the alert ends then"},
		{InstanceUnreachable, "An instance can not be reached, by evidence of at least two groups, of its port, or of ARP requests that it used to answer. Critical where several of a node began at once, or all who hang on one VLAN, network or router while others on their nodes are well: that is then on top.",
			[2]string{"virsh domiflist DOMAIN; ip -s link show TAP   # on the node", "arping -c 3 -I BRIDGE ADDRESS   # on the node"},
			"its port is down, it hangs, its packets are dropped, it lost its address; of a VLAN: it was taken off a trunk; of a router: it or its port is gone", "for an instance that went idle the moment something unanswered was sent to it, or whose only peer goes on sending UDP that it used to answer"},
		{InterfaceDown, "An interface, a member of a LAG, or with all of its members the LAG is down. Three and more of one node at once are one alert.",
			[2]string{"ip -s link show IFACE; ethtool IFACE; ovs-appctl bond/show   # on the node", "show interface status; show lacp   # on the switch"},
			"a cable, an optic, the other side, an administrator", "where a host behind it was switched off on purpose"},
		{InterfaceErrors, "An interface counts errors at every poll.",
			[2]string{"ethtool -S IFACE | grep -i err   # on the node", "show interface IFACE counters errors   # on the switch"},
			"a bad cable or optic, a duplex mismatch, a failing port", "where counters are of another meaning than errors"},
		{detect.LargeFlow, "One flow carries more than its threshold.",
			[2]string{"weir status --top --key src,dst", "iftop -i IFACE"}, "a backup, a migration, a download", "never by more than its interval says"},
		{detect.LinkSaturated, "One direction of a link is full, by its counters.",
			[2]string{"weir status --top", "ip -s link show IFACE"}, "a large flow, a flood, too small a link", "where the interface's speed is told wrong"},
		{LogSilent, "A watched log no longer grows, was truncated, or its level was lowered.",
			[2]string{"ls -la LOG; lsof LOG   # on the node", "journalctl -u SERVICE -n 20   # on the node"},
			"the writer hangs, the disk is full, somebody covers his tracks", "for a service that has nothing to say at night"},
		{Login, "Sessions were opened on a node, or attempts failed. For the record.",
			[2]string{"last | head   # on the node", "journalctl -t sshd -n 50   # on the node"}, "people and automation", "never; whether it was allowed is yours to say"},
		{NodeDown, "A node is silent and its traffic is seen no more, or its switch port is down; or a switch is, together with all nodes that hang on it.",
			[2]string{"ping NODE; ipmitool -H BMC chassis status", "show mac address-table address MAC   # on the switch"},
			"power, a crash, its NIC or cable", "for a switch, where only the way from it to this collector is lost; where only its switch daemon died and all that was ever seen of it were its instances"},
		{Orphan, "Domains, ports or taps on a node that belong to nobody.",
			[2]string{"virsh list --all; ovs-vsctl show   # on the node", "openstack server list --all-projects --host NODE"},
			"a deletion that stopped half way, an evacuated node that came back", "for instances that were made by hand"},
		{"page_storm", "One page stands for the eleventh and further ones of an hour. Of the collector itself.",
			[2]string{"weir incident list", "weir alert list"}, "what many things have in common: a power feed, a spine, a change", "never; but each alert behind it is in the list"},
		{"pagers_failing", "No pager has taken a page for five minutes: nobody is woken, all other sinks are told. Of the collector itself.",
			[2]string{"weir alert test", "weir status"}, "the pager's service, its key, the way out of the collector's host", "when a pager was taken out of service on purpose: take it out of the configuration, too"},
		{PortGone, "Ports are polled no more while their agent goes on. An event.",
			[2]string{"weir agents --json", "ovs-vsctl list-ports BRIDGE; ip link show PORT   # on the node"},
			"an instance was deleted, stopped or moved, a port was deleted or left out of sFlow", "where its counters were lost on the way three times in a row"},
		{detect.Rule, "What a rule of the configuration, or one that was added, is written for.",
			[2]string{"weir rule list", "weir status --top"}, "what the rule was written for", "where its threshold is below what is usual: weir report proposes a better one"},
		{RulesFlushed, "A packet filter that had rules is empty, and stayed so. Without weir-agent a warning: several instances refuse or answer what used to be dropped before it reached them, or send with others' addresses, or nothing is discarded any more while as much is tried. Critical where others' addresses leave that were kept back before. As information: one instance alone, or discards alone.",
			[2]string{"nft list ruleset | head; iptables-save | head   # on the node", "ausearch -m NETFILTER_CFG -ts recent   # on the node"},
			"a person, a script, a package that was removed, an intruder", "for a reload that takes longer than two seconds; the warning for a change of a security group that the instances share, and where an exporter of discards was stopped and an instance opened at once; without weir-agent it is not told where nobody tries what was closed, nor where the instances drop it themselves, and rules that are back do not end it: ten minutes do"},
		{detect.Scan, "One source tries many targets.", [2]string{"weir status --top --key src", "tcpdump -ni any host SOURCE -c 100"}, "a scanner, a worm, a monitoring system", "for monitoring systems of your own: put them into scan.never"},
		{ServiceChanged, "A watched service failed, or is stopped for more than a minute. As information it was started, or stopped just now.",
			[2]string{"systemctl status UNIT   # on the node", "journalctl -u UNIT -n 50   # on the node"}, "a crash, an upgrade, a person", "during planned work: use a window"},
		{TelemetrySilent, "Who speaks for a node no longer does. Critical where the host still talks: somebody stopped or blocked it. Of samples: an interface or bridge gives none any more while packets pass it.",
			[2]string{"systemctl status weir-agent; ovs-vsctl list sflow   # on the node", "tcpdump -ni any -c 20 udp port 6343   # on the node"},
			"the agent was killed or hangs, sFlow was switched off, a firewall between; of hsflowd also that an interface that it samples by pcap was switched off", "for a way that loses datagrams in long bursts"},
		{TelemetryTampered, "Telemetry was changed to show less: packets are sampled 8 times less often than before, or 32 times less than was usual for a day, in however many steps; counters are polled 2.5 times less often than ever; or less of each header is sent. Or somebody else speaks in a node's name.",
			[2]string{"ovs-vsctl list sflow; weir-agent check   # on the node", "weir agents --json"},
			"a configuration change, an intruder, two nodes with one address", "when sampling was lowered on purpose: it is the new normal once weir is started anew"},
	}
}

// Explain returns what is known of a kind.
func Explain(kind string) (Explanation, bool) {
	for _, e := range Explanations() {
		if string(e.Kind) == kind {
			return e, true
		}
	}
	return Explanation{}, false
}
