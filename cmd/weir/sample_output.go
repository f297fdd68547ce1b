package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	"weir/bench/traffic"
	"weir/cmd/internal/commandline"
	"weir/collector/udp"
	"weir/collector/udp/capture"
)

// sampleOutput takes the datagrams.
type sampleOutput interface {
	write(context.Context, traffic.Datagram) error
	close() error
}

// open opens the output; agent decides the address family of a capture's
// datagrams.
func (s *sampling) open(agent netip.Addr, inputs []string) (sampleOutput, error) {
	if s.to != "" {
		send := sending{program: s.program, to: s.to}
		cfg, err := send.config()
		if err != nil {
			return nil, err
		}
		out, err := udp.NewSender(cfg)
		return &sentSamples{out, s.realtime, cfg.To}, err
	}
	to := netip.AddrFrom4([4]byte{192, 0, 2, 2})
	if agent.Is6() {
		to = netip.MustParseAddr("2001:db8::2")
	}
	f := &samplesFile{name: s.out, to: netip.AddrPortFrom(to, capture.DefaultPort)}
	w := s.program.out
	if s.out == "" || s.out == "-" {
		f.name = "standard output"
	} else {
		if err := notAnInput(s.out, inputs); err != nil {
			return nil, err
		}
		file, err := os.Create(s.out)
		if err != nil {
			return nil, err
		}
		w, f.file = file, file
	}
	f.buf = bufio.NewWriterSize(w, 64<<10)
	var err error
	f.out, err = capture.NewWriter(f.buf)
	return f, err
}

// notAnInput keeps a capture from being overwritten by its samples.
func notAnInput(out string, inputs []string) error {
	o, err := os.Stat(out)
	if err != nil {
		return nil // there is none yet, or os.Create will say why
	}
	for _, in := range inputs {
		if i, err := os.Stat(in); err == nil && os.SameFile(o, i) {
			return commandline.Usagef("--out %s: is the capture to be sampled; name another file", out)
		}
	}
	return nil
}

// samplesFile writes the datagrams as a capture.
type samplesFile struct {
	name string
	file io.Closer // nil for standard output
	buf  *bufio.Writer
	out  *capture.Writer
	to   netip.AddrPort
}

func (f *samplesFile) write(_ context.Context, d traffic.Datagram) error {
	return f.named(f.out.Write(capture.Datagram{Payload: d.Payload, From: d.From, To: f.to, At: d.At}))
}

func (f *samplesFile) close() error {
	err := f.named(f.buf.Flush())
	if f.file != nil {
		err = errors.Join(err, f.file.Close())
	}
	return err
}

func (f *samplesFile) named(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		err = pe.Err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
}

// sentSamples sends the datagrams.
type sentSamples struct {
	out      *udp.Sender
	realtime bool
	to       netip.AddrPort
}

func (s *sentSamples) write(ctx context.Context, d traffic.Datagram) error {
	if s.realtime {
		return s.out.SendAt(ctx, d.Payload, d.At, longestPause)
	}
	return s.out.Send(ctx, d.Payload)
}

func (s *sentSamples) close() error {
	if err := s.out.Close(); err != nil {
		return err
	}
	if n := s.out.Stats().Refused; n > 0 {
		return fmt.Errorf("nobody listens on %v: %d datagrams were refused; start `weir run` there", s.to, n)
	}
	return nil
}
