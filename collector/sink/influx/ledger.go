package influx

import (
	"hash/crc32"
	"os"
)

// ledger is a file that says how many points the sink was given and how many of
// those no longer depend on this process: written, spooled, or given up and
// counted. The difference is what its sudden end has cost, known at the next
// start. The page cache keeps it when the process is killed.
type ledger struct {
	f                 *os.File
	accepted, settled uint64
}

const ledgerSize = 20 // accepted, settled, CRC-32C

// openLedger opens the file and returns how many points the process before lost.
func openLedger(path string) (*ledger, uint64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	var b [ledgerSize]byte
	lost := uint64(0)
	if n, _ := f.ReadAt(b[:], 0); n == ledgerSize && crc32.Checksum(b[:16], castagnoli) == be.Uint32(b[16:]) {
		if accepted, settled := be.Uint64(b[:]), be.Uint64(b[8:]); accepted > settled {
			lost = accepted - settled
		}
	}
	l := &ledger{f: f}
	return l, lost, l.write()
}

func (l *ledger) write() error {
	var b [ledgerSize]byte
	be.PutUint64(b[:], l.accepted)
	be.PutUint64(b[8:], l.settled)
	be.PutUint32(b[16:], crc32.Checksum(b[:16], castagnoli))
	_, err := l.f.WriteAt(b[:], 0)
	return err
}

// add counts points. A ledger that cannot be written costs the count alone.
func (l *ledger) add(accepted, settled int) {
	l.accepted += uint64(accepted)
	l.settled += uint64(settled)
	if l.f != nil {
		_ = l.write()
	}
}

func (l *ledger) close() {
	if l.f != nil {
		l.f.Close()
		l.f = nil
	}
}
