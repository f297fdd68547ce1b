package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector/web"
	"weir/detect"
)

// liveFlags are the flags of `weir top`.
type liveFlags struct {
	q      web.TopQuery
	filter string
	every  time.Duration
}

func newTop(p *program) *cobra.Command {
	f := liveFlags{q: web.TopQuery{N: detect.MaxTop}}
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch the heaviest flows, live in this terminal",
		Long: `Show the heaviest keys of a running collector and the alerts that are open, new
each second, over its control socket. Rates have their 95 % interval, for what
sampling may have missed.

  tab, shift-tab, ← →  the next or previous definition in top.keys
  w, W, 1 to 4         another window: 1s, 10s, 1m, 5m
  s, r                 order by rate, lower bound, samples, distinct or key;
                       turn it round
  /                    show only rows in which a text stands; esc clears it
  ↑ ↓ j k, page keys   move; enter shows all of a row, and how to ask the
                       history for it
  a                    the alerts that are open; enter shows all of one
  space                hold still
  ?                    help
  q                    end

On a terminal that cannot move its cursor use ` + "`weir status --top`" + `.`,
		Example: `  weir top
  weir top --key dst --window 1m --filter 10.0.0.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.q.Check(); err != nil {
				return commandline.Usagef("--%w", err)
			}
			if f.every < minLive || f.every > maxLive {
				return commandline.Usagef("--every %v: out of range; write %v to %v", f.every, minLive, maxLive)
			}
			if term := os.Getenv("TERM"); !commandline.IsTerminal(p.in) || !commandline.IsTerminal(p.out) || term == "dumb" || term == "" {
				return errors.New("top needs a terminal that can move its cursor; `weir status --top` prints the same once")
			}
			cfg, err := p.loadToAsk()
			if err != nil {
				return err
			}
			return f.run(cmd.Context(), p, cfg.StateDir)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.q.Key, "key", "", "begin with the definition of this `KEY`, such as dst,dst_port; default the first")
	fl.DurationVar(&f.q.Window, "window", web.DefaultTopWindow, "begin with this `TIME` counted: 1s, 10s, 1m or 5m")
	fl.StringVar(&f.filter, "filter", "", "begin with only the rows in which `TEXT` stands")
	fl.DurationVar(&f.every, "every", time.Second, "`TIME` between two looks, 200ms to 1m")
	return cmd
}

// How often the view may look.
const (
	minLive = 200 * time.Millisecond
	maxLive = time.Minute
)

// run shows the view until it is left. Where nothing answers at first there is
// no view.
func (f *liveFlags) run(ctx context.Context, p *program, stateDir string) error {
	ask := func(q web.TopQuery) liveAnswer { return askLive(ctx, stateDir, q) }
	all := f.q
	all.Key = ""
	first := ask(all)
	if first.err != nil {
		return first.err
	}
	m := newLiveModel(ask, f)
	m.alerts.ask = func() ([]*web.AlertView, error) { return askAlerts(ctx, stateDir) }
	if err := m.begin(first); err != nil {
		return commandline.Usage(err)
	}
	_, err := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(p.in), tea.WithOutput(p.out), tea.WithoutSignalHandler()).Run()
	if ctx.Err() != nil { // a signal is a way to end it
		return nil
	}
	return err
}

// liveAnswer is what a collector said to one look.
type liveAnswer struct {
	look   int // which
	status web.Status
	tops   []topTable
	err    error

	alerts    []*web.AlertView // where they are shown
	alertsErr error
}

// askLive looks once.
func askLive(ctx context.Context, stateDir string, q web.TopQuery) (a liveAnswer) {
	if a.err = web.Ask(ctx, stateDir, "status", &a.status); a.err != nil {
		return a
	}
	var raw json.RawMessage
	if a.err = web.Ask(ctx, stateDir, "top?"+q.Values().Encode(), &raw); a.err != nil {
		return a
	}
	if err := json.Unmarshal(raw, &a.tops); err != nil {
		a.err = fmt.Errorf("the answer cannot be read: %w", err)
	}
	return a
}
