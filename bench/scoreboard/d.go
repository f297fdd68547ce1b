package main

import (
	"fmt"
	"time"

	"weir/bench/scoreboard/report"
	"weir/bench/scoreboard/site"
)

// flooding is a setting of D1 to D3. The attack lasts far longer than it needs
// to be seen.
func flooding(a site.Attack, pps float64, rate uint32) site.Floods {
	need := 12 * float64(rate) / pps
	return site.Floods{
		Attack: a, PPS: pps, Rate: rate, Flush: -1, Benign: 12,
		Warm: 10 * time.Second, Spread: 10 * time.Second,
		Lasts: min(max(time.Duration(10*need*1e9), 8*time.Second), 90*time.Second),
	}
}

// needed is the target of the median: twelve samples and a tick.
func needed(pps float64, rate uint32) float64 { return 12*float64(rate)/pps + 0.1 }

// d1 is floods by SYN, and UDP at multiples of FastNetMon's threshold.
func (r *run) d1() []*report.Table {
	t := &report.Table{
		ID: "D1", Title: "SYN flood, spoofed: seconds from the first packet",
		Columns: []string{"packets/s", "sampling", "weir p50 / p90 / p99", "target p50, p99", "class right", "95 % interval covers", "model of FastNetMon's logic p50", "EWMA 2 s p50", "attacks"},
	}
	for _, v := range []struct {
		pps  float64
		rate uint32
	}{{20e3, 400}, {20e3, 1000}, {20e3, 4096}, {20e3, 10000}, {100e3, 1000}, {100e3, 10000}, {1e6, 1000}, {1e6, 10000}, {5e6, 10000}} {
		res := r.runFloods(flooding(site.SYN, v.pps, v.rate), kindFlood, r.pick(10, 100))
		n := needed(v.pps, v.rate)
		t.Add(report.Count(v.pps), fmt.Sprintf("1:%d", v.rate), res.when(), report.Seconds(n)+", "+report.Seconds(2*n),
			res.rightOf(), res.coveredOf(), report.Seconds(report.Quantile(res.fast, 0.5)), report.Seconds(report.Quantile(res.ewma, 0.5)), len(res.delays))
	}
	t.Note("models: FastNetMon's published logic and an EWMA of 2 s on the packets to the victim, both with FastNetMon's default threshold of 20,000 packets/s; they name no class")
	t.Note("target: p50 of 12 samples and 0.1 s, p99 of twice that")
	return []*report.Table{t, r.multiples()}
}

// multiples is the UDP flood that the real FastNetMon was measured on too.
func (r *run) multiples() *report.Table {
	t := &report.Table{
		ID: "D1", Title: "UDP flood at multiples of 20,000 packets/s, 1:100: p50 / p99 in seconds",
		Columns: []string{"times", "weir", "target p50", "model of FastNetMon's logic", "EWMA 2 s", "FastNetMon itself", "attacks"},
	}
	real, why := r.fastNetMon()
	for _, times := range []float64{2, 5, 10} {
		l := flooding(site.UDP, times*floodThreshold, 100)
		res := r.runFloods(l, kindFlood, r.pick(10, 100))
		two := func(v []float64) string {
			return report.Seconds(report.Quantile(v, 0.5)) + " / " + report.Seconds(report.Quantile(v, 0.99))
		}
		weir := two(res.delays)
		if res.notYet() {
			weir = "none raised"
		}
		itself := "not run"
		if v := real[times]; len(v) > 0 {
			itself = fmt.Sprintf("%s (%d attacks)", two(v), len(v))
		}
		t.Add(times, weir, "0.15", two(res.fast), two(res.ewma), itself, len(res.delays))
	}
	t.Note("%s", why)
	return t
}

// d2 is amplification, fragments and the rest.
func (r *run) d2() []*report.Table {
	t := &report.Table{
		ID: "D2", Title: "other floods of 100,000 packets/s at 1:1000: seconds from the first packet, and the class named",
		Columns: []string{"truth", "weir p50 / p90 / p99", "target p50, p99", "class right", "classes named", "attacks"},
	}
	for _, a := range []site.Attack{
		site.Amplified("dns", 53, 1400), site.Amplified("ntp", 123, 490), site.Amplified("cldap", 389, 1400),
		site.Amplified("memcached", 11211, 1400), site.Amplified("ssdp", 1900, 350), site.Amplified("snmp", 161, 1400),
		site.Amplified("isakmp", 500, 400), site.Amplified("bacnet", 47808, 300),
		site.Frag, site.UDP, site.ICMP, site.ACK,
	} {
		res := r.runFloods(flooding(a, 100e3, 1000), kindFlood, r.pick(10, 100))
		n := needed(100e3, 1000)
		t.Add(a.Class, res.when(), report.Seconds(n)+", "+report.Seconds(2*n), res.rightOf(), list(res.classes), len(res.delays))
	}
	t.Note("512 reflectors each; fragments are later ones, without ports")
	return []*report.Table{t}
}

