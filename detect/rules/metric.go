package rules

import (
	"strings"

	"weir/decoder/sflow"
)

// records holds the counter records that rules look at.
type records struct {
	ifCounters sflow.IfCounters
	hostCPU    sflow.HostCPU
	hostMemory sflow.HostMemory
	hostDiskIO sflow.HostDiskIO
	hostNetIO  sflow.HostNetIO
	virtCPU    sflow.VirtCPU
	virtMemory sflow.VirtMemory
	virtDiskIO sflow.VirtDiskIO
	virtNetIO  sflow.VirtNetIO
	processor  sflow.Processor
	oVSDPStats sflow.OVSDPStats
}

// metric is one number of a counter record.
type metric struct {
	name   string // record.field
	format sflow.Format
	bits   uint8 // of a counter that wraps; 0 for a level
	get    func(*records) reading
}

// reading is a counter's value or a level; unknown is never zero.
type reading struct {
	count uint64
	level float64
	known bool
}

func counter32(c sflow.Counter32) reading { return reading{uint64(c), float64(c), c.Known()} }
func counter64(c sflow.Counter64) reading { return reading{uint64(c), float64(c), c.Known()} }
func gauge(v uint64) reading              { return reading{v, float64(v), true} }
func load(v sflow.Load) reading           { return reading{0, float64(v), v.Known()} }
func percent(v sflow.Percentage) reading  { return reading{0, float64(v) / 100, v.Known()} }

