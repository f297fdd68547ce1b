package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector/dashboards"
)

func newDashboards(p *program) *cobra.Command {
	var out, influx, own, seen string
	cmd := &cobra.Command{
		Use:   "dashboards",
		Short: "Write Grafana's dashboards and data source",
		Long: `Write the dashboards of Grafana over what weir writes to InfluxDB, and what
Grafana is provisioned with:

  DIR/dashboards/*.json                     six dashboards
  DIR/provisioning/datasources/weir.yaml    the data source, InfluxQL
  DIR/provisioning/dashboards/weir.yaml     where the dashboards are

Let Grafana (10 or newer) read them with GF_PATHS_PROVISIONING=DIR/provisioning,
or import the dashboards by hand: each asks which data source to use. Files of
an earlier version are replaced. With --weir there is a second data source, for
PromQL over the series that weir keeps itself; from another machine it needs the
token of a viewer, as WEIR_TOKEN in Grafana's environment.`,
		Example: `  weir dashboards --out grafana
  weir dashboards --out grafana --influx http://influxdb:8086 --path /dashboards`,
		RunE: func(*cobra.Command, []string) error {
			if out == "" {
				return commandline.Usagef("dashboards: no folder; name one with --out DIR, such as --out grafana")
			}
			cfg, err := p.load("")
			if err != nil {
				return err
			}
			if err := setInflux(&cfg, influx); err != nil {
				return err
			}
			if cfg.Influx.URL == "" {
				cfg.Influx.URL = "http://127.0.0.1:8086"
			}
			files, err := dashboards.Write(out, dashboards.Provision{URL: cfg.Influx.URL, Database: cfg.Influx.Bucket, Weir: strings.TrimSuffix(own, "/"), Path: seen})
			for _, f := range files {
				fmt.Fprintln(p.out, f)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`FOLDER` to write to, made where it is missing; needed")
	cmd.Flags().StringVar(&influx, "influx", "", "`URL` of InfluxDB as Grafana reaches it; default influx.url, else http://127.0.0.1:8086")
	cmd.Flags().StringVar(&own, "weir", "", "`URL` of weir as Grafana reaches it, such as http://127.0.0.1:8343; default no data source of its history")
	cmd.Flags().StringVar(&seen, "path", "", "`FOLDER` of the dashboards as Grafana sees it, as in a container; default where they are written")
	return cmd
}
