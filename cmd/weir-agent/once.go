package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"weir/cmd/internal/build"
	"weir/decoder/sflow"
	"weir/hostagent"
	"weir/hostagent/config"
)

func newOnce(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "once",
		Short: "Poll once and print it as JSON lines",
		Long: `Ask every module once, send nothing, and print each sample as one JSON object on one
line. A module that fails is named on standard error, and the exit code is 1;
one that has nothing to do on this node is not.`,
		Example: `  weir-agent once | jq .`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, digest, err := config.Load(p.configFile)
			if err != nil {
				return err
			}
			out := json.NewEncoder(p.out)
			var failed error
			for _, m := range hostagent.Once(cmd.Context(), cfg, hostagent.IO{Log: p.logger(cfg.Log), Version: build.This(version).Version, Digest: digest}) {
				for _, s := range m.Samples {
					v, err := readable(m.Module, s)
					if err == nil {
						err = out.Encode(v)
					}
					if err != nil {
						return err
					}
				}
				failed = p.report(m, failed)
			}
			return failed
		},
	}
}

// said is a sample for people.
type said struct {
	Module    string           `json:"module"`
	Source    string           `json:"source"`
	Records   []map[string]any `json:"records,omitempty"`
	Statement map[string]any   `json:"statement,omitempty"`
}

// readable decodes a sample of a snapshot.
func readable(module string, s sflow.Sample) (out said, err error) {
	out.Module = module
	if s.Format == sflow.FormatRTMetric {
		var m sflow.RTMetric
		if err := m.Decode(s); err != nil {
			return out, err
		}
		out.Source, out.Statement = m.DataSource.String(), map[string]any{}
		for v, err := range m.Metrics.All() {
			switch {
			case err != nil:
				return out, err
			case v.Type == sflow.MetricString:
				out.Statement[v.Name.String()] = v.Text.String()
			case v.Type == sflow.MetricGaugeDouble, v.Type == sflow.MetricGaugeFloat:
				out.Statement[v.Name.String()] = v.Float()
			default:
				out.Statement[v.Name.String()] = v.Bits
			}
		}
		return out, nil
	}
	var c sflow.CounterSample
	if err := c.Decode(s); err != nil {
		return out, err
	}
	out.Source = c.Source.String()
	for r, err := range c.Records() {
		if err != nil {
			return out, err
		}
		rec, err := record(r)
		if err != nil {
			return out, err
		}
		out.Records = append(out.Records, rec)
	}
	return out, nil
}

// record decodes a counter record to its fields by name.
func record(r sflow.Record) (map[string]any, error) {
	out := map[string]any{}
	v := sflow.NewCounterRecord(r.Format)
	if v != nil {
		if err := v.Decode(r); err != nil {
			return nil, err
		}
		b, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, &out); err != nil {
			return nil, err
		}
		if d, ok := v.(*sflow.HostDescr); ok {
			out["uuid"] = hex.EncodeToString(d.UUID[:])
		}
	}
	out["record"] = sflow.CounterRecordName(r.Format)
	return out, nil
}

// errFailed says that standard error has told what failed.
type errFailed struct{}

func (errFailed) Error() string { return "not everything could be read" }

// report tells of a module that failed and returns the error of the command so
// far.
func (p *program) report(m hostagent.Polled, failed error) error {
	if m.Err == nil {
		return failed
	}
	fmt.Fprintf(p.err, "weir-agent: %s: %v\n", m.Module, m.Err)
	if m.Absent() {
		return failed
	}
	return errFailed{}
}
