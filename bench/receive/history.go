package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"weir/collector/agents"
	"weir/collector/record"
	"weir/collector/series"
	"weir/collector/shard"
	"weir/collector/store/flows"
	"weir/collector/udp"
	"weir/detect"
)

const (
	// historyBurst is how many datagrams wait in the socket at a time,
	// historySamples how many flow samples a round has: a little more than those
	// of a journal.
	historyBurst   = 4000
	historySamples = 44 * historyBurst * 6
	// historyRate is how many there are a second of the data's time, the most of
	// which a shard keeps every one.
	historyRate = 100_000
	// historyBlocks is how many blocks of rows may wait for the disk.
	historyBlocks = 32
)

// history measures what keeping every flow sample costs: the same datagrams are
// read and judged without and with it, in turn, and all processor time of this
// process counts but that of the thread that sends: of the journal, of the
// segment and the rollups that are made of it. What it costs is a share of what the
// same round took without, since the machine's pace changes from round to round.
func history(loads []load, rounds int) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Printf("processor time of the whole collector for each of %d flow samples, six to a datagram, at %d a second; medians of %d rounds\n\n", historySamples, historyRate, rounds)
	fmt.Fprintln(w, "load\twithout, ns\twith history, ns\tadded, ns\tshare\tquarters of the rounds\tthroughput of one core\toctets a record\t")
	for i := range loads {
		l := &loads[i]
		payloads := l.datagrams(fill, 1)
		var took [2][]float64
		var shares []float64
		octets := 0.0
		for r := range rounds {
			var of [2]float64
			for turn := range of {
				on := (turn + r) % 2
				d, size, err := l.once(payloads, on == 1)
				if err != nil {
					return err
				}
				of[on] = float64(d.Nanoseconds()) / historySamples
				took[on] = append(took[on], of[on])
				octets = max(octets, float64(size)/historySamples)
			}
			shares = append(shares, of[1]/of[0]-1)
			fmt.Fprintf(os.Stderr, "\r%s: round %d of %d", l.name, r+1, rounds)
		}
		fmt.Fprint(os.Stderr, "\r\033[K")
		slices.Sort(took[0])
		slices.Sort(took[1])
		slices.Sort(shares)
		without, with, share := took[0][rounds/2], took[1][rounds/2], shares[rounds/2]
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.1f %%\t%.1f to %.1f %%\t%.1f %% less\t%.1f\t\n", l.name, without, with, with-without,
			100*share, 100*shares[rounds/4], 100*shares[rounds-1-rounds/4], 100*(1-1/(1+share)), octets)
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// once makes a round without or with history.
func (l *load) once(payloads [][]byte, keep bool) (took time.Duration, size int64, err error) {
	lane, err := newLane(l, keep)
	if err != nil {
		return 0, 0, err
	}
	return lane.round(payloads, l.rate)
}

// lane is a socket's reader with its shard, which knows the agents of a load, and
// where it is on, history.
type lane struct {
	group *udp.Group
	shard *shard.Shard
	at    time.Time // of the data
	tick  time.Time

	dir   string // "" without history
	x     *record.Exchange
	store *flows.Store
	stop  context.CancelFunc
	ended chan struct{}
}

// names tells what a lane's numbers stand for.
type names struct{ *agents.Shared }

func (n names) Agent(number uint32) netip.Addr {
	a, _ := n.Shared.Agent(number)
	return a
}

func newLane(l *load, keep bool) (*lane, error) {
	g, err := udp.Listen(udp.Config{Listen: []string{"127.0.0.1:0"}, Shards: 1, ReceiveBuffer: 1 << 29, Seed: 1})
	if err != nil {
		return nil, err
	}
	shared := agents.NewShared(agents.Config{})
	registry := agents.NewRegistry(shared)
	ln := &lane{group: g, shard: shard.New(registry, detect.NewShard(detect.DefaultConfig(), 1)), at: time.Now().Add(-time.Minute)}
	ln.shard.Gather(series.NewGather(series.Config{Interval: 10 * time.Second}, registry, shared))
	if keep {
		if ln.dir, err = os.MkdirTemp("", "weir-history-"); err != nil {
			return nil, err
		}
		ln.x = record.NewExchange(historyBlocks)
		if ln.store, err = flows.Open(flows.Config{Dir: ln.dir, Names: names{shared}}, ln.x); err != nil {
			return nil, err
		}
		ln.shard.Record(ln.x.NewWriter())
		var ctx context.Context
		ctx, ln.stop = context.WithCancel(context.Background())
		ln.ended = make(chan struct{})
		go func() { ln.store.Run(ctx); close(ln.ended) }()
	}
	for _, p := range l.introduction() {
		ln.shard.Datagram(p, netip.MustParseAddrPort("127.0.0.1:9"), ln.at)
	}
	return ln, nil
}

