package capture

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// ng builds a pcapng file of one interface by hand; resolution is if_tsresol.
// Packets are padded to four octets.
func ng(order binary.AppendByteOrder, link uint32, resolution byte, packets ...[]byte) []byte {
	b := ngSection(order)
	b = ngInterfaceBlock(b, order, link, resolution)
	for _, p := range packets {
		b = ngPacket(b, order, 0, uint64(when.UnixNano()), p)
	}
	return b
}

func ngSection(order binary.AppendByteOrder) []byte {
	b := order.AppendUint32(nil, blockSection)
	b = order.AppendUint32(b, 28)
	b = order.AppendUint32(b, byteOrderMagic)
	b = order.AppendUint32(b, orderedPair(order, 1, 0))
	b = append(b, 255, 255, 255, 255, 255, 255, 255, 255)
	return order.AppendUint32(b, 28)
}

// orderedPair is a word whose octets are those of two 16-bit fields.
func orderedPair(order binary.AppendByteOrder, x, y uint16) uint32 {
	b := order.AppendUint16(order.AppendUint16(nil, x), y)
	if order.AppendUint16(nil, 1)[0] == 1 {
		return binary.LittleEndian.Uint32(b)
	}
	return binary.BigEndian.Uint32(b)
}

func ngInterfaceBlock(b []byte, order binary.AppendByteOrder, link uint32, resolution byte) []byte {
	b = order.AppendUint32(b, blockInterface)
	b = order.AppendUint32(b, 32)
	b = order.AppendUint32(b, orderedPair(order, uint16(link), 0))
	b = order.AppendUint32(b, 0)
	b = order.AppendUint32(b, orderedPair(order, 9, 1))
	b = append(b, resolution, 0, 0, 0)
	b = order.AppendUint32(b, 0)
	return order.AppendUint32(b, 32)
}

func ngPacket(b []byte, order binary.AppendByteOrder, index uint32, stamp uint64, p []byte) []byte {
	padded := (len(p) + 3) &^ 3
	b = order.AppendUint32(b, blockEnhanced)
	b = order.AppendUint32(b, uint32(32+padded))
	b = order.AppendUint32(b, index)
	b = order.AppendUint32(b, uint32(stamp>>32))
	b = order.AppendUint32(b, uint32(stamp))
	b = order.AppendUint32(b, uint32(len(p)))
	b = order.AppendUint32(b, uint32(len(p)))
	b = append(append(b, p...), make([]byte, padded-len(p))...)
	return order.AppendUint32(b, uint32(32+padded))
}

func TestReaderReadsPcapngOfOthers(t *testing.T) {
	packet := ip(t, from4, to4, payload(33))
	var file bytes.Buffer
	w, err := pcapgo.NewNgWriterInterface(&file, pcapgo.NgInterface{
		Name: "eth0", Comment: "a comment", LinkType: layers.LinkTypeIPv4, SnapLength: 0,
	}, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "test", Comment: "odd"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: when, CaptureLength: len(packet), Length: len(packet)}, packet); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.WriteInterfaceStats(0, pcapgo.NgInterfaceStatistics{PacketsReceived: 3, LastUpdate: when}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := Datagram{Payload: payload(33), From: from4, To: to4, At: when}
	got, _, err := readAll(t, file.Bytes(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Datagram{want, want, want}, got, equal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReaderReadsPcapngVariants(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	v4 := ip(t, from4, to4, payload(40))
	at := func(d time.Time) []Datagram { return []Datagram{{Payload: payload(40), From: from4, To: to4, At: d}} }
	seconds := uint64(when.Unix())

	simple := func(snaplen uint32) []byte {
		b := ngSection(le)
		for _, w := range []uint32{blockInterface, 20, 101, snaplen, 20, blockSimple, uint32(16 + len(v4)), uint32(len(v4))} {
			b = le.AppendUint32(b, w)
		}
		return le.AppendUint32(append(b, v4...), uint32(16+len(v4)))
	}
	obsolete := ngInterfaceBlock(ngSection(le), le, 101, 9)
	for _, w := range []uint32{blockPacket, uint32(32 + len(v4)), 0, uint32(uint64(when.UnixNano()) >> 32), uint32(when.UnixNano()), uint32(len(v4)), uint32(len(v4))} {
		obsolete = le.AppendUint32(obsolete, w)
	}
	obsolete = le.AppendUint32(append(obsolete, v4...), uint32(32+len(v4)))

	offset := ngSection(le)
	for _, w := range []uint32{blockInterface, 44, 101, 0, 9 | 1<<16, 0, 14 | 8<<16, uint32(seconds), 0, 0, 44} {
		offset = le.AppendUint32(offset, w)
	}

	options := ngInterfaceBlock(ngSection(le), le, 101, 9)
	start := len(options)
	options = ngPacket(options, le, 0, uint64(when.UnixNano()), v4)
	options = append(options[:len(options)-4], make([]byte, 600<<10)...)
	le.PutUint32(options[start+4:], uint32(len(options)-start+4))
	options = le.AppendUint32(options, uint32(len(options)-start+4))

	cutTo := at(time.Unix(0, 0).UTC())
	cutTo[0].Cut, cutTo[0].Payload = true, payload(22)
	tests := []struct {
		name string
		file []byte
		want []Datagram
	}{
		{"big endian", ng(be, 101, 9, v4), at(when)},
		{"microseconds", ngPacket(ngInterfaceBlock(ngSection(le), le, 101, 6), le, 0, uint64(when.UnixMicro()), v4), at(when.Truncate(time.Microsecond))},
		{"seconds", ngPacket(ngInterfaceBlock(ngSection(le), le, 101, 0), le, 0, seconds, v4), at(when.Truncate(time.Second))},
		{"picoseconds", ngPacket(ngInterfaceBlock(ngSection(le), le, 101, 12), le, 0, 3e12+5e3, v4), at(time.Unix(3, 5).UTC())},
		{"halves", ngPacket(ngInterfaceBlock(ngSection(le), le, 101, 0x81), le, 0, seconds*2+1, v4), at(when.Truncate(time.Second).Add(time.Second / 2))},
		{"an impossible time", ngPacket(ngInterfaceBlock(ngSection(le), le, 101, 0), le, 0, 1<<64-1, v4), at(time.Unix(maxSeconds, 0).UTC())},
		{"time offset", ngPacket(offset, le, 0, 7, v4), at(time.Unix(int64(seconds)+7, 0).UTC())},
		{"simple packet", simple(0), at(time.Unix(0, 0).UTC())},
		{"simple packet cut by snaplen", simple(50), cutTo},
		{"obsolete packet", obsolete, at(when)},
		{"options longer than the buffer", append(options, ng(le, 101, 9)...), at(when)},
		{"second section of other order", append(ng(le, 101, 9), ng(be, 101, 9, v4)...), at(when)},
		{"second interface", ngPacket(ngInterfaceBlock(ng(le, 105, 9), le, 101, 9), le, 1, uint64(when.UnixNano()), v4), at(when)},
		{"unknown block first", ngPacket(ngInterfaceBlock(append(ngSection(le), 9, 9, 9, 9, 16, 0, 0, 0, 1, 2, 3, 4, 16, 0, 0, 0), le, 101, 9), le, 0, uint64(when.UnixNano()), v4), at(when)},
		{"unknown link type", ng(le, 105, 9, v4), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, stats, err := readAll(t, tt.file, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, equal); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if stats.Packets != 1 || stats.UnknownLink != uint64(1-len(tt.want)) {
				t.Errorf("stats %+v", stats)
			}
		})
	}
}
