package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"weir/collector/config"
	"weir/collector/store"
	"weir/collector/web"
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
		if _, err := os.Stat(cfg.History.Dir); err != nil && p.configFile == "" {
			cfg.History.Dir = "" // it, or a link to it, is beside the state
		}
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
	if store.HasState(service) {
		return service
	}
	return own
}

// ask asks the running collector for what a GET of name answers with, in JSON, and
// reads that into v. Its error is one line that says what to do.
func (p *program) ask(ctx context.Context, name string, v any) error {
	return p.call(ctx, http.MethodGet, name, nil, v)
}

// call asks the running collector for a path of the API such as "api/v1/windows",
// with a body in JSON unless that is nil, and reads the answer into v.
func (p *program) call(ctx context.Context, method, path string, body, v any) error {
	cfg, err := p.loadToAsk()
	if err != nil {
		return err
	}
	return web.Call(ctx, cfg.StateDir, method, path, body, v)
}

// stateDir returns the directory named, or the configured one.
func (p *program) stateDir(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	cfg, err := p.loadToAsk()
	return cfg.StateDir, err
}
