package libvirt

import (
	"strings"

	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/hostagent/source"
)

// maxHostname is the specification's for host_descr, in octets.
const maxHostname = 64

// statements writes domains into a Snapshot in buffers that it keeps.
type statements struct {
	st       witness.Statement
	adapters sflow.AdapterList
	name     []byte
	text     strings.Builder
}

// emit tells an event, and with it the domain's new state.
func (s *Source) emit(sink source.Sink, e told) {
	var out source.Snapshot
	var st statements
	s.mu.Lock()
	st.state(&out, e.d)
	ev := source.Event{Name: e.name, Subject: e.d.uuid, Reason: e.reason, Cause: e.cause, State: &out}
	ev.More = append(ev.More, witness.String(witness.Name, clean(e.d.ref.Name, maxName)))
	if n := e.d.about.nova; n != nil {
		ev.More = append(ev.More, witness.String(witness.NovaName, n.name), witness.String(witness.Project, n.project))
	}
	if e.exit.pid != 0 {
		ev.PID = uint32(e.exit.pid)
		ev.More = append(ev.More, e.exit.pairs()...)
	}
	s.mu.Unlock()
	sink.Emit(ev)
}

// state adds the statement of a domain's state.
func (w *statements) state(out *source.Snapshot, d *domain) {
	st := &w.st
	st.Begin(witness.ClassInstance, d.uuid)
	st.Add(witness.String(witness.Name, clean(d.ref.Name, maxName)))
	if !d.exited || !alive(d.state) { // else libvirt says what is no longer true
		st.Add(witness.String(witness.State, stateWord(d.state)))
		if r := reasonWord(d.state, d.reason); r != "" {
			st.Add(witness.String(witness.Reason, r))
		}
	}
	if n := d.about.nova; n != nil {
		for _, p := range [...]struct{ name, text string }{
			{witness.NovaName, n.name}, {witness.Project, n.project}, {witness.ProjectName, n.projectName},
			{witness.User, n.user}, {witness.Flavor, n.flavor}, {witness.Ports, n.ports},
		} {
			if p.text != "" {
				st.Add(witness.String(p.name, p.text))
			}
		}
	} else if d.known {
		st.Add(witness.String(witness.Orphan, "no-metadata"))
	}
	if t := w.taps(d); t != "" {
		st.Add(witness.String(witness.Taps, t))
	}
	out.State(st)
}

// pairs are the values of an event that say how a process has ended.
func (e *exit) pairs() []witness.Pair {
	switch {
	case !e.known:
		return nil
	case e.signal != 0:
		return []witness.Pair{witness.String(witness.Signal, unix.SignalName(e.signal))}
	}
	return []witness.Pair{witness.Gauge32(witness.Status, uint32(e.status))}
}

// taps lists a domain's interfaces: tap=MAC,…
func (w *statements) taps(d *domain) string {
	w.text.Reset()
	for i := range d.about.nics {
		n := &d.about.nics[i]
		if n.tap == "" || !n.hasMAC {
			continue
		}
		if w.text.Len() > 0 {
			w.text.WriteByte(',')
		}
		w.text.WriteString(listed(n.tap) + "=" + n.mac.String())
	}
	return w.text.String()
}

// counters adds a domain's counter sample. The figures of one that is shut off
// are not libvirt's truth (without cgroups it shows a CPU time), and not sent.
func (w *statements) counters(out *source.Snapshot, d *domain, f *figures, ifIndex func(tap string) uint32) {
	out.Begin(source.Instance(d.index))
	w.name = append(w.name[:0], clean(d.ref.Name, maxHostname)...)
	out.Record(&sflow.HostDescr{Hostname: w.name, UUID: d.ref.UUID})
	w.adapters = w.adapters[:0]
	for i := range d.about.nics {
		if n := &d.about.nics[i]; n.hasMAC {
			w.adapters = sflow.AppendHostAdapter(w.adapters, ifIndex(n.tap), n.mac)
		}
	}
	if len(w.adapters) > 0 {
		out.Record(&sflow.HostAdapters{Adapters: w.adapters})
	}
	host := source.Host()
	out.Record(&sflow.HostParent{ContainerType: host.Class, ContainerIndex: host.Index})
	on := alive(d.state)
	cpu := sflow.VirtCPU{State: uint32(d.state), CPUTime: 0xffffffff, NrVirtCPU: uint32(f.vcpus.n)}
	if on && f.cpuTime.known {
		cpu.CPUTime = sflow.Counter32(f.cpuTime.n / 1e6)
	}
	out.Record(&cpu)
	if !on {
		return
	}
	if f.memory.known && f.maximum.known {
		out.Record(&sflow.VirtMemory{Memory: f.memory.n << 10, MaxMemory: f.maximum.n << 10})
	}
	if b := &f.disk; b.rdReq.known || b.capacity.known {
		out.Record(&sflow.VirtDiskIO{
			Capacity: b.capacity.n, Allocation: b.allocation.n, Available: b.physical.n,
			RdReq: b.rdReq.c32(), RdBytes: b.rdBytes.c64(), WrReq: b.wrReq.c32(), WrBytes: b.wrBytes.c64(), Errs: b.errs.c32(),
		})
	}
	if f.rx.bytes.known || f.tx.bytes.known {
		out.Record(&sflow.VirtNetIO{
			RxBytes: f.rx.bytes.c64(), RxPackets: f.rx.packets.c32(), RxErrs: f.rx.errs.c32(), RxDrop: f.rx.drop.c32(),
			TxBytes: f.tx.bytes.c64(), TxPackets: f.tx.packets.c32(), TxErrs: f.tx.errs.c32(), TxDrop: f.tx.drop.c32(),
		})
	}
}

// virtNode adds what the host's hypervisor has: what libvirt said of processors,
// and memory as it is now, since machines are that grow and shrink.
func virtNode(out *source.Snapshot, n nodeInfo, active int) {
	var si unix.Sysinfo_t
	if n.cpus == 0 || unix.Sysinfo(&si) != nil {
		return
	}
	total, free := uint64(si.Totalram), uint64(si.Freeram) //nolint:unconvert // they have 32 bits on a machine of 32 bits
	unit := uint64(si.Unit)
	out.Begin(source.Host())
	out.Record(&sflow.VirtNode{MHz: n.mhz, CPUs: n.cpus, Memory: total * unit, MemoryFree: free * unit, NumDomains: uint32(active)})
}
