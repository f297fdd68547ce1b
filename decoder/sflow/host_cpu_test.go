package sflow

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHostCPUKnowsWhatTheAgentDidNotSend(t *testing.T) {
	const old = `
		3f800000 40000000 bf800000      # load: 1, 2, unknown
		00000003 000000a2 00000002      # running, total, CPUs
		00000a27 0000090b               # 2599 MHz, 2315 s
		00000001 00000002 00000003 00000004 00000005 00000006 00000007
		00000008 00000009               # interrupts, context switches`
	want := HostCPU{
		LoadOne: 1, LoadFive: 2, LoadFifteen: -1, ProcRun: 3, ProcTotal: 162, CPUNum: 2, CPUSpeed: 2599, Uptime: 2315,
		CPUUser: 1, CPUNice: 2, CPUSystem: 3, CPUIdle: 4, CPUWIO: 5, CPUIntr: 6, CPUSIntr: 7, Interrupts: 8, Contexts: 9,
	}
	for _, c := range []struct {
		name, wire          string
		steal, guest, niced Counter32
		known               bool
	}{
		{"68 bytes", old, 0xffffffff, 0xffffffff, 0xffffffff, false},
		{"80 bytes, all zero", old + "\n 00000000 00000000 00000000", 0, 0, 0, true},
		{"80 bytes", old + "\n 0000000a 0000000b 0000000c", 10, 11, 12, true},
		{"80 bytes, not supported", old + "\n ffffffff ffffffff ffffffff", 0xffffffff, 0xffffffff, 0xffffffff, false},
		{"longer", old + "\n 0000000a 0000000b 0000000c 0000000d", 10, 11, 12, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got HostCPU
			if err := got.Decode(Record{Format: FormatHostCPU, Body: unhex(t, c.wire)}); err != nil {
				t.Fatal(err)
			}
			want.CPUSteal, want.CPUGuest, want.CPUGuestNice = c.steal, c.guest, c.niced
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.CPUSteal.Known() != c.known {
				t.Errorf("Known = %v, want %v", got.CPUSteal.Known(), c.known)
			}
			if n := len(got.Append(nil)); n != 8+80 {
				t.Errorf("Append wrote %d bytes, want 88", n)
			}
		})
	}
}

func TestLoadKnown(t *testing.T) {
	for _, c := range []struct {
		load  Load
		known bool
		json  string
	}{
		{0, true, "0"},
		{1.25, true, "1.25"},
		{-1, false, "null"},
		{Load(math.NaN()), false, "null"},
		{Load(math.Inf(1)), false, "null"},
		{Load(math.Inf(-1)), false, "null"},
	} {
		if got, _ := c.load.MarshalJSON(); c.load.Known() != c.known || string(got) != c.json {
			t.Errorf("%v: Known %v, JSON %s, want %v, %s", c.load, c.load.Known(), got, c.known, c.json)
		}
	}
}
