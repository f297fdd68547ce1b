package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"weir/bench/lab"
	"weir/bench/lab/scenario"
)

// collector is the weir of a lab.
type collector struct {
	lab    *lab.Lab
	binary string
	dir    string // of its state
	heard  func(scenario.Alert)

	mu      sync.Mutex
	process *lab.Process
	used    time.Duration // processor time of those that have ended
	rest    []byte        // of a line
}

// start runs weir in the collector's namespace until stop; heard is called with
// every alert line as it arrives.
func (c *collector) start() {
	config := filepath.Join(c.dir, "weir.yaml")
	text := "state_dir: " + c.dir + "\nhttp: \"\"\nhistory: { off: true }\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		c.lab.Fatal(err)
	}
	p := c.lab.StartTo(c.lab.Collector, nil, c, c.binary, "run", "--config", config)
	c.mu.Lock()
	c.process = p
	c.mu.Unlock()
	c.lab.Eventually(20*time.Second, "a collector that listens", func() bool {
		if code, ended := p.Wait(0); ended {
			c.lab.Fatal(fmt.Sprintf("weir run ended with exit code %d: %s", code, p.Stderr.String()))
		}
		_, err := os.Stat(filepath.Join(c.dir, "control.sock"))
		return err == nil
	})
}

func (c *collector) stop() {
	c.mu.Lock()
	p := c.process
	c.mu.Unlock()
	if p == nil {
		return
	}
	c.mu.Lock()
	c.used += c.usage()
	c.mu.Unlock()
	p.Stop()
}

// restart ends weir as systemd does and starts it again with the same state.
func (c *collector) restart() {
	c.stop()
	_ = os.Remove(filepath.Join(c.dir, "control.sock"))
	c.start()
}

// Write takes what weir prints.
func (c *collector) Write(b []byte) (int, error) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest = append(c.rest, b...)
	for {
		i := bytes.IndexByte(c.rest, '\n')
		if i < 0 {
			return len(b), nil
		}
		a, err := scenario.ParseAlert(c.rest[:i], now)
		c.rest = c.rest[i+1:]
		if err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
			continue
		}
		c.heard(a)
	}
}

// usage is the processor time that weir has used; c.mu is held.
func (c *collector) usage() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.process.Pid()))
	if err != nil {
		return 0
	}
	// Behind the name, which may hold anything: state is field 3, utime 14, stime 15.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	ticks := 0
	for _, text := range f[11:13] {
		n, err := strconv.Atoi(string(text))
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100)
}

// network changes what of the agents' datagrams reaches the collector.
type network struct{ lab *lab.Lab }

// lose sets how many datagrams are lost, and lets nobody be blocked.
func (n *network) lose(l scenario.Loss) {
	rules := "table ip weirlab\ndelete table ip weirlab\ntable ip weirlab {\n set blocked { type ipv4_addr; }\n chain in { type filter hook input priority 0;\n" +
		" ip saddr @blocked udp dport 6343 drop\n"
	if l.Of > 0 {
		way := "inc"
		if l.Random {
			way = "random"
		}
		rules += fmt.Sprintf(" udp dport 6343 numgen %s mod %d < %d counter drop\n", way, l.Of, l.Lost)
	}
	n.nft(rules + "}\n}\n")
}

// path blocks datagrams of one address, or opens its way again.
func (n *network) path(addr string, blocked bool) {
	verb := "delete"
	if blocked {
		verb = "add"
	}
	n.nft(verb + " element ip weirlab blocked { " + addr + " }\n")
}

// deaf drops everything for the collector, or nothing.
func (n *network) deaf(is bool) {
	if is {
		n.nft("table ip weirdeaf { chain in { type filter hook input priority -1; udp dport 6343 drop; }; }\n")
	} else {
		n.nft("delete table ip weirdeaf\n")
	}
}

func (n *network) nft(rules string) {
	if err := n.lab.Run(n.lab.Collector, []string{"RULES=" + rules}, `printf %s "$RULES" | nft -f -`); err != nil {
		n.lab.Fatal(err)
	}
}

// load is the machine's load over the last minute.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := bytes.Cut(b, []byte(" "))
	return string(one)
}

// sigterm ends the program as an interrupt does.
var sigterm = []os.Signal{os.Interrupt, syscall.SIGTERM}
