package dashboards

// node is one compute node.
func node() Dashboard {
	return Dashboard{
		UID: uid("node"), Title: "weir / Compute node", From: "now-1h",
		Description: "A compute node: the host, its bridges and ports, its virtual machines.",
		Variables:   []Variable{{Name: "node", Label: "Node", Query: values("agent_name", "host_cpu")}},
		Rows:        []Row{nodeHost(), nodeBridges(), nodeInstances()},
	}
}

func onNode() []string { return []string{is("agent_name", "node")} }

func nodeHost() Row {
	by := []string{"agent_name"}
	graph := func(title, unit, description, from string, columns ...Column) Panel {
		return Panel{Title: title, Kind: Graph, Unit: unit, Width: 8, Description: description, Queries: []Query{each(from, by, "$col", onNode(), columns...)}}
	}
	cpu := func(state string) Column { return Column{Func: Rate, Field: "cpu_" + state, Times: 0.1, As: state} }
	busy := graph("CPU", "percent", "CPU time by what it was spent on; 100 percent is one core.", "host_cpu",
		cpu("user"), cpu("system"), cpu("wio"), cpu("nice"), cpu("intr"), cpu("sintr"), cpu("steal"), cpu("guest"))
	busy.Stack = true
	return Row{Title: "Host", Panels: []Panel{
		busy,
		graph("Load", "short", "Processes that run or want to, means of one, five and fifteen minutes.", "host_cpu",
			Column{Func: Mean, Field: "load_one", As: "1 min"}, Column{Func: Mean, Field: "load_five", As: "5 min"}, Column{Func: Mean, Field: "load_fifteen", As: "15 min"}),
		graph("Memory", "bytes", "Memory in use without what the kernel would give back, and all there is.", "host_memory",
			Column{Func: Mean, Field: "total", Minus: []string{"free", "buffers", "cached"}, As: "used"}, Column{Func: Mean, Field: "total", As: "total"}),
		graph("Disk", "Bps", "Octets a second read from and written to the host's disks.", "host_disk_io",
			Column{Func: Rate, Field: "bytes_read", As: "read"}, Column{Func: Rate, Field: "bytes_written", As: "written"}),
		graph("Disk full", "percent", "How full the fullest partition is.", "host_disk_io", Column{Func: Mean, Field: "part_max_used", As: "fullest partition"}),
		graph("Network adapters", "bps", "Bits a second over all network adapters of the host.", "host_net_io",
			Column{Func: Rate, Field: "bytes_in", Times: 8, As: "in"}, Column{Func: Rate, Field: "bytes_out", Times: 8, As: "out"}),
		{
			Title: "Uptime", Kind: Number, Unit: "s", Width: 6, Height: 4, Since: "2m", Description: "Time since the host was started.",
			Queries: []Query{{From: "host_cpu", Columns: []Column{{Func: Last, Field: "uptime"}}, Where: onNode()}},
		},
		{
			Title: "Virtual machines", Kind: Number, Unit: "short", Width: 6, Height: 4, Since: "2m", Description: "Virtual machines that run, as the hypervisor counts them.",
			Queries: []Query{{From: "virt_node", Columns: []Column{{Func: Last, Field: "num_domains"}}, Where: onNode()}},
		},
		{
			Title: "Memory not given to virtual machines", Kind: Number, Unit: "bytes", Width: 6, Height: 4, Since: "2m", Description: "Memory that the hypervisor has not assigned.",
			Queries: []Query{{From: "virt_node", Columns: []Column{{Func: Last, Field: "memory_free"}}, Where: onNode()}},
		},
		{
			Title: "Processes", Kind: Number, Unit: "short", Width: 6, Height: 4, Since: "2m", Description: "Processes of the host, running or not.",
			Queries: []Query{{From: "host_cpu", Columns: []Column{{Func: Last, Field: "proc_total"}}, Where: onNode()}},
		},
	}}
}

func nodeBridges() Row {
	graph := func(title, unit, description, from string, columns ...Column) Panel {
		return Panel{Title: title, Kind: Graph, Unit: unit, Width: 8, Description: description, Queries: []Query{each(from, []string{"agent_name", "source"}, "$tag_source $col", onNode(), columns...)}}
	}
	port := func(title, description, field string) Panel {
		return Panel{
			Title: title, Kind: Graph, Unit: "bps", Width: 12, Description: description,
			Queries: []Query{each("if_counters", []string{"agent_name", "if_name"}, "$tag_if_name", onNode(), Column{Func: Rate, Field: field, Times: 8, As: "rate"})},
		}
	}
	return Row{Title: "Bridges and ports", Panels: []Panel{
		port("Ports, received", "Bits a second that each port of the node received: what a virtual machine sends, its port receives.", "in_octets"),
		port("Ports, sent", "Bits a second that each port of the node sent.", "out_octets"),
		graph("Datapath", "pps", "Packets a second that found their flow in Open vSwitch's datapath, that had to ask, and that were lost on the way.", "ovs_dp_stats",
			Column{Func: Rate, Field: "hits"}, Column{Func: Rate, Field: "misses"}, Column{Func: Rate, Field: "lost"}),
		graph("Datapath flows", "short", "Flows and masks in Open vSwitch's datapath.", "ovs_dp_stats", Column{Func: Mean, Field: "flows"}, Column{Func: Mean, Field: "masks"}),
		graph("ovs-vswitchd", "percent", "CPU time of ovs-vswitchd; 100 percent is one core.", "app_resources",
			Column{Func: Rate, Field: "user_time", Times: 0.1, As: "user"}, Column{Func: Rate, Field: "system_time", Times: 0.1, As: "system"}),
	}}
}

