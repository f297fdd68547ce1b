package names

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a names file and an import, in octets.
const maxFile = 64 << 20

// Error is a mistake in a names file, with its place.
type Error struct {
	File    string
	Line    int // from 1; 0 is the file as a whole
	Problem string
}

// Error implements error: "names.yaml:3: problem; fix".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Problem
	}
	return e.File + ":" + strconv.Itoa(e.Line) + ": " + e.Problem
}

// ReadFile reads a names file: CSV where its name ends in .csv, else YAML (of
// which JSON is a part). Its error is an *Error.
func ReadFile(path string) ([]Device, error) {
	f, err := os.Open(path)
	if err != nil {
		if p, ok := errors.AsType[*os.PathError](err); ok {
			err = p.Err
		}
		return nil, &Error{path, 0, err.Error() + "; name a file this user can read"}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, &Error{path, 0, "cannot be read; name a file with names"}
	case len(b) > maxFile:
		return nil, &Error{path, 0, "is longer than 64 MiB; name a file with names"}
	}
	return Parse(path, b, strings.EqualFold(filepath.Ext(path), ".csv"))
}

// Parse reads b, as CSV or as YAML; name is what errors call it. Its error is
// an *Error.
func Parse(name string, b []byte, asCSV bool) ([]Device, error) {
	p := &parser{file: name, seen: map[netip.Addr]int{}}
	if asCSV {
		p.csv(b)
	} else {
		p.yaml(b)
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.devices, nil
}

// parser collects devices until the first mistake.
type parser struct {
	file    string
	devices []Device
	seen    map[netip.Addr]int // place in devices
	total   int                // interfaces
	err     error
}

func (p *parser) fail(line int, format string, args ...any) {
	if p.err == nil {
		p.err = &Error{p.file, line, fmt.Sprintf(format, args...)}
	}
}

// device returns the device with this address, which it makes.
func (p *parser) device(line int, addr string) *Device {
	a, err := netip.ParseAddr(strings.TrimSpace(addr))
	if err != nil || a.Zone() != "" {
		p.fail(line, "agent %q: not an IP address; write the agent's address as `weir agents` shows it", cut(addr))
		return nil
	}
	a = a.Unmap()
	i, ok := p.seen[a]
	if !ok {
		if len(p.devices) >= MaxDevices {
			p.fail(line, "more than %d agents; remove some", MaxDevices)
			return nil
		}
		i = len(p.devices)
		p.seen[a] = i
		p.devices = append(p.devices, Device{Agent: a})
	}
	return &p.devices[i]
}

// add gives d one more interface.
func (p *parser) add(line int, d *Device, x Interface) {
	if p.total++; p.total > MaxInterfaces {
		p.fail(line, "more than %d interfaces; remove some", MaxInterfaces)
		return
	}
	if x.Name == "" && x.Index == 0 {
		p.fail(line, "an interface of %v has neither name nor index; write one of them", d.Agent)
		return
	}
	d.Interfaces = append(d.Interfaces, x)
}

func (p *parser) index(line int, s string) uint32 {
	if s = strings.TrimSpace(s); s == "" {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 {
		p.fail(line, "index %q: not an ifIndex; write a whole number above 0", cut(s))
	}
	return uint32(n)
}

func (p *parser) speed(line int, s string) uint64 {
	if s = strings.TrimSpace(s); s == "" {
		return 0
	}
	v, err := parseSpeed(s)
	if err != nil {
		p.fail(line, "speed %q: not a speed; write a number of bit/s or with a unit, such as 100Gbit/s", cut(s))
	}
	return v
}

func cut(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

// parseSpeed reads a speed in bit/s: 1000000000, 100Gbit/s, 100G, 10Gbps.
func parseSpeed(s string) (uint64, error) {
	t := strings.ToLower(strings.TrimSpace(s))
	for _, suffix := range []string{"bit/s", "bps", "b/s", "bit"} {
		t = strings.TrimSuffix(t, suffix)
	}
	t = strings.TrimSpace(t)
	unit := 1.0
	if len(t) > 0 {
		if f := map[byte]float64{'k': 1e3, 'm': 1e6, 'g': 1e9, 't': 1e12}[t[len(t)-1]]; f > 0 {
			unit, t = f, strings.TrimSpace(t[:len(t)-1])
		}
	}
	v, err := strconv.ParseFloat(t, 64)
	if err != nil || math.IsNaN(v) || v < 0 || v*unit > 1e18 {
		return 0, fmt.Errorf("%q is no speed", cut(s))
	}
	return uint64(math.Round(v * unit)), nil
}

// columns of CSV, with the names that inventories give them.
var columns = map[string]string{
	"agent": "agent", "address": "agent", "ip": "agent",
	"agent_name": "agent_name", "device": "agent_name", "hostname": "agent_name",
	"ifname": "name", "interface": "name", "name": "name",
	"ifindex": "index", "index": "index",
	"ifalias": "alias", "alias": "alias", "description": "alias",
	"speed": "speed", "ifspeed": "speed",
}

func (p *parser) csv(b []byte) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
	r.Comment, r.TrimLeadingSpace = '#', true
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return
	}
	place := map[string]int{}
	for i, c := range head {
		known := columns[strings.ToLower(strings.TrimSpace(c))]
		if known == "" {
			p.fail(1, "column %q is unknown; the first line names the columns: agent,agent_name,ifname,ifindex,alias,speed", cut(c))
			return
		}
		place[known] = i
	}
	if _, ok := place["agent"]; !ok {
		p.fail(1, "no column agent; the first line names the columns: agent,agent_name,ifname,ifindex,alias,speed")
	}
	for p.err == nil && err == nil {
		var row []string
		if row, err = r.Read(); err == nil {
			line, _ := r.FieldPos(0)
			p.row(line, row, place)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		line := 0
		if ce, ok := errors.AsType[*csv.ParseError](err); ok {
			line, err = ce.Line, ce.Err
		}
		p.fail(line, "not CSV: %v; write as many fields as the first line has, in quotes where they have commas", err)
	}
}

func (p *parser) row(line int, row []string, place map[string]int) {
	at := func(column string) string {
		if i, ok := place[column]; ok {
			return row[i]
		}
		return ""
	}
	d := p.device(line, at("agent"))
	if d == nil {
		return
	}
	if n := Clean(at("agent_name")); n != "" {
		d.Name = n
	}
	x := Interface{Name: Clean(at("name")), Index: p.index(line, at("index")), Alias: Clean(at("alias")), Speed: p.speed(line, at("speed"))}
	if x != (Interface{}) {
		p.add(line, d, x)
	}
}

func (p *parser) yaml(b []byte) {
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		p.fail(0, "%s; indent with spaces and quote values with special characters", strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	if len(doc.Content) == 0 {
		return
	}
	root := doc.Content[0]
	if root.Kind != yaml.SequenceNode {
		p.fail(root.Line, "needs a list of agents; begin each with \"- agent: ADDRESS\"")
		return
	}
	for _, n := range root.Content {
		p.yamlDevice(n)
		if p.err != nil {
			return
		}
	}
}

func (p *parser) yamlDevice(n *yaml.Node) {
	var d *Device
	if a := p.field(n, "agent"); a != nil {
		if _, twice := p.seen[parsed(a.Value)]; twice {
			p.fail(a.Line, "agent %q stands in the list twice; remove one", cut(a.Value))
		}
		d = p.device(a.Line, a.Value)
	} else {
		p.fail(n.Line, "an entry without agent; begin it with \"- agent: ADDRESS\"")
	}
	if p.err != nil {
		return
	}
	p.each(n, func(key string, v *yaml.Node) {
		switch key {
		case "agent":
		case "name":
			d.Name = Clean(p.scalar(v))
		case "interfaces":
			if v.Kind != yaml.SequenceNode {
				p.fail(v.Line, "interfaces needs a list; write \"- {name: Ethernet1, alias: to spine2, speed: 100Gbit/s}\"")
				return
			}
			for _, x := range v.Content {
				p.yamlInterface(d, x)
			}
		default:
			p.fail(v.Line, "%q is unknown; an agent has agent, name and interfaces", cut(key))
		}
	})
}

func (p *parser) yamlInterface(d *Device, n *yaml.Node) {
	var x Interface
	p.each(n, func(key string, v *yaml.Node) {
		s := p.scalar(v)
		switch key {
		case "name":
			x.Name = Clean(s)
		case "index":
			x.Index = p.index(v.Line, s)
		case "alias":
			x.Alias = Clean(s)
		case "speed":
			x.Speed = p.speed(v.Line, s)
		default:
			p.fail(v.Line, "%q is unknown; an interface has name, index, alias and speed", cut(key))
		}
	})
	if p.err == nil {
		p.add(n.Line, d, x)
	}
}

// each calls do for the keys of a mapping until there is a mistake.
func (p *parser) each(n *yaml.Node, do func(key string, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.fail(n.Line, "needs keys and values; write for example {name: Ethernet1, alias: to spine2}")
		return
	}
	for i := 0; i+1 < len(n.Content) && p.err == nil; i += 2 {
		do(n.Content[i].Value, n.Content[i+1])
	}
}

func (p *parser) field(n *yaml.Node, key string) (found *yaml.Node) {
	p.each(n, func(k string, v *yaml.Node) {
		if k == key {
			found = v
		}
	})
	return found
}

func (p *parser) scalar(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		p.fail(n.Line, "needs one value; quote it")
		return ""
	}
	if n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

func parsed(s string) netip.Addr {
	a, _ := netip.ParseAddr(strings.TrimSpace(s))
	return a.Unmap()
}
