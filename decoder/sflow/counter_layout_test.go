package sflow

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// counterLayouts holds, in the order of the wire, the specification's fields of
// every counter record of fixed size with their bytes. It is written from the
// specifications alone, so that a field in the wrong place of both Decode and
// Append is seen.
var counterLayouts = []struct {
	format Format
	name   string
	fields string
}{
	{1, "if_counters", `if_index/4 if_type/4 if_speed/8 if_direction/4 if_status/4 if_in_octets/8
		if_in_ucast_pkts/4 if_in_multicast_pkts/4 if_in_broadcast_pkts/4 if_in_discards/4 if_in_errors/4
		if_in_unknown_protos/4 if_out_octets/8 if_out_ucast_pkts/4 if_out_multicast_pkts/4
		if_out_broadcast_pkts/4 if_out_discards/4 if_out_errors/4 if_promiscuous_mode/4`},
	{2, "ethernet_counters", `dot3_stats_alignment_errors/4 dot3_stats_fcs_errors/4
		dot3_stats_single_collision_frames/4 dot3_stats_multiple_collision_frames/4
		dot3_stats_sqe_test_errors/4 dot3_stats_deferred_transmissions/4 dot3_stats_late_collisions/4
		dot3_stats_excessive_collisions/4 dot3_stats_internal_mac_transmit_errors/4
		dot3_stats_carrier_sense_errors/4 dot3_stats_frame_too_longs/4
		dot3_stats_internal_mac_receive_errors/4 dot3_stats_symbol_errors/4`},
	{5, "vlan_counters", `vlan_id/4 octets/8 ucast_pkts/4 multicast_pkts/4 broadcast_pkts/4 discards/4`},
	{11, "pfc_counters", `requests/4 indications/4 pause_duration/4 storm_detected/4 storm_restored/4`},
	{1001, "processor", `5s_cpu/4 1m_cpu/4 5m_cpu/4 total_memory/8 free_memory/8`},
	{1004, "of_port", `datapath_id/8 port_no/4`},
	{2002, "host_parent", `container_type/4 container_index/4`},
	{2003, "host_cpu", `load_one/4 load_five/4 load_fifteen/4 proc_run/4 proc_total/4 cpu_num/4
		cpu_speed/4 uptime/4 cpu_user/4 cpu_nice/4 cpu_system/4 cpu_idle/4 cpu_wio/4 cpu_intr/4
		cpu_sintr/4 interrupts/4 contexts/4 cpu_steal/4 cpu_guest/4 cpu_guest_nice/4`},
	{2004, "host_memory", `mem_total/8 mem_free/8 mem_shared/8 mem_buffers/8 mem_cached/8 swap_total/8
		swap_free/8 page_in/4 page_out/4 swap_in/4 swap_out/4`},
	{2005, "host_disk_io", `disk_total/8 disk_free/8 part_max_used/4 reads/4 bytes_read/8 read_time/4
		writes/4 bytes_written/8 write_time/4`},
	{2006, "host_net_io", `bytes_in/8 pkts_in/4 errs_in/4 drops_in/4 bytes_out/8 packets_out/4
		errs_out/4 drops_out/4`},
	{2007, "mib2_ip_group", `ip_forwarding/4 ip_default_ttl/4 ip_in_receives/4 ip_in_hdr_errors/4
		ip_in_addr_errors/4 ip_forw_datagrams/4 ip_in_unknown_protos/4 ip_in_discards/4 ip_in_delivers/4
		ip_out_requests/4 ip_out_discards/4 ip_out_no_routes/4 ip_reasm_timeout/4 ip_reasm_reqds/4
		ip_reasm_oks/4 ip_reasm_fails/4 ip_frag_oks/4 ip_frag_fails/4 ip_frag_creates/4`},
	{2008, "mib2_icmp_group", `icmp_in_msgs/4 icmp_in_errors/4 icmp_in_dest_unreachs/4
		icmp_in_time_excds/4 icmp_in_param_probs/4 icmp_in_src_quenchs/4 icmp_in_redirects/4
		icmp_in_echos/4 icmp_in_echo_reps/4 icmp_in_timestamps/4 icmp_in_addr_masks/4
		icmp_in_addr_mask_reps/4 icmp_out_msgs/4 icmp_out_errors/4 icmp_out_dest_unreachs/4
		icmp_out_time_excds/4 icmp_out_param_probs/4 icmp_out_src_quenchs/4 icmp_out_redirects/4
		icmp_out_echos/4 icmp_out_echo_reps/4 icmp_out_timestamps/4 icmp_out_timestamp_reps/4
		icmp_out_addr_masks/4 icmp_out_addr_mask_reps/4`},
	{2009, "mib2_tcp_group", `tcp_rto_algorithm/4 tcp_rto_min/4 tcp_rto_max/4 tcp_max_conn/4
		tcp_active_opens/4 tcp_passive_opens/4 tcp_attempt_fails/4 tcp_estab_resets/4 tcp_curr_estab/4
		tcp_in_segs/4 tcp_out_segs/4 tcp_retrans_segs/4 tcp_in_errs/4 tcp_out_rsts/4 tcp_in_csum_errs/4`},
	{2010, "mib2_udp_group", `udp_in_datagrams/4 udp_no_ports/4 udp_in_errors/4 udp_out_datagrams/4
		udp_rcvbuf_errors/4 udp_sndbuf_errors/4 udp_in_csum_errors/4`},
	{2100, "virt_node", `mhz/4 cpus/4 memory/8 memory_free/8 num_domains/4`},
	{2101, "virt_cpu", `state/4 cpu_time/4 nr_virt_cpu/4`},
	{2102, "virt_memory", `memory/8 max_memory/8`},
	{2103, "virt_disk_io", `capacity/8 allocation/8 available/8 rd_req/4 rd_bytes/8 wr_req/4 wr_bytes/8 errs/4`},
	{2104, "virt_net_io", `rx_bytes/8 rx_packets/4 rx_errs/4 rx_drop/4 tx_bytes/8 tx_packets/4 tx_errs/4 tx_drop/4`},
	{2203, "app_resources", `user_time/4 system_time/4 mem_used/8 mem_max/8 fd_open/4 fd_max/4 conn_open/4 conn_max/4`},
	{2206, "app_workers", `workers_active/4 workers_idle/4 workers_max/4 req_delayed/4 req_dropped/4`},
	{2207, "ovs_dp_stats", `hits/4 misses/4 lost/4 mask_hits/4 flows/4 masks/4`},
	{MakeFormat(5703, 1), "nvidia_gpu", `device_count/4 processes/4 gpu_time/4 mem_time/4 mem_total/8
		mem_free/8 ecc_errors/4 energy/4 temperature/4 fan_speed/4`},
}

