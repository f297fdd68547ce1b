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
	// historyBurst is how many datagrams wait in the socket at a time, turnBursts how
	// many such there are until the other lane's turn, historyTurns how many turns a
	// round has of each: those of some journals, since what makes segments of these
	// uses its memory again.
	historyBurst   = 4000
	turnBursts     = 11
	historyTurns   = 16
	historySamples = historyTurns * turnBursts * historyBurst * 6
	// historyRate is how many there are a second of the data's time, the most of
	// which a shard keeps every one.
	historyRate = 100_000
	// historyBlocks is how many blocks of rows may wait for the disk.
	historyBlocks = 32
	// historyFlush is how often the journal is brought to the disk: of the data's
	// time about as often as a second.
	historyFlush = 200 * time.Millisecond
)

// spent is processor time: of the thread that reads and judges, and of all others.
type spent struct{ shard, others time.Duration }

func (s *spent) add(o spent) { s.shard, s.others = s.shard+o.shard, s.others+o.others }

func (s spent) all() time.Duration { return s.shard + s.others }

// history measures what keeping every flow sample costs: two collectors read and
// judge the same datagrams, one without and one with it, taking turns of about a
// third of a second, since the machine's pace changes. All processor time of this
// process counts but that of sending: of the journal, of the segment and the rollups
// that are made of it. While one has its turn the other does nothing: a turn ends
// when what it gave the journal is on the disk.
func history(loads []load, rounds int) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Printf("processor time of the whole collector for each of %d flow samples, six to a datagram, at %d a second; medians of %d rounds, ns\n\n", historySamples, historyRate, rounds)
	fmt.Fprintln(w, "load\twithout\tadded by the shard\tby journal, segments, rollups\tshare\tquarters of the rounds\tthroughput of one core\toctets a record\t")
	for i := range loads {
		l := &loads[i]
		var without, shard, others, shares []float64
		octets := 0.0
		for r := range rounds {
			got, err := l.pair(r)
			if err != nil {
				return err
			}
			ns := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / historySamples }
			without = append(without, ns(got.off.all()))
			shard = append(shard, ns(got.on.shard-got.off.shard))
			others = append(others, ns(got.on.others-got.off.others))
			shares = append(shares, float64(got.on.all())/float64(got.off.all())-1)
			octets = max(octets, float64(got.size)/historySamples)
			fmt.Fprintf(os.Stderr, "\r%s: round %d of %d", l.name, r+1, rounds)
		}
		fmt.Fprint(os.Stderr, "\r\033[K")
		for _, all := range [][]float64{without, shard, others, shares} {
			slices.Sort(all)
		}
		share, at := shares[rounds/2], rounds/2
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.1f %%\t%.1f to %.1f %%\t%.1f %% less\t%.1f\t\n", l.name, without[at], shard[at], others[at],
			100*share, 100*shares[rounds/4], 100*shares[rounds-1-rounds/4], 100*(1-1/(1+share)), octets)
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// compared is what a round took.
type compared struct {
	off, on spent
	size    int64 // of segments and rollups
}

// pair makes a round without and with history, and begins with the one or the other.
func (l *load) pair(round int) (got compared, err error) {
	var lanes [2]*lane
	for on := range lanes {
		if lanes[on], err = newLane(l, on == 1); err != nil {
			return got, err
		}
		defer lanes[on].close()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runtime.GC()
	for t := range historyTurns {
		first := (round + t) % 2
		for _, on := range []int{first, 1 - first} {
			took, err := lanes[on].turn(l.rate)
			if err != nil {
				return got, err
			}
			if on == 1 {
				got.on.add(took)
			} else {
				got.off.add(took)
			}
		}
	}
	end, err := timed(lanes[1].finish)
	if err != nil {
		return got, err
	}
	got.on.add(end)
	got.size, err = treeSize(lanes[1].dir)
	return got, err
}

// timed returns what something takes.
func timed(do func() error) (spent, error) {
	all, here := processTime(), threadTime()
	err := do()
	here = threadTime() - here
	return spent{here, processTime() - all - here}, err
}

// lane is a socket's reader with its shard, which knows the agents of a load, and
// where it is on, history.
type lane struct {
	group    *udp.Group
	shard    *shard.Shard
	payloads [][]byte
	sent     int
	at       time.Time // of the data
	tick     time.Time

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
	ln := &lane{group: g, payloads: l.datagrams(fill, 1), shard: shard.New(registry, detect.NewShard(detect.DefaultConfig(), 1)), at: time.Now().Add(-time.Minute)}
	ln.shard.Gather(series.NewGather(series.Config{Interval: 10 * time.Second}, registry, shared))
	if keep {
		if ln.dir, err = os.MkdirTemp("", "weir-history-"); err != nil {
			return nil, err
		}
		ln.x = record.NewExchange(historyBlocks)
		if ln.store, err = flows.Open(flows.Config{Dir: ln.dir, Names: names{shared}, Flush: historyFlush}, ln.x); err != nil {
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

func (ln *lane) close() {
	ln.group.Close()
	if ln.dir != "" {
		ln.stop()
		<-ln.ended
		_ = os.RemoveAll(ln.dir) // a directory for things that may be lost
	}
}

// turn sends and reads datagrams, and waits until what they left is written. It
// returns what all but the sending took.
func (ln *lane) turn(rate uint32) (spent, error) {
	var sending time.Duration
	took, err := timed(func() error {
		for range turnBursts {
			before := threadTime()
			some := ln.payloads[ln.sent%len(ln.payloads):][:historyBurst]
			for _, p := range some {
				binary.BigEndian.PutUint32(p[uptimeAt:], uint32(ln.at.UnixMilli()))
			}
			err := ln.send(some)
			sending += threadTime() - before
			if err != nil {
				return err
			}
			if err := ln.read(historyBurst); err != nil {
				return err
			}
			before = threadTime()
			for _, p := range some { // of the next time
				advance(p, uint32(len(ln.payloads)/agentsSpeaking), rate)
			}
			ln.sent += historyBurst
			sending += threadTime() - before
		}
		ln.shard.Tick(ln.at, 0)
		for ln.store != nil && ln.store.Stats().Rows < uint64(ln.sent*6) {
			if st := ln.store.Stats(); st.Lost+st.Thinned > 0 {
				return fmt.Errorf("%d samples kept of %d, %d lost, %d thinned %s", st.Rows, ln.sent*6, st.Lost, st.Thinned, st.Err)
			}
			time.Sleep(time.Millisecond)
		}
		for time.Sleep(historyFlush * 5 / 4); ln.dir != ""; time.Sleep(5 * time.Millisecond) {
			if making, err := filepath.Glob(filepath.Join(ln.dir, "*.new")); err != nil || making == nil {
				return err // no segment is being made
			}
		}
		return nil
	})
	took.shard -= sending
	return took, err
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
