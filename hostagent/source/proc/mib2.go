package proc

import (
	"bytes"

	"weir/decoder/sflow"
)

// mib2 fills the groups of MIB-II from /proc/net/snmp.
type mib2 struct {
	ip   sflow.MIB2IPGroup
	icmp sflow.MIB2ICMPGroup
	tcp  sflow.MIB2TCPGroup
	udp  sflow.MIB2UDPGroup

	hasIP, hasICMP, hasTCP, hasUDP bool
}

// snmp reads the file. A group that is not there is left out.
func (s *Source) snmp(m *mib2) error {
	b, err := s.r.read("/proc/net/snmp")
	if err != nil {
		return err
	}
	if !m.parse(b) {
		return errOdd("/proc/net/snmp")
	}
	return nil
}

// parse reads pairs of lines: a group's names, then its values in the same
// order. Names and their order differ between kernels.
func (m *mib2) parse(b []byte) bool {
	m.reset()
	for len(b) > 0 {
		var names, values []byte
		names, b = line(b)
		group, rest, ok := bytes.Cut(names, []byte{':'})
		if !ok {
			continue
		}
		values, after := line(b)
		again, numbers, ok := bytes.Cut(values, []byte{':'})
		if !ok || !bytes.Equal(group, again) {
			continue
		}
		b = after
		switch string(group) {
		case "Ip":
			m.hasIP = true
			pairs(rest, numbers, m.ipField)
		case "Icmp":
			m.hasICMP = true
			pairs(rest, numbers, m.icmpField)
		case "Tcp":
			m.hasTCP = true
			pairs(rest, numbers, m.tcpField)
		case "Udp":
			m.hasUDP = true
			pairs(rest, numbers, m.udpField)
		}
	}
	return m.hasIP || m.hasTCP || m.hasUDP
}

// pairs stores each value where field says that its name belongs. A negative
// value, as of MaxConn, is stored as its 32 bits.
func pairs(names, values []byte, field func(name []byte) (*sflow.Counter32, *uint32)) {
	for {
		var n, v []byte
		n, names = word(names)
		v, values = word(values)
		if len(n) == 0 || len(v) == 0 {
			return
		}
		negative := v[0] == '-'
		if negative {
			v = v[1:]
		}
		x, ok := number(v)
		if !ok {
			continue
		}
		if negative {
			x = -x
		}
		counter, gauge := field(n)
		switch {
		case counter != nil:
			*counter = sflow.Counter32(x)
		case gauge != nil:
			*gauge = uint32(x)
		}
	}
}

// reset makes every counter unknown.
func (m *mib2) reset() {
	u := unknown
	*m = mib2{
		ip: sflow.MIB2IPGroup{InReceives: u, InHdrErrors: u, InAddrErrors: u, ForwDatagrams: u, InUnknownProtos: u,
			InDiscards: u, InDelivers: u, OutRequests: u, OutDiscards: u, OutNoRoutes: u, ReasmReqds: u, ReasmOKs: u,
			ReasmFails: u, FragOKs: u, FragFails: u, FragCreates: u},
		icmp: sflow.MIB2ICMPGroup{InMsgs: u, InErrors: u, InDestUnreachs: u, InTimeExcds: u, InParamProbs: u, InSrcQuenchs: u,
			InRedirects: u, InEchos: u, InEchoReps: u, InTimestamps: u, InAddrMasks: u, InAddrMaskReps: u, OutMsgs: u,
			OutErrors: u, OutDestUnreachs: u, OutTimeExcds: u, OutParamProbs: u, OutSrcQuenchs: u, OutRedirects: u,
			OutEchos: u, OutEchoReps: u, OutTimestamps: u, OutTimestampReps: u, OutAddrMasks: u, OutAddrMaskReps: u},
		tcp: sflow.MIB2TCPGroup{ActiveOpens: u, PassiveOpens: u, AttemptFails: u, EstabResets: u, InSegs: u, OutSegs: u,
			RetransSegs: u, InErrs: u, OutRsts: u, InCsumErrs: u},
		udp: sflow.MIB2UDPGroup{InDatagrams: u, NoPorts: u, InErrors: u, OutDatagrams: u, RcvbufErrors: u,
			SndbufErrors: u, InCsumErrors: u},
	}
}

