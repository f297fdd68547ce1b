package series

import "weir/decoder/sflow"

var (
	hostTags     = []string{"agent", "agent_name", "host"}
	instanceTags = []string{"agent", "agent_name", "instance", "instance_name"}
	sourceTags   = []string{"agent", "agent_name", "source"}
)

var hostCPU = &Class{
	Name: "host_cpu", Tags: hostTags, Help: "CPU of a host (host_cpu, 0:2003)",
	Fields: fields(gauges(None, "load_one", "load_five", "load_fifteen"), gauges(Count, "proc_run", "proc_total", "cpu_num"),
		gauges(Megahertz, "cpu_speed"), gauges(Seconds, "uptime"),
		counters(Milliseconds, "cpu_user", "cpu_nice", "cpu_system", "cpu_idle", "cpu_wio", "cpu_intr", "cpu_sintr"),
		counters(Count, "interrupts", "contexts"), counters(Milliseconds, "cpu_steal", "cpu_guest", "cpu_guest_nice")),
}

var hostMemory = &Class{
	Name: "host_memory", Tags: hostTags, Help: "memory of a host (host_memory, 0:2004)",
	Fields: fields(gauges(Bytes, "total", "free", "shared", "buffers", "cached", "swap_total", "swap_free"),
		counters(Count, "page_in", "page_out", "swap_in", "swap_out")),
}

var hostDiskIO = &Class{
	Name: "host_disk_io", Tags: hostTags, Help: "disks of a host (host_disk_io, 0:2005)",
	Fields: fields(gauges(Bytes, "total", "free"), []Field{{Name: "part_max_used", Unit: Percent, Help: "of the fullest partition"}},
		counters(Count, "reads"), counters(Bytes, "bytes_read"), counters(Milliseconds, "read_time"),
		counters(Count, "writes"), counters(Bytes, "bytes_written"), counters(Milliseconds, "write_time")),
}

var hostNetIO = &Class{
	Name: "host_net_io", Tags: hostTags, Help: "all network adapters of a host together (host_net_io, 0:2006)",
	Fields: fields(counters(Bytes, "bytes_in"), counters(Packets, "pkts_in", "errs_in", "drops_in"),
		counters(Bytes, "bytes_out"), counters(Packets, "packets_out", "errs_out", "drops_out")),
}

var virtNode = &Class{
	Name: "virt_node", Tags: hostTags, Help: "a hypervisor (virt_node, 0:2100)",
	Fields: fields(gauges(Megahertz, "mhz"), gauges(Count, "cpus"), gauges(Bytes, "memory", "memory_free"), gauges(Count, "num_domains")),
}

var virtCPU = &Class{
	Name: "virt_cpu", Tags: instanceTags, Help: "CPU of a virtual machine (virt_cpu, 0:2101)",
	Fields: []Field{
		{Name: "state", Unit: None, Help: "0 none, 1 running, 2 blocked, 3 paused, 4 shutting down, 5 shut off, 6 crashed, 7 suspended"},
		counter("cpu_time", Milliseconds), gauge("nr_virt_cpu", Count),
	},
}

var virtMemory = &Class{
	Name: "virt_memory", Tags: instanceTags, Help: "memory of a virtual machine (virt_memory, 0:2102)",
	Fields: gauges(Bytes, "memory", "max_memory"),
}

var virtDiskIO = &Class{
	Name: "virt_disk_io", Tags: instanceTags, Help: "disks of a virtual machine (virt_disk_io, 0:2103)",
	Fields: fields(gauges(Bytes, "capacity", "allocation", "available"), counters(Count, "rd_req"), counters(Bytes, "rd_bytes"),
		counters(Count, "wr_req"), counters(Bytes, "wr_bytes"), counters(Count, "errs")),
}

var virtNetIO = &Class{
	Name: "virt_net_io", Tags: instanceTags, Help: "network adapters of a virtual machine (virt_net_io, 0:2104)",
	Fields: fields(counters(Bytes, "rx_bytes"), counters(Packets, "rx_packets", "rx_errs", "rx_drop"),
		counters(Bytes, "tx_bytes"), counters(Packets, "tx_packets", "tx_errs", "tx_drop")),
}

var ovsDPStats = &Class{
	Name: "ovs_dp_stats", Tags: sourceTags, Help: "an Open vSwitch datapath (ovs_dp_stats, 0:2207)",
	Fields: fields(counters(Packets, "hits", "misses", "lost"),
		[]Field{{Name: "mask_hits", Unit: Count, Counter: true, Help: "masks tried for all packets together"}}, gauges(Count, "flows", "masks")),
}

var appResources = &Class{
	Name: "app_resources", Tags: sourceTags, Help: "a service, such as ovs-vswitchd (app_resources, 0:2203)",
	Fields: fields(counters(Milliseconds, "user_time", "system_time"), gauges(Bytes, "mem_used", "mem_max"),
		gauges(Count, "fd_open", "fd_max", "conn_open", "conn_max")),
}

var processor = &Class{
	Name: "processor", Tags: agentTags, Help: "CPU and memory of a switch (processor, 0:1001)",
	Fields: fields(gauges(Percent, "cpu_5s", "cpu_1m", "cpu_5m"), gauges(Bytes, "total_memory", "free_memory")),
}

