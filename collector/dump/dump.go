// Package dump renders datagrams as JSON, one object each.
package dump

import (
	"net/netip"
	"strconv"
	"time"

	"weir/decoder/sflow"
)

// Append appends the datagram in payload as one JSON object, without a
// newline. A datagram that cannot be read whole has "error".
func Append(dst, payload []byte, from netip.AddrPort, at time.Time) []byte {
	var d sflow.Datagram
	err := d.Decode(payload)
	dst = append(dst, `{"at":"`...)
	dst = at.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000000Z")
	dst = append(dst, `","from":"`...)
	dst = from.AppendTo(dst)
	dst = append(dst, '"')
	if err == nil {
		dst = append(dst, `,"agent":"`...)
		dst = d.Agent.AppendTo(dst)
		dst = append(dst, `","sub_agent":`...)
		dst = strconv.AppendUint(dst, uint64(d.SubAgent), 10)
		dst = append(dst, `,"sequence":`...)
		dst = strconv.AppendUint(dst, uint64(d.Sequence), 10)
		dst = append(dst, `,"uptime_ms":`...)
		dst = strconv.AppendUint(dst, uint64(d.Uptime), 10)
	}
	dst = append(dst, `,"samples":[]`...)
	if err != nil {
		dst = append(dst, `,"error":`...)
		dst = strconv.AppendQuote(dst, err.Error())
	}
	return append(dst, '}')
}
