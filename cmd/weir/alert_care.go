package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector"
	"weir/collector/care"
	"weir/collector/web"
)

// newAlertCare returns the commands that say what people do about alerts.
func newAlertCare(p *program) []*cobra.Command {
	return []*cobra.Command{
		newAlertList(p), newAlertMutes(p),
		careCommand(p, care.Ack, "Say that somebody looks after an alert", `Acknowledge an alert. It goes on and is told as before; whoever looks at it sees
who looks after it.`, "weir alert ack 7596403b81c77bf9-1795332090 --note \"I am on it\""),
		careCommand(p, care.Unack, "Take an acknowledgement back", "Take an acknowledgement back.", "weir alert unack 7596403b81c77bf9-1795332090"),
		careCommand(p, care.Mute, "Let nobody be told of an alert until a time", `Mute an alert, and its return, until a time: it is recorded, goes to sinks with the
role log, and nobody else is told. What is still open at the end is sent then.`, "weir alert mute 7596403b --for 4h --note \"disk is being replaced\""),
		careCommand(p, care.Unmute, "End a mute now", "End a mute now: what is still open is sent.", "weir alert unmute 7596403b81c77bf9-1795332090"),
		careCommand(p, care.Mark, "Say whether an alert was useful or noise", "Mark an alert as useful or as noise. `weir report` counts both, and proposes\nthresholds from them.", "weir alert mark 7596403b81c77bf9-1795332090 noise"),
	}
}

// careCommand returns the command that does one of the deeds of package care.
func careCommand(p *program, do, short, long, example string) *cobra.Command {
	var ask collector.DeedAsk
	var length time.Duration
	var asJSON bool
	use, args := do+" ID", 1
	if do == care.Mark {
		use, args = do+" ID useful|noise", 2
	}
	cmd := &cobra.Command{
		Use: use, Short: short, Example: "  " + example, Args: cobra.ExactArgs(args),
		Long: long + "\n\nID is the alert's, or as much of its beginning as no other open alert has, or where\nnone is open no other of the last that ended; `weir alert list` shows it. What is done is kept in the history of alerts with\nthe user's name.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if do == care.Mark {
				ask.Verdict = args[1]
			}
			now := time.Now()
			d := care.Deed{Do: do, Note: ask.Note, Verdict: ask.Verdict}
			if do == care.Mute {
				if length <= 0 {
					return commandline.Usagef("--for %s: write a length of time such as 2h", length)
				}
				ask.For, d.Until = length.String(), now.Add(length)
			}
			if err := d.Check(now); err != nil { // as the collector would, but for the names of what is written here
				return commandline.Usagef("%s", strings.NewReplacer("until:", fmt.Sprintf("--for %s:", length), "note:", "--note:").Replace(err.Error()))
			}
			var done collector.Done
			if err := p.call(cmd.Context(), http.MethodPost, "api/v1/alerts/"+url.PathEscape(args[0])+"/"+do, ask, &done); err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, done)
			}
			text := "nothing is said of it now"
			if s := done.Care.Short(); s != "" {
				text = s
			}
			fmt.Fprintf(p.out, "%s: %s\n    %s\n", done.ID, printable(text), printable(done.Line))
			if done.Wait != "" {
				fmt.Fprintln(p.err, "weir: this", done.Wait)
			}
			return nil
		},
	}
	fl := cmd.Flags()
	if do == care.Mute {
		fl.DurationVar(&length, "for", 0, "length such as 2h, at most 31 days")
	}
	fl.StringVar(&ask.Note, "note", "", "why, in one line")
	fl.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newAlertList(p *program) *cobra.Command {
	var asJSON, ended bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the open alerts of a running collector, and who looks after them",
		Example: "  weir alert list\n  weir alert list --ended",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []*web.AlertView
			if err := p.ask(cmd.Context(), "api/v1/alerts", &all); err != nil {
				return err
			}
			shown := []*web.AlertView{}
			for _, v := range all {
				if ended || v.Ended == nil {
					shown = append(shown, v)
				}
			}
			if asJSON {
				return printJSON(p.out, shown)
			}
			t := newTable(p.out, "ID", "SINCE", "STATE", "SEVERITY", "CARE", "ALERT")
			for _, v := range shown {
				t.row(v.ID, day(v.Started), printable(v.State), printable(v.Severity), printable(v.Care.Short()), printable(v.Line))
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&ended, "ended", false, "also the last that ended")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newAlertMutes(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "mutes",
		Short:   "List the mutes in force, the first to end first",
		Example: "  weir alert mutes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []collector.MuteView
			if err := p.ask(cmd.Context(), "api/v1/mutes", &all); err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, all)
			}
			t := newTable(p.out, "KEY", "UNTIL", "BY", "NOTE")
			for _, m := range all {
				t.row(m.Key, day(m.Until), printable(m.By), printable(m.Note))
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
