package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"weir/collector"
	"weir/collector/archive"
	"weir/collector/config"
	"weir/collector/store"
	"weir/collector/store/evidence"
	"weir/collector/store/series"
)

// heldArchive is the archive of an incident that is held and tells of a project.
type heldArchive struct{ id, path, why string }

// heldToErase returns the archives of held incidents that tell of a project; without
// --held they are an error that names each.
func heldToErase(cfg *config.Config, f *eraseFlags, about *series.About) ([]heldArchive, error) {
	all, err := heldAbout(collector.HeldDir(cfg), f.project, about)
	if err != nil || len(all) == 0 || f.held {
		return all, err
	}
	text := fmt.Sprintf("nothing was erased: %d held archives tell of project %s; `weir incident release ID` gives one back, --held removes them", len(all), f.project)
	for _, h := range all {
		text += fmt.Sprintf("\n  %s: %s", h.path, h.why)
	}
	return nil, errors.New(text)
}

// eraseHeld removes archives; the history says before that they are no longer held.
func (p *program) eraseHeld(ctx context.Context, cfg *config.Config, all []heldArchive) error {
	// Half an archive that a kill left may tell of anything.
	if err := os.Remove(filepath.Join(collector.HeldDir(cfg), collector.UnfinishedArchive)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(all) == 0 {
		return nil
	}
	var ids []string
	for _, h := range all {
		ids = append(ids, h.id)
	}
	if err := store.ReleaseHeld(ctx, cfg.StateDir, ids, time.Now()); err != nil {
		return err
	}
	for _, h := range all {
		if err := os.Remove(h.path); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(p.out, "%d held archives: %s\n", len(ids), strings.Join(ids, ", "))
	return err
}

// heldAbout returns the held archives that tell of a project, or that cannot be
// read.
func heldAbout(dir, project string, about *series.About) (all []heldArchive, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	words := wordsOf(project, about)
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), ".tar.gz")
		if !ok {
			continue
		}
		h := heldArchive{id: id, path: filepath.Join(dir, e.Name())}
		if h.why, err = tells(h.path, project, words, about.Addresses); err != nil {
			h.why = "cannot be searched: it " + err.Error()
		}
		if h.why != "" {
			all = append(all, h)
		}
	}
	return all, nil
}

// wordsOf matches what names a project's instances in a text.
func wordsOf(project string, about *series.About) *regexp.Regexp {
	words := []string{regexp.QuoteMeta(project)}
	for _, i := range about.Instances {
		words = append(words, regexp.QuoteMeta(i))
	}
	for _, a := range about.Addresses {
		words = append(words, regexp.QuoteMeta(a.String()))
	}
	const edge = `[^0-9A-Za-z.:_-]`
	return regexp.MustCompile(`(?m)(?:^|` + edge + `)(?:` + strings.Join(words, "|") + `)(?:$|` + edge + `)`)
}

// tells says which file of an archive tells of a project, "" where none does.
func tells(path, project string, words *regexp.Regexp, addresses []netip.Addr) (why string, err error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	err = archive.Each(in, func(f archive.File) bool {
		switch {
		case strings.HasSuffix(f.Name, ".json") && store.Mentions(f.Body, project):
			why = f.Name + " names an instance of it"
		case strings.HasSuffix(f.Name, ".pcapng"):
			if evidence.Tells(f.Body, addresses) {
				why = f.Name + " has packets of one of its addresses"
			}
		case words.Match(bytes.TrimSpace(f.Body)):
			why = f.Name + " names it, one of its instances or addresses"
		}
		return why == ""
	})
	return why, err
}
