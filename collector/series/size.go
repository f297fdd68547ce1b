package series

// Size is how large a site is, for the number of series that follow.
type Size struct {
	Agents, Interfaces, Sources, Hosts, Instances int
	Definitions                                   int // of keys that are counted, each with its slots
}

// Slots is how many keys of each definition are written at a time. A key that
// comes may need a slot while one that goes still has its own: none does,
// because slots are given anew each time.
const Slots = 20

// Series of each thing, as agents usually send them; see Size.Series.
const (
	perAgent      = 9  // agent, processor, and protocols of which few are seen
	perInterface  = 2  // if_counters, ethernet_counters
	perSource     = 3  // data_source, flow_samples in up to two directions
	perHost       = 11 // host_cpu, host_memory, host_disk_io, host_net_io, virt_node, ovs_dp_stats, app_resources, four of MIB-2
	perInstance   = 4  // virt_cpu, virt_memory, virt_disk_io, virt_net_io
	perDefinition = 1 + Slots
	perCollector  = 400 // its own, and alerts by kind, severity and slot
)

// Series returns about how many series a site of the size has. Tunnelled
// networks come on top, up to 257 for each agent and shard, and discarded
// packets by their reasons; ports that change their names begin new series.
func (z Size) Series() int {
	return perAgent*z.Agents + perInterface*z.Interfaces + perSource*z.Sources + perHost*z.Hosts +
		perInstance*z.Instances + perDefinition*z.Definitions + perCollector
}
