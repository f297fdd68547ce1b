package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Changes names the keys whose values differ: those that SIGHUP applies, and
// those that need a restart.
func Changes(old, new Config) (applied, needRestart []string) {
	for i := range keys {
		k := &keys[i]
		switch {
		case k.get(&old) == k.get(&new):
		case k.live:
			applied = append(applied, k.name)
		default:
			needRestart = append(needRestart, k.name)
		}
	}
	return applied, needRestart
}

// Reloaded returns old with the keys of new that a running collector applies.
func Reloaded(old, new Config) Config {
	for i := range keys {
		if keys[i].live {
			keys[i].copy(&old, &new)
		}
	}
	return old
}

// Digest returns the SHA-256 of a configuration, as it reads: of secrets it has the
// references alone.
func Digest(c Config) string {
	sum := sha256.New()
	for i := range keys {
		fmt.Fprintf(sum, "%s=%s\n", keys[i].name, keys[i].get(&c))
	}
	return hex.EncodeToString(sum.Sum(nil))
}
