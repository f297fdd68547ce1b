package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector/archive"
	"weir/collector/store"
)

// verifyFlags are the flags of `weir verify`.
type verifyFlags struct {
	heads  []string
	file   string
	dir    string
	asJSON bool

	archive string
}

func newVerify(p *program) *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that the history of alerts is what was written",
		Long: `Walk the history of alerts in the state file, each change of which carries a
hash over the one before it, and name the first that is not what was written.
The collector may be running or not.

A chain alone cannot show that its end was cut off, nor that all of it was
written anew. For that weir logs the head of the chain, a number and a hash, at
its start and stop and each hour, and ` + "`weir status`" + ` shows it: keep the log on
another machine and give it with --heads, or heads of it with --head.

What is removed for its age or for room (history.alerts_age, history.alerts)
leaves the hash that the first change left follows, and a change of its own, a
checkpoint: a beginning that was cut off otherwise shows. Sinks of the types
webhook, syslog and command with the role log are told the head each hour too.
What changes rest on is removed earlier, and leaves no change: what is gone
before history.evidence_age of the configuration is over is told.

Exit code 0 if nothing was changed, else 1.`,
		Example: `  weir verify
  journalctl -u weir | weir verify --heads -
  weir verify --archive incident-7596403b81c77bf9-1795332090.tar.gz
  weir verify --head "$(cat head-of-yesterday)" --dir /var/lib/weir`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.archive != "" {
				return verifyArchive(p, f.archive, f.asJSON)
			}
			heads, err := f.known(p.in)
			if err != nil {
				return err
			}
			var age time.Duration // unknown with a directory that has no configuration
			if f.dir == "" {
				cfg, err := p.loadToAsk()
				if err != nil {
					return err
				}
				f.dir, age = cfg.StateDir, cfg.History.EvidenceAge
			}
			proof, err := store.VerifyAlerts(cmd.Context(), f.dir, heads)
			if err != nil {
				return alertsError(f.dir, err)
			}
			if f.asJSON {
				err = printJSON(p.out, proof)
			} else {
				printProof(p.out, proof)
			}
			if proof.Break != nil {
				return errors.Join(err, fmt.Errorf("the history of alerts was changed: %w", proof.Break))
			}
			if proof.TooSoon(age, time.Now()) {
				return errors.Join(err, fmt.Errorf("what a change written %s rests on is gone before history.evidence_age, %s, is over: it was removed by hand, unless that was shorter before", proof.Youngest.Format(time.RFC3339), age))
			}
			return err
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.heads, "head", nil, "a head known from elsewhere, as `N:HASH`; may be there several times")
	fl.StringVar(&f.file, "heads", "", "`FILE` in whose text heads stand, such as weir's log; - is standard input")
	fl.StringVar(&f.dir, "dir", "", "read the state file in this `DIRECTORY`; default the configured state_dir")
	fl.StringVar(&f.archive, "archive", "", "check instead the hashes of this `FILE`, written by weir incident export; - is standard input")
	fl.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

// known returns the heads that the command line names.
func (f *verifyFlags) known(stdin io.Reader) (all []store.Head, err error) {
	for _, s := range f.heads {
		h, err := store.ParseHead(s)
		if err != nil {
			return nil, commandline.Usagef("--head %w", err)
		}
		all = append(all, h)
	}
	if f.file == "" {
		return all, nil
	}
	in, err := openInput(f.file, stdin)
	if err != nil {
		return nil, fmt.Errorf("--heads: %w", err)
	}
	defer in.Close()
	found, err := readHeads(in)
	if err != nil {
		return nil, fmt.Errorf("--heads %s: %w", f.file, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("--heads %s: has no head of the alert history: give weir's log, whose lines \"alert history\" have them", f.file)
	}
	return append(all, found...), nil
}

// maxLogLine bounds a line of a log, in octets.
const maxLogLine = 1 << 20

// readHeads finds the heads in a log.
func readHeads(in io.Reader) (all []store.Head, err error) {
	form := regexp.MustCompile(`[0-9]{1,19}:[0-9a-f]{64}\b`) // a terminal's colour may stand before it
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxLogLine)
	for s.Scan() {
		for _, text := range form.FindAllString(s.Text(), -1) {
			if h, err := store.ParseHead(text); err == nil && h.N > 0 {
				all = append(all, h)
			}
		}
	}
	return all, s.Err()
}

// printProof says what was found; a break is the command's error.
func printProof(out io.Writer, p *store.AlertProof) {
	if p.Break == nil {
		fmt.Fprintf(out, "%d changes of alerts, all as they were written\n", p.Changes)
	} else {
		fmt.Fprintf(out, "%d changes of alerts as they were written, up to the break\n", p.Changes)
	}
	if p.RemovedUntil != nil {
		fmt.Fprintf(out, "the first %d were removed for age or room, the last of them written %s\n", p.From.N, p.RemovedUntil.Format(time.RFC3339))
	}
	if p.WithoutEvidence > 0 {
		fmt.Fprintf(out, "%d without what they rest on, which is kept for less time; the youngest was written %s\n", p.WithoutEvidence, p.Youngest.Format(time.RFC3339))
	}
	if p.Erased > 0 {
		fmt.Fprintf(out, "%d were erased with `weir erase`, as later ones say\n", p.Erased)
	}
	if p.Lost > 0 {
		fmt.Fprintf(out, "%d could not be kept when they came\n", p.Lost)
	}
	if p.Deeds > 0 {
		fmt.Fprintf(out, "%d of them are what people did\n", p.Deeds)
	}
	if p.Heads+p.TooOld > 0 {
		fmt.Fprintf(out, "%d heads known from elsewhere stand in the chain, %d are of changes removed since\n", p.Heads, p.TooOld)
	}
	fmt.Fprintf(out, "head %s\n", p.Head)
}

// verifyArchive checks an archive that was exported.
func verifyArchive(p *program, name string, asJSON bool) error {
	in, err := openInput(name, p.in)
	if err != nil {
		return fmt.Errorf("--archive: %w", err)
	}
	defer in.Close()
	proof, err := archive.Check(in)
	if err != nil {
		return fmt.Errorf("archive %s: %w", name, err)
	}
	if asJSON {
		return printJSON(p.out, proof)
	}
	_, err = fmt.Fprintf(p.out, "%s: %d files with %d octets, all as they were written\narchive %s\n", printable(proof.Folder), proof.Files, proof.Octets, proof.Digest)
	return err
}
