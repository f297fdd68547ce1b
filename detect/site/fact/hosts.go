package fact

import (
	"bytes"
	"slices"

	"weir/decoder/sflow"
)

// host is a host or virtual machine that an agent describes.
type host struct {
	src       sflow.DataSource
	sub       uint32
	at        int64
	before    int64 // the poll before that
	period    int64
	gone      bool
	described bool
	name      string
	uuid      [16]byte
	parent    sflow.DataSource
	virtual   bool
	adapters  []byte // as on the wire

	uptime  uint32
	state   uint32
	hasVirt bool
	domains uint32
	hasNode bool

	cpu     [4]uint64 // busy, all, steal, I/O wait at the last poll, ms
	hasCPU  bool
	over    [4]bool
	overFor [4]int
	overAt  [4]int64 // since when
	lastOf  [4]int64 // the poll before that
}

func (a *agent) host(src sflow.DataSource) *host {
	for _, h := range a.hosts {
		if h.src == src {
			return h
		}
	}
	return nil
}

// hostCounters compares what is said of a host with what is known.
func (g *Gatherer) hostCounters(src sflow.DataSource, rec *records) {
	a := g.cur
	h := a.host(src)
	if h == nil {
		if len(a.hosts) >= maxHosts {
			return
		}
		h = &host{src: src}
		a.hosts = append(a.hosts, h)
	}
	if d := g.at - h.at; h.at != 0 && d > second/20 {
		if h.period == 0 {
			h.period = d
		} else if d < 4*h.period {
			h.period += (d - h.period) / 8
		}
	}
	if h.at != g.at {
		h.before = h.at
	}
	h.at, h.sub = g.at, g.sub.id
	g.describe(h, rec)
	if rec.has&hasVirt != 0 {
		if s := rec.virt.State; !h.hasVirt || s != h.state {
			was := h.state
			if !h.hasVirt {
				was = s
			}
			h.state, h.hasVirt, g.urgent = s, true, true
			g.tell(Fact{Kind: VirtState, Agent: a.number, Sub: h.sub, Index: src.Index, At: g.at, A: uint64(s), B: uint64(was), C: uint64(src.Class), Detail: &Detail{Before: h.before}})
		}
	}
	if rec.has&hasNode != 0 {
		if n := rec.node.NumDomains; !h.hasNode || n != h.domains {
			was := h.domains
			if !h.hasNode {
				was = n
			}
			h.domains, h.hasNode = n, true
			g.tell(Fact{Kind: VirtNode, Agent: a.number, Sub: h.sub, At: g.at, A: uint64(n), B: uint64(was), Detail: &Detail{Before: h.before}})
		}
	}
	g.load(h, rec)
}

// describe tells who a host is, where that is new.
func (g *Gatherer) describe(h *host, rec *records) {
	changed := h.gone
	h.gone = false
	if rec.has&hasDescr != 0 {
		if !h.described || h.uuid != rec.descr.UUID || h.name != string(rec.descr.Hostname) {
			name := cleanName(rec.descr.Hostname)
			changed = changed || !h.described || h.uuid != rec.descr.UUID || h.name != name
			h.described, h.uuid, h.name = true, rec.descr.UUID, name
		}
	}
	if rec.has&hasParent != 0 && (!h.virtual || h.parent != rec.parent.Source()) {
		h.virtual, h.parent, changed = true, rec.parent.Source(), true
	}
	if rec.has&hasAdapters != 0 && !bytes.Equal(h.adapters, rec.adapters.Adapters) {
		all := rec.adapters.Adapters
		h.adapters, changed = append(h.adapters[:0], all[:min(len(all), 4096)]...), true
	}
	if !changed || !h.described {
		return
	}
	d := &Detail{Name: h.name, UUID: h.uuid, Parent: h.parent, Virtual: h.virtual, Class: h.src.Class}
	for ad := range sflow.AdapterList(h.adapters).All() {
		for mac := range ad.MACs.All() {
			if len(d.MACs) < 64 && mac != (sflow.MAC{}) && mac[0]&1 == 0 && !slices.Contains(d.MACs, mac) {
				d.MACs = append(d.MACs, mac)
				d.Ports = append(d.Ports, ad.IfIndex)
			}
		}
	}
	g.tell(Fact{Kind: Host, Agent: g.cur.number, Sub: h.sub, Index: h.src.Index, At: g.at, Detail: d})
}

// Marks of load in parts per thousand: above the first for three polls, and
// below the second for as many.
var loadMarks = [4][2]uint64{
	LoadCPU:    {950, 850},
	LoadMemory: {950, 900},
	LoadDisk:   {950, 920},
	LoadSteal:  {200, 100},
}

// For how many polls, and how long, a load must pass its mark.
const (
	loadPolls = 3
	loadTime  = 25 * second
)

// load follows the load of a host.
func (g *Gatherer) load(h *host, rec *records) {
	if rec.has&hasCPU != 0 {
		c := &rec.cpu
		if u := c.Uptime; h.uptime != 0 && u+5 < h.uptime && u != 0 {
			g.urgent = true
			g.tell(Fact{Kind: HostUptime, Agent: g.cur.number, Sub: h.sub, Index: h.src.Index, At: g.at, A: uint64(u), B: uint64(h.uptime), Detail: &Detail{Before: h.before}})
			h.hasCPU = false
		}
		h.uptime = c.Uptime
		busy := known32(c.CPUUser) + known32(c.CPUNice) + known32(c.CPUSystem) + known32(c.CPUIntr) + known32(c.CPUSIntr) + known32(c.CPUSteal)
		now := [4]uint64{busy, busy + known32(c.CPUIdle) + known32(c.CPUWIO), known32(c.CPUSteal), 0}
		if h.hasCPU && now[1] > h.cpu[1] && now[0] >= h.cpu[0] && now[2] >= h.cpu[2] {
			all := now[1] - h.cpu[1]
			g.loadMark(h, LoadCPU, 1000*(now[0]-h.cpu[0])/all)
			g.loadMark(h, LoadSteal, 1000*(now[2]-h.cpu[2])/all)
		}
		h.cpu, h.hasCPU = now, true
	}
	if m := &rec.memory; rec.has&hasMemory != 0 && m.Total > 0 {
		free := m.Free + m.Buffers + m.Cached
		g.loadMark(h, LoadMemory, 1000-min(1000, 1000*free/m.Total))
	}
	if rec.has&hasDisk != 0 && h.src.Class != sflow.ClassLogical {
		g.loadMark(h, LoadDisk, uint64(rec.disk.PartMaxUsed)/10)
	}
}

func (g *Gatherer) loadMark(h *host, l Load, v uint64) {
	marks := loadMarks[l]
	over := v >= marks[0] || h.over[l] && v > marks[1]
	if over == h.over[l] {
		h.overFor[l] = 0
		return
	}
	if h.overFor[l] == 0 {
		h.overAt[l], h.lastOf[l] = g.at, h.before
	}
	if h.overFor[l]++; h.overFor[l] < loadPolls || g.at-h.overAt[l] < loadTime && !(h.period >= loadTime/2) {
		return
	}
	h.over[l], h.overFor[l] = over, 0
	f := Fact{Detail: &Detail{Before: h.lastOf[l]}, Kind: HostLoad, Agent: g.cur.number, Sub: h.sub, Index: uint32(l), At: g.at, B: v, C: uint64(h.src.Class)<<32 | uint64(h.src.Index)}
	if over {
		f.A = 1
	}
	g.tell(f)
}
