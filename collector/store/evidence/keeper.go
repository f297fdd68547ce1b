package evidence

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/collector/record"
	"weir/collector/store/age"
	"weir/decoder/packet"
	"weir/detect"
)

// Config says where evidence is kept and how long.
type Config struct {
	Dir      string // made where it is missing
	MaxBytes int64  // of all files; the oldest go first
	MaxAge   time.Duration
	Agent    func(number uint32) netip.Addr
	Rings    []*record.Ring // where the headers are, one of each shard
	// Held reports that an alert's file stays whatever its age; nil holds none.
	Held func(id string) bool
}

const (
	// maxHeaders is how many headers an alert's file has at most, 250 kB.
	maxHeaders = 1000
	// atOnce bounds how many of them one look at the rings takes.
	atOnce = 400
	// maxWaiting bounds the alerts that are looked for at once.
	maxWaiting = 256
	// maxLate bounds the open alerts that may yet say what they are about.
	maxLate = 4096
	every   = 500 * time.Millisecond
)

// looks is when the rings are looked at after an alert's first change: what was
// before it, and what its first seconds brought.
var looks = [...]time.Duration{0, 2 * time.Second, 8 * time.Second}

// Stats are running counts.
type Stats struct {
	Files    int
	Bytes    int64
	MaxBytes int64
	Waiting  int
	Limit    int    // of Waiting
	Refused  uint64 // alerts without evidence: too many at once, or the disk did not take it
	Deleted  uint64 // files, by age or for want of room
	Err      string
}

// Keeper writes the evidence of alerts. All methods may be called from any
// goroutine.
type Keeper struct {
	cfg  Config
	ages age.Clock // of the goroutine that applies limits

	mu      sync.Mutex
	waiting map[string]*alert
	late    map[string]bool // open alerts that named nothing yet
	stats   Stats
}

// alert is one whose headers are being gathered.
type alert struct {
	id, line string
	match    matcher
	began    time.Time // by the clock
	look     int       // the next of looks
	newest   int64     // header that was written, ns
	headers  int
}

// Open makes the directory and applies the limits.
func Open(cfg Config) (*Keeper, error) {
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("evidence directory %s: cannot be made: %w", cfg.Dir, err)
	}
	if err := removeUnfinished(cfg.Dir); err != nil {
		return nil, fmt.Errorf("evidence directory %s: %w", cfg.Dir, err)
	}
	k := &Keeper{cfg: cfg, waiting: map[string]*alert{}, late: map[string]bool{}, stats: Stats{MaxBytes: cfg.MaxBytes, Limit: maxWaiting}}
	k.limit(time.Now())
	return k, nil
}

// removeUnfinished removes what a process that was killed was writing.
func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix+newSuffix) {
			err = errors.Join(err, ignoreMissing(os.Remove(filepath.Join(dir, e.Name()))))
		}
	}
	return err
}

// Put takes a change of an alert. It never waits for the disk.
func (k *Keeper) Put(a *detect.Alert) {
	if !k.wants(a) {
		return
	}
	m, ok := matcherOf(a)
	k.mu.Lock()
	defer k.mu.Unlock()
	if delete(k.late, a.ID); !ok {
		k.await(a)
		return
	}
	if len(k.waiting) >= maxWaiting {
		k.stats.Refused++
		return
	}
	if k.waiting[a.ID] == nil {
		k.waiting[a.ID] = &alert{id: a.ID, line: a.Line(), match: m, began: time.Now()}
	}
}

// await notes an alert that names nothing yet, where it may still do so. The lock is
// the caller's.
func (k *Keeper) await(a *detect.Alert) {
	switch {
	case a.Change == detect.End:
	case len(k.late) >= maxLate:
		k.stats.Refused++
	default:
		k.late[a.ID] = true
	}
}

// wants reports that headers of an alert are to be looked for: when it begins, and
// of one that named nothing then, when it does.
func (k *Keeper) wants(a *detect.Alert) bool {
	if a.Change == detect.Start {
		return fit(a.ID)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.late[a.ID]
}

func matcherOf(a *detect.Alert) (matcher, bool) {
	text, err := json.Marshal(a.Subject)
	if err != nil {
		return matcher{}, false
	}
	if m, ok := newMatcher(text); ok {
		return m, true
	}
	if text, err = json.Marshal(a.Evidence); err != nil {
		return matcher{}, false
	}
	return ofEffects(text)
}

// Run gathers until ctx is done.
func (k *Keeper) Run(ctx context.Context) {
	t := time.NewTicker(every)
	defer t.Stop()
	limited := time.Now()
	for {
		select {
		case now := <-t.C:
			k.Gather(now)
			if now.Sub(limited) >= limitEvery {
				limited = now
				k.limit(now)
			}
		case <-ctx.Done():
			k.Gather(time.Now())
			return
		}
	}
}

// Gather looks for the headers of the alerts that are due.
func (k *Keeper) Gather(now time.Time) {
	k.mu.Lock()
	var due []*alert
	for id, a := range k.waiting {
		if now.Sub(a.began) >= looks[a.look] {
			due = append(due, a)
			if a.look++; a.look == len(looks) {
				delete(k.waiting, id)
			}
		}
	}
	k.mu.Unlock()
	if len(due) == 0 {
		return
	}
	for i, mine := range k.find(due) {
		if err := k.write(due[i], mine); err != nil {
			k.failed(err)
		}
	}
}

// find returns for each alert its headers that are new to it, the oldest first. It
// moves no header and reads each once for all alerts: there are tens of thousands.
func (k *Keeper) find(due []*alert) [][]*record.Header {
	var all []record.Header
	for _, r := range k.cfg.Rings {
		all = r.Since(0, all)
	}
	order := make([]*record.Header, len(all))
	for i := range all {
		order[i] = &all[i]
	}
	slices.SortStableFunc(order, func(a, b *record.Header) int { return cmp.Compare(a.At, b.At) })
	found := make([][]*record.Header, len(due))
	var p packet.Header
	for _, h := range order {
		p.Decode(h.Protocol, h.Octets[:h.N])
		for i, a := range due {
			if h.At > a.newest && a.match.has(h, &p, k.cfg.Agent) {
				found[i] = append(found[i], h)
			}
		}
	}
	return found
}

// write adds the headers, which are new of an alert, to its file.
func (k *Keeper) write(a *alert, mine []*record.Header) error {
	if n := min(atOnce, maxHeaders-a.headers); len(mine) > n {
		mine = mine[len(mine)-n:] // the newest
	}
	if len(mine) == 0 {
		return nil
	}
	a.newest = mine[len(mine)-1].At
	a.headers += len(mine)
	path := filepath.Join(k.cfg.Dir, a.id+suffix)
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	was := int64(len(b))
	b = appendHeaders(b, a.line, mine, k.cfg.Agent)
	if err := k.room(int64(len(b))); err != nil {
		return err
	}
	tmp := path + newSuffix
	if err := writeFile(tmp, path, b); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(tmp)))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stats.Err = ""
	k.stats.Bytes += int64(len(b)) - was
	return nil
}

func (k *Keeper) failed(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stats.Err = err.Error()
	k.stats.Refused++
}

// Stats returns the counts.
func (k *Keeper) Stats() Stats {
	k.mu.Lock()
	defer k.mu.Unlock()
	st := k.stats
	st.Waiting = len(k.waiting)
	return st
}

// Dir is where the files are.
func (k *Keeper) Dir() string { return k.cfg.Dir }
