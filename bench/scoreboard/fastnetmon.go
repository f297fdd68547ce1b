package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"weir/bench/scoreboard/site"
	"weir/bench/traffic"
)

// fastNetMon runs the FastNetMon that is installed, in real time, on the UDP
// floods of D1. It returns the delays by multiple of the threshold, and a
// sentence for the table.
func (r *run) fastNetMon() (map[float64][]float64, string) {
	path, err := exec.LookPath("fastnetmon")
	if err != nil {
		return nil, "FastNetMon itself was not run: it is not installed (Debian: apt-get install --no-install-recommends fastnetmon)"
	}
	if r.quick {
		return nil, "FastNetMon itself was not run: it needs real time, which a quick run has not"
	}
	r.progress.begin("D1, FastNetMon in real time (35 s)")
	delays, version, err := measureFastNetMon(path, r.seed)
	if err != nil {
		return nil, fmt.Sprintf("FastNetMon itself was not run: %v", err)
	}
	return delays, fmt.Sprintf("FastNetMon itself: %s, its default configuration with sFlow on 127.0.0.1, ban_for_pps at 20,000 and its usage report off; "+
		"the same generated sFlow in real time; an alert is when its notify script runs", version)
}

const fastNetMonVictims = 8 // per multiple

func measureFastNetMon(path string, seed uint64) (map[float64][]float64, string, error) {
	dir, err := os.MkdirTemp("", "scoreboard-fastnetmon-")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	if err := fastNetMonConfig(dir, port); err != nil {
		return nil, "", err
	}
	out, err := exec.Command(path, "--version").CombinedOutput()
	if err != nil {
		return nil, "", fmt.Errorf("its version: %w", err)
	}
	version := strings.TrimSpace(strings.SplitN(string(out), "\n", 2)[0])

	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--configuration_file", filepath.Join(dir, "fastnetmon.conf"),
		"--log_file", filepath.Join(dir, "log"), "--disable_pid_logic")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &output, &output, dir
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		cancel() // kills it
		<-ended
	}()
	select {
	case err := <-ended:
		ended <- err
		return nil, "", fmt.Errorf("it ended at once (%w): %s", err, lastLine(output.String()))
	case <-time.After(3 * time.Second): // it listens by then
	}
	delays, err := floodInRealTime(filepath.Join(dir, "alerts"), port, seed)
	if err == nil && len(delays[10]) == 0 {
		err = errors.New("it raised no alert: " + lastLine(output.String()))
	}
	return delays, version, err
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

func freePort() (int, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port, nil
}

func fastNetMonConfig(dir string, port int) error {
	conf := fmt.Sprintf(`logging_level = info
disable_usage_report = on
enable_ban = on
process_incoming_traffic = on
process_outgoing_traffic = off
networks_list_path = %[1]s/networks
white_list_path = %[1]s/white
monitor_local_ip_addresses = off
check_period = 1
ban_time = 1900
ban_for_pps = on
ban_for_bandwidth = off
ban_for_flows = off
threshold_pps = %[3]d
threshold_mbps = 1000
threshold_flows = 3500
average_calculation_time = 5
speed_calculation_delay = 1
sflow = on
sflow_port = %[2]d
sflow_host = 127.0.0.1
netflow = off
enable_api = off
prometheus = off
pid_path = %[1]s/pid
cli_stats_file_path = %[1]s/stats
cli_stats_ipv6_file_path = %[1]s/stats6
notify_script_path = %[1]s/notify
`, dir, port, floodThreshold)
	// The script is called with address, direction, rate and action.
	notify := fmt.Sprintf("#!/bin/sh\n[ \"$4\" = ban ] && : > %s/alerts/\"$1\"\ncat > /dev/null\n", dir)
	if err := os.Mkdir(filepath.Join(dir, "alerts"), 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{"fastnetmon.conf": conf, "networks": "10.100.0.0/21\n10.101.0.0/21\n10.102.0.0/21\n", "white": "", "notify": notify} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil { //nolint:gosec // a script
			return err
		}
	}
	return nil
}

// floodInRealTime sends the floods of all multiples, staggered, and waits for a
// file named like each victim.
func floodInRealTime(alerts string, port int, seed uint64) (map[float64][]float64, error) {
	to, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return nil, err
	}
	defer to.Close()
	type flood struct {
		times float64
		start time.Time
	}
	waiting := map[netip.Addr]flood{}
	var nets []*traffic.Network
	begin := time.Now().Add(200 * time.Millisecond)
	for i, times := range []float64{2, 5, 10} {
		l := flooding(site.UDP, times*floodThreshold, 100)
		l.Seed, l.Count = seed+uint64(i), fastNetMonVictims
		l.Warm, l.Spread, l.Lasts, l.Benign = 0, 12*time.Second, 8*time.Second, 4
		l.Flush = 20 * time.Millisecond
		cfg, truths := l.Network()
		shift(&cfg, i, begin)
		for _, t := range truths {
			a := t.Victim.Addr().As4()
			a[1] = byte(100 + i) // as shift does
			waiting[netip.AddrFrom4(a)] = flood{times, begin.Add(t.Pulses[0].Start.Sub(site.Epoch))}
		}
		nets = append(nets, traffic.New(cfg))
	}
	stop := make(chan struct{})
	sent := make(chan error, len(nets))
	for _, n := range nets {
		go func() { sent <- pace(n, to, stop) }()
	}
	delays := map[float64][]float64{}
	left := len(nets)
	deadline := begin.Add(site.Settle + 25*time.Second)
	for (left > 0 || len(waiting) > 0) && time.Now().Before(deadline) {
		select {
		case err := <-sent:
			left--
			if err != nil {
				close(stop)
				return nil, err
			}
		case <-time.After(2 * time.Millisecond):
		}
		files, err := os.ReadDir(alerts)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			addr, err := netip.ParseAddr(f.Name())
			if err != nil {
				continue
			}
			if w, ok := waiting[addr]; ok {
				delays[w.times] = append(delays[w.times], time.Since(w.start).Seconds())
				delete(waiting, addr)
			}
		}
	}
	close(stop)
	return delays, nil
}

// shift gives every multiple addresses of its own, on one clock.
func shift(c *traffic.Config, i int, begin time.Time) {
	c.Start = begin
	for k := range c.Flows {
		f := &c.Flows[k]
		for _, a := range []*netip.Addr{&f.Src, &f.Dst} {
			if b := a.As4(); b[0] == 10 {
				b[1] = byte(100 + i)
				*a = netip.AddrFrom4(b)
			}
		}
	}
	for k := range c.Agents {
		b := c.Agents[k].Addr.As4()
		b[1] += byte(i)
		c.Agents[k].Addr = netip.AddrFrom4(b)
	}
}

// pace sends what n gives when it is due.
func pace(n *traffic.Network, to *net.UDPConn, stop <-chan struct{}) error {
	for {
		d, ok := n.Next()
		if !ok {
			return nil
		}
		if wait := time.Until(d.At); wait > 0 {
			select {
			case <-stop:
				return nil
			case <-time.After(wait):
			}
		}
		if _, err := to.Write(d.Payload); err != nil {
			return err
		}
	}
}
