package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"weir/bench/lab"
	"weir/bench/lab/scenario"
)

// place is a node of a group.
type place struct {
	*lab.Node
	lab    *lab.Lab
	group  scenario.Group
	name   string
	dir    string
	binary string // weir-agent
	hyper  *lab.Hypervisor
	guests []*lab.Guest
	rack   *rack
	attack lab.Attack // on guarded instances
	rules  string     // file of the packet filter that guards them

	mu      sync.Mutex // what follows
	agent   *lab.Process
	daemon  *lab.Process // hsflowd
	bridges []*bridge
	busy    bool
	ring    int // of the run that it is busy with
	freeAt  time.Time
	renamed int
}

// bridge is one of a place, with who is on it.
type bridge struct {
	name   string
	uplink bool
	on     []*lab.Instance
}

// raise makes the nodes of a group. sum counts nodes of all groups.
func raise(l *lab.Lab, g scenario.Group, dir, agent string) (all []*place) {
	r := newRack(l, &g)
	for i := range g.Count {
		p := &place{lab: l, group: g, rack: r, name: fmt.Sprintf("%s%d", g.Name, i+1), dir: dir, binary: agent}
		switch {
		case g.Guests > 0:
			p.hyper = l.Hypervisor(p.name)
			p.Node = p.hyper.Node
		case g.Switch == "ovs":
			p.Node = l.Node(p.name)
		default:
			p.Node = l.Plain(p.name)
		}
		r.join(p, i >= g.Count-g.Apart)
		p.people()
		if g.SFlow {
			for _, b := range p.bridges {
				p.SFlow(b.name, g.Sampling, g.Polling)
			}
		}
		if g.Agent {
			p.startAgent()
		}
		if g.HSFlowd != "" {
			p.startHSFlowd(g)
		}
		all = append(all, p)
	}
	r.finish(&g, all)
	guard(l, &g, all)
	for _, p := range all {
		for _, b := range p.bridges {
			if g.Local > 0 && len(b.on) > 1 && !b.uplink {
				l.Talk(b.on[0], b.on[1], g.Local)
			}
		}
	}
	if g.Talk > 0 {
		r.talk(&g, all)
	}
	return all
}

// people makes bridges, instances and guests.
func (p *place) people() {
	g := p.group
	if g.Switch == "ovs" {
		p.bridges = append(p.bridges, &bridge{name: "br0", uplink: true})
	}
	for k := range g.Bridges {
		b := &bridge{name: fmt.Sprintf("brq%d", k+1)}
		if g.Switch == "ovs" {
			b.name = fmt.Sprintf("brx%d", k+1)
			p.OVSBridge(b.name)
		} else {
			p.LinuxBridge(b.name)
		}
		p.bridges = append(p.bridges, b)
	}
	for k := range g.NICs {
		p.NIC(fmt.Sprintf("nic%d", k+1))
	}
	for k, b := range p.bridges {
		for i := range g.Instances {
			name := fmt.Sprintf("%s-%d%c", p.name, k, 'a'+i)
			if g.Guarded > 0 && k == 0 {
				b.on = append(b.on, p.Guarded(b.name, name))
				continue
			}
			if g.Switch == "linux" && g.Local > 0 {
				b.on = append(b.on, p.HostOn(b.name, name))
				continue
			}
			add := p.InstanceOn
			if g.Taps {
				add = p.TapInstance
			}
			v := add(b.name, name)
			if b.uplink {
				p.segment(i, v)
			}
			b.on = append(b.on, v)
		}
	}
	for range g.Guests {
		p.guests = append(p.guests, p.hyper.Define(lab.GuestSpec{NovaName: fmt.Sprintf("web-%s-%d", p.name, len(p.guests)+1), Bare: true}))
	}
	if g.Guests > 0 {
		p.hyper.PowerOn(p.guests...)
	}
}

// agentOff are the modules that would tell of the machine that the lab is on,
// on every node again.
const agentOff = "login, logs, service, lldp"

