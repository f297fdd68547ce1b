package link

import "weir/decoder/sflow"

// Counters that the kernel does not tell.
const unknown = sflow.Counter32(0xffffffff)

// Values of ifType (IANA).
const (
	typeOther    = 1
	typeEthernet = 6
	typeLoopback = 24
	typeLAG      = 161
	typeVLAN     = 135
	typeBridge   = 209
	typeTunnel   = 131
)

// IfCounters fills c with the generic counters of i, as /proc/net/dev and
// `ip -s link` show them.
func IfCounters(i *Info, c *sflow.IfCounters) {
	n := &i.Stats
	multicast := min(n.Multicast, n.RxPackets)
	*c = sflow.IfCounters{
		Index:            i.Index,
		Type:             ifType(i),
		Speed:            i.Speed,
		Direction:        uint32(i.Duplex),
		Status:           i.Status(),
		InOctets:         sflow.Counter64(n.RxBytes),
		InUcastPkts:      sflow.Counter32(n.RxPackets - multicast),
		InMulticastPkts:  sflow.Counter32(multicast),
		InBroadcastPkts:  unknown,
		InDiscards:       sflow.Counter32(n.RxDropped + n.RxMissedErrors),
		InErrors:         sflow.Counter32(n.RxErrors),
		InUnknownProtos:  unknown,
		OutOctets:        sflow.Counter64(n.TxBytes),
		OutUcastPkts:     sflow.Counter32(n.TxPackets),
		OutMulticastPkts: unknown,
		OutBroadcastPkts: unknown,
		OutDiscards:      sflow.Counter32(n.TxDropped),
		OutErrors:        sflow.Counter32(n.TxErrors),
		PromiscuousMode:  2, // TruthValue: 1 true, 2 false
	}
	if i.Promisc {
		c.PromiscuousMode = 1
	}
}

func ifType(i *Info) uint32 {
	switch i.Kind {
	case Bond:
		return typeLAG
	case VLAN:
		return typeVLAN
	case Bridge:
		return typeBridge
	case VXLAN:
		return typeTunnel
	case Loopback:
		return typeLoopback
	}
	if i.Ethernet {
		return typeEthernet
	}
	return typeOther
}

// etherCounters fills c with what of the Ethernet-like MIB the kernel's own
// statistics hold.
func etherCounters(i *Info, c *sflow.EthernetCounters) {
	n := &i.Stats
	*c = sflow.EthernetCounters{
		AlignmentErrors:           sflow.Counter32(n.RxFrameErrors),
		FCSErrors:                 sflow.Counter32(n.RxCRCErrors),
		SingleCollisionFrames:     unknown, // the kernel knows only their sum
		MultipleCollisionFrames:   unknown,
		SQETestErrors:             sflow.Counter32(n.TxHeartbeatErrors),
		DeferredTransmissions:     unknown,
		LateCollisions:            sflow.Counter32(n.TxWindowErrors),
		ExcessiveCollisions:       sflow.Counter32(n.TxAbortedErrors),
		InternalMACTransmitErrors: sflow.Counter32(n.TxFIFOErrors),
		CarrierSenseErrors:        sflow.Counter32(n.TxCarrierErrors),
		FrameTooLongs:             sflow.Counter32(n.RxLengthErrors),
		InternalMACReceiveErrors:  sflow.Counter32(n.RxFIFOErrors + n.RxOverErrors),
		SymbolErrors:              unknown,
	}
}

// lagStats fills c with the LACP state of a member of bond.
func lagStats(i, bond *Info, c *sflow.LAGPortStats) {
	const adminBits = sflow.LACPActivity | sflow.LACPTimeout | sflow.LACPAggregation
	*c = sflow.LAGPortStats{
		ActorSystemID:       bond.LACP.ActorSystem,
		PartnerOperSystemID: bond.LACP.PartnerMAC,
		ActorAdminState:     i.LACP.ActorOper & adminBits, // what is configured shows in what is
		ActorOperState:      i.LACP.ActorOper,
		PartnerOperState:    i.LACP.PartnerOper,
		LACPDUsRx:           unknown, MarkerPDUsRx: unknown, MarkerResponsePDUsRx: unknown, UnknownRx: unknown,
		IllegalRx: unknown, LACPDUsTx: unknown, MarkerPDUsTx: unknown, MarkerResponsePDUsTx: unknown,
	}
	if c.ActorSystemID == (sflow.MAC{}) {
		c.ActorSystemID = bond.MAC
	}
	if i.LACP.ActorOper&sflow.LACPSynchronization != 0 {
		c.AttachedAggID = i.Master
	}
}
