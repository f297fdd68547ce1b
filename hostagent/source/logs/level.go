package logs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxConfig bounds how much of a configuration is read, in octets.
const maxConfig = 1 << 20

// level returns the log level that a configuration of oslo.config's form asks
// for: debug or info, or the file that says it. "" where there is no
// configuration.
func level(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	l, err := parseLevel(io.LimitReader(f, maxConfig))
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// parseLevel reads the options debug and log_config_append of the section
// DEFAULT.
func parseLevel(r io.Reader) (string, error) {
	level := "info"
	inDefault := true // options before any section belong to DEFAULT
	for s := bufio.NewScanner(r); ; {
		if !s.Scan() {
			return level, s.Err()
		}
		line := strings.TrimSpace(s.Text())
		if strings.HasPrefix(line, "[") {
			inDefault = strings.HasPrefix(line, "[DEFAULT]")
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || !inDefault || strings.HasPrefix(line, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(name) {
		case "debug":
			if yes(value) {
				level = "debug"
			} else {
				level = "info"
			}
		case "log_config_append":
			if value != "" {
				return "file " + value, nil // set there, by a form of its own
			}
		}
	}
}

func yes(v string) bool {
	switch strings.ToLower(v) {
	case "true", "1", "yes", "on":
		return true
	}
	return false
}
