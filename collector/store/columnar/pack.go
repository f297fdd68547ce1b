package columnar

import "github.com/klauspost/compress/zstd"

const (
	// trial is how many octets of a page show whether it is worth packing, which
	// it is where they shrink by a part of 1 in worth.
	trial = 4 << 10
	worth = 16
	// storedBlock is how much a block of a Zstandard frame may have.
	storedBlock = 128 << 10
	// packWindow is how far back a repetition is looked for: further than nearly all
	// pages are long, and an encoder takes a few times as much memory.
	packWindow = 1 << 20
)

// pack makes w.packed of w.plain, a Zstandard frame. Places in a dictionary were
// packed by bits, of which most compression saves nothing: a part from the middle
// shows that, and what is not worth it is stored as it is.
func (w *Writer) pack() (err error) {
	if w.encoder == nil {
		// parquet-go's own codec forgets its encoder with every other collection of
		// garbage.
		w.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(packWindow),
			zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false))
		if err != nil {
			return err
		}
	}
	if len(w.plain) > 4*trial {
		middle := w.plain[len(w.plain)/2:][:trial]
		w.packed = w.encoder.EncodeAll(middle, w.packed[:0])
		if len(w.packed) > trial-trial/worth {
			w.packed = appendStored(w.packed[:0], w.plain)
			return nil
		}
	}
	w.packed = w.encoder.EncodeAll(w.plain, w.packed[:0])
	return nil
}

// appendStored appends a Zstandard frame (RFC 8878, section 3.1.1) of blocks that
// are as they are.
func appendStored(to, b []byte) []byte {
	to = append(to, 0x28, 0xb5, 0x2f, 0xfd, 0xa0) // one segment, whose size has four octets
	to = le.AppendUint32(to, uint32(len(b)))
	for last := false; !last; {
		n := min(len(b), storedBlock)
		last = n == len(b)
		head := uint32(n) << 3
		if last {
			head |= 1
		}
		to = append(to, byte(head), byte(head>>8), byte(head>>16))
		to = append(to, b[:n]...)
		b = b[n:]
	}
	return to
}
