package main

import (
	"fmt"
	"io"

	"weir/collector"
	"weir/collector/config"
)

// sayNames reads the names files and says what they name.
func sayNames(w io.Writer, cfg *config.Config) error {
	if len(cfg.Names.Files) == 0 {
		return nil
	}
	agents, interfaces, err := collector.CheckNames(cfg)
	if err == nil {
		fmt.Fprintf(w, "names.files: ok, they name %d agents and %d interfaces\n", agents, interfaces)
	}
	return err
}
