package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector"
	"weir/collector/config"
	"weir/collector/sink/influx"
	"weir/collector/store"
	"weir/collector/store/evidence"
	"weir/collector/store/flows"
	"weir/collector/store/series"
)

// eraseFlags are the flags of `weir erase`.
type eraseFlags struct {
	project    string
	addresses  []string
	instances  []string
	interfaces []string
	held       bool
	yes        bool
}

func newErase(p *program) *cobra.Command {
	var f eraseFlags
	cmd := &cobra.Command{
		Use:   "erase --project NAME --yes",
		Short: "Remove what is kept of one project's instances; weir must be stopped",
		Long: `Remove for good what is kept of one project, by the name or id that its
instances have in alerts. Stop weir first.

  alerts    of each change about its instances, that tells of one, or that names
            one of their addresses or ports, such as a large flow, the line,
            subject, reason and evidence; notes of people about them. Time,
            kind, severity, identity and hash stay, so that ` + "`weir verify`" + ` still
            walks the chain: a change at its end names the erased ones. Alerts
            that were open are no longer known.
  incidents what their timelines tell of its instances, and their addresses
  model     its instances and their ports, which are kept over a restart
  evidence  the packet headers of these alerts, and in all others those from
            and to addresses of its instances
  flows     samples from and to these addresses, and what rollups say of them.
            What rollups left out is a sum that names nobody, and stays.
  series    time series of its instances, of their ports at the hypervisors, of
            agents at these addresses, and of the heaviest keys with one of
            these or of its instances; blocks are written anew
  influx    points that wait on disk for InfluxDB, and lines that it refused,
            which name it, or one of its instances, addresses, ports or alerts;
            the others are sent as before
  held      archives of held incidents are evidence that somebody asked to be
            kept: where one tells of the project, nothing is erased, and the
            archives are named. --held removes them, and the history says so.

Instances, addresses and ports are those that alerts told of, and that the model
of the site had in the last 400 days, as far as agents told; name further ones
with --instance, --address and --interface.
Addresses that other projects use too are erased for them as well. Files of flow
samples and series that are damaged go as a whole, and so do points for InfluxDB
that were set aside: nobody can search them. The logs, exported archives, and
what went to sinks and to InfluxDB are not touched.`,
		Example: `  systemctl stop weir
  weir erase --project 4f2a9c --address 10.0.0.5,10.0.0.6 --yes
  weir erase --project 4f2a9c --held --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.project == "" {
				return commandline.Usagef("--project: name the project")
			}
			var more []netip.Addr
			for _, text := range f.addresses {
				a, err := netip.ParseAddr(strings.TrimSpace(text))
				if err != nil {
					return commandline.Usagef("--address %q: write an IP address", text)
				}
				more = append(more, a.Unmap())
			}
			if !f.yes {
				return commandline.Usagef("what is erased cannot be brought back: add --yes")
			}
			return p.erase(cmd, &f, more)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.project, "project", "", "`NAME` or id of the project")
	fl.StringSliceVar(&f.addresses, "address", nil, "further `ADDRESSES` of its instances, with commas")
	fl.StringSliceVar(&f.instances, "instance", nil, "further `IDS` of its instances, with commas")
	fl.StringSliceVar(&f.interfaces, "interface", nil, "`NAMES` of its instances' ports, whose counters go, with commas")
	fl.BoolVar(&f.held, "held", false, "remove held archives that tell of it")
	fl.BoolVar(&f.yes, "yes", false, "do it")
	return cmd
}

func (p *program) erase(cmd *cobra.Command, f *eraseFlags, addresses []netip.Addr) (err error) {
	cfg, err := p.loadToAsk()
	if err != nil {
		return err
	}
	if _, err := os.Stat(cfg.HistoryDir()); errors.Is(err, fs.ErrNotExist) && !store.HasState(cfg.StateDir) {
		return fmt.Errorf("no state in %s and no history in %s: name the configuration of what is kept with --config FILE", cfg.StateDir, cfg.HistoryDir())
	}
	ctx := cmd.Context()
	held, err := store.OpenHistory(cfg.HistoryDir())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	found, err := store.FindProject(ctx, cfg.StateDir, f.project)
	if err != nil {
		return err
	}
	if len(found.Alerts)+len(found.Instances)+len(found.Addresses)+len(found.Ports) == 0 {
		fmt.Fprintf(p.err, "weir: no alert and no instance of project %q is known: see that its name or id is written as alerts have it\n", f.project)
	}
	about := series.About{Instances: both(found.Instances, f.instances), Addresses: both(found.Addresses, addresses), Interfaces: f.interfaces}
	for _, port := range found.Ports {
		about.Ports = append(about.Ports, series.Port(port))
	}
	archives, err := heldToErase(&cfg, f, &about)
	if err != nil {
		return err
	}
	for _, step := range p.eraseSteps(ctx, &cfg, f.project, found.Alerts, &about, archives) {
		if err := step(); err != nil {
			return fmt.Errorf("not all of project %s is erased, mend this and run it again: %w", f.project, err)
		}
	}
	return nil
}

// eraseSteps erase a project. The last is the state file, which says by what its
// instances are known: whoever is stopped before can be asked again.
func (p *program) eraseSteps(ctx context.Context, cfg *config.Config, project string, alerts []string, about *series.About, archives []heldArchive) []func() error {
	return []func() error{
		func() error {
			files, headers, err := evidence.Erase(cfg.EvidenceDir(), alerts, about.Addresses)
			if err == nil {
				_, err = fmt.Fprintf(p.out, "%d capture files, %d headers in others\n", files, headers)
			}
			return err
		},
		func() error { return p.eraseFlows(ctx, cfg, about) },
		func() error { return p.eraseSeries(ctx, cfg, about) },
		func() error { return p.erasePoints(cfg, project, alerts, about) },
		func() error { return p.eraseHeld(ctx, cfg, archives) },
		func() error {
			e, err := store.EraseProject(ctx, cfg.StateDir, project, store.Named{Instances: about.Instances, Addresses: about.Addresses}, time.Now())
			if err == nil {
				_, err = fmt.Fprintf(p.out, "%d changes of alerts, %d open alerts, %d incidents, %d instances of the model of the site\n", e.Changes, e.Open, e.Incidents, e.Model)
			}
			return err
		},
	}
}

func (p *program) eraseFlows(ctx context.Context, cfg *config.Config, about *series.About) error {
	h := cfg.HistoryBounds()
	gone, err := flows.Erase(ctx, flows.Config{
		Dir: cfg.FlowsDir(), MaxBytes: int64(h.Flows), MaxAge: h.FlowsAge, Rollups: int64(h.Rollups), RollupsAge: h.RollupsAge,
	}, about.Addresses)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%d flow samples and %d rows of rollups, of %d addresses\n", gone.Samples, gone.Rollups, len(about.Addresses))
	if gone.Damaged > 0 {
		fmt.Fprintf(p.out, "%d damaged files of flow samples, which nobody can search\n", gone.Damaged)
	}
	return nil
}

func (p *program) eraseSeries(ctx context.Context, cfg *config.Config, about *series.About) error {
	h := cfg.HistoryBounds()
	n, err := series.Erase(ctx, series.Config{
		Dir: cfg.SeriesDir(), MaxBytes: int64(h.Series), MaxAge: h.SeriesAge, Series: h.SeriesMost, More: h.SeriesMore, Log: zerolog.New(p.err),
	}, *about)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "%d time series, of %d instances and %d of their ports\n", n, len(about.Instances), len(about.Ports))
	return err
}

// erasePoints erases from what waits for InfluxDB, also where none is configured any
// more.
func (p *program) erasePoints(cfg *config.Config, project string, alerts []string, about *series.About) error {
	these := influx.About{Project: project, Alerts: alerts, Instances: about.Instances, Addresses: about.Addresses, Interfaces: about.Interfaces}
	for _, port := range about.Ports {
		these.Ports = append(these.Ports, influx.Port(port))
	}
	gone, err := influx.Erase(collector.SpoolDir(cfg), &these)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%d points that wait for InfluxDB, %d lines that it refused\n", gone.Points, gone.Refused)
	if gone.Damaged > 0 {
		fmt.Fprintf(p.out, "%d damaged files of points for InfluxDB, or pieces of them, which nobody can search\n", gone.Damaged)
	}
	return nil
}

// both joins two lists, each thing once.
func both[T comparable](a, b []T) []T {
	all := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all
}
