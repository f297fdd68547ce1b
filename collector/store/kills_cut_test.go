package store

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Where a machine loses its power, the end of what was written is not on the disk. A
// copy of what a process writes has its newest file cut anywhere: what was done when
// the file was as long is there, of the rest what there is follows it, and nothing
// else is lost.
func TestCutAnywhere(t *testing.T) {
	for _, c := range []struct {
		name string
		open func(v *victim)
		file string // that is cut
		cuts int
	}{
		{"state", (*victim).openState, "state/state.db-wal", 60},
		{"flow journal", (*victim).openFlows, "history/*.journal", 60},
		{"series journal", (*victim).openSeries, "series/wal/00000000", 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			dir := t.TempDir()
			running, stop := context.WithCancel(context.Background())
			v := &victim{running: running, dir: dir, disk: dir, page: openPage(t, filepath.Join(t.TempDir(), "page")), random: random, test: t, label: "writing", fate: fate{kind: -1}}
			c.open(v)
			defer v.close(stop)
			type moment struct {
				size int64
				page page
			}
			var moments []moment
			cut := func(below string) (path string, size int64) {
				all, err := filepath.Glob(filepath.Join(below, c.file))
				if err != nil || len(all) != 1 {
					t.Fatal(all, err)
				}
				info, err := os.Stat(all[0])
				if err != nil {
					t.Fatal(err)
				}
				return all[0], info.Size()
			}
			for range 12 {
				for _, work := range v.work {
					work()
				}
				_, size := cut(dir)
				moments = append(moments, moment{size, bytes.Clone(v.page)})
			}
			last := moments[len(moments)-1]
			stop()
			v.ends.Wait() // files that come and go meanwhile are not those of one moment
			for range c.cuts {
				copied := filepath.Join(t.TempDir(), "copy")
				copyCrashed(t, dir, copied)
				path, size := cut(copied)
				at := random.Int64N(min(size, last.size) + 1)
				if err := os.Truncate(path, at); err != nil {
					t.Fatal(err)
				}
				p := openPage(t, filepath.Join(t.TempDir(), "page"))
				for _, m := range moments {
					if m.size <= at {
						copy(p, m.page)
					}
				}
				p.set(pageCut, 1)
				for part := range killParts {
					p.begin(part, last.page.done(part)+1) // the copy may have what came after
				}
				p.end(ofBackup, last.page.done(ofBackup)) // they are files of their own
				running, stop := context.WithCancel(context.Background())
				one := &victim{running: running, dir: copied, disk: copied, page: p, random: random, test: t, label: fmt.Sprintf("cut at %d of %d", at, size), fate: fate{kind: -1}}
				func() {
					defer one.close(stop)
					c.open(one)
				}()
			}
		})
	}
}

// copyCrashed copies what a process has written that still has its files open, without
// what only processes that run share.
func copyCrashed(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case e.IsDir():
			return os.MkdirAll(name, 0o700)
		case strings.HasSuffix(path, "-shm"):
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(name, b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
