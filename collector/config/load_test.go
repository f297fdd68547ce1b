package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/snmp"
	"weir/decoder"
	"weir/detect"
	"weir/detect/flood"
	keydef "weir/detect/keys"
	"weir/detect/rules"
	"weir/detect/site"
)

// equal compares configurations, whose addresses have unexported fields.
var equal = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
var equalPrefix = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
var equalAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
var equalRule = cmp.Comparer(func(a, b rules.Rule) bool { return cmp.Equal(a.Spec, b.Spec) })

func TestParseNamesEveryMistake(t *testing.T) {
	const (
		addr   = `write ADDRESS:PORT such as "[::]:6343", "127.0.0.1:8343" or ":6343"`
		limit  = "write a rate such as 50Mbit/s or 1.5Gbit/s, or a share of the interface's speed such as 10%"
		yaml   = `indent with spaces, put a space after each colon, quote values with special characters (here or on the line above)`
		remove = "remove it; `weir check --sample` prints every key"
	)
	for _, c := range []struct{ name, file, want string }{
		{"unknown key, near another", "\nlisten_on: x\nshard: 2\n",
			"f:2: listen_on: unknown key; did you mean listen?\nf:3: shard: unknown key; did you mean shards?"},
		{"unknown key, dashes", "receive-buffer: 1MiB\n", "f:1: receive-buffer: unknown key; did you mean receive_buffer?"},
		{"unknown key, swapped letters", "sahrds: 1\n", "f:1: sahrds: unknown key; did you mean shards?"},
		{"unknown key, right word in the wrong place", "threshold: 10%\n", "f:1: threshold: unknown key; did you mean large_flow.threshold?"},
		{"unknown key in a group", "limits:\n  agent: 5\n", "f:2: limits.agent: unknown key; did you mean limits.agents?"},
		{"unknown group", "large_flows:\n  threshold: 10%\n", "f:1: large_flows: unknown key; did you mean large_flow?"},
		{"unknown key, near nothing", "colour: red\n", "f:1: colour: unknown key; " + remove},
		{"unknown key, very long", strings.Repeat("x", 500) + ": 1\n", "f:1: " + strings.Repeat("x", 500) + ": unknown key; " + remove},
		{"key twice", "shards: 1\nhttp: \"\"\nshards: 2\n", "f:3: shards: stands twice, first on line 1; remove one"},
		{"key that is a list", "[a, b]: 1\n", "f:1: a key is a list; write KEY: VALUE"},

		{"word for a number", "shards: many\n", `f:1: shards: "many": not a whole number; write a whole number from 0 to 256`},
		{"fraction for a whole number", "shards: 1.5\n", `f:1: shards: "1.5": not a whole number; write a whole number from 0 to 256`},
		{"negative number", "shards: -1\n", `f:1: shards: "-1": out of range; write a whole number from 0 to 256`},
		{"number beyond 64 bits", "limits: {agents: 99999999999999999999}\n", `f:1: limits.agents: "99999999999999999999": out of range; write a whole number from 1 to 1048576`},
		{"zero where one is least", "limits:\n  agents: 0\n", `f:2: limits.agents: "0": out of range; write a whole number from 1 to 1048576`},
		{"list for a value", "shards: [1]\n", "f:1: shards: needs one value, has a list; write shards: VALUE"},
		{"group for a value", "shards:\n  n: 1\n", "f:2: shards: needs one value, has a group of keys; write shards: VALUE"},
		{"nothing for a value", "shards:\n", "f:1: shards: has no value; write one, or remove the key for its default"},
		{"value for a list", `listen: ":6343"` + "\n", `f:1: listen: ":6343": needs a list, has a single value; write it in brackets: listen: ["…", "…"]`},
		{"value for a group", "limits: 5\n", `f:1: limits: "5": needs keys, has a single value; write the keys below it, indented`},
		{"list for the file", "- a\n", "f:1: the file needs keys, has a list; write lines such as 'listen: [\"[::]:6343\"]'"},

		{"size without a number", "receive_buffer: big\n", `f:1: receive_buffer: "big": not a size; write a number with a unit, such as "32MiB"`},
		{"size with a wrong unit", "receive_buffer: 32MiBs\n", `f:1: receive_buffer: "32MiBs": not a size; write a number with a unit, such as "32MiB"`},
		{"size too small", "receive_buffer: 1kB\n", `f:1: receive_buffer: "1kB": out of range; write a size from 64KiB to 1GiB`},
		{"size that is no number", "receive_buffer: NaN\n", `f:1: receive_buffer: "NaN": not a size; write a number with a unit, such as "32MiB"`},

		{"address without a port", `listen: ["10.0.0.1"]`, `f:1: listen[0]: "10.0.0.1": no port; ` + addr},
		{"address, port too large", `listen: [":6343", ":70000"]`, `f:1: listen[1]: ":70000": the port is not a number from 0 to 65535; ` + addr},
		{"address that is a name", `http: "localhost:8343"`, `f:1: http: "localhost:8343": not an IP address; ` + addr + "; names are not looked up"},
		{"address twice", "listen:\n - \":6343\"\n - \"[::]:6343\"\n", `f:3: listen[1]: "[::]:6343": stands in the list twice; remove one`},
		{"no address", "listen: []\n", "f:1: listen: has 0 entries; write 1 to 16"},

		{"network that is none", `allow: ["tenants"]`, `f:1: allow[0]: "tenants": not a network; write "10.0.0.0/8", "2001:db8::/32" or one address`},
		{"network with host bits", `allow: ["10.1.2.3/8"]`, `f:1: allow[0]: "10.1.2.3/8": has bits set beyond its length; write "10.0.0.0/8"`},

		{"threshold without a unit", "large_flow: {threshold: 5}", `f:1: large_flow.threshold: "5": no unit: ` + limit},
		{"threshold in another unit", "large_flow: {threshold: 5MB/s}", `f:1: large_flow.threshold: "5MB/s": no unit: ` + limit},
		{"threshold of nothing", "large_flow: {threshold: 0%}", `f:1: large_flow.threshold: "0%": a share is above 0% and at most 100%: ` + limit},
		{"threshold above the link", "large_flow: {threshold: 120%}", `f:1: large_flow.threshold: "120%": a share is above 0% and at most 100%: ` + limit},
		{"threshold of no rate", "large_flow: {threshold: 0bit/s}", `f:1: large_flow.threshold: "0bit/s": a rate is a number above 0 and at most 1000Tbit/s: ` + limit},

		{"override without a unit", "large_flow: {instance: 5}", `f:1: large_flow.instance: "5": no unit: ` + limit + `; or "" for that of large_flow.threshold`},
		{"hold of nothing", "large_flow: {hold: 0s}", `f:1: large_flow.hold: "0s": out of range; write a time from 1s to 1h such as 30s`},
		{"hold without a unit", "flood: {hold: 30}", `f:1: flood.hold: "30": not a length of time; write a time from 1s to 1h such as 30s`},
		{"budget of nothing", "large_flow: {false_suspicions: 0}", `f:1: large_flow.false_suspicions: "0": out of range; write a number from 1e-06 to 10000`},
		{"flood threshold of nothing", "flood: {syn: 0pps}", `f:1: flood.syn: "0pps": is zero: every packet would raise an alert; write a packet rate above 0 such as 20kpps or 20000/s`},
		{"flood threshold in bits", "flood: {udp: 5Mbit/s}", `f:1: flood.udp: "5Mbit/s": is no packet rate; write a packet rate above 0 such as 20kpps or 20000/s`},
		{"flood bits as a share", "flood: {bits: 5%}", `f:1: flood.bits: "5%": not a bit rate; write a rate such as 50Mbit/s or 1.5Gbit/s`},
		{"cut without a port", `flood: {cut: ["192.0.2.1"]}`, `f:1: flood.cut[0]: "192.0.2.1": names no port of an agent; write AGENT/IFINDEX such as "192.0.2.1/17"`},
		{"factor below one", "flood: {baseline: 0.5}", `f:1: flood.baseline: "0.5": out of range; write a number from 1 to 1e+06`},
		{"too few targets", "scan: {targets: 5}", `f:1: scan.targets: "5": out of range; write a whole number from 10 to 500`},
		{"off that is no word", "scan: {off: 1}", `f:1: scan.off: "1": is neither true nor false; write true or false`},

		{"key of unknown field", `top: {keys: ["dts"]}`, `f:1: top.keys[0]: "dts": key field "dts": unknown; did you mean dst?`},
		{"key twice", `top: {keys: ["dst", "dst: bytes"]}`, `f:1: top.keys[1]: "dst: bytes": stands in the list twice; remove one`},
		{"key not quoted", "top:\n  keys:\n    - dst: bytes", `f:3: top.keys[0]: needs one value, has a group of keys; write top.keys[0]: VALUE`},
		{"too many fields", "top: {keys: [" + manyFields() + "]}", `f:1: top.keys: keys: more than 62 different fields in all definitions`},
		{"entries of no power", "top: {entries: 1000}", `f:1: top.entries: "1000": not a power of two; write one such as 4096`},
		{"seed in the file", "hash_seed: 0123456789abcdef", `f:1: hash_seed: a secret must not stand in the file; write ${NAME} for a variable of the environment, or file:/path`},
		{"seed too short", "hash_seed: ${SHORT}", `f:1: hash_seed: "${SHORT}": what it names are not 16 hexadecimal digits; make them with: openssl rand -hex 8`},

		{"server without a scheme", "influx: {url: \"192.0.2.9:8086\"}", `f:1: influx.url: "192.0.2.9:8086": no address of a server; write one such as http://127.0.0.1:8086`},
		{"server with a password", "influx: {url: \"http://noc:x@192.0.2.9\"}", `f:1: influx.url: "http://…@192.0.2.9": has a user or password, which must not stand in the file; write influx.token: ${NAME} with user:password`},
		{"token in the file", "influx: {token: abc}", `f:1: influx.token: a secret must not stand in the file; write ${NAME} for a variable of the environment, or file:/path`},
		{"bucket without a name", "influx: {bucket: \"\"}", `f:1: influx.bucket: no name of a bucket; write one such as weir, or database/policy for InfluxDB 1`},
		{"retention without a unit", "influx: {retention: 30}", `f:1: influx.retention: "30": no time of an hour or more; write one such as 30d or 12h, or 0 for ever`},
		{"site of nothing", "site: \"\"", `f:1: site: is empty; write a short name, or remove the key for its default`},

		{"rate without a unit", "limits: {admission_rate: 100}", `f:1: limits.admission_rate: "100": not a rate; write a number per second such as "100/s"`},
		{"rate of nothing", "limits: {admission_rate: 0/s}", `f:1: limits.admission_rate: "0/s": out of range; a rate is above 0`},
		{"word of a list", "log: {level: loud}", `f:1: log.level: "loud": not one of the words; write debug, info, warn, error`},
		{"relative state folder", "state_dir: state", `f:1: state_dir: "state": not an absolute path; write one such as "/var/lib/weir", or "" for the default`},

		{"a project without a name", "watched_projects: [\" \"]", `f:1: watched_projects[0]: " ": is no project; write the name or the ID that OpenStack shows of it`},
		{"window without a reason", "windows: [\"cn7 from 2026-03-01T22:00 for 2h in UTC by Ada\"]", `f:1: windows[0]: "cn7 from 2026-03-01T22:00 for 2h in UTC by Ada": is no maintenance window; write "SUBJECT from 2026-03-01T22:00 for 2h in Europe/Berlin by OWNER: REASON"`},
		{"window in no zone", "windows: [\"cn7 from 2026-03-01T22:00 for 2h in Bonn by Ada: x\"]", `f:1: windows[0]: "cn7 from 2026-03-01T22:00 for 2h in Bonn by Ada: x": Bonn is no IANA time zone; write "SUBJECT from 2026-03-01T22:00 for 2h in Europe/Berlin by OWNER: REASON"`},

		{"no YAML", "listen: [\n", "f:1: not YAML: did not find expected node content; " + yaml},
		{"tab", "limits:\n\tagents: 5\n", "f:2: not YAML: found character that cannot start any token; " + yaml},
		{"second document", "shards: 1\n---\nshards: 2\n", "f:2: a second document begins here; remove the \"---\" line"},
		{"control characters stay quoted", "log: {level: \"a\\nb\"}", `f:1: log.level: "a\nb": not one of the words; write debug, info, warn, error`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("SHORT", "abc")
			_, err := Parse("f", []byte(c.file))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if _, ok := errors.AsType[Errors](err); !ok {
				t.Errorf("error is %T, want Errors", err)
			}
		})
	}
}

