package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/bench/traffic"
	"weir/cmd/internal/commandline"
	"weir/collector/udp/capture"
	"weir/decoder/sflow"
	"weir/detect"
)

// sampling is one `weir sample`.
type sampling struct {
	*program
	rate     string
	out      string
	to       string
	realtime bool
	agent    string
	speed    string
	seed     uint64
	header   int
	flush    time.Duration
	polling  time.Duration
	expanded bool
}

func newSample(p *program) *cobra.Command {
	s := sampling{program: p}
	cmd := &cobra.Command{
		Use:   "sample FILE… --rate N",
		Short: "Sample captured packets into sFlow",
		Long: `Turn captured packets (pcap or pcapng) into the sFlow that a switch would have
sent had they come in at its port 1: to try thresholds on traffic of your own.

Each packet is sampled with probability 1/N, at random. The clock is the
capture's, and the same files and flags give the same bytes. The sFlow comes out
as a capture of UDP datagrams to port 6343, for ` + "`weir replay`" + ` and other tools,
or is sent to a collector. "-" reads the packets from standard input.

Ethernet frames count with the 4 octets of their frame check sequence, as on the
wire. Of cooked, loopback and raw captures the IP packets alone are sampled,
without any link header. A packet captured in part counts with its whole length.

Standard error tells what the packets really were and what the samples make of
them.`,
		Example: `  weir sample attack.pcap --rate 100 --out a.pcap
  weir replay a.pcap --threshold 10Mbit/s
  weir sample attack.pcap --rate 10 | weir replay -
  weir sample attack.pcap --rate 100 --to 127.0.0.1:6343 --realtime`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error { return s.run(cmd.Context(), files) },
	}
	f := cmd.Flags()
	f.StringVar(&s.rate, "rate", "", "one packet in `N` is sampled, 1 for every packet; needed")
	f.StringVar(&s.out, "out", "", "capture `FILE` to write, overwritten; default standard output, if that is no terminal")
	f.StringVar(&s.to, "to", "", "`ADDRESS:PORT` to send to in place of a file, such as 127.0.0.1:6343; none by default")
	f.BoolVar(&s.realtime, "realtime", false, "with --to, keep the distances in time of the capture, a gap at most one minute; default as fast as possible")
	f.StringVar(&s.agent, "agent", "192.0.2.1", "agent `ADDRESS` in the datagrams, IPv4 or IPv6")
	f.StringVar(&s.speed, "speed", "10Gbit/s", "speed of port 1 in its counters, a `RATE`; 0 for unknown")
	f.Uint64Var(&s.seed, "seed", 1, "`NUMBER` that the choice of samples follows from")
	f.IntVar(&s.header, "header", 128, "octets taken of a sampled packet, a `NUMBER` from 16 to 1024")
	f.DurationVar(&s.flush, "flush", 100*time.Millisecond, "longest `TIME` a sample waits for others before it is sent; 0 sends each at once")
	f.DurationVar(&s.polling, "polling", time.Second, "`TIME` between the counters of port 1, at least 10ms; 0 sends none")
	f.BoolVar(&s.expanded, "expanded", false, "expanded samples, as agents with many ports send them; default compact")
	return cmd
}

// config reads the flags.
func (s *sampling) config() (c traffic.SamplerConfig, err error) {
	c = traffic.SamplerConfig{
		Seed: s.seed, HeaderBytes: s.header, Expanded: s.expanded, Flush: s.flush, Polling: s.polling,
		Input: sflow.Port{Value: 1}, Output: sflow.Port{Value: 2},
	}
	wrong := func(format string, args ...any) (traffic.SamplerConfig, error) {
		return c, commandline.Usagef(format, args...)
	}
	if s.rate == "" {
		return wrong("sample: no sampling rate; say with --rate N that one packet in N is sampled, such as --rate 100")
	}
	rate, err := strconv.ParseUint(strings.TrimPrefix(s.rate, "1:"), 10, 32)
	if err != nil || rate == 0 {
		return wrong("--rate %q: not a whole number from 1 to %d; write for example 100 to sample one packet in 100", s.rate, uint32(math.MaxUint32))
	}
	c.SamplingRate = uint32(rate)
	if c.Agent, err = netip.ParseAddr(s.agent); err != nil || c.Agent.Zone() != "" {
		return wrong("--agent %q: not an IP address; write for example 192.0.2.1", s.agent)
	}
	c.Agent = c.Agent.Unmap()
	if s.speed != "0" {
		t, err := detect.ParseThreshold(s.speed)
		if err != nil || t.Share > 0 {
			return wrong("--speed %q: not a speed; write for example 10Gbit/s, or 0 for unknown", s.speed)
		}
		c.Speed = uint64(t.BitsPerSecond)
	}
	switch {
	case s.header < 16 || s.header > 1024:
		return wrong("--header %d: out of range; write a number of octets from 16 to 1024", s.header)
	case s.flush < 0 || s.flush > time.Hour:
		return wrong("--flush %v: out of range; write a time up to 1h such as 100ms, or 0 to send each sample at once", s.flush)
	case s.polling != 0 && s.polling < 10*time.Millisecond:
		return wrong("--polling %v: out of range; write a time of at least 10ms such as 1s, or 0 for no counters", s.polling)
	case s.out != "" && s.to != "":
		return wrong("sample: --out and --to exclude each other; leave one out")
	case s.realtime && s.to == "":
		return wrong("sample: --realtime is for sending; name the collector with --to ADDRESS:PORT, such as --to 127.0.0.1:6343")
	case s.out == "" && s.to == "" && commandline.IsTerminal(s.program.out):
		return wrong("sample: a capture is nothing to read on a terminal; name a file with --out FILE, or pipe it into `weir replay -`")
	}
	return c, nil
}

