package hostagent

import (
	"context"
	"slices"

	"weir/hostagent/config"
	"weir/hostagent/source"
)

// reloads takes over new configurations until ctx is done.
func (a *Agent) reloads(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case r, ok := <-a.io.Reload:
			if !ok {
				return
			}
			a.reload(ctx, r)
		}
	}
}

// reload takes over the configuration of r. Modules whose settings stay go on;
// sequence numbers, sockets of collectors that stay, and events on their way live
// on in any case.
func (a *Agent) reload(ctx context.Context, r Reload) {
	a.mu.Lock()
	for _, key := range needRestart(&a.cfg, &r.Config) {
		a.io.Log.Warn().Str("key", key).Msg("key needs a restart")
	}
	next, changed := takeOver(a.modules, modules(r.Config, a))
	for _, m := range a.modules {
		if !slices.Contains(next, m) {
			m.stop()
			a.gone += m.failures()
		}
	}
	a.cfg, a.digest, a.modules = r.Config, r.Digest, next
	a.peers.set(next)
	a.mu.Unlock()
	a.startModules(ctx)
	a.lookAgain()
	for _, m := range next {
		if slices.Contains(changed, m.source.Name()) {
			a.withoutPrivilege(m)
		}
	}
	a.io.Log.Info().Str("digest", r.Digest).Strs("changed", changed).Msg("configuration read again")
}

// takeOver returns the modules to run: those of old that go on, and those of made
// that are new or take the place of one with other settings. It names the modules
// that are not as they were.
func takeOver(old, made []*module) (next []*module, changed []string) {
	left := slices.Clone(old)
	for _, m := range made {
		i := slices.IndexFunc(left, func(o *module) bool { return o.source.Name() == m.source.Name() })
		if i < 0 {
			next, changed = append(next, m), append(changed, m.source.Name())
			continue
		}
		o := left[i]
		left = slices.Delete(left, i, i+1)
		o.pollEvery(m.every)
		if o.settings != m.settings {
			changed = append(changed, m.source.Name())
			c, ok := o.source.(source.Changer)
			if !ok || !c.Change(m.source) {
				next = append(next, m)
				continue
			}
			o.settings = m.settings
		}
		next = append(next, o)
	}
	for _, o := range left {
		changed = append(changed, o.source.Name())
	}
	return next, changed
}

// withoutPrivilege tells of a module that needs what was given up at the start.
func (a *Agent) withoutPrivilege(m *module) {
	for _, name := range missing(m.source) {
		a.io.Log.Warn().Str("module", m.source.Name()).Str("privilege", name).Msg("module needs a restart of the agent")
	}
}

// needRestart names the keys that differ and that a reload does not take over.
func needRestart(old, now *config.Config) (keys []string) {
	for _, k := range [...]struct {
		key  string
		same bool
	}{
		{"node", old.Node == now.Node}, {"sub_agent", old.SubAgent == now.SubAgent},
		{"key_file", old.KeyFile == now.KeyFile},
		{"plain_collectors", (len(old.PlainCollectors) > 0) == (len(now.PlainCollectors) > 0)}, {"state_dir", old.StateDir == now.StateDir},
	} {
		if !k.same {
			keys = append(keys, k.key)
		}
	}
	return keys
}