func TestParseReadsEveryKey(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	t.Setenv("SEED", "0123456789abcdef\n")
	t.Setenv("KEYS", "192.0.2.1 0123456789abcdef\n")
	got, err := Parse("f", []byte(`
listen: &a [":6343", "192.0.2.1:9999", "[2001:db8::1]:6343"]
shards: 3
receive_buffer: 1.5MiB
state_dir: /srv/weir/
http: ""
access:
  certificate: /etc/weir/tls.crt
  key: /etc/weir/tls.key
  client_ca: /etc/weir/people.crt
  only: metrics
  hosts: [Weir.example.net, "2001:db8::1"]
  local: none
  others: viewer
  proxies: [192.0.2.0/28]
  user_header: X-User
  rate: 5/s
  people:
    - {name: Ada, role: operator, token: "sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}
    - {name: joe@example.net, role: viewer, projects: [p1, p2]}
large_flow: {off: true, threshold: 2.5 Gbit/s, physical: 5%, instance: 1Gbit/s, bridge: 2%, hold: 5s, false_suspicions: 2, false_confirmations: 0.5}
link_saturated: {off: true}
flood:
  {off: true, syn: 1pps, syn_ack: 2pps, rst: 3pps, tcp_anomaly: 4pps, ack: 5pps, udp: 6/s, amplification: 7pps, fragment: 8pps, icmp: 9pps,
  bits: 2Gbit/s, prefix: 4, baseline: 5, hold: 1m, cut: [192.0.2.1/17, "2001:db8::1/3"]}
scan: {off: true, targets: 50, hold: 2m, internal: [10.0.0.0/8], never: [10.9.9.9]}
allow: [10.0.0.0/8, 192.0.2.7]
rules: [{name: a, key: dst, threshold: 1Gbit/s}]
top: {keys: ["dst_port , dst", "input: distinct(src)"], entries: 128}
hash_seed: ${SEED}
site: north
influx: {url: "http://192.0.2.9:8086/", token: "${SEED}", org: noc, bucket: sflow/week, retention: 7d, interval: 5s, series: 5000, spool: 64MiB}
history: {off: true, dir: /srv/history/, size: 12.5%, flows: 128MiB, flows_age: 48h, rollups: 64MiB, rollups_age: 600h, alerts: 32MiB, alerts_age: 720h, evidence_age: 24h, evidence: 8MiB, evidence_payload: true, series: 64MiB, series_age: 96h, series_most: 5000, series_more: [protocols, host_cpu.contexts]}
names: {files: [/etc/weir/names.yaml], url: "https://192.0.2.9/names?x=1", token: "${SEED}", refresh: 1h}
snmp:
  - {agents: [10.0.0.0/8], community: "${SEED}"}
  - {agents: [192.0.2.7], port: 1161, user: weir, auth: sha256, auth_password: "${SEED}", privacy: aes, privacy_password: "${SEED}"}
forward: ["192.0.2.20:6343", "[2001:db8::9]:6344"]
limits:
  agents: 1
  interfaces: 2
  sources: 3
  keys: 64
  hot: 16
  sink_queue: 5
  admission_burst: 6
  admission_rate: 120/min
log: {level: debug, format: json}
agent_key: "${SEED}"
agent_keys: "${KEYS}"
watched_projects: [shop, 7d0c9a5e]
windows: ["cn7/br-int from 2026-03-01T22:00 for 2h in Europe/Berlin by Ada: new kernel"]
`+alertsFile()))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Listen: []netip.AddrPort{
			netip.MustParseAddrPort("[::]:6343"), netip.MustParseAddrPort("192.0.2.1:9999"), netip.MustParseAddrPort("[2001:db8::1]:6343"),
		},
		Shards: 3, ReceiveBuffer: 1536 * KiB, StateDir: "/srv/weir",
		LargeFlow: LargeFlow{
			Off: true, Threshold: detect.Threshold{BitsPerSecond: 2.5e9}, Hold: 5 * time.Second, Budget: detect.Budget{Suspected: 2, Confirmed: 0.5},
			Class: detect.ClassThresholds{decoder.PortPhysical: {Share: 0.05}, decoder.PortInstance: {BitsPerSecond: 1e9}, decoder.PortBridge: {Share: 0.02}},
		},
		LinkSaturated: LinkSaturated{true},
		Access:        accessOfFile(),
		Flood: Flood{
			true, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2e9, 4, 5, time.Minute,
			[]flood.Port{{Agent: netip.MustParseAddr("192.0.2.1"), IfIndex: 17}, {Agent: netip.MustParseAddr("2001:db8::1"), IfIndex: 3}},
		},
		Scan:  Scan{true, 50, 2 * time.Minute, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []netip.Prefix{netip.MustParsePrefix("10.9.9.9/32")}},
		Rules: []rules.Rule{{Spec: rules.Spec{Name: "a", Key: []string{"dst"}, Threshold: "1Gbit/s"}}},
		Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32")},
		Top:   Top{[]TopKey{"dst,dst_port: bytes", "agent,input: packets distinct(src)"}, 128},

		HashSeed: HashSeed{Secret{"0123456789abcdef\n", "${SEED}"}, 0x0123456789abcdef, true},

		Site: "north",
		History: History{
			true, "/srv/history", Size{Share: 0.125}, 128 * MiB, 48 * time.Hour, 64 * MiB, 600 * time.Hour, 32 * MiB, 720 * time.Hour, 24 * time.Hour, 8 * MiB, true,
			64 * MiB, 96 * time.Hour, 5000, []string{"protocols", "host_cpu.contexts"},
		},
		Influx: Influx{
			"http://192.0.2.9:8086", Secret{"0123456789abcdef\n", "${SEED}"}, "noc", "sflow/week",
			7 * 24 * time.Hour, 5 * time.Second, 5000, 64 * MiB,
		},

		Names: Names{[]string{"/etc/weir/names.yaml"}, "https://192.0.2.9/names?x=1", Secret{"0123456789abcdef\n", "${SEED}"}, time.Hour},
		SNMP: []SNMP{
			{Agents: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Community: Secret{"0123456789abcdef\n", "${SEED}"}},
			{
				Agents: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}, Port: 1161, User: "weir",
				Auth: snmp.AuthSHA256, AuthPassword: Secret{"0123456789abcdef\n", "${SEED}"},
				Privacy: snmp.PrivacyAES, PrivacyPassword: Secret{"0123456789abcdef\n", "${SEED}"},
			},
		},
		Forward: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.20:6343"), netip.MustParseAddrPort("[2001:db8::9]:6344")},

		AgentKey:        Secret{"0123456789abcdef\n", "${SEED}"},
		AgentKeys:       Secret{"192.0.2.1 0123456789abcdef\n", "${KEYS}"},
		WatchedProjects: []string{"shop", "7d0c9a5e"},
		Windows: []site.Window{{
			Subject: "cn7/br-int", From: time.Date(2026, 3, 1, 21, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC),
			Owner: "Ada", Reason: "new kernel", Zone: "Europe/Berlin",
		}},

		Limits: Limits{1, 2, 3, 64, 16, 5, 6, 2},
		Log:    Log{"debug", "json"},
	}
	want.Alerts, want.Severity = alertsOfFile()
	if diff := cmp.Diff(want, got, equal, equalPrefix, equalRule, equalAddr); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// Every key was set away from its default, so every key is read.
	d := Default()
	for i := range keys {
		if keys[i].get(&got) == keys[i].get(&d) && keys[i].name != "listen" {
			t.Errorf("%s is still its default %s", keys[i].name, keys[i].get(&d))
		}
	}
}

