package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"weir/bench/traffic"
	"weir/cmd/internal/build"
	"weir/cmd/internal/commandline"
	"weir/collector"
	"weir/collector/config"
	"weir/collector/web/access"
)

func newDemo(p *program) *cobra.Command {
	var threshold, influx string
	var json bool
	var seed uint64
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the collector beside a small simulated network",
		Long: `Run the collector beside a simulated network that sends it real sFlow over
127.0.0.0/8: three switches, three hypervisors, benign traffic, every half
minute an elephant flow of 6 Gbit/s that lasts ten seconds, and every minute a
bridge that goes down with the six instances behind it.

Nothing leaves this machine but what a configuration named with --config sends:
then alerts go to its sinks too. Nothing is kept. Ctrl-C ends it. What it prints
first says how to ask it, as any collector, with weir status and the others.`,
		Example: `  weir demo                         alerts as readable lines
  weir demo --json                  alerts as JSON lines
  weir demo --threshold 20Mbit/s    alert on smaller flows too
  weir demo --influx http://127.0.0.1:8086
                                    write time series too`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.loadDemo(threshold)
			if err != nil {
				return err
			}
			if err := setInflux(&cfg, influx); err != nil {
				return err
			}
			demoSeries(&cfg)
			return p.demo(cmd.Context(), cfg, seed, json || !commandline.IsTerminal(p.out))
		},
	}
	addAlertFlags(cmd, &threshold, &json)
	addInfluxFlag(cmd, &influx)
	cmd.Flags().Uint64Var(&seed, "seed", 1, "`NUMBER` that the simulated traffic follows from")
	return cmd
}

// loadDemo reads a configuration that is named, else the defaults: a demo must not
// page, write or send to whom /etc/weir/weir.yaml names.
func (p *program) loadDemo(threshold string) (config.Config, error) {
	if p.configFile == "" {
		return withThreshold(config.Default(), threshold)
	}
	return p.load(threshold)
}

// demo runs the collector with a state of its own, in TMPDIR, on a free port, and sends it
// the simulated network, until ctx is done.
func (p *program) demo(ctx context.Context, cfg config.Config, seed uint64, json bool) error {
	state, err := os.MkdirTemp("", "weir-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	cfg.StateDir, cfg.History.Dir = state, ""
	ask := filepath.Join(state, "weir.yaml")
	cfg.Listen = []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)}
	cfg.Allow = nil
	names, err := writeDemoNames(state)
	if err != nil {
		return err
	}
	cfg.Names.Files = append(cfg.Names.Files, names)
	cfg.Access.Local = config.AccessRole{Role: access.Operator} // nothing here is real

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var sendErr, askErr error // the first is read once sent is closed
	sent := make(chan struct{})
	close(sent) // until there is a sender to wait for
	err = collector.Run(ctx, cfg, collector.IO{
		Alerts: p.out, AlertsJSON: json, Log: p.logger(cfg.Log), Forget: true, OtherPort: true, Version: build.This(version).Version,
		Ready: func(at collector.Addresses) {
			if askErr = demoConfig(ask, state, at.HTTP); askErr != nil {
				stop()
				return
			}
			if at.HTTP != "" {
				fmt.Fprintf(p.err, "weir demo: open http://%s/ in a browser\n", at.HTTP)
			}
			fmt.Fprintf(p.err, "weir demo: three switches and three hypervisors send to %s\n", at.SFlow[0])
			fmt.Fprintf(p.err, "weir demo: an elephant flow begins in five seconds, then every half minute;\n"+
				"           a bridge goes down after twelve, then every minute; Ctrl-C ends\n")
			fmt.Fprintf(p.err, "weir demo: ask it with: weir status --config %s\n", ask)
			sent = make(chan struct{})
			node := make(chan struct{})
			go func() {
				defer close(node)
				_ = sendDemoNode(ctx, at.SFlow[0]) // where 127.0.0.23 cannot be had, the rest goes on
			}()
			go func() {
				defer func() { <-node; close(sent) }()
				if sendErr = sendDemo(ctx, seed, at.SFlow[0]); sendErr != nil {
					stop()
				}
			}()
		},
	})
	stop()
	<-sent
	return cmp.Or(err, askErr, sendErr)
}

// demoConfig writes the configuration by which other commands find the demo that
// has this state and listens there for HTTP.
func demoConfig(name, state, http string) error {
	return os.WriteFile(name, fmt.Appendf(nil, "state_dir: %q\nhttp: %q\n", state, http), 0o600)
}

// sendDemo sends the network's datagrams when they are due, each agent from the
// address of its node and a port of its own, until ctx is done.
func sendDemo(ctx context.Context, seed uint64, to string) error {
	raddr, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		return err
	}
	c := traffic.Demo(seed)
	c.Start = time.Now()
	n := traffic.New(c)
	conns := map[netip.AddrPort]*net.UDPConn{}
	defer func() {
		for _, conn := range conns {
			conn.Close()
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		d, ok := n.Next()
		if !ok {
			return nil
		}
		timer.Reset(time.Until(d.At))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		conn := conns[d.From]
		if conn == nil {
			if conn, err = net.DialUDP("udp4", &net.UDPAddr{IP: d.From.Addr().AsSlice()}, raddr); err != nil {
				return err
			}
			conns[d.From] = conn
		}
		// UDP promises nothing, and neither does the demo: the collector may be gone.
		_, _ = conn.Write(d.Payload)
	}
}
