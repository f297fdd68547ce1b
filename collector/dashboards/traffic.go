package dashboards

// traffic is who sends how much, and where.
func traffic() Dashboard {
	return Dashboard{
		UID: uid("traffic"), Title: "weir / Traffic", From: "now-1h",
		Description: "Top flows, interfaces, protocols and tunnelled networks.",
		Variables: []Variable{
			{Name: "agent", Label: "Agent", Query: values("agent_name", "if_counters"), Multi: true},
			{Name: "interface", Label: "Interface", Query: values("if_name", "if_counters", is("agent_name", "agent")), Multi: true},
			{Name: "definition", Label: "Key", Query: values("definition", "top_total"), Only: "/: bytes$/", First: flowKey},
		},
		Rows: []Row{trafficFlows(), trafficInterfaces(), trafficKinds()},
	}
}

func trafficFlows() Row {
	definition := []string{is("definition", "definition")}
	return Row{Title: "Top flows of the key chosen", Panels: []Panel{
		{
			Title: "Top keys over time", Kind: Graph, Unit: "bps", Width: 14, Height: 10, ByKey: true,
			Description: "Bit rates of the heaviest keys of the definition chosen above, one line each. Every switch that samples a packet counts it, unless the key has an agent.",
			Queries:     []Query{{From: "top", Raw: []string{"bits_per_second", "key"}, Where: definition, Upward: true}},
		},
		{
			Title: "Top keys now", Kind: Table, Unit: "string", Width: 10, Height: 10, Since: "1m", Sort: "bits_per_second",
			Description: "The heaviest keys now, with the bounds of the estimate (95 %) and the samples it rests on, of all switches together.",
			Queries: []Query{latest("top", []string{"slot"}, definition,
				"key", "bits_per_second", "bits_per_second_low", "bits_per_second_high", "share", "samples")},
			Units: map[string]string{"bits_per_second": "bps", "bits_per_second_low": "bps", "bits_per_second_high": "bps", "share": "percent", "samples": "short"},
		},
		{
			Title: "All keys together", Kind: Graph, Unit: "bps", Width: 24, Height: 6,
			Description: "The bit rate of everything that is counted under the definition, whether it is among the heaviest or not, at all switches together.",
			Queries:     []Query{each("top_total", []string{"definition"}, "$tag_definition", definition, Column{Func: Mean, Field: "bits_per_second"})},
		},
	}}
}

func trafficInterfaces() Row {
	by, alias := []string{"agent_name", "if_name"}, "$tag_agent_name $tag_if_name"
	where := []string{is("agent_name", "agent"), is("if_name", "interface")}
	graph := func(title, unit, description string, columns ...Column) Panel {
		return Panel{Title: title, Kind: Graph, Unit: unit, Width: 12, Description: description, Queries: []Query{each("if_counters", by, alias+" $col", where, columns...)}}
	}
	return Row{Title: "Interfaces, by their own counters", Panels: []Panel{
		graph("Received", "bps", "Bits a second that interfaces received, from their octet counters.", Column{Func: Rate, Field: "in_octets", Times: 8, As: "in"}),
		graph("Sent", "bps", "Bits a second that interfaces sent, from their octet counters.", Column{Func: Rate, Field: "out_octets", Times: 8, As: "out"}),
		graph("Packets", "pps", "Unicast packets a second in both directions.", Column{Func: Rate, Field: "in_ucast_pkts", As: "in"}, Column{Func: Rate, Field: "out_ucast_pkts", As: "out"}),
		graph("Utilisation", "percent", "Percent of the interface's speed in both directions.", Column{Func: Mean, Field: "in_utilization", As: "in"}, Column{Func: Mean, Field: "out_utilization", As: "out"}),
		graph("Errors and discards", "pps", "Packets a second that interfaces could not take or send, by their counters.",
			Column{Func: Rate, Field: "in_errors", As: "in errors"}, Column{Func: Rate, Field: "out_errors", As: "out errors"},
			Column{Func: Rate, Field: "in_discards", As: "in discards"}, Column{Func: Rate, Field: "out_discards", As: "out discards"}),
		{
			Title: "Interfaces now", Kind: Table, Unit: "bps", Width: 12, Since: "2m", Sort: "in_bits_per_second",
			Description: "Rates, speed and state of each interface as last told; 1 is up, 0 down.",
			Queries: []Query{latest("if_counters", []string{"agent_name", "if_name"}, where,
				"in_bits_per_second", "out_bits_per_second", "speed", "admin_up", "oper_up")},
			Units: map[string]string{"agent_name": "string", "if_name": "string", "admin_up": "short", "oper_up": "short"},
			Links: map[string][]Link{"agent_name": {to("Agents and sampling", "agents", "agent", "agent_name")}},
		},
	}}
}

func trafficKinds() Row {
	where := []string{is("agent_name", "agent")}
	graph := func(title, unit, description, from, tag, field string) Panel {
		return Panel{
			Title: title, Kind: Graph, Unit: unit, Width: 8, Stack: true, Description: description,
			Queries: []Query{each(from, []string{"agent_name", tag}, "$tag_agent_name $tag_"+tag, where, Column{Func: Mean, Field: field})},
		}
	}
	return Row{Title: "Kinds of traffic, by packet samples", Panels: []Panel{
		graph("Protocols", "bps", "Estimated bit rate by protocol, as each agent samples it. Choose one agent: a packet that passes two is in both.", "protocols", "protocol", "bits_per_second"),
		graph("Tunnelled networks", "bps", "Estimated bit rate by VNI, as each agent samples it; other is what found no place.", "vni", "vni", "bits_per_second"),
		graph("Discarded packets", "pps", "Packets that switches told to have thrown away, by reason (discarded_packet). An agent tells of some only.", "discarded_packets", "reason", "packets_per_second"),
	}}
}
