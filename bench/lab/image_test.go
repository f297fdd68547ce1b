package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// buildah runs buildah on a storage of the test's own.
type buildah struct {
	t     *testing.T
	flags []string
}

func newBuildah(t *testing.T) *buildah {
	t.Helper()
	Need(t, "buildah", "make", "ip")
	dir := t.TempDir()
	return &buildah{t, []string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--storage-driver", "vfs"}}
}

func (b *buildah) command(args ...string) []string {
	return append(append([]string{"buildah"}, b.flags...), args...)
}

func (b *buildah) run(args ...string) string {
	b.t.Helper()
	c := b.command(args...)
	cmd := exec.Command(c[0], c[1:]...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		b.t.Fatalf("buildah %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// TestImageRuns builds the container image as `make image` does, looks into it,
// and runs the collector and its health check from it, in a namespace.
func TestImageRuns(t *testing.T) {
	b := newBuildah(t)
	tag := fmt.Sprintf("weir:test-%d", os.Getpid())
	mk := exec.Command("make", "--no-print-directory", "image", "IMAGE="+tag, "BUILDAH=buildah "+strings.Join(b.flags, " "))
	mk.Dir = filepath.Join("..", "..")
	if out, err := mk.CombinedOutput(); err != nil {
		t.Fatalf("make image: %v\n%s", err, out)
	}
	c := b.run("from", "--pull-never", tag)
	t.Cleanup(func() { b.run("rm", c) })

	t.Run("holds only the programs", func(t *testing.T) {
		root := b.run("mount", c)
		defer b.run("umount", c)
		for _, name := range []string{"weir", "weir-agent", "var/lib/weir"} {
			if _, err := os.Stat(filepath.Join(root, name)); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Stat(filepath.Join(root, "bin")); err == nil {
			t.Error("the image has a /bin")
		}
		if got := b.run("inspect", "--type", "container", "--format", "{{.OCIv1.Config.User}}", c); got != "65532:65532" {
			t.Errorf("user %q, want 65532:65532", got)
		}
		if got := b.run("inspect", "--type", "container", "--format", "{{.Docker.Config.Healthcheck.Test}}", c); got != "[CMD /weir healthcheck]" {
			t.Errorf("health check %q, want [CMD /weir healthcheck]", got)
		}
	})

	run := []string{"run", "--isolation", "chroot", c, "--", "/weir"}
	t.Run("says its version", func(t *testing.T) {
		if got := b.run(append(run, "version")...); !strings.HasPrefix(got, "weir ") {
			t.Errorf("weir version printed %q", got)
		}
	})
	t.Run("is healthy while it runs", func(t *testing.T) {
		l := &Lab{t: t, name: fmt.Sprintf("%s%d-image", prefix, os.Getpid()), dir: t.TempDir()}
		ns := l.namespace("c")
		healthy := func() bool {
			args := append([]string{"netns", "exec", ns}, b.command(append(run, "healthcheck")...)...)
			return exec.Command("ip", args...).Run() == nil
		}
		if healthy() {
			t.Fatal("healthy before it runs")
		}
		p := l.Start(ns, nil, b.command(append(run, "run")...)...)
		l.Eventually(20*time.Second, "healthy", healthy)
		p.Stop()
		if healthy() {
			t.Error("healthy after it was stopped")
		}
	})
}
