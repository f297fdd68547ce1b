package detect

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"weir/decoder"
	"weir/detect/largeflow"
	"weir/detect/rules"
)

// Threshold is the rate from which a flow is large.
type Threshold = largeflow.Threshold

// ParseThreshold reads "50Mbit/s" or "10%"; its error says what is wrong and
// what to write.
func ParseThreshold(text string) (Threshold, error) { return largeflow.ParseThreshold(text) }

// Budget is how many false alarms are allowed.
type Budget = largeflow.Budget

// DelayQuery asks how long a large flow takes to be found; Delay is the answer.
type (
	DelayQuery = largeflow.Query
	Delay      = largeflow.Delay
)

// DelayNever is a delay of more than an hour.
const DelayNever = largeflow.Never

// ExpectedDelay returns how long a flow takes to be suspected and confirmed.
func ExpectedDelay(q DelayQuery) Delay { return largeflow.ExpectedDelay(q) }

// Config is what a Shard and its Engine are told; both get the same.
type Config struct {
	LargeFlow LargeFlowConfig
	Flood     FloodConfig
	Scan      ScanConfig
	Links     LinkConfig
	Rules     *rules.Set // configured rules; nil is none. Shards and Engine get the same
	Top       TopConfig
	Shards    int // how many shards share the work; 0 is one
}

// LinkConfig sets the detector of saturated links.
type LinkConfig struct {
	Off bool // no link_saturated alerts
}

// LargeFlowConfig sets the large-flow detector. The zero value of a field
// means its default.
type LargeFlowConfig struct {
	Off       bool            // no large-flow alerts
	Threshold Threshold       // default 10 % of the interface's speed (100 Mbit/s where it is unknown)
	Class     ClassThresholds // of interfaces whose speed means nothing, by what they lead to; zero is Threshold
	Budget    Budget          // false alarms allowed; default one false suspicion a day and link, one false confirmation a week and site
	Hold      time.Duration   // how long a flow must be below the threshold before its alert ends; default 3 s
	Keys      int             // flows per shard that can be watched at once, rounded up to a power of two; default 16384 (about 7 MB)
	Hot       int             // pairs of flow and vantage point that the engine follows at once; default 4096 (about 5.5 KB each while in use)
}

// ClassThresholds are thresholds by decoder.PortClass.
type ClassThresholds [decoder.PortClasses]Threshold

func (l *LargeFlowConfig) thresholds() largeflow.Thresholds {
	return largeflow.Thresholds{All: l.Threshold, Class: l.Class}
}

// DefaultConfig returns the configuration with every default filled in.
func DefaultConfig() Config {
	return Config{LargeFlow: LargeFlowConfig{
		Threshold: Threshold{Share: 0.1},
		Budget:    largeflow.DefaultBudget,
		Hold:      3 * time.Second,
		Keys:      16384,
		Hot:       4096,
	}}
}

// Validate returns one line that names the setting, its value and the fix.
func (c Config) Validate() error {
	l := c.withDefaults().LargeFlow
	switch {
	case !l.Threshold.Valid():
		return fmt.Errorf("large_flow threshold %s: must be above 0 and either a rate or a share of at most 100%%", l.Threshold)
	case slices.ContainsFunc(l.Class[:], func(t Threshold) bool { return t != (Threshold{}) && !t.Valid() }):
		return fmt.Errorf("large_flow threshold of a class %v: must be above 0 and either a rate or a share of at most 100%%", l.Class)
	case !(l.Budget.Suspected > 0 && l.Budget.Suspected <= 1e4):
		return fmt.Errorf("large_flow false suspicions a day and link %g: must be above 0 and at most 10000", l.Budget.Suspected)
	case !(l.Budget.Confirmed > 0 && l.Budget.Confirmed <= 1e4):
		return fmt.Errorf("large_flow false confirmations a week %g: must be above 0 and at most 10000", l.Budget.Confirmed)
	case l.Hold < 0 || l.Hold > time.Hour:
		return fmt.Errorf("large_flow hold %s: must be between 0s and 1h", l.Hold)
	case l.Keys < 64 || l.Keys > 1<<22:
		return fmt.Errorf("large_flow keys %d: must be between 64 and %d", l.Keys, 1<<22)
	case l.Hot < 16 || l.Hot > 1<<20:
		return fmt.Errorf("large_flow hot %d: must be between 16 and %d", l.Hot, 1<<20)
	}
	if err := c.Flood.Validate(); err != nil {
		return err
	}
	if err := c.Top.Validate(); err != nil {
		return err
	}
	return c.Scan.Validate()
}

func (c Config) withDefaults() Config {
	d := DefaultConfig().LargeFlow
	l := &c.LargeFlow
	if l.Threshold == (Threshold{}) {
		l.Threshold = d.Threshold
	}
	if l.Budget.Suspected == 0 {
		l.Budget.Suspected = d.Budget.Suspected
	}
	if l.Budget.Confirmed == 0 {
		l.Budget.Confirmed = d.Budget.Confirmed
	}
	if l.Hold == 0 {
		l.Hold = d.Hold
	}
	if l.Keys == 0 {
		l.Keys = d.Keys
	}
	if l.Hot == 0 {
		l.Hot = d.Hot
	}
	return c
}

// Names tells the engine what the registry knows of the numbers in a Flow. It
// is asked when an alert changes, never per sample, from the goroutine that
// calls the Engine.
type Names interface {
	// Agent returns the address of the agent with this number (Vantage.Agent)
	// and its name, "" if unknown.
	Agent(agent uint32) (addr netip.Addr, name string)
	// Interface returns the name of an agent's interface, "" if unknown.
	Interface(agent, ifIndex uint32) string
	// Alias returns what the operator wrote about an agent's interface, such as
	// "to spine2", "" if nothing is known.
	Alias(agent, ifIndex uint32) string
	// Domain returns the name of a key's domain, equal in every collector:
	// "underlay" for 0, else such as "vni:42".
	Domain(domain uint32) string
}
