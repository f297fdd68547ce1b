package sampler

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/bench/lab"
	"weir/decoder/sflow"
)

// patience is how long a test waits at most for what comes soon: a busy machine takes
// its time.
const patience = time.Minute

// wire is a namespace with a veth pair in it: what is sent on "far" is received
// by "near".
type wire struct {
	*lab.Lab
	t  testing.TB
	ns string
	fd int // packet socket bound to far
}

func newWire(t testing.TB) *wire {
	t.Helper()
	w := &wire{Lab: lab.NewBare(t), t: t}
	w.ns = w.Namespace("node")
	w.IP("-n", w.ns, "link", "add", "near", "type", "veth", "peer", "name", "far")
	for _, name := range []string{"near", "far"} {
		w.Exec(w.ns, "sysctl", "-qw", "net.ipv6.conf."+name+".disable_ipv6=1")
		w.IP("-n", w.ns, "link", "set", name, "up")
	}
	w.fd = w.socket("far")
	return w
}

// socket returns a packet socket bound to an interface, closed with the test.
func (w *wire) socket(name string) int {
	w.t.Helper()
	var fd int
	index := w.index(name)
	w.In(w.ns, func() {
		var err error
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: int(index)})
		}
		if err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func (w *wire) index(name string) (index uint32) {
	w.t.Helper()
	w.In(w.ns, func() {
		i, err := net.InterfaceByName(name)
		if err != nil {
			w.t.Error(err)
			return
		}
		index = uint32(i.Index)
	})
	return index
}

// counter reads a statistic of an interface.
func (w *wire) counter(name, what string) uint64 {
	w.t.Helper()
	n, err := strconv.ParseUint(strings.TrimSpace(w.Exec(w.ns, "cat", "/sys/class/net/"+name+"/statistics/"+what)), 10, 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// send sends a frame n times.
func (w *wire) send(fd int, frame []byte, n int) {
	w.t.Helper()
	for range n {
		if _, err := unix.Write(fd, frame); err != nil {
			w.t.Fatal(err)
		}
	}
}

// kept is a copy of a sample.
type kept struct {
	sflow.FlowSample
	header sflow.SampledHeader
	stamp  sflow.ExtendedTimestamp
}

// keeper keeps what a sampler emits.
type keeper struct {
	mu   sync.Mutex
	list []kept
}

func (k *keeper) emit(s *sflow.FlowSample) {
	c := kept{FlowSample: *s}
	c.RecordData = append([]byte(nil), s.RecordData...)
	for r := range c.Records() {
		if r.Format == sflow.FormatExtendedTimestamp {
			_ = c.stamp.Decode(r)
		}
		if r.Format == sflow.FormatSampledHeader {
			_ = c.header.Decode(r)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list = append(k.list, c)
}

func (k *keeper) all() []kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]kept(nil), k.list...)
}

// run starts a sampler in the namespace and waits until it samples the
// interfaces; it is stopped with the test.
func (w *wire) run(cfg Config, list ...Interface) *Sampler {
	w.t.Helper()
	s, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.Set(list)
	done := w.Go(w.ns, func() {
		if err := s.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(func() {
		cancel()
		<-done
	})
	w.Eventually(patience, "sampling", func() bool {
		states := s.States()
		for _, st := range states {
			if st.Err != nil {
				w.t.Fatalf("%s: %v", st.Name, st.Err)
			}
		}
		return len(states) == len(list)
	})
	return s
}

// full reports whether the long form of a statistical test is wanted.
func full() bool { return os.Getenv("WEIR_TEST_FULL") == "1" }
