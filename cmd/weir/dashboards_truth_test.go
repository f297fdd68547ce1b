package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"weir/decoder/sflow"
)

// truth is what the demo's network sent, read from the datagrams themselves by
// the codec alone: the names of measurements and fields are those of the
// dashboards, the numbers are those of the wire.
type truth struct {
	t    *testing.T
	conn *net.UDPConn
	done chan struct{}

	mu         sync.Mutex
	first      time.Time
	datagrams  events
	points     map[string][]truePoint // by measurement
	agents     map[string]events      // datagrams, by agent
	sources    map[string]*trueSource // by "agent source"
	protocols  map[string]events      // bits, by agent
	vnis       map[string]events      // bits, by VNI
	flows      map[uint16]events      // bits, by source port, at every switch that samples it
	all        events                 // bits of all flow samples
	discards   events
	skipped    events
	interfaces map[string]bool // "agent ifIndex"
	rates      map[string]trueRate
}

// truePoint is the values of one counter record.
type truePoint struct {
	at     time.Time
	tags   map[string]string
	values map[string]float64
}

// trueSource is a data source that samples packets.
type trueSource struct {
	samples, counters events
	rate              uint32
	bits              events // what its samples stand for
}

// event is something that was sent: one, or so many bits.
type event struct {
	at     time.Time
	amount float64
}

type events []event

// between adds up what was sent between two times.
func (e events) between(from, to time.Time) (sum float64) {
	for _, x := range e {
		if !x.at.Before(from) && x.at.Before(to) {
			sum += x.amount
		}
	}
	return sum
}

// trueRate is what a rate of an interface is computed from.
type trueRate struct {
	uptime  uint32
	in, out uint64
}

// names of the demo's agents, as a names file gives them.
var demoNames = map[string]string{"10.255.0.1": "spine", "10.255.0.11": "leaf1", "10.255.0.12": "leaf2", "10.255.1.1": "hv1", "10.255.1.2": "hv2", "10.255.1.3": "hv3"}

// listenTruth takes every datagram that is forwarded to it.
func listenTruth(t *testing.T) *truth {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadBuffer(4 << 20)
	w := &truth{
		t: t, conn: c, done: make(chan struct{}), points: map[string][]truePoint{}, agents: map[string]events{}, sources: map[string]*trueSource{},
		protocols: map[string]events{}, vnis: map[string]events{}, flows: map[uint16]events{}, interfaces: map[string]bool{}, rates: map[string]trueRate{},
	}
	t.Cleanup(func() { c.Close(); <-w.done })
	go func() {
		defer close(w.done)
		b := make([]byte, 1<<16)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			w.datagram(b[:n], time.Now())
		}
	}()
	return w
}

func (w *truth) addr() string { return w.conn.LocalAddr().String() }

func (w *truth) datagram(b []byte, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.datagrams) == 0 {
		w.first = at
	}
	w.datagrams = append(w.datagrams, event{at, 1})
	var d sflow.Datagram
	if err := d.Decode(b); err != nil {
		w.t.Error(err)
		return
	}
	agent := d.Agent.String()
	w.agents[agent] = append(w.agents[agent], event{at, 1})
	for s, err := range d.Samples() {
		if err != nil {
			w.t.Error(err)
			return
		}
		switch s.Format {
		case sflow.FormatFlowSample, sflow.FormatFlowSampleExpanded:
			w.flow(agent, s, at)
		case sflow.FormatDiscardedPacket:
			w.discards = append(w.discards, event{at, 1})
		case sflow.FormatCounterSample, sflow.FormatCounterSampleExpanded:
			w.counters(agent, d.Uptime, s, at)
		}
	}
}

func (w *truth) source(agent string, id sflow.DataSource) *trueSource {
	key := agent + " " + id.String()
	if w.sources[key] == nil {
		w.sources[key] = &trueSource{}
	}
	return w.sources[key]
}

func (w *truth) flow(agent string, s sflow.Sample, at time.Time) {
	var f sflow.FlowSample
	if err := f.Decode(s); err != nil {
		w.t.Error(err)
		return
	}
	src := w.source(agent, f.Source)
	src.samples = append(src.samples, event{at, 1})
	src.rate = f.SamplingRate
	bits, vni, port := 0.0, "", uint16(0)
	for r := range f.Records() {
		var h sflow.SampledHeader
		var v sflow.ExtendedVNIIngress
		if h.Decode(r) == nil {
			bits = 8 * float64(h.FrameLength) * float64(f.SamplingRate)
			port = binary.BigEndian.Uint16(h.Header[34:]) // behind Ethernet and IPv4: all the demo sends
		}
		if v.Decode(r) == nil {
			vni = strconv.Itoa(int(v.VNI))
		}
	}
	e := event{at, bits}
	src.bits, w.all = append(src.bits, e), append(w.all, e)
	w.protocols[agent] = append(w.protocols[agent], e)
	w.flows[port] = append(w.flows[port], e)
	if vni != "" {
		w.vnis[vni] = append(w.vnis[vni], e)
	}
}

