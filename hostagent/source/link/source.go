package link

import (
	"context"
	"errors"
	"path"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/hostagent/source"
)

// Config is what a Source needs.
type Config struct {
	Names  []string      // patterns of interfaces to tell; path.Match
	Except []string      // patterns of those not to tell
	Fast   []Kind        // kinds told at every poll
	Slow   time.Duration // how often the others are told
	Max    int           // most interfaces told at a poll
}

// How old the table may be when a poll begins, and how often the media and their
// optics are asked.
const (
	freshFor    = 200 * time.Millisecond
	mediaEvery  = 10 * time.Second
	opticsEvery = time.Minute
)

// Source tells interfaces: counters of the fast kinds at every poll, of the others
// now and then, and of each at once when its state has changed.
type Source struct {
	cfg   Config
	table *Table

	slow     time.Time // when the slow kinds are told next
	seen     uint64    // the dump told last
	media    bool      // were asked
	selected map[string]bool
	bridges  map[uint32]*bridge
	list     []entry
	st       witness.Statement
	name     []byte
	rec      records

	mu     sync.Mutex
	optics map[uint32]optics
}

// records are the structures of one interface, filled anew for each.
type records struct {
	port  sflow.PortName
	ifc   sflow.IfCounters
	ether sflow.EthernetCounters
	lag   sflow.LAGPortStats
	sfp   sflow.SFP
}

// New returns a Source that tells what is in t, and keeps t fresh.
func New(c Config, t *Table) *Source {
	return &Source{cfg: c, table: t, selected: map[string]bool{}, bridges: map[uint32]*bridge{}, optics: map[uint32]optics{}}
}

// Name returns "link".
func (s *Source) Name() string { return "link" }

// Capabilities are what reading the optics of a module needs.
func (s *Source) Capabilities() []int { return []int{unix.CAP_NET_ADMIN} }

// Collect tells interfaces.
func (s *Source) Collect(now time.Time, to *source.Snapshot) error {
	if err := s.table.Refresh(now, freshFor); err != nil {
		return err
	}
	if !s.media {
		s.media = true
		s.askMedia()
	}
	slow := !now.Before(s.slow)
	if slow {
		s.slow = now.Add(s.cfg.Slow - s.cfg.Slow/20) // a poll a little early still counts
	}
	all := s.copyTable()
	s.gatherBridges(all)
	told, left := 0, 0
	for i := range all {
		e := &all[i]
		changed := e.changed > s.seen
		if !slow && !changed && !slices.Contains(s.cfg.Fast, e.Kind) || !s.selects(e.Name) {
			continue
		}
		if told >= s.cfg.Max {
			left++
			continue
		}
		told++
		s.counters(&e.Info, to)
		if slow || changed {
			s.state(&e.Info, to)
		}
	}
	s.tellBridges(slow, to)
	for i := range all {
		s.seen = max(s.seen, all[i].gen)
	}
	if left > 0 {
		return errTooMany
	}
	return nil
}

var errTooMany = errors.New("more interfaces than interfaces.max are left out")

// copyTable copies what the table holds, so that nobody waits while it is told.
func (s *Source) copyTable() []entry {
	s.table.mu.RLock()
	defer s.table.mu.RUnlock()
	s.list = s.list[:0]
	for _, e := range s.table.order {
		s.list = append(s.list, *e)
	}
	return s.list
}

// selects reports whether the interface is to be told. It remembers names: most
// are asked for at every poll.
func (s *Source) selects(name string) bool {
	v, known := s.selected[name]
	if !known {
		v = matches(s.cfg.Names, name) && !matches(s.cfg.Except, name)
		if len(s.selected) > MaxInterfaces {
			clear(s.selected)
		}
		s.selected[name] = v
	}
	return v
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return ok && err == nil
	})
}

// counters appends the counter sample of an interface.
func (s *Source) counters(i *Info, to *source.Snapshot) {
	to.Begin(source.Interface(i.Index))
	s.name = append(s.name[:0], i.Name...)
	s.rec.port.Name = s.name
	to.Record(&s.rec.port)
	IfCounters(i, &s.rec.ifc)
	to.Record(&s.rec.ifc)
	if i.Ethernet && (i.Kind == Physical || i.Kind == Bond || i.Kind == Other) {
		etherCounters(i, &s.rec.ether)
		to.Record(&s.rec.ether)
	}
	if i.LACP.Member {
		bond, _ := s.table.Lookup(i.Master)
		lagStats(i, &bond, &s.rec.lag)
		to.Record(&s.rec.lag)
	}
	s.mu.Lock()
	o, ok := s.optics[i.Index]
	s.mu.Unlock()
	if ok {
		s.rec.sfp = o.rec
		to.Record(&s.rec.sfp)
	}
}

// Run asks the media of physical interfaces, whose drivers may take their time,
// until ctx is done.
func (s *Source) Run(ctx context.Context, _ source.Sink) error {
	timer := time.NewTimer(time.Second) // by then the table is filled
	defer timer.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		timer.Reset(mediaEvery)
		s.askMedia()
		if n%int(opticsEvery/mediaEvery) == 0 {
			s.askOptics()
		}
	}
}

// askMedia asks speed and duplex of what is physical or lies on it.
func (s *Source) askMedia() {
	e, err := newEthtool()
	if err == nil {
		defer e.close()
	}
	for _, i := range s.table.onMedium() {
		var speed uint64
		var d Duplex
		if e != nil {
			speed, d, err = e.medium(i.Index)
		}
		if err != nil {
			speed, d = sysMedium("", i.Name)
		}
		s.table.setMedium(i.Index, speed, d)
	}
}

// askOptics reads the modules of physical interfaces.
func (s *Source) askOptics() {
	e, err := newEthtool()
	if err != nil {
		return // kernels before 5.6
	}
	defer e.close()
	found := map[uint32]optics{}
	for _, i := range s.table.onMedium() {
		if i.Kind != Physical {
			continue
		}
		o, ok := readOptics(func(address, page uint8, offset, length uint32) ([]byte, error) {
			return e.eeprom(i.Index, address, page, offset, length)
		})
		if ok {
			o.rec.ModuleID = i.Index
			o.rec.Lanes = o.lanes
			found[i.Index] = o
		}
	}
	s.mu.Lock()
	s.optics = found
	s.mu.Unlock()
}

// onMedium returns the interfaces that have a speed.
func (t *Table) onMedium() (all []Info) {
	t.Each(func(i *Info) bool {
		if i.Kind == Physical || i.Kind == Bond || i.Kind == VLAN {
			all = append(all, *i)
		}
		return true
	})
	return all
}
