package config

import (
	"path/filepath"
	"time"
)

// History configures what is kept on this machine's disk.
type History struct {
	// Off keeps nothing.
	Off bool
	// Dir is where it is kept; "" is the directory history in state_dir.
	Dir string
	// Flows bounds the flow samples, FlowsAge how old they get.
	Flows    Bytes
	FlowsAge time.Duration
	// Alerts bounds the changes of alerts, AlertsAge how old they get, and
	// EvidenceAge how old what they rest on gets.
	Alerts      Bytes
	AlertsAge   time.Duration
	EvidenceAge time.Duration
}

func defaultHistory() History {
	const day = 24 * time.Hour
	return History{Flows: 2 * GiB, FlowsAge: 7 * day, Alerts: 256 * MiB, AlertsAge: 400 * day, EvidenceAge: 14 * day}
}

// HistoryDir returns where history is kept.
func (c *Config) HistoryDir() string {
	if c.History.Dir != "" {
		return c.History.Dir
	}
	return filepath.Join(c.StateDir, "history")
}

// FlowsDir returns where flow samples are kept.
func (c *Config) FlowsDir() string { return filepath.Join(c.HistoryDir(), "flows") }

// historyKeys are the keys of History.
func historyKeys() []key {
	return []key{
		scalar("history.off", func(c *Config) *bool { return &c.History.Off }, parseBool),
		scalar("history.dir", func(c *Config) *string { return &c.History.Dir }, func(s string) (string, error) {
			if s == "" {
				return "", nil
			}
			return parseStateDir(s)
		}),
		scalar("history.flows", func(c *Config) *Bytes { return &c.History.Flows }, bytesWithin(64*MiB, 1<<20*GiB)),
		scalar("history.flows_age", func(c *Config) *time.Duration { return &c.History.FlowsAge }, within(time.Hour, 10*365*24*time.Hour)),
		scalar("history.alerts", func(c *Config) *Bytes { return &c.History.Alerts }, bytesWithin(16*MiB, 1<<10*GiB)),
		scalar("history.alerts_age", func(c *Config) *time.Duration { return &c.History.AlertsAge }, within(time.Hour, 10*365*24*time.Hour)),
		scalar("history.evidence_age", func(c *Config) *time.Duration { return &c.History.EvidenceAge }, within(time.Hour, 10*365*24*time.Hour)),
	}
}
