package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// expectations are of the panels whose cells weir computes itself: what they
// must be, from what was sent.
var expectations = map[string]func(s *shown, cells []cell) error{
	"weir-noc/Open alerts":           atLeast("open", 1, map[string]string{"severity": "info"}),
	"weir-noc/Alerts open now":       says("subject", elephant2),
	"weir-noc/Alerts begun":          total("count", 2, map[string]string{"kind": "large_flow"}), // both elephants
	"weir-noc/Alerts open over time": atLeast("count", 1, map[string]string{"kind": "large_flow"}),
	"weir-noc/Alert log":             says("text", elephant1),
	"weir-noc/Top talkers":           sampled(40002),
	"weir-noc/Agents silent":         between("silent_seconds", 0, 11, 5),
	"weir-noc/Datagrams received": func(s *shown, cells []cell) error {
		return perSecond(s, cells, nil, s.truth.datagrams)
	},

	"weir-traffic/Top keys over time": sampled(40001),
	"weir-traffic/Top keys now":       sampled(40002),
	"weir-traffic/All keys together":  func(s *shown, cells []cell) error { return counted(s, cells, nil, s.truth.all, 5) }, // a packet passes up to five ports, of which one counts once that is learned
	"weir-traffic/Protocols": func(s *shown, cells []cell) error {
		return perSecond(s, cells, map[string]string{"agent_name": "leaf1"}, s.truth.protocols["10.255.0.11"])
	},
	"weir-traffic/Tunnelled networks": func(s *shown, cells []cell) error {
		return perSecond(s, cells, map[string]string{"vni": "5001"}, s.truth.vnis["5001"])
	},
	"weir-traffic/Discarded packets": func(s *shown, cells []cell) error {
		return perSecond(s, cells, map[string]string{"agent_name": "spine", "reason": "ttl_exceeded"}, s.truth.discards)
	},

	"weir-agents/Agents": func(s *shown, cells []cell) error {
		return soFar(s, numbers(cells, "datagrams", map[string]string{"agent_name": "leaf2"}), s.truth.agents["10.255.0.12"])
	},
	"weir-agents/Datagrams of agents": func(s *shown, cells []cell) error {
		return perSecond(s, cells, map[string]string{"agent_name": "leaf2"}, s.truth.agents["10.255.0.12"])
	},
	"weir-agents/Datagrams lost":    nothing,
	"weir-agents/Sampling rates":    samplingRates,
	"weir-agents/Flow samples lost": nothing,
	"weir-agents/Flow samples": func(s *shown, cells []cell) error {
		return perSource(s, cells, func(src *trueSource) events { return src.samples })
	},
	"weir-agents/Counter samples": func(s *shown, cells []cell) error {
		return perSource(s, cells, func(src *trueSource) events { return src.counters })
	},
	"weir-agents/Samples against counters": func(s *shown, cells []cell) error {
		return perSecond(s, cells, map[string]string{"agent_name": "leaf1", "if_name": "swp2"}, s.truth.sources["10.255.0.11 0:2"].bits)
	},
	"weir-agents/Records not decoded": func(s *shown, cells []cell) error { return perSecond(s, cells, nil, s.truth.skipped) },
	"weir-agents/Formats not decoded": func(s *shown, cells []cell) error {
		return soFar(s, numbers(cells, "count", map[string]string{"name": "bst_port_buffers"}), s.truth.skipped)
	},

	"weir-self/Datagrams": func(s *shown, cells []cell) error { return perSecond(s, cells, nil, s.truth.datagrams) },
	"weir-self/Samples": func(s *shown, cells []cell) error {
		return perSecond(s, slices.DeleteFunc(cells, func(c cell) bool { return c.column != "discard" }), nil, s.truth.discards)
	},
	"weir-self/Lost and refused": nothing,
	"weir-self/CPU":              between("program", 0.1, 400, 1),
	"weir-self/Memory":           between("memory", 1e7, 4e9, 1),
	"weir-self/Goroutines":       between("goroutines", 5, 500, 1),
	"weir-self/Uptime": func(s *shown, cells []cell) error {
		return within(numbers(cells, "uptime_seconds", nil), demoSpan.Seconds(), 0.2)
	},
	"weir-self/Ready": between("ready", 1, 1, 1),
	"weir-self/Agents": func(s *shown, cells []cell) error {
		return within(numbers(cells, "agents", nil), float64(len(s.truth.agents)), 0)
	},
	"weir-self/Interfaces": func(s *shown, cells []cell) error {
		return within(numbers(cells, "interfaces", nil), float64(len(s.truth.interfaces)), 0)
	},
	"weir-self/Sent": func(s *shown, cells []cell) error {
		return perSecond(s, cells, map[string]string{"sink": "forward " + s.truth.addr()}, s.truth.datagrams)
	},
	"weir-self/Failed and dropped":       nothing,
	"weir-self/Waiting":                  between("queued", 0, 4096, 1),
	"weir-self/Spool of the time series": between("on disk", 0, 1<<30, 1),
	"weir-self/Series":                   atLeast("series", 300, nil),
	"weir-self/Bounds in use": func(s *shown, cells []cell) error {
		return within(numbers(cells, "used", map[string]string{"bound": "agents"}), 100*float64(len(s.truth.agents))/16384, 1e-9)
	},
	"weir-self/Refused at a bound": func(s *shown, cells []cell) error {
		return nothing(s, slices.DeleteFunc(cells, func(c cell) bool { return c.tags["bound"] != "agents" }))
	},
}

