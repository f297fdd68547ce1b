package evidence

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// limitEvery is how often what is too old is looked for: it goes so much
// earlier, since none may get older.
const limitEvery = time.Minute

// limit deletes what is too old or too much, the oldest first.
func (k *Keeper) limit(now time.Time) { k.keep(now, k.cfg.MaxBytes) }

// keep is limit, to so many octets.
func (k *Keeper) keep(now time.Time, most int64) {
	clock := now.Round(0)
	now = k.ages.Now(now)
	files, err := List(k.cfg.Dir)
	if err != nil {
		k.failed(err)
		return
	}
	sum := int64(0)
	for _, f := range files {
		sum += f.Size
		if f.Changed.After(clock.Add(time.Minute)) { // from before the clock was set back: it ages from now on
			_ = os.Chtimes(filepath.Join(k.cfg.Dir, f.ID+suffix), clock, clock) // it is tried again
		}
	}
	left, deleted := len(files), uint64(0)
	for _, f := range files {
		if sum <= most && now.Sub(f.Changed) <= k.cfg.MaxAge-limitEvery {
			break
		}
		if k.cfg.Held != nil && k.cfg.Held(f.ID) {
			continue
		}
		if err := os.Remove(filepath.Join(k.cfg.Dir, f.ID+suffix)); ignoreMissing(err) != nil {
			k.failed(err)
			break
		}
		sum -= f.Size
		left--
		deleted++
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stats.Files, k.stats.Bytes = left, sum
	k.stats.Deleted += deleted
}

// room makes room for so many octets, at the cost of the oldest files.
func (k *Keeper) room(need int64) error {
	fits := func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.stats.Bytes+need <= k.cfg.MaxBytes
	}
	if fits() {
		return nil
	}
	k.keep(time.Now(), k.cfg.MaxBytes-need)
	if !fits() {
		return fmt.Errorf("history.evidence: %d octets are full of what is held", k.cfg.MaxBytes)
	}
	return nil
}
