package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"weir/collector/store/flows"
)

func TestQueryMistakes(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"column", []string{"--by", "dest"}, `weir: --by "dest": history has no such column; it has agent,`},
		{"time", []string{"--from", "yesterday"}, `weir: --from "yesterday": no time; write such as -1h, -7d, now, 15:04`},
		{"filter", []string{"--filter", "dst_prt = 5"}, "weir: --filter: column 1: \"dst_prt\" is no field; write dst_port\nweir:   dst_prt = 5\nweir:   ^"},
		{"filter of what is not kept", []string{"--filter", "dst_port = 5 and mac_src = 02:00:5e:10:00:01"}, "weir: --filter: column 18: \"mac_src\": history does not keep it; write src, dst, src_port, dst_port, proto, tcp_flags, dscp, ttl, length, fragment, ether_type, vlan, agent, input, output, instance, sampling_rate\nweir:   dst_port = 5 and mac_src = 02:00:5e:10:00:01\nweir:                    ^"},
		{"instance without a model", []string{"--dir", "/nonexistent", "--filter", "instance = web-1"}, "weir: --filter: no model of the site beside /nonexistent: no instance is known; write addresses"},
		{"by instance without a model", []string{"--dir", "/nonexistent", "--by", "src_instance"}, "weir: --by: no model of the site beside /nonexistent"},
		{"filter without an end", []string{"--filter", "dst_port = 5 and "}, "weir: --filter: column 18: a field is missing at the end; write src, dst, src_port, dst_port, proto, tcp_flags, dscp, ttl, length, fragment, ether_type, vlan, agent, input"},
		{"format", []string{"--format", "xml"}, `weir: --format "xml": write table, json, csv or parquet`},
		{"directory", []string{"--dir", "/nonexistent"}, "weir: no history in /nonexistent: start `weir run` first, or name the directory with --dir"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := execute(context.Background(), append([]string{"query", "flows"}, c.args...), streams{strings.NewReader(""), &out, &errs})
			if code == 0 || !strings.HasPrefix(errs.String(), c.want) {
				t.Errorf("exit %d, %s\nwant %s", code, errs.String(), c.want)
			}
		})
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	for _, c := range []struct{ text, want string }{
		{"now", "2026-03-14T15:09:26Z"},
		{"-1h30m", "2026-03-14T13:39:26Z"},
		{"-2d", "2026-03-12T15:09:26Z"},
		{"-1d12h", "2026-03-13T03:09:26Z"},
		{"12:30", "2026-03-14T12:30:00Z"},
		{"2026-01-31", "2026-01-31T00:00:00Z"},
		{"2026-01-31T15:04:05+01:00", "2026-01-31T15:04:05+01:00"},
	} {
		got, err := flows.ParseTime(c.text, now)
		if err != nil || got.Format(time.RFC3339) != c.want {
			t.Errorf("%q: %v %v, want %s", c.text, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "-", "-x", "-1", "--1h", "-99999999d", "tomorrow", "25:00"} {
		if got, err := flows.ParseTime(bad, now); err == nil {
			t.Errorf("%q: read as %v", bad, got)
		}
	}
}
