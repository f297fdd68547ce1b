package link

import (
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// MaxInterfaces bounds the table; further ones are counted.
const MaxInterfaces = 1 << 16

// rtext asks for no more than everybody gets: no virtual functions, no VLANs of
// bridge ports, which would make the answer long.
const rtext = 0

// Table holds what the kernel tells of every interface of the network namespace.
// It is safe for concurrent use.
type Table struct {
	refresh sync.Mutex // held for a dump
	conn    *conn
	gen     uint64

	mu      sync.RWMutex // held for the entries
	byIndex map[uint32]*entry
	byName  map[string]*entry
	order   []*entry // by index
	at      time.Time
	dumps   uint64
	refused uint64
}

// entry is an interface of the table.
type entry struct {
	Info
	gen     uint64
	changed uint64 // the dump in which its state was last another one
	parent  bool   // has a device, as sysfs tells where netlink does not
	asked   bool   // parent was looked for
}

// NewTable returns an empty table; Refresh fills it.
func NewTable() *Table {
	return &Table{byIndex: map[uint32]*entry{}, byName: map[string]*entry{}}
}

// Refresh asks the kernel, unless the table is younger than maxAge at the time
// now.
func (t *Table) Refresh(now time.Time, maxAge time.Duration) error {
	t.refresh.Lock()
	defer t.refresh.Unlock()
	t.mu.RLock()
	age := now.Sub(t.at)
	t.mu.RUnlock()
	if t.gen > 0 && age >= 0 && age < maxAge {
		return nil
	}
	var err error
	for range 3 {
		if err = t.dump(now); !errors.Is(err, errInterrupted) {
			break
		}
	}
	if errors.Is(err, errInterrupted) {
		err = nil // interfaces come and go all the time: what was listed is true
	}
	return err
}

// dump lists all interfaces once.
func (t *Table) dump(now time.Time) (err error) {
	if t.conn == nil {
		if t.conn, err = dial(unix.NETLINK_ROUTE); err != nil {
			return err
		}
	}
	c := t.conn
	c.begin(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	c.out = append(c.out, make([]byte, ifInfoLen)...)
	c.attr32(unix.IFLA_EXT_MASK, rtext)
	t.gen++
	err = c.do(func(kind uint16, body []byte) error {
		if kind != unix.RTM_NEWLINK {
			return nil
		}
		if p, ok := parseLink(body); ok {
			t.put(&p)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errInterrupted) {
		c.close()
		t.conn = nil
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = now
	t.dumps++
	if err == nil {
		t.sweep()
	}
	return err
}

// sweep removes what the last dump did not list.
func (t *Table) sweep() {
	t.order = slices.DeleteFunc(t.order, func(e *entry) bool {
		if e.gen == t.gen {
			return false
		}
		delete(t.byIndex, e.Index)
		if t.byName[e.Name] == e {
			delete(t.byName, e.Name)
		}
		return true
	})
}

// put stores one interface of a dump.
func (t *Table) put(p *parsed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byIndex[p.Index]
	if e == nil {
		if len(t.order) >= MaxInterfaces {
			t.refused++
			return
		}
		e = &entry{changed: t.gen}
		t.byIndex[p.Index] = e
		at, _ := slices.BinarySearchFunc(t.order, p.Index, func(e *entry, i uint32) int { return int(int64(e.Index) - int64(i)) })
		t.order = slices.Insert(t.order, at, e)
	}
	p.Name, p.Driver = e.Name, e.Driver
	if e.Name != string(p.name) {
		if t.byName[e.Name] == e {
			delete(t.byName, e.Name)
		}
		p.Name = string(p.name)
		e.asked = false
	}
	if e.Driver != string(p.driver) {
		p.Driver = string(p.driver)
	}
	t.physical(e, p)
	p.Speed, p.Duplex = e.Speed, e.Duplex
	if !p.hasStats {
		p.Stats = e.Stats
	}
	if differ(&e.Info, &p.Info) {
		e.changed = t.gen
	}
	e.Info, e.gen = p.Info, t.gen
	t.byName[e.Name] = e
}

// physical finds out whether an interface of which the kernel tells no kind has
// a device: kernels before 5.14 say so in sysfs alone.
func (t *Table) physical(e *entry, p *parsed) {
	if p.Kind != Other || len(p.driver) > 0 || !p.Ethernet {
		return
	}
	if !e.asked {
		_, err := os.Lstat("/sys/class/net/" + p.Name + "/device")
		e.asked, e.parent = true, err == nil
	}
	if e.parent {
		p.Kind = Physical
	}
}

// differ reports whether more than counters is another.
func differ(a, b *Info) bool {
	return a.Name != b.Name || a.Kind != b.Kind || a.Master != b.Master || a.Port != b.Port || a.MAC != b.MAC ||
		a.MTU != b.MTU || a.Admin != b.Admin || a.Oper != b.Oper || a.Carrier != b.Carrier || a.LACP != b.LACP
}

// Lookup returns the interface with that number.
func (t *Table) Lookup(index uint32) (Info, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if e := t.byIndex[index]; e != nil {
		return e.Info, true
	}
	return Info{}, false
}

// Named returns the interface of that name.
func (t *Table) Named(name string) (Info, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if e := t.byName[name]; e != nil {
		return e.Info, true
	}
	return Info{}, false
}

// Name returns the name of the interface with that number, "" where there is
// none.
func (t *Table) Name(index uint32) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if e := t.byIndex[index]; e != nil {
		return e.Name
	}
	return ""
}

// Each calls f with every interface in the order of their numbers, until it
// returns false. f must not keep the pointer nor call the table.
func (t *Table) Each(f func(i *Info) bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, e := range t.order {
		if !f(&e.Info) {
			return
		}
	}
}

// Len returns how many interfaces there are.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.order)
}

// setMedium stores what ethtool tells.
func (t *Table) setMedium(index uint32, speed uint64, d Duplex) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.byIndex[index]; e != nil {
		if e.Speed != speed || e.Duplex != d {
			e.changed = t.gen
		}
		e.Speed, e.Duplex = speed, d
	}
}

// Close closes the table's socket; Refresh opens it again.
func (t *Table) Close() {
	t.refresh.Lock()
	defer t.refresh.Unlock()
	if t.conn != nil {
		t.conn.close()
		t.conn = nil
	}
}
