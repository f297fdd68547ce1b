package flood

import (
	"net/netip"
	"time"
)

// Limit is the rate from which traffic to one host is a flood. Whichever is
// reached first counts.
type Limit struct {
	PacketsPerSecond float64
	BitsPerSecond    float64
}

// Config sets thresholds and bounds; Table and Tracker get the same.
type Config struct {
	// SYN is for handshakes that nobody completes and that come from many
	// sources; from few sources it takes tenfold, to many ports thirtyfold.
	SYN       Limit
	SYNACK    Limit
	RST       Limit
	Odd       Limit
	ACK       Limit
	UDP       Limit
	Amplified Limit // UDP from the source port of an amplifier
	Fragments Limit
	ICMP      Limit

	// Prefix multiplies the thresholds for a whole prefix of many victims.
	Prefix float64
	// Baseline multiplies what is usual for a destination; the threshold is
	// never below that.
	Baseline float64
	// Hold is how long a flood must be over before its alert ends.
	Hold time.Duration

	// Hosts and Victims bound the memory: destinations watched per shard, and
	// followed closely by the tracker.
	Hosts   int
	Victims int

	// Cut names the ports where hosts and outside peers attach; empty learns
	// them.
	Cut []Port
}

// Port is an interface of an agent.
type Port struct {
	Agent   netip.Addr
	IfIndex uint32
}

// Default returns the thresholds that need no configuration. A host that gets
// 20,000 packets of UDP a second that it does not answer is in trouble; what
// has no honest use is taken for a flood earlier.
func Default() Config {
	const bits = 1e9
	return Config{
		SYN:       Limit{1_000, bits},
		SYNACK:    Limit{5_000, bits},
		RST:       Limit{10_000, bits},
		Odd:       Limit{1_000, bits},
		ACK:       Limit{20_000, bits},
		UDP:       Limit{20_000, bits},
		Amplified: Limit{10_000, bits},
		Fragments: Limit{10_000, bits},
		ICMP:      Limit{10_000, bits},
		Prefix:    2, Baseline: 3, Hold: 30 * time.Second,
		Hosts: 8192, Victims: 2048,
	}
}

// scale is what one packet, and one bit, is of the threshold.
type scale struct{ packet, bit float32 }

// scales holds the thresholds in the form the hot path needs.
type scales struct {
	of     [Kinds][classes]scale
	prefix float32
}

func newScales(c *Config) *scales {
	s := &scales{prefix: float32(1 / c.Prefix)}
	for k, l := range [Kinds]Limit{SYN: c.SYN, SYNACK: c.SYNACK, RST: c.RST, Odd: c.Odd, ACK: c.ACK, UDP: c.UDP, ICMP: c.ICMP} {
		for class := range s.of[k] {
			s.of[k][class] = l.scale()
		}
	}
	s.of[UDP][Amplification] = c.Amplified.scale()
	s.of[UDP][Fragment] = c.Fragments.scale()
	return s
}

func (l Limit) scale() scale {
	return scale{float32(1 / l.PacketsPerSecond), float32(1 / l.BitsPerSecond)}
}

// load is what a sample of this many packets is of a second at the threshold
// of a host.
func (s *scales) load(k Kind, c Class, packets, octets float32) float32 {
	if k >= Kinds {
		return 0
	}
	f := s.of[k][c]
	return max(packets*f.packet, 8*octets*f.bit)
}
