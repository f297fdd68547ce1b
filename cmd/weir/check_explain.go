package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/cmd/internal/commandline"
	"weir/collector/config"
	"weir/collector/web"
	"weir/detect"
	"weir/detect/rules"
)

// maxRates is how many sampling rates of a running collector are told: the
// lowest, the highest and some between.
const maxRates = 4

// samplingOf returns the sampling rates to tell delays for, and where they are
// from.
func samplingOf(ctx context.Context, named []string, stateDir string) ([]rules.Sampling, string, error) {
	if len(named) > 0 {
		var out []rules.Sampling
		for _, s := range named {
			n, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(s), "1:"), 10, 32)
			if err != nil || n == 0 {
				return nil, "", commandline.Usagef("--sampling %q is no sampling rate; write one packet in how many, such as 1:1000", s)
			}
			out = append(out, rules.Sampling{Rate: uint32(n)})
		}
		return out, "as named", nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var known []struct {
		Sources []struct {
			UsedRate uint32 `json:"used_rate"`
		} `json:"sources"`
	}
	if err := web.Ask(ctx, stateDir, "agents", &known); err == nil {
		seen := map[uint32]bool{}
		for _, a := range known {
			for _, s := range a.Sources {
				if s.UsedRate > 0 {
					seen[s.UsedRate] = true
				}
			}
		}
		if rates := spread(seen); len(rates) > 0 {
			return rates, "of the running collector", nil
		}
	}
	return rules.DefaultSampling, "advised for 1, 10 and 100 Gbit/s; name yours with --sampling", nil
}

// spread returns at most maxRates of them, in order.
func spread(seen map[uint32]bool) (out []rules.Sampling) {
	var all []uint32
	for r := range seen {
		all = append(all, r)
	}
	slices.Sort(all)
	n := min(len(all), maxRates)
	for i := range n {
		at := 0
		if n > 1 {
			at = i * (len(all) - 1) / (n - 1)
		}
		out = append(out, rules.Sampling{Rate: all[at]})
	}
	return out
}

// explain says what the configuration does.
func explain(out io.Writer, cfg *config.Config, rates []rules.Sampling, from string, shards int) error {
	texts := make([]string, len(rates))
	for i, s := range rates {
		texts[i] = fmt.Sprintf("1:%d", s.Rate)
	}
	t := newTable(out)
	line := func(name, text string) { t.row(name, text) }
	fmt.Fprintln(t)
	line("sampling", strings.Join(texts, ", ")+" ("+from+")")
	line("large_flow", largeFlowSentence(cfg, rates))
	line("link_saturated", raises(cfg.LinkSaturated.Off, "a warning alert when a link is at 90% of its true speed for 60 s, or its discards rise"))
	line("flood", floodSentence(&cfg.Flood, rates))
	line("scan", raises(cfg.Scan.Off, fmt.Sprintf("an info alert when the samples of a minute show one source trying %d different targets", cfg.Scan.Targets)))
	for i := range cfg.Rules {
		r := &cfg.Rules[i]
		line(fmt.Sprintf("rules[%d]", i), strconv.Quote(r.Name)+" "+r.Explain(rates))
	}
	explainSinks(cfg, line)
	influxText, influxWarning := influxSentence(context.Background(), cfg)
	line("influx", influxText)
	line("history", historySentence(cfg))
	line("memory", memory(cfg, shards))
	if influxWarning != "" {
		line("warning", influxWarning)
	}
	for i := range cfg.Rules {
		for _, text := range cfg.Rules[i].Warnings(rates) {
			line("warning", fmt.Sprintf("rules[%d] %q: %s", i, cfg.Rules[i].Name, text))
		}
	}
	for _, p := range rules.Overlaps(cfg.Rules) {
		line("warning", fmt.Sprintf("rules[%d] %q and rules[%d] %q overlap: the same traffic can raise both", p[0], cfg.Rules[p[0]].Name, p[1], cfg.Rules[p[1]].Name))
	}
	return t.Flush()
}

