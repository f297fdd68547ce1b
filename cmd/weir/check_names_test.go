package main

import (
	"fmt"
	"strings"
	"testing"

	"weir/cmd/internal/commandline"
)

func TestCheckReadsNamesFiles(t *testing.T) {
	good := file(t, "names.csv", "agent,agent_name,ifname,speed\n10.0.0.1,leaf1,swp1,10G\n10.0.0.1,,swp2,10G\n10.0.0.2,leaf2,,\n")
	conf := file(t, "weir.yaml", fmt.Sprintf("names: {files: [%q]}\n", good))
	if code, out, errs := weir(t, "check", "--quiet", "--config", conf); code != 0 || !strings.Contains(out, "names.files: ok, they name 2 agents and 2 interfaces") {
		t.Errorf("code %d: %s%s", code, out, errs)
	}
	bad := file(t, "names.yaml", "- agent: 10.0.0.1\n  interfaces:\n    - {name: swp1, speed: fast}\n")
	conf = file(t, "weir.yaml", fmt.Sprintf("listen: ['127.0.0.1:0']\nhttp: ''\nstate_dir: %q\nnames: {files: [%q]}\n", t.TempDir(), bad))
	want := fmt.Sprintf("weir: %s:3: speed \"fast\": not a speed; write a number of bit/s or with a unit, such as 100Gbit/s\n", bad)
	for _, command := range []string{"check", "run"} {
		if code, _, errs := weir(t, command, "--config", conf); code != commandline.ExitConfig || errs != want {
			t.Errorf("%s: code %d: %s", command, code, errs)
		}
	}
}