// numbers returns the numbers of a column, of the series with these tags.
func numbers(cells []cell, column string, tags map[string]string) (v []float64) {
	for _, c := range cells {
		if c.column == column && has(c.tags, tags) {
			v = append(v, c.number)
		}
	}
	return v
}

func has(tags, want map[string]string) bool {
	for k, v := range want {
		if tags[k] != v {
			return false
		}
	}
	return true
}

// within compares the last of the values.
func within(v []float64, want, tolerance float64) error {
	if len(v) == 0 {
		return fmt.Errorf("no cell")
	}
	if got := v[len(v)-1]; math.Abs(got-want) > tolerance*want {
		return fmt.Errorf("%v, want %v within %v", got, want, tolerance)
	}
	return nil
}

func atLeast(column string, least float64, tags map[string]string) func(*shown, []cell) error {
	return func(_ *shown, cells []cell) error {
		v := numbers(cells, column, tags)
		if len(v) == 0 || slices.Max(v) < least {
			return fmt.Errorf("%v, want %v or more", v, least)
		}
		return nil
	}
}

func total(column string, want float64, tags map[string]string) func(*shown, []cell) error {
	return func(_ *shown, cells []cell) error {
		sum := 0.0
		for _, x := range numbers(cells, column, tags) {
			sum += x
		}
		return within([]float64{sum}, want, 0)
	}
}

// says wants a text in a column.
func says(column, want string) func(*shown, []cell) error {
	return func(_ *shown, cells []cell) error {
		if !slices.ContainsFunc(cells, func(c cell) bool { return c.column == column && strings.Contains(c.text, want) }) {
			return fmt.Errorf("no %s says %q: %.300s", column, want, fmt.Sprint(cells))
		}
		return nil
	}
}

// sampled wants the bit rate of the key with this source port near to what its
// samples stand for, at all switches together, in the ten seconds before.
func sampled(port uint16) func(*shown, []cell) error {
	return func(s *shown, cells []cell) error {
		sent, most, at := s.truth.flows[port], 0.0, s.now
		for _, c := range cells {
			if c.column == "bits_per_second" && strings.Contains(c.row["key"], fmt.Sprint(port)) && c.number > most {
				most = c.number
				if c.at.After(s.truth.first) { // else it is a last value, whose time is not told
					at = c.at
				}
			}
		}
		least, greatest := math.Inf(1), 0.0
		for lag := time.Duration(0); lag < 7*time.Second; lag += 100 * time.Millisecond { // of flushes, and of the last interval
			rate := sent.between(at.Add(-lag-10*time.Second), at.Add(-lag)) / 10
			least, greatest = min(least, rate), max(greatest, rate)
		}
		if most < 0.9*least || most > 1.1*greatest || most < 1e9 {
			return fmt.Errorf("%.3g bit/s, sent %.3g to %.3g", most, least, greatest)
		}
		return nil
	}
}

// between wants every cell of a column in a range, and some of them.
func between(column string, least, most float64, some int) func(*shown, []cell) error {
	return func(_ *shown, cells []cell) error {
		v := numbers(cells, column, nil)
		if len(v) < some || slices.Min(v) < least || slices.Max(v) > most {
			return fmt.Errorf("%v, want %d or more from %v to %v", v, some, least, most)
		}
		return nil
	}
}

