package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector/config"
	"weir/collector/udp"
	"weir/collector/udp/capture"
)

// longestPause bounds the wait for a gap in a capture that is sent in real time.
const longestPause = time.Minute

// sending is one `weir send`.
type sending struct {
	*program
	to       string
	rate     string
	realtime bool
	anyPort  bool
}

func newSend(p *program) *cobra.Command {
	s := sending{program: p}
	cmd := &cobra.Command{
		Use:   "send FILE… --to ADDR",
		Short: "Send the datagrams of a capture to a collector",
		Long: `Send the sFlow datagrams of capture files again: as fast as possible, at an even
rate, or with the distances in time they were captured with. They come from this
machine's address; the agent addresses in them stay.`,
		Example: `  weir send capture.pcap --to 127.0.0.1:6343
  weir send capture.pcap --to 192.0.2.1:6343 --rate 1000/s
  weir send capture.pcap --to [2001:db8::1]:6343 --realtime`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error { return s.run(cmd.Context(), files) },
	}
	cmd.Flags().StringVar(&s.to, "to", "", "`ADDRESS:PORT` to send to, such as 127.0.0.1:6343; needed")
	cmd.Flags().StringVar(&s.rate, "rate", "", "datagrams per second, a `RATE` above zero such as 1000/s; default as fast as possible")
	cmd.Flags().BoolVar(&s.realtime, "realtime", false, "keep the distances in time of the capture, a gap at most one minute; excludes --rate")
	cmd.Flags().BoolVar(&s.anyPort, "any-port", false, "datagrams to any UDP port of the capture; by default those to 6343")
	return cmd
}

// config reads the flags.
func (s *sending) config() (cfg udp.SenderConfig, err error) {
	if s.to == "" {
		return cfg, commandline.Usagef("send: no address; name the collector with --to ADDRESS:PORT, such as --to 127.0.0.1:6343")
	}
	if cfg.To, err = netip.ParseAddrPort(s.to); err != nil || cfg.To.Port() == 0 {
		return cfg, commandline.Usagef("--to %q: not an IP address and port; write for example 127.0.0.1:6343 or [::1]:6343", s.to)
	}
	if s.rate == "" {
		return cfg, nil
	}
	if s.realtime {
		return cfg, commandline.Usagef("send: --rate and --realtime exclude each other; leave one out")
	}
	rate, err := config.ParseRate(s.rate)
	if err != nil {
		return cfg, commandline.Usagef("--rate %q: %w", s.rate, err)
	}
	cfg.Rate = float64(rate)
	return cfg, nil
}

func (s *sending) run(ctx context.Context, files []string) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	out, err := udp.NewSender(cfg)
	if err != nil {
		return err
	}
	start := time.Now()
	for _, name := range files {
		if err = s.file(ctx, out, name); err != nil {
			break
		}
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	s.clearProgress()
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	st := out.Stats()
	fmt.Fprintf(s.out, "sent %s datagrams, %s octets to %v in %v\n",
		commas(st.Datagrams), commas(st.Octets), cfg.To, time.Since(start).Round(time.Millisecond))
	if st.Refused > 0 {
		return fmt.Errorf("nobody listens on %v: %d datagrams were refused; start `weir run` there", cfg.To, st.Refused)
	}
	return nil
}

// file sends the datagrams of one capture.
func (s *sending) file(ctx context.Context, out *udp.Sender, name string) error {
	r, err := s.openCapture(name, capture.Options{AnyPort: s.anyPort})
	if err != nil {
		return err
	}
	defer r.Close()
	shown := time.Now()
	for ctx.Err() == nil {
		d, err := r.Next()
		if err != nil {
			return s.endOfCapture(name, r.Stats(), err)
		}
		if s.realtime {
			err = out.SendAt(ctx, d.Payload, d.At, longestPause)
		} else {
			err = out.Send(ctx, d.Payload)
		}
		if err != nil {
			return err
		}
		if time.Since(shown) > 200*time.Millisecond {
			shown = time.Now()
			s.showProgress(name, r, out.Stats().Datagrams)
		}
	}
	return ctx.Err()
}

// showProgress writes one line over the last one, on a terminal only.
func (s *sending) showProgress(name string, r *capture.Reader, n uint64) {
	if !commandline.IsTerminal(s.err) {
		return
	}
	part := ""
	if size := r.Size(); size > 0 {
		part = fmt.Sprintf(", %d %% read", 100*r.BytesRead()/size)
	}
	fmt.Fprintf(s.err, "\r\x1b[K%s: %s datagrams sent%s", name, commas(n), part)
}

func (s *sending) clearProgress() {
	if commandline.IsTerminal(s.err) {
		fmt.Fprint(s.err, "\r\x1b[K")
	}
}
