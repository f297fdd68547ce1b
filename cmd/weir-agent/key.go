package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// minKey and maxKey bound the key, in octets.
const (
	minKey = 16
	maxKey = 4096
)

// readKey reads the key to sign with; nil where no file is named. Blanks around it
// do not belong to it.
func readKey(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("key_file: %w; write the key there, readable for this user only", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKey+1))
	if err != nil {
		return nil, fmt.Errorf("key_file: %w", err)
	}
	b = bytes.TrimSpace(b)
	if len(b) < minKey || len(b) > maxKey {
		return nil, fmt.Errorf("key_file: %s: a key has %d to %d octets, not %d; make one with `openssl rand -hex 32`", file, minKey, maxKey, len(b))
	}
	if st, err := f.Stat(); err == nil && st.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("key_file: %s: everybody can use it; chmod 0600", file)
	}
	return b, nil
}
