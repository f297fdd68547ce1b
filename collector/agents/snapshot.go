package agents

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"weir/decoder/sflow"
)

// AgentInfo is what is known of one agent. It is a copy that nobody changes.
type AgentInfo struct {
	Number     uint32          `json:"number"` // in this process, as in decoder.Vantage
	Agent      netip.Addr      `json:"agent"`
	Source     netip.Addr      `json:"source"`
	Name       string          `json:"name,omitempty"` // of a names file, an import or SNMP, else of the host as the agent says it
	FirstHeard time.Time       `json:"first_heard"`
	LastHeard  time.Time       `json:"last_heard"`
	Known      bool            `json:"known"`     // from the state file
	Contested  bool            `json:"contested"` // another source claims the same agent address
	Hypervisor bool            `json:"hypervisor"`
	Datagrams  uint64          `json:"datagrams"`
	FramesLost uint64          `json:"frames_lost,omitempty"` // LLDP, ARP and DHCP frames for which weir-agent had no room since it started
	SubAgents  []SubAgentInfo  `json:"sub_agents"`
	Sources    []SourceInfo    `json:"sources"`
	Interfaces []InterfaceInfo `json:"interfaces"`
	Hosts      []HostInfo      `json:"hosts,omitempty"`
	Debt       []DebtInfo      `json:"debt,omitempty"` // records that nobody reads, the most first
}

// SequenceInfo is how complete a sequence arrived.
type SequenceInfo struct {
	Received   uint64 `json:"received"` // without duplicates
	Lost       uint64 `json:"lost"`
	Late       uint32 `json:"late"`
	Duplicates uint32 `json:"duplicates"`
	Jumps      uint32 `json:"jumps"`  // the sequence began elsewhere: restart or nonsense, not loss
	Spaces     int    `json:"spaces"` // sequences interleaved under one name; normally 1
}

// LossRatio returns the share of what was sent that did not arrive.
func (s SequenceInfo) LossRatio() float64 {
	if s.Received+s.Lost == 0 {
		return 0
	}
	return float64(s.Lost) / float64(s.Received+s.Lost)
}

// SubAgentInfo is one sub-agent with its datagrams.
type SubAgentInfo struct {
	ID        uint32        `json:"id"`
	LastHeard time.Time     `json:"last_heard"`
	Uptime    time.Duration `json:"uptime_ns"`
	Restarts  uint32        `json:"restarts"`
	Datagrams SequenceInfo  `json:"datagrams"`
}

// SourceInfo is one data source with its samples.
type SourceInfo struct {
	SubAgent  uint32           `json:"sub_agent"`
	Source    sflow.DataSource `json:"source"`
	Number    uint32           `json:"number"`              // Vantage.Source is Number<<1 | Direction
	Direction string           `json:"direction,omitempty"` // what its flow samples are: ingress, egress, both
	Flows     SequenceInfo     `json:"flows"`
	Counters  SequenceInfo     `json:"counters"`
	Discards  SequenceInfo     `json:"discards"`

	SamplingRate  uint32    `json:"sampling_rate"`  // as the agent says; 0 without flow samples
	EffectiveRate float64   `json:"effective_rate"` // from sample_pool; 0 unknown
	UsedRate      uint32    `json:"used_rate"`      // what samples are multiplied with
	SharedPool    bool      `json:"shared_pool"`    // the agent has one pool for all: sample_pool says nothing
	Drops         uint32    `json:"drops"`          // samples the agent lost, its own running count
	LastFlow      time.Time `json:"last_flow,omitzero"`
}

