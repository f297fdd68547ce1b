package flows

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// part is a file that is open.
type part struct {
	name    string
	file    *os.File
	size    int64
	journal bool
	id      string // of the journal that it is or was made of
	first   int64  // µs, of a segment; so is last, which is in it
	last    int64
	besides bool // rows of hours whose rollups are read are not

	rollup bool // it is opened when it is read
	path   string
}

// ending returns the paths of the files of a directory, if it is there, whose names
// end so, in order. (To a pattern the directory's own name would be one.)
func ending(dir, suffix string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return paths, err
}

type parts struct {
	files   []part
	skipped int
	bad     []badFile // that were set aside, and not of samples that others have
	oldest  int64     // time from which on samples or rollups are kept, µs; 0 unknown
}

func (p *parts) close() {
	for i := range p.files {
		if f := p.files[i].file; f != nil {
			_ = f.Close() // it was only read
		}
	}
}

// since takes the beginning of a file.
func (p *parts) since(first int64) {
	if p.oldest == 0 || first < p.oldest {
		p.oldest = first
	}
}

// list opens the files of a directory that may have rows of a time. A journal
// whose segment is there is left out. What vanishes meanwhile has become a
// segment: the list is made anew.
func list(dir string, from, to int64) (p *parts, err error) {
	for range 10 {
		if p, err = listOnce(dir, from, to); !errors.Is(err, os.ErrNotExist) {
			return p, err
		}
		if _, gone := os.Stat(dir); gone != nil {
			return nil, gone
		}
	}
	return p, err
}

func listOnce(dir string, from, to int64) (_ *parts, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	made := map[string]bool{} // journals that have their segment
	for _, e := range entries {
		if _, _, id, ok := spanOf(e.Name()); ok {
			made[id] = true
		}
	}
	p := &parts{}
	if p.bad, err = badFiles(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	for _, e := range entries {
		name := e.Name()
		first, last, id, segment := spanOf(name)
		journal := false
		if segment {
			p.since(first)
		} else {
			id, journal = journalID(name)
		}
		switch {
		case segment && (last < from || first >= to):
			p.skipped++
			continue
		case !segment && (!journal || made[id]):
			continue
		}
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		p.files = append(p.files, part{name: name, path: filepath.Join(dir, name), file: f, size: info.Size(), journal: journal, id: id, first: first, last: last})
	}
	return p, nil
}
