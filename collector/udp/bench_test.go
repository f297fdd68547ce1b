package udp

import (
	"encoding/binary"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// drainDatagrams and drainRuns are how much is measured by [BenchmarkDrain].
const (
	drainDatagrams = 100_000
	drainRuns      = 9
)

// sixSamples is a payload as long as six flow samples with headers of 128
// octets make it, of an agent.
func sixSamples(agent uint32) []byte {
	b := datagram("10.0.0.0", 1300-28)
	binary.BigEndian.PutUint32(b[8:], 10<<24|agent)
	return b
}

// threadCPU returns the CPU time the calling thread has used.
func threadCPU(t testing.TB) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fill sends n datagrams that stay in the receive buffer.
func fill(t testing.TB, g *Group, n int) {
	t.Helper()
	s, err := NewSender(SenderConfig{To: g.Addrs()[0]})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	payload := sixSamples(1)
	for range n {
		if err := s.Send(t.Context(), payload); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkDrain measures what receiving costs the receiver. On loopback the
// sender would be the bottleneck, so a receive buffer is filled while nobody
// reads, and then drained: CPU of the draining thread per datagram, the median
// of several runs. "bare" is recvmmsg into the same buffers and nothing else,
// in turns with ours, since other work on the machine moves both. It needs the
// right to force the buffer's size.
func BenchmarkDrain(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var ours, bare []float64
	for range drainRuns {
		ours = append(ours, drain(b, func(r *Receiver) int {
			msgs, err := r.Read(time.Time{})
			if err != nil {
				b.Fatal(err)
			}
			return len(msgs)
		}))
		bare = append(bare, drain(b, func(r *Receiver) int {
			n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(r.sockets[0].fd), uintptr(unsafe.Pointer(&r.headers[0])), batchSize, 0, 0, 0)
			if errno != 0 {
				b.Fatal(errno)
			}
			return int(n)
		}))
	}
	slices.Sort(ours)
	slices.Sort(bare)
	for b.Loop() { // nothing: the measurement is above
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ours[drainRuns/2], "ns/datagram")
	b.ReportMetric(ours[0], "min-ns/datagram")
	b.ReportMetric(bare[drainRuns/2], "bare-ns/datagram")
	b.ReportMetric(bare[0], "bare-min-ns/datagram")
}

func drain(b *testing.B, read func(*Receiver) int) float64 {
	b.Helper()
	g := listen(b, Config{Shards: 1, ReceiveBuffer: 256 << 20})
	defer g.Close()
	if g.Advice() != "" {
		b.Skip(g.Advice())
	}
	fill(b, g, drainDatagrams)
	if n := g.Stats().SocketDropped; n > 0 {
		b.Skipf("the kernel kept only %d of %d datagrams: raise net.ipv4.udp_mem", drainDatagrams-n, drainDatagrams)
	}
	before := threadCPU(b)
	for got := 0; got < drainDatagrams; {
		got += read(g.Receivers()[0])
	}
	return float64(threadCPU(b)-before) / drainDatagrams
}

// BenchmarkPaced receives 200,000 datagrams a second while they are sent and
// reports what the receivers' threads used and what was lost. The seconds are
// set by WEIR_PACED_SECONDS.
func BenchmarkPaced(b *testing.B) {
	seconds, err := strconv.Atoi(os.Getenv("WEIR_PACED_SECONDS"))
	if err != nil || seconds < 1 {
		seconds = 2
	}
	const rate = 200_000
	g := listen(b, Config{Shards: 1, ReceiveBuffer: 32 << 20})
	r := g.Receivers()[0]
	total := rate * seconds
	done := make(chan time.Duration)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		before := threadCPU(b)
		for end := time.Now().Add(time.Duration(seconds+2) * time.Second); time.Now().Before(end); {
			msgs, err := r.Read(time.Now().Add(100 * time.Millisecond))
			if err != nil || (len(msgs) == 0 && int(r.Stats().Datagrams) == total) {
				break
			}
		}
		done <- threadCPU(b) - before
	}()
	s, err := NewSender(SenderConfig{To: g.Addrs()[0], Rate: rate})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	payload := sixSamples(1)
	start := time.Now()
	for range total {
		if err := s.Send(b.Context(), payload); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	took := time.Since(start)
	cpu := <-done
	for b.Loop() {
	}
	st := g.Stats()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(total)/took.Seconds(), "sent/s")
	b.ReportMetric(float64(cpu)/float64(st.Datagrams), "ns/datagram")
	b.ReportMetric(float64(st.Datagrams)/float64(st.Batches), "datagrams/batch")
	b.ReportMetric(float64(total)-float64(st.Datagrams), "lost")
}

// BenchmarkDeliver measures what is added to a batch that was read.
func BenchmarkDeliver(b *testing.B) {
	g := listen(b, Config{Shards: 1})
	fill(b, g, batchSize)
	r := g.Receivers()[0]
	msgs, err := r.Read(time.Now().Add(time.Second))
	if err != nil || len(msgs) != batchSize {
		b.Fatalf("%d datagrams, %v", len(msgs), err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r.deliver(&r.sockets[0], batchSize)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batchSize, "ns/datagram")
}
