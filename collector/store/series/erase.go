package series

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/index"
	"golang.org/x/sys/unix"
)

// About says what series are erased.
type About struct {
	Instances  []string     // their identities, 8-4-4-4-12 digits; also in the keys of top
	Addresses  []netip.Addr // of agents, and in the keys of top
	Interfaces []string     // by name, of whatever agent
	Ports      []Port
}

// Port is an interface of an agent.
type Port struct {
	Agent netip.Addr
	Name  string
}

func (a *About) empty() bool {
	return len(a.Instances)+len(a.Addresses)+len(a.Interfaces)+len(a.Ports) == 0
}

// matching matches the series that are erased: those that all of a list match.
type matching [][]*labels.Matcher

func (m matching) has(l labels.Labels) bool {
	return slices.ContainsFunc(m, func(all []*labels.Matcher) bool {
		return !slices.ContainsFunc(all, func(one *labels.Matcher) bool { return !one.Matches(l.Get(one.Name)) })
	})
}

// Erase removes series from a directory that nobody writes, for good: blocks are
// written anew without them, and journal and chunks of the newest hours become
// blocks. What was set aside goes as a whole, since nobody can search it. It
// returns how many series went.
func Erase(ctx context.Context, cfg Config, about About) (gone int, err error) {
	if about.empty() {
		return 0, nil
	}
	if none, err := nothingIn(cfg.Dir); none || err != nil {
		return 0, err
	}
	defer func() {
		if isFull(err) { // the library tells of each file
			err = fmt.Errorf("history directory %s: blocks cannot be written anew: %w", cfg.Dir, unix.ENOSPC)
		}
	}()
	s, err := Open(cfg)
	if err != nil {
		return 0, err
	}
	if s.reopen(); s.db == nil {
		return 0, errors.New(s.Stats().Err)
	}
	of, err := s.matchers(ctx, &about)
	if err == nil {
		err = errors.Join(s.blocksOfAll(), s.db.CompactOOOHead(ctx))
	}
	if err = errors.Join(err, s.db.Close()); err != nil {
		return 0, fmt.Errorf("history directory %s: %w", cfg.Dir, err)
	}
	s.db = nil
	for _, name := range []string{"wal", "wbl", "chunks_head", keepName} {
		err = errors.Join(err, os.RemoveAll(filepath.Join(cfg.Dir, name)))
	}
	err = errors.Join(err, s.dropSetAside(), os.MkdirAll(filepath.Join(cfg.Dir, "wal"), 0o750))
	blocks, unread := blockDirs(cfg.Dir)
	err = errors.Join(err, unread)
	seen := map[string]bool{}
	for _, dir := range blocks {
		if err == nil {
			err = eraseFrom(ctx, cfg.Dir, dir, of, seen)
		}
	}
	return len(seen), err
}

// nothingIn reports that a directory has no series: no journal, and no block either,
// since who erases is without a journal for a moment, and may have been killed then.
func nothingIn(dir string) (bool, error) {
	blocks, err := blockDirs(dir)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	} else if err != nil || len(blocks) > 0 {
		return false, err
	}
	if _, err = os.Stat(filepath.Join(dir, "wal")); errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// blocksOfAll makes a block of the newest hours.
func (s *Store) blocksOfAll() error {
	head := s.db.Head()
	if head.NumSeries() == 0 || head.MinTime() > head.MaxTime() {
		return nil
	}
	return s.db.CompactHead(tsdb.NewRangeHead(head, head.MinTime(), head.MaxTime()))
}

// blockDirs lists the blocks in a directory.
func blockDirs(dir string) (dirs []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if _, err := ulid.ParseStrict(e.Name()); err == nil && e.IsDir() {
			dirs = append(dirs, filepath.Join(dir, e.Name()))
		}
	}
	return dirs, nil
}

