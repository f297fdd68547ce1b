package capture

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func benchmarkFile(t testing.TB, packets int) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	for range packets {
		if err := w.Write(Datagram{Payload: payload(1300), From: from4, To: to4, At: when}); err != nil {
			t.Fatal(err)
		}
	}
	return file.Bytes()
}

func TestNextDoesNotAllocate(t *testing.T) {
	const packets = 500
	one := append(make([]byte, 12), append([]byte{8, 0}, ip(t, from4, to4, payload(1300))...)...)
	many := make([][]byte, packets)
	for i := range many {
		many[i] = one
	}
	for name, file := range map[string][]byte{
		"pcap": benchmarkFile(t, packets), "pcapng": ng(binary.LittleEndian, 1, 9, many...),
	} {
		r, err := NewReader(bytes.NewReader(file), "test", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(); err != nil { // sizes pcapgo's buffer
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(packets-10, func() {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per datagram, want 0", name, n)
		}
		f, err := NewFrames(bytes.NewReader(file), "test")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Next(); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(packets-10, func() {
			if _, err := f.Next(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per frame, want 0", name, n)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	const packets = 10000
	one := append(make([]byte, 12), append([]byte{8, 0}, ip(b, from4, to4, payload(1300))...)...)
	many := make([][]byte, packets)
	for i := range many {
		many[i] = one
	}
	for name, file := range map[string][]byte{
		"pcap": benchmarkFile(b, packets), "pcapng": ng(binary.LittleEndian, 1, 9, many...),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(file) / packets))
			in := bytes.NewReader(file)
			var r *Reader
			left := 0
			for b.Loop() {
				if left == 0 {
					in.Reset(file)
					r, _ = NewReader(in, "bench", Options{})
					left = packets
				}
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
				left--
			}
		})
	}
}
