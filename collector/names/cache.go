package names

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// cacheFile is the name in the state directory.
const cacheFile = "names.json"

// cacheVersion changes when older files cannot be read.
const cacheVersion = 1

// cache is what survives a restart: what had to be asked of others.
type cache struct {
	Version int      `json:"version"`
	Import  []Device `json:"import"`
	SNMP    []Device `json:"snmp"`
}

// Save writes what was imported and learned to dir, at once or not at all.
func (b *Book) Save(dir string) error {
	path := filepath.Join(dir, cacheFile)
	text, err := json.Marshal(cache{cacheVersion, b.Devices(Import), b.Devices(SNMP)})
	if err != nil {
		return err
	}
	// Always the same name: one that a kill leaves is used again.
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("names cannot be kept: %w", err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("%s cannot be written: %w", path, err)
	}
	return nil
}

// Load reads what Save wrote to dir; nothing was is no error. After an error
// the layers are empty.
func (b *Book) Load(dir string) error {
	path := filepath.Join(dir, cacheFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("names cannot be read: %w", err)
	}
	defer f.Close()
	var c cache
	if err := json.NewDecoder(io.LimitReader(f, 4*maxFile)).Decode(&c); err != nil {
		return fmt.Errorf("%s cannot be read and is not used: %w", path, err)
	}
	if c.Version != cacheVersion {
		return fmt.Errorf("%s is of version %d and is not used", path, c.Version)
	}
	b.Replace(Import, clean(c.Import))
	b.Replace(SNMP, clean(c.SNMP))
	return nil
}

// clean drops what Save would never have written.
func clean(in []Device) []Device {
	out := in[:0]
	for _, d := range in {
		if !d.Agent.IsValid() {
			continue
		}
		d.Name = Clean(d.Name)
		for i := range d.Interfaces {
			x := &d.Interfaces[i]
			x.Name, x.Alias = Clean(x.Name), Clean(x.Alias)
		}
		out = append(out, d)
	}
	return out
}
