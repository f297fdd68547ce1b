package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/collector/store"
	"weir/collector/store/evidence"
	"weir/collector/store/flows"
)

// eraseFlags are the flags of `weir erase`.
type eraseFlags struct {
	project   string
	addresses []string
	yes       bool
}

func newErase(p *program) *cobra.Command {
	var f eraseFlags
	cmd := &cobra.Command{
		Use:   "erase --project NAME --yes",
		Short: "Remove what is kept of one project's instances; weir must be stopped",
		Long: `Remove for good what is kept of one project, by the name or id that its
instances have in alerts. Stop weir first.

  alerts    of each change about its instances, or that tells of one, the line,
            subject, reason and evidence; notes of people about them. Time,
            kind, severity, identity and hash stay, so that ` + "`weir verify`" + ` still
            walks the chain: a change at its end names the erased ones. Alerts
            that were open are no longer known.
  evidence  the packet headers of these alerts, and in all others those from
            and to addresses of its instances
  flows     samples from and to these addresses, and what rollups say of them.
            What rollups left out is a sum that names nobody, and stays.

Addresses are those that alerts told of its instances; name further ones with
--address. Addresses that other projects use too are erased for them as well.
Time series of its instances, the logs, and what went to sinks are not touched.`,
		Example: `  systemctl stop weir
  weir erase --project 4f2a9c --address 10.0.0.5,10.0.0.6 --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.project == "" {
				return usageError{errors.New("--project: name the project")}
			}
			var more []netip.Addr
			for _, text := range f.addresses {
				a, err := netip.ParseAddr(strings.TrimSpace(text))
				if err != nil {
					return usageError{fmt.Errorf("--address %q: write an IP address", text)}
				}
				more = append(more, a.Unmap())
			}
			if !f.yes {
				return usageError{errors.New("what is erased cannot be brought back: add --yes")}
			}
			return p.erase(cmd, f.project, more)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.project, "project", "", "`NAME` or id of the project")
	fl.StringSliceVar(&f.addresses, "address", nil, "further `ADDRESSES` of its instances, with commas")
	fl.BoolVar(&f.yes, "yes", false, "do it")
	return cmd
}

func (p *program) erase(cmd *cobra.Command, project string, addresses []netip.Addr) (err error) {
	cfg, err := p.loadToAsk()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	held, err := store.OpenHistory(cfg.HistoryDir())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	e, err := store.EraseProject(ctx, cfg.StateDir, project, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%d changes of alerts, %d open alerts\n", e.Changes, e.Open)
	for _, a := range e.Addresses {
		if !slices.Contains(addresses, a) {
			addresses = append(addresses, a)
		}
	}
	files, headers, err := evidence.Erase(cfg.EvidenceDir(), e.Alerts, addresses)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%d capture files, %d headers in others\n", files, headers)
	h := &cfg.History
	rows, rollups, err := flows.Erase(ctx, flows.Config{
		Dir: cfg.FlowsDir(), MaxBytes: int64(h.Flows), MaxAge: h.FlowsAge, Rollups: int64(h.Rollups), RollupsAge: h.RollupsAge,
	}, addresses)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "%d flow samples and %d rows of rollups, of %d addresses\n", rows, rollups, len(addresses))
	return err
}
