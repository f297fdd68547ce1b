package dashboards

// sampling is who samples, how, and how much of it arrives.
func sampling() Dashboard {
	where := []string{is("agent_name", "agent")}
	by := []string{"agent_name"}
	graph := func(title, unit, description, from string, by []string, alias string, columns ...Column) Panel {
		return Panel{Title: title, Kind: Graph, Unit: unit, Width: 12, Description: description, Queries: []Query{each(from, by, alias, where, columns...)}}
	}
	compared := graph("Samples against counters", "bps", "The bit rate that the samples of a port add up to, beside that of its own counters. They agree where sampling is sound.",
		"flow_samples", []string{"agent_name", "if_name"}, "$tag_agent_name $tag_if_name by samples", Column{Func: Mean, Field: "bits_per_second"})
	compared.Queries[0].Where = append(compared.Queries[0].Where, equals("direction", "ingress"))
	compared.Queries = append(compared.Queries, each("if_counters", []string{"agent_name", "if_name"}, "$tag_agent_name $tag_if_name by counters", where, Column{Func: Mean, Field: "in_bits_per_second"}))
	return Dashboard{
		UID: uid("agents"), Title: "weir / Agents and sampling", From: "now-1h",
		Description: "Loss, effective against configured sampling rate, samples against counters, and what weir does not decode.",
		Variables:   []Variable{{Name: "agent", Label: "Agent", Query: values("agent_name", "agent"), Multi: true}},
		Rows: []Row{
			{Title: "Agents", Panels: []Panel{
				{
					Title: "Agents", Kind: Table, Unit: "short", Width: 24, Since: "2m", Sort: "silent_seconds",
					Description: "Each agent: when it was last heard, how much of it was lost, restarts, and what it tells of. Contested is an address that several claim.",
					Queries: []Query{latest("agent", []string{"agent", "agent_name"}, where,
						"silent_seconds", "loss_percent", "datagrams", "lost_datagrams", "restarts", "interfaces", "sources", "contested")},
					Units: map[string]string{"agent": "string", "agent_name": "string", "silent_seconds": "s", "loss_percent": "percent"},
					Links: map[string][]Link{"agent_name": {to("Traffic", "traffic", "agent", "agent_name")}},
				},
				graph("Datagrams of agents", "pps", "Datagrams a second of each agent.", "agent", by, "$tag_agent_name", Column{Func: Rate, Field: "datagrams"}),
				graph("Datagrams lost", "pps", "Datagrams a second that were sent and did not arrive, by their sequence numbers.", "agent", by, "$tag_agent_name", Column{Func: Rate, Field: "lost_datagrams"}),
			}},
			{Title: "Sampling", Panels: []Panel{
				{
					Title: "Sampling rates", Kind: Table, Unit: "short", Width: 24, Since: "2m", Sort: "sampling_rate",
					Description: "One packet in how many: as configured in the agent, as its sample_pool shows, and as weir uses it. drops are samples that the agent itself lost.",
					Queries: []Query{latest("data_source", []string{"agent_name", "source", "if_name", "direction"}, where,
						"sampling_rate", "effective_rate", "used_rate", "drops", "flow_samples", "flow_samples_lost")},
					Units: map[string]string{"agent_name": "string", "source": "string", "if_name": "string", "direction": "string"},
				},
				graph("Flow samples", "cps", "Flow samples a second of each data source.", "data_source", []string{"agent_name", "source"}, "$tag_agent_name $tag_source", Column{Func: Rate, Field: "flow_samples"}),
				graph("Flow samples lost", "cps", "Flow samples a second that were sent and did not arrive, and those that the agent dropped.", "data_source", []string{"agent_name", "source"}, "$tag_agent_name $tag_source $col",
					Column{Func: Rate, Field: "flow_samples_lost", As: "lost"}, Column{Func: Rate, Field: "drops", As: "dropped by the agent"}),
				compared,
				graph("Counter samples", "cps", "Counter samples a second of each data source.", "data_source", []string{"agent_name", "source"}, "$tag_agent_name $tag_source", Column{Func: Rate, Field: "counter_samples"}),
			}},
			{Title: "Decode debt", Panels: []Panel{
				{
					Title: "Records not decoded", Kind: Graph, Unit: "cps", Width: 12, Description: "Records a second that agents send and weir does not read.",
					Queries: []Query{each("weir", []string{"collector"}, "$tag_collector", nil, Column{Func: Rate, Field: "skipped_records"})},
				},
				{
					Title: "Formats not decoded", Kind: Table, Unit: "short", Width: 12, Since: "2m", Sort: "count", Description: "Which record formats these are, by enterprise and number.",
					Queries: []Query{latest("weir_skipped", []string{"record", "name"}, nil, "count")},
					Units:   map[string]string{"record": "string", "name": "string"},
				},
			}},
		},
	}
}

