package influx

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// newSuffix is what a file ends with that is not whole yet.
const newSuffix = ".new"

// Gone is what was erased.
type Gone struct {
	Points  int // that waited, or had been sent since their file was begun
	Refused int // lines in the dead-letter files
	Damaged int // files, or what could not be read in them
}

// Erase removes the points that name what it is about from a folder that no sink
// uses. Files are written anew, one after the other: whoever is stopped halfway
// leaves each as it was or without them, and can be asked again. Blocks keep their
// order, numbers and times, so that what others wait for is sent as before. What was
// set aside because it cannot be read goes as a whole: nobody can search it.
func Erase(dir string, about *About) (g Gone, err error) {
	if about.empty() {
		return g, nil
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err != nil {
		return g, err
	}
	asides, err := os.ReadDir(filepath.Join(dir, corruptDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return g, err
	}
	// These are further names of segments, whose contents would stay under them.
	if err := os.RemoveAll(filepath.Join(dir, corruptDir)); err != nil {
		return g, err
	}
	g.Damaged = len(asides)
	named := about.naming()
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch _, segment := parseSegment(e.Name()); {
		case !e.Type().IsRegular():
		case strings.HasSuffix(e.Name(), newSuffix): // half a file that a kill left
			if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) { // written anew before
				err = nil
			}
		case segment:
			err = g.rewrite(path, named, g.segment)
		case e.Name() == rejectName || e.Name() == rejectName+rejectOld:
			err = g.rewrite(path, named, g.rejects)
		}
		if err != nil {
			return g, fmt.Errorf("points for InfluxDB: %w", err)
		}
	}
	return g, syncDir(dir)
}

// rewrite writes a file anew with what without leaves of it, and removes it where that
// is nothing.
func (g *Gone) rewrite(path string, about *naming, without func([]byte, *naming) []byte) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	rest := without(b, about)
	switch {
	case bytes.Equal(rest, b):
		return nil
	case len(rest) == 0:
		return os.Remove(path)
	}
	f, err := os.OpenFile(path+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(rest)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(path+newSuffix, path)
	}
	if err != nil {
		_ = os.Remove(path + newSuffix)
	}
	return err
}

// segment returns the blocks of a segment without the points that are erased. A block
// that had no others goes: its number is then that of none.
func (g *Gone) segment(b []byte, about *naming) (rest []byte) {
	r, size := bytes.NewReader(b), int64(len(b))
	damaged := 0
	for off := int64(0); off < size; {
		h, block, err := readBlock(r, off, size, nil)
		if err != nil { // only its content can be at fault, it is in memory
			damaged = 1
			if off, err = nextBlock(r, off, size); err != nil {
				break
			}
			continue
		}
		off += h.size()
		kept := make([]byte, 0, len(block)-headSize)
		n := 0
		for line := range bytes.Lines(block[headSize:]) {
			if about.in(line) {
				n++
				continue
			}
			kept = append(kept, line...)
		}
		g.Points += n
		if n == 0 {
			rest = append(rest, block...)
		} else if len(kept) > 0 {
			rest = appendBlock(rest, h.seq, h.at, max(int(h.points)-n, 0), kept)
		}
	}
	g.Damaged += damaged
	return rest
}

// rejects returns a dead-letter file without the lines that are erased. Where a group
// loses one, what the server said goes too, since it repeats lines.
func (g *Gone) rejects(b []byte, about *naming) (rest []byte) {
	lines := slices.Collect(bytes.Lines(b))
	for len(lines) > 0 {
		n := 1
		for n < len(lines) && lines[n][0] != '#' {
			n++
		}
		group := lines[:n]
		lines = lines[n:]
		comment := group[0]
		if comment[0] != '#' { // the beginning of the group was cut off
			comment = nil
		} else {
			group = group[1:]
		}
		kept := slices.DeleteFunc(slices.Clone(group), about.in)
		if len(kept) == 0 && len(group) > 0 {
			g.Refused += len(group)
			continue
		}
		g.Refused += len(group) - len(kept)
		if len(kept) < len(group) || about.in(comment) {
			comment = silenced(comment)
		}
		rest = append(rest, comment...)
		for _, line := range kept {
			rest = append(rest, line...)
		}
	}
	return rest
}

// silenced returns the comment of a group without what the server said.
func silenced(comment []byte) []byte {
	// "# 2026-11-23T10:00:00Z status 400: what it said"
	const date, status = "# 2006-01-02T15:04:05Z", " status 400:"
	if n := len(date) + len(status); len(comment) > n && comment[n-1] == ':' {
		return append(slices.Clone(comment[:n]), " erased\n"...)
	}
	return []byte("# erased\n")
}