// InterfaceInfo is one interface.
type InterfaceInfo struct {
	Index     uint32    `json:"index"`
	Name      string    `json:"name,omitempty"`
	Alias     string    `json:"alias,omitempty"` // what the operator wrote about it
	Group     uint32    `json:"group,omitempty"` // ifIndex of its link aggregation group
	Type      uint32    `json:"type"`
	Speed     uint64    `json:"speed"`      // bit/s, to be believed; 0 unknown
	SaidSpeed uint64    `json:"said_speed"` // bit/s, as the agent says
	Direction uint32    `json:"direction"`  // of if_counters
	Counted   bool      `json:"counted"`    // sends counters: the status is known
	AdminUp   bool      `json:"admin_up"`
	OperUp    bool      `json:"oper_up"`
	Resets    uint32    `json:"resets"`
	LastHeard time.Time `json:"last_heard,omitzero"` // its counters
	In        Rates     `json:"in"`
	Out       Rates     `json:"out"`
}

// HostInfo is a host or virtual machine.
type HostInfo struct {
	Source      sflow.DataSource  `json:"source"`
	Name        string            `json:"name"`
	UUID        string            `json:"uuid,omitempty"` // 8-4-4-4-12 digits
	MachineType uint32            `json:"machine_type"`
	OSName      uint32            `json:"os_name"`
	OSRelease   string            `json:"os_release,omitempty"`
	Parent      *sflow.DataSource `json:"parent,omitempty"` // of a virtual machine: its host
	Adapters    []Adapter         `json:"adapters,omitempty"`
}

// Agents returns what the registries last published, by agent and source
// address, and asks them to publish anew from their next Tick on. It never
// waits. Unasked, a registry publishes every second, or less often where there
// are more than 10,000 interfaces: once per second for each 10,000.
func (sh *Shared) Agents() []*AgentInfo {
	sh.wanted.Add(1)
	sh.mu.RLock()
	registries := slices.Clone(sh.registries)
	sh.mu.RUnlock()
	var all []*AgentInfo
	for _, r := range registries {
		r.mu.Lock()
		all = append(all, r.snapshot...)
		r.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b *AgentInfo) int {
		return cmp.Or(a.Agent.Compare(b.Agent), a.Source.Compare(b.Source), cmp.Compare(a.Number, b.Number))
	})
	return all
}

// publishStep is how many interfaces and data sources are copied at one tick,
// so that a large site does not hold up the datagrams that wait.
const publishStep = 20000

// publishDue publishes when somebody has asked, or it is time.
func (r *Registry) publishDue(now time.Time) {
	if len(r.pending) == 0 {
		ns := now.UnixNano()
		wanted := r.sh.wanted.Load()
		every := int64(time.Second) * max(1, r.sh.interfaces.Load()/10000)
		if d := ns - r.lastPub; wanted == r.served && d >= 0 && d < every {
			return
		}
		r.served, r.lastPub = wanted, ns
		r.pending, r.changed = r.changed, r.pending
	}
	r.publish(publishStep)
}

