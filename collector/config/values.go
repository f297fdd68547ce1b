package config

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"weir/detect"
)

// Bytes is a size in octets, written "32MiB".
type Bytes int64

// Binary units of Bytes.
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
)

// byteUnits is in the order they are tried: longest suffix first, since every
// unit ends in B.
var byteUnits = [...]struct {
	suffix string
	n      Bytes
}{
	{"KiB", KiB}, {"MiB", MiB}, {"GiB", GiB},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1},
}

// parseBytes reads a size such as 32MiB, 500kB or 1048576.
func parseBytes(s string) (Bytes, error) {
	for _, u := range byteUnits {
		num, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
		if err != nil || math.IsNaN(v) || v < 0 || v*float64(u.n) > math.MaxInt64/2 {
			break
		}
		return Bytes(v * float64(u.n)), nil
	}
	return 0, &fault{"not a size", `write a number with a unit, such as "32MiB"`}
}

// String writes b with the largest binary unit that divides it.
func (b Bytes) String() string {
	switch {
	case b >= GiB && b%GiB == 0:
		return fmt.Sprintf("%dGiB", b/GiB)
	case b >= MiB && b%MiB == 0:
		return fmt.Sprintf("%dMiB", b/MiB)
	case b >= KiB && b%KiB == 0:
		return fmt.Sprintf("%dKiB", b/KiB)
	}
	return fmt.Sprintf("%dB", int64(b))
}

// parseThreshold reads what the detector reads, with its words.
func parseThreshold(s string) (detect.Threshold, error) {
	t, err := detect.ParseThreshold(s)
	if err != nil {
		err = &fault{problem: strings.TrimPrefix(err.Error(), fmt.Sprintf("threshold %q: ", s))}
	}
	return t, err
}

// Rate is a number of things per second, written "100/s".
type Rate float64

// ParseRate reads "100/s"; "/min" and "/h" are also understood.
func ParseRate(s string) (Rate, error) {
	num, unit, ok := strings.Cut(s, "/")
	per := map[string]float64{"s": 1, "min": 60, "h": 3600}[strings.TrimSpace(unit)]
	v, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
	if !ok || per == 0 || err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, &fault{"not a rate", `write a number per second such as "100/s"`}
	}
	if v <= 0 {
		return 0, &fault{"out of range", "a rate is above 0"}
	}
	return Rate(v / per), nil
}

// String writes r per second.
func (r Rate) String() string { return strconv.FormatFloat(float64(r), 'g', 12, 64) + "/s" }

// parseAddrPort reads an IP address and port; a port alone means every address,
// and port 0 lets the kernel choose.
func parseAddrPort(s string) (netip.AddrPort, error) {
	const fix = `write ADDRESS:PORT such as "[::]:6343", "127.0.0.1:8343" or ":6343"`
	full := s
	if strings.HasPrefix(s, ":") {
		full = "[::]" + s
	}
	if a, err := netip.ParseAddrPort(full); err == nil {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
	}
	if _, err := netip.ParseAddr(full); err == nil {
		return netip.AddrPort{}, &fault{"no port", fix}
	}
	i := strings.LastIndexByte(full, ':')
	if i < 0 {
		return netip.AddrPort{}, &fault{"no port", fix}
	}
	if _, err := strconv.ParseUint(full[i+1:], 10, 16); err != nil {
		return netip.AddrPort{}, &fault{"the port is not a number from 0 to 65535", fix}
	}
	return netip.AddrPort{}, &fault{"not an IP address", fix + "; names are not looked up"}
}

// parsePrefix reads a network, or an address as the network of itself.
func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		if p != p.Masked() {
			return p, &fault{"has bits set beyond its length", fmt.Sprintf("write %q", p.Masked())}
		}
		return p, nil
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a.WithZone(""), a.BitLen()), nil
	}
	return netip.Prefix{}, &fault{"not a network", `write "10.0.0.0/8", "2001:db8::/32" or one address`}
}