func TestParseOfNothingIsTheDefault(t *testing.T) {
	for _, file := range []string{"", "# only a comment\n", "---\n", "limits:\n#  agents: 5\n"} {
		got, err := Parse("f", []byte(file))
		if diff := cmp.Diff(Default(), got, equal, equalPrefix, equalRule); diff != "" || err != nil {
			t.Errorf("%q: error %v (-want +got)\n%s", file, err, diff)
		}
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestLoadMergesConfDInOrder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]*") // a folder that is no pattern
	main := write(t, filepath.Join(dir, "weir.yaml"), "shards: 1\nlisten: [':1', ':2']\nlimits: {agents: 7, keys: 100}\n")
	write(t, filepath.Join(dir, "conf.d", "20-b.yaml"), "shards: 3\n")
	write(t, filepath.Join(dir, "conf.d", "10-a.yaml"), "shards: 2\nlisten: [':3']\nlimits: {agents: 8}\n")
	write(t, filepath.Join(dir, "conf.d", "30-c.yaml.off"), "shards: 9\n")
	c, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	if c.Shards != 3 || c.Limits.Agents != 8 || c.Limits.Keys != 100 {
		t.Errorf("shards %d, agents %d, keys %d; want 3, 8, 100", c.Shards, c.Limits.Agents, c.Limits.Keys)
	}
	if len(c.Listen) != 1 || c.Listen[0].Port() != 3 {
		t.Errorf("listen %v, want the later list alone", c.Listen)
	}
}

