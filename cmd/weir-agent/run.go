package main

import (
	"context"
	"errors"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"weir/cmd/internal/build"
	"weir/cmd/internal/trim"
	"weir/hostagent"
	"weir/hostagent/config"
	"weir/hostagent/process"
)

// The agent takes one processor at most, which also spares the runtime the waking
// and spinning of threads that find nothing to do: half of what an idle agent
// costs. The collector of garbage works a little more often than it would by
// itself: what the agent holds is memory that guests cannot have.
const (
	gcPercent   = 50
	memoryLimit = 64 << 20
)

func newRun(p *program) *cobra.Command {
	var collectors []string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Tell the collectors until told to stop",
		Long: `Poll the host, its interfaces and its virtual machines, watch for events, and send
all of it to the collectors. The log goes to standard error.

SIGTERM and SIGINT end it, after it has told who sent them. SIGHUP reads the
configuration again and starts those modules anew whose part of it has changed; a
file with a mistake changes nothing. At start, every
capability that the configured modules do not need is given up.`,
		Example: `  weir-agent run                         with the defaults
  weir-agent run --collector 10.0.0.5
  weir-agent run --config weir-agent.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			load := func() (config.Config, string, error) {
				cfg, digest, err := config.Load(p.configFile)
				if len(collectors) > 0 {
					cfg.Collectors = collectors
				}
				return cfg, digest, err
			}
			cfg, digest, err := load()
			if err != nil {
				return err
			}
			log := p.logger(cfg.Log)
			key, err := readKey(cfg.KeyFile)
			if err != nil {
				return err
			}
			if _, err := process.Prepare(hostagent.Capabilities(cfg)); err != nil {
				log.Warn().Err(err).Msg("capabilities are kept")
			}
			runtime.GOMAXPROCS(1)
			debug.SetGCPercent(gcPercent)
			debug.SetMemoryLimit(memoryLimit)
			trim.AfterStart(func(err error) { log.Debug().Err(err).Msg("pages of the program are kept") })
			// A log that nobody reads any more is no reason to end.
			signal.Ignore(syscall.SIGPIPE)
			ctx, stop := context.WithCancel(cmd.Context())
			defer stop()
			s := &signalled{log: log, stop: stop, load: load, reload: make(chan hostagent.Reload)}
			go s.watch(ctx, process.Signals())
			return hostagent.Run(ctx, cfg, hostagent.IO{Log: log, Version: build.This(version).Version, Digest: digest,
				Key: key, Reload: s.reload, Stop: s.why})
		},
	}
	cmd.Flags().StringSliceVar(&collectors, "collector", nil, "send to `HOST` or HOST:PORT in place of the configured collectors")
	return cmd
}

// signalled turns signals into what they ask for.
type signalled struct {
	log    zerolog.Logger
	stop   context.CancelFunc
	load   func() (config.Config, string, error)
	reload chan hostagent.Reload

	mu    sync.Mutex
	cause process.Why
}

// why returns who ended the agent.
func (s *signalled) why() process.Why {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause.Cause == "" {
		s.cause.Cause = process.CauseExit
	}
	return s.cause
}

// watch reads signals with their senders until ctx is done.
func (s *signalled) watch(ctx context.Context, in <-chan process.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-in:
			s.handle(ctx, sig)
		}
	}
}

func (s *signalled) handle(ctx context.Context, sig process.Signal) {
	if sig.Signal != syscall.SIGHUP {
		why := process.Explain(sig)
		s.mu.Lock()
		s.cause = why
		s.mu.Unlock()
		s.stop()
		return
	}
	cfg, digest, err := s.load()
	if err != nil {
		s.refused(err)
		return
	}
	if level, err := zerolog.ParseLevel(cfg.Log.Level); err == nil {
		zerolog.SetGlobalLevel(level)
	}
	select {
	case s.reload <- hostagent.Reload{Config: cfg, Digest: digest}:
	case <-ctx.Done():
	}
}

// refused tells in one line why the configuration stays as it was.
func (s *signalled) refused(err error) {
	line := s.log.Error()
	if all, ok := errors.AsType[config.Errors](err); ok && len(all) > 0 {
		e := all[0]
		line.Str("file", e.File).Int("line", e.Line).Str("key", e.Key).Str("problem", e.Problem).Str("fix", e.Fix)
		if len(all) > 1 {
			line.Int("mistakes", len(all)).Str("all", "weir-agent check")
		}
	} else {
		line.Err(err)
	}
	line.Msg("configuration not read again, the old one goes on")
}
