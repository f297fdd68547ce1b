package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"weir/detect/site"
)

// maxWindows bounds the maintenance windows of the file.
const maxWindows = 1000

// maxWatched bounds the projects that are watched.
const maxWatched = 256

// parseProject reads the name or identity of a project.
func parseProject(s string) (string, error) {
	if strings.TrimSpace(s) != s || s == "" || len(s) > 255 {
		return "", &fault{"is no project", "write the name or the ID that OpenStack shows of it"}
	}
	return s, nil
}

// siteKeys are the keys of what judges the site.
func siteKeys() []key {
	return []key{
		scalar("agent_key", func(c *Config) *Secret { return &c.AgentKey }, parseAgentKey),
		scalar("agent_keys", func(c *Config) *Secret { return &c.AgentKeys }, parseAgentKeys),
		live(list("watched_projects", func(c *Config) *[]string { return &c.WatchedProjects }, parseProject, 0, maxWatched)),
		live(list("windows", func(c *Config) *[]site.Window { return &c.Windows }, parseWindow, 0, maxWindows)),
	}
}

// minAgentKey is the shortest key that weir-agent takes, in octets.
const minAgentKey = 16

// parseAgentKey reads the key that host agents sign with; "" is none.
func parseAgentKey(s string) (Secret, error) {
	if s == "" {
		return Secret{}, nil
	}
	k, err := ParseSecret(s)
	if err != nil {
		return k, err
	}
	if len(strings.TrimSpace(k.Reveal())) < minAgentKey {
		return k, &fault{"the key has less than 16 octets", "make one with `openssl rand -hex 32`, for weir-agent's key_file and here"}
	}
	return k, nil
}

// parseAgentKeys reads the keys of single agents; "" is none.
func parseAgentKeys(s string) (Secret, error) {
	if s == "" {
		return Secret{}, nil
	}
	k, err := ParseSecret(s)
	if err != nil {
		return k, err
	}
	_, err = k.Keys()
	return k, err
}

// Keys reads a secret of lines with an agent's address and its key; empty lines
// and those that begin with # are skipped.
func (s Secret) Keys() (map[netip.Addr][]byte, error) {
	keys := map[netip.Addr][]byte{}
	n := 0
	for line := range strings.Lines(s.value) {
		n++
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		const fix = "write an agent's address and its key, one agent a line"
		addr, err := netip.ParseAddr(f[0])
		switch {
		case err != nil || len(f) != 2:
			return nil, &fault{fmt.Sprintf("line %d is no address with a key", n), fix}
		case len(f[1]) < minAgentKey:
			return nil, &fault{fmt.Sprintf("line %d: the key of %s has less than %d octets", n, addr, minAgentKey), "make one with `openssl rand -hex 32`"}
		case keys[addr.Unmap()] != nil:
			return nil, &fault{fmt.Sprintf("line %d: %s has a key already", n, addr), fix}
		}
		keys[addr.Unmap()] = []byte(f[1])
	}
	return keys, nil
}

var windowText = regexp.MustCompile(`^(\S+) from (\S+) for (\S+) in (\S+) by ([^:]+): (.+)$`)

// windowTime is how a window's begin is written: local time of its zone.
const windowTime = "2006-01-02T15:04"

// parseWindow reads "cn7 from 2026-03-01T22:00 for 2h in Europe/Berlin by Ada:
// new kernel".
func parseWindow(text string) (site.Window, error) {
	const fix = `write "SUBJECT from 2026-03-01T22:00 for 2h in Europe/Berlin by OWNER: REASON"`
	m := windowText.FindStringSubmatch(text)
	if m == nil {
		return site.Window{}, &fault{"is no maintenance window", fix}
	}
	w := site.Window{Subject: m[1], Zone: m[4], Owner: strings.TrimSpace(m[5]), Reason: strings.TrimSpace(m[6])}
	zone, err := time.LoadLocation(m[4])
	if err != nil || m[4] == "Local" {
		return w, &fault{m[4] + " is no IANA time zone", fix}
	}
	from, err := time.ParseInLocation(windowTime, m[2], zone)
	if err != nil {
		return w, &fault{m[2] + " is no time of the form 2026-03-01T22:00", fix}
	}
	d, err := time.ParseDuration(m[3])
	if err != nil || d <= 0 || d > 31*24*time.Hour {
		return w, &fault{m[3] + " is no length of time up to 744h", fix}
	}
	w.From, w.To = from.UTC(), from.Add(d).UTC()
	return w, nil
}
