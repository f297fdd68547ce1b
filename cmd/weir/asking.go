package main

import (
	"errors"
	"slices"

	"weir/collector/config"
)

// loadToAsk reads the configuration for a command that asks a running collector,
// and needs no secret: the collector has its own from its unit's environment and
// from files that this user may not read.
func (p *program) loadToAsk() (config.Config, error) {
	cfg, err := config.Load(p.configFile)
	errs, ok := errors.AsType[config.Errors](err)
	if ok && !slices.ContainsFunc(errs, func(e *config.Error) bool { return !e.Outside }) {
		err = nil
	}
	return cfg, err
}
