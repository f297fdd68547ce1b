package filter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// Times of the watch.
const (
	legacyEvery = 500 * time.Millisecond // between two short looks at legacy tables
	absentEvery = time.Second            // between two looks whether there are any, with the heartbeat
	wholeEvery  = 10 * time.Second       // between two readings nobody asked for
)

// Readings take a tenth of a core at most: a change is read at once while there
// is credit, which grows with time; a burst beyond it is read as one.
const (
	creditShare = 10
	creditMax   = 200 * time.Millisecond
)

// purse is the credit for readings.
type purse struct {
	credit time.Duration
	last   time.Time
}

// spend takes off what a reading from start to end took, and returns how long
// the next one has to wait.
func (p *purse) spend(start, end time.Time) (wait time.Duration) {
	p.credit = min(p.credit+start.Sub(p.last)/creditShare, creditMax) - end.Sub(start)
	p.last = end
	return max(0, -p.credit*creditShare)
}

// Reader reads the packet filter of one network namespace: that of the thread
// that made it. It keeps its connection, because closing one waits for the
// kernel to dispose of the rules just replaced.
type Reader struct{ c *netlink.Conn }

// NewReader returns a Reader. The caller closes it.
func NewReader() (*Reader, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("netlink netfilter: %w", err)
	}
	return &Reader{c}, nil
}

// Close ends the Reader.
func (r *Reader) Close() { _ = r.c.Close() }

// Read returns the packet filter. What could be read is returned beside an
// error. before, where not nil, is what was read there last: nftables of the
// same generation is not read again. The calling thread must be in the Reader's
// namespace.
func (r *Reader) Read(before *State) (State, error) {
	var s State
	err := errors.Join(readNFT(r.c, &s, before), readLegacy(&s))
	s.sort()
	return s, err
}

// Source watches the packet filter of its network namespace. It is a
// source.Runner.
type Source struct {
	mu     sync.Mutex
	state  State
	err    error
	fresh  bool // state was read by Run
	st     witness.Statement
	legacy map[legacyKey]info
	reader *Reader // Run's
}

// New returns a Source.
func New() *Source { return &Source{} }

// Name implements source.Source.
func (*Source) Name() string { return "filter" }

// Capabilities implements source.Capable.
func (*Source) Capabilities() []int { return []int{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW} }

// Collect tells the rules and digests of each family as they were last read; it
// reads them itself where nobody watches.
func (s *Source) Collect(_ time.Time, snap *source.Snapshot) error {
	conntrackErr := AppendConntrack(witness.EntityRootNetns, &s.st, snap)
	s.mu.Lock()
	now, err, fresh := s.state, s.err, s.fresh
	s.mu.Unlock()
	if !fresh {
		now, err = readOnce()
	}
	now.Append(witness.EntityRootNetns, &s.st, snap)
	return errors.Join(err, conntrackErr)
}

func readOnce() (State, error) {
	r, err := NewReader()
	if err != nil {
		return State{}, err
	}
	defer r.Close()
	return r.Read(nil)
}

// generation is one announcement of nftables.
type generation struct{ by who }

// Run tells changes until ctx is done. The state at its start is no event.
func (s *Source) Run(ctx context.Context, sink source.Sink) error {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return fmt.Errorf("netlink netfilter: %w", err)
	}
	defer c.Close()
	_ = c.SetReadBuffer(1 << 20) // as much as the node allows
	if err := c.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		if _, same := readOnce(); same != nil {
			return same // one reason, told once by Collect and Run together
		}
		return fmt.Errorf("nftables group: %w", err)
	}
	generations := make(chan generation, 1)
	listening := make(chan error, 1)
	go func() { listening <- listen(c, generations) }()

	if s.reader, err = NewReader(); err != nil {
		return err
	}
	defer s.reader.Close()
	s.read(who{}, nil)
	defer func() {
		s.mu.Lock()
		s.fresh = false
		s.mu.Unlock()
	}()
	pace := s.legacyPace()
	short, whole, cool := source.NewTicker(pace), source.NewTicker(wholeEvery), time.NewTimer(time.Hour)
	defer func() { short.Stop() }()
	defer whole.Stop()
	defer cool.Stop()
	cooling, dirty, by := false, false, who{}
	money := purse{credit: creditMax, last: time.Now()}
	look := func() {
		start := time.Now()
		s.read(by, sink.Emit)
		dirty, by = false, who{}
		if wait := money.spend(start, time.Now()); wait > 0 {
			cooling = true
			cool.Reset(wait)
		}
	}
	for {
		select {
		case <-ctx.Done():
			_ = c.SetReadDeadline(time.Unix(1, 0))
			<-listening
			return nil
		case err := <-listening:
			return err
		case g := <-generations:
			if g.by != (who{}) {
				by = g.by
			}
			if dirty = true; !cooling {
				look()
			}
		case <-cool.C:
			if cooling = false; dirty {
				look()
			}
		case <-short.C:
			if s.legacyChanged() {
				look()
			}
			if p := s.legacyPace(); p != pace {
				short.Stop()
				short, pace = source.NewTicker(p), p
			}
		case <-whole.C:
			look()
		}
	}
}