// nothing wants zeros: the demo loses nothing.
func nothing(_ *shown, cells []cell) error {
	for _, c := range cells {
		if c.number != 0 {
			return fmt.Errorf("%v %s is %v", c.tags, c.column, c.number)
		}
	}
	return nil
}

// soFar wants a running total as of one of the last intervals.
func soFar(s *shown, v []float64, sent events) error {
	if len(v) == 0 {
		return fmt.Errorf("no cell")
	}
	least, most := sent.between(s.truth.first, s.now.Add(-interval)), sent.between(s.truth.first, s.now)
	if got := v[len(v)-1]; got < least || got > most {
		return fmt.Errorf("%v, want %v to %v", got, least, most)
	}
	return nil
}

// quiet is when the first elephant and what follows of it is over, and the
// second has not begun: what is late by an interval is late by little.
const quiet = 33 * time.Second

// perSecond wants the mean of the cells near to what was sent in their time.
// Intervals that the time shown cuts are left out; series of one time are added.
func perSecond(s *shown, cells []cell, tags map[string]string, sent events) error {
	return counted(s, cells, tags, sent, 1)
}

// counted is perSecond where of so many samples of a packet as few as one may count.
func counted(s *shown, cells []cell, tags map[string]string, sent events, times float64) error {
	sums := map[int64]float64{}
	for _, c := range cells {
		if has(c.tags, tags) && !c.at.Before(s.now.Add(-demoSpan)) && !c.at.Add(interval).After(s.truth.first.Add(quiet)) {
			sums[c.at.UnixNano()] += c.number
		}
	}
	if len(sums) == 0 {
		return fmt.Errorf("no cell of %v", tags)
	}
	mean := 0.0
	for _, x := range sums {
		mean += x / float64(len(sums))
	}
	// A value covers the interval before it, and switches keep samples for up to
	// a second: what was sent is taken as much earlier as that may be.
	least, most := math.Inf(1), 0.0
	for lag := time.Duration(0); lag <= 7*time.Second; lag += 200 * time.Millisecond {
		want := 0.0
		for at := range sums {
			from := time.Unix(0, at).Add(-lag)
			want += sent.between(from, from.Add(interval)) / interval.Seconds() / float64(len(sums))
		}
		least, most = min(least, want), max(most, want)
	}
	// An interval of the graph has one, two or three of the sink's, unweighted.
	if most == 0 || mean < 0.7*least/times || mean > 1.3*most {
		return fmt.Errorf("%v: %.4g a second in the mean of %d intervals, sent were %.4g to %.4g", tags, mean, len(sums), least, most)
	}
	return nil
}

// agentOf returns the address of the demo's agent with this name.
func agentOf(name string) string {
	for agent, n := range demoNames {
		if n == name {
			return agent
		}
	}
	return ""
}

// perSource wants what perSecond wants, of each data source that sent a lot.
func perSource(s *shown, cells []cell, of func(*trueSource) events) error {
	judged := 0
	for key, src := range s.truth.sources {
		agent, source, _ := strings.Cut(key, " ")
		tags := map[string]string{"agent_name": demoNames[agent], "source": source}
		if len(of(src)) < 6 || !slices.ContainsFunc(cells, func(c cell) bool { return has(c.tags, tags) }) {
			continue
		}
		if err := perSecond(s, cells, tags, of(src)); err == nil {
			judged++
		} else if of(src).between(s.truth.first, s.truth.first.Add(quiet)) > 300 {
			return err
		}
	}
	if judged == 0 {
		return fmt.Errorf("no data source as sent")
	}
	return nil
}

// samplingRates wants the rate of each data source as it was sent.
func samplingRates(s *shown, cells []cell) error {
	judged := 0
	for _, c := range cells {
		if c.column != "sampling_rate" {
			continue
		}
		src := s.truth.sources[agentOf(c.tags["agent_name"])+" "+c.tags["source"]]
		if src == nil || float64(src.rate) != c.number {
			return fmt.Errorf("%v: %v, sent %+v", c.tags, c.number, src)
		}
		judged++
	}
	if judged < 10 {
		return fmt.Errorf("%d data sources", judged)
	}
	return nil
}
