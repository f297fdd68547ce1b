package keys

import (
	"encoding/hex"
	"math/bits"
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"weir/decoder"
	"weir/decoder/sflow"
)

// UUID is that of an instance; the zero UUID is none.
type UUID [16]byte

// ParseUUID reads 36 characters, or 32 hexadecimal digits without dashes.
func ParseUUID(text string) (u UUID, ok bool) {
	if len(text) == 36 {
		if text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
			return u, false
		}
		text = text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	}
	if len(text) != 2*len(u) {
		return u, false
	}
	_, err := hex.Decode(u[:], []byte(text))
	return u, err == nil
}

// String writes the UUID as it is read, "-" for none.
func (u UUID) String() string {
	if u == (UUID{}) {
		return NoInstance
	}
	t := hex.EncodeToString(u[:])
	return strings.Join([]string{t[:8], t[8:12], t[12:16], t[16:20], t[20:]}, "-")
}

// NoInstance is how the instance of a packet is written that none is known of.
const NoInstance = "-"

// Instances tells which instance is behind a port, as of the table that was set
// last. One per site, safe for concurrent use.
type Instances struct {
	table  atomic.Pointer[InstanceTable]
	wanted atomic.Bool
}

// Want says whether some key or filter asks for instances.
func (in *Instances) Want(yes bool) { in.wanted.Store(yes) }

// Wanted reports what Want said last.
func (in *Instances) Wanted() bool { return in.wanted.Load() }

// Set replaces the table; nil knows no instance.
func (in *Instances) Set(t *InstanceTable) { in.table.Store(t) }

// Name returns what people call an instance, its UUID where no name is known,
// and NoInstance for none.
func (in *Instances) Name(u UUID) string {
	if name := in.called(u).Name; name != "" {
		return name
	}
	return u.String()
}

// Project returns the project of an instance, "" where it is not known.
func (in *Instances) Project(u UUID) string { return in.called(u).Project }

func (in *Instances) called(u UUID) InstanceName {
	if in == nil || u == (UUID{}) {
		return InstanceName{}
	}
	t := in.table.Load()
	if t == nil {
		return InstanceName{}
	}
	return t.names[u]
}

// InstanceName is how an instance is called.
type InstanceName struct {
	Name    string // that no other instance has; "" unknown
	Project string // "" unknown
}

// of returns the instance of a sampled packet in two words, 0 where none is
// known: that of the port where it was sampled, else of the port at the other
// end. A sample that does not name its ports is its data source's.
func (in *Instances) of(f *decoder.Flow) (hi, lo uint64) {
	if in == nil {
		return 0, 0
	}
	t := in.table.Load()
	if t == nil {
		return 0, 0
	}
	agent, here, there := f.Est.Vantage.Agent, f.Sample.Input, f.Sample.Output
	if f.Est.Vantage.Egress() { // sampled where it left
		here, there = there, here
	}
	if index, ok := here.Single(); ok {
		if hi, lo = t.of(agent, index); hi|lo != 0 {
			return hi, lo
		}
	}
	if index, ok := there.Single(); ok {
		if hi, lo = t.of(agent, index); hi|lo != 0 {
			return hi, lo
		}
	}
	if s := f.Sample.Source; s.Class == sflow.ClassInterface {
		return t.of(agent, s.Index)
	}
	return 0, 0
}

// InstancePort is a port of an agent behind which there is an instance.
type InstancePort struct {
	Agent    uint32 // number of the agent in this process, from 1
	Index    uint32 // ifIndex
	Instance UUID
}

// MaxInstancePorts bounds the ports of an InstanceTable. They take up to 13 MB.
const MaxInstancePorts = 1 << 18

// InstanceTable is a set of ports with their instances, and the names of these.
// It never changes.
type InstanceTable struct {
	slots   []portSlot // open addressing
	k0, k1  uint64     // agents choose their numbers
	names   map[UUID]InstanceName
	ports   int
	Refused int // ports for which there was no place
}

// portSlot is one place; port 0 is free.
type portSlot struct{ port, hi, lo uint64 }

// NewInstanceTable returns a table of these ports. The names are kept.
func NewInstanceTable(ports []InstancePort, names map[UUID]InstanceName) *InstanceTable {
	t := &InstanceTable{k0: rand.Uint64() | 1, k1: rand.Uint64(), names: names}
	if n := len(ports) - MaxInstancePorts; n > 0 {
		t.Refused, ports = n, ports[:MaxInstancePorts]
	}
	t.slots = make([]portSlot, 2<<bits.Len(uint(max(len(ports), 1)-1)))
	for _, p := range ports {
		if p.Instance == (UUID{}) || p.Agent == 0 {
			continue
		}
		port := uint64(p.Agent)<<32 | uint64(p.Index)
		i := t.place(port)
		for t.slots[i].port != 0 && t.slots[i].port != port {
			i = (i + 1) & (len(t.slots) - 1)
		}
		if t.slots[i].port == 0 {
			t.ports++
		}
		t.slots[i] = portSlot{port, be.Uint64(p.Instance[:8]), be.Uint64(p.Instance[8:])}
	}
	return t
}

// Ports returns how many ports there are.
func (t *InstanceTable) Ports() int { return t.ports }

func (t *InstanceTable) place(port uint64) int {
	return int(fold(port^t.k1, t.k0) & uint64(len(t.slots)-1))
}

func (t *InstanceTable) of(agent, index uint32) (hi, lo uint64) {
	port := uint64(agent)<<32 | uint64(index)
	for i := t.place(port); t.slots[i].port != 0; i = (i + 1) & (len(t.slots) - 1) {
		if s := &t.slots[i]; s.port == port {
			return s.hi, s.lo
		}
	}
	return 0, 0
}