// listen hands on the generations that nftables announces: at most one waits,
// the newest. It returns when the connection ends.
func listen(c *netlink.Conn, out chan generation) error {
	for {
		messages, err := c.Receive()
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("netlink netfilter: %w", err)
		}
		g, any := generation{}, err != nil // what was lost may have been a generation
		for i := range messages {
			m := &messages[i]
			if m.Header.Type != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN {
				continue
			}
			if _, d := attributes(m.Data); d != nil {
				g, any = generation{madeBy(d)}, true
			}
		}
		if !any {
			continue
		}
		select {
		case <-out:
		default:
		}
		out <- g
	}
}

func madeBy(d *netlink.AttributeDecoder) (by who) {
	for d.Next() {
		switch d.Type() {
		case unix.NFTA_GEN_PROC_PID:
			by.pid = d.Uint32()
			by.uid, by.hasUID = owner(by.pid)
		case unix.NFTA_GEN_PROC_NAME:
			by.command = d.String()
		}
	}
	return by
}

// owner returns whose a process is, while it still runs.
func owner(pid uint32) (uid uint32, ok bool) {
	var st unix.Stat_t
	err := unix.Stat("/proc/"+strconv.FormatUint(uint64(pid), 10), &st)
	return st.Uid, err == nil
}

// legacyPace is how long to wait between two short looks. Most nodes have no
// legacy tables, and for them waking twice a second would be half of what an idle
// agent costs.
func (s *Source) legacyPace() time.Duration {
	if len(s.legacy) == 0 {
		return absentEvery
	}
	return legacyEvery
}

// legacyChanged looks shortly at the legacy tables.
func (s *Source) legacyChanged() bool {
	now, err := legacyTables()
	return err == nil && !maps.Equal(now, s.legacy)
}

// read reads everything, tells what differs from before, and keeps it.
func (s *Source) read(by who, emit func(source.Event)) {
	legacy, err := legacyTables()
	if err == nil {
		s.legacy = legacy
	}
	s.mu.Lock()
	before := s.state
	s.mu.Unlock()
	now, err := s.reader.Read(&before)
	s.mu.Lock()
	s.err = err
	if err == nil || !s.fresh {
		s.state, s.fresh = now, true
	}
	s.mu.Unlock()
	// After half a reading, half the tables would look deleted.
	if emit != nil && err == nil {
		compare(witness.EntityRootNetns, &before, &now, by, emit)
	}
}

// AppendConntrack adds how full the connection table of the calling thread's
// namespace is; nothing where the kernel tracks none.
func AppendConntrack(netns string, st *witness.Statement, snap *source.Snapshot) error {
	st.Begin(witness.ClassConntrack, netns)
	for _, f := range [...]struct{ file, name string }{
		{"/proc/sys/net/netfilter/nf_conntrack_count", witness.Count},
		{"/proc/sys/net/netfilter/nf_conntrack_max", witness.Max},
	} {
		b, err := os.ReadFile(f.file)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("conntrack: %w", err)
		}
		n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
		if err != nil {
			return fmt.Errorf("conntrack: %s: %w", f.file, err)
		}
		st.Add(witness.Gauge64(f.name, n))
	}
	snap.State(st)
	return nil
}
