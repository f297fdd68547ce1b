package collector

import "testing"

// TestRulesFlushed replays what Open vSwitch alone sent while the rules of a packet
// filter beside it were restored, which is nothing; while one instance's security
// group was opened, which is for the record; and when all of them were flushed.
func TestRulesFlushed(t *testing.T) {
	const opened, flushed = 1795391856.800, 1795391901.805
	checkConditions(t, "testdata/ovs-rules-flushed.pcap", "10.200.0.11", opened, []wantedCondition{
		{"start", "rules_flushed", "info", "filter packet filter of qvo-cap1-0b", 25, 0, "gets or sends what used to be dropped"},
		{"start", "rules_flushed", "warning", "filter packet filter", flushed - opened + 5, 1, "2 of 3 instances get or send what used to be dropped"},
		{"end", "rules_flushed", "info", "filter packet filter of qvo-cap1-0b", flushed - opened + 5, 0, ""},
	})
}
