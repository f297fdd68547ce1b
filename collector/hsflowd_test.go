package collector

import "testing"

// TestConditionsOfHsflowd replays what two nodes with the Host sFlow daemon sent
// while something was done to the first, cn1: testdata tells what.
func TestConditionsOfHsflowd(t *testing.T) {
	for _, c := range []struct {
		file string
		deed float64 // Unix time, s
		want []wantedCondition
	}{
		{"bridge-deleted", 1795381034.866, []wantedCondition{
			{"start", "bridge_down", "critical", "bridge br0", 6, 3, "all its traffic has stopped at once, while its node goes on"},
		}},
		{"switch-killed", 1795381049.864, []wantedCondition{
			{"start", "bridge_down", "critical", "bridge Open vSwitch", 7, 0, "all its 2 bridges have fallen silent at once, while hsflowd goes on"},
			{"end", "bridge_down", "critical", "bridge Open vSwitch", 15 + 3, 0, ""},
		}},
		{"killed", 1795381539.066, []wantedCondition{
			{"start", "telemetry_silent", "critical", "witness hsflowd", 16, 0, "hsflowd is silent for 15s while the node goes on"},
			{"end", "telemetry_silent", "critical", "witness hsflowd", 25 + 5, 0, ""},
		}},
		{"stopped", 1795381017.300, []wantedCondition{
			{"start", "telemetry_silent", "critical", "node ", 7, 0, "silent while its traffic is still seen at cn2 eth1"},
			{"end", "telemetry_silent", "critical", "node ", 15.06 + 5, 0, ""},
		}},
		{"restarted", 1795381025.692, nil},
		{"sampling-down", 1795381020.976, []wantedCondition{
			{"start", "telemetry_tampered", "warning", "node sampling", 10, 0, "1:2000 in place of 1:20"},
		}},
		{"bridge-down", 1795381028.734, []wantedCondition{
			{"start", "telemetry_silent", "warning", "node ", 16, 0, "silent"},
			{"end", "telemetry_silent", "warning", "node ", 20.01 + 3, 0, ""},
		}},
	} {
		t.Run(c.file, func(t *testing.T) {
			checkConditions(t, "testdata/hsflowd-"+c.file+".pcap", "cn1", c.deed, c.want)
		})
	}
}

// TestGuestsOfHsflowd: of a virtual machine that ends hsflowd tells nothing any
// more, whatever ended it; that is an event, once it has turned up nowhere else.
func TestGuestsOfHsflowd(t *testing.T) {
	const gone, paused = "is told of no more, and its ports are gone: stopped, deleted or moved", "paused"
	change := func(what, name string, after float64, words string) wantedCondition {
		return wantedCondition{what, "instance_stopped", "info", "instance " + name, after, 0, words}
	}
	checkConditions(t, "testdata/hsflowd-guests.pcap", "hsfk1", 1795381528.720, []wantedCondition{
		change("start", "instance-00000101", 30, gone), change("end", "instance-00000101", 30, ""), // QEMU was killed
		change("start", "instance-00000102", 49+30, gone), change("end", "instance-00000102", 49+30, ""), // virsh destroy
		change("start", "instance-00000103", 93.4+5, paused), change("end", "instance-00000103", 93.4+10, ""), // virsh suspend for 5 s
		change("start", "instance-00000104", 111.2+5, paused), change("end", "instance-00000104", 111.2+10, ""),
	})
}
