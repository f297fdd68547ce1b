package series

import (
	"fmt"
	"slices"
	"strings"
)

// Metric is a field of a class under a name as users of Prometheus expect it, in
// base units.
type Metric struct {
	Name  string // such as weir_interface_in_bits_per_second
	Type  string // gauge or counter
	Unit  string // base unit, "" none
	Help  string
	Class string // of the point
	Field string
	Scale float64 // from the field's unit to the base unit
}

// baseUnits gives the base unit of a unit, and what a value is multiplied with.
var baseUnits = map[Unit]struct {
	name  string
	scale float64
}{
	Bytes: {"bytes", 1}, Seconds: {"seconds", 1}, Milliseconds: {"seconds", 1e-3}, Percent: {"ratio", 1e-2},
	Megahertz: {"hertz", 1e6}, Millivolts: {"volts", 1e-3}, Celsius: {"celsius", 1}, Microwatts: {"watts", 1e-6},
	BitsPerSecond: {"bits_per_second", 1}, PacketsPerSecond: {"packets_per_second", 1},
	DatagramsPerSec: {"datagrams_per_second", 1}, "mJ": {"joules", 1e-3},
}

// classNames are the classes whose name is another.
var classNames = map[string]string{"if_counters": "interface", "weir": "", "weir_sink": "sink", "weir_bound": "bound", "weir_skipped": "skipped"}

// labelNames are the tags whose label has another name.
var labelNames = map[string]string{"if_index": "ifindex", "if_name": "interface"}

// LabelOf returns the label that a tag becomes.
func LabelOf(tag string) string {
	if n, ok := labelNames[tag]; ok {
		return n
	}
	return tag
}

// NameOf returns the metric of a field, false where it is text.
func NameOf(c *Class, f *Field) (Metric, bool) {
	if f.Unit == Text {
		return Metric{}, false
	}
	m := Metric{Type: "gauge", Class: c.Name, Field: f.Name, Scale: 1, Help: helpOf(c, f)}
	parts := []string{"weir"}
	room, ok := classNames[c.Name]
	if !ok {
		room = c.Name
	}
	if room != "" {
		parts = append(parts, room)
	}
	name := f.Name
	if _, last, ok := strings.Cut(room, "_"); ok { // host_cpu.cpu_idle says it twice
		name = strings.TrimPrefix(name, last+"_")
		if _, hasUnit := baseUnits[f.Unit]; hasUnit && name == last {
			name = ""
		}
	}
	if u, ok := baseUnits[f.Unit]; ok {
		m.Unit, m.Scale = u.name, u.scale
		name = strings.TrimSuffix(name, "_percent")
		if !strings.Contains(name, u.name) && (u.name != "bytes" || !strings.Contains(name, "octets")) {
			name = strings.TrimPrefix(name+"_"+u.name, "_")
		}
	}
	if f.Counter {
		m.Type = "counter"
		name += "_total"
	}
	m.Name = strings.Join(append(parts, name), "_")
	return m, true
}

func helpOf(c *Class, f *Field) string {
	text := strings.ReplaceAll(f.Name, "_", " ")
	if f.Help != "" {
		text += ": " + f.Help
	}
	return text + " (" + c.Help + ")"
}

// Metrics returns all metrics there can be, by name.
func Metrics() []Metric {
	var all []Metric
	for _, c := range Classes() {
		for i := range c.Fields {
			if m, ok := NameOf(c, &c.Fields[i]); ok {
				all = append(all, m)
			}
		}
	}
	slices.SortFunc(all, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// KeptByDefault names what the history keeps where nothing more is asked for, as
// CLASS or CLASS.FIELD.
func KeptByDefault() []string {
	return []string{
		"if_counters.in_bits_per_second", "if_counters.out_bits_per_second", "if_counters.in_packets_per_second",
		"if_counters.out_packets_per_second", "if_counters.admin_up", "if_counters.oper_up",
		"host_cpu.load_one", "host_cpu.cpu_num", "host_cpu.cpu_user", "host_cpu.cpu_system", "host_cpu.cpu_idle", "host_cpu.cpu_wio", "host_cpu.cpu_steal",
		"host_memory.total", "host_memory.free", "host_memory.buffers", "host_memory.cached",
		"host_disk_io.part_max_used", "host_disk_io.bytes_read", "host_disk_io.bytes_written",
		"host_net_io.bytes_in", "host_net_io.bytes_out", "host_net_io.drops_in", "host_net_io.drops_out",
		"virt_cpu.state", "virt_cpu.cpu_time", "virt_memory.memory", "virt_disk_io.rd_bytes", "virt_disk_io.wr_bytes",
		"virt_net_io.rx_bytes", "virt_net_io.tx_bytes", "virt_net_io.rx_packets", "virt_net_io.tx_packets", "virt_net_io.rx_drop", "virt_net_io.tx_drop",
		"top.bits_per_second", "top.bits_per_second_low", "top.bits_per_second_high",
		"top.packets_per_second", "top.packets_per_second_low", "top.packets_per_second_high", "top_total",
		"agent.silent_seconds", "agent.loss_percent", "agent.datagrams", "agent.lost_datagrams", "agent.restarts",
		"data_source.effective_rate", "data_source.drops",
		"alerts_open", "weir", "weir_sink", "weir_bound",
	}
}

// CheckWord reports a word that names neither a class nor a number of one: CLASS,
// CLASS.FIELD, or * for all.
func CheckWord(word string) error {
	if word == "*" {
		return nil
	}
	class, field, dotted := strings.Cut(word, ".")
	var names []string
	for _, c := range Classes() {
		names = append(names, c.Name)
		if c.Name != class {
			continue
		}
		if !dotted {
			return nil
		}
		names = names[:0]
		for i := range c.Fields {
			if c.Fields[i].Unit == Text {
				continue
			}
			if c.Fields[i].Name == field {
				return nil
			}
			names = append(names, c.Fields[i].Name)
		}
		return fmt.Errorf("%q: %s has no such number; it has %s", word, class, strings.Join(names, ", "))
	}
	return fmt.Errorf("%q: no such class of points; there are %s", word, strings.Join(names, ", "))
}

// Chosen returns which fields of a class the words name, by their place.
func (c *Class) Chosen(words []string) []int {
	var all []int
	for i := range c.Fields {
		f := &c.Fields[i]
		if f.Unit == Text {
			continue
		}
		if slices.Contains(words, "*") || slices.Contains(words, c.Name) || slices.Contains(words, c.Name+"."+f.Name) {
			all = append(all, i)
		}
	}
	return all
}
