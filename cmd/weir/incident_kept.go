package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/spf13/cobra"

	"weir/collector/store"
	"weir/collector/web"
	"weir/collector/web/audit"
)

// Incidents are those of the running collector; where none runs, those that the state
// file has from when one did.

// incidents returns them as the API answers with them.
func (p *program) incidents(cmd *cobra.Command) (raw json.RawMessage, err error) {
	if err = p.ask(cmd.Context(), "api/v1/incidents", &raw); !web.NotRunning(err) {
		return raw, err
	}
	dir, derr := p.keptIncidents(cmd, nil)
	if derr != nil {
		return nil, errors.Join(err, derr)
	}
	all, damaged, rerr := store.ListIncidents(cmd.Context(), dir)
	if rerr != nil {
		return nil, keptError(err, rerr)
	}
	if damaged > 0 {
		fmt.Fprintf(p.err, "%d incidents are damaged and left out\n", damaged)
	}
	return json.Marshal(all)
}

// incident returns the one whose identity begins with id.
func (p *program) incident(cmd *cobra.Command, id string) (raw json.RawMessage, err error) {
	if err = p.ask(cmd.Context(), "api/v1/incidents/"+url.PathEscape(id), &raw); !web.NotRunning(err) {
		return raw, err
	}
	dir, derr := p.keptIncidents(cmd, []string{id})
	if derr != nil {
		return nil, errors.Join(err, derr)
	}
	k, rerr := store.ReadIncident(cmd.Context(), dir, id)
	switch {
	case errors.Is(rerr, store.ErrNoIncident), errors.Is(rerr, store.ErrSeveral):
		return nil, fmt.Errorf("incident %q: %w; `weir incident list` shows them", id, rerr)
	case rerr != nil:
		return nil, keptError(err, rerr)
	}
	return json.Marshal(k.Incident)
}

// keptIncidents is the directory of the state file to read, which is noted.
func (p *program) keptIncidents(cmd *cobra.Command, args []string) (dir string, err error) {
	if dir, err = p.stateDir(""); err != nil {
		return "", err
	}
	return dir, noted(cmd, args, dir, audit.Query)
}

// keptError is why incidents cannot be read: where there is no state file, nobody
// ran.
func keptError(notRunning, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return notRunning
	}
	return err
}