var nvidiaGPU = &Class{
	Name: "nvidia_gpu", Tags: hostTags, Help: "GPUs of a host (nvidia_gpu, 5703:1)",
	Fields: fields(gauges(Count, "device_count", "processes"), counters(Milliseconds, "gpu_time", "mem_time"),
		gauges(Bytes, "mem_total", "mem_free"), counters(Count, "ecc_errors"),
		[]Field{{Name: "energy", Unit: "mJ", Counter: true}}, gauges(Celsius, "temperature"), gauges(Percent, "fan_speed")),
}

// counterClasses are those of counter records.
func counterClasses() []*Class {
	return []*Class{
		ifCounters, ethernetCounters, vlanCounters, sfp, hostCPU, hostMemory, hostDiskIO, hostNetIO,
		virtNode, virtCPU, virtMemory, virtDiskIO, virtNetIO, ovsDPStats, appResources, processor, nvidiaGPU,
		lagPortStats, pfcCounters, mib2IP, mib2ICMP, mib2TCP, mib2UDP,
	}
}

func u32(n uint32) Value { return Whole(uint64(n)) }

func appendU64(v []Value, all ...uint64) []Value {
	for _, n := range all {
		v = append(v, Whole(n))
	}
	return v
}

// hundredths is a percentage as it is on the wire.
func hundredths(p sflow.Percentage) Value {
	if !p.Known() {
		return Value{}
	}
	return Number(float64(p) / 100)
}

func load(l sflow.Load) Value {
	if !l.Known() {
		return Value{}
	}
	return Number(float64(l))
}

func hostCPUValues(v []Value, c *sflow.HostCPU) []Value {
	v = append(v, load(c.LoadOne), load(c.LoadFive), load(c.LoadFifteen),
		u32(c.ProcRun), u32(c.ProcTotal), u32(c.CPUNum), u32(c.CPUSpeed), u32(c.Uptime))
	return appendC32(v, c.CPUUser, c.CPUNice, c.CPUSystem, c.CPUIdle, c.CPUWIO, c.CPUIntr, c.CPUSIntr,
		c.Interrupts, c.Contexts, c.CPUSteal, c.CPUGuest, c.CPUGuestNice)
}

func hostMemoryValues(v []Value, c *sflow.HostMemory) []Value {
	v = appendU64(v, c.Total, c.Free, c.Shared, c.Buffers, c.Cached, c.SwapTotal, c.SwapFree)
	return appendC32(v, c.PageIn, c.PageOut, c.SwapIn, c.SwapOut)
}

func hostDiskValues(v []Value, c *sflow.HostDiskIO) []Value {
	return append(v, Whole(c.Total), Whole(c.Free), hundredths(c.PartMaxUsed),
		c32(c.Reads), c64(c.BytesRead), c32(c.ReadTime), c32(c.Writes), c64(c.BytesWritten), c32(c.WriteTime))
}

func hostNetValues(v []Value, c *sflow.HostNetIO) []Value {
	v = appendC32(append(v, c64(c.BytesIn)), c.PktsIn, c.ErrsIn, c.DropsIn)
	return appendC32(append(v, c64(c.BytesOut)), c.PacketsOut, c.ErrsOut, c.DropsOut)
}

func virtDiskValues(v []Value, c *sflow.VirtDiskIO) []Value {
	v = appendU64(v, c.Capacity, c.Allocation, c.Available)
	return append(v, c32(c.RdReq), c64(c.RdBytes), c32(c.WrReq), c64(c.WrBytes), c32(c.Errs))
}

func virtNetValues(v []Value, c *sflow.VirtNetIO) []Value {
	v = appendC32(append(v, c64(c.RxBytes)), c.RxPackets, c.RxErrs, c.RxDrop)
	return appendC32(append(v, c64(c.TxBytes)), c.TxPackets, c.TxErrs, c.TxDrop)
}

func ovsValues(v []Value, c *sflow.OVSDPStats) []Value {
	return append(appendC32(v, c.Hits, c.Misses, c.Lost, c.MaskHits), u32(c.Flows), u32(c.Masks))
}

func appResourcesValues(v []Value, c *sflow.AppResources) []Value {
	v = append(appendC32(v, c.UserTime, c.SystemTime), Whole(c.MemUsed), Whole(c.MemMax))
	return append(v, u32(c.FDOpen), u32(c.FDMax), u32(c.ConnOpen), u32(c.ConnMax))
}

func processorValues(v []Value, c *sflow.Processor) []Value {
	return append(v, hundredths(c.CPU5s), hundredths(c.CPU1m), hundredths(c.CPU5m), Whole(c.TotalMemory), Whole(c.FreeMemory))
}

func gpuValues(v []Value, c *sflow.NvidiaGPU) []Value {
	v = append(v, u32(c.DeviceCount), u32(c.Processes), c32(c.GPUTime), c32(c.MemTime), Whole(c.MemTotal), Whole(c.MemFree))
	return append(v, c32(c.ECCErrors), c32(c.Energy), u32(c.Temperature), u32(c.FanSpeed))
}
