package config

import (
	"strings"
	"testing"
)

func TestAgentKeys(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		keys             int
	}{
		{"two, a comment and an empty line", "# agents\n\n192.0.2.1 0123456789abcdef\n2001:db8::1 fedcba9876543210\n", "", 2},
		{"no address", "cn7 0123456789abcdef\n", "line 1 is no address with a key", 0},
		{"no key", "192.0.2.1\n", "line 1 is no address with a key", 0},
		{"short key", "192.0.2.1 0123\n", "line 1: the key of 192.0.2.1 has less than 16 octets", 0},
		{"twice", "192.0.2.1 0123456789abcdef\n::ffff:192.0.2.1 0123456789abcdef\n", "line 2: ::ffff:192.0.2.1 has a key already", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("KEYS", c.text)
			s, err := parseAgentKeys("${KEYS}")
			if err == nil != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if keys, _ := s.Keys(); err == nil && len(keys) != c.keys {
				t.Errorf("%d keys, want %d", len(keys), c.keys)
			}
			if err != nil && strings.Contains(err.Error(), "0123") {
				t.Errorf("%v shows a key", err)
			}
		})
	}
}
