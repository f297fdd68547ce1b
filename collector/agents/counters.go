package agents

import (
	"sync/atomic"

	"weir/decoder"
	"weir/decoder/sflow"
)

// records is what the counter records of one sample say, in any order.
type records struct {
	counters sflow.IfCounters
	name     sflow.PortName
	lag      sflow.LAGPortStats
	descr    sflow.HostDescr
	adapters sflow.HostAdapters
	parent   sflow.HostParent

	hasCounters, hasName, hasLAG     bool
	hasDescr, hasAdapters, hasParent bool
	virtual                          bool

	other  [8]sflow.Format // of records that the registry does not read
	others int
}

func (rec *records) read(s *sflow.CounterSample) {
	*rec = records{}
	for r, err := range s.Records() {
		if err != nil {
			return // the decoder has counted it
		}
		switch r.Format {
		case sflow.FormatIfCounters:
			rec.hasCounters = rec.counters.Decode(r) == nil
		case sflow.FormatPortName:
			rec.hasName = rec.name.Decode(r) == nil
		case sflow.FormatLAGPortStats:
			rec.hasLAG = rec.lag.Decode(r) == nil
		case sflow.FormatHostDescr:
			rec.hasDescr = rec.descr.Decode(r) == nil
		case sflow.FormatHostAdapters:
			rec.hasAdapters = rec.adapters.Decode(r) == nil
		case sflow.FormatHostParent:
			rec.hasParent = rec.parent.Decode(r) == nil
		case sflow.FormatVirtNode, sflow.FormatOVSDPStats:
			rec.virtual = true
		default:
			if rec.others < len(rec.other) {
				rec.other[rec.others] = r.Format
				rec.others++
			}
		}
	}
}

// Counters counts a counter sample: sequence, interface rates and names.
func (r *Registry) Counters(c *decoder.Counters) {
	r.counts.CounterSamples++
	r.curIf = nil
	if r.cur == nil || r.curSub == nil {
		return
	}
	src := r.source(c.Sample.Source)
	if src == nil {
		return
	}
	if src.counters == nil {
		src.counters = &tracker{}
	}
	st := src.counters.add(c.Sample.Sequence, uint32(r.curAt/1e6), 0)
	if st.lost != 0 {
		r.counts.lostCounters += int64(st.lost)
	}
	rec := &r.records
	rec.read(&c.Sample)
	for _, f := range rec.other[:rec.others] {
		r.owe(debtCounter, f)
	}
	if rec.virtual {
		r.cur.virtual = true
	}
	// A late sample would make counters run backwards.
	r.interfaceRecords(src, rec, st.delta > 0 || st.opened)
	if rec.hasDescr || rec.hasAdapters || rec.hasParent {
		r.hostRecords(src, rec)
	}
}

// interfaceRecords updates the interface a sample is about.
func (r *Registry) interfaceRecords(src *source, rec *records, fresh bool) {
	index := uint32(0)
	switch {
	case rec.hasCounters && rec.counters.Index != 0:
		index = rec.counters.Index
	case src.id.Class == sflow.ClassInterface && (rec.hasCounters || rec.hasName || rec.hasLAG):
		index = src.id.Index
	}
	if index == 0 {
		return
	}
	i := r.iface(src, index)
	if i == nil {
		return
	}
	i.at = r.curAt
	r.curIf = i
	a := r.cur
	if rec.hasName && i.saidName() != string(rec.name.Name) {
		r.label(a, i, cleanName(rec.name.Name))
	}
	if rec.hasLAG {
		i.group = rec.lag.AttachedAggID
	}
	if !rec.hasCounters || !fresh {
		return
	}
	if c := &rec.counters; i.speed != c.Speed && c.Speed != ^uint64(0) || i.typ != c.Type {
		a.mu.Lock()
		was := i.speed
		i.speed, i.typ = c.Speed, c.Type
		a.mu.Unlock()
		i.speedChanged(was)
	}
	i.update(&rec.counters, r.curAt, r.epoch, r.curSub)
}

// iface returns an interface of the current agent, nil where there are too many.
func (r *Registry) iface(src *source, index uint32) *iface {
	if i := r.portIface(src, index); i != nil {
		return i
	}
	return r.addIface(r.cur, index)
}

// addIface makes an interface of a, nil where there are too many.
func (r *Registry) addIface(a *agent, index uint32) *iface {
	if len(a.ifaces) >= r.sh.limits.AgentInterfaces {
		r.prune(a)
	}
	if len(a.ifaces) >= r.sh.limits.AgentInterfaces || !take(&r.sh.interfaces, r.sh.limits.Interfaces) {
		r.counts.RefusedInterfaces++
		return nil
	}
	i := &iface{index: index, rates: [2]Rates{unknownRates, unknownRates}}
	a.mu.Lock()
	if a.ifaces == nil {
		a.ifaces = map[uint32]*iface{}
	}
	a.ifaces[index] = i
	a.mu.Unlock()
	r.label(a, i, "")
	// Sources that spoke before their interface was known; sub-agents may share it.
	for _, s := range a.subs {
		if o := a.sources[sourceKey{s.id, sflow.DataSource{Class: sflow.ClassInterface, Index: index}}]; o != nil {
			o.iface = i
		}
	}
	return i
}

// take adds one to a global count unless it is at its limit.
func take(n *atomic.Int64, limit int) bool {
	if n.Add(1) > int64(limit) {
		n.Add(-1)
		return false
	}
	return true
}

// host is a host or virtual machine that an agent describes.
type host struct {
	at            int64 // ns, last heard
	name, release string
	uuid          [16]byte
	machine, os   uint32
	parent        sflow.DataSource
	hasParent     bool
	adapters      []Adapter
}

// Adapter is a network adapter of a host or virtual machine.
type Adapter struct {
	IfIndex uint32    `json:"if_index"` // 0 unknown
	MAC     sflow.MAC `json:"mac"`
}

// hostRecords updates the host or virtual machine a sample is about.
func (r *Registry) hostRecords(src *source, rec *records) {
	a := r.cur
	h := a.hosts[src.id]
	if h == nil {
		if len(a.hosts) >= r.sh.limits.Hosts {
			r.prune(a)
		}
		if len(a.hosts) >= r.sh.limits.Hosts {
			r.counts.RefusedHosts++
			return
		}
		if a.hosts == nil {
			a.hosts = map[sflow.DataSource]*host{}
		}
		h = &host{}
		a.hosts[src.id] = h
	}
	h.at = r.curAt
	if d := &rec.descr; rec.hasDescr {
		if h.name != string(d.Hostname) {
			h.name = cleanName(d.Hostname)
		}
		if h.release != string(d.OSRelease) {
			h.release = cleanName(d.OSRelease)
		}
		h.uuid, h.machine, h.os = d.UUID, d.MachineType, d.OSName
	}
	if rec.hasParent {
		h.parent, h.hasParent = rec.parent.Source(), true
		a.virtual = true
	}
	if rec.hasAdapters {
		h.adapters = h.adapters[:0]
		for ad := range rec.adapters.Adapters.All() {
			for mac := range ad.MACs.All() {
				if len(h.adapters) < maxAdapters {
					h.adapters = append(h.adapters, Adapter{ad.IfIndex, mac})
				}
			}
		}
	}
	if rec.hasDescr && !h.hasParent && !rec.hasParent && src.id.Class != sflow.ClassLogical && a.name != h.name && h.name != "" {
		a.mu.Lock()
		a.name = h.name
		a.mu.Unlock()
	}
}