func (w *truth) counters(agent string, uptime uint32, s sflow.Sample, at time.Time) {
	var c sflow.CounterSample
	if err := c.Decode(s); err != nil {
		w.t.Error(err)
		return
	}
	src := w.source(agent, c.Source)
	src.counters = append(src.counters, event{at, 1})
	tags := map[string]string{"agent": agent, "agent_name": demoNames[agent], "source": c.Source.String()}
	for r := range c.Records() {
		x := sflow.NewCounterRecord(r.Format)
		if x == nil {
			w.skipped = append(w.skipped, event{at, 1})
			continue
		}
		if err := x.Decode(r); err != nil {
			w.t.Error(err)
			continue
		}
		switch x := x.(type) {
		case *sflow.PortName:
			tags["if_name"] = string(x.Name)
		case *sflow.HostDescr:
			tags["host"] = string(x.Hostname)
			u := x.UUID
			tags["instance"], tags["instance_name"] = fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]), string(x.Hostname)
		default:
			w.record(agent, uptime, tags, x, at)
		}
	}
}

// record keeps the values of one structure. Tags are filled by records that may
// come behind it in the same sample: they are one map.
func (w *truth) record(agent string, uptime uint32, tags map[string]string, x any, at time.Time) {
	add := func(measurement string, values map[string]float64) {
		w.points[measurement] = append(w.points[measurement], truePoint{at, tags, values})
	}
	switch x := x.(type) {
	case *sflow.IfCounters:
		w.interfaces[fmt.Sprint(agent, " ", x.Index)] = true
		v := map[string]float64{
			"in_octets": float64(x.InOctets), "out_octets": float64(x.OutOctets), "in_ucast_pkts": float64(x.InUcastPkts), "out_ucast_pkts": float64(x.OutUcastPkts),
			"in_errors": float64(x.InErrors), "out_errors": float64(x.OutErrors), "in_discards": float64(x.InDiscards), "out_discards": float64(x.OutDiscards),
			"speed": float64(x.Speed), "admin_up": float64(x.Status & 1), "oper_up": float64(x.Status >> 1 & 1),
		}
		key := fmt.Sprint(agent, " ", x.Index)
		if old, ok := w.rates[key]; ok && uptime > old.uptime {
			seconds := float64(uptime-old.uptime) / 1e3
			in, out := 8*float64(uint64(x.InOctets)-old.in)/seconds, 8*float64(uint64(x.OutOctets)-old.out)/seconds
			v["in_bits_per_second"], v["out_bits_per_second"] = in, out
			v["in_utilization"], v["out_utilization"] = 100*in/float64(x.Speed), 100*out/float64(x.Speed)
		}
		w.rates[key] = trueRate{uptime, uint64(x.InOctets), uint64(x.OutOctets)}
		add("if_counters", v)
	case *sflow.HostCPU:
		add("host_cpu", map[string]float64{
			"load_one": float64(x.LoadOne), "load_five": float64(x.LoadFive), "load_fifteen": float64(x.LoadFifteen), "proc_total": float64(x.ProcTotal),
			"uptime": float64(x.Uptime), "cpu_user": float64(x.CPUUser), "cpu_system": float64(x.CPUSystem), "cpu_wio": float64(x.CPUWIO), "cpu_nice": float64(x.CPUNice),
			"cpu_intr": float64(x.CPUIntr), "cpu_sintr": float64(x.CPUSIntr), "cpu_steal": float64(x.CPUSteal), "cpu_guest": float64(x.CPUGuest),
		})
	case *sflow.HostMemory:
		add("host_memory", map[string]float64{"total": float64(x.Total), "free": float64(x.Free), "buffers": float64(x.Buffers), "cached": float64(x.Cached)})
	case *sflow.HostDiskIO:
		add("host_disk_io", map[string]float64{"bytes_read": float64(x.BytesRead), "bytes_written": float64(x.BytesWritten), "part_max_used": float64(x.PartMaxUsed) / 100})
	case *sflow.HostNetIO:
		add("host_net_io", map[string]float64{"bytes_in": float64(x.BytesIn), "bytes_out": float64(x.BytesOut)})
	case *sflow.VirtNode:
		add("virt_node", map[string]float64{"num_domains": float64(x.NumDomains), "memory_free": float64(x.MemoryFree)})
	case *sflow.VirtCPU:
		add("virt_cpu", map[string]float64{"state": float64(x.State), "cpu_time": float64(x.CPUTime), "nr_virt_cpu": float64(x.NrVirtCPU)})
	case *sflow.VirtMemory:
		add("virt_memory", map[string]float64{"memory": float64(x.Memory), "max_memory": float64(x.MaxMemory)})
	case *sflow.VirtDiskIO:
		add("virt_disk_io", map[string]float64{"rd_bytes": float64(x.RdBytes), "wr_bytes": float64(x.WrBytes), "rd_req": float64(x.RdReq), "wr_req": float64(x.WrReq)})
	case *sflow.VirtNetIO:
		add("virt_net_io", map[string]float64{
			"rx_bytes": float64(x.RxBytes), "tx_bytes": float64(x.TxBytes), "rx_packets": float64(x.RxPackets), "tx_packets": float64(x.TxPackets), "rx_drop": float64(x.RxDrop),
		})
	case *sflow.OVSDPStats:
		add("ovs_dp_stats", map[string]float64{"hits": float64(x.Hits), "misses": float64(x.Misses), "lost": float64(x.Lost), "flows": float64(x.Flows), "masks": float64(x.Masks)})
	case *sflow.AppResources:
		add("app_resources", map[string]float64{"user_time": float64(x.UserTime), "system_time": float64(x.SystemTime)})
	}
}
