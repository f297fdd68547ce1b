package series

import (
	"weir/collector/agents"
	"weir/decoder/sflow"
)

// agentTags are the tags of every class of an agent: its address, with the
// source where several agents claim it, and its name, or again the address.
var agentTags = []string{"agent", "agent_name"}

// portTags are those of a port: ifIndex, and its name, or "ifIndex 49".
var portTags = []string{"agent", "agent_name", "if_index", "if_name"}

func counter(name string, u Unit) Field { return Field{Name: name, Unit: u, Counter: true} }
func gauge(name string, u Unit) Field   { return Field{Name: name, Unit: u} }

func counters(u Unit, names ...string) []Field {
	var all []Field
	for _, n := range names {
		all = append(all, counter(n, u))
	}
	return all
}

func gauges(u Unit, names ...string) []Field {
	var all []Field
	for _, n := range names {
		all = append(all, gauge(n, u))
	}
	return all
}

func fields(lists ...[]Field) []Field {
	var all []Field
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

var ifCounters = &Class{
	Name: "if_counters", Tags: portTags, Help: "counters of an interface (if_counters, 0:1), and rates that know wraps and resets",
	Fields: fields(
		counters(Bytes, "in_octets"),
		counters(Packets, "in_ucast_pkts", "in_multicast_pkts", "in_broadcast_pkts", "in_discards", "in_errors", "in_unknown_protos"),
		counters(Bytes, "out_octets"),
		counters(Packets, "out_ucast_pkts", "out_multicast_pkts", "out_broadcast_pkts", "out_discards", "out_errors"),
		[]Field{{Name: "speed", Unit: BitsPerSecond, Help: "as believed"}},
		gauges(Flag, "admin_up", "oper_up"),
		gauges(BitsPerSecond, "in_bits_per_second", "out_bits_per_second"),
		gauges(PacketsPerSecond, "in_packets_per_second", "out_packets_per_second", "in_errors_per_second",
			"out_errors_per_second", "in_discards_per_second", "out_discards_per_second"),
		gauges(Percent, "in_utilization", "out_utilization"),
	),
}

var ethernetCounters = &Class{
	Name: "ethernet_counters", Tags: portTags, Help: "dot3Stats of an interface (ethernet_counters, 0:2), those the agent counts",
	Fields: counters(Count, "alignment_errors", "fcs_errors", "single_collision_frames", "multiple_collision_frames",
		"sqe_test_errors", "deferred_transmissions", "late_collisions", "excessive_collisions", "internal_mac_transmit_errors",
		"carrier_sense_errors", "frame_too_longs", "internal_mac_receive_errors", "symbol_errors"),
}

var vlanCounters = &Class{
	Name: "vlan_counters", Tags: []string{"agent", "agent_name", "vlan"}, Help: "counters of a VLAN (vlan_counters, 0:5)",
	Fields: fields(counters(Bytes, "octets"), counters(Packets, "ucast_pkts", "multicast_pkts", "broadcast_pkts", "discards")),
}

var sfp = &Class{
	Name: "sfp", Tags: portTags, Help: "optical module of a port (sfp, 0:10)",
	Fields: fields(gauges(Celsius, "module_temperature"), gauges(Millivolts, "module_supply_voltage"),
		[]Field{{Name: "tx_power", Unit: Microwatts, Help: "of the weakest lane"}, {Name: "rx_power", Unit: Microwatts, Help: "of the weakest lane"}}),
}

func c32(c sflow.Counter32) Value {
	if !c.Known() {
		return Value{}
	}
	return Whole(uint64(c))
}

func c64(c sflow.Counter64) Value {
	if !c.Known() {
		return Value{}
	}
	return Whole(uint64(c))
}

func appendC32(v []Value, all ...sflow.Counter32) []Value {
	for _, c := range all {
		v = append(v, c32(c))
	}
	return v
}

// interfaceValues are the values of ifCounters; i has the rates.
func interfaceValues(v []Value, c *sflow.IfCounters, i *agents.InterfaceInfo) []Value {
	v = append(v, c64(c.InOctets))
	v = appendC32(v, c.InUcastPkts, c.InMulticastPkts, c.InBroadcastPkts, c.InDiscards, c.InErrors, c.InUnknownProtos)
	v = append(v, c64(c.OutOctets))
	v = appendC32(v, c.OutUcastPkts, c.OutMulticastPkts, c.OutBroadcastPkts, c.OutDiscards, c.OutErrors)
	speed := Value{}
	if i.Speed != 0 {
		speed = Whole(i.Speed)
	}
	share := func(r agents.Rate) Value {
		if i.Speed == 0 || !r.Known() {
			return Value{}
		}
		return Number(100 * float64(r) / float64(i.Speed))
	}
	rate := func(r agents.Rate) Value { return Rate(float64(r)) }
	return append(v, speed, Yes(c.Status&1 != 0), Yes(c.Status&2 != 0),
		rate(i.In.BitsPerSecond), rate(i.Out.BitsPerSecond), rate(i.In.Packets), rate(i.Out.Packets),
		rate(i.In.Errors), rate(i.Out.Errors), rate(i.In.Discards), rate(i.Out.Discards),
		share(i.In.BitsPerSecond), share(i.Out.BitsPerSecond))
}

func ethernetValues(v []Value, c *sflow.EthernetCounters) []Value {
	return appendC32(v, c.AlignmentErrors, c.FCSErrors, c.SingleCollisionFrames, c.MultipleCollisionFrames,
		c.SQETestErrors, c.DeferredTransmissions, c.LateCollisions, c.ExcessiveCollisions, c.InternalMACTransmitErrors,
		c.CarrierSenseErrors, c.FrameTooLongs, c.InternalMACReceiveErrors, c.SymbolErrors)
}

func vlanValues(v []Value, c *sflow.VLANCounters) []Value {
	return appendC32(append(v, c64(c.Octets)), c.UcastPkts, c.MulticastPkts, c.BroadcastPkts, c.Discards)
}

func sfpValues(v []Value, c *sflow.SFP) []Value {
	v = append(v, Number(float64(c.ModuleTemperature)/1000), Whole(uint64(c.ModuleSupplyVoltage)))
	var tx, rx Value
	for l := range c.Lanes.All() {
		if tx.kind == Unknown || uint64(l.TxPower) < tx.bits {
			tx = Whole(uint64(l.TxPower))
		}
		if rx.kind == Unknown || uint64(l.RxPower) < rx.bits {
			rx = Whole(uint64(l.RxPower))
		}
	}
	return append(v, tx, rx)
}
