package detect

import "time"

// Reasons why an alert ended that are not the data's.
const (
	ReasonClock     = "clock"       // a replay's clock jumped
	ReasonShutdown  = "shutdown"    // the collector stops
	ReasonEndOfData = "end_of_data" // a replay's last datagram
	ReasonReload    = "reload"      // the configuration no longer asks for it
)

// Engine joins what the shards hand over and decides. It belongs to one
// goroutine. Alerts it emits are never changed afterwards and may be kept.
type Engine struct{}

// NewEngine returns an engine for these shards. names may be nil.
func NewEngine(cfg Config, shards []*Shard, names Names) *Engine { return &Engine{} }

// Tick takes what the shards have handed over, decides as of now, and emits
// the changes, in an order that depends on the data alone. Call it after the
// shards' Tick: every 100 ms, and when a shard was Urgent. now never goes
// backwards, except across Epoch.
func (e *Engine) Tick(now time.Time, emit func(*Alert)) {}

// Epoch ends every open alert with ReasonClock as of now, the last time of the
// old clock, and forgets everything. Tick shards and engine before it, Reset
// the shards with it.
func (e *Engine) Epoch(now time.Time, emit func(*Alert)) {}

// Close ends every open alert with the given reason.
func (e *Engine) Close(now time.Time, emit func(*Alert), reason string) {}

// SetConfig replaces the configuration from the next Tick on, except for table
// sizes. Call it from the engine's goroutine.
func (e *Engine) SetConfig(cfg Config) {}

// EngineStats are running counts and the use of bounds.
type EngineStats struct {
	Hot, MaxHot  int    // flows followed
	Open         int    // alerts open
	Started      uint64 // alerts started
	DroppedHot   uint64 // records of flows for which there was no place
	DroppedPoint uint64 // records of vantage points beyond the bound per flow
}

// Stats returns the counts. Call it from the engine's goroutine.
func (e *Engine) Stats() EngineStats { return EngineStats{} }
