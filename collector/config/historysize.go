package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Size bounds the history: octets, or a share of the file system it is on.
type Size struct {
	Bytes Bytes
	Share float64 // 0.2 is a fifth; 0 where Bytes holds
}

// String writes it as the file does.
func (s Size) String() string {
	if s.Share > 0 {
		return strconv.FormatFloat(s.Share*100, 'g', 4, 64) + "%"
	}
	return s.Bytes.String()
}

// leastSize leaves each part what it needs.
const leastSize = 256 * MiB

// parseSize reads "2GiB" or "20%".
func parseSize(s string) (Size, error) {
	if num, ok := strings.CutSuffix(s, "%"); ok {
		v, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
		if err != nil || !(v > 0 && v <= 95) {
			return Size{}, &fault{"out of range", "a share of the file system is above 0% and at most 95%"}
		}
		return Size{Share: v / 100}, nil
	}
	b, err := bytesWithin(leastSize, 1<<20*GiB)(s)
	return Size{Bytes: b}, err
}

// partWithin reads the bound of a part of the history; "" is its share of all.
func partWithin(least, most Bytes) func(string) (Bytes, error) {
	within := bytesWithin(least, most)
	return func(s string) (Bytes, error) {
		if s == "" {
			return 0, nil
		}
		return within(s)
	}
}

// HistoryBounds returns the history with the bound of each of its parts. It looks
// how large the file system is where the size is a share of that; where nobody can
// tell, the size is the default.
func (c *Config) HistoryBounds() History {
	h := c.History
	size := h.Size.Bytes
	if h.Size.Share > 0 {
		size = defaultHistory().Size.Bytes
		if all, err := fileSystemSize(c.HistoryDir()); err == nil {
			size = max(Bytes(h.Size.Share*float64(all)), leastSize)
		}
	}
	for _, part := range []struct {
		of    *Bytes
		share Bytes // one in how many
	}{{&h.Flows, 2}, {&h.Series, 4}, {&h.Rollups, 8}, {&h.Alerts, 16}, {&h.Evidence, 16}} {
		if *part.of == 0 {
			*part.of = size / part.share
		}
	}
	return h
}

// Total is what all parts take at most, once their bounds are there.
func (h *History) Total() Bytes { return h.Flows + h.Series + h.Rollups + h.Alerts + h.Evidence }

// fileSystemSize returns the octets of the file system that dir is on, or will be.
func fileSystemSize(dir string) (Bytes, error) {
	for {
		var s syscall.Statfs_t
		err := syscall.Statfs(dir, &s)
		if err == nil {
			return Bytes(s.Blocks) * Bytes(s.Bsize), nil
		}
		up := filepath.Dir(dir)
		if !os.IsNotExist(err) || up == dir {
			return 0, fmt.Errorf("file system of %s: %w", dir, err)
		}
		dir = up
	}
}

// localHistory is the directory of the history where there is no configuration at
// all, below the one weir is started in.
const localHistory = "weir-data"

// withoutFile sets what holds where there is no configuration at all: the history
// is where weir is started. A service has its state directory for it, and where
// nobody may write the history is there too.
func (c *Config) withoutFile(getenv func(string) string) {
	if getenv("STATE_DIRECTORY") != "" {
		return
	}
	dir, err := filepath.Abs(localHistory)
	if err != nil {
		return
	}
	at := dir
	if _, err := os.Stat(dir); err != nil {
		at = filepath.Dir(dir)
	}
	const write, search = 2, 1 // of access(2)
	if syscall.Access(at, write|search) == nil {
		c.History.Dir = dir
	}
}