// startAgent runs weir-agent on the node. Ends of virtual cables stand for NICs
// and, behind Open vSwitch, for taps: they are polled like these.
func (p *place) startAgent() {
	file := filepath.Join(p.dir, p.name+".yaml")
	off := agentOff
	if !p.group.Watch {
		off += ", sampling, neighbour"
	}
	to := "collectors: [" + lab.CollectorAddr + "]"
	if p.group.Plain { // nobody listens on the node itself
		to = "collectors: [127.0.0.1]\nplain_collectors: [" + lab.CollectorAddr + "]"
	}
	text := fmt.Sprintf("%s\nnode: %s\nstate_dir: %s\noff: [%s]\ninterfaces: { except: [lo], fast: [tap, bridge, veth] }\n",
		to, p.name, filepath.Join(p.dir, p.name+".state"), off)
	if p.group.Watch {
		text += "sampling: { interfaces: [\"tap*\", eth1], budget: 400 }\n"
	}
	if p.RunDir() != "" {
		text += "ovs: { run_dir: " + p.RunDir() + " }\n"
	}
	if p.hyper != nil {
		text += "libvirt: { sockets: [" + p.hyper.Socket() + "] }\n"
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.lab.Fatal(err)
	}
	agent := p.lab.Start(p.NS, nil, p.binary, "run", "--config", file)
	p.mu.Lock()
	p.agent = agent
	p.mu.Unlock()
}

// doAgent changes the agent.
func (p *place) doAgent(what string) {
	p.mu.Lock()
	a := p.agent
	p.mu.Unlock()
	switch what {
	case "kill":
		a.Signal(syscall.SIGKILL)
		a.Wait(5 * time.Second)
	case "stop":
		a.Stop()
	case "start":
		p.startAgent()
	case "upgrade":
		a.Stop()
		time.Sleep(time.Second) // as long as a package takes to unpack
		p.startAgent()
	default:
		p.lab.Fatal("agent: " + what + ": choose from kill, stop, start, upgrade")
	}
}

// doSwitch changes Open vSwitch, or a bridge of it.
func (p *place) doSwitch(what string, b *bridge) {
	switch what {
	case "kill":
		p.Switchd.Signal(syscall.SIGKILL)
		p.Switchd.Wait(5 * time.Second)
	case "start":
		p.StartSwitchd()
	case "empty":
		p.OFCtl(b.name, "del-flows")
	case "fill":
		p.OFCtl(b.name, "add-flow", "priority=0,actions=normal")
	case "delete":
		p.VSCtl("--no-wait", "del-br", b.name)
	case "make": // under another name, so that it is not taken for one that flaps
		p.mu.Lock()
		p.renamed++
		b.name = fmt.Sprintf("%s_%d", strings.SplitN(b.name, "_", 2)[0], p.renamed)
		p.mu.Unlock()
		p.OVSBridge(b.name)
		if b.uplink {
			p.VSCtl("add-port", b.name, "eth1")
		}
		for _, v := range b.on {
			v.Plug(b.name)
		}
		switch {
		case p.group.SFlow:
			p.SFlow(b.name, p.group.Sampling, p.group.Polling)
		case p.group.HSFlowd != "": // which it would do within a minute
			id := strings.Fields(p.VSCtl("--bare", "--columns=_uuid", "list", "sflow"))
			if len(id) > 0 {
				p.VSCtl("set", "bridge", b.name, "sflow="+id[0])
			}
		}
	default:
		p.lab.Fatal("switch: " + what + ": choose from kill, start, empty, fill, delete, make")
	}
}

// doGuest changes a guest.
func (p *place) doGuest(what string, g *lab.Guest) {
	if what == "kill" {
		if pid := g.Pid(); pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			return
		}
		p.lab.Fatal("guest " + g.Name + " does not run")
	}
	p.hyper.Virsh(what, g.Name)
}
