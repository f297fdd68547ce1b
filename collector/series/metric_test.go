package series

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestMetricsAreNamedAsPrometheusExpects(t *testing.T) {
	good := regexp.MustCompile(`^weir_[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	seen := map[string]string{}
	for _, m := range Metrics() {
		at := m.Class + "." + m.Field
		if !good.MatchString(m.Name) {
			t.Errorf("%s is called %s", at, m.Name)
		}
		if other, ok := seen[m.Name]; ok {
			t.Errorf("%s and %s are both called %s", at, other, m.Name)
		}
		seen[m.Name] = at
		if (m.Type == "counter") != strings.HasSuffix(m.Name, "_total") && m.Field != "proc_total" { // sFlow's name
			t.Errorf("%s, a %s, is called %s", at, m.Type, m.Name)
		}
		if m.Help == "" {
			t.Errorf("%s has no help", m.Name)
		}
	}
	for _, c := range []struct{ name, at string }{
		{"weir_interface_in_bits_per_second", "if_counters.in_bits_per_second"},
		{"weir_interface_in_octets_total", "if_counters.in_octets"},
		{"weir_interface_in_utilization_ratio", "if_counters.in_utilization"},
		{"weir_interface_speed_bits_per_second", "if_counters.speed"},
		{"weir_host_cpu_idle_seconds_total", "host_cpu.cpu_idle"},
		{"weir_host_load_one", ""},
		{"weir_host_memory_free_bytes", "host_memory.free"},
		{"weir_virt_memory_bytes", "virt_memory.memory"},
		{"weir_agent_loss_ratio", "agent.loss_percent"},
		{"weir_sfp_tx_power_watts", "sfp.tx_power"},
		{"weir_datagrams_total", "weir.datagrams"},
	} {
		if seen[c.name] != c.at {
			t.Errorf("%s is of %q, want %q", c.name, seen[c.name], c.at)
		}
	}
}

func TestScalesAreThoseOfBaseUnits(t *testing.T) {
	scales := map[string]float64{}
	for _, m := range Metrics() {
		scales[m.Class+"."+m.Field] = m.Scale
	}
	for at, want := range map[string]float64{
		"host_cpu.cpu_idle": 1e-3, "host_cpu.cpu_speed": 1e6, "if_counters.in_utilization": 1e-2, "sfp.tx_power": 1e-6,
		"sfp.module_supply_voltage": 1e-3, "host_memory.free": 1, "if_counters.in_bits_per_second": 1,
	} {
		if scales[at] != want {
			t.Errorf("%s is multiplied with %g, want %g", at, scales[at], want)
		}
	}
}

func TestWordsThatNameNothing(t *testing.T) {
	for _, w := range append(KeptByDefault(), "*", "if_counters", "sfp.tx_power") {
		if err := CheckWord(w); err != nil {
			t.Errorf("%s: %v", w, err)
		}
	}
	for w, want := range map[string]string{
		"": "no such class", "interface": "if_counters", "if_counters.": "no such number", "if_counters.in_bytes": "in_octets", "top.key": "no such number", "if_counters.*": "no such number",
	} {
		if err := CheckWord(w); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", w, err, want)
		}
	}
	for _, c := range Classes() {
		if n := len(c.Chosen([]string{"*"})); n != len(c.Fields)-textFields(c) {
			t.Errorf("* chooses %d fields of %s", n, c.Name)
		}
	}
	if got := ifCounters.Chosen([]string{"if_counters.oper_up", "host_cpu"}); !slices.Equal(got, []int{15}) {
		t.Errorf("chosen: %v", got)
	}
}

func textFields(c *Class) (n int) {
	for i := range c.Fields {
		if c.Fields[i].Unit == Text {
			n++
		}
	}
	return n
}
