package flows

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"weir/collector/record"
	"weir/collector/store/columnar"
)

// Erase removes the flow samples from and to some addresses, and what rollups say
// of these, from a directory that nobody writes. What a rollup left out stays: it
// names nobody. It returns how many samples and rows of rollups went.
func Erase(ctx context.Context, cfg Config, addresses []netip.Addr) (rows, rollups int, err error) {
	if _, err := os.Stat(cfg.Dir); err != nil || len(addresses) == 0 {
		return 0, 0, nil // nothing is kept
	}
	if _, err := Open(cfg, record.NewExchange(0)); err != nil { // makes segments of journals
		return 0, 0, err
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
	}{{cfg.Dir, segmentColumns(fields()), &rows}, {filepath.Join(cfg.Dir, rollupDir), rollColumns(), &rollups}} {
		entries, err := os.ReadDir(part.dir)
		if err != nil && !os.IsNotExist(err) {
			return rows, rollups, err
		}
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return rows, rollups, err
			}
			if !strings.HasSuffix(e.Name(), segmentSuffix) {
				continue
			}
			n, err := columnar.Rewrite(filepath.Join(part.dir, e.Name()), "weir", part.columns, drop)
			if err != nil {
				return rows, rollups, err
			}
			*part.gone += n
		}
	}
	return rows, rollups, nil
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
