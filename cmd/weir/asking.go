package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"weir/collector/config"
)

// serviceDir is where the collector of the packages' unit keeps its state
// (StateDirectory=weir).
const serviceDir = "/var/lib/weir"

// loadToAsk reads the configuration for a command that asks a running collector,
// and needs no secret: the collector has its own from its unit's environment and
// from files that this user may not read.
func (p *program) loadToAsk() (config.Config, error) {
	cfg, err := config.Load(p.configFile)
	errs, ok := errors.AsType[config.Errors](err)
	if ok && !slices.ContainsFunc(errs, func(e *config.Error) bool { return !e.Outside }) {
		err = nil
	}
	if own := config.Default().StateDir; cfg.StateDir == own {
		cfg.StateDir = stateToAsk(own, serviceDir)
	}
	return cfg, err
}

// stateToAsk returns the directory of the collector that is meant where none is
// configured: one of this user's own if it runs, else that of the service if it
// ever ran and this user may look.
func stateToAsk(own, service string) string {
	if _, err := os.Stat(filepath.Join(own, "control.sock")); err == nil {
		return own
	}
	if _, err := os.Stat(filepath.Join(service, "state.db")); err == nil {
		return service
	}
	return own
}
