// Package site knows what the site is made of and tells what is wrong with it:
// agents, hosts, bridges, ports and instances, learned from telemetry alone.
//
// Shards tell facts (package fact); a Site belongs to one goroutine, joins the
// facts of all agents, judges, and puts every finding under its cause (package
// incident), so that one cause is one alert. It reads no clock: time is an
// argument, and a replay gives the same alerts every time.
//
// What it knows of nodes, the alerts that are open and the timelines of incidents
// can be taken from it (Save, Kept, KeptIncidents) and given to the next one.
//
// There are two kinds of witnesses. Passive ones are agents that know nothing of
// us: switches, Open vSwitch, hsflowd. The other is the host agent, whose
// statements (package decoder/witness) say what happened and why. Each condition
// is judged by either and by both; what neither can observe is said to be so,
// and is never called fine or down.
package site
