package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
)

func newQuery(p *program) *cobra.Command {
	return commandline.Group(&cobra.Command{
		Use:   "query",
		Short: "Ask the history on this machine's disk",
		Long: `Ask the history on this machine's disk which flows there were, how much went
over an interface or what else was measured, and which alerts changed.
The collector may be running or not.`,
		Example: `  weir query flows --from -1h --by dst
  weir query series 'topk(5, weir_interface_in_bits_per_second)' --from -1h
  weir query alerts --from -12h --severity critical`,
	}, newQueryFlows(p), newQuerySeries(p), newQueryAlerts(p))
}

// alertsError says what to do where the history of alerts cannot be asked.
func alertsError(dir string, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no history of alerts in %s: start `weir run` first, or name the state directory with --dir", dir)
	}
	return err
}
