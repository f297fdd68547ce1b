package config

import (
	"net"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// check tells what is wrong with values that are right each for themselves.
func (c *Config) check(wrong func(key, problem, fix string)) {
	for _, s := range append(slices.Clone(c.Collectors), c.PlainCollectors...) {
		if _, _, err := SplitCollector(s); err != nil {
			wrong("collectors", strconv.Quote(s)+" is no collector", `write an address or a name, with a port or without, such as "10.0.0.5" or "[2001:db8::1]:6343"`)
		}
	}
	if len(c.Node) > 64 {
		wrong("node", "is longer than 64 octets", "write a short name")
	}
	for _, p := range [...]struct {
		key      string
		d        Duration
		min, max time.Duration
	}{
		{"polling.interfaces", c.Polling.Interfaces, 100 * time.Millisecond, time.Hour},
		{"polling.default", c.Polling.Default, time.Second, time.Hour},
	} {
		if time.Duration(p.d) < p.min || time.Duration(p.d) > p.max {
			wrong(p.key, p.d.String()+" is out of range", "write "+p.min.String()+" to "+p.max.String())
		}
	}
	checkPatterns("interfaces.names", c.Interfaces.Names, wrong)
	checkPatterns("interfaces.except", c.Interfaces.Except, wrong)
	checkPatterns("disks.except", c.Disks.Except, wrong)
	for _, k := range c.Interfaces.Fast {
		if !slices.Contains(kinds[:], k) {
			wrong("interfaces.fast", strconv.Quote(k)+" is no kind of interface", "write some of "+strings.Join(kinds[:], ", "))
		}
	}
	if c.Interfaces.Max < 1 || c.Interfaces.Max > 1<<16 {
		wrong("interfaces.max", strconv.Itoa(c.Interfaces.Max)+" is out of range", "write 1 to 65536")
	}
	c.Libvirt.check(wrong)
	c.OVS.check(wrong)
	c.Sampling.check(wrong)
	c.Services.check(wrong)
	c.Logs.check(wrong)
	c.Namespaces.check(wrong)
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		wrong("log.level", strconv.Quote(c.Log.Level)+" is no level", "write debug, info, warn or error")
	}
	if !slices.Contains([]string{"auto", "json", "console"}, c.Log.Format) {
		wrong("log.format", strconv.Quote(c.Log.Format)+" is no format", "write auto, json or console")
	}
}

// kinds are the kinds of interfaces that can be named.
var kinds = [...]string{"physical", "bond", "bridge", "tap", "veth", "vlan", "vxlan", "ovs", "other"}

func checkPatterns(key string, patterns []string, wrong func(key, problem, fix string)) {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			wrong(key, strconv.Quote(p)+" is no pattern", "write a name with *, ? and [a-z], such as \"tap*\"")
		}
	}
}

// SplitCollector splits a collector into host and port.
func SplitCollector(s string) (host string, port uint16, err error) {
	const defaultPort = 6343
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.String(), defaultPort, nil
	}
	host = s
	port = defaultPort
	if strings.Contains(s, ":") {
		var text string
		if host, text, err = net.SplitHostPort(s); err != nil {
			return "", 0, err
		}
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return "", 0, &net.AddrError{Err: "bad port", Addr: s}
		}
		port = uint16(n)
	}
	if host == "" || strings.ContainsAny(host, " /\t") {
		return "", 0, &net.AddrError{Err: "no host", Addr: s}
	}
	return host, port, nil
}
