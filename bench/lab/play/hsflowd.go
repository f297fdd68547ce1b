package main

import (
	"strconv"
	"strings"
	"syscall"
	"time"

	"weir/bench/lab"
	"weir/bench/lab/scenario"
)

// startHSFlowd runs the Host sFlow daemon on the node, as a group says.
func (p *place) startHSFlowd(g scenario.Group) {
	c := lab.HSFlowdConfig{Sampling: g.Sampling, Polling: g.Polling, Adaptors: g.Adaptors, Sections: g.HSFlowd}
	var d *lab.Process
	if p.hyper != nil {
		d = p.hyper.HSFlowd(c)
	} else {
		d = p.HSFlowd(c)
	}
	p.mu.Lock()
	p.daemon = d
	p.mu.Unlock()
}

// doHSFlowd changes the daemon. It reads its configuration when it starts.
func (p *place) doHSFlowd(what string) {
	p.mu.Lock()
	d := p.daemon
	p.mu.Unlock()
	key, text, is := strings.Cut(what, "=")
	if n, err := strconv.Atoi(text); is && err == nil {
		g := p.group
		switch key {
		case "sampling":
			g.Sampling = n
		case "polling":
			g.Polling = n
		default:
			p.lab.Fatal("hsflowd: " + what + ": choose from sampling=N, polling=N")
		}
		d.Stop()
		p.startHSFlowd(g)
		return
	}
	switch what {
	case "kill":
		d.Signal(syscall.SIGKILL)
		d.Wait(5 * time.Second)
	case "stop":
		d.Stop()
	case "start":
		p.startHSFlowd(p.group)
	default:
		p.lab.Fatal("hsflowd: " + what + ": choose from kill, stop, start, sampling=N, polling=N")
	}
}
