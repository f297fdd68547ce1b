package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRunTellsSystemd is a systemd that listens.
func TestRunTellsSystemd(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "60000000")
	t.Setenv("WATCHDOG_PID", "")
	hear := func() string {
		t.Helper()
		b := make([]byte, 4096)
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	conf := file(t, "weir.yaml", fmt.Sprintf("listen: ['127.0.0.1:0']\nstate_dir: %q\nhttp: ''\nlog: {level: error}\n", filepath.Join(dir, "state")))
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- execute(ctx, []string{"run", "--config", conf}, streams{strings.NewReader(""), io.Discard, io.Discard})
	}()
	if m := hear(); !strings.HasPrefix(m, "READY=1\nSTATUS=receiving sFlow on 127.0.0.1:") {
		t.Errorf("first heard %q", m)
	}
	for range 2 {
		if m := hear(); m != "WATCHDOG=1" {
			t.Errorf("then heard %q, want a sign of life", m)
		}
	}
	stop()
	m := hear()
	for m == "WATCHDOG=1" {
		m = hear()
	}
	if !strings.HasPrefix(m, "STOPPING=1\n") {
		t.Errorf("at the end heard %q", m)
	}
	if c := <-code; c != 0 {
		t.Errorf("exit code %d", c)
	}
}

// TestUnitIsWhatSystemdUnderstands has systemd read the units and weigh their
// sandbox, from 0, tight, to 10.
func TestUnitIsWhatSystemdUnderstands(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("needs systemd-analyze: apt-get install systemd")
	}
	unit, err := os.ReadFile("systemd/weir.service")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable() // the program is not installed
	if err != nil {
		t.Fatal(err)
	}
	for _, dropIn := range []string{"", "systemd/weir.service.d/forward.conf"} {
		name := "alone"
		if dropIn != "" {
			name = filepath.Base(dropIn)
		}
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "weir.service")
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(unit), "/usr/bin/weir", self)), 0o644); err != nil {
				t.Fatal(err)
			}
			if dropIn != "" {
				b, err := os.ReadFile(dropIn)
				if err == nil {
					err = os.MkdirAll(path+".d", 0o755)
				}
				if err == nil {
					err = os.WriteFile(filepath.Join(path+".d", "forward.conf"), b, 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("verify: %v\n%s", err, out)
			}
			// The threshold is in tenths.
			if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", path).CombinedOutput(); err != nil {
				t.Errorf("security: %v\n%s", err, out)
			}
		})
	}
}
