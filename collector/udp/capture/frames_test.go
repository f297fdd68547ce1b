package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// allFrames reads the packets of a capture to its end.
func allFrames(t testing.TB, file []byte) (fs []Frame, unknown uint64, err error) {
	t.Helper()
	r, err := NewFrames(bytes.NewReader(file), "test")
	if err != nil {
		return nil, 0, err
	}
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return fs, r.UnknownLink(), nil
		} else if err != nil {
			return fs, r.UnknownLink(), err
		}
		f.Data = bytes.Clone(f.Data)
		fs = append(fs, f)
	}
}

// cutTo gives the classic capture of one packet the length on the wire.
func cutTo(file []byte, order binary.ByteOrder, length uint32) []byte {
	order.PutUint32(file[24+12:], length)
	return file
}

func TestFramesKeepWhatWasOnTheWire(t *testing.T) {
	order := binary.LittleEndian
	data := append(append(make([]byte, 12), 8, 0), ip(t, from4, to4, payload(50))...)
	ngCut := ng(order, 1, 9, data)
	block := 28 + bytes.Index(ngCut[28:], []byte{6, 0, 0, 0}) // the enhanced packet block
	order.PutUint32(ngCut[block+24:], 1514)
	simple := ngInterfaceBlock(ngSection(order), order, 1, 9)
	for _, w := range []uint32{blockSimple, uint32(16 + (len(data)+3)&^3), 1514} {
		simple = order.AppendUint32(simple, w)
	}
	simple = append(append(simple, data...), make([]byte, -len(data)&3)...)
	simple = order.AppendUint32(simple, uint32(16+(len(data)+3)&^3))
	withFCS := append(bytes.Clone(data), 1, 2, 3, 4)

	tests := []struct {
		name   string
		file   []byte
		length uint32
		data   int
	}{
		{"pcap", classic(order, pcapMagicNanos, 1, data), uint32(len(data)), len(data)},
		{"pcap cut", cutTo(classic(order, pcapMagicNanos, 1, data), order, 1514), 1514, len(data)},
		{"pcap with a check sequence", classic(order, pcapMagicNanos, 1|0x24000000, withFCS), uint32(len(data)), len(data)},
		{"pcap cut, with a check sequence", cutTo(classic(order, pcapMagicNanos, 1|0x24000000, data), order, 1518), 1514, len(data)},
		{"pcap of a length of 4 GiB", cutTo(classic(order, pcapMagicNanos, 1, data), order, 1<<32-1), 1<<32 - 1, len(data)},
		{"pcapng cut", ngCut, 1514, len(data)},
		{"pcapng simple", simple, 1514, (len(data) + 3) &^ 3}, // padding cannot be told from data
		{"shorter than its check sequence", classic(order, pcapMagicNanos, 1|0xf4000000, data[:20]), 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fs, _, err := allFrames(t, tt.file)
			if err != nil || len(fs) != 1 {
				t.Fatalf("%d frames, %v", len(fs), err)
			}
			f := fs[0]
			if f.Length != tt.length || len(f.Data) != tt.data || f.Link != LinkEthernet || !bytes.HasPrefix(append(data, 0, 0, 0), f.Data) {
				t.Errorf("%d of %d octets, link type %d; want %d of %d", len(f.Data), f.Length, f.Link, tt.data, tt.length)
			}
		})
	}
}

func TestPcapngTellsOfCheckSequences(t *testing.T) {
	ifc := ngInterface{units: 1e6}
	if err := ifc.options([]byte{0, 13, 0, 1, 4, 0, 0, 0, 0, 0, 0, 0}, binary.BigEndian); err != nil || ifc.fcs != 4 {
		t.Errorf("check sequence of %d octets, %v; want 4", ifc.fcs, err)
	}
}

func TestFrameIPStripsTheLink(t *testing.T) {
	v4, v6 := ip(t, from4, to4, payload(30)), ip(t, from6, to6, payload(30))
	tests := []struct {
		name   string
		link   LinkType
		before []byte
		ip     []byte
	}{
		{"Ethernet", 1, append(make([]byte, 12), 8, 0), v4},
		{"VLAN", 1, append(make([]byte, 12), 0x81, 0, 0, 42, 0x86, 0xdd), v6},
		{"cooked v1", 113, append(make([]byte, 14), 8, 0), v4},
		{"cooked v2", 276, append([]byte{0x86, 0xdd}, make([]byte, 18)...), v6},
		{"raw", 101, nil, v4},
		{"loopback", 0, []byte{2, 0, 0, 0}, v4},
		{"ARP", 113, append(make([]byte, 14), 8, 6), nil},
		{"IP version 5", 101, []byte{0x55, 0}, nil},
		{"nothing", 101, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := Frame{Data: append(bytes.Clone(tt.before), tt.ip...), Link: tt.link}
			f.Length = uint32(len(f.Data)) + 1000
			data, length := f.IP()
			want := uint32(0)
			if tt.ip != nil {
				want = uint32(len(tt.ip)) + 1000
			}
			if diff := cmp.Diff(tt.ip, data); diff != "" || length != want {
				t.Errorf("length %d, want %d (-want +got):\n%s", length, want, diff)
			}
		})
	}
}

func TestFramesCountUnknownLinks(t *testing.T) {
	order := binary.LittleEndian
	b := ngInterfaceBlock(ngSection(order), order, 105, 9)
	b = ngInterfaceBlock(b, order, 1, 9)
	b = ngPacket(b, order, 0, 0, payload(60))
	b = ngPacket(b, order, 1, 0, payload(60))
	fs, unknown, err := allFrames(t, b)
	if err != nil || len(fs) != 1 || unknown != 1 {
		t.Errorf("%d frames, %d of unknown link types, %v; want one of each", len(fs), unknown, err)
	}
}

func TestOpenFramesNamesWhatIsWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("hello, world"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFrames(path); !errors.Is(err, ErrNotCapture) || strings.Count(err.Error(), path) != 1 {
		t.Errorf("error %v, want the path and ErrNotCapture", err)
	}
	file := classic(binary.LittleEndian, pcapMagic, 101, payload(60), payload(60))
	fs, _, err := allFrames(t, file[:len(file)-1])
	if !errors.Is(err, ErrCut) || len(fs) != 1 || !strings.Contains(err.Error(), "test: after packet 1: ") {
		t.Errorf("%d frames, %v; want one and ErrCut", len(fs), err)
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenFrames(path)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = r.Next()
	}
	if r.Size() != int64(len(file)) || r.BytesRead() != r.Size() || r.Close() != nil {
		t.Errorf("read %d of %d octets", r.BytesRead(), r.Size())
	}
}
