package config

import (
	"path/filepath"
	"time"

	"weir/collector/series"
)

// History configures what is kept on this machine's disk.
type History struct {
	// Off keeps nothing.
	Off bool
	// Dir is where it is kept; "" is the directory history in state_dir.
	Dir string
	// Size bounds all of it: parts below that are zero have a share of it.
	Size Size
	// Flows bounds the flow samples, FlowsAge how old they get: a week at most.
	Flows    Bytes
	FlowsAge time.Duration
	// Rollups bounds the sums of minutes and hours made of them, RollupsAge how
	// old they get.
	Rollups    Bytes
	RollupsAge time.Duration
	// Alerts bounds the changes of alerts, AlertsAge how old they get, and
	// EvidenceAge how old what they rest on gets: two weeks at most.
	Alerts      Bytes
	AlertsAge   time.Duration
	EvidenceAge time.Duration
	// Evidence bounds the sampled headers around alerts, which get as old as
	// EvidenceAge; EvidencePayload keeps what follows layer 4, too.
	Evidence        Bytes
	EvidencePayload bool
	// Series bounds the files of the time series, SeriesAge how old they get,
	// and SeriesMost how many there are.
	Series     Bytes
	SeriesAge  time.Duration
	SeriesMost int
	// SeriesMore names what is kept beside the usual: CLASS, CLASS.FIELD or *.
	SeriesMore []string
}

const day = 24 * time.Hour

// What tells who talked to whom, and what was in their packets, is kept so long and
// never longer: a configuration may only shorten it.
const (
	flowsAge    = 7 * day
	evidenceAge = 14 * day
)

func defaultHistory() History {
	return History{Size: Size{Bytes: 2 * GiB}, FlowsAge: flowsAge, RollupsAge: 400 * day, AlertsAge: 400 * day, EvidenceAge: evidenceAge, SeriesAge: 30 * day, SeriesMost: 100_000}
}

// noLonger reads a length of time from an hour to most; else says what to do in
// place of more.
func noLonger(most time.Duration, instead string) func(string) (time.Duration, error) {
	read := within(time.Hour, most)
	return func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil || d <= most {
			return read(s)
		}
		return 0, &fault{"is longer than this is ever kept", "write a time from 1h to " + brief(most) + "; " + instead}
	}
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

// EvidenceDir returns where sampled headers around alerts are kept.
func (c *Config) EvidenceDir() string { return filepath.Join(c.HistoryDir(), "evidence") }

// SeriesDir returns where time series are kept.
func (c *Config) SeriesDir() string { return filepath.Join(c.HistoryDir(), "series") }

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
		scalar("history.size", func(c *Config) *Size { return &c.History.Size }, parseSize),
		scalar("history.flows", func(c *Config) *Bytes { return &c.History.Flows }, partWithin(64*MiB, 1<<20*GiB)),
		scalar("history.flows_age", func(c *Config) *time.Duration { return &c.History.FlowsAge }, noLonger(flowsAge, "rollups keep sums for longer")),
		scalar("history.rollups", func(c *Config) *Bytes { return &c.History.Rollups }, partWithin(16*MiB, 1<<10*GiB)),
		scalar("history.rollups_age", func(c *Config) *time.Duration { return &c.History.RollupsAge }, within(time.Hour, 10*365*24*time.Hour)),
		scalar("history.alerts", func(c *Config) *Bytes { return &c.History.Alerts }, partWithin(16*MiB, 1<<10*GiB)),
		scalar("history.alerts_age", func(c *Config) *time.Duration { return &c.History.AlertsAge }, within(time.Hour, 10*365*24*time.Hour)),
		scalar("history.evidence_age", func(c *Config) *time.Duration { return &c.History.EvidenceAge }, noLonger(evidenceAge, "`weir incident hold` keeps what is needed for longer")),
		scalar("history.evidence", func(c *Config) *Bytes { return &c.History.Evidence }, partWithin(MiB, 1<<10*GiB)),
		scalar("history.evidence_payload", func(c *Config) *bool { return &c.History.EvidencePayload }, parseBool),
		scalar("history.series", func(c *Config) *Bytes { return &c.History.Series }, partWithin(64*MiB, 1<<20*GiB)),
		scalar("history.series_age", func(c *Config) *time.Duration { return &c.History.SeriesAge }, within(24*time.Hour, 10*365*24*time.Hour)),
		scalar("history.series_most", func(c *Config) *int { return &c.History.SeriesMost }, whole(1000, 1<<24)),
		list("history.series_more", func(c *Config) *[]string { return &c.History.SeriesMore }, parseClass, 0, 256),
	}
}

// parseClass reads what is kept of the time series.
func parseClass(s string) (string, error) {
	if err := series.CheckWord(s); err != nil {
		return "", &fault{err.Error(), "`weir check --schema` lists classes and fields"}
	}
	return s, nil
}
