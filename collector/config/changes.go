package config

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
