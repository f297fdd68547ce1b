package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"weir/collector/udp"
)

// key is one leaf of the file.
type key struct {
	name string // dotted
	live bool   // SIGHUP changes it without a restart
	set  func(c *Config, n *yaml.Node, r *report)
	get  func(c *Config) string // as it is written; equal texts are equal values
	copy func(to, from *Config)
}

// keys is every key there is: reading, suggesting, comparing and the sample's
// test all go by it.
var keys = slices.Concat([]key{
	list("listen", func(c *Config) *[]netip.AddrPort { return &c.Listen }, parseAddrPort, 1, udp.MaxListen),
	scalar("shards", func(c *Config) *int { return &c.Shards }, whole(0, udp.MaxShards)),
	scalar("receive_buffer", func(c *Config) *Bytes { return &c.ReceiveBuffer }, bytesWithin(64*KiB, GiB)),
	scalar("state_dir", func(c *Config) *string { return &c.StateDir }, parseStateDir),
	scalar("http", func(c *Config) *netip.AddrPort { return &c.HTTP }, parseHTTP),
}, accessKeys(), detectorKeys(), []key{
	live(ruleList("rules")),
}, topKeys(), influxKeys(), historyKeys(), namingKeys(), []key{
	scalar("hash_seed", func(c *Config) *HashSeed { return &c.HashSeed }, parseHashSeed),
	live(list("allow", func(c *Config) *[]netip.Prefix { return &c.Allow }, parsePrefix, 0, 4096)),
	scalar("limits.agents", func(c *Config) *int { return &c.Limits.Agents }, whole(1, 1<<20)),
	scalar("limits.interfaces", func(c *Config) *int { return &c.Limits.Interfaces }, whole(1, 1<<24)),
	scalar("limits.sources", func(c *Config) *int { return &c.Limits.Sources }, whole(1, 1<<24)),
	scalar("limits.keys", func(c *Config) *int { return &c.Limits.Keys }, whole(64, 1<<22)),
	scalar("limits.hot", func(c *Config) *int { return &c.Limits.Hot }, whole(16, 1<<20)),
	scalar("limits.sink_queue", func(c *Config) *int { return &c.Limits.SinkQueue }, whole(1, 1<<20)),
	scalar("limits.admission_burst", func(c *Config) *int { return &c.Limits.AdmissionBurst }, whole(1, 1<<20)),
	scalar("limits.admission_rate", func(c *Config) *Rate { return &c.Limits.AdmissionRate }, ParseRate),
	live(scalar("log.level", func(c *Config) *string { return &c.Log.Level }, oneOf("debug", "info", "warn", "error"))),
	scalar("log.format", func(c *Config) *string { return &c.Log.Format }, oneOf("auto", "console", "json")),
}, alertKeys(), siteKeys())

// Keys returns the dotted name of every key.
func Keys() []string {
	names := make([]string, len(keys))
	for i := range keys {
		names[i] = keys[i].name
	}
	return names
}

func live(k key) key {
	k.live = true
	return k
}

// scalar is a key with one value.
func scalar[T any](name string, at func(*Config) *T, parse func(string) (T, error)) key {
	return key{
		name: name,
		set: func(c *Config, n *yaml.Node, r *report) {
			if v, ok := parseNode(r, name, n, parse); ok {
				*at(c) = v
			}
		},
		get:  func(c *Config) string { return fmt.Sprint(*at(c)) },
		copy: func(to, from *Config) { *at(to) = *at(from) },
	}
}

// list is a key with least to most values.
func list[T comparable](name string, at func(*Config) *[]T, parse func(string) (T, error), least, most int) key {
	set := func(c *Config, n *yaml.Node, r *report) {
		if n.Kind != yaml.SequenceNode {
			r.add(n, name, &fault{"needs a list, has " + describe(n), "write it in brackets: " + name + `: ["…", "…"]`})
			return
		}
		if len(n.Content) < least || len(n.Content) > most {
			r.add(n, name, &fault{fmt.Sprintf("has %d entries", len(n.Content)), fmt.Sprintf("write %d to %d", least, most)})
			return
		}
		all := make([]T, 0, len(n.Content))
		bad := len(r.errs)
		for i, item := range n.Content {
			item = resolve(item)
			at := name + "[" + strconv.Itoa(i) + "]"
			v, ok := parseNode(r, at, item, parse)
			if ok && slices.Contains(all, v) {
				r.add(item, at, &fault{"stands in the list twice", "remove one"})
			}
			all = append(all, v)
		}
		if len(r.errs) == bad {
			*at(c) = all
		}
	}
	return key{
		name: name,
		set:  set,
		get:  func(c *Config) string { return fmt.Sprint(*at(c)) },
		copy: func(to, from *Config) { *at(to) = slices.Clone(*at(from)) },
	}
}

// parseNode reads one value and reports what is wrong with it.
func parseNode[T any](r *report, name string, n *yaml.Node, parse func(string) (T, error)) (v T, ok bool) {
	if n.Kind != yaml.ScalarNode {
		r.add(n, name, &fault{"needs one value, has " + describe(n), "write " + name + ": VALUE"})
		return v, false
	}
	if n.Tag == "!!null" {
		r.add(n, name, &fault{"has no value", "write one, or remove the key for its default"})
		return v, false
	}
	v, err := parse(n.Value)
	if err != nil {
		r.add(n, name, err)
		return v, false
	}
	return v, true
}

func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a group of keys"
	case n.Tag == "!!null":
		return "nothing"
	}
	return "a single value"
}

// whole reads a whole number from least to most.
func whole(least, most int) func(string) (int, error) {
	fix := fmt.Sprintf("write a whole number from %d to %d", least, most)
	return func(s string) (int, error) {
		v, err := strconv.ParseInt(s, 10, 64)
		switch {
		case err != nil && isDigits(s), err == nil && (v < int64(least) || v > int64(most)):
			return 0, &fault{"out of range", fix}
		case err != nil:
			return 0, &fault{"not a whole number", fix}
		}
		return int(v), nil
	}
}

func isDigits(s string) bool {
	return strings.Trim(s, "0123456789") == "" && s != ""
}

func bytesWithin(least, most Bytes) func(string) (Bytes, error) {
	return func(s string) (Bytes, error) {
		v, err := parseBytes(s)
		if err == nil && (v < least || v > most) {
			err = &fault{"out of range", fmt.Sprintf("write a size from %v to %v", least, most)}
		}
		return v, err
	}
}

func oneOf(words ...string) func(string) (string, error) {
	return func(s string) (string, error) {
		if slices.Contains(words, s) {
			return s, nil
		}
		return "", &fault{"not one of the words", "write " + strings.Join(words, ", ")}
	}
}

// parseStateDir reads an absolute path; "" is the default.
func parseStateDir(s string) (string, error) {
	if s == "" {
		return Default().StateDir, nil
	}
	if !filepath.IsAbs(s) {
		return "", &fault{"not an absolute path", `write one such as "/var/lib/weir", or "" for the default`}
	}
	return filepath.Clean(s), nil
}

// parseHTTP reads an address; "" is off.
func parseHTTP(s string) (netip.AddrPort, error) {
	if s == "" {
		return netip.AddrPort{}, nil
	}
	return parseAddrPort(s)
}
