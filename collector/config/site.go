package config

import (
	"regexp"
	"strings"
	"time"

	"weir/detect/site"
)

// maxWindows bounds the maintenance windows of the file.
const maxWindows = 1000

// siteKeys are the keys of what judges the site.
func siteKeys() []key {
	return []key{
		scalar("agent_key", func(c *Config) *Secret { return &c.AgentKey }, parseAgentKey),
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
