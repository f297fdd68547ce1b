package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// run runs a command in the root of the module.
func run(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// only returns the one file that matches.
func only(t *testing.T, pattern string) string {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil || len(all) != 1 {
		t.Fatalf("%s: %q, %v", pattern, all, err)
	}
	return all[0]
}

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
	run(t, []string{"CGO_ENABLED=0", "GOFLAGS="}, "go", "build", "-ldflags", "-X main.version=v1.2.3", "-o", filepath.Join(dist, "weir"), "./cmd/weir")
	run(t, []string{"DIST=" + dist, "VERSION=v1.2.3", "CGO_ENABLED=0"}, ".ci/package")
	packages := filepath.Join(dist, "packages")
	run(t, nil, "sh", "-c", "cd '"+packages+"' && sha256sum --check --quiet SHA256SUMS")

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
		deb := only(t, filepath.Join(packages, "weir_1.2.3_*.deb"))
		dpkg := []string{"dpkg", "--root=" + root, "--force-script-chrootless"}
		run(t, nil, append(dpkg, "-i", deb)...)
		checkInstalled(t, root)

		// An upgrade keeps what the operator wrote.
		config := filepath.Join(root, "etc/weir/weir.yaml")
		if err := os.WriteFile(config, []byte("site: north\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		run(t, nil, append(dpkg, "-i", deb)...)
		if b, err := os.ReadFile(config); err != nil || string(b) != "site: north\n" {
			t.Errorf("after an upgrade the configuration is %q, %v", b, err)
		}
		if err := os.MkdirAll(filepath.Join(root, "var/lib/weir"), 0o755); err != nil {
			t.Fatal(err)
		}
		run(t, nil, append(dpkg, "--purge", "weir")...)
		for _, gone := range []string{"usr/bin/weir", "etc/weir/weir.yaml", "var/lib/weir"} {
			if _, err := os.Stat(filepath.Join(root, gone)); err == nil {
				t.Errorf("%s is still there", gone)
			}
		}
	})
	t.Run("rpm", func(t *testing.T) {
		root := t.TempDir()
		file := only(t, filepath.Join(packages, "weir-1.2.3-1.*.rpm"))
		run(t, nil, "rpm", "--root", root, "--nodeps", "--noscripts", "--nosignature", "-i", file)
		checkInstalled(t, root)
		scripts := run(t, nil, "rpm", "-qp", "--nosignature", "--scripts", file)
		for _, want := range []string{"systemctl preset weir.service", "systemctl disable --now weir.service"} {
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
		"etc/weir/weir.yaml", "etc/weir/conf.d", "usr/lib/systemd/system/weir.service", "usr/lib/sysctl.d/60-weir.conf",
		"usr/share/doc/weir/forward.conf", "usr/share/doc/weir/exporters.md", "usr/share/doc/weir/copyright", "usr/share/doc/weir/weir.cdx.json",
		"usr/share/man/man1/weir.1.gz", "usr/share/man/man1/weir-run.1.gz", "usr/share/bash-completion/completions/weir",
		"usr/share/zsh/vendor-completions/_weir", "usr/share/fish/vendor_completions.d/weir.fish",
	} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Error(err)
		}
	}
	inside := func(ctx context.Context, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "/usr/bin/weir", args...)
		cmd.Dir = "/"
		cmd.Env = []string{"STATE_DIRECTORY=/var/lib/weir", "PATH=/usr/bin"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		return cmd
	}
	if out, err := inside(t.Context(), "check", "--quiet").CombinedOutput(); err != nil || !strings.Contains(string(out), "/etc/weir/weir.yaml: ok") {
		t.Errorf("check: %v: %s", err, out)
	}
	if out, err := inside(t.Context(), "check").CombinedOutput(); err != nil || !strings.Contains(string(out), "in /var/lib/weir/history, alerts in /var/lib/weir") {
		t.Errorf("check: %v: %s", err, out)
	}
	if b, err := os.ReadFile(filepath.Join(root, "etc/weir/weir.yaml")); err != nil || !strings.Contains(string(b), "\n  size: 20%\n") {
		t.Errorf("the packages' configuration does not give the history a fifth of the file system: %v", err)
	}
	if out, err := inside(t.Context(), "version").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "weir v1.2.3 ") {
		t.Errorf("version: %v: %s", err, out)
	}
	extra := filepath.Join(root, "etc/weir/conf.d/test.yaml")
	if err := os.WriteFile(extra, []byte("listen: ['127.0.0.1:0']\nhttp: '127.0.0.1:0'\nlog: {format: json}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var log output
	cmd := inside(t.Context(), "run")
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, &log, `"state_dir":"/var/lib/weir".*receiving sFlow`)
	if out, err := inside(t.Context(), "status").CombinedOutput(); err != nil || !regexp.MustCompile(`(?m)^weir +v1\.2\.3`).Match(out) {
		t.Errorf("status: %v: %s", err, out)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		t.Errorf("run: %v: %s", err, log.String())
	}
	if err := os.Remove(extra); err != nil {
		t.Fatal(err)
	}
}