// publish copies pending agents until about n parts of them are copied.
func (r *Registry) publish(n int) {
	if len(r.pending) == 0 {
		return
	}
	done := 0
	for ; done < len(r.pending) && n > 0; done++ {
		a := r.pending[done]
		a.dirty = false
		if a.gone {
			delete(r.infos, a.number)
		} else {
			r.infos[a.number] = r.sh.info(a)
		}
		n -= 1 + len(a.ifaces) + len(a.sources)
	}
	rest := copy(r.pending, r.pending[done:])
	clear(r.pending[rest:])
	if r.pending = r.pending[:rest]; rest > 0 {
		return
	}
	s := make([]*AgentInfo, 0, len(r.infos))
	for _, info := range r.infos {
		s = append(s, info)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshot = s
}

// info copies a, whose owner calls it.
func (sh *Shared) info(a *agent) *AgentInfo {
	info := &AgentInfo{
		Number: a.number, Agent: a.addr, Source: a.source, Name: a.shownName(),
		FirstHeard: instant(a.heardSince.Load()), LastHeard: instant(a.last),
		Known: a.known, Contested: a.contested.Load(), Hypervisor: a.virtual || a.taps,
		Datagrams: a.datagrams, FramesLost: a.framesLost,
	}
	for _, s := range a.subs {
		info.SubAgents = append(info.SubAgents, SubAgentInfo{
			ID: s.id, LastHeard: instant(s.at), Uptime: time.Duration(s.uptime) * time.Millisecond,
			Restarts: s.restarts, Datagrams: s.seq.info(),
		})
	}
	slices.SortFunc(info.SubAgents, func(x, y SubAgentInfo) int { return cmp.Compare(x.ID, y.ID) })
	info.Sources = make([]SourceInfo, 0, len(a.sources))
	for _, s := range a.sources {
		info.Sources = append(info.Sources, s.info())
	}
	slices.SortFunc(info.Sources, func(x, y SourceInfo) int { return cmp.Compare(x.Number, y.Number) })
	info.Interfaces = make([]InterfaceInfo, 0, len(a.ifaces))
	for _, i := range a.ifaces {
		info.Interfaces = append(info.Interfaces, i.info())
	}
	slices.SortFunc(info.Interfaces, func(x, y InterfaceInfo) int { return cmp.Compare(x.Index, y.Index) })
	info.Debt = a.debts.info()
	for id, h := range a.hosts {
		info.Hosts = append(info.Hosts, h.info(id))
	}
	slices.SortFunc(info.Hosts, func(x, y HostInfo) int {
		return cmp.Or(cmp.Compare(x.Source.Class, y.Source.Class), cmp.Compare(x.Source.Index, y.Source.Index))
	})
	return info
}

func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

func (t *tracker) info() SequenceInfo {
	if t == nil {
		return SequenceInfo{}
	}
	return SequenceInfo{
		Received: t.received, Lost: t.lost(), Late: t.late, Duplicates: t.dups,
		Jumps: t.jumps, Spaces: t.spaces(),
	}
}

func (s *source) info() SourceInfo {
	info := SourceInfo{
		SubAgent: s.sub.id, Source: s.id, Number: s.num,
		Counters: s.counters.info(), Discards: s.discards.info(),
	}
	switch s.seen {
	case [2]bool{true, false}:
		info.Direction = "ingress"
	case [2]bool{false, true}:
		info.Direction = "egress"
	case [2]bool{true, true}:
		info.Direction = "both"
	}
	if f := s.flow; f != nil {
		info.Flows = f.seq.info()
		info.SamplingRate, info.UsedRate, info.Drops = f.sent, f.used, f.drops
		info.EffectiveRate, _ = f.rateOf(f.latest).effective()
		info.SharedPool = s.sub.pools.shared()
		info.LastFlow = instant(f.at)
	}
	return info
}

func (i *iface) info() InterfaceInfo {
	return InterfaceInfo{
		Index: i.index, Name: i.name, Alias: i.alias(), Group: i.group, Type: i.typ,
		Speed: i.judgedSpeed(), SaidSpeed: i.speed, Direction: uint32(i.direction),
		Counted: i.counted, AdminUp: i.status&1 != 0, OperUp: i.status&2 != 0,
		Resets: i.resets, LastHeard: instant(i.base.at),
		In: i.rates[Ingress], Out: i.rates[Egress],
	}
}

func (h *host) info(id sflow.DataSource) HostInfo {
	info := HostInfo{
		Source: id, Name: h.name, UUID: uuidText(h.uuid), MachineType: h.machine, OSName: h.os,
		OSRelease: h.release, Adapters: slices.Clone(h.adapters),
	}
	if h.hasParent {
		parent := h.parent
		info.Parent = &parent
	}
	return info
}

// uuidText returns a UUID in the form of RFC 9562, "" for all zero.
func uuidText(u [16]byte) string {
	if u == [16]byte{} {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// CurrentAgent returns the number of the agent that the current datagram is
// from, 0 if it is not followed.
func (r *Registry) CurrentAgent() uint32 {
	if r.cur == nil {
		return 0
	}
	return r.cur.number
}

// CurrentInterface returns the interface that the counter sample given last to
// Counters was about, with its new rates.
func (r *Registry) CurrentInterface() (InterfaceInfo, bool) {
	if r.curIf == nil {
		return InterfaceInfo{}, false
	}
	return r.curIf.info(), true
}
