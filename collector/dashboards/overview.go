package dashboards

// Colours of severities and of how bad a number is.
const (
	green  = "green"
	yellow = "yellow"
	orange = "orange"
	red    = "red"
)

// flowKey is how the definition of a 5-tuple is written.
const flowKey = "src,dst,proto,src_port,dst_port: bytes"

// overview is what the NOC looks at.
func overview() Dashboard {
	return Dashboard{
		UID: uid("noc"), Title: "weir / NOC overview", From: "now-1h",
		Description: "What is wrong now, what was in the last hour, who talks most, and who does not talk any more.",
		Rows:        []Row{overviewAlerts(), overviewTraffic(), overviewAgents()},
	}
}

func overviewAlerts() Row {
	open := Query{From: "alerts_open", By: []string{"kind", "severity", "state"}, Columns: []Column{{Func: Last, Field: "count"}}}
	return Row{Title: "Alerts", Panels: []Panel{
		{
			Title: "Open alerts", Kind: Number, Unit: "short", Width: 6, Since: "1m", Steps: []Step{{0, green}, {1, orange}},
			Description: "Alerts that are open now, by severity. None is shown as 0 once there was one.",
			Queries:     []Query{{Of: &open, By: []string{"severity"}, Columns: []Column{{Func: Sum, Field: "count", As: "open"}}, Alias: "$tag_severity"}},
		},
		{
			Title: "Alerts open now", Kind: Table, Unit: "string", Width: 18, Since: "30s", Sort: "age_seconds",
			Description: "Every open alert, the oldest 200 of them. A click on the subject leads to the traffic, the instance or the node of that name.",
			Queries:     []Query{latest("alert_state", []string{"kind", "severity", "slot"}, nil, "state", "subject", "text", "since", "age_seconds", "id")},
			Units:       map[string]string{"age_seconds": "s"},
			Links:       map[string][]Link{"subject": {to("Traffic", "traffic"), to("Instance", "instance", "instance", "subject"), to("Compute node", "node", "node", "subject")}},
		},
		{
			Title: "Alerts begun", Kind: Graph, Unit: "short", Width: 12, Points: true, Stack: true,
			Description: "How many alerts began, by kind.",
			Queries: []Query{{
				From: "alert_events", By: []string{"kind"}, Where: []string{equals("change", "start")}, Every: true, Fill: "0",
				Columns: []Column{{Func: Sum, Field: "count"}}, Alias: "$tag_kind",
			}},
		},
		{
			Title: "Alerts open over time", Kind: Graph, Unit: "short", Width: 12, Stack: true,
			Description: "How many alerts were open at once, by kind and how sure they are.",
			Queries:     []Query{each("alerts_open", []string{"kind", "state"}, "$tag_kind $tag_state", nil, Column{Func: Max, Field: "count"})},
		},
		{
			Title: "Alert log", Kind: Table, Unit: "string", Width: 24,
			Description: "Every change of an alert, the last first: its beginning, what more became known, its end and why.",
			Queries:     []Query{{From: "alert_events", Raw: []string{"change", "kind", "severity", "state", "text", "id"}}},
		},
	}}
}

func overviewTraffic() Row {
	return Row{Title: "Traffic", Panels: []Panel{
		{
			Title: "Top talkers", Kind: Table, Unit: "string", Width: 14, Since: "1m", Sort: "bits_per_second",
			Description: "The flows that carry most now, with the bounds of the estimate (95 %) and their share of everything sampled. Every switch that samples a flow counts it: one that passes three is shown with three times its rate.",
			Queries: []Query{latest("top", []string{"slot"}, []string{equals("definition", flowKey)},
				"key", "bits_per_second", "bits_per_second_low", "bits_per_second_high", "share")},
			Units: map[string]string{"bits_per_second": "bps", "bits_per_second_low": "bps", "bits_per_second_high": "bps", "share": "percent"},
			Links: map[string][]Link{"key": {to("Traffic", "traffic")}},
		},
		{
			Title: "Fullest links", Kind: Table, Unit: "percent", Width: 10, Since: "2m", Sort: "out_utilization",
			Description: "How full interfaces are by their own counters, in percent of their speed. A click leads to the interface.",
			Queries:     []Query{latest("if_counters", []string{"agent_name", "if_name"}, nil, "in_utilization", "out_utilization")},
			Units:       map[string]string{"agent_name": "string", "if_name": "string"},
			Links:       map[string][]Link{"agent_name": {to("Traffic", "traffic", "agent", "agent_name")}, "if_name": {to("Traffic", "traffic", "agent", "agent_name", "interface", "if_name")}},
			Steps:       []Step{{0, green}, {70, yellow}, {90, red}},
		},
	}}
}

func overviewAgents() Row {
	return Row{Title: "Telemetry", Panels: []Panel{
		{
			Title: "Agents silent", Kind: Table, Unit: "s", Width: 12, Since: "2m", Sort: "silent_seconds",
			Description: "How long ago each agent was last heard. A click leads to its sampling.",
			Queries:     []Query{latest("agent", []string{"agent", "agent_name"}, nil, "silent_seconds")},
			Units:       map[string]string{"agent": "string", "agent_name": "string"},
			Links:       map[string][]Link{"agent_name": {to("Agents and sampling", "agents", "agent", "agent_name")}},
			Steps:       []Step{{0, green}, {60, yellow}, {300, red}},
		},
		{
			Title: "Datagrams received", Kind: Graph, Unit: "pps", Width: 12,
			Description: "sFlow datagrams a second, of all agents together. It falls to nothing when weir is deaf.",
			Queries:     []Query{each("weir", []string{"collector"}, "$tag_collector", nil, Column{Func: Mean, Field: "datagrams_per_second"})},
		},
	}}
}
