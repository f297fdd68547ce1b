package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spf13/cobra"

	"weir/collector/dump"
	"weir/collector/udp"
	"weir/collector/udp/capture"
)

func newDecode(p *program) *cobra.Command {
	var listen string
	var anyPort bool
	cmd := &cobra.Command{
		Use:   "decode FILE… | - | --listen ADDR",
		Short: "Print datagrams as JSON, one object each",
		Long: `Print every sFlow datagram as one JSON object on one line: from capture files
(pcap or pcapng), from a capture on standard input ("-"), or from the network
until interrupted. A datagram with a bad part keeps its good samples and has
"error".

A capture that was cut is read up to the cut, with a warning.`,
		Example: `  weir decode capture.pcap
  tcpdump -U -w - udp port 6343 | weir decode -
  weir decode --listen :6343`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case listen == "" && len(args) == 0:
				return errors.New(`no input; name capture files, "-" or --listen ADDR`)
			case listen != "" && len(args) > 0:
				return errors.New("files and --listen exclude each other")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			out := bufio.NewWriterSize(p.out, 64<<10)
			var err error
			if listen != "" {
				err = p.decodeNetwork(cmd.Context(), listen, out)
			} else {
				err = p.decodeFiles(cmd.Context(), files, capture.Options{AnyPort: anyPort}, out)
			}
			if full := out.Flush(); full != nil && !errors.Is(err, full) { // else it was said
				err = errors.Join(err, fmt.Errorf("standard output: %w", full))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "UDP `ADDRESS:PORT` to receive on in place of files, such as :6343; none by default")
	cmd.Flags().BoolVar(&anyPort, "any-port", false, "of captures, datagrams to any UDP port; by default those to 6343")
	return cmd
}

func (p *program) decodeFiles(ctx context.Context, files []string, opt capture.Options, out *bufio.Writer) error {
	for _, name := range files {
		r, err := p.openCapture(name, opt)
		if err != nil {
			return err
		}
		err = p.decodeCapture(ctx, name, r, out)
		_ = r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// openCapture opens a capture file, or the one on standard input.
func (p *program) openCapture(name string, opt capture.Options) (*capture.Reader, error) {
	if name == "-" {
		return capture.NewReader(p.in, "standard input", opt)
	}
	return capture.Open(name, opt)
}

func (p *program) decodeCapture(ctx context.Context, name string, r *capture.Reader, out *bufio.Writer) error {
	var line []byte
	for ctx.Err() == nil {
		d, err := r.Next()
		if err != nil {
			return p.endOfCapture(name, r.Stats(), err)
		}
		line = append(dump.Append(line[:0], d.Payload, d.From, d.At), '\n')
		if _, err := out.Write(line); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
	}
	return nil
}

// endOfCapture tells what the reader of the output cannot see: that the file
// was cut, or that it holds no sFlow. err is what Next returned.
func (p *program) endOfCapture(name string, s capture.Stats, err error) error {
	if errors.Is(err, capture.ErrCut) {
		p.warn("%v; read up to there", err)
		err = io.EOF
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	if s.Datagrams == 0 && s.OtherPort > 0 {
		p.warn("%s: no datagram to UDP port %d, %d to other ports; --any-port reads those", name, capture.DefaultPort, s.OtherPort)
	} else if s.Datagrams == 0 {
		p.warn("%s: no UDP datagram in %d packets", name, s.Packets)
	}
	return nil
}

func (p *program) warn(format string, args ...any) {
	fmt.Fprintf(p.err, "weir: warning: "+format+"\n", args...)
}

func (p *program) decodeNetwork(ctx context.Context, addr string, out *bufio.Writer) error {
	g, err := udp.Listen(udp.Config{Listen: []string{addr}, Shards: 1})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = g.Close() })
	defer stop()
	for _, a := range g.Addrs() {
		fmt.Fprintf(p.err, "weir: receiving on %v\n", a)
	}
	var line []byte
	for {
		batch, err := g.Receivers()[0].Read(time.Time{})
		if errors.Is(err, net.ErrClosed) {
			return nil
		} else if err != nil {
			return err
		}
		for i := range batch {
			line = append(dump.Append(line[:0], batch[i].Payload, batch[i].From, batch[i].At), '\n')
			if _, err := out.Write(line); err != nil {
				return fmt.Errorf("standard output: %w", err)
			}
		}
		if err := out.Flush(); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
	}
}