// metrics are the numbers that rules can watch beside rtmetrics.
var metrics = []metric{
	{"if_counters.if_speed", sflow.FormatIfCounters, 0, func(r *records) reading { return gauge(r.ifCounters.Speed) }},
	{"if_counters.if_status", sflow.FormatIfCounters, 0, func(r *records) reading { return gauge(uint64(r.ifCounters.Status)) }},
	{"if_counters.if_in_octets", sflow.FormatIfCounters, 64, func(r *records) reading { return counter64(r.ifCounters.InOctets) }},
	{"if_counters.if_in_ucast_pkts", sflow.FormatIfCounters, 32, func(r *records) reading { return counter32(r.ifCounters.InUcastPkts) }},
	{"if_counters.if_in_multicast_pkts", sflow.FormatIfCounters, 32, func(r *records) reading { return counter32(r.ifCounters.InMulticastPkts) }},
	{"if_counters.if_in_broadcast_pkts", sflow.FormatIfCounters, 32, func(r *records) reading { return counter32(r.ifCounters.InBroadcastPkts) }},
	{"if_counters.if_in_discards", sflow.FormatIfCounters, 32, func(r *records) reading { return counter32(r.ifCounters.InDiscards) }},
	{"if_counters.if_in_errors", sflow.FormatIfCounters, 32, func(r *records) reading { return counter32(r.ifCounters.InErrors) }},
	{"if_counters.if_in_unknown_protos", sflow.FormatIfCounters, 32, func(r *records) reading { return counter32(r.ifCounters.InUnknownProtos) }},
	{"if_counters.if_out_octets", sflow.FormatIfCounters, 64, func(r *records) reading { return counter64(r.ifCounters.OutOctets) }},
	{"if_counters.if_out_ucast_pkts", sflow.FormatIfCounters, 32, func(r *records) reading { return counter32(r.ifCounters.OutUcastPkts) }},
	{"if_counters.if_out_multicast_pkts", sflow.FormatIfCounters, 32, func(r *records) reading { return counter32(r.ifCounters.OutMulticastPkts) }},
	{"if_counters.if_out_broadcast_pkts", sflow.FormatIfCounters, 32, func(r *records) reading { return counter32(r.ifCounters.OutBroadcastPkts) }},
	{"if_counters.if_out_discards", sflow.FormatIfCounters, 32, func(r *records) reading { return counter32(r.ifCounters.OutDiscards) }},
	{"if_counters.if_out_errors", sflow.FormatIfCounters, 32, func(r *records) reading { return counter32(r.ifCounters.OutErrors) }},
	{"if_counters.if_promiscuous_mode", sflow.FormatIfCounters, 32, func(r *records) reading { return counter32(r.ifCounters.PromiscuousMode) }},
	{"host_cpu.load_one", sflow.FormatHostCPU, 0, func(r *records) reading { return load(r.hostCPU.LoadOne) }},
	{"host_cpu.load_five", sflow.FormatHostCPU, 0, func(r *records) reading { return load(r.hostCPU.LoadFive) }},
	{"host_cpu.load_fifteen", sflow.FormatHostCPU, 0, func(r *records) reading { return load(r.hostCPU.LoadFifteen) }},
	{"host_cpu.proc_run", sflow.FormatHostCPU, 0, func(r *records) reading { return gauge(uint64(r.hostCPU.ProcRun)) }},
	{"host_cpu.proc_total", sflow.FormatHostCPU, 0, func(r *records) reading { return gauge(uint64(r.hostCPU.ProcTotal)) }},
	{"host_cpu.cpu_num", sflow.FormatHostCPU, 0, func(r *records) reading { return gauge(uint64(r.hostCPU.CPUNum)) }},
	{"host_cpu.uptime", sflow.FormatHostCPU, 0, func(r *records) reading { return gauge(uint64(r.hostCPU.Uptime)) }},
	{"host_cpu.cpu_user", sflow.FormatHostCPU, 32, func(r *records) reading { return counter32(r.hostCPU.CPUUser) }},
	{"host_cpu.cpu_nice", sflow.FormatHostCPU, 32, func(r *records) reading { return counter32(r.hostCPU.CPUNice) }},
	{"host_cpu.cpu_system", sflow.FormatHostCPU, 32, func(r *records) reading { return counter32(r.hostCPU.CPUSystem) }},
	{"host_cpu.cpu_idle", sflow.FormatHostCPU, 32, func(r *records) reading { return counter32(r.hostCPU.CPUIdle) }},
	{"host_cpu.cpu_wio", sflow.FormatHostCPU, 32, func(r *records) reading { return counter32(r.hostCPU.CPUWIO) }},
	{"host_cpu.cpu_intr", sflow.FormatHostCPU, 32, func(r *records) reading { return counter32(r.hostCPU.CPUIntr) }},
	{"host_cpu.cpu_sintr", sflow.FormatHostCPU, 32, func(r *records) reading { return counter32(r.hostCPU.CPUSIntr) }},
	{"host_cpu.interrupts", sflow.FormatHostCPU, 32, func(r *records) reading { return counter32(r.hostCPU.Interrupts) }},
	{"host_cpu.contexts", sflow.FormatHostCPU, 32, func(r *records) reading { return counter32(r.hostCPU.Contexts) }},
	{"host_cpu.cpu_steal", sflow.FormatHostCPU, 32, func(r *records) reading { return counter32(r.hostCPU.CPUSteal) }},
	{"host_cpu.cpu_guest", sflow.FormatHostCPU, 32, func(r *records) reading { return counter32(r.hostCPU.CPUGuest) }},
	{"host_cpu.cpu_guest_nice", sflow.FormatHostCPU, 32, func(r *records) reading { return counter32(r.hostCPU.CPUGuestNice) }},
	{"host_memory.mem_total", sflow.FormatHostMemory, 0, func(r *records) reading { return gauge(r.hostMemory.Total) }},
	{"host_memory.mem_free", sflow.FormatHostMemory, 0, func(r *records) reading { return gauge(r.hostMemory.Free) }},
	{"host_memory.mem_shared", sflow.FormatHostMemory, 0, func(r *records) reading { return gauge(r.hostMemory.Shared) }},
	{"host_memory.mem_buffers", sflow.FormatHostMemory, 0, func(r *records) reading { return gauge(r.hostMemory.Buffers) }},
	{"host_memory.mem_cached", sflow.FormatHostMemory, 0, func(r *records) reading { return gauge(r.hostMemory.Cached) }},
	{"host_memory.swap_total", sflow.FormatHostMemory, 0, func(r *records) reading { return gauge(r.hostMemory.SwapTotal) }},
	{"host_memory.swap_free", sflow.FormatHostMemory, 0, func(r *records) reading { return gauge(r.hostMemory.SwapFree) }},
	{"host_memory.page_in", sflow.FormatHostMemory, 32, func(r *records) reading { return counter32(r.hostMemory.PageIn) }},
	{"host_memory.page_out", sflow.FormatHostMemory, 32, func(r *records) reading { return counter32(r.hostMemory.PageOut) }},
	{"host_memory.swap_in", sflow.FormatHostMemory, 32, func(r *records) reading { return counter32(r.hostMemory.SwapIn) }},
	{"host_memory.swap_out", sflow.FormatHostMemory, 32, func(r *records) reading { return counter32(r.hostMemory.SwapOut) }},
	{"host_disk_io.disk_total", sflow.FormatHostDiskIO, 0, func(r *records) reading { return gauge(r.hostDiskIO.Total) }},
	{"host_disk_io.disk_free", sflow.FormatHostDiskIO, 0, func(r *records) reading { return gauge(r.hostDiskIO.Free) }},
	{"host_disk_io.part_max_used", sflow.FormatHostDiskIO, 0, func(r *records) reading { return percent(r.hostDiskIO.PartMaxUsed) }},
	{"host_disk_io.reads", sflow.FormatHostDiskIO, 32, func(r *records) reading { return counter32(r.hostDiskIO.Reads) }},
	{"host_disk_io.bytes_read", sflow.FormatHostDiskIO, 64, func(r *records) reading { return counter64(r.hostDiskIO.BytesRead) }},
	{"host_disk_io.read_time", sflow.FormatHostDiskIO, 32, func(r *records) reading { return counter32(r.hostDiskIO.ReadTime) }},
	{"host_disk_io.writes", sflow.FormatHostDiskIO, 32, func(r *records) reading { return counter32(r.hostDiskIO.Writes) }},
	{"host_disk_io.bytes_written", sflow.FormatHostDiskIO, 64, func(r *records) reading { return counter64(r.hostDiskIO.BytesWritten) }},
	{"host_disk_io.write_time", sflow.FormatHostDiskIO, 32, func(r *records) reading { return counter32(r.hostDiskIO.WriteTime) }},
	{"host_net_io.bytes_in", sflow.FormatHostNetIO, 64, func(r *records) reading { return counter64(r.hostNetIO.BytesIn) }},
	{"host_net_io.pkts_in", sflow.FormatHostNetIO, 32, func(r *records) reading { return counter32(r.hostNetIO.PktsIn) }},
	{"host_net_io.errs_in", sflow.FormatHostNetIO, 32, func(r *records) reading { return counter32(r.hostNetIO.ErrsIn) }},
	{"host_net_io.drops_in", sflow.FormatHostNetIO, 32, func(r *records) reading { return counter32(r.hostNetIO.DropsIn) }},
	{"host_net_io.bytes_out", sflow.FormatHostNetIO, 64, func(r *records) reading { return counter64(r.hostNetIO.BytesOut) }},
	{"host_net_io.packets_out", sflow.FormatHostNetIO, 32, func(r *records) reading { return counter32(r.hostNetIO.PacketsOut) }},
	{"host_net_io.errs_out", sflow.FormatHostNetIO, 32, func(r *records) reading { return counter32(r.hostNetIO.ErrsOut) }},
	{"host_net_io.drops_out", sflow.FormatHostNetIO, 32, func(r *records) reading { return counter32(r.hostNetIO.DropsOut) }},
	{"virt_cpu.state", sflow.FormatVirtCPU, 0, func(r *records) reading { return gauge(uint64(r.virtCPU.State)) }},
	{"virt_cpu.cpu_time", sflow.FormatVirtCPU, 32, func(r *records) reading { return counter32(r.virtCPU.CPUTime) }},
	{"virt_cpu.nr_virt_cpu", sflow.FormatVirtCPU, 0, func(r *records) reading { return gauge(uint64(r.virtCPU.NrVirtCPU)) }},
	{"virt_memory.memory", sflow.FormatVirtMemory, 0, func(r *records) reading { return gauge(r.virtMemory.Memory) }},
	{"virt_memory.max_memory", sflow.FormatVirtMemory, 0, func(r *records) reading { return gauge(r.virtMemory.MaxMemory) }},
	{"virt_disk_io.capacity", sflow.FormatVirtDiskIO, 0, func(r *records) reading { return gauge(r.virtDiskIO.Capacity) }},
	{"virt_disk_io.allocation", sflow.FormatVirtDiskIO, 0, func(r *records) reading { return gauge(r.virtDiskIO.Allocation) }},
	{"virt_disk_io.available", sflow.FormatVirtDiskIO, 0, func(r *records) reading { return gauge(r.virtDiskIO.Available) }},
	{"virt_disk_io.rd_req", sflow.FormatVirtDiskIO, 32, func(r *records) reading { return counter32(r.virtDiskIO.RdReq) }},
	{"virt_disk_io.rd_bytes", sflow.FormatVirtDiskIO, 64, func(r *records) reading { return counter64(r.virtDiskIO.RdBytes) }},
	{"virt_disk_io.wr_req", sflow.FormatVirtDiskIO, 32, func(r *records) reading { return counter32(r.virtDiskIO.WrReq) }},
	{"virt_disk_io.wr_bytes", sflow.FormatVirtDiskIO, 64, func(r *records) reading { return counter64(r.virtDiskIO.WrBytes) }},
	{"virt_disk_io.errs", sflow.FormatVirtDiskIO, 32, func(r *records) reading { return counter32(r.virtDiskIO.Errs) }},
	{"virt_net_io.rx_bytes", sflow.FormatVirtNetIO, 64, func(r *records) reading { return counter64(r.virtNetIO.RxBytes) }},
	{"virt_net_io.rx_packets", sflow.FormatVirtNetIO, 32, func(r *records) reading { return counter32(r.virtNetIO.RxPackets) }},
	{"virt_net_io.rx_errs", sflow.FormatVirtNetIO, 32, func(r *records) reading { return counter32(r.virtNetIO.RxErrs) }},
	{"virt_net_io.rx_drop", sflow.FormatVirtNetIO, 32, func(r *records) reading { return counter32(r.virtNetIO.RxDrop) }},
	{"virt_net_io.tx_bytes", sflow.FormatVirtNetIO, 64, func(r *records) reading { return counter64(r.virtNetIO.TxBytes) }},
	{"virt_net_io.tx_packets", sflow.FormatVirtNetIO, 32, func(r *records) reading { return counter32(r.virtNetIO.TxPackets) }},
	{"virt_net_io.tx_errs", sflow.FormatVirtNetIO, 32, func(r *records) reading { return counter32(r.virtNetIO.TxErrs) }},
	{"virt_net_io.tx_drop", sflow.FormatVirtNetIO, 32, func(r *records) reading { return counter32(r.virtNetIO.TxDrop) }},
	{"processor.5s_cpu", sflow.FormatProcessor, 0, func(r *records) reading { return percent(r.processor.CPU5s) }},
	{"processor.1m_cpu", sflow.FormatProcessor, 0, func(r *records) reading { return percent(r.processor.CPU1m) }},
	{"processor.5m_cpu", sflow.FormatProcessor, 0, func(r *records) reading { return percent(r.processor.CPU5m) }},
	{"processor.total_memory", sflow.FormatProcessor, 0, func(r *records) reading { return gauge(r.processor.TotalMemory) }},
	{"processor.free_memory", sflow.FormatProcessor, 0, func(r *records) reading { return gauge(r.processor.FreeMemory) }},
	{"ovs_dp_stats.hits", sflow.FormatOVSDPStats, 32, func(r *records) reading { return counter32(r.oVSDPStats.Hits) }},
	{"ovs_dp_stats.misses", sflow.FormatOVSDPStats, 32, func(r *records) reading { return counter32(r.oVSDPStats.Misses) }},
	{"ovs_dp_stats.lost", sflow.FormatOVSDPStats, 32, func(r *records) reading { return counter32(r.oVSDPStats.Lost) }},
	{"ovs_dp_stats.mask_hits", sflow.FormatOVSDPStats, 32, func(r *records) reading { return counter32(r.oVSDPStats.MaskHits) }},
	{"ovs_dp_stats.flows", sflow.FormatOVSDPStats, 0, func(r *records) reading { return gauge(uint64(r.oVSDPStats.Flows)) }},
	{"ovs_dp_stats.masks", sflow.FormatOVSDPStats, 0, func(r *records) reading { return gauge(uint64(r.oVSDPStats.Masks)) }},
}

