package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"weir/hostagent"
	"weir/hostagent/config"
	"weir/hostagent/process"
)

const unit = "systemd/weir-agent.service"

// TestUnitAllowsWhatModulesNeed compares the unit with what the modules ask for,
// with everything turned on.
func TestUnitAllowsWhatModulesNeed(t *testing.T) {
	b, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	var allowed string
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "CapabilityBoundingSet="); ok {
			allowed = v
		}
	}
	cfg := config.Default()
	cfg.Namespaces.Names = []string{"qrouter-*"}
	for _, c := range append(hostagent.Capabilities(cfg), unix.CAP_SETPCAP) {
		if name := process.CapabilityName(c); !strings.Contains(allowed, name) {
			t.Errorf("the unit does not allow %s", name)
		}
	}
}

func TestUnitIsUnderstoodBySystemd(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("needs systemd-analyze: run make test-all as root")
	}
	b, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(t.TempDir(), "weir-agent.service")
	text := strings.Replace(string(b), "/usr/bin/weir-agent", "/bin/true", 1)
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", at).CombinedOutput()
	if err != nil || strings.Contains(string(out), at) || strings.Contains(string(out), "Unknown") {
		t.Errorf("%v\n%s", err, out)
	}
}
