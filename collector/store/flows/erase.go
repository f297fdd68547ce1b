package flows

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"weir/collector/record"
	"weir/collector/store/columnar"
)

// Erased is what Erase removed.
type Erased struct {
	Samples int
	Rollups int // rows of rollups
	Damaged int // files that cannot be read, and so not searched
}

// Erase removes the flow samples from and to some addresses, and what rollups say
// of these, from a directory that nobody writes. What a rollup left out stays: it
// names nobody. Files that are damaged or were set aside go as a whole: whether
// they name one of the addresses, nobody can tell.
func Erase(ctx context.Context, cfg Config, addresses []netip.Addr) (e Erased, err error) {
	if _, err := os.Stat(cfg.Dir); errors.Is(err, os.ErrNotExist) || len(addresses) == 0 {
		return e, nil // nothing is kept
	}
	s, err := Open(cfg, record.NewExchange(0)) // makes segments of journals
	if err != nil {
		return e, err
	}
	waiting, err := waitingJournals(cfg.Dir)
	if err != nil {
		return e, err
	}
	for id := range waiting {
		return e, fmt.Errorf("history directory %s: no segment can be made of %s, which nobody could search: %s", cfg.Dir, journalName(id), s.Stats().Err)
	}
	texts := map[string]bool{}
	var list []string
	for _, a := range addresses {
		texts[a.Unmap().String()] = true
		list = append(list, a.Unmap().String())
	}
	drop := func(f *columnar.File, g int) ([]bool, error) { return ofAddresses(f, g, list, texts) }
	for _, part := range []struct {
		dir     string
		columns []columnar.Column
		gone    *int
	}{{cfg.Dir, segmentColumns(fields()), &e.Samples}, {filepath.Join(cfg.Dir, rollupDir), rollColumns(), &e.Rollups}} {
		entries, err := os.ReadDir(part.dir)
		if err != nil && !os.IsNotExist(err) {
			return e, err
		}
		for _, f := range entries {
			if err := ctx.Err(); err != nil {
				return e, err
			}
			path, bad := filepath.Join(part.dir, f.Name()), strings.HasSuffix(f.Name(), badSuffix)
			if strings.HasSuffix(f.Name(), segmentSuffix) {
				n, err := columnar.Rewrite(path, "weir", part.columns, drop)
				*part.gone += n
				if bad = damaged(err); err != nil && !bad {
					return e, fmt.Errorf("history directory %s: %s cannot be written anew: %w", part.dir, f.Name(), reason(err))
				}
			}
			if bad {
				if err := os.Remove(path); err != nil {
					return e, err
				}
				e.Damaged++
			}
		}
		if err := syncDir(part.dir); err != nil && !os.IsNotExist(err) {
			return e, err
		}
	}
	return e, nil
}

// ofAddresses returns which rows of a row group are from or to addresses, nil
// where none are.
func ofAddresses(f *columnar.File, g int, list []string, texts map[string]bool) (drop []bool, err error) {
	for _, name := range []string{"src", "dst"} {
		if !f.May(g, name, list) {
			continue
		}
		var c columnar.Chunk
		if err := f.Read(g, name, &c); err != nil {
			return nil, err
		}
		goes, some := make([]bool, c.Size()), false
		for i := range goes {
			goes[i] = texts[string(c.Text(i))]
			some = some || goes[i]
		}
		if !some {
			continue
		}
		places, err := c.Index()
		if err != nil {
			return nil, err
		}
		if drop == nil {
			drop = make([]bool, len(places))
		}
		for i, p := range places {
			drop[i] = drop[i] || goes[p]
		}
	}
	return drop, nil
}
