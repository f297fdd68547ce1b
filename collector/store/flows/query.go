package flows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/detect/rules"
)

// Query asks who talked to whom.
type Query struct {
	From, To time.Time     // To is not included
	Filter   *rules.Filter // nil lets everything pass
	By       []string      // columns; none is one sum of all
	Step     time.Duration // sums for each step of time from From; 0 is one for the whole
	Order    Value         // by which the greatest are chosen
	Top      int           // how many; 0 is all, bounded by MaxKeys
	Add      bool          // over all vantage points, instead of the one that saw most
	Samples  bool          // of samples alone, where rollups would be quicker
	Progress func(done, of int)

	// named are the names of instances by their addresses, for the columns
	// src_instance and dst_instance.
	named map[string]string
	notes []string // on what names stand for
}

// Value is what keys are ordered by.
type Value string

// The values.
const (
	ByBytes   Value = "bytes"
	ByPackets Value = "packets"
	BySamples Value = "samples"
)

// MaxKeys bounds how many keys a query may distinguish.
const MaxKeys = 2_000_000

// maxSteps bounds Query.Step.
const maxSteps = 10_000

// Check returns one line that names what is wrong and what to write.
func (q *Query) Check() error {
	if !q.From.Before(q.To) {
		return fmt.Errorf("from %s to %s: the end must be after the start", q.From.UTC().Format(time.RFC3339), q.To.UTC().Format(time.RFC3339))
	}
	for i, n := range q.By {
		_, named := instanceColumn(n)
		if named && q.named == nil {
			return fmt.Errorf("by %q: no model of the site is known here", n)
		}
		if _, ok := fieldOf(n); !ok && !named {
			return fmt.Errorf("by %q: history has no such column; it has %s", n, strings.Join(AllColumns(), ", "))
		}
		if slices.Contains(q.By[:i], n) {
			return fmt.Errorf("by %q: is there twice; leave one out", n)
		}
	}
	if len(q.By) > 6 {
		return fmt.Errorf("by: %d columns; at most 6", len(q.By))
	}
	if !slices.Contains([]Value{"", ByBytes, ByPackets, BySamples}, q.Order) {
		return fmt.Errorf("order %q: write bytes, packets or samples", q.Order)
	}
	if q.Step < 0 || q.Step > 0 && (q.Step < time.Millisecond || q.To.Sub(q.From)/q.Step > maxSteps) {
		return fmt.Errorf("step %s: must be at least 1ms and give at most %d steps", q.Step, maxSteps)
	}
	if q.Filter != nil {
		return CheckFilter(q.Filter)
	}
	return nil
}

// Result answers a Query.
type Result struct {
	Rows    []Sum  `json:"rows"`
	Total   Sum    `json:"total"`   // of everything that passed
	Keys    int    `json:"keys"`    // that there are
	Scanned int64  `json:"scanned"` // rows that were read
	Files   int    `json:"files"`   // that were read
	Skipped int    `json:"skipped"` // files and row groups that statistics and Bloom filters ruled out
	Broken  string `json:"broken,omitempty"`
	// Notes say what names of instances stood for, and from when on something is kept.
	Notes []string `json:"notes,omitempty"`
	// Rollup is nil where samples answered.
	Rollup *Rolled `json:"rollup,omitempty"`
}

// Sum is what was sampled of one key.
type Sum struct {
	Key     []string `json:"key"`            // as in Query.By
	Step    int      `json:"step,omitempty"` // number of the step
	Bytes   float64  `json:"bytes"`          // estimated: each sample counts its length times its sampling rate
	Packets float64  `json:"packets"`
	Samples uint64   `json:"samples"`
	Low     float64  `json:"low"`  // 95 % interval of Bytes
	High    float64  `json:"high"` // (Garwood's, on the effective number of samples)
	// PacketsLow and PacketsHigh are a 95 % interval of Packets, as wide in
	// proportion as that of Bytes: for packets the effective number is greater.
	PacketsLow  float64   `json:"packets_low"`
	PacketsHigh float64   `json:"packets_high"`
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Points      int       `json:"points"` // vantage points that saw it
	// Missed is the most octets that rollups may lack of the key: it was not
	// among the greatest all the time. High and PacketsHigh have them.
	Missed float64 `json:"missed,omitempty"`
}
