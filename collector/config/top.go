package config

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"weir/detect"
	keydef "weir/detect/keys"
)

// Top configures which keys are counted, for `weir status --top`.
type Top struct {
	// Keys are the definitions; none counts nothing.
	Keys []TopKey
	// Entries is how many keys of each definition have a place in each shard:
	// a power of two.
	Entries int
}

// TopKey is a key and its value, "dst: packets distinct(src)".
type TopKey string

func defaultTop() Top {
	t := Top{Entries: detect.DefaultTopEntries}
	for _, d := range keydef.Default() {
		t.Keys = append(t.Keys, TopKey(d.String()))
	}
	return t
}

// ParseTopKey reads a key and its value and writes them in one way.
func ParseTopKey(s string) (TopKey, error) {
	d, err := parseDefinition(s)
	if err != nil {
		return "", &fault{problem: err.Error()}
	}
	return TopKey(d.String()), nil
}

func parseDefinition(s string) (keydef.Definition, error) {
	key, value, ok := strings.Cut(s, ":")
	if !ok {
		value = "bytes"
	}
	return keydef.ParseWith(strings.TrimSpace(key), strings.TrimSpace(value))
}

// Detector returns what the detector is told.
func (t *Top) Detector() detect.TopConfig {
	c := detect.TopConfig{Off: len(t.Keys) == 0, Entries: t.Entries}
	for _, k := range t.Keys {
		if d, err := parseDefinition(string(k)); err == nil { // read before
			c.Keys = append(c.Keys, d)
		}
	}
	return c
}

// topKeys are the keys of Top.
func topKeys() []key {
	return []key{
		live(checked(list("top.keys", func(c *Config) *[]TopKey { return &c.Top.Keys }, ParseTopKey, 0, keydef.MaxDefinitions), func(c *Config) error {
			d := c.Top.Detector()
			return d.Validate()
		})),
		scalar("top.entries", func(c *Config) *int { return &c.Top.Entries }, powerOfTwo(64, 1<<20)),
	}
}

// checked adds a check of the whole.
func checked(k key, check func(c *Config) error) key {
	set := k.set
	k.set = func(c *Config, n *yaml.Node, r *report) {
		bad := len(r.errs)
		set(c, n, r)
		if len(r.errs) > bad {
			return
		}
		if err := check(c); err != nil {
			r.add(n, k.name, &fault{problem: err.Error()})
		}
	}
	return k
}

func powerOfTwo(least, most int) func(string) (int, error) {
	read := whole(least, most)
	return func(s string) (int, error) {
		v, err := read(s)
		if err == nil && v&(v-1) != 0 {
			err = &fault{"not a power of two", "write one such as " + strconv.Itoa(detect.DefaultTopEntries)}
		}
		return v, err
	}
}

// HashSeed keys the hashes of what detectors count. Who knows it can send
// traffic that hides in a table: it is a secret.
type HashSeed struct {
	Secret
	seed uint64
	set  bool
}

// Seed returns the seed; false where none is configured.
func (h HashSeed) Seed() (uint64, bool) { return h.seed, h.set }

// Equal reports that both are the same reference and seed.
func (h HashSeed) Equal(o HashSeed) bool { return h == o }

// parseHashSeed reads a reference to 16 hexadecimal digits; "" is none.
func parseHashSeed(s string) (HashSeed, error) {
	if s == "" {
		return HashSeed{}, nil
	}
	secret, err := ParseSecret(s)
	if err != nil {
		return HashSeed{}, err
	}
	v, err := strconv.ParseUint(strings.TrimSpace(secret.Reveal()), 16, 64)
	if err != nil || len(strings.TrimSpace(secret.Reveal())) != 16 {
		return HashSeed{}, &fault{"what it names are not 16 hexadecimal digits", "make them with: openssl rand -hex 8"}
	}
	return HashSeed{secret, v, true}, nil
}
