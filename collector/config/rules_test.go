package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/detect/rules"
)

const goodRules = `rules:
  - name: dns to servers
    key: [dst, "src/24"]
    filter: "proto = udp and src_port = 53"
    value: packets_per_second
    window: 30s
    threshold: 20kpps
    severity: critical
    groups:
      - {name: resolvers, networks: ["192.0.2.0/28", 192.0.2.77], threshold: 200kpps}
    never: [192.0.2.53]
    at: sum
    keys: 1024
    off: true
  - {name: port errors, watch: if_in_errors rate > 10/s, agents: [10.0.0.0/8], agent_names: "leaf*", interfaces: ["Ethernet*"]}
`

func TestParseReadsRules(t *testing.T) {
	c, err := Parse("f", []byte(goodRules))
	if err != nil {
		t.Fatal(err)
	}
	want := []rules.Spec{
		{
			Name: "dns to servers", Key: []string{"dst", "src/24"}, Filter: "proto = udp and src_port = 53", Value: "packets_per_second",
			Window: "30s", Threshold: "20kpps", Severity: "critical", Never: []string{"192.0.2.53"}, At: "sum", Keys: "1024", Off: true,
			Groups: []rules.GroupSpec{{Name: "resolvers", Networks: []string{"192.0.2.0/28", "192.0.2.77"}, Threshold: "200kpps"}},
		},
		{Name: "port errors", Watch: "if_in_errors rate > 10/s", Agents: []string{"10.0.0.0/8"}, AgentNames: []string{"leaf*"}, Interfaces: []string{"Ethernet*"}},
	}
	var got []rules.Spec
	for _, r := range c.Rules {
		got = append(got, r.Spec)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestParseNamesEveryMistakeInRules(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"no list", "rules: yes\n", `f:1: rules: "yes": needs a list, has a single value; write a "-" before each rule, or rules: [] for none`},
		{"no keys", "rules:\n  - dns\n", `f:2: rules[0]: "dns": needs keys, has a single value; write KEY: VALUE lines such as name: NAME`},
		{"unknown key", "rules:\n  - name: a\n    treshold: 5pps\n", "f:3: rules[0].treshold: unknown key; did you mean threshold?"},
		{"unknown key, near nothing", "rules:\n  - colour: a\n", "f:2: rules[0].colour: unknown key; write one of " + strings.Join(ruleKeys, ", ")},
		{"unknown key of a group", "rules:\n  - name: a\n    groups:\n      - network: 5\n", "f:4: rules[0].groups[0].network: unknown key; did you mean networks?"},
		{"key twice", "rules:\n  - name: a\n    key: [dst]\n    name: b\n", "f:4: rules[0].name: stands twice, first on line 2; remove one"},
		{"group for a value", "rules:\n  - name: {a: b}\n", "f:2: rules[0].name: needs one value, has a group of keys; write rules[0].name: VALUE"},
		{"off that is no word", "rules:\n  - {name: a, off: maybe}\n", `f:2: rules[0].off: "maybe": is neither true nor false; write true or false`},
		{"name missing", "rules:\n  - key: [dst]\n    threshold: 5Mbit/s\n", `f:2: rules[0]: the rule has no name; write one, such as name: "dns to servers"`},
		{"threshold missing", "rules:\n\n  - name: a\n    key: [dst]\n", "f:3: rules[0]: the rule has no threshold; write one, such as threshold: 100Mbit/s"},
		{"threshold 0", "rules:\n  - name: a\n    key: [dst]\n    threshold: 0bit/s\n", `f:4: rules[0].threshold: "0bit/s": is zero: every packet would raise an alert; write a bit rate above 0 such as 50Mbit/s`},
		{"window 0", "rules:\n  - name: a\n    key: [dst]\n    threshold: 5Mbit/s\n    window: 0s\n", `f:5: rules[0].window: "0s": is no time at all; write a time from 1s to 5m such as 10s`},
		{"filter", "rules:\n  - name: a\n    key: [dst]\n    threshold: 5Mbit/s\n    filter: proto = upd\n", `f:5: rules[0].filter: "proto = upd": column 9: "upd" is no protocol; write udp, or a number from 0 to 255`},
		{"filter that never matches", "rules:\n  - name: a\n    key: [dst]\n    threshold: 5Mbit/s\n    filter: proto = tcp and proto = udp\n",
			`f:5: rules[0].filter: "proto = tcp and proto = udp": can never match: no packet is all of that; remove one of the conditions, or join them with or`},
		{"key of the list", "rules:\n  - name: a\n    key:\n      - dst\n      - dst_prt\n    threshold: 5Mbit/s\n", `f:5: rules[0].key[1]: "dst_prt": unknown; did you mean dst_port?`},
		{"network of a group", "rules:\n  - name: a\n    key: [dst]\n    threshold: 5Mbit/s\n    groups:\n      - name: g\n        networks:\n          - 10.0.0.1/8\n        threshold: 1Gbit/s\n",
			`f:8: rules[0].groups[0].networks[0]: "10.0.0.1/8": has bits set beyond its length: 10.0.0.0/8 is the network; write "10.0.0.0/8", "2001:db8::/32" or one address`},
		{"group without a threshold", "rules:\n  - name: a\n    key: [dst]\n    threshold: 5Mbit/s\n    groups:\n      - name: g\n        networks: [10.0.0.0/8]\n", "f:6: rules[0].groups[0]: the group has no threshold; write one, or remove the group"},
		{"never of no network", "rules:\n  - name: a\n    key: [dst]\n    threshold: 5Mbit/s\n    never: [all]\n", `f:5: rules[0].never[0]: "all": is no address or network; write "10.0.0.0/8", "2001:db8::/32" or one address`},
		{"watch", "rules:\n  - name: a\n    watch: if_in_errors > 5\n", `f:3: rules[0].watch: "if_in_errors > 5": column 14: if_counters.if_in_errors is a counter, which only rises; write rate before the comparison, absent`},
		{"equal names", "rules:\n  - {name: a, key: [dst], threshold: 5Mbit/s}\n  - {name: a, key: [src], threshold: 5Mbit/s}\n",
			`f:3: rules[1].name: "a": is the name of rule 1 too; give each rule its own name: alerts are told apart by it`},
		{"too many", "rules:\n" + strings.Repeat("  - {name: a, key: [dst], threshold: 5Mbit/s}\n", 65), "f:2: rules: has 65 entries; write at most 64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := Parse("f", []byte(c.file))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if len(cfg.Rules) != 0 {
				t.Errorf("rules %v were taken", cfg.Rules)
			}
		})
	}
}

func TestFilterMistakeHasACaret(t *testing.T) {
	_, err := Parse("f", []byte("rules:\n  - name: a\n    key: [dst]\n    threshold: 5Mbit/s\n    filter: proto = upd\n"))
	all, _ := errors.AsType[Errors](err)
	if len(all) != 1 || all[0].Caret != "proto = upd\n        ^^^" {
		t.Errorf("%+v", all)
	}
}

func TestRulesAreReloaded(t *testing.T) {
	old := Default()
	fresh, err := Parse("f", []byte(goodRules))
	if err != nil {
		t.Fatal(err)
	}
	applied, restart := Changes(old, fresh)
	if diff := cmp.Diff([]string{"rules"}, applied); diff != "" || restart != nil {
		t.Errorf("(-want +got)\n%s%v", diff, restart)
	}
	got := Reloaded(old, fresh)
	if a, _ := Changes(got, fresh); a != nil || len(got.Rules) != 2 {
		t.Errorf("after the reload %v differ", a)
	}
}
