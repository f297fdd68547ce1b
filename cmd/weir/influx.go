package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"weir/collector/config"
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
		return usageError{fmt.Errorf("--influx %q: %w", url, err)}
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