// self is weir itself.
func self() Dashboard {
	by, alias := []string{"collector"}, "$tag_collector $col"
	graph := func(title, unit, description string, columns ...Column) Panel {
		return Panel{Title: title, Kind: Graph, Unit: unit, Width: 8, Description: description, Queries: []Query{each("weir", by, alias, nil, columns...)}}
	}
	sink := func(title, unit, description string, columns ...Column) Panel {
		return Panel{Title: title, Kind: Graph, Unit: unit, Width: 8, Description: description, Queries: []Query{each("weir_sink", []string{"collector", "sink"}, "$tag_collector $tag_sink $col", nil, columns...)}}
	}
	return Dashboard{
		UID: uid("self"), Title: "weir / weir itself", From: "now-1h",
		Description: "Intake, work, ways out and bounds of the collector. What is lost is lost here or shown here.",
		Rows: []Row{
			{Title: "Intake", Panels: []Panel{
				graph("Datagrams", "pps", "Datagrams a second that arrived.", Column{Func: Rate, Field: "datagrams"}),
				graph("Samples", "cps", "Samples a second, by kind.", Column{Func: Rate, Field: "flow_samples", As: "flow"}, Column{Func: Rate, Field: "counter_samples", As: "counter"}, Column{Func: Rate, Field: "discard_samples", As: "discard"}),
				graph("Lost and refused", "pps", "Datagrams a second that the kernel dropped at our sockets, that were cut, damaged or of agents not admitted, and those lost on the way.",
					Column{Func: Rate, Field: "socket_dropped", As: "dropped by the kernel"}, Column{Func: Rate, Field: "truncated", As: "cut"}, Column{Func: Rate, Field: "errors", As: "damaged"},
					Column{Func: Rate, Field: "refused", As: "refused"}, Column{Func: Rate, Field: "lost_datagrams", As: "lost on the way"}),
			}},
			{Title: "Work", Panels: []Panel{
				graph("CPU", "percent", "CPU time of the program, and of that what shards spent on datagrams; 100 percent is one core.", Column{Func: Rate, Field: "cpu_seconds", Times: 100, As: "program"}, Column{Func: Rate, Field: "decode_seconds", Times: 100, As: "shards"}),
				graph("Memory", "bytes", "Memory of the program.", Column{Func: Mean, Field: "memory_bytes", As: "memory"}),
				graph("Goroutines", "short", "Goroutines of the program. They do not grow with traffic.", Column{Func: Mean, Field: "goroutines"}),
				{
					Title: "Uptime", Kind: Number, Unit: "s", Width: 6, Height: 4, Since: "2m", Description: "Time since weir was started.",
					Queries: []Query{latest("weir", by, nil, "uptime_seconds")},
				},
				{
					Title: "Ready", Kind: Number, Unit: "short", Width: 6, Height: 4, Since: "2m", Description: "1 while all parts work.", Steps: []Step{{0, red}, {1, green}},
					Queries: []Query{latest("weir", by, nil, "ready")},
				},
				{
					Title: "Agents", Kind: Number, Unit: "short", Width: 6, Height: 4, Since: "2m", Description: "Agents that are known.",
					Queries: []Query{latest("weir", by, nil, "agents")},
				},
				{
					Title: "Interfaces", Kind: Number, Unit: "short", Width: 6, Height: 4, Since: "2m", Description: "Interfaces that are known.",
					Queries: []Query{latest("weir", by, nil, "interfaces")},
				},
			}},
			{Title: "Ways out", Panels: []Panel{
				sink("Sent", "cps", "Alert changes, datagrams or points a second that each way out took.", Column{Func: Rate, Field: "sent"}),
				sink("Failed and dropped", "cps", "What could not be sent and is tried again, and what was given up, a second.", Column{Func: Rate, Field: "failed"}, Column{Func: Rate, Field: "dropped"}),
				sink("Waiting", "short", "What waits in each queue.", Column{Func: Mean, Field: "queued"}),
				{
					Title: "Spool of the time series", Kind: Graph, Unit: "bytes", Width: 12, Description: "Octets on disk and in memory that wait for InfluxDB.",
					Queries: []Query{each("weir_sink", []string{"collector"}, alias, []string{equals("sink", "influx")}, Column{Func: Mean, Field: "spool_bytes", As: "on disk"}, Column{Func: Mean, Field: "memory_bytes", As: "in memory"})},
				},
				{
					Title: "Series", Kind: Graph, Unit: "short", Width: 12, Description: "Series that weir has written. They are bounded by influx.series.",
					Queries: []Query{each("weir_sink", []string{"collector"}, alias, []string{equals("sink", "influx")}, Column{Func: Mean, Field: "series"})},
				},
			}},
			{Title: "Bounds", Panels: []Panel{
				{
					Title: "Bounds in use", Kind: Bars, Unit: "percent", Width: 12, Height: 10, Since: "2m", Description: "How much of each bound of memory is in use. At its bound something is refused and counted.", Steps: []Step{{0, green}, {80, yellow}, {95, red}},
					Queries: []Query{{From: "weir_bound", Columns: []Column{{Func: Last, Field: "used", Over: "limit", Times: 100}}, By: []string{"collector", "bound"}, Alias: "$tag_collector $tag_bound"}},
				},
				{
					Title: "Refused at a bound", Kind: Graph, Unit: "cps", Width: 12, Height: 10, Description: "What was refused or lost its place at a bound, a second.",
					Queries: []Query{each("weir_bound", []string{"collector", "bound"}, "$tag_collector $tag_bound", nil, Column{Func: Rate, Field: "refused"})},
				},
			}},
		},
	}
}
