package flood

import (
	"fmt"
	"time"
)

// WithDefaults returns the configuration with every zero value replaced by its
// default.
func (c Config) WithDefaults() Config {
	d := Default()
	for _, l := range c.limits() {
		if l.limit.PacketsPerSecond == 0 {
			l.limit.PacketsPerSecond = d.limit(l.name).PacketsPerSecond
		}
		if l.limit.BitsPerSecond == 0 {
			l.limit.BitsPerSecond = d.limit(l.name).BitsPerSecond
		}
		*c.limit(l.name) = *l.limit
	}
	if c.Prefix == 0 {
		c.Prefix = d.Prefix
	}
	if c.Baseline == 0 {
		c.Baseline = d.Baseline
	}
	if c.Hold == 0 {
		c.Hold = d.Hold
	}
	if c.Hosts == 0 {
		c.Hosts = d.Hosts
	}
	if c.Victims == 0 {
		c.Victims = d.Victims
	}
	return c
}

type namedLimit struct {
	name  string
	limit *Limit
}

func (c *Config) limits() []namedLimit {
	return []namedLimit{
		{"syn", &c.SYN}, {"syn_ack", &c.SYNACK}, {"rst", &c.RST}, {"tcp_anomaly", &c.Odd}, {"ack", &c.ACK},
		{"udp", &c.UDP}, {"amplification", &c.Amplified}, {"fragment", &c.Fragments}, {"icmp", &c.ICMP},
	}
}

func (c *Config) limit(name string) *Limit {
	for _, l := range c.limits() {
		if l.name == name {
			return l.limit
		}
	}
	return nil
}

// Validate returns one line that names the setting, its value and the fix.
func (c Config) Validate() error {
	c = c.WithDefaults()
	for _, l := range c.limits() {
		if p := l.limit.PacketsPerSecond; !(p >= 1 && p <= 1e12) {
			return fmt.Errorf("flood %s threshold %g packets/s: must be between 1 and 1e12", l.name, p)
		}
		if b := l.limit.BitsPerSecond; !(b >= 1e3 && b <= 1e15) {
			return fmt.Errorf("flood %s threshold %g bit/s: must be between 1e3 and 1e15", l.name, b)
		}
	}
	switch {
	case !(c.Prefix >= 1 && c.Prefix <= 1e6):
		return fmt.Errorf("flood prefix factor %g: must be between 1 and 1e6", c.Prefix)
	case !(c.Baseline >= 1 && c.Baseline <= 1e6):
		return fmt.Errorf("flood baseline factor %g: must be between 1 and 1e6", c.Baseline)
	case c.Hold < time.Second || c.Hold > time.Hour:
		return fmt.Errorf("flood hold %s: must be between 1s and 1h", c.Hold)
	case c.Hosts < 64 || c.Hosts > 1<<22:
		return fmt.Errorf("flood hosts %d: must be between 64 and %d", c.Hosts, 1<<22)
	case c.Victims < 16 || c.Victims > 1<<20:
		return fmt.Errorf("flood victims %d: must be between 16 and %d", c.Victims, 1<<20)
	case len(c.Cut) > maxPorts:
		return fmt.Errorf("flood cut: %d ports, at most %d", len(c.Cut), maxPorts)
	}
	return nil
}
