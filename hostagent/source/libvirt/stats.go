package libvirt

import (
	"hash/fnv"
	"io"
	"strings"

	golibvirt "github.com/digitalocean/go-libvirt"

	"weir/decoder/sflow"
)

// figures are what one domain's statistics say. What libvirt left out is not
// known, and its record is not sent.
type figures struct {
	cpuTime sum // nanoseconds
	vcpus   sum
	memory  sum // KiB
	maximum sum // KiB

	rx, tx traffic
	disk   blocks

	nicNames uint64 // digest of the interfaces' names
}

// sum adds what is there.
type sum struct {
	n     uint64
	known bool
}

func (s *sum) add(v uint64) { s.n, s.known = s.n+v, true }

// c32 returns the sum as a counter on the wire, which wraps.
func (s sum) c32() sflow.Counter32 {
	if !s.known {
		return 0xffffffff
	}
	return sflow.Counter32(s.n)
}

func (s sum) c64() sflow.Counter64 {
	if !s.known {
		return 0xffffffffffffffff
	}
	return sflow.Counter64(s.n)
}

// traffic is one direction of all of a domain's interfaces together, as the
// guest sees it.
type traffic struct{ bytes, packets, errs, drop sum }

// blocks are all of a domain's disks together.
type blocks struct {
	capacity, allocation, physical       sum
	rdReq, rdBytes, wrReq, wrBytes, errs sum
}

// read takes a domain's statistics.
func (f *figures) read(params []golibvirt.TypedParam) {
	*f = figures{}
	for i := range params {
		p := &params[i]
		v, ok := number(p.Value.I)
		if !ok {
			f.nic(p)
			continue
		}
		group, rest, _ := strings.Cut(p.Field, ".")
		switch group {
		case "cpu":
			if rest == "time" {
				f.cpuTime.add(v)
			}
		case "vcpu":
			if rest == "current" {
				f.vcpus.add(v)
			}
		case "balloon":
			switch rest {
			case "current":
				f.memory.add(v)
			case "maximum":
				f.maximum.add(v)
			}
		case "net":
			f.net(rest, v)
		case "block":
			f.block(rest, v)
		}
	}
}

// nic takes the name of an interface: "net.0.name".
func (f *figures) nic(p *golibvirt.TypedParam) {
	name, ok := p.Value.I.(string)
	if !ok || !strings.HasPrefix(p.Field, "net.") || !strings.HasSuffix(p.Field, ".name") {
		return
	}
	h := fnv.New64a()
	_, _ = io.WriteString(h, name)
	f.nicNames += h.Sum64()
}

// net takes one value of an interface: "0.rx.bytes".
func (f *figures) net(name string, v uint64) {
	_, field, _ := strings.Cut(name, ".")
	direction, what, _ := strings.Cut(field, ".")
	t := &f.rx
	switch direction {
	case "rx":
	case "tx":
		t = &f.tx
	default:
		return
	}
	switch what {
	case "bytes":
		t.bytes.add(v)
	case "pkts":
		t.packets.add(v)
	case "errs":
		t.errs.add(v)
	case "drop":
		t.drop.add(v)
	}
}

// block takes one value of a disk: "0.rd.reqs".
func (f *figures) block(name string, v uint64) {
	_, field, _ := strings.Cut(name, ".")
	b := &f.disk
	switch field {
	case "capacity":
		b.capacity.add(v)
	case "allocation":
		b.allocation.add(v)
	case "physical":
		b.physical.add(v)
	case "rd.reqs":
		b.rdReq.add(v)
	case "rd.bytes":
		b.rdBytes.add(v)
	case "wr.reqs":
		b.wrReq.add(v)
	case "wr.bytes":
		b.wrBytes.add(v)
	case "errors":
		b.errs.add(v)
	}
}

// number returns a value that is one and not negative: libvirt says -1 for what
// it could not read.
func number(v any) (uint64, bool) {
	switch n := v.(type) {
	case uint64:
		return n, true
	case uint32:
		return uint64(n), true
	case int64:
		return uint64(n), n >= 0
	case int32:
		return uint64(n), n >= 0
	}
	return 0, false
}

// stateOf returns a domain's state and its reason; ok is false where the
// statistics do not say.
func stateOf(params []golibvirt.TypedParam) (state, reason int32, ok bool) {
	for i := range params {
		switch params[i].Field {
		case "state.state":
			state, ok = params[i].Value.I.(int32)
		case "state.reason":
			reason, _ = params[i].Value.I.(int32)
		}
	}
	return state, reason, ok
}
