// Package archive writes and checks what is handed on of an incident: one tar.gz
// of files with the SHA-256 of each.
package archive

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// File is one file of an archive.
type File struct {
	Name string // within the archive's folder, "evidence/ID.pcapng"
	Body []byte
}

// sums is the file with the hashes of the others, as sha256sum(1) reads it.
const sums = "SHA256SUMS"

// Bounds of an archive that is checked.
const (
	maxFiles  = 10000
	maxOctets = 4 << 30 // unpacked
	maxTail   = 1 << 20 // behind the last file
	maxFile   = 1 << 29 // of which a whole file is read
)

// Write writes the files below a folder, and their hashes last. It returns the
// SHA-256 of the list of hashes, which stands for the whole archive.
func Write(w io.Writer, folder string, files []File, made time.Time) (digest string, err error) {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	put := func(f File) error {
		h := &tar.Header{Name: folder + "/" + f.Name, Mode: 0o600, Size: int64(len(f.Body)), ModTime: made.UTC().Truncate(time.Second), Format: tar.FormatPAX}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		_, err := t.Write(f.Body)
		return err
	}
	var list strings.Builder
	for _, f := range files {
		if err := put(f); err != nil {
			return "", err
		}
		sum := sha256.Sum256(f.Body)
		fmt.Fprintf(&list, "%s  %s\n", hex.EncodeToString(sum[:]), f.Name)
	}
	if err := put(File{sums, []byte(list.String())}); err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(list.String()))
	return hex.EncodeToString(sum[:]), errors.Join(t.Close(), z.Close())
}

// Proof is what an archive says of itself.
type Proof struct {
	Folder string `json:"folder"`
	Files  int    `json:"files"`
	Octets int64  `json:"octets"` // unpacked
	Digest string `json:"digest"` // SHA-256 of the list of hashes
}

// Check reads an archive and compares each file with its hash. The error names the
// first that differs, is missing, or is not listed.
func Check(r io.Reader) (p Proof, err error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return p, fmt.Errorf("is no archive of weir: %w", err)
	}
	defer z.Close()
	t, have, list := tar.NewReader(z), map[string]string{}, ""
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return p, fmt.Errorf("is damaged, or no archive of weir: %w", err)
		}
		folder, name, ok := strings.Cut(h.Name, "/")
		switch {
		case h.Typeflag != tar.TypeReg || !ok || name == "" || strings.Contains("/"+h.Name+"/", "/../"):
			return p, fmt.Errorf("%q: is nothing that weir writes", h.Name)
		case p.Folder != "" && folder != p.Folder:
			return p, fmt.Errorf("%q: stands beside the folder %s", h.Name, p.Folder)
		case have[name] != "" || name == sums && list != "":
			return p, fmt.Errorf("%s: stands in it twice", name)
		case list != "":
			return p, fmt.Errorf("%s: stands behind the hashes", name)
		}
		p.Folder = folder
		if p.Octets += h.Size; len(have) > maxFiles || p.Octets > maxOctets {
			return p, errors.New("is larger than any that weir writes")
		}
		if name == sums {
			b, err := io.ReadAll(t)
			if err != nil {
				return p, fmt.Errorf("%s: %w", name, err)
			}
			list = string(b)
			sum := sha256.Sum256(b)
			p.Digest = hex.EncodeToString(sum[:])
			continue
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, t); err != nil {
			return p, fmt.Errorf("%s: %w", name, err)
		}
		have[name] = hex.EncodeToString(sum.Sum(nil))
	}
	// What follows the last file is the end of the archive and its checksum.
	if n, err := io.Copy(io.Discard, io.LimitReader(z, maxTail+1)); err != nil || n > maxTail {
		return p, fmt.Errorf("is damaged behind its last file: %w", cmp.Or(err, errors.New("something follows")))
	}
	p.Files = len(have)
	return p, compare(have, list)
}

// Each passes the files of an archive, whatever their hashes say, until f returns
// false.
func Each(r io.Reader, f func(File) bool) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("is no archive of weir: %w", err)
	}
	defer z.Close()
	t := tar.NewReader(z)
	for range maxFiles {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && h.Size > maxFile {
			err = errors.New("has a file larger than any that weir writes")
		}
		if err != nil {
			return fmt.Errorf("is damaged, or no archive of weir: %w", err)
		}
		body, err := io.ReadAll(t)
		if err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		_, name, _ := strings.Cut(h.Name, "/")
		if !f(File{name, body}) {
			return nil
		}
	}
	return errors.New("is larger than any that weir writes")
}

// compare compares files with the list of their hashes.
func compare(have map[string]string, list string) error {
	if list == "" {
		return errors.New(sums + ": is missing: its end was cut off")
	}
	for line := range strings.Lines(list) {
		want, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		switch got := have[name]; {
		case !ok:
			return fmt.Errorf("%s: has a line that is none", sums)
		case got == "":
			return fmt.Errorf("%s: is missing", name)
		case got != want:
			return fmt.Errorf("%s: is not what was written", name)
		}
		delete(have, name)
	}
	for name := range have {
		return fmt.Errorf("%s: has no hash: it was put in later", name)
	}
	return nil
}
