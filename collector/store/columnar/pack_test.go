package columnar

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
)

func TestStoredIsRead(t *testing.T) {
	all := make([]byte, 3*storedBlock+5)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(all)
	for _, n := range []int{0, 1, 255, storedBlock - 1, storedBlock, storedBlock + 1, 2 * storedBlock, len(all)} {
		b := appendStored(nil, all[:n])
		r, err := zstd.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || !bytes.Equal(got, all[:n]) {
			t.Errorf("%d octets: %d read: %v", n, len(got), err)
		}
		var h zstd.Header
		if err := h.Decode(b); err != nil || h.FrameContentSize != uint64(n) || !h.HasFCS {
			t.Errorf("%d octets: %+v: %v", n, h, err)
		}
	}
}

// What shrinks is packed, what does not costs a few octets.
func TestPackChooses(t *testing.T) {
	random := make([]byte, 300_000)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(random)
	for _, c := range []struct {
		name  string
		plain []byte
		most  int
	}{
		{"random", random, len(random) + 20},
		{"the same", make([]byte, 300_000), 100},
		{"short", make([]byte, 100), 60},
		{"nothing", nil, 20},
	} {
		w := Writer{plain: c.plain}
		if err := w.pack(); err != nil || len(w.packed) > c.most {
			t.Errorf("%s: %d octets, want at most %d: %v", c.name, len(w.packed), c.most, err)
		}
	}
}

// Pages that are longer than the window of the encoder are read, by others too: each
// is one frame that says its size, and needs no more memory than the window.
func TestPagesLongerThanTheWindow(t *testing.T) {
	data, want := group(rand.New(rand.NewPCG(3, 1)), 1<<17, 1<<17)
	w := Writer{}
	if w.dictionary(&columns[1], &data[1]); len(w.plain) < 3*packWindow/2 {
		t.Fatalf("a page of %d octets is not long", len(w.plain))
	}
	if err := w.pack(); err != nil {
		t.Fatal(err)
	}
	var h zstd.Header
	if err := h.Decode(w.packed); err != nil || !h.HasFCS || h.FrameContentSize != uint64(len(w.plain)) || !h.SingleSegment && h.WindowSize > packWindow {
		t.Errorf("%+v: %v", h, err)
	}
	b := written(t, data)
	others, err := parquet.Read[row](bytes.NewReader(b), int64(len(b)))
	if err != nil || !slices.Equal(others, want) {
		t.Errorf("the library reads %d rows, want %d, or others: %v", len(others), len(want), err)
	}
	if ours, err := read(b); err != nil || !slices.Equal(ours, want) {
		t.Errorf("%d rows, want %d, or others: %v", len(ours), len(want), err)
	}
}
