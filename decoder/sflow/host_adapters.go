package sflow

import "iter"

// FormatHostAdapters is counter record 0:2001.
const FormatHostAdapters Format = 2001

// HostAdapters is a host_adapters (counter record 0:2001, sflow_host.txt): the
// network adapters of a host or of a virtual machine.
type HostAdapters struct {
	Adapters AdapterList `json:"adapters"` // refers to the record's bytes
}

// HostAdapter is one network adapter.
type HostAdapter struct {
	IfIndex uint32  `json:"if_index"` // 0 unknown
	MACs    MACList `json:"mac_address"`
}

// AdapterList is a list of host_adapter as it is on the wire, without its
// count. It refers to the record's bytes.
type AdapterList []byte

// MACList is a list of Ethernet addresses as it is on the wire, 8 bytes each
// with the pad, without its count. It refers to the record's bytes.
type MACList []byte

// Decode reads the record; bytes after the last adapter are ignored. Adapters
// refers to r.Body.
func (c *HostAdapters) Decode(r Record) error {
	*c = HostAdapters{}
	if r.Format != FormatHostAdapters {
		return ErrFormat
	}
	if len(r.Body) < 4 {
		return ErrTruncated
	}
	// An adapter has 8 bytes at least, so a large count ends with the bytes.
	all := r.Body[4:]
	b := all
	for n := be.Uint32(r.Body); n > 0; n-- {
		var ok bool
		if _, b, ok = nextAdapter(b); !ok {
			return ErrTruncated
		}
	}
	end := len(all) - len(b)
	c.Adapters = AdapterList(all[:end:end])
	return nil
}

// Append appends the record with its format and length.
func (c *HostAdapters) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatHostAdapters)
	b = be.AppendUint32(b, uint32(c.Adapters.Len()))
	return endRecord(append(b, c.Adapters...), at)
}

// nextAdapter reads the adapter at the start of b and returns it with what
// follows.
func nextAdapter(b []byte) (a HostAdapter, rest []byte, ok bool) {
	if len(b) < 8 {
		return HostAdapter{}, nil, false
	}
	n := 8 * uint64(be.Uint32(b[4:]))
	if n > uint64(len(b)-8) {
		return HostAdapter{}, nil, false
	}
	a.IfIndex = be.Uint32(b)
	a.MACs = MACList(b[8 : 8+n : 8+n])
	return a, b[8+n:], true
}

// All iterates over the adapters. Bytes that are no whole adapter, which Decode
// never leaves, end it.
func (l AdapterList) All() iter.Seq[HostAdapter] {
	return func(yield func(HostAdapter) bool) {
		for b := []byte(l); len(b) > 0; {
			a, rest, ok := nextAdapter(b)
			if !ok || !yield(a) {
				return
			}
			b = rest
		}
	}
}

// Len returns the number of adapters.
func (l AdapterList) Len() int {
	n := 0
	for range l.All() {
		n++
	}
	return n
}

// AppendHostAdapter appends an adapter to l: a way to build a list.
func AppendHostAdapter(l AdapterList, ifIndex uint32, macs ...MAC) AdapterList {
	l = be.AppendUint32(l, ifIndex)
	l = be.AppendUint32(l, uint32(len(macs)))
	for _, m := range macs {
		l = appendPaddedMAC(l, m)
	}
	return l
}

// MarshalJSON returns an array of objects.
func (l AdapterList) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for a := range l.All() {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, `{"if_index":`...)
		out = appendJSONUint(out, uint64(a.IfIndex))
		out = append(out, `,"mac_address":`...)
		macs, _ := a.MACs.MarshalJSON()
		out = append(append(out, macs...), '}')
	}
	return append(out, ']'), nil
}

// Len returns the number of addresses.
func (l MACList) Len() int { return len(l) / 8 }

// At returns address i, which must be less than Len.
func (l MACList) At(i int) MAC { return MAC(l[8*i : 8*i+6]) }

// All iterates over the addresses.
func (l MACList) All() iter.Seq[MAC] {
	return func(yield func(MAC) bool) {
		for b := l; len(b) >= 8; b = b[8:] {
			if !yield(MAC(b[:6])) {
				return
			}
		}
	}
}

// MarshalJSON returns an array of strings.
func (l MACList) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for m := range l.All() {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), m.String()...), '"')
	}
	return append(out, ']'), nil
}