func (m *mib2) ipField(name []byte) (*sflow.Counter32, *uint32) {
	c := &m.ip
	switch string(name) {
	case "Forwarding":
		return nil, &c.Forwarding
	case "DefaultTTL":
		return nil, &c.DefaultTTL
	case "InReceives":
		return &c.InReceives, nil
	case "InHdrErrors":
		return &c.InHdrErrors, nil
	case "InAddrErrors":
		return &c.InAddrErrors, nil
	case "ForwDatagrams":
		return &c.ForwDatagrams, nil
	case "InUnknownProtos":
		return &c.InUnknownProtos, nil
	case "InDiscards":
		return &c.InDiscards, nil
	case "InDelivers":
		return &c.InDelivers, nil
	case "OutRequests":
		return &c.OutRequests, nil
	case "OutDiscards":
		return &c.OutDiscards, nil
	case "OutNoRoutes":
		return &c.OutNoRoutes, nil
	case "ReasmTimeout":
		return nil, &c.ReasmTimeout
	case "ReasmReqds":
		return &c.ReasmReqds, nil
	case "ReasmOKs":
		return &c.ReasmOKs, nil
	case "ReasmFails":
		return &c.ReasmFails, nil
	case "FragOKs":
		return &c.FragOKs, nil
	case "FragFails":
		return &c.FragFails, nil
	case "FragCreates":
		return &c.FragCreates, nil
	}
	return nil, nil
}

func (m *mib2) icmpField(name []byte) (*sflow.Counter32, *uint32) {
	c := &m.icmp
	for _, f := range [...]struct {
		name string
		to   *sflow.Counter32
	}{
		{"InMsgs", &c.InMsgs}, {"InErrors", &c.InErrors}, {"InDestUnreachs", &c.InDestUnreachs},
		{"InTimeExcds", &c.InTimeExcds}, {"InParmProbs", &c.InParamProbs}, {"InSrcQuenchs", &c.InSrcQuenchs},
		{"InRedirects", &c.InRedirects}, {"InEchos", &c.InEchos}, {"InEchoReps", &c.InEchoReps},
		{"InTimestamps", &c.InTimestamps}, {"InAddrMasks", &c.InAddrMasks}, {"InAddrMaskReps", &c.InAddrMaskReps},
		{"OutMsgs", &c.OutMsgs}, {"OutErrors", &c.OutErrors}, {"OutDestUnreachs", &c.OutDestUnreachs},
		{"OutTimeExcds", &c.OutTimeExcds}, {"OutParmProbs", &c.OutParamProbs}, {"OutSrcQuenchs", &c.OutSrcQuenchs},
		{"OutRedirects", &c.OutRedirects}, {"OutEchos", &c.OutEchos}, {"OutEchoReps", &c.OutEchoReps},
		{"OutTimestamps", &c.OutTimestamps}, {"OutTimestampReps", &c.OutTimestampReps},
		{"OutAddrMasks", &c.OutAddrMasks}, {"OutAddrMaskReps", &c.OutAddrMaskReps},
	} {
		if f.name == string(name) {
			return f.to, nil
		}
	}
	return nil, nil
}

func (m *mib2) tcpField(name []byte) (*sflow.Counter32, *uint32) {
	c := &m.tcp
	switch string(name) {
	case "RtoAlgorithm":
		return nil, &c.RtoAlgorithm
	case "RtoMin":
		return nil, &c.RtoMin
	case "RtoMax":
		return nil, &c.RtoMax
	case "MaxConn":
		return nil, &c.MaxConn
	case "ActiveOpens":
		return &c.ActiveOpens, nil
	case "PassiveOpens":
		return &c.PassiveOpens, nil
	case "AttemptFails":
		return &c.AttemptFails, nil
	case "EstabResets":
		return &c.EstabResets, nil
	case "CurrEstab":
		return nil, &c.CurrEstab
	case "InSegs":
		return &c.InSegs, nil
	case "OutSegs":
		return &c.OutSegs, nil
	case "RetransSegs":
		return &c.RetransSegs, nil
	case "InErrs":
		return &c.InErrs, nil
	case "OutRsts":
		return &c.OutRsts, nil
	case "InCsumErrors":
		return &c.InCsumErrs, nil
	}
	return nil, nil
}

func (m *mib2) udpField(name []byte) (*sflow.Counter32, *uint32) {
	c := &m.udp
	switch string(name) {
	case "InDatagrams":
		return &c.InDatagrams, nil
	case "NoPorts":
		return &c.NoPorts, nil
	case "InErrors":
		return &c.InErrors, nil
	case "OutDatagrams":
		return &c.OutDatagrams, nil
	case "RcvbufErrors":
		return &c.RcvbufErrors, nil
	case "SndbufErrors":
		return &c.SndbufErrors, nil
	case "InCsumErrors":
		return &c.InCsumErrors, nil
	}
	return nil, nil
}
