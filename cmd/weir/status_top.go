package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/collector/web"
)

// topFlags are the flags of `weir status --top`.
type topFlags struct {
	on bool
	q  web.TopQuery
}

func (t *topFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&t.on, "top", false, "show the heaviest keys of every definition in top.keys instead")
	f.StringVar(&t.q.Key, "key", "", "with --top: only the definitions of this `KEY`, such as dst,dst_port")
	f.DurationVar(&t.q.Window, "window", web.DefaultTopWindow, "with --top: `TIME` counted: 1s, 10s, 1m or 5m")
	f.IntVar(&t.q.N, "n", web.DefaultTopN, "with --top: `NUMBER` of keys, 1 to 64")
}

// check refuses flags that do nothing, and what no collector answers to.
func (t *topFlags) check(cmd *cobra.Command) error {
	if t.on {
		return t.q.Check()
	}
	for _, name := range []string{"key", "window", "n"} {
		if cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s goes with --top; add --top", name)
		}
	}
	return nil
}

func (t *topFlags) ask(cmd *cobra.Command, stateDir string, out io.Writer, asJSON bool) error {
	var raw json.RawMessage
	if err := web.Ask(cmd.Context(), stateDir, "top?"+t.q.Values().Encode(), &raw); err != nil {
		return err
	}
	if asJSON {
		return printJSON(out, raw)
	}
	return printTops(out, raw)
}

// topTable is what the tables show of a detect.Top.
type topTable struct {
	Key        string    `json:"key"`
	Value      string    `json:"value"`
	DistinctOf string    `json:"distinct_of"`
	Unit       string    `json:"unit"`
	Window     float64   `json:"window_seconds"`
	Seconds    float64   `json:"seconds"`
	To         time.Time `json:"to"`
	Total      float64   `json:"total"`
	Absent     float64   `json:"absent"`
	Exact      bool      `json:"exact"`
	Items      []topRow  `json:"items"`
}

type topRow struct {
	Key        map[string]json.RawMessage `json:"key"`
	Domain     string                     `json:"domain"`
	Rate       float64                    `json:"rate"`
	Low        float64                    `json:"low"`
	High       float64                    `json:"high"`
	TableLower *float64                   `json:"table_lower"`
	TableUpper *float64                   `json:"table_upper"`
	Samples    uint64                     `json:"samples"`
	Distinct   *struct {
		Estimate float64  `json:"estimate"`
		Low      float64  `json:"low"`
		High     *float64 `json:"high"`
	} `json:"distinct"`
}

func printTops(out io.Writer, answer []byte) error {
	var all []topTable
	if err := json.Unmarshal(answer, &all); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	for i := range all {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := all[i].print(out); err != nil {
			return err
		}
	}
	return nil
}

// print writes one definition: a line of what it is, and a table.
func (t *topTable) print(out io.Writer) error {
	fmt.Fprintf(out, "%s by %s, ", printable(t.Key), t.Value)
	if len(t.Items) == 0 {
		fmt.Fprintln(out, "nothing sampled yet")
		return nil
	}
	fmt.Fprintf(out, "%v to %s, %s in all", time.Duration(t.Seconds*1e9), t.To.UTC().Format("15:04:05Z"), t.rate(t.Total))
	if t.Absent > 0 {
		fmt.Fprintf(out, "; what is not listed has at most %s", t.rate(t.Absent))
	}
	fmt.Fprintln(out)
	fields, domain := t.columns()
	w := newTable(out, t.head(fields, domain)...)
	for i := range t.Items {
		fmt.Fprintln(w, strings.Join(t.row(i, fields, domain), "\t"))
	}
	return w.Flush()
}

// head returns the words above the columns.
func (t *topTable) head(fields []string, domain bool) []string {
	head := []string{"#"}
	for _, f := range fields {
		head = append(head, strings.ToUpper(f))
	}
	if domain {
		head = append(head, "DOMAIN")
	}
	rate := "PACKETS/S"
	if t.Unit == "bits_per_second" {
		rate = "BIT/S"
	}
	head = append(head, rate, "95 %", "SAMPLES")
	if t.DistinctOf != "" {
		head = append(head, "DISTINCT "+strings.ToUpper(t.DistinctOf))
	}
	if !t.Exact {
		head = append(head, "TABLE")
	}
	return head
}

// columns returns the names of the key's fields, in their order, and whether
// some key has a domain.
func (t *topTable) columns() (fields []string, domain bool) {
	for f := range strings.SplitSeq(t.Key, ",") {
		name, _, _ := strings.Cut(f, "/")
		fields = append(fields, name)
	}
	return fields, slices.ContainsFunc(t.Items, func(r topRow) bool { return r.Domain != "" })
}

func (t *topTable) row(i int, fields []string, domain bool) []string {
	r := &t.Items[i]
	row := []string{strconv.Itoa(i + 1)}
	for _, f := range fields {
		row = append(row, shownField(f, r.value(f)))
	}
	if domain {
		row = append(row, printable(r.domain()))
	}
	row = append(row, t.number(r.Rate), "["+t.number(r.Low)+"–"+t.number(r.High)+"]", commas(r.Samples))
	if t.DistinctOf != "" {
		row = append(row, r.distinct())
	}
	if !t.Exact {
		bounds := "exact"
		if r.TableLower != nil && r.TableUpper != nil {
			bounds = "[" + t.number(*r.TableLower) + "–" + t.number(*r.TableUpper) + "]"
		}
		row = append(row, bounds)
	}
	return row
}

// shownField is a field's value as people say it: protocols of every day by name
// (IANA, Assigned Internet Protocol Numbers).
func shownField(field, value string) string {
	if field != "proto" {
		return value
	}
	switch value {
	case "1":
		return "ICMP"
	case "6":
		return "TCP"
	case "17":
		return "UDP"
	case "47":
		return "GRE"
	case "50":
		return "ESP"
	case "58":
		return "ICMPv6"
	case "132":
		return "SCTP"
	}
	return value
}

func (r *topRow) distinct() string {
	d := r.Distinct
	switch {
	case d == nil:
		return "-"
	case d.High == nil:
		return "over " + strconv.FormatFloat(d.Low, 'f', 0, 64)
	case *d.High-d.Low < 1.5:
		return strconv.FormatFloat(d.Estimate, 'f', 0, 64)
	}
	return fmt.Sprintf("%.0f [%.0f–%.0f]", d.Estimate, d.Low, *d.High)
}

// rate writes a rate with its unit.
func (t *topTable) rate(v float64) string {
	if t.Unit == "bits_per_second" {
		return t.number(v) + "bit/s"
	}
	return t.number(v) + " packets/s"
}

// number writes three digits with a prefix.
func (t *topTable) number(v float64) string {
	unit := 0
	const units = "kMGTPEZ"
	for v >= 999.5 && unit < len(units) {
		v /= 1000
		unit++
	}
	digits := 0
	switch {
	case unit > 0 && v < 9.995:
		digits = 2
	case unit > 0 && v < 99.95, unit == 0 && v < 10:
		digits = 1
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if unit > 0 {
		s += string(units[unit-1])
	}
	return s
}
