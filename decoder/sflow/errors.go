package sflow

import "strconv"

// Reason is why a datagram, sample or record could not be read. Reasons are
// sentinels (errors.Is) and metric labels; converting one to error does not
// allocate.
type Reason uint8

// The reasons, in the order of [Reason] values; zero is "no error".
const (
	ErrTruncated     Reason = iota + 1 // the bytes end before the structure does
	ErrLength                          // a length field disagrees with what holds it
	ErrAddressType                     // an address type other than 0, 1, 2
	ErrSFlowVersion2                   // sFlow version 2
	ErrSFlowVersion4                   // sFlow version 4
	ErrNetFlowV5                       // NetFlow version 1, 5 or 7 on the sFlow port
	ErrNetFlowV9                       // NetFlow version 9 on the sFlow port
	ErrIPFIX                           // IPFIX on the sFlow port
	ErrVersion                         // any other version word
	ErrFormat                          // a structure was given a record or sample of another format
	ErrValue                           // a field holds a value its structure does not allow
	NumReasons                         // one more than the largest Reason
)

var reasonText = [NumReasons]string{
	ErrTruncated: "truncated", ErrLength: "length", ErrAddressType: "address_type",
	ErrSFlowVersion2: "sflow_v2", ErrSFlowVersion4: "sflow_v4", ErrNetFlowV5: "netflow_v5",
	ErrNetFlowV9: "netflow_v9", ErrIPFIX: "ipfix", ErrVersion: "version",
	ErrFormat: "format", ErrValue: "value",
}

// Error returns the reason's label: lower case, without spaces.
func (r Reason) Error() string {
	if int(r) < len(reasonText) && reasonText[r] != "" {
		return reasonText[r]
	}
	return "reason_" + strconv.Itoa(int(r))
}

// Foreign reports whether r says that the payload is no sFlow version 5 at
// all: a sender to be told once, not a damaged datagram.
func (r Reason) Foreign() bool { return r >= ErrSFlowVersion2 && r <= ErrVersion }

// Error places a Reason in a datagram.
type Error struct {
	What   string // "datagram", "sample", "record"
	Index  int    // which one, from 0; -1 where there is only one
	Offset int    // bytes from the start of the datagram
	Need   uint64 // bytes needed; 0 where the reason is not about bytes
	Have   uint64 // bytes there
	Err    error  // a Reason
}

func (e *Error) Error() string {
	s := "sflow: " + e.What
	if e.Index >= 0 {
		s += " " + strconv.Itoa(e.Index)
	}
	s += " at offset " + strconv.Itoa(e.Offset)
	if e.Need > 0 {
		s += ": needs " + strconv.FormatUint(e.Need, 10) + " bytes, has " + strconv.FormatUint(e.Have, 10)
	}
	return s + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }
