package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"weir/collector/agents"
)

func newAgents(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "agents",
		Short: "List the agents that a running collector knows",
		Long: `Ask the collector that runs with the configured state_dir, over its control
socket, for its agents:

  AGENT       agent address; * where another source claims the same one
  SOURCE      source address of its datagrams
  NAME        of the host, where the agent says it
  SUB         sub-agents
  IF          interfaces
  HEARD       time since its last datagram
  LOSS        of its datagrams, by sequence
  RATE        packets per sample as sent; several where its sources differ
  EFFECTIVE   the same by sample_pool: what the agent really does; - unknown`,
		Example: "  weir agents\n  weir agents --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var raw json.RawMessage
			if err := p.ask(cmd.Context(), "agents", &raw); err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, raw)
			}
			return printAgents(p.out, raw, time.Now())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, with sub-agents, data sources, interfaces and hosts")
	return cmd
}

// agentRow is what the table shows of an agents.AgentInfo.
type agentRow struct {
	Agent      netip.Addr `json:"agent"`
	Source     netip.Addr `json:"source"`
	Name       string     `json:"name"`
	LastHeard  time.Time  `json:"last_heard"`
	Contested  bool       `json:"contested"`
	Interfaces []struct{} `json:"interfaces"`
	SubAgents  []struct {
		Datagrams agents.SequenceInfo `json:"datagrams"`
	} `json:"sub_agents"`
	Sources []sourceRates `json:"sources"`
}

type sourceRates struct {
	SamplingRate  uint32  `json:"sampling_rate"`
	EffectiveRate float64 `json:"effective_rate"`
}

// printAgents prints the answer of the control socket as a table.
func printAgents(out io.Writer, answer []byte, now time.Time) error {
	var all []agentRow
	if err := json.Unmarshal(answer, &all); err != nil {
		return fmt.Errorf("the collector's answer cannot be read: %w; is it of another version of weir?", err)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "no agent was heard yet")
		return err
	}
	t := newTable(out, "AGENT", "SOURCE", "NAME", "SUB", "IF", "HEARD", "LOSS", "RATE", "EFFECTIVE")
	for _, a := range all {
		address := a.Agent.String()
		if a.Contested {
			address += "*"
		}
		var sum agents.SequenceInfo
		for _, s := range a.SubAgents {
			sum.Received += s.Datagrams.Received
			sum.Lost += s.Datagrams.Lost
		}
		sent, effective := rates(a.Sources)
		t.row(address, a.Source, printable(a.Name), len(a.SubAgents), len(a.Interfaces), ago(a.LastHeard, now), percent(100*sum.LossRatio()), sent, effective)
	}
	return t.Flush()
}

// rates are the sampling rates of the sources with flow samples, from least to
// most, as sent and as sample_pool shows them.
func rates(sources []sourceRates) (sent, effective string) {
	var said, real []float64
	for _, s := range sources {
		if s.SamplingRate > 0 {
			said = append(said, float64(s.SamplingRate))
		}
		if s.EffectiveRate > 0 {
			real = append(real, s.EffectiveRate)
		}
	}
	return span(said), span(real)
}

// span writes the least and the most of v.
func span(v []float64) string {
	if len(v) == 0 {
		return "-"
	}
	text := func(f float64) string { return strconv.FormatFloat(f, 'f', 0, 64) }
	least, most := text(slices.Min(v)), text(slices.Max(v))
	if least == most {
		return "1:" + least
	}
	return "1:" + least + "–" + most
}
