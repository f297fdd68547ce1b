package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"weir/collector/dump"
	"weir/collector/udp/capture"
)

// tally is what one capture came to.
type tally struct {
	datagrams, refused      int // refused: the reference has no decode of it
	samples, records, named int // named: priority 3, known by name and skipped
	differences             int
}

// conform compares every datagram below dir with its reference decode: the
// JSON of `weir decode` against what another decoder printed of the same bytes.
func conform(dir string, verbose bool) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.oracle.jsonl.gz"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no *.oracle.jsonl.gz in %s: name the folder with -captures", dir)
	}
	seen := map[string]int{}
	kinds := map[string]int{}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "capture\tdatagrams\twithout reference\tsamples\trecords\tof them skipped by name\tdifferences\t")
	var sum tally
	for _, f := range files {
		c := comparison{kinds: kinds, seen: seen, verbose: verbose}
		if err := c.file(f); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		t := c.tally
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", strings.TrimSuffix(filepath.Base(f), ".oracle.jsonl.gz"),
			t.datagrams, t.refused, t.samples, t.records, t.named, t.differences)
		sum.datagrams += t.datagrams
		sum.refused += t.refused
		sum.samples += t.samples
		sum.records += t.records
		sum.named += t.named
		sum.differences += t.differences
	}
	fmt.Fprintf(w, "all\t%d\t%d\t%d\t%d\t%d\t%d\t\n", sum.datagrams, sum.refused, sum.samples, sum.records, sum.named, sum.differences)
	w.Flush()
	fmt.Println("\nstructures compared (sample or record format: how often):")
	for _, k := range slices.Sorted(mapKeys(seen)) {
		fmt.Printf("  %s: %d\n", k, seen[k])
	}
	if len(kinds) > 0 {
		fmt.Println("\ndifferences by kind:")
		for _, k := range slices.Sorted(mapKeys(kinds)) {
			fmt.Printf("  %6d  %s\n", kinds[k], k)
		}
	}
	return nil
}

func mapKeys(m map[string]int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

type comparison struct {
	tally   tally
	kinds   map[string]int
	seen    map[string]int
	verbose bool
	at      string
}

func (c *comparison) differ(kind, format string, args ...any) {
	c.tally.differences++
	c.kinds[kind]++
	if c.verbose {
		fmt.Printf("%s: %s: %s\n", c.at, kind, fmt.Sprintf(format, args...))
	}
}

func (c *comparison) file(oracle string) error {
	r, err := capture.Open(strings.TrimSuffix(oracle, ".oracle.jsonl.gz")+".pcap", capture.Options{})
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.Open(oracle)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	lines := bufio.NewReader(z)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		g, err := r.Next()
		if err != nil {
			return fmt.Errorf("datagram %d: %w", n, err)
		}
		c.at = fmt.Sprintf("%s datagram %d", filepath.Base(oracle), n)
		c.tally.datagrams++
		want, err := decodeJSON(line)
		if err != nil {
			return fmt.Errorf("reference %d: %w", n, err)
		}
		got, err := decodeJSON(dump.Append(nil, g.Payload, g.From, g.At))
		if err != nil {
			return fmt.Errorf("datagram %d: our JSON: %w", n, err)
		}
		if text(want, "ok") != "true" {
			c.tally.refused++
			continue
		}
		c.datagram(get(want, "sflowtool"), got)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("more datagrams than reference decodes")
	}
	return nil
}

func decodeJSON(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return parse(d)
}

func (c *comparison) datagram(want, got any) {
	for _, k := range [][2]string{{"agent", "agent"}, {"agentSubId", "sub_agent"}, {"packetSequenceNo", "sequence"}, {"sysUpTime", "uptime_ms"}} {
		if a, b := text(want, k[0]), text(got, k[1]); !same(a, b) {
			c.differ("head "+k[1], "reference %q, weir %q", a, b)
		}
	}
	ws, _ := get(want, "samples").([]any)
	gs, _ := get(got, "samples").([]any)
	if len(ws) != len(gs) {
		c.differ("number of samples", "reference %d, weir %d, error %q", len(ws), len(gs), text(got, "error"))
		return
	}
	if e := text(got, "error"); e != "" {
		c.differ("error", "weir says %q", e)
	}
	for i := range ws {
		c.sample(ws[i], gs[i])
	}
}

// sampleFields are the reference's names of what a sample's own fields are.
var sampleFields = [][2]string{{"sampleSequenceNo", "sequence"}, {"sourceId", "source"}, {"meanSkipCount", "sampling_rate"},
	{"samplePool", "sample_pool"}, {"dropEvents", "drops"}, {"discardCode", "reason"}}

func (c *comparison) sample(want, got any) {
	c.tally.samples++
	f := text(want, "sampleType_tag")
	c.seen["sample "+f]++
	if g := text(got, "format"); f != g {
		c.differ("sample format", "reference %s, weir %s", f, g)
		return
	}
	for _, k := range sampleFields {
		if a, ok := get(want, k[0]).(string); ok && !same(a, text(got, k[1])) {
			c.differ("sample "+f+" "+k[1], "reference %q, weir %q", a, text(got, k[1]))
		}
	}
	for _, k := range [][2]string{{"inputPort", "input"}, {"outputPort", "output"}} {
		if a, ok := get(want, k[0]).(string); ok && a != port(get(got, k[1])) {
			c.differ("sample "+f+" "+k[1], "reference %q, weir %q", a, port(get(got, k[1])))
		}
	}
	we, _ := get(want, "elements").([]any)
	switch f {
	case "4300:1002":
		c.rtmetric(want, got)
		return
	case "0:5":
		we = discarded(want)
	}
	ge, _ := get(got, "records").([]any)
	if len(we) != len(ge) {
		c.differ("number of records", "sample %s: reference %d, weir %d", f, len(we), len(ge))
		return
	}
	for i := range we {
		c.record(we[i], ge[i])
	}
}

// port is a weir port in the reference's form.
func port(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	switch {
	case text(v, "internal") == "true":
		return "1073741823"
	case get(v, "discarded") != nil:
		return "dropCode " + text(v, "discarded")
	case get(v, "multiple") != nil:
		return "multiple " + text(v, "multiple")
	}
	return fmt.Sprint(v)
}
