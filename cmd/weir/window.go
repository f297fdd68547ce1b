package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector/web"
	"weir/detect/site"
)

func newWindow(p *program) *cobra.Command {
	return commandline.Group(&cobra.Command{
		Use:   "window",
		Short: "Announce planned work: maintenance windows of a running collector",
		Long: `Alerts about what a window covers, and about what is below that, are recorded
and wait; those still open at its end are sent then. Tampering and flushed
packet filters are never held back.`,
		Example: "  weir window add cn7 --for 2h --reason \"new kernel\"\n  weir window list\n  weir window end sqx4a1-1",
	}, newWindowAdd(p), newWindowList(p), newWindowEnd(p))
}

func newWindowAdd(p *program) *cobra.Command {
	var from, to, zone, owner, reason string
	var length time.Duration
	cmd := &cobra.Command{
		Use:   "add SUBJECT",
		Short: "Add a window",
		Long: `Add a maintenance window. SUBJECT is a node's name or address, NODE/PART for a
bridge, a port, a LAG or an instance of it, vlan/100, network/vni-4711 or
router/fa:16:3e:00:00:01 for what instances have in common, or "*" for everything.
A node that nobody has heard of is taken too, with a note: it may be still to come.`,
		Example: `  weir window add cn7 --for 2h --reason "new kernel"
  weir window add cn7/br-int --from 2026-03-01T22:00 --for 30m --zone Europe/Berlin --owner Ada --reason "Open vSwitch 3.3"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w := site.Window{Subject: args[0], Owner: owner, Reason: reason, Zone: zone}
			if err := windowTimes(&w, from, to, length); err != nil {
				return commandline.Usage(err)
			}
			if strings.TrimSpace(reason) == "" {
				return commandline.Usagef("--reason: is missing; say what is done")
			}
			cfg, err := p.loadToAsk()
			if err != nil {
				return err
			}
			got, err := web.AddWindow(cmd.Context(), cfg.StateDir, w)
			if err != nil {
				return err
			}
			p.noteUnknown(cmd.Context(), cfg.StateDir, got.Subject)
			_, err = fmt.Fprintln(p.out, got.ID)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "begin as `TIME` 2026-03-01T22:00 in --zone; default now")
	f.StringVar(&to, "to", "", "end as `TIME`; or give --for")
	f.DurationVar(&length, "for", 0, "length such as 2h; default, without --to, 1h")
	f.StringVar(&zone, "zone", "", "IANA `ZONE` of the times such as Europe/Berlin; default this machine's")
	f.StringVar(&owner, "owner", os.Getenv("USER"), "who does the work")
	f.StringVar(&reason, "reason", "", "what is done")
	return cmd
}

// noteUnknown says that a window that was added covers nothing yet, for its node is
// none that is known: work may be planned on one that is still to come.
func (p *program) noteUnknown(ctx context.Context, stateDir, subject string) {
	node, _, _ := strings.Cut(subject, "/")
	if node == "*" || node != subject && slices.Contains([]string{"vlan", "network", "router"}, node) {
		return
	}
	err := web.Call(ctx, stateDir, http.MethodGet, "api/v1/site/branch?node="+url.QueryEscape(node), nil, &site.Branch{})
	if err != nil && strings.Contains(err.Error(), "is not in the model of the site") {
		fmt.Fprintf(p.err, "weir: the window is added, and no single node is called %q now; `weir agents` lists names and addresses\n", node)
	}
}

// windowLayout is how times are written.
const windowLayout = "2006-01-02T15:04"

// windowTimes reads begin and end.
func windowTimes(w *site.Window, from, to string, length time.Duration) error {
	zone := time.Local
	if w.Zone != "" {
		var err error
		if zone, err = time.LoadLocation(w.Zone); err != nil {
			return fmt.Errorf("--zone %q is no IANA time zone; write one such as Europe/Berlin", w.Zone)
		}
	}
	if w.Zone == "" {
		w.Zone = zone.String()
	}
	w.From = time.Now()
	read := func(flag, text string, at *time.Time) error {
		t, err := time.ParseInLocation(windowLayout, text, zone)
		if err != nil {
			return fmt.Errorf("--%s %q is no time; write one such as 2026-03-01T22:00", flag, text)
		}
		*at = t
		return nil
	}
	if from != "" {
		if err := read("from", from, &w.From); err != nil {
			return err
		}
	}
	switch {
	case to != "" && length != 0:
		return errors.New("--to and --for both say when it ends; give one")
	case to != "":
		return read("to", to, &w.To)
	case length < 0:
		return fmt.Errorf("--for %s is no length of time; write one such as 2h", length)
	case length == 0:
		length = time.Hour
	}
	w.To = w.From.Add(length)
	return nil
}

func newWindowList(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the windows, those of the configuration too",
		Example: "  weir window list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []site.Window
			if err := p.ask(cmd.Context(), "api/v1/windows", &all); err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, all)
			}
			return printWindows(p.out, all, time.Now())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printWindows(out io.Writer, all []site.Window, now time.Time) error {
	t := newTable(out, "ID", "STATE", "SUBJECT", "FROM", "TO", "OWNER", "REASON")
	for i := range all {
		x := &all[i]
		state := "active"
		if now.Before(x.From) {
			state = "planned"
		} else if !now.Before(x.To) {
			state = "over"
		}
		zone, err := time.LoadLocation(x.Zone)
		if err != nil {
			zone = time.UTC
		}
		at := func(t time.Time) string { return t.In(zone).Format("2006-01-02 15:04 MST") }
		t.row(x.ID, state, x.Subject, at(x.From), at(x.To), x.Owner, x.Reason)
	}
	return t.Flush()
}

func newWindowEnd(p *program) *cobra.Command {
	return &cobra.Command{
		Use:     "end ID",
		Short:   "End a window now: what is still open is sent",
		Example: "  weir window end sqx4a1-1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := p.loadToAsk()
			if err != nil {
				return err
			}
			_, err = web.EndWindow(cmd.Context(), cfg.StateDir, args[0])
			return err
		},
	}
}