// eraseFrom writes a block anew without the series that match, whose labels it
// adds to seen.
func eraseFrom(ctx context.Context, dir, path string, of matching, seen map[string]bool) (err error) {
	b, err := tsdb.OpenBlock(nil, path, nil, nil)
	if err != nil {
		return err
	}
	open := true
	defer func() {
		if open {
			err = errors.Join(err, b.Close())
		}
	}()
	symbols, some, err := rest(ctx, b, of, seen)
	if err != nil || !some {
		return err
	}
	for _, m := range of {
		if err := b.Delete(ctx, math.MinInt64, math.MaxInt64, m...); err != nil {
			return err
		}
	}
	c, err := tsdb.NewLeveledCompactorWithOptions(ctx, nil, nil, []int64{mergeSpan}, chunkenc.NewPool(), tsdb.LeveledCompactorOptions{
		MaxBlockChunkSegmentSize: pieceSize, EnableOverlappingCompaction: true,
	})
	if err != nil {
		return err
	}
	meta := b.Meta()
	if _, err := c.Write(dir, cleanBlock{b, symbols}, meta.MinTime, meta.MaxTime, &meta); err != nil {
		return err
	}
	open = false
	return errors.Join(b.Close(), os.RemoveAll(path))
}

// rest returns the symbols of the series that do not match, and whether there
// are others.
func rest(ctx context.Context, b *tsdb.Block, of matching, seen map[string]bool) (symbols []string, some bool, err error) {
	ix, err := b.Index()
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, ix.Close()) }()
	all, err := ix.Postings(ctx, "", "")
	if err != nil {
		return nil, false, err
	}
	used := map[string]bool{"": true}
	var builder labels.ScratchBuilder
	for all.Next() {
		if err := ix.Series(all.At(), &builder, nil); err != nil {
			return nil, false, err
		}
		l := builder.Labels()
		if of.has(l) {
			seen[l.String()], some = true, true
			continue
		}
		l.Range(func(x labels.Label) { used[x.Name], used[x.Value] = true, true })
	}
	return slices.Sorted(maps.Keys(used)), some, all.Err()
}

// cleanBlock is a block with the symbols of the series that stay alone: the
// library keeps all that the block had.
type cleanBlock struct {
	*tsdb.Block
	symbols []string
}

func (b cleanBlock) Index() (tsdb.IndexReader, error) {
	ix, err := b.Block.Index()
	return cleanIndex{ix, b.symbols}, err
}

type cleanIndex struct {
	tsdb.IndexReader
	symbols []string
}

func (i cleanIndex) Symbols() index.StringIter { return index.NewStringListIter(i.symbols) }

// matchers are what the series have in their labels.
func (s *Store) matchers(ctx context.Context, about *About) (all matching, err error) {
	equal := func(label, value string) *labels.Matcher {
		return labels.MustNewMatcher(labels.MatchEqual, label, value)
	}
	add := func(label string, value string) { all = append(all, []*labels.Matcher{equal(label, value)}) }
	for _, p := range about.Ports {
		all = append(all, []*labels.Matcher{equal("agent", p.Agent.String()), equal("interface", p.Name)})
	}
	for _, i := range about.Interfaces {
		add("interface", i)
	}
	q, err := s.db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	for label, mine := range map[string]func(v string) bool{
		"instance": func(v string) bool {
			return slices.ContainsFunc(about.Instances, func(i string) bool { return digits(i) == digits(v) })
		},
		"agent": func(v string) bool { return hasAddress(v, about.Addresses) },
		"key":   func(v string) bool { return hasAddress(v, about.Addresses) || hasInstance(v, about.Instances) },
	} {
		values, _, err := q.LabelValues(ctx, label, nil)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			if mine(v) {
				add(label, v)
			}
		}
	}
	return all, nil
}

// digits are those of an identity, however it is written.
func digits(id string) string { return strings.ToLower(strings.ReplaceAll(id, "-", "")) }

// hasInstance reports that a text has one of the identities.
func hasInstance(text string, any []string) bool {
	text = digits(text)
	return slices.ContainsFunc(any, func(i string) bool { return len(digits(i)) == 32 && strings.Contains(text, digits(i)) })
}

// hasAddress reports that a text has one of the addresses as a word.
func hasAddress(text string, any []netip.Addr) bool {
	word := func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' || r == '.' || r == ':')
	}
	for _, w := range strings.FieldsFunc(text, word) {
		if a, err := netip.ParseAddr(w); err == nil && slices.Contains(any, a.Unmap()) {
			return true
		}
	}
	return false
}
