package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"weir/collector"
	"weir/collector/web"
)

func newIncidentHold(p *program) *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use:   "hold ID",
		Short: "Keep an incident from retention",
		Long: `Keep everything known of an incident, whatever retention removes later: its
archive is made now in the folder held in state_dir, anew each hour while it goes
on, and once more after its end. At most 100 incidents with 1 GiB are held.`,
		Example: "  weir incident hold 7596403b81c77bf9-1795332090 --note \"police asks\"", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := p.loadToAsk()
			if err != nil {
				return err
			}
			var got collector.HeldView
			if err := web.CallLong(cmd.Context(), cfg.StateDir, http.MethodPost, "api/v1/incidents/"+url.PathEscape(args[0])+"/hold", collector.HoldAsk{Note: note}, &got); err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.out, "%s is held, %d octets\n", got.ID, got.Octets)
			return err
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "why, in one line")
	return cmd
}

func newIncidentRelease(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "release ID", Short: "Give a held incident back to retention", Example: "  weir incident release 7596403b81c77bf9-1795332090", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.call(cmd.Context(), http.MethodPost, "api/v1/incidents/"+url.PathEscape(args[0])+"/release", nil, &collector.HeldView{})
		},
	}
}

func newIncidentHeld(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "held", Short: "List the incidents that are held", Example: "  weir incident held",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []collector.HeldView
			if err := p.ask(cmd.Context(), "api/v1/held", &all); err != nil {
				return err
			}
			t := newTable(p.out, "ID", "SINCE", "BY", "OCTETS", "NOTE")
			for _, h := range all {
				t.row(h.ID, day(h.At), printable(h.By), h.Octets, printable(h.Note))
			}
			return t.Flush()
		},
	}
}

func newIncidentExport(p *program) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "export ID",
		Short: "Write everything known of an incident into one archive",
		Long: `Write a tar.gz with the timeline of an incident, its alerts with what they rest
on, the flows of the addresses they name from ten minutes before to ten minutes
after it, the packet headers kept of them, the digest of the configuration, and
the SHA-256 of each file, as sha256sum -c reads it. The digest of these hashes is
kept in the history of alerts. ` + "`weir verify --archive FILE`" + ` checks it.`,
		Example: "  weir incident export 7596403b81c77bf9-1795332090\n  weir incident export 7596403b --out - | ssh vault 'cat > incident.tar.gz'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := p.loadToAsk()
			if err != nil {
				return err
			}
			if out == "" {
				out = "incident-" + url.PathEscape(args[0]) + ".tar.gz"
			}
			path := "api/v1/incidents/" + url.PathEscape(args[0]) + "/export"
			if out == "-" {
				return web.Fetch(cmd.Context(), cfg.StateDir, path, p.out)
			}
			f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s: is there already; remove it, or name another with --out", out)
			}
			if err != nil {
				return err
			}
			if err := errors.Join(web.Fetch(cmd.Context(), cfg.StateDir, path, f), f.Close()); err != nil {
				_ = os.Remove(out) // half of it is of no use
				return err
			}
			_, err = fmt.Fprintln(p.out, out)
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`FILE` to write, which must not exist; - is standard output; default incident-ID.tar.gz")
	return cmd
}
