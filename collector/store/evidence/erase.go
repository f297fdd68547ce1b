package evidence

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"weir/decoder/packet"
)

// Erase removes the evidence of some alerts, and the headers from and to some
// addresses from that of all others, in a directory that nobody writes. It
// returns how many files and how many headers of the others went.
func Erase(dir string, ids []string, addresses []netip.Addr) (files, headers int, err error) {
	all, err := List(dir)
	if errors.Is(err, os.ErrNotExist) {
		return 0, 0, nil
	}
	if err := errors.Join(err, removeUnfinished(dir)); err != nil { // it may be of anything
		return 0, 0, err
	}
	var failed []error
	for _, f := range all { // as many as can be
		path := filepath.Join(dir, f.ID+suffix)
		if slices.Contains(ids, f.ID) {
			if err := os.Remove(path); err != nil {
				failed = append(failed, err)
				continue
			}
			files++
			continue
		}
		n, err := eraseFrom(path, f.Changed, addresses)
		headers += n
		if err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return files, headers, fmt.Errorf("%d of %d capture files cannot be erased or written anew, the first: %w", len(failed), len(all), failed[0])
	}
	d, err := os.Open(dir)
	if err != nil {
		return files, headers, err
	}
	return files, headers, errors.Join(d.Sync(), d.Close())
}

// eraseFrom removes the headers from and to some addresses from a capture file, that
// was changed last at a time.
func eraseFrom(path string, changed time.Time, addresses []netip.Addr) (headers int, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	rest, n := without(b, addresses)
	if len(rest) == len(b) {
		return 0, nil
	}
	if err := writeFile(path+newSuffix, path, rest); err != nil {
		return 0, errors.Join(err, ignoreMissing(os.Remove(path+newSuffix)))
	}
	return n, os.Chtimes(path, changed, changed)
}

// Tells reports whether a capture file has a packet from or to one of some
// addresses.
func Tells(b []byte, addresses []netip.Addr) bool {
	_, n := without(b, addresses)
	return n > 0
}

// without returns a capture file without the packets of some addresses, and how
// many these were. What is not whole at its end goes: nobody can search it.
func without(b []byte, addresses []netip.Addr) (rest []byte, n int) {
	var links []packet.Protocol
	for len(b) >= 12 {
		size := le.Uint32(b[4:])
		if size < 12 || size%4 != 0 || uint64(size) > uint64(len(b)) {
			break
		}
		one := b[:size]
		b = b[size:]
		switch kind := le.Uint32(one); {
		case kind == blockInterface && size >= 20:
			links = append(links, protocolOf(le.Uint16(one[8:])))
		case kind == blockPacket && size >= 32 && names(one, links, addresses):
			n++
			continue
		}
		rest = append(rest, one...)
	}
	return rest, n
}

func protocolOf(link uint16) packet.Protocol {
	switch link {
	case 228:
		return packet.ProtocolIPv4
	case 229:
		return packet.ProtocolIPv6
	}
	return packet.ProtocolEthernet
}

// names reports whether a packet is from or to one of the addresses, outside or
// inside a tunnel, or asks for it.
func names(b []byte, links []packet.Protocol, addresses []netip.Addr) bool {
	link, n := le.Uint32(b[8:]), le.Uint32(b[20:])
	if uint64(link) >= uint64(len(links)) || uint64(n) > uint64(len(b)-32) {
		return false
	}
	var h packet.Header
	h.Decode(links[link], b[28:28+n])
	seen := []netip.Addr{h.Key.SrcAddr(), h.Key.DstAddr(), h.Outer.SrcAddr(), h.Outer.DstAddr(), netip.AddrFrom4(h.ARP.SenderIP), netip.AddrFrom4(h.ARP.TargetIP), netip.AddrFrom16(h.ND.Target)}
	return slices.ContainsFunc(seen, func(a netip.Addr) bool { return slices.Contains(addresses, a.Unmap()) })
}
