package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPackagesInstall builds the packages, installs each into a folder, and runs
// what was installed there.
func TestPackagesInstall(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"dpkg", "rpm", "git"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s: apt-get install %s", tool, tool)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, to install")
	}
	dist := t.TempDir()
	must := func(env []string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir = filepath.Join("..", "..")
		cmd.Env = append(os.Environ(), append(env, "CGO_ENABLED=0")...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	must([]string{"GOFLAGS="}, "go", "build", "-ldflags", "-X main.version=v1.2.3", "-o", filepath.Join(dist, "weir-agent"), "./cmd/weir-agent")
	must([]string{"DIST=" + dist, "VERSION=v1.2.3"}, ".ci/package")
	packages := filepath.Join(dist, "packages")
	must(nil, "sh", "-c", "cd '"+packages+"' && sha256sum --check --quiet SHA256SUMS")
	file := func(pattern string) string {
		t.Helper()
		all, err := filepath.Glob(filepath.Join(packages, pattern))
		if err != nil || len(all) != 1 {
			t.Fatalf("%s: %q, %v", pattern, all, err)
		}
		return all[0]
	}

	t.Run("deb", func(t *testing.T) {
		root := t.TempDir()
		for _, d := range []string{"updates", "info"} {
			if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg", d), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		deb := file("weir-agent_1.2.3_*.deb")
		dpkg := []string{"dpkg", "--root=" + root, "--force-script-chrootless"}
		must(nil, append(dpkg, "-i", deb)...)
		checkInstalled(t, root)

		// An upgrade keeps what the operator wrote.
		config := filepath.Join(root, "etc/weir/weir-agent.yaml")
		if err := os.WriteFile(config, []byte("node: north\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		must(nil, append(dpkg, "-i", deb)...)
		if b, err := os.ReadFile(config); err != nil || string(b) != "node: north\n" {
			t.Errorf("after an upgrade the configuration is %q, %v", b, err)
		}
		must(nil, append(dpkg, "--purge", "weir-agent")...)
		for _, gone := range []string{"usr/bin/weir-agent", "etc/weir/weir-agent.yaml"} {
			if _, err := os.Stat(filepath.Join(root, gone)); err == nil {
				t.Errorf("%s is still there", gone)
			}
		}
	})
	t.Run("rpm", func(t *testing.T) {
		root := t.TempDir()
		rpm := file("weir-agent-1.2.3-1.*.rpm")
		must(nil, "rpm", "--root", root, "--nodeps", "--noscripts", "--nosignature", "-i", rpm)
		checkInstalled(t, root)
		scripts := must(nil, "rpm", "-qp", "--nosignature", "--scripts", rpm)
		for _, want := range []string{"systemctl preset weir-agent.service", "systemctl disable --now weir-agent.service"} {
			if !strings.Contains(scripts, want) {
				t.Errorf("scripts lack %q", want)
			}
		}
	})
}

// checkInstalled looks at what a package holds and runs it within its root.
func checkInstalled(t *testing.T, root string) {
	t.Helper()
	for _, name := range []string{
		"etc/weir/weir-agent.yaml", "usr/lib/systemd/system/weir-agent.service", "usr/share/doc/weir-agent/README.md",
		"usr/share/doc/weir-agent/copyright", "usr/share/doc/weir-agent/weir-agent.cdx.json",
		"usr/share/man/man1/weir-agent.1.gz", "usr/share/man/man1/weir-agent-doctor.1.gz", "usr/share/bash-completion/completions/weir-agent",
		"usr/share/zsh/vendor-completions/_weir-agent", "usr/share/fish/vendor_completions.d/weir-agent.fish",
	} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Error(err)
		}
	}
	for command, want := range map[string]string{"check": "ok, digest ", "version": "weir-agent v1.2.3 "} {
		cmd := exec.CommandContext(t.Context(), "/usr/bin/weir-agent", command)
		cmd.Dir = "/"
		cmd.Env = []string{"PATH=/usr/bin"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), want) {
			t.Errorf("%s: %v: %s", command, err, out)
		}
	}
}
