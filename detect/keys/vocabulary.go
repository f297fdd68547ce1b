package keys

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// kind is a word of the vocabulary. Their order is that of the fields in a key.
type kind uint8

const (
	kindDomain kind = iota
	kindAgent
	kindInput
	kindOutput
	kindInstance
	kindOuterSrc
	kindOuterDst
	kindInnerSrc
	kindInnerDst
	kindSrc
	kindDst
	kindProto
	kindSrcPort
	kindDstPort
	kindTCPFlags
	kindDSCP
	kindMACSrc
	kindMACDst
	kindVLAN
	kindVNI
	kindSrcAS
	kindDstAS
	kindNextHop
	kinds
)

// words has the name and the size of every kind.
var words = [kinds]struct {
	name string
	size int
}{
	kindDomain:   {"domain", 4},
	kindAgent:    {"agent", 16},
	kindInput:    {"input", 4},
	kindOutput:   {"output", 4},
	kindInstance: {"instance", 16},
	kindOuterSrc: {"outer_src", 16},
	kindOuterDst: {"outer_dst", 16},
	kindInnerSrc: {"inner_src", 16},
	kindInnerDst: {"inner_dst", 16},
	kindSrc:      {"src", 16},
	kindDst:      {"dst", 16},
	kindProto:    {"proto", 1},
	kindSrcPort:  {"src_port", 2},
	kindDstPort:  {"dst_port", 2},
	kindTCPFlags: {"tcp_flags", 1},
	kindDSCP:     {"dscp", 1},
	kindMACSrc:   {"mac_src", 6},
	kindMACDst:   {"mac_dst", 6},
	kindVLAN:     {"vlan", 2},
	kindVNI:      {"vni", 4},
	kindSrcAS:    {"src_as", 4},
	kindDstAS:    {"dst_as", 4},
	kindNextHop:  {"next_hop", 16},
}

func (k kind) address() bool { return k >= kindOuterSrc && k <= kindDst }

// tenant reports that the field belongs to the network the domain names.
func (k kind) tenant() bool { return k >= kindInnerSrc && k <= kindDst }

// any bits of an address: 255 all of them, 254 none (the other family only).
const (
	wholeAddress = 255
	noAddress    = 254
)

// field is a word with the lengths of its prefixes.
type field struct {
	kind   kind
	v4, v6 uint8 // bits, wholeAddress or noAddress
	strict bool  // a port that only transports with ports have; of instances none that is not known
}

func (f field) String() string {
	name := words[f.kind].name
	if f.v4 != wholeAddress && f.v4 != noAddress {
		name += "/" + strconv.Itoa(int(f.v4))
	}
	if f.v6 != wholeAddress && f.v6 != noAddress {
		name += "/" + strconv.Itoa(int(f.v6))
	}
	return name
}

// parseField reads a word: name, name/bits or name/bits/bits.
func parseField(text string) (field, error) {
	name, bits, prefix := strings.Cut(text, "/")
	f := field{v4: wholeAddress, v6: wholeAddress}
	i := slices.IndexFunc(words[:], func(w struct {
		name string
		size int
	}) bool {
		return w.name == name
	})
	if i < 0 {
		return f, fmt.Errorf("key field %q: unknown; %s", text, suggest(name))
	}
	f.kind = kind(i)
	if !prefix {
		return f, nil
	}
	if !f.kind.address() {
		return f, fmt.Errorf("key field %q: only addresses have prefixes; use %s", text, name)
	}
	first, second, both := strings.Cut(bits, "/")
	a, err := prefixBits(text, first, 128)
	switch {
	case err != nil:
		return f, err
	case both:
		b, err := prefixBits(text, second, 128)
		if err != nil {
			return f, err
		}
		if a > 32 {
			return f, fmt.Errorf("key field %q: the first length is that of IPv4 prefixes, 1 to 32; use %s/24/48", text, name)
		}
		f.v4, f.v6 = a, b
	case a <= 32:
		f.v4, f.v6 = a, noAddress
	default:
		f.v4, f.v6 = noAddress, a
	}
	return f, nil
}

func prefixBits(text, bits string, most int) (uint8, error) {
	n, err := strconv.Atoi(bits)
	if err != nil || n < 1 || n > most || bits[0] < '1' || bits[0] > '9' {
		return 0, fmt.Errorf("key field %q: prefix length %q: must be 1 to 32 for IPv4, 33 to 128 for IPv6", text, bits)
	}
	return uint8(n), nil
}

// suggest names the nearest word, or all.
func suggest(name string) string {
	best, at := 4, -1
	for i, w := range words {
		if d := distance(name, w.name); d < best {
			best, at = d, i
		}
	}
	if at >= 0 && best <= (len(name)+1)/2 {
		return "did you mean " + words[at].name + "?"
	}
	all := make([]string, 0, kinds)
	for _, w := range words {
		all = append(all, w.name)
	}
	return "known are " + strings.Join(all, ", ")
}

// distance is that of Levenshtein; texts longer than any word are far away.
func distance(a, b string) int {
	const far = 32
	if len(a) > far {
		return far
	}
	var row [far + 1]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