// decode reads a record into the place of its format.
func (r *records) decode(rec sflow.Record) bool {
	switch rec.Format {
	case sflow.FormatIfCounters:
		return r.ifCounters.Decode(rec) == nil
	case sflow.FormatHostCPU:
		return r.hostCPU.Decode(rec) == nil
	case sflow.FormatHostMemory:
		return r.hostMemory.Decode(rec) == nil
	case sflow.FormatHostDiskIO:
		return r.hostDiskIO.Decode(rec) == nil
	case sflow.FormatHostNetIO:
		return r.hostNetIO.Decode(rec) == nil
	case sflow.FormatVirtCPU:
		return r.virtCPU.Decode(rec) == nil
	case sflow.FormatVirtMemory:
		return r.virtMemory.Decode(rec) == nil
	case sflow.FormatVirtDiskIO:
		return r.virtDiskIO.Decode(rec) == nil
	case sflow.FormatVirtNetIO:
		return r.virtNetIO.Decode(rec) == nil
	case sflow.FormatProcessor:
		return r.processor.Decode(rec) == nil
	case sflow.FormatOVSDPStats:
		return r.oVSDPStats.Decode(rec) == nil
	}
	return false
}

// metricOf returns the metric of a name: record.field, or the field alone where
// only one record has it. Dots and underscores are the same.
func metricOf(name string) (at int, ok bool) {
	flat := func(s string) string { return strings.ReplaceAll(s, ".", "_") }
	found := 0
	for i := range metrics {
		_, field, _ := strings.Cut(metrics[i].name, ".")
		switch {
		case flat(metrics[i].name) == flat(name):
			return i, true
		case field == name:
			at = i
			found++
		}
	}
	return at, found == 1
}

// metricNames returns the name of every metric.
func metricNames() []string {
	names := make([]string, len(metrics))
	for i := range metrics {
		names[i] = metrics[i].name
	}
	return names
}
