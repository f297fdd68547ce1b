package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector/config"
	"weir/collector/series"
	"weir/collector/web"
)

// addInfluxFlag adds what run and demo share.
func addInfluxFlag(cmd *cobra.Command, url *string) {
	cmd.Flags().StringVar(url, "influx", "",
		"write time series to the InfluxDB at this `URL`, such as http://127.0.0.1:8086, in place of influx.url")
}

// setInflux applies the flag.
func setInflux(cfg *config.Config, url string) error {
	if url == "" {
		return nil
	}
	v, err := config.ParseInfluxURL(url)
	if err != nil {
		return commandline.Usagef("--influx %q: %w", url, err)
	}
	cfg.Influx.URL = v
	return nil
}

// demoSeries lets a demo that writes time series show all of them, and soon.
func demoSeries(cfg *config.Config) {
	if cfg.Influx.URL == "" {
		return
	}
	if cfg.Influx.Interval == config.Default().Influx.Interval {
		cfg.Influx.Interval = 5 * time.Second
	}
	if len(cfg.Top.Keys) == 0 {
		cfg.Top.Keys = []config.TopKey{"src,dst,proto,src_port,dst_port: bytes", "dst: bytes"}
	}
}

// influxSentence says what the configuration writes, and how many series that
// will be.
func influxSentence(ctx context.Context, cfg *config.Config) (text, warning string) {
	c := &cfg.Influx
	if c.URL == "" {
		return "off: no time series are written; set influx.url", ""
	}
	keep := "for ever"
	if c.Retention > 0 {
		keep = "for " + days(c.Retention)
	}
	text = fmt.Sprintf("writes to bucket %s at %s; a bucket that is made keeps points %s; up to %v wait on disk in %s",
		c.Bucket, c.URL, keep, c.Spool, filepath.Join(cfg.StateDir, "influx"))
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	z, ok := runningSize(ctx, cfg.StateDir)
	if !ok {
		one := series.Size{Agents: 1, Interfaces: 48, Sources: 48}
		fixed := series.Size{Definitions: len(cfg.Top.Keys)}.Series()
		each := one.Series() - series.Size{}.Series()
		return text + fmt.Sprintf("; a switch with 48 ports has %d series, so that influx.series: %s is for about %s of them",
			each, commas(uint64(c.Series)), commas(uint64(max(c.Series-fixed, 0)/each))), ""
	}
	z.Definitions = len(cfg.Top.Keys)
	n := z.Series()
	text += fmt.Sprintf("; up to about %s series, of %s at most, for the %d agents with %d ports and %d instances of the running collector",
		commas(uint64(n)), commas(uint64(c.Series)), z.Agents, z.Interfaces, z.Instances)
	if n > c.Series {
		warning = fmt.Sprintf("influx.series: %d is less than the about %d series of this site: points of further ones will be dropped; raise it where the server can hold them", c.Series, n)
	}
	return text, warning
}

// runningSize returns the size of the site that the running collector sees; false
// where none runs, or it has seen nothing.
func runningSize(ctx context.Context, stateDir string) (z series.Size, ok bool) {
	var known []struct {
		Interfaces []struct{} `json:"interfaces"`
		Sources    []struct {
			SamplingRate uint32 `json:"sampling_rate"`
		} `json:"sources"`
		Hosts []struct {
			Source string  `json:"source"`
			Parent *string `json:"parent"`
		} `json:"hosts"`
	}
	if err := web.Ask(ctx, stateDir, "agents", &known); err != nil || len(known) == 0 {
		return z, false
	}
	for _, a := range known {
		z.Agents++
		z.Interfaces += len(a.Interfaces)
		for _, s := range a.Sources {
			if s.SamplingRate > 0 {
				z.Sources++
			}
		}
		for _, h := range a.Hosts {
			if h.Parent != nil || strings.HasPrefix(h.Source, "3:") { // ClassLogical
				z.Instances++
			} else {
				z.Hosts++
			}
		}
	}
	return z, true
}

// days writes a time in days where it is whole ones.
func days(d time.Duration) string {
	if day := 24 * time.Hour; d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}

// influxLine says what has become of the points.
func influxLine(s *web.InfluxStatus) string {
	text := fmt.Sprintf("%s points sent, %s rejected, %s dropped, %s waiting in memory, %s in the spool (%s octets)",
		commas(s.Sent), commas(s.Rejected), commas(s.Dropped+s.Gap+s.Skipped), commas(uint64(max(s.MemoryPoints, 0))),
		commas(uint64(max(s.SpoolPoints, 0))), commas(uint64(max(s.SpoolOctets, 0))))
	if s.Refused > 0 {
		text += fmt.Sprintf("; %s refused: more series than influx.series", commas(s.Refused))
	}
	return text
}
