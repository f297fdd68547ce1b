package config

import (
	"path"
	"strconv"
)

// Sampling is about packet samples.
type Sampling struct {
	// Method is tcx (eBPF, Linux 6.6), packet (a packet socket with a random
	// filter), auto (tcx where that can be had, else packet) or nflog (the
	// operator's own rules, which draw one packet in Rate).
	Method string `yaml:"method"`
	// NFLOGGroup is the group that the rules log to.
	NFLOGGroup uint16 `yaml:"nflog_group"`
	// Interfaces are patterns of names; empty: the uplinks and the instances'
	// taps.
	Interfaces []string `yaml:"interfaces"`
	Except     []string `yaml:"except"`
	// Rate is one packet in so many; 0: it adapts to Budget.
	Rate uint32 `yaml:"rate"`
	// Budget is samples a second of the node.
	Budget float64 `yaml:"budget"`
	// Direction is ingress, egress or both.
	Direction string `yaml:"direction"`
	// Payload is how many octets are kept behind the innermost transport header.
	Payload int `yaml:"payload"`
	// Header is how many octets of a packet leave the node at most.
	Header int `yaml:"header"`
}

func defaultSampling() Sampling {
	return Sampling{Method: "auto", NFLOGGroup: 5, Budget: 200, Direction: "ingress", Header: 256}
}

func (s *Sampling) check(wrong func(key, problem, fix string)) {
	for key, list := range map[string][]string{"sampling.interfaces": s.Interfaces, "sampling.except": s.Except} {
		for _, p := range list {
			if _, err := path.Match(p, ""); err != nil {
				wrong(key, strconv.Quote(p)+" is no pattern", `write names, with * for anything: "eth*"`)
			}
		}
	}
	if s.Rate > 1<<22 {
		wrong("sampling.rate", strconv.FormatUint(uint64(s.Rate), 10)+" is too coarse", "write a number up to 4194304, or 0 for a rate that adapts")
	}
	if !(s.Budget >= 1 && s.Budget <= 1e6) {
		wrong("sampling.budget", strconv.FormatFloat(s.Budget, 'g', -1, 64)+" is out of range", "write samples a second from 1 to 1000000; to sample nothing, write off: [sampling]")
	}
	switch s.Method {
	case "auto", "packet", "tcx":
	case "nflog":
		if s.Rate == 0 {
			wrong("sampling.rate", "0 with method nflog", "write the rate that the rules draw at: 1000 for numgen random mod 1000")
		}
	default:
		wrong("sampling.method", strconv.Quote(s.Method)+" is unknown", "write auto, packet, tcx or nflog")
	}
	switch s.Direction {
	case "ingress", "egress", "both":
	default:
		wrong("sampling.direction", strconv.Quote(s.Direction)+" is unknown", "write ingress, egress or both")
	}
	if s.Header < 64 || s.Header > 1024 {
		wrong("sampling.header", strconv.Itoa(s.Header)+" is out of range", "write octets from 64 to 1024")
	}
	if s.Payload < 0 || s.Payload > 1024 {
		wrong("sampling.payload", strconv.Itoa(s.Payload)+" is out of range", "write octets from 0 to 1024")
	}
}
