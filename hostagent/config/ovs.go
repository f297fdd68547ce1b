package config

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
)

// OVS is about Open vSwitch.
type OVS struct {
	// RunDir is where its sockets are.
	RunDir string `yaml:"run_dir"`
	// KeepSFlow says for which bridges the agent keeps the sFlow row as it is
	// written here, whoever changes it. Empty: it only tells of changes.
	KeepSFlow []KeepSFlow `yaml:"keep_sflow"`
}

// KeepSFlow is the sFlow row of a bridge.
type KeepSFlow struct {
	Bridge   string   `yaml:"bridge"`
	Targets  []string `yaml:"targets"`  // "10.0.0.5:6343"
	Sampling int      `yaml:"sampling"` // one packet in so many
	Polling  int      `yaml:"polling"`  // seconds
	Header   int      `yaml:"header"`   // octets
	Agent    string   `yaml:"agent"`    // interface whose address names the agent
}

func (o *OVS) check(wrong func(key, problem, fix string)) {
	if !filepath.IsAbs(o.RunDir) {
		wrong("ovs.run_dir", strconv.Quote(o.RunDir)+" is no absolute path", "write the folder of db.sock, such as /run/openvswitch")
	}
	seen := map[string]bool{}
	for _, k := range o.KeepSFlow {
		const key = "ovs.keep_sflow"
		switch {
		case k.Bridge == "" || seen[k.Bridge]:
			wrong(key, "bridge "+strconv.Quote(k.Bridge)+" is empty or named twice", "write each bridge once")
		case len(k.Targets) == 0 || slices.ContainsFunc(k.Targets, badTarget):
			wrong(key, k.Bridge+": targets are no addresses with port", `write targets such as ["10.0.0.5:6343"]`)
		case k.Sampling < 1 || k.Polling < 0 || k.Header < 0 || k.Header > 1<<16:
			wrong(key, k.Bridge+": sampling, polling or header is out of range", "write sampling of 1 or more, polling in seconds, header in octets")
		}
		seen[k.Bridge] = true
	}
}

func badTarget(s string) bool {
	_, err := netip.ParseAddrPort(s)
	return err != nil
}