// largeFlowSentence tells delays of flows of twice the threshold, in frames of
// 1500 octets.
func largeFlowSentence(cfg *config.Config, rates []rules.Sampling) string {
	t := cfg.LargeFlow.Threshold
	s := "an info alert when one flow reaches " + t.String()
	if t.Share > 0 {
		s += " of its link"
	}
	return raises(cfg.LargeFlow.Off, s+"; one of twice that is suspected (and confirmed), half of the times within "+perRate(rates, func(r rules.Sampling) string {
		d := detect.ExpectedDelay(detect.DelayQuery{
			Threshold: t, Speed: uint64(r.Rate) * 1e6, SamplingRate: float64(r.Rate), Budget: cfg.LargeFlow.Budget,
		})
		return delayText(d.Suspected) + " (" + delayText(d.Confirmed) + ")"
	}))
}

// perRate joins what is told of each rate; once where it is the same for all.
func perRate(rates []rules.Sampling, tell func(rules.Sampling) string) string {
	texts := make([]string, len(rates))
	same := true
	for i, r := range rates {
		texts[i] = tell(r)
		same = same && texts[i] == texts[0]
	}
	if same && len(rates) > 1 {
		return texts[0] + " at each rate"
	}
	for i, r := range rates {
		texts[i] += fmt.Sprintf(" at 1:%d", r.Rate)
	}
	return strings.Join(texts, ", ")
}

func delayText(d time.Duration) string {
	if d == detect.DelayNever {
		return "never"
	}
	if d < time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// floodSentence tells delays at five times the threshold: about twelve samples.
func floodSentence(f *config.Flood, rates []rules.Sampling) string {
	s := fmt.Sprintf("a warning alert when a host gets %s of SYN, %s of amplified or %s of plain UDP, or of any kind %s, and more than is usual for it; five times the SYN and UDP thresholds take about ",
		f.SYN, f.Amplification, f.UDP, f.Bits)
	return raises(f.Off, s+perRate(rates, func(r rules.Sampling) string {
		d := func(pps config.PacketRate) string {
			return delayText(time.Duration((12*float64(r.Rate)/(5*float64(pps)) + 0.1) * 1e9))
		}
		return d(f.SYN) + " and " + d(f.UDP)
	}))
}

// raises begins a sentence about a detector.
func raises(off bool, what string) string {
	if off {
		return "off: would raise " + what
	}
	return "raises " + what
}

// historySentence tells what is kept, where, and how much of it.
func historySentence(cfg *config.Config) string {
	if cfg.History.Off {
		return "off: nothing is kept"
	}
	h := cfg.HistoryBounds()
	s := fmt.Sprintf("keeps at most %s (flows %s, series %s, rollups %s, alerts %s, evidence %s) in %s", gibibytes(h.Total()),
		gibibytes(h.Flows), gibibytes(h.Series), gibibytes(h.Rollups), gibibytes(h.Alerts), gibibytes(h.Evidence), cfg.HistoryDir())
	return s + ", alerts in " + cfg.StateDir
}

// gibibytes writes a size for people, to three figures.
func gibibytes(b config.Bytes) string {
	if b < config.GiB {
		return strconv.FormatFloat(float64(b)/float64(config.MiB), 'g', 3, 64) + " MiB"
	}
	return strconv.FormatFloat(float64(b)/float64(config.GiB), 'g', 3, 64) + " GiB"
}

// memory tells what the rules take.
func memory(cfg *config.Config, shards int) string {
	each := rules.NewSet(cfg.Rules).Bytes()
	if each == 0 {
		return "the rules' tables take none"
	}
	return fmt.Sprintf("the rules' tables take %s in each of %d shards, %s in all", megabytes(each), shards, megabytes(each*shards))
}

func megabytes(n int) string { return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB" }
