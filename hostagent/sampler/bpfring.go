package sampler

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bpfRing reads a BPF ring buffer (BPF_MAP_TYPE_RINGBUF) where it lies: a record
// costs neither a system call nor a copy. Only one goroutine may use it.
type bpfRing struct {
	consumer []byte // the page of our position
	producer []byte // the page of the kernel's position, then the data twice, so that none is cut
	data     []byte
	at, next uint64 // our position, and that behind the record read
}

// A record begins with its length and two bits, then four octets of the kernel's.
const (
	bpfRecordHead    = 8
	bpfRecordBusy    = 1 << 31
	bpfRecordDiscard = 1 << 30
)

// openBPFRing maps the ring of a map of that size. The caller closes it.
func openBPFRing(fd, size int) (_ *bpfRing, err error) {
	page := os.Getpagesize()
	r := &bpfRing{}
	if r.consumer, err = unix.Mmap(fd, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("eBPF ring: %w", err)
	}
	if r.producer, err = unix.Mmap(fd, int64(page), page+2*size, unix.PROT_READ, unix.MAP_SHARED); err != nil {
		r.close()
		return nil, fmt.Errorf("eBPF ring: %w", err)
	}
	r.data = r.producer[page:]
	return r, nil
}

// read returns the next record, nil where there is none. It stays until release.
func (r *bpfRing) read() []byte {
	end := atomic.LoadUint64((*uint64)(unsafe.Pointer(&r.producer[0])))
	for r.at < end {
		at := r.at & uint64(len(r.data)/2-1)
		head := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[at])))
		if head&bpfRecordBusy != 0 {
			return nil // it is being written
		}
		n := uint64(head &^ (bpfRecordBusy | bpfRecordDiscard))
		r.next = r.at + bpfRecordHead + (n+7)&^7
		if head&bpfRecordDiscard == 0 {
			from := at + bpfRecordHead
			return r.data[from : from+n : from+n]
		}
		r.release()
	}
	return nil
}

// release gives the record read back to the kernel.
func (r *bpfRing) release() {
	r.at = r.next
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&r.consumer[0])), r.at)
}

func (r *bpfRing) close() {
	for _, b := range [...][]byte{r.consumer, r.producer} {
		if b != nil {
			_ = unix.Munmap(b)
		}
	}
	r.consumer, r.producer, r.data = nil, nil, nil
}