func TestLoadReportsEveryFile(t *testing.T) {
	dir := t.TempDir()
	main := write(t, filepath.Join(dir, "weir.yaml"), "shards: x\n")
	more := write(t, filepath.Join(dir, "conf.d", "a.yaml"), "\nhttp: y\n")
	_, err := Load(main)
	all, ok := errors.AsType[Errors](err)
	if !ok || len(all) != 2 || all[0].File != main || all[1].File != more || all[1].Line != 2 {
		t.Errorf("errors %v, want one in each file", err)
	}
}

// The advice is for what named the file: a flag, conf.d, or a key.
func TestAdviceIsForWhatNamedTheFile(t *testing.T) {
	dir := t.TempDir()
	missing, conf := filepath.Join(t.TempDir(), "none"), write(t, filepath.Join(dir, "weir.yaml"), "")
	if err := os.MkdirAll(filepath.Join(dir, "conf.d", "a.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		load func() (Config, error)
		want string
	}{
		{"--config", func() (Config, error) { return Load(missing) }, "; name a file this user can read with --config FILE"},
		{"--rules", func() (Config, error) { return LoadFile(missing, "--rules") }, "; name a file this user can read with --rules FILE"},
		{"conf.d", func() (Config, error) { return Load(conf) }, "conf.d/a.yaml: cannot be read: is a directory; make it a file this user can read, or move it out of conf.d"},
		{"template", func() (Config, error) {
			return Parse("f", []byte("alerts: {sinks: [{type: webhook, url: http://127.0.0.1/, template: "+missing+"}]}"))
		}, "cannot be read: no such file or directory; name a file this user can read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := c.load(); err == nil || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("error %v, want it to end with %q", err, c.want)
			}
		})
	}
}

func TestLoadRejectsWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	const fix = "; name a file this user can read with --config FILE"
	missing := filepath.Join(dir, "none.yaml")
	for _, c := range []struct{ name, file, want string }{
		{"missing", missing, missing + ": cannot be read: no such file or directory" + fix},
		{"folder", dir, dir + ": cannot be read: is a directory" + fix},
		{"too long", write(t, filepath.Join(dir, "big"), "#"+strings.Repeat("x", maxFile)), filepath.Join(dir, "big") + ": is longer than 1MiB" + fix},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(c.file)
			if err == nil || err.Error() != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

func TestDefaultStateDir(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"service", map[string]string{"STATE_DIRECTORY": "/var/lib/weir:/x", "HOME": "/root"}, "/var/lib/weir"},
		{"user with XDG", map[string]string{"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/weir"},
		{"relative XDG is none", map[string]string{"XDG_STATE_HOME": "s", "HOME": "/h"}, "/h/.local/state/weir"},
		{"user", map[string]string{"HOME": "/h"}, "/h/.local/state/weir"},
		{"nobody", nil, "/var/lib/weir"},
	} {
		if got := defaultStateDir(func(k string) string { return c.env[k] }); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("listen: [':1']\nlimits:\n  agents: 5\n"))
	f.Add([]byte("a: &a [*a]\nlisten: *a\n<<: *a\n"))
	f.Add([]byte(goodRules))
	f.Add([]byte("rules: [{name: a, key: [dst, 'src,dst'], filter: 'x =', groups: [{networks: *a}]}, &b {watch: \"\\n\"}, *b]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse("f", b)
		if all, ok := errors.AsType[Errors](err); err != nil && !ok {
			t.Fatalf("error is %T", err)
		} else if len(all) != 0 && strings.Count(err.Error(), "\n") != len(all)-1 {
			t.Fatalf("an error is not one line: %q", err)
		}
		if len(c.Listen) == 0 || c.StateDir == "" || c.Limits.Agents < 1 {
			t.Fatalf("unusable configuration %+v", c)
		}
	})
}

// manyFields are keys with more prefix lengths than a set has room for.
func manyFields() string {
	var b strings.Builder
	for i := 1; i <= 32; i++ {
		fmt.Fprintf(&b, `"src/%d,dst/%d",`, i, i)
	}
	return b.String()
}

func TestTopCountsWhatIsListed(t *testing.T) {
	c := Default()
	none := Top{Entries: c.Top.Entries}
	if d := none.Detector(); !d.Off {
		t.Error("an empty list counts")
	}
	got := c.Top.Detector()
	if err := got.Validate(); err != nil || got.Off {
		t.Fatal(err, got.Off)
	}
	want := keydef.Default()
	all := got.Definitions()
	if len(all) != len(want) {
		t.Fatalf("%d definitions, want %d", len(all), len(want))
	}
	for i := range want {
		if want[i].String() != all[i].String() {
			t.Errorf("%d: %v, want %v", i, &all[i], &want[i])
		}
	}
}
