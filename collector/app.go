// Package collector wires the collector: intake, shards, registry, detectors,
// sinks and the web room, and runs them as one.
package collector

import (
	"context"
	"errors"
	"io"

	"github.com/rs/zerolog"

	"weir/collector/config"
)

// IO is what a run or a replay speaks to.
type IO struct {
	Alerts     io.Writer            // alert changes
	AlertsJSON bool                 // as JSON lines, else as readable lines
	Log        zerolog.Logger       // everything else
	Progress   io.Writer            // of a replay; nil is none
	Reload     <-chan config.Config // configurations read again on SIGHUP; nil is none
}

// Run receives datagrams until ctx is done, then drains.
func Run(ctx context.Context, cfg config.Config, io IO) error {
	return errors.New("collector: not wired yet")
}

// Replay reads capture files through the whole pipeline, on their own clock.
func Replay(ctx context.Context, cfg config.Config, files []string, io IO) error {
	return errors.New("collector: not wired yet")
}
