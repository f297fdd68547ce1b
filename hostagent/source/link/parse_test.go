package link

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
)

// attr appends a netlink attribute.
func attr(b []byte, kind uint16, v ...byte) []byte {
	b = ne.AppendUint16(b, uint16(4+len(v)))
	b = append(ne.AppendUint16(b, kind), v...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func text(s string) []byte  { return append([]byte(s), 0) }
func num(v uint32) []byte   { return ne.AppendUint32(nil, v) }
func short(v uint16) []byte { return ne.AppendUint16(nil, v) }

// message builds the body of an RTM_NEWLINK.
func message(index, flags uint32, attrs ...[]byte) []byte {
	b := []byte{unix.AF_UNSPEC, 0}
	b = ne.AppendUint16(b, unix.ARPHRD_ETHER)
	b = ne.AppendUint32(b, index)
	b = ne.AppendUint32(b, flags)
	b = ne.AppendUint32(b, 0)
	for _, a := range attrs {
		b = append(b, a...)
	}
	return b
}

var mac = []byte{2, 0, 0, 0, 0, 1}

// bondMessages are a bond that speaks LACP and a member of it, as Linux 6.1
// lays them out.
func bondMessages() (bond, member []byte) {
	var ad []byte
	ad = attr(ad, unix.IFLA_BOND_AD_INFO_AGGREGATOR, short(1)...)
	ad = attr(ad, unix.IFLA_BOND_AD_INFO_PARTNER_MAC, 2, 0, 0, 0, 0, 0xfe)
	var data []byte
	data = attr(data, unix.IFLA_BOND_MODE, 4)
	data = attr(data, unix.IFLA_BOND_AD_INFO|nested, ad...)
	data = attr(data, unix.IFLA_BOND_AD_ACTOR_SYSTEM, 2, 0, 0, 0, 0, 0xaa)
	var info []byte
	info = attr(info, unix.IFLA_INFO_KIND, text("bond")...)
	info = attr(info, unix.IFLA_INFO_DATA|nested, data...)
	bond = message(10, unix.IFF_UP|unix.IFF_LOWER_UP, attr(nil, unix.IFLA_IFNAME, text("bond0")...), attr(nil, unix.IFLA_ADDRESS, mac...),
		attr(nil, unix.IFLA_OPERSTATE, 6), attr(nil, unix.IFLA_LINKINFO|nested, info...))

	var slave []byte
	slave = attr(slave, unix.IFLA_BOND_SLAVE_STATE, 0)
	slave = attr(slave, unix.IFLA_BOND_SLAVE_AD_AGGREGATOR_ID, short(1)...)
	slave = attr(slave, unix.IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE, 61)
	slave = attr(slave, unix.IFLA_BOND_SLAVE_AD_PARTNER_OPER_PORT_STATE, short(63)...)
	info = attr(nil, unix.IFLA_INFO_SLAVE_KIND, text("bond")...)
	info = attr(info, unix.IFLA_INFO_SLAVE_DATA|nested, slave...)
	member = message(3, unix.IFF_UP|unix.IFF_LOWER_UP, attr(nil, unix.IFLA_IFNAME, text("eth0")...), attr(nil, unix.IFLA_ADDRESS, mac...),
		attr(nil, unix.IFLA_OPERSTATE, 6), attr(nil, unix.IFLA_MASTER, num(10)...),
		attr(nil, unix.IFLA_PARENT_DEV_NAME, text("0000:00:01.0")...), attr(nil, unix.IFLA_LINKINFO|nested, info...))
	return bond, member
}

func TestBondMemberHasLACP(t *testing.T) {
	b, m := bondMessages()
	bond, ok1 := parseLink(b)
	member, ok2 := parseLink(m)
	if !ok1 || !ok2 || bond.Kind != Bond || member.Kind != Physical {
		t.Fatalf("bond %v %v, member %v %v", ok1, bond.Kind, ok2, member.Kind)
	}
	var got sflow.LAGPortStats
	lagStats(&member.Info, &bond.Info, &got)
	want := sflow.LAGPortStats{
		ActorSystemID: sflow.MAC{2, 0, 0, 0, 0, 0xaa}, PartnerOperSystemID: sflow.MAC{2, 0, 0, 0, 0, 0xfe}, AttachedAggID: 10,
		ActorAdminState: 5, ActorOperState: 61, PartnerOperState: 63,
		LACPDUsRx: unknown, MarkerPDUsRx: unknown, MarkerResponsePDUsRx: unknown, UnknownRx: unknown,
		IllegalRx: unknown, LACPDUsTx: unknown, MarkerPDUsTx: unknown, MarkerResponsePDUsTx: unknown,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// Out of sync, it belongs to no group; without an actor of its own, the bond's address names it.
	member.LACP.ActorOper &^= sflow.LACPSynchronization
	bond.LACP.ActorSystem = sflow.MAC{}
	lagStats(&member.Info, &bond.Info, &got)
	if got.AttachedAggID != 0 || got.ActorSystemID != bond.MAC {
		t.Errorf("attached to %d, actor %v", got.AttachedAggID, got.ActorSystemID)
	}
}

func TestKindsAreTold(t *testing.T) {
	kind := func(name string, data ...[]byte) []byte {
		b := attr(nil, unix.IFLA_INFO_KIND, text(name)...)
		for _, d := range data {
			b = attr(b, unix.IFLA_INFO_DATA|nested, d...)
		}
		return attr(nil, unix.IFLA_LINKINFO|nested, b...)
	}
	for _, c := range []struct {
		name string
		info []byte
		want Kind
	}{
		{"tap", kind("tun", attr(nil, unix.IFLA_TUN_TYPE, 2)), Tap},
		{"tun", kind("tun", attr(nil, unix.IFLA_TUN_TYPE, 1)), Other},
		{"macvtap", kind("macvtap"), Tap},
		{"bridge", kind("bridge"), Bridge},
		{"veth", kind("veth"), Veth},
		{"vlan", kind("vlan"), VLAN},
		{"geneve", kind("geneve"), VXLAN},
		{"openvswitch", kind("openvswitch"), OVS},
		{"team", kind("team"), Bond},
		{"dummy", kind("dummy"), Other},
		{"on a bus", attr(nil, unix.IFLA_PARENT_DEV_NAME, text("virtio0")...), Physical},
		{"nothing said", nil, Other},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, ok := parseLink(message(1, 0, attr(nil, unix.IFLA_IFNAME, text("x")...), c.info))
			if !ok || p.Kind != c.want {
				t.Errorf("%v %v, want %v", ok, p.Kind, c.want)
			}
			if k, ok := ParseKind(c.want.String()); !ok || k != c.want {
				t.Errorf("%v is not read back", c.want)
			}
		})
	}
	if Kind(99).String() != "loopback" || Oper(99).String() != "unknown" {
		t.Error("numbers that mean nothing")
	}
	if _, ok := ParseKind("wireless"); ok {
		t.Error("a kind that is none")
	}
}

func TestSpeeds(t *testing.T) {
	for _, c := range []struct {
		mbit uint32
		want uint64
	}{{0, 0}, {10000, 1e10}, {0xffffffff, 0}, {0x7fffffff, 0}, {800000, 8e11}} {
		if got := bitsPerSecond(c.mbit); got != c.want {
			t.Errorf("%d Mbit/s: %d", c.mbit, got)
		}
	}
	if duplex(0) != DuplexHalf || duplex(1) != DuplexFull || duplex(255) != DuplexUnknown {
		t.Error("duplex")
	}
}

// sfpPages is a module of 850 nm at 40.5 °C, 3.3 V, 6 mA, 0.6 mW out, 0.5 mW in,
// laid out by hand after SFF-8472.
func sfpPages() (id, diag []byte) {
	id, diag = make([]byte, 128), make([]byte, 128)
	id[0], id[92] = idSFP, 1<<6|1<<5
	copy(id[60:], []byte{0x03, 0x52})
	copy(diag[24:], []byte{0x27, 0x10, 0x03, 0xe8}) // 1 mW to 0.1 mW
	copy(diag[32:], []byte{0x27, 0x10, 0x00, 0x64}) // 1 mW to 0.01 mW
	copy(diag[96:], []byte{0x28, 0x80, 0x80, 0xe8, 0x0b, 0xb8, 0x17, 0x70, 0x13, 0x88})
	return id, diag
}

func TestOptics(t *testing.T) {
	id, diag := sfpPages()
	read := func(address, page uint8, offset, _ uint32) ([]byte, error) {
		switch {
		case address == addressModule && page == 0 && offset == 0:
			return id, nil
		case address == addressDiag:
			return diag, nil
		}
		return nil, unix.EINVAL
	}
	o, ok := readOptics(read)
	if !ok {
		t.Fatal("not read")
	}
	want := sflow.SFP{ModuleNumLanes: 1, ModuleSupplyVoltage: 3300, ModuleTemperature: 40500}
	if diff := cmp.Diff(want, o.rec); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for l := range o.lanes.All() {
		want := sflow.SFPLane{Index: 1, TxBiasCurrent: 6000, TxPower: 600, TxPowerMin: 100, TxPowerMax: 1000, TxWavelength: 850,
			RxPower: 500, RxPowerMin: 10, RxPowerMax: 1000, RxWavelength: 850}
		if diff := cmp.Diff(want, l); diff != "" {
			t.Errorf("lane (-want +got)\n%s", diff)
		}
	}
	id[92] = 1<<6 | 1<<4 // calibrated from outside: raw values would be wrong
	if _, ok := readOptics(read); ok {
		t.Error("values without calibration are told")
	}
	id[0] = 0x18
	if _, ok := readOptics(read); ok {
		t.Error("a module of an unknown layout is read")
	}
	if _, ok := readOptics(func(uint8, uint8, uint32, uint32) ([]byte, error) { return id[:64], nil }); ok {
		t.Error("a page cut short is read")
	}
}

func TestOpticsOfFourLanes(t *testing.T) {
	low, up, limits := make([]byte, 128), make([]byte, 128), make([]byte, 128)
	low[0] = idQSFP28
	copy(low[22:], []byte{0x1e, 0x00, 0, 0, 0x80, 0xe8}) // 30 °C, 3.3 V
	for i := range 4 {
		low[34+2*i], low[35+2*i] = 0x13, 0x88 // 0.5 mW
		low[42+2*i], low[43+2*i] = 0x0b, 0xb8 // 6 mA
		low[50+2*i], low[51+2*i] = 0x17, 0x70 // 0.6 mW
	}
	copy(up[186-128:], []byte{0x66, 0x58}) // 26200 / 20 = 1310 nm
	copy(limits[176-128:], []byte{0x27, 0x10, 0x00, 0x64})
	copy(limits[192-128:], []byte{0x4e, 0x20, 0x03, 0xe8})
	o, ok := readOptics(func(_, page uint8, offset, _ uint32) ([]byte, error) {
		switch {
		case page == 3:
			return limits, nil
		case offset == 128:
			return up, nil
		}
		return low, nil
	})
	if !ok || o.rec.ModuleTemperature != 30000 || o.rec.ModuleSupplyVoltage != 3300 || o.lanes.Len() != 4 {
		t.Fatalf("%v %+v, %d lanes", ok, o.rec, o.lanes.Len())
	}
	n := uint32(0)
	for l := range o.lanes.All() {
		n++
		want := sflow.SFPLane{Index: n, TxBiasCurrent: 6000, TxPower: 600, TxPowerMin: 100, TxPowerMax: 2000, TxWavelength: 1310,
			RxPower: 500, RxPowerMin: 10, RxPowerMax: 1000, RxWavelength: 1310}
		if diff := cmp.Diff(want, l); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

func FuzzLink(f *testing.F) {
	b, m := bondMessages()
	f.Add(b)
	f.Add(m)
	f.Fuzz(func(_ *testing.T, b []byte) {
		p, ok := parseLink(b)
		if !ok {
			return
		}
		t := NewTable()
		t.gen = 1
		t.put(&p)
		t.put(&p)
		t.gen = 2
		t.sweep()
	})
}

func FuzzAnswer(f *testing.F) {
	b, _ := bondMessages()
	var msg []byte
	msg = ne.AppendUint32(msg, uint32(headerLen+len(b)))
	msg = ne.AppendUint16(msg, unix.RTM_NEWLINK)
	msg = ne.AppendUint16(msg, unix.NLM_F_MULTI)
	msg = ne.AppendUint32(msg, 0)
	msg = ne.AppendUint32(msg, 0)
	f.Add(append(msg, b...))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &conn{}
		_, _, _ = c.answer(b, func(_ uint16, body []byte) error {
			if len(body) > len(b) {
				t.Error("a message longer than what holds it")
			}
			return nil
		})
	})
}
