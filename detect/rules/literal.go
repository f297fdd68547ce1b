package rules

import (
	"net/netip"
	"strconv"
	"strings"

	"weir/detect/keys"
)

// example shows how values of the field are written.
func (f Field) example() []string {
	switch fieldInfo[f].kind {
	case kindAddr:
		return []string{"an address or a network such as 10.0.0.0/8"}
	case kindMAC:
		return []string{"a MAC address such as 02:00:5e:10:00:01"}
	case kindProto:
		return []string{"a protocol such as udp"}
	case kindFlags:
		return []string{"flags such as syn+ack"}
	case kindUUID:
		return []string{"the UUID of an instance, or none"}
	case kindYesNo:
		return []string{"yes", "no"}
	}
	return []string{"a number from 0 to " + strconv.FormatUint(fieldInfo[f].most, 10), "or a range such as 1-9"}
}

// fits is example, or the words near what was written.
func (f Field) fits(word string) []string {
	var all []string
	switch fieldInfo[f].kind {
	case kindProto:
		for _, p := range protoWords {
			all = append(all, p.name)
		}
		return append(near(word, all), "or a number from 0 to 255")
	case kindFlags:
		return append(flagWords[:len(flagWords):len(flagWords)], "joined by +", "or none")
	}
	return f.example()
}

// parse reads one value of the field; problem says what is wrong with it.
func (f Field) parse(s string) (v literal, problem string) {
	switch fieldInfo[f].kind {
	case kindAddr:
		return parseNetwork(s)
	case kindMAC:
		m, ok := parseMAC(s)
		if !ok {
			return v, "is no MAC address"
		}
		return literal{span: span{number(m), number(m)}}, ""
	case kindProto:
		for _, p := range protoWords {
			if strings.EqualFold(p.name, s) {
				return literal{span: span{number(uint64(p.n)), number(uint64(p.n))}}, ""
			}
		}
		if n, err := strconv.ParseUint(s, 10, 8); err == nil {
			return literal{span: span{number(n), number(n)}}, ""
		}
		return v, "is no protocol"
	case kindFlags:
		n, ok := parseFlags(s)
		if !ok {
			return v, "are no TCP flags"
		}
		return literal{span: span{number(uint64(n)), number(uint64(n))}}, ""
	case kindUUID:
		u, ok := keys.ParseUUID(s)
		if !ok && !strings.EqualFold(s, "none") && s != keys.NoInstance {
			return v, "is no UUID"
		}
		x := address(u)
		return literal{span: span{x, x}}, ""
	case kindYesNo:
		switch strings.ToLower(s) {
		case "yes", "true", "1":
			return literal{span: span{number(1), number(1)}}, ""
		case "no", "false", "0":
			return literal{span: span{}}, ""
		}
		return v, "is neither yes nor no"
	}
	return f.parseRange(s)
}

func (f Field) parseRange(s string) (v literal, problem string) {
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	a, err1 := strconv.ParseUint(from, 0, 64)
	b, err2 := strconv.ParseUint(to, 0, 64)
	switch most := fieldInfo[f].most; {
	case err1 != nil || err2 != nil || a > most || b > most:
		return v, "is no " + f.String()
	case b < a:
		return v, "is a range that ends before it begins"
	}
	return literal{span: span{number(a), number(b)}}, ""
}

func parseNetwork(s string) (v literal, problem string) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		v := address(a.As16())
		return literal{span: span{v, v}}, ""
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return v, "is no address or network"
	}
	if p != p.Masked() {
		return v, "has bits set beyond its length: " + p.Masked().String() + " is the network"
	}
	return literal{span: spanOf(p), network: p}, ""
}

// parseMAC reads six pairs of hexadecimal digits with colons or dashes.
func parseMAC(s string) (uint64, bool) {
	if len(s) != 17 {
		return 0, false
	}
	var m uint64
	for i := 0; i < 17; i += 3 {
		b, err := strconv.ParseUint(s[i:i+2], 16, 8)
		if err != nil || i < 15 && s[i+2] != ':' && s[i+2] != '-' {
			return 0, false
		}
		m = m<<8 | b
	}
	return m, true
}

func parseFlags(s string) (flags uint8, ok bool) {
	if n, err := strconv.ParseUint(s, 0, 8); err == nil {
		return uint8(n), true
	}
	if strings.EqualFold(s, "none") {
		return 0, true
	}
	for word := range strings.SplitSeq(strings.ToLower(s), "+") {
		found := false
		for bit, w := range flagWords {
			if w == word {
				flags, found = flags|1<<bit, true
			}
		}
		if !found {
			return 0, false
		}
	}
	return flags, true
}
