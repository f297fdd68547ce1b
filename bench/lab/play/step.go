package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/bench/lab/scenario"
)

// steps does one step after the other.
func (p *player) steps(x *act, all []scenario.Step) {
	for i := range all {
		p.step(x, &all[i])
	}
}

func (p *player) step(x *act, s *scenario.Step) {
	switch {
	case s.Sh != "":
		ns, env := p.lab.Collector, []string(nil)
		if x.place != nil {
			ns, env = x.place.NS, x.place.Env()
		}
		switch {
		case s.On == "instance" && x.instance != nil:
			ns = x.instance.NS
		case s.On == "leaf" && x.place != nil && x.place.rack.leaf != nil:
			ns, env = x.place.rack.leaf.NS, x.place.rack.leaf.Env()
		case s.On == "router" && x.place != nil && x.place.rack.router != nil:
			ns, env = x.place.rack.router.NS, x.place.rack.router.Env()
		case s.On == "others" && x.place != nil:
			p.others(x, x.fill(s.Sh))
			return
		}
		for i := range max(s.Repeat, 1) {
			if i > 0 && p.ctx.Err() != nil {
				return
			}
			command := strings.ReplaceAll(x.fill(s.Sh), "{i}", strconv.Itoa(i))
			if err := p.lab.Run(ns, env, command); err != nil && !s.Ignored {
				p.lab.Fatal(err)
			}
		}
	case s.Agent != "":
		x.place.doAgent(s.Agent)
	case s.HSFlowd != "":
		x.place.doHSFlowd(s.HSFlowd)
	case s.Switch != "" && s.On == "leaf" && x.place.rack.leaf != nil:
		x.place.rack.do(s.Switch)
	case s.Switch != "":
		x.place.doSwitch(s.Switch, x.bridge)
	case s.Guest != "":
		x.place.doGuest(s.Guest, x.guest)
	case s.Path != "":
		p.path(x, s.Path)
	case s.Attack != "":
		x.place.doAttack(s.Attack)
	case s.Weir == "restart":
		p.weir.restart()
	case s.Wait > 0:
		time.Sleep(time.Duration(s.Wait))
	default:
		p.lab.Fatal(fmt.Sprintf("a step that does nothing: %+v", *s))
	}
}

// others runs a command in every other instance of the group.
func (p *player) others(x *act, command string) {
	for _, pl := range p.groups[x.place.group.Name] {
		for _, b := range pl.bridges {
			for _, v := range b.on {
				if v == x.instance {
					continue
				}
				if err := p.lab.Run(v.NS, nil, command); err != nil {
					p.lab.Fatal(err)
				}
			}
		}
	}
}

func (p *player) path(x *act, what string) {
	switch what {
	case "block", "open":
		p.net.path(x.place.Addr, what == "block")
	case "cut":
		x.place.Cables("down")
	case "join":
		x.place.Cables("up")
	case "deaf", "hear":
		p.net.deaf(what == "deaf")
	default:
		p.lab.Fatal("path: " + what + ": choose from block, open, cut, join, deaf, hear")
	}
}