// d3 is attacks that change.
func (r *run) d3() []*report.Table {
	t := &report.Table{
		ID: "D3", Title: "pulses, ramps, carpets and many ways in: SYN of 100,000 packets/s at 1:1000",
		Columns: []string{"attack", "weir p50 / p90 / p99", "model of FastNetMon's logic p50", "target", "seen", "attacks"},
	}
	trials := r.pick(10, 100)
	row := func(name, target string, l site.Floods, seen func(*floodResult) string) {
		res := r.runFloods(l, kindFlood, trials)
		s := "none raised"
		if !res.notYet() {
			s = seen(res)
		}
		t.Add(name, res.when(), report.Seconds(report.Quantile(res.fast, 0.5)), target, s, len(res.delays))
	}
	alerted := func(f *floodResult) string {
		return report.Percent(float64(f.floodsAlerted)/float64(len(f.delays))) + " of attacks"
	}
	steady := flooding(site.SYN, 100e3, 1000)
	steady.Lasts = 13 * time.Second
	pulse := steady
	pulse.Lasts, pulse.Pause, pulse.Pulses = 2*time.Second, 8*time.Second, 6
	row("pulses, 2 s of 10 s", "≥ 95 % of pulses", pulse, func(f *floodResult) string {
		return report.Percent(float64(f.covered)/float64(f.had)) + " of pulses"
	})
	ramp := steady
	ramp.Ramp = time.Minute
	row("ramp over 60 s", "", ramp, alerted)
	carpet := steady
	carpet.Attack.Hosts = 8
	row("carpet over a /24", "p50 ≤ "+report.Seconds(2*needed(100e3, 1000)), carpet, alerted)
	steady.Warm = time.Minute // in which the ports where traffic enters are learned
	ways := steady
	ways.Routers = 4
	row("one router", "bias ≤ 10 %", steady, (*floodResult).bias)
	row("four routers and a leaf", "bias ≤ 10 %", ways, (*floodResult).bias)
	t.Note("delays of the ramp are from its first packet; bias is of the estimates of the packet rate that rest on some 1,000 samples, 10 s into the attack, after a minute of benign traffic")
	return []*report.Table{t}
}

// d4 is scans.
func (r *run) d4() []*report.Table {
	t := &report.Table{
		ID: "D4", Title: "scans: seconds from the first packet",
		Columns: []string{"scan", "probes/s", "sampling", "weir p50 / p90 / p99", "40 samples take", "found", "other scan alerts", "flood alerts", "scans"},
	}
	for _, v := range []struct {
		name string
		pps  float64
		rate uint32
	}{{"ports of one host", 1000, 100}, {"ports of one host", 10000, 1000}, {"hosts of a /16, one port", 1000, 100}, {"hosts of a /16, one port", 10000, 1000}} {
		a := site.Attack{Class: "scan", Proto: 6, Flags: 2, Frame: 64, ToPort: 22, Ports: true}
		if v.name[0] == 'h' {
			a.Ports, a.Hosts = false, 16
		}
		l := flooding(a, v.pps, v.rate)
		l.Lasts = time.Duration(150 * float64(v.rate) / v.pps * 1e9)
		res := r.runFloods(l, kindScan, r.pick(10, 100))
		t.Add(v.name, report.Count(v.pps), fmt.Sprintf("1:%d", v.rate), res.when(), report.Seconds(40*float64(v.rate)/v.pps),
			report.Percent(float64(res.floodsAlerted)/float64(len(res.delays))), res.strangers[string(kindScan)], res.strangers[string(kindFlood)], len(res.delays))
	}
	t.Note("the scanner probes at random, as scanners do; goal: 40 distinct samples, precision ≥ 98 %%")
	return []*report.Table{t}
}
