package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIncidentNamesWhatItBefell(t *testing.T) {
	var i incidentInfo
	if err := json.Unmarshal([]byte(`{"id":"a-1","line":"bridge down br0 on hv3","alerts":["17:35:50.080 start bridge down br0 on hv3"],
		"children":[{"kind":"instance_unreachable","subject":{"node":"hv3","name":"web-1","uuid":"u1","project":"shop"},"line":"its bridge has lost its forwarding"},
			{"kind":"instance_unreachable","subject":{"node":"hv3","uuid":"u2"},"line":"its bridge has lost its forwarding"}],
		"steps":[{"at":"2026-11-22T17:35:50.08Z","node":"hv3","entity":"instance/u1","what":"unreachable","from":"agent"},
			{"at":"2026-11-22T17:35:50.08Z","node":"hv3","entity":"instance/u2","what":"unreachable","from":"agent"},
			{"at":"2026-11-22T17:35:51Z","before":"2026-11-22T17:35:50Z","node":"hv3","entity":"port/1/br0","what":"status of br0","was":"up","is":"down","from":"passive"},
			{"at":"2026-11-22T17:35:52Z","node":"hv3","entity":"port/10.0.0.3/Ethernet1/2","what":"interface_down: no carrier","from":"passive"},
			{"at":"2026-11-22T17:35:52Z","node":"hv3","entity":"instance/10.0.0.3/tap1","what":"instance_unreachable is over"},
			{"at":"2026-11-22T17:35:52Z","node":"hv3","entity":"sampling/10.0.0.3/","what":"telemetry_tampered is over"}],"cut":true}`), &i); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := printIncident(&b, &i); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(b.String()) {
		got = append(got, strings.TrimRight(line, " \n"))
	}
	if diff := cmp.Diff([]string{
		"a-1",
		"bridge down br0 on hv3",
		"",
		"alerts",
		"  17:35:50.080 start bridge down br0 on hv3",
		"",
		"with it",
		"  instance_unreachable web-1 on hv3, project shop: its bridge has lost its forwarding",
		"  instance_unreachable u2 on hv3: its bridge has lost its forwarding",
		"",
		"TIME          SINCE         NODE  WHAT                                     BEFORE  AFTER  WITNESS  SKEW",
		"17:35:50.080                hv3   web-1: unreachable                                      agent",
		"17:35:50.080                hv3   u2: unreachable                                         agent",
		"17:35:51.000  17:35:50.000  hv3   status of br0                            up      down   passive",
		"17:35:52.000                hv3   Ethernet1/2: interface_down: no carrier                 passive",
		"17:35:52.000                hv3   tap1: instance_unreachable is over",
		"17:35:52.000                hv3   telemetry_tampered is over",
		"there were more facts before than are kept",
	}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
