package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/cmd/internal/commandline"
)

func TestDocsTellOfEveryExporter(t *testing.T) {
	code, out, _ := weir(t, "docs", "exporters")
	if code != 0 || out != exporters {
		t.Fatalf("code %d, %d octets", code, len(out))
	}
	for _, heading := range []string{
		"Arista EOS", "Juniper Junos", "Cisco NX-OS", "NVIDIA Cumulus", "SONiC", "Dell SmartFabric OS10",
		"Aruba AOS-CX", "Open vSwitch", "hsflowd", "weir-agent", "Beside another collector",
	} {
		_, section, found := strings.Cut(out, "\n## "+heading)
		if !found {
			t.Errorf("no section on %s", heading)
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		if !strings.Contains(section, "192.0.2.10") && !strings.Contains(section, "192.0.2.20") {
			t.Errorf("%s: does not name the collector", heading)
		}
	}
	for i, line := range strings.Split(out, "\n") {
		if len(line) > 100 {
			t.Errorf("line %d is %d octets long", i+1, len(line))
		}
	}
	if code, out, _ := weir(t, "docs", "configuration"); code != 0 || out != sample {
		t.Errorf("configuration: code %d, %d octets", code, len(out))
	}
	if code, _, errs := weir(t, "docs", "switches"); code != commandline.ExitUsage || !strings.Contains(errs, "docs") {
		t.Errorf("unknown topic: code %d, %s", code, errs)
	}
}

func TestDocsWriteManualPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	if code, _, errs := weir(t, "docs", "man", "--out", dir); code != 0 {
		t.Fatalf("code %d: %s", code, errs)
	}
	for _, name := range []string{"weir.1", "weir-run.1", "weir-replay.1", "weir-docs.1"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(string(b), ".SH NAME") {
			t.Errorf("%s is no manual page: %.100s", name, b)
		}
	}
	if code, _, errs := weir(t, "docs", "man"); code != commandline.ExitUsage || !strings.Contains(errs, "--out DIR") {
		t.Errorf("without a folder: code %d, %s", code, errs)
	}
}
