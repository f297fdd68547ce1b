package scan

import (
	"fmt"
	"net/netip"
	"time"
)

// Config sets thresholds and bounds; Table and Tracker get the same. The zero
// value of a field means its default.
type Config struct {
	// MinTargets is how many different targets the samples of a minute must
	// show.
	MinTargets int
	// Hold is how long a source must be silent before its alert ends.
	Hold time.Duration
	// Internal holds the networks of own instances: a scan from there is a
	// warning.
	Internal []netip.Prefix
	// Never holds the networks of sources whose scans are no alert: monitoring
	// systems and scanners of one's own.
	Never []netip.Prefix
	// Sources bounds the memory: sources watched per shard.
	Sources int
	// Alerts bounds the alerts that are open at once.
	Alerts int
}

// Default returns the configuration that needs no other.
func Default() Config {
	return Config{MinTargets: 40, Hold: time.Minute, Sources: 4096, Alerts: 1024}
}

// WithDefaults returns the configuration with every zero value replaced by its
// default.
func (c Config) WithDefaults() Config {
	d := Default()
	if c.MinTargets == 0 {
		c.MinTargets = d.MinTargets
	}
	if c.Hold == 0 {
		c.Hold = d.Hold
	}
	if c.Sources == 0 {
		c.Sources = d.Sources
	}
	if c.Alerts == 0 {
		c.Alerts = d.Alerts
	}
	return c
}

// Validate returns one line that names the setting, its value and the fix.
func (c Config) Validate() error {
	c = c.WithDefaults()
	switch {
	case c.MinTargets < 10 || c.MinTargets > 500:
		return fmt.Errorf("scan targets %d: must be between 10 and 500", c.MinTargets)
	case c.Hold < time.Second || c.Hold > time.Hour:
		return fmt.Errorf("scan hold %s: must be between 1s and 1h", c.Hold)
	case c.Sources < 64 || c.Sources > 1<<20:
		return fmt.Errorf("scan sources %d: must be between 64 and %d", c.Sources, 1<<20)
	case c.Alerts < 16 || c.Alerts > 1<<20:
		return fmt.Errorf("scan alerts %d: must be between 16 and %d", c.Alerts, 1<<20)
	}
	return nil
}
