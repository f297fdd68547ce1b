package keys

import (
	"net/netip"
	"strconv"
	"strings"

	"weir/decoder/sflow"
)

// Key is a key of a definition. It is comparable.
type Key struct {
	def      *Definition
	b        bytes
	instance string // the name of the key's; "" until Name
}

// each passes every field with its value: uint64, netip.Addr, netip.Prefix or
// text. The domain of the underlay is left out beside addresses.
func (k *Key) each(yield func(f field, value any)) {
	if k.def == nil {
		return
	}
	b := k.b[:]
	for _, f := range k.def.fields {
		size := words[f.kind].size
		v := f.format(b[:size])
		b = b[size:]
		if f.kind == kindInstance && k.instance != "" {
			v = k.instance
		}
		if f.kind == kindDomain && v == uint64(0) && len(k.def.fields) > 1 {
			continue
		}
		yield(f, v)
	}
}

func (f field) format(b []byte) any {
	switch f.kind {
	case kindInstance:
		return UUID(b).String()
	case kindMACSrc, kindMACDst:
		return sflow.MAC(b).String()
	case kindTCPFlags:
		return flags(b[0])
	}
	if len(b) < 16 {
		n := uint64(0)
		for _, c := range b {
			n = n<<8 | uint64(c)
		}
		return n
	}
	a := netip.AddrFrom16([16]byte(b)).Unmap()
	bits := f.v6
	if a.Is4() {
		bits = f.v4
	}
	if bits == wholeAddress || bits == noAddress {
		return a
	}
	return netip.PrefixFrom(a, int(bits))
}

// flags names TCP flags, "none" where no flag is set.
func flags(b byte) string {
	if b == 0 {
		return "none"
	}
	var set []string
	for i, name := range [8]string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"} {
		if b>>i&1 != 0 {
			set = append(set, name)
		}
	}
	return strings.Join(set, "+")
}

// name is a field's name in what people and programs read: the word without
// prefix lengths, which the value has.
func (f field) name() string { return words[f.kind].name }

func text(v any) string {
	switch v := v.(type) {
	case uint64:
		return strconv.FormatUint(v, 10)
	case netip.Addr:
		return v.String()
	case netip.Prefix:
		return v.String()
	case string:
		return v
	}
	return ""
}

// String returns the key as a line: "src=192.0.2.1 dst_port=53".
func (k Key) String() string {
	var parts []string
	k.each(func(f field, v any) { parts = append(parts, f.name()+"="+text(v)) })
	return strings.Join(parts, " ")
}

// Fields returns the key as a map from field names to text.
func (k Key) Fields() map[string]string {
	m := map[string]string{}
	k.each(func(f field, v any) { m[f.name()] = text(v) })
	return m
}

// MarshalJSON returns an object with a member per field, numbers as numbers.
func (k Key) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	k.each(func(f field, v any) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, f.name())
		b = append(b, ':')
		if n, ok := v.(uint64); ok {
			b = strconv.AppendUint(b, n, 10)
			return
		}
		b = strconv.AppendQuote(b, text(v))
	})
	return append(b, '}'), nil
}

// Addr returns an address of the key by its word, such as dst; a prefix's is
// its first. It is the zero Addr where the key has none.
func (k *Key) Addr(word string) (a netip.Addr) {
	k.each(func(f field, v any) {
		if f.name() != word {
			return
		}
		switch v := v.(type) {
		case netip.Addr:
			a = v
		case netip.Prefix:
			a = v.Addr()
		}
	})
	return a
}

// Instance returns the instance of the key; false where the key has no such
// field. The zero UUID is that of packets of which no instance is known.
func (k *Key) Instance() (u UUID, ok bool) {
	if k.def == nil {
		return u, false
	}
	b := k.b[:]
	for _, f := range k.def.fields {
		size := words[f.kind].size
		if f.kind == kindInstance {
			return UUID(b[:size]), true
		}
		b = b[size:]
	}
	return u, false
}

// Name has the key's instance shown by its name from now on, in place of its UUID.
func (k *Key) Name(in *Instances) {
	if u, ok := k.Instance(); ok {
		k.instance = in.Name(u)
	}
}

// Unnamed returns the key with its instance shown by its UUID.
func (k Key) Unnamed() Key {
	k.instance = ""
	return k
}

// Number returns a number of the key by its word, such as dst_port; false where
// the key has none.
func (k *Key) Number(word string) (n uint64, ok bool) {
	k.each(func(f field, v any) {
		if x, is := v.(uint64); is && f.name() == word {
			n, ok = x, true
		}
	})
	return n, ok
}