func nodeInstances() Row {
	return Row{Title: "Virtual machines", Panels: []Panel{
		{
			Title: "CPU of virtual machines", Kind: Graph, Unit: "percent", Width: 12, Description: "CPU time of each virtual machine; 100 percent is one core.",
			Queries: []Query{each("virt_cpu", []string{"instance_name"}, "$tag_instance_name", onNode(), Column{Func: Rate, Field: "cpu_time", Times: 0.1})},
		},
		{
			Title: "Memory of virtual machines", Kind: Table, Unit: "bytes", Width: 12, Since: "2m", Sort: "memory",
			Description: "Memory in use and allowed. A click leads to the virtual machine.",
			Queries:     []Query{latest("virt_memory", []string{"instance_name", "instance"}, onNode(), "memory", "max_memory")},
			Units:       map[string]string{"instance_name": "string", "instance": "string"},
			Links:       map[string][]Link{"instance_name": {to("Instance", "instance", "instance", "instance_name")}},
		},
	}}
}

// instance is one virtual machine.
func instance() Dashboard {
	where := []string{is("instance_name", "instance")}
	by := []string{"instance_name"}
	graph := func(title, unit, description, from string, columns ...Column) Panel {
		return Panel{Title: title, Kind: Graph, Unit: unit, Width: 12, Description: description, Queries: []Query{each(from, by, "$tag_instance_name $col", where, columns...)}}
	}
	return Dashboard{
		UID: uid("instance"), Title: "weir / Instance", From: "now-1h",
		Description: "One virtual machine, as its hypervisor sees it.",
		Variables:   []Variable{{Name: "instance", Label: "Instance", Query: values("instance_name", "virt_cpu")}},
		Rows: []Row{{Title: "Virtual machine", Panels: []Panel{
			{
				Title: "State", Kind: Timeline, Unit: "none", Width: 12, Height: 5, Description: "What the virtual machine did, as the hypervisor says.",
				Queries: []Query{each("virt_cpu", by, "$tag_instance_name", where, Column{Func: Max, Field: "state"})},
				Values:  map[string]string{"0": "none", "1": "running", "2": "blocked", "3": "paused", "4": "shutting down", "5": "shut off", "6": "crashed", "7": "suspended"},
			},
			{
				Title: "Where it runs", Kind: Table, Unit: "string", Width: 12, Height: 5, Since: "5m",
				Description: "The node it runs on, its UUID and its virtual CPUs. A click leads to the node.",
				Queries:     []Query{latest("virt_cpu", []string{"agent_name", "instance_name", "instance"}, where, "nr_virt_cpu")},
				Units:       map[string]string{"nr_virt_cpu": "short"},
				Links:       map[string][]Link{"agent_name": {to("Compute node", "node", "node", "agent_name")}},
			},
			graph("CPU", "percent", "CPU time; 100 percent is one core.", "virt_cpu", Column{Func: Rate, Field: "cpu_time", Times: 0.1, As: "cpu"}),
			graph("Memory", "bytes", "Memory in use, and what the virtual machine may have.", "virt_memory", Column{Func: Mean, Field: "memory", As: "used"}, Column{Func: Mean, Field: "max_memory", As: "allowed"}),
			graph("Network", "bps", "Bits a second that the virtual machine received and sent.", "virt_net_io", Column{Func: Rate, Field: "rx_bytes", Times: 8, As: "received"}, Column{Func: Rate, Field: "tx_bytes", Times: 8, As: "sent"}),
			graph("Packets", "pps", "Packets a second that the virtual machine received and sent, and those lost on the way to it.", "virt_net_io",
				Column{Func: Rate, Field: "rx_packets", As: "received"}, Column{Func: Rate, Field: "tx_packets", As: "sent"}, Column{Func: Rate, Field: "rx_drop", As: "dropped"}),
			graph("Disk", "Bps", "Octets a second read and written.", "virt_disk_io", Column{Func: Rate, Field: "rd_bytes", As: "read"}, Column{Func: Rate, Field: "wr_bytes", As: "written"}),
			graph("Disk requests", "iops", "Requests a second.", "virt_disk_io", Column{Func: Rate, Field: "rd_req", As: "read"}, Column{Func: Rate, Field: "wr_req", As: "written"}),
		}}},
	}
}