// TestCounterRecordsFollowTheLayout writes a different number into every field
// by its place in the table, and wants Decode to find it there and Append to
// put it back.
func TestCounterRecordsFollowTheLayout(t *testing.T) {
	for _, l := range counterLayouts {
		t.Run(l.name, func(t *testing.T) {
			if got := CounterRecordName(l.format); got != l.name {
				t.Errorf("CounterRecordName(%v) = %q, want %q", l.format, got, l.name)
			}
			s := NewCounterRecord(l.format)
			if s == nil {
				t.Fatalf("NewCounterRecord(%v) = nil", l.format)
			}
			var body []byte
			var values []uint64
			fields := strings.Fields(l.fields)
			for i, f := range fields {
				_, size, _ := strings.Cut(f, "/")
				v := 0x4101010140000000 + uint64(i)*0x0001000000010001
				if size == "4" {
					v &= 0xffffffff
					body = be.AppendUint32(body, uint32(v))
				} else {
					body = be.AppendUint64(body, v)
				}
				values = append(values, v)
			}
			if err := s.Decode(Record{Format: l.format, Body: body}); err != nil {
				t.Fatal(err)
			}
			v := reflect.ValueOf(s).Elem()
			var got []string
			for i := range v.NumField() {
				tag := v.Type().Field(i).Tag.Get("json")
				got = append(got, tag+"/"+strconv.Itoa(int(v.Field(i).Type().Size())))
				if i < len(values) && number(v.Field(i)) != values[i] {
					t.Errorf("%s = %#x, want %#x", tag, number(v.Field(i)), values[i])
				}
			}
			if diff := cmp.Diff(fields, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			want := be.AppendUint32(be.AppendUint32(nil, uint32(l.format)), uint32(len(body)))
			if diff := cmp.Diff(append(want, body...), s.Append(nil)); diff != "" {
				t.Errorf("Append (-want +got):\n%s", diff)
			}
		})
	}
}

// number returns a field's bits as they are on the wire.
func number(v reflect.Value) uint64 {
	switch {
	case v.Kind() == reflect.Float32:
		return uint64(math.Float32bits(float32(v.Float())))
	case v.CanInt():
		return uint64(uint32(v.Int()))
	}
	return v.Uint()
}
