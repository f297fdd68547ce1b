package sflow

// CounterRecordName returns the specification's name of the counter record
// format f (sflow.org, "sFlow Structure Numbers"), "" where it is not
// registered. More formats have a name than NewCounterRecord decodes.
func CounterRecordName(f Format) string {
	switch f {
	case 1:
		return "if_counters"
	case 2:
		return "ethernet_counters"
	case 3:
		return "tokenring_counters"
	case 4:
		return "vg_counters"
	case 5:
		return "vlan_counters"
	case 6:
		return "ieee80211_counters"
	case 7:
		return "lag_port_stats"
	case 8:
		return "slow_path_counts"
	case 9:
		return "ib_counters"
	case 10:
		return "sfp"
	case 11:
		return "pfc_counters"
	case 1001:
		return "processor"
	case 1002:
		return "radio_utilization"
	case 1003:
		return "queue_length"
	case 1004:
		return "of_port"
	case 1005:
		return "port_name"
	case 3000:
		return "energy"
	case 3001:
		return "temperature"
	case 3002:
		return "humidity"
	case 3003:
		return "fans"
	case 4413<<12 | 1: // Broadcom
		return "bst_device_buffers"
	case 4413<<12 | 2:
		return "bst_port_buffers"
	case 4413<<12 | 3:
		return "hw_tables"
	case 5703<<12 | 1: // NVIDIA
		return "nvidia_gpu"
	}
	return hostRecordName(f)
}

// hostRecordName is CounterRecordName for hosts, virtual machines and
// applications.
func hostRecordName(f Format) string {
	switch f {
	case 2000:
		return "host_descr"
	case 2001:
		return "host_adapters"
	case 2002:
		return "host_parent"
	case 2003:
		return "host_cpu"
	case 2004:
		return "host_memory"
	case 2005:
		return "host_disk_io"
	case 2006:
		return "host_net_io"
	case 2007:
		return "mib2_ip_group"
	case 2008:
		return "mib2_icmp_group"
	case 2009:
		return "mib2_tcp_group"
	case 2010:
		return "mib2_udp_group"
	case 2100:
		return "virt_node"
	case 2101:
		return "virt_cpu"
	case 2102:
		return "virt_memory"
	case 2103:
		return "virt_disk_io"
	case 2104:
		return "virt_net_io"
	case 2105:
		return "jvm_runtime"
	case 2106:
		return "jvm_statistics"
	case 2200:
		return "memcached_counters"
	case 2201:
		return "http_counters"
	case 2202:
		return "app_operations"
	case 2203:
		return "app_resources"
	case 2204:
		return "memcache_counters"
	case 2205:
		return "vdi_counters"
	case 2206:
		return "app_workers"
	case 2207:
		return "ovs_dp_stats"
	}
	return ""
}
