package series

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/compression"
	"github.com/rs/zerolog"
)

// badSuffix marks what was set aside.
const badSuffix = ".bad"

// keepName has the journal's files while it is read.
const keepName = "wal.keep"

// stripes is how many parts the map of series has, a power of two. The
// library's default takes 10 MB before the first series.
const stripes = 512

// pieceSize is how large the files of a block's chunks get, octets. The library takes
// the whole place of one before it writes: its default is half a gigabyte, and less is
// free on many a disk that has room for the block.
const pieceSize = 4 << 20

// options are those of the database.
func (s *Store) options() *tsdb.Options {
	o := tsdb.DefaultOptions()
	o.NoLockfile = true // ours tells who has it
	o.StripeSize = stripes
	o.HeadChunksWriteBufferSize = chunks.MinWriteBufferSize
	o.WALCompression = compression.Snappy
	const page = 32 << 10
	o.WALSegmentSize = int(min(max(s.cfg.MaxBytes/64, 1<<20), 16<<20)) / page * page
	o.MaxBlockChunkSegmentSize = pieceSize
	o.WALReplayConcurrency = 2
	o.RetentionDuration = s.cfg.MaxAge.Milliseconds()
	o.MaxBlockDuration = max(min(s.cfg.MaxAge.Milliseconds()/10, mergeSpan), o.MinBlockDuration)
	o.OutOfOrderTimeWindow = window.Milliseconds()
	o.BlocksToDelete = s.toDelete
	// The database does nothing of itself: writing to a full disk would end the
	// process.
	o.BlockReloadInterval = math.MaxInt64
	return o
}

// reopen reads the directory.
func (s *Store) reopen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db != nil {
		_ = s.db.Close() // what it has is in the journal
		s.db = nil
	}
	s.forget()
	db, reg, err := s.open()
	if err != nil {
		s.full.Store(true)
		s.tell(fmt.Errorf("history directory %s: cannot be read: %w", s.cfg.Dir, err))
		return
	}
	db.DisableCompactions()
	s.db, s.reg = db, reg
	s.held.Store(int64(db.Head().NumSeries()))
	s.torn.Store(false)
	s.full.Store(false)
	size := dirSize(s.cfg.Dir)
	s.count(func(st *Stats) { st.Ready, st.Blocks, st.Bytes = true, len(db.Blocks()), size })
	s.tell(nil)
}

// open opens the database. What it cannot read is set aside.
func (s *Store) open() (*tsdb.DB, *prometheus.Registry, error) {
	s.broken(false)
	for _, name := range []string{"wal", "wbl"} {
		if err := undoRepair(filepath.Join(s.cfg.Dir, name)); err != nil {
			return nil, nil, err
		}
	}
	keep := filepath.Join(s.cfg.Dir, keepName)
	if err := linkFiles(filepath.Join(s.cfg.Dir, "wal"), keep); err != nil {
		return nil, nil, err
	}
	var db *tsdb.DB
	o := s.options()
	o.BlockCompactionExcludeFunc = func(m *tsdb.BlockMeta) bool { return db == nil || s.tooLarge(m, db.Blocks()) }
	reg := prometheus.NewRegistry()
	db, err := tsdb.Open(s.cfg.Dir, s.logger(), reg, o, nil)
	if err != nil && !isFull(err) {
		s.cfg.Log.Error().Err(err).Msg("the journal of series cannot be read, and is set aside")
		s.setAsideHead()
		reg = prometheus.NewRegistry()
		db, err = tsdb.Open(s.cfg.Dir, s.logger(), reg, o, nil)
	}
	if err != nil {
		return nil, nil, err
	}
	if counted(reg, "prometheus_tsdb_wal_corruptions_total") > 0 {
		s.cfg.Log.Error().Str("dir", s.cfg.Dir).Msg("the journal of series was damaged: what follows the damage is set aside")
		s.setAside(keepName)
	} else if err := os.RemoveAll(keep); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	if n := counted(reg, "prometheus_tsdb_mmap_chunk_corruptions_total"); n > 0 {
		s.count(func(st *Stats) { st.Broken += uint64(n) }) // the journal has what they had
	}
	return db, reg, nil
}