func (s *sampling) run(ctx context.Context, files []string) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	var out sampleOutput
	var sampler *traffic.Sampler
	for _, name := range files {
		in, err := s.openFrames(name)
		if err != nil {
			return err
		}
		if out == nil { // not before there is something to write
			if out, err = s.open(cfg.Agent, files); err != nil {
				_ = in.Close()
				return err
			}
			sampler = traffic.NewSampler(cfg, func(d traffic.Datagram) error { return out.write(ctx, d) })
		}
		err = s.file(ctx, sampler, name, in)
		_ = in.Close()
		if ctx.Err() != nil {
			break // stopped by the user: what was made is still good
		}
		if err != nil {
			_ = out.close()
			return err
		}
	}
	if err := sampler.Close(); err != nil && ctx.Err() == nil {
		_ = out.close()
		return err
	}
	if err := out.close(); err != nil {
		return err
	}
	s.summary(cfg.SamplingRate, sampler.Stats())
	return nil
}

func (s *sampling) openFrames(name string) (*capture.Frames, error) {
	if name == "-" {
		return capture.NewFrames(s.in, "standard input")
	}
	return capture.OpenFrames(name)
}

// file passes the packets of one capture.
func (s *sampling) file(ctx context.Context, sampler *traffic.Sampler, name string, in *capture.Frames) error {
	var p traffic.Packet
	var n, left uint64
	for ; ctx.Err() == nil; n++ {
		f, err := in.Next()
		if errors.Is(err, capture.ErrCut) {
			s.warn("%v; read up to there", err)
			err = io.EOF
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if !describe(&f, &p) {
			left++
			continue
		}
		if err := sampler.Packet(&p); err != nil {
			return err
		}
	}
	if left > 0 {
		s.warn("%s: %s packets are no IP, and sFlow cannot describe them without Ethernet; left out", name, commas(left))
	}
	if u := in.UnknownLink(); u > 0 {
		s.warn("%s: %s packets are of interfaces whose link type is not supported; left out", name, commas(u))
	}
	if n == 0 {
		s.warn("%s: no packet", name)
	}
	return nil
}

// fcs is the length of Ethernet's frame check sequence: sFlow counts it and
// says that it was stripped.
const fcs = 4

// describe tells what sFlow says of f, false where it has no words for it.
func describe(f *capture.Frame, p *traffic.Packet) bool {
	*p = traffic.Packet{At: f.At}
	if f.Link == capture.LinkEthernet {
		p.Protocol, p.Stripped, p.Header = 1, fcs, f.Data
		p.FrameLength = min(f.Length, math.MaxUint32-fcs) + fcs
		return true
	}
	p.Header, p.FrameLength = f.IP()
	if p.Header == nil {
		return false
	}
	p.Protocol = 11 // IPv4
	if p.Header[0]>>4 == 6 {
		p.Protocol = 12
	}
	return true
}

// summary compares the samples with the truth.
func (s *sampling) summary(rate uint32, st traffic.SamplerStats) {
	estimate := st.SampledOctets * uint64(rate)
	off := ""
	if st.Octets > 0 {
		truth := float64(st.Octets)
		off = fmt.Sprintf(" (%+.1f %%, standard error %.1f %%)", 100*(float64(estimate)/truth-1), 100*st.StandardError(rate)/truth)
	}
	fmt.Fprintf(s.err, "weir: sampled %s of %s packets, 1 in %s, into %s datagrams; %s octets passed, the samples estimate %s%s\n",
		commas(st.Samples), commas(st.Packets), commas(uint64(rate)), commas(st.Datagrams), commas(st.Octets), commas(estimate), off)
	if st.ClockSteps > 0 {
		s.warn("the capture's clock went back %s times by more than a second", commas(st.ClockSteps))
	}
	if st.Samples == 0 && st.Packets > 0 {
		s.warn("no packet was sampled; a --rate below %s takes some", commas(uint64(rate)))
	}
}
