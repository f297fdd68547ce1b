package sflow_test

import (
	"reflect"
	"strings"
	"testing"

	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

func TestNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{sflow.SampleName(1), "flow_sample"},
		{sflow.SampleName(2), "counter_sample"},
		{sflow.SampleName(3), "flow_sample_expanded"},
		{sflow.SampleName(4), "counter_sample_expanded"},
		{sflow.SampleName(5), "discarded_packet"},
		{sflow.SampleName(6), ""},
		{sflow.SampleName(sflow.MakeFormat(4300, 1002)), "rtmetric"},
		{sflow.SampleName(sflow.MakeFormat(4300, 1003)), "rtflow"},
		{sflow.FlowRecordName(0), ""},
		{sflow.FlowRecordName(1), "sampled_header"},
		{sflow.FlowRecordName(5), ""},
		{sflow.FlowRecordName(1000), ""},
		{sflow.FlowRecordName(1001), "extended_switch"},
		{sflow.FlowRecordName(1012), "extended_vlantunnel"},
		{sflow.FlowRecordName(1019), "extended_queue_length"},
		{sflow.FlowRecordName(1030), "extended_vni_ingress"},
		{sflow.FlowRecordName(1035), "extended_vlanout"},
		{sflow.FlowRecordName(1043), "extended_timestamp"},
		{sflow.FlowRecordName(1044), ""},
		{sflow.FlowRecordName(2103), "extended_proxy_socket_ipv6"},
		{sflow.FlowRecordName(2208), "extended_nav_timing"},
		{sflow.FlowRecordName(2211), ""},
		{sflow.FlowRecordName(sflow.MakeFormat(4413, 1)), "extended_bst_egress_queue"},
		{sflow.FlowRecordName(sflow.MakeFormat(43874, 2)), "pmacct_tag"},
		{sflow.FlowRecordName(sflow.MakeFormat(4413, 2)), ""},
		{sflow.FlowRecordName(0xffffffff), ""},
		{sflow.DropReasonName(0), "net_unreachable"},
		{sflow.DropReasonName(15), "precedence_cutoff"},
		{sflow.DropReasonName(16), ""},
		{sflow.DropReasonName(255), ""},
		{sflow.DropReasonName(256), "unknown"},
		{sflow.DropReasonName(262), "pkt_too_big"},
		{sflow.DropReasonName(269), "blackhole_route"},
		{sflow.DropReasonName(303), "split_horizon"},
		{sflow.DropReasonName(304), ""},
		{sflow.DropReasonName(0xffffffff), ""},
		{sflow.HeaderProtocolName(0), ""},
		{sflow.HeaderProtocolName(1), "ethernet_iso88023"},
		{sflow.HeaderProtocolName(14), "pos"},
		{sflow.HeaderProtocolName(15), ""},
		{sflow.AppStatusName(0), "success"},
		{sflow.AppStatusName(10), "unauthorized"},
		{sflow.AppStatusName(11), ""},
	} {
		if c.got != c.want {
			t.Errorf("name %q, want %q", c.got, c.want)
		}
	}
}

// Registered flow records: 4 of the packet, 43 extended, 19 of applications,
// and of vendors.
func TestEveryRegisteredFlowRecordHasAName(t *testing.T) {
	n := 0
	for f := range sflow.Format(4096) {
		if sflow.FlowRecordName(f) != "" {
			n++
		}
	}
	if n != 66 {
		t.Errorf("%d flow records of enterprise 0 have a name, want 66", n)
	}
}

func TestDecodedStructuresHaveNamesAndTags(t *testing.T) {
	check := func(name string, s sflow.Structure) {
		if name == "" {
			t.Errorf("%T has no name", s)
		}
		if got := strings.ReplaceAll(name, "_", ""); !strings.EqualFold(got, reflect.TypeOf(s).Elem().Name()) {
			t.Errorf("%T is named %q", s, name)
		}
		typ := reflect.TypeOf(s).Elem()
		for i := range typ.NumField() {
			switch tag := typ.Field(i).Tag.Get("json"); tag {
			case "", "-", "format", "name", "error":
				t.Errorf("%T.%s has the tag %q, which a record's own members use or nobody does", s, typ.Field(i).Name, tag)
			}
		}
	}
	for _, f := range sflowtest.FlowFormats() {
		check(sflow.FlowRecordName(f), sflow.NewFlowRecord(f))
	}
	for _, f := range sflowtest.CounterFormats() {
		check(sflow.CounterRecordName(f), sflow.NewCounterRecord(f))
	}
}

func TestNamesDoNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(10, func() {
		for f := range sflow.Format(3000) {
			_, _, _ = sflow.SampleName(f), sflow.FlowRecordName(f), sflow.DropReasonName(uint32(f))
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