// undoRepair gives the segments of a journal back what the library had moved away to
// write them anew, where it was stopped at that: by a full disk, or by its end. It
// would not look for it, and take the half that it wrote for all there was.
func undoRepair(journal string) error {
	const repair = ".repair"
	moved, err := filepath.Glob(filepath.Join(journal, "*"+repair))
	if err != nil {
		return err
	}
	for _, from := range moved {
		segment := strings.TrimSuffix(from, repair)
		later, err := filepath.Glob(filepath.Join(journal, "[0-9]*"))
		if err != nil {
			return err
		}
		// A later one begins when the repair has ended: this is left of an older weir's.
		if slices.ContainsFunc(later, func(name string) bool { return !strings.HasSuffix(name, repair) && name > segment }) {
			err = os.Remove(from)
		} else {
			err = os.Rename(from, segment)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// linkFiles makes to, with the files of from under a second name.
func linkFiles(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if err := os.Link(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// setAside gives a file or directory of the history another name.
func (s *Store) setAside(name string) {
	from := filepath.Join(s.cfg.Dir, name)
	if _, err := os.Lstat(from); err != nil {
		return
	}
	to := from + "-" + time.Now().UTC().Format("20060102T150405.000") + badSuffix
	if err := os.Rename(from, to); err != nil {
		s.tell(err)
		return
	}
	s.count(func(st *Stats) { st.Broken++ })
}

// setAsideHead sets the newest hours aside: the journal, that of times before it,
// and full chunks.
func (s *Store) setAsideHead() {
	for _, name := range []string{"wal", "wbl", "chunks_head"} {
		s.setAside(name)
	}
}

// dropSetAside removes what was set aside, for want of room.
func (s *Store) dropSetAside() error {
	entries, err := os.ReadDir(s.cfg.Dir)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), badSuffix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.cfg.Dir, e.Name())))
		}
	}
	return err
}

// broken sets aside the blocks that cannot be opened or, looked at closely, whose
// chunks are not what they were. It reports whether there were any.
func (s *Store) broken(closely bool) bool {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return false
	}
	found := false
	for _, e := range entries {
		if _, err := ulid.ParseStrict(e.Name()); err != nil || !e.IsDir() {
			continue
		}
		if err := checkBlock(filepath.Join(s.cfg.Dir, e.Name()), closely); err != nil {
			s.cfg.Log.Error().Err(err).Str("block", e.Name()).Msg("a block of series is damaged, and set aside")
			s.setAside(e.Name())
			found = true
		}
	}
	return found
}

// logger passes on what the library warns of.
func (s *Store) logger() *slog.Logger { return slog.New(warnings{s.cfg.Log}) }

// warnings is a slog.Handler that keeps warnings and errors.
type warnings struct{ log zerolog.Logger }

func (w warnings) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (w warnings) WithAttrs([]slog.Attr) slog.Handler           { return w }
func (w warnings) WithGroup(string) slog.Handler                { return w }

// Handle implements slog.Handler.
func (w warnings) Handle(_ context.Context, r slog.Record) error {
	e := w.log.Warn()
	r.Attrs(func(a slog.Attr) bool {
		e = e.Str(a.Key, a.Value.String())
		return true
	})
	e.Str("says", strings.ToLower(r.Message)).Msg("history of series")
	return nil
}

// counted returns a counter of the library.
func counted(reg *prometheus.Registry, name string) float64 {
	all, err := reg.Gather()
	if err != nil {
		return 0
	}
	sum := 0.0
	for _, f := range all {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// checkBlock reports what is wrong with a block: with its index, and where it
// is to look closely, with its chunks.
func checkBlock(dir string, closely bool) (err error) {
	defer func() {
		if p := recover(); p != nil { // a damaged index may say anything
			err = fmt.Errorf("%v", p)
		}
	}()
	b, err := tsdb.OpenBlock(nil, dir, nil, nil)
	if err != nil {
		return err
	}
	defer b.Close()
	if !closely {
		return nil
	}
	return checkChunks(b)
}

func checkChunks(b *tsdb.Block) error {
	ix, err := b.Index()
	if err != nil {
		return err
	}
	defer ix.Close()
	data, err := b.Chunks()
	if err != nil {
		return err
	}
	defer data.Close()
	all, err := ix.Postings(context.Background(), "", "")
	if err != nil {
		return err
	}
	var builder labels.ScratchBuilder
	var metas []chunks.Meta
	for all.Next() {
		if err := ix.Series(all.At(), &builder, &metas); err != nil {
			return err
		}
		for _, m := range metas {
			if _, _, err := data.ChunkOrIterable(m); err != nil {
				return err
			}
		}
	}
	return all.Err()
}
