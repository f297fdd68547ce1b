package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

func FuzzReader(f *testing.F) {
	v4, v6 := ip(f, from4, to4, payload(60)), ip(f, from6, to6, payload(60))
	fragmented := append(split(v4, 1, 24), split(v6, 2, 24)...)
	for _, link := range []uint32{0, 1, 101, 113, 276} {
		var prefix []byte
		switch link {
		case 0:
			prefix = []byte{2, 0, 0, 0}
		case 1:
			prefix = append(make([]byte, 12), 0x81, 0, 0, 1, 8, 0)
		case 113:
			prefix = append(make([]byte, 14), 8, 0)
		case 276:
			prefix = append([]byte{8, 0}, make([]byte, 18)...)
		}
		packet := append(prefix, v4...)
		f.Add(classic(binary.LittleEndian, pcapMagic, link, packet))
		f.Add(classic(binary.BigEndian, pcapMagicNanos, link, packet))
		f.Add(ng(binary.LittleEndian, link, 9, packet))
		f.Add(ng(binary.BigEndian, link, 0x8a, packet, packet))
	}
	f.Add(classic(binary.LittleEndian, pcapMagic, 101, fragmented...))
	f.Add(ng(binary.LittleEndian, 101, 6, fragmented...))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file), "fuzz", Options{AnyPort: true})
		if err != nil {
			if !errors.Is(err, ErrNotCapture) && !errors.Is(err, ErrLinkType) {
				t.Fatalf("error without a reason: %v", err)
			}
			return
		}
		var n uint64
		for {
			d, err := r.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, ErrCut) && !errors.Is(err, ErrDamaged) {
					t.Fatalf("error without a reason: %v", err)
				}
				if _, again := r.Next(); again != err {
					t.Fatalf("%v, then %v", err, again)
				}
				break
			}
			n++
			if !d.From.IsValid() || !d.To.IsValid() || len(d.Payload) > MaxPacket || d.At.Unix() < 0 || d.At.Unix() > maxSeconds {
				t.Fatalf("datagram from %v to %v at %v of %d octets", d.From, d.To, d.At, len(d.Payload))
			}
		}
		s := r.Stats()
		if s.Datagrams != n || s.Packets+s.Reassembled != n+s.NotUDP+s.OtherPort+s.Malformed+s.UnknownLink+s.Fragments {
			t.Fatalf("%d datagrams, stats %+v", n, s)
		}
		fuzzFrames(t, file, s)
	})
}

// fuzzFrames reads the same file as frames.
func fuzzFrames(t *testing.T, file []byte, want Stats) {
	fs, unknown, err := allFrames(t, file)
	if err != nil && !errors.Is(err, ErrCut) && !errors.Is(err, ErrDamaged) {
		t.Fatalf("frames: error without a reason: %v", err)
	}
	if uint64(len(fs))+unknown != want.Packets || unknown != want.UnknownLink {
		t.Fatalf("%d frames, %d of unknown link types, stats %+v", len(fs), unknown, want)
	}
	for _, f := range fs {
		data, n := f.IP()
		if uint64(len(f.Data)) > uint64(f.Length) || uint64(len(data)) > uint64(n) || n > f.Length || data != nil && n == 0 {
			t.Fatalf("%d of %d octets, %d of %d of IP", len(f.Data), f.Length, len(data), n)
		}
	}
}
