package sflow

import "testing"

func TestCounterRecordNameKnowsTheRegistry(t *testing.T) {
	names := map[Format]string{
		1: "if_counters", 2: "ethernet_counters", 3: "tokenring_counters", 4: "vg_counters", 5: "vlan_counters",
		6: "ieee80211_counters", 7: "lag_port_stats", 8: "slow_path_counts", 9: "ib_counters", 10: "sfp",
		11: "pfc_counters", 1001: "processor", 1002: "radio_utilization", 1003: "queue_length", 1004: "of_port",
		1005: "port_name", 2000: "host_descr", 2001: "host_adapters", 2002: "host_parent", 2003: "host_cpu",
		2004: "host_memory", 2005: "host_disk_io", 2006: "host_net_io", 2007: "mib2_ip_group",
		2008: "mib2_icmp_group", 2009: "mib2_tcp_group", 2010: "mib2_udp_group", 2100: "virt_node",
		2101: "virt_cpu", 2102: "virt_memory", 2103: "virt_disk_io", 2104: "virt_net_io", 2105: "jvm_runtime",
		2106: "jvm_statistics", 2200: "memcached_counters", 2201: "http_counters", 2202: "app_operations",
		2203: "app_resources", 2204: "memcache_counters", 2205: "vdi_counters", 2206: "app_workers",
		2207: "ovs_dp_stats", 3000: "energy", 3001: "temperature", 3002: "humidity", 3003: "fans",
		MakeFormat(4413, 1): "bst_device_buffers", MakeFormat(4413, 2): "bst_port_buffers",
		MakeFormat(4413, 3): "hw_tables", MakeFormat(5703, 1): "nvidia_gpu",
	}
	for _, enterprise := range []uint32{0, 1, 4300, 4413, 5703} {
		for n := range uint32(4096) {
			f := MakeFormat(enterprise, n)
			if got := CounterRecordName(f); got != names[f] {
				t.Errorf("CounterRecordName(%v) = %q, want %q", f, got, names[f])
			}
		}
	}
	if n := testing.AllocsPerRun(10, func() { _ = CounterRecordName(2207) + CounterRecordName(9999) }); n > 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestPercentageMarshalJSON(t *testing.T) {
	for p, want := range map[Percentage]string{-1: "null", 0: "0", 7479: "7479"} {
		if got, _ := p.MarshalJSON(); string(got) != want || p.Known() != (want != "null") {
			t.Errorf("%d: %s, Known %v, want %s", int32(p), got, p.Known(), want)
		}
	}
}