// round sends the datagrams until there were enough samples, and returns the
// processor time they took, and the size of the segments and rollups.
func (ln *lane) round(payloads [][]byte, rate uint32) (took time.Duration, size int64, err error) {
	defer ln.group.Close()
	defer os.RemoveAll(ln.dir) // "" removes nothing
	runtime.GC()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin, sending := processTime(), time.Duration(0)
	for sent := 0; sent < historySamples/6; sent += historyBurst {
		some := payloads[sent%len(payloads):][:historyBurst]
		for _, p := range some {
			binary.BigEndian.PutUint32(p[uptimeAt:], uint32(ln.at.UnixMilli()))
		}
		before := threadTime()
		err := ln.send(some)
		sending += threadTime() - before
		if err != nil {
			return 0, 0, err
		}
		if err := ln.read(historyBurst); err != nil {
			return 0, 0, err
		}
		for _, p := range some { // of the next time
			advance(p, uint32(len(payloads)/agentsSpeaking), rate)
		}
	}
	if err := ln.finish(); err != nil {
		return 0, 0, err
	}
	took = processTime() - begin - sending
	if ln.dir != "" {
		size, err = treeSize(ln.dir)
	}
	return took, size, err
}

func (ln *lane) send(payloads [][]byte) error {
	conn, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(conn)
	to := &unix.SockaddrInet4{Port: int(ln.group.Addrs()[0].Port()), Addr: [4]byte{127, 0, 0, 1}}
	for _, p := range payloads {
		if err := unix.Sendto(conn, p, 0, to); err != nil {
			return err
		}
	}
	return nil
}

// read reads so many datagrams and gives them the data's time.
func (ln *lane) read(n int) error {
	r := ln.group.Receivers()[0]
	for got := 0; got < n; {
		batch, err := r.Read(time.Now().Add(200 * time.Millisecond))
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			return fmt.Errorf("only %d of %d datagrams came: run as root or raise net.core.rmem_max", got, n)
		}
		for i := range batch {
			ln.at = ln.at.Add(time.Second * 6 / historyRate)
			ln.shard.Datagram(batch[i].Payload, batch[i].From, ln.at)
		}
		got += len(batch)
		if ln.at.Sub(ln.tick) >= 100*time.Millisecond {
			ln.tick = ln.at
			ln.shard.Tick(ln.at, 0)
		}
	}
	for ln.x != nil && len(ln.x.Full()) > historyBlocks/2 {
		time.Sleep(time.Millisecond) // the disk is behind
	}
	return nil
}

// finish makes segments of what there is.
func (ln *lane) finish() error {
	if ln.dir == "" {
		return nil
	}
	ln.shard.Tick(ln.at, 0)
	ln.stop()
	<-ln.ended
	st := ln.store.Stats()
	s, err := flows.Open(flows.Config{Dir: ln.dir}, record.NewExchange(0))
	if err != nil {
		return err
	}
	if st.Rows < historySamples || st.Lost+st.Thinned > 0 || s.Stats().Err != "" {
		return fmt.Errorf("%d samples kept of %d, %d lost, %d thinned %s%s", st.Rows, historySamples, st.Lost, st.Thinned, st.Err, s.Stats().Err)
	}
	return nil
}

// processTime is the processor time of all threads.
func processTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func treeSize(dir string) (size int64, err error) {
	err = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return err
	})
	return size, err
}

// pin leaves all threads of a process one core.
func pin(pid, core int) error {
	var set unix.CPUSet
	set.Set(core)
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, t := range tasks {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil {
			return fmt.Errorf("process %d on core %d: %w", pid, core, err)
		}
	}
	return nil
}
