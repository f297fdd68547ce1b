package main

import (
	"path/filepath"

	"weir/bench/lab"
	"weir/bench/lab/scenario"
)

// spoofed is how many datagrams a second an instance sends with others' addresses.
const spoofed = 4

// guard puts the instances of a group behind the packet filters of their nodes,
// and lets strangers try them.
func guard(l *lab.Lab, g *scenario.Group, all []*place) {
	if g.Guarded == 0 {
		return
	}
	stranger := l.Stranger(g.Name + "out")
	for _, p := range all {
		on := p.bridges[0].on
		if g.Switch != "ovs" {
			p.Uplink(p.bridges[0].name)
		}
		p.rules = filepath.Join(p.dir, p.name+".rules")
		p.Filter(p.rules, on)
		if err := l.Run(p.NS, nil, "iptables-nft-restore "+p.rules); err != nil {
			l.Fatal(err)
		}
		p.attack.Knock(stranger, on, g.Guarded)
		for _, v := range on[:g.Spoof] {
			p.attack.Spoof(v, stranger, spoofed)
		}
	}
}

// doAttack stops what guarded instances are tried with, or starts it again.
func (p *place) doAttack(what string) {
	switch what {
	case "stop", "start":
		p.attack.Pause.Store(what == "stop")
	default:
		p.lab.Fatal("attack: " + what + ": choose from stop, start")
	}
}
