package web

import (
	"encoding/json"
	"time"

	"weir/collector/agents"
	"weir/detect"
)

// Source is what the collector tells of itself. Its methods are safe for all
// goroutines, and what they return belongs to the caller.
type Source interface {
	Status() Status
	Agents() []*agents.AgentInfo
	Top(TopQuery) ([]detect.Top, error) // the error is the asker's, in one line
}

// TopQuery asks for the heaviest keys.
type TopQuery struct {
	Key    string        // of a definition, with or without its value; "" is all
	Window time.Duration // one of detect.TopWindows
	N      int           // how many at most, up to detect.MaxTop
}

// Status is the collector at one moment. Counts run from its start.
type Status struct {
	Version    string      `json:"version"`
	PID        int         `json:"pid"`
	At         time.Time   `json:"at"`
	Started    time.Time   `json:"started"`
	Listen     []string    `json:"listen"` // addresses in use
	HTTP       string      `json:"http,omitempty"`
	Components []Component `json:"components"`

	Datagrams          uint64  `json:"datagrams"`
	DatagramsPerSecond float64 `json:"datagrams_per_second"` // over the last seconds
	Octets             uint64  `json:"octets"`
	Samples            []Count `json:"samples"`         // by format, those seen
	SkippedRecords     []Count `json:"skipped_records"` // flow and counter records not decoded, by format, those seen
	Errors             []Count `json:"errors"`          // by reason, those seen
	SocketDropped      uint64  `json:"socket_dropped"`
	Truncated          uint64  `json:"truncated"`
	LostDatagrams      uint64  `json:"lost_datagrams"`
	LostSamples        uint64  `json:"lost_samples"`
	LossPercent        float64 `json:"loss_percent"` // of datagrams, by sequence
	Refused            []Count `json:"refused"`      // datagrams of agents not admitted, by reason
	DecodeSeconds      float64 `json:"decode_seconds"`

	Agents   int    `json:"agents"`
	Admitted uint64 `json:"admitted"`

	Orphans []Count `json:"orphans"` // ports and domains that belong to nobody, by node, most first; the last without a key counts the nodes left out

	AlertsOpen   []Count       `json:"alerts_open"` // by kind
	AlertChanges []AlertChange `json:"alert_changes"`
	AlertHead    string        `json:"alert_head,omitempty"` // of the chain of alert changes, for `weir verify`
	Sinks        []SinkCount   `json:"sinks"`
	Influx       *InfluxStatus `json:"influx,omitempty"` // nil where no time series are written
	Bounds       []Bound       `json:"bounds"`
	TopLeftOut   []Count       `json:"top_left_out"` // samples that a key was not counted of, by definition and why: "again" for packets counted where they entered, "missing" without one of its fields, "late"
	// SeriesNotKept is how many time series history has no place for, as far as is
	// known; the bound history_series counts their samples.
	SeriesNotKept int     `json:"series_not_kept"`
	DamagedFiles  []Count `json:"damaged_files"` // of the history, set aside since the start: "flows", "series"; and "incidents" that cannot be read
}

// MarshalJSON writes lists of nothing as [], since null says unknown.
func (s Status) MarshalJSON() ([]byte, error) {
	type plain Status
	for _, list := range []*[]Count{&s.Samples, &s.SkippedRecords, &s.Errors, &s.Refused, &s.AlertsOpen, &s.Orphans, &s.TopLeftOut, &s.DamagedFiles} {
		*list = orEmpty(*list)
	}
	s.Listen, s.Components = orEmpty(s.Listen), orEmpty(s.Components)
	s.AlertChanges, s.Sinks, s.Bounds = orEmpty(s.AlertChanges), orEmpty(s.Sinks), orEmpty(s.Bounds)
	return json.Marshal(plain(s))
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Count is how often one thing was seen.
type Count struct {
	Key   string `json:"key"`            // "0:1", "truncated"
	Name  string `json:"name,omitempty"` // "flow_sample"
	Count uint64 `json:"count"`
}

// AlertChange is how often alerts of a kind changed so.
type AlertChange struct {
	Kind   string `json:"kind"`
	Change string `json:"change"`
	Count  uint64 `json:"count"`
}

// SinkCount is what the queue of a sink has done.
type SinkCount struct {
	Name    string `json:"name"`
	Queued  int    `json:"queued"`
	Limit   int    `json:"limit"`
	Sent    uint64 `json:"sent"`
	Failed  uint64 `json:"failed"`
	Dropped uint64 `json:"dropped"`
	Failing bool   `json:"failing,omitempty"` // now, as far as is known
}

// Bound is one bound of memory and its use.
type Bound struct {
	Name    string `json:"name"`
	Used    int    `json:"used"`
	Limit   int    `json:"limit"`
	Refused uint64 `json:"refused"` // or dropped, at the limit
}

// Component is one part of the collector.
type Component struct {
	Name   string `json:"name"`
	Ready  bool   `json:"ready"`
	Detail string `json:"detail,omitempty"` // why not, or what works less well
}

// Ready reports whether every component is.
func (s *Status) Ready() bool {
	for _, c := range s.Components {
		if !c.Ready {
			return false
		}
	}
	return true
}
