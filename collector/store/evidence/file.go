package evidence

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	suffix    = ".pcapng"
	newSuffix = ".new" // of one that is not whole yet
)

// File is the evidence of one alert.
type File struct {
	ID      string    `json:"id"` // of the alert
	Size    int64     `json:"bytes"`
	Changed time.Time `json:"changed"`
}

// List returns the evidence in a directory, the oldest first.
func List(dir string) ([]File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []File
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok || !fit(id) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		all = append(all, File{id, info.Size(), info.ModTime()})
	}
	slices.SortFunc(all, func(a, b File) int { return cmp.Or(a.Changed.Compare(b.Changed), cmp.Compare(a.ID, b.ID)) })
	return all, nil
}

// Read returns the capture file of an alert. The error wraps os.ErrNotExist where
// there is none.
func Read(dir, id string) ([]byte, error) {
	if !fit(id) {
		return nil, fmt.Errorf("%q is no alert: %w", id, os.ErrNotExist)
	}
	return os.ReadFile(filepath.Join(dir, id+suffix))
}

// fit reports that an id may be the name of a file.
func fit(id string) bool {
	return id != "" && len(id) <= 128 && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
	})
}

// writeFile writes a file under another name first, so that what has its name is
// whole, on the disk, too.
func writeFile(tmp, path string, b []byte) error {
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
