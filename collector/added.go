package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/collector/config"
	"weir/collector/web"
	"weir/collector/web/access"
	"weir/collector/web/audit"
	"weir/detect/keys"
	"weir/detect/rules"
)

// added are the rules and keys that were added while running, which outlive a
// restart.
type added struct {
	dir string
	mu  sync.Mutex // guards what follows, and is held while a change is made
	all config.Added
	bad error // why the file could not be read: then nothing is added
}

// loadAdded reads what was added before.
func (a *app) loadAdded() {
	a.added.dir = a.cfg.StateDir
	if a.added.all, a.added.bad = config.ReadAdded(a.cfg.StateDir); a.added.bad != nil {
		a.log.Error().Err(a.added.bad).Msg("rules and keys that were added are ignored")
	}
}

// effective is the configuration with what was added. What the configuration has
// no place for is logged and left out.
func (a *app) effective(cfg config.Config) config.Config {
	a.added.mu.Lock()
	defer a.added.mu.Unlock()
	got, left := a.added.all.With(cfg)
	for _, err := range left {
		a.log.Error().Err(err).Msg("what was added is left out")
	}
	return got
}

// changeAdded makes a change of what was added: it is checked, kept, and in force
// when this returns.
func (a *app) changeAdded(ctx context.Context, change func(config.Added) (config.Added, error)) error {
	var err error
	if aerr := a.onEngine(ctx, func() {
		x := &a.added
		x.mu.Lock()
		next := config.Added{Rules: slices.Clone(x.all.Rules), Keys: slices.Clone(x.all.Keys)}
		if err = x.bad; err == nil {
			next, err = change(next)
		}
		if err == nil {
			_, left := next.With(*a.now.Load())
			_, before := x.all.With(*a.now.Load())
			if len(left) > len(before) {
				err = left[len(left)-1]
			}
		}
		if err == nil {
			err = next.Write(x.dir)
		}
		if err == nil {
			x.all = next
		}
		x.mu.Unlock()
		if err == nil {
			a.applyDetection()
		}
	}); aerr != nil {
		return aerr
	}
	return err
}

// RuleView is a rule in force.
type RuleView struct {
	Name     string    `json:"name"`
	Severity string    `json:"severity"`
	Off      bool      `json:"off"`
	Says     string    `json:"says"` // what it does, in one sentence
	By       string    `json:"by,omitempty"`
	At       time.Time `json:"at,omitzero"` // it was added while running; else it is of the configuration
}

// KeyView is a key definition that is counted.
type KeyView struct {
	Key string    `json:"key"` // "dst: packets distinct(src)"
	By  string    `json:"by,omitempty"`
	At  time.Time `json:"at,omitzero"` // it was added while running
}

// NewKey is a key that somebody adds.
type NewKey struct {
	Key string `json:"key"`
}

// rulesNow returns the rules in force, those of the configuration first.
func (a *app) rulesNow(ctx context.Context) (all []RuleView, err error) {
	all = []RuleView{}
	return all, a.onEngine(ctx, func() {
		cfg := *a.now.Load()
		fixed := len(cfg.Rules)
		for i, r := range a.effective(cfg).Rules {
			v := viewRule(&r)
			if i >= fixed {
				v.By, v.At = a.addedBy(r.Name)
			}
			all = append(all, v)
		}
	})
}

func viewRule(r *rules.Rule) RuleView {
	return RuleView{Name: r.Name, Severity: r.Severity, Off: r.Off, Says: r.Explain(rules.DefaultSampling)}
}

// addedBy returns who added the rule with a name, and when.
func (a *app) addedBy(name string) (string, time.Time) {
	a.added.mu.Lock()
	defer a.added.mu.Unlock()
	for i := range a.added.all.Rules {
		if r := &a.added.all.Rules[i]; nameOf(r) == name {
			return r.By, r.At
		}
	}
	return "", time.Time{}
}

func nameOf(r *config.AddedRule) string {
	var v struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(r.Rule, &v) // it was read before
	return strings.TrimSpace(v.Name)
}

// addedRoutes are the routes of rules and keys.
func (a *app) addedRoutes() []web.Route {
	const ruleset, counted = "/api/v1/rules", "/api/v1/keys"
	return []web.Route{
		{Method: "GET", Path: ruleset, Needs: access.Viewer, Summary: "Rules in force, those of the configuration first.", Answer: []RuleView{},
			Serve: web.Answers(func(r *http.Request) (any, error) { return a.rulesNow(r.Context()) })},
		{Method: "POST", Path: ruleset, Needs: access.Operator, Audit: audit.Change, Summary: "Add a rule, with the keys that rules of the configuration have; it is in force when this answers, and after a restart.",
			Body: map[string]any{}, Answer: RuleView{}, Serve: web.Answers(a.addRule)},
		{Method: "DELETE", Path: ruleset + "/{name}", Needs: access.Operator, Audit: audit.Change, Summary: "Remove a rule that was added; its alerts end.", Answer: RuleView{},
			Serve: web.Answers(a.removeRule)},
		{Method: "GET", Path: counted, Needs: access.Viewer, Summary: "Keys that are counted, those of the configuration first.", Answer: []KeyView{},
			Serve: web.Answers(func(r *http.Request) (any, error) { return a.keysNow(r.Context()) })},
		{Method: "POST", Path: counted, Needs: access.Operator, Audit: audit.Change, Summary: "Count a key, as in top.keys of the configuration; counting of all keys begins anew.", Body: NewKey{}, Answer: KeyView{},
			Serve: web.Answers(a.addKey)},
		{Method: "DELETE", Path: counted, Needs: access.Operator, Audit: audit.Change, Summary: "Count a key that was added no more.", Answer: KeyView{},
			Params: []web.Param{{Name: "key", Says: "as it is listed"}}, Serve: web.Answers(a.removeKey)},
	}
}

// place is where a mistake of a rule stands, which is of no use to who sent it.
var place = regexp.MustCompile(`(?m)^rule:(\d+:)? (rule(\.|: ))?`)

func (a *app) addRule(r *http.Request) (any, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if !json.Valid(body) {
		return nil, asked(errors.New("the body is no JSON object"))
	}
	rule, err := config.ParseRule("rule", body)
	if err != nil {
		return nil, asked(errors.New(place.ReplaceAllString(err.Error(), "")))
	}
	more := config.AddedRule{By: access.Of(r.Context()).Name, At: time.Now().UTC(), Rule: body}
	err = a.changeAdded(r.Context(), func(x config.Added) (config.Added, error) {
		x.Rules = append(x.Rules, more)
		return x, nil
	})
	if err != nil {
		return nil, asked(err)
	}
	a.log.Info().Str("rule", rule.Name).Str("by", more.By).Msg("rule added")
	v := viewRule(&rule)
	v.By, v.At = more.By, more.At
	return v, nil
}

func (a *app) removeRule(r *http.Request) (any, error) {
	name, gone := r.PathValue("name"), RuleView{}
	err := a.changeAdded(r.Context(), func(x config.Added) (config.Added, error) {
		i := slices.IndexFunc(x.Rules, func(r config.AddedRule) bool { return nameOf(&r) == name })
		if i < 0 {
			if slices.ContainsFunc(a.now.Load().Rules, func(r rules.Rule) bool { return r.Name == name }) {
				return x, fmt.Errorf("rule %q: stands in the configuration; remove it there and reload", name)
			}
			return x, fmt.Errorf("rule %q: is none that was added; `weir rule list` shows them", name)
		}
		if rule, err := config.ParseRule("rule", x.Rules[i].Rule); err == nil {
			gone = viewRule(&rule)
		}
		gone.Name, gone.By, gone.At = name, x.Rules[i].By, x.Rules[i].At
		x.Rules = slices.Delete(x.Rules, i, i+1)
		return x, nil
	})
	if err != nil {
		return nil, asked(err)
	}
	a.log.Info().Str("rule", name).Str("by", access.Of(r.Context()).Name).Msg("rule removed")
	return gone, nil
}

func (a *app) keysNow(ctx context.Context) (all []KeyView, err error) {
	all = []KeyView{}
	return all, a.onEngine(ctx, func() {
		a.added.mu.Lock()
		defer a.added.mu.Unlock()
		by := map[config.TopKey]config.AddedKey{}
		for _, k := range a.added.all.Keys {
			by[k.Key] = k
		}
		fixed := *a.now.Load()
		cfg, _ := a.added.all.With(fixed)
		for i, k := range cfg.Top.Keys {
			v := KeyView{Key: string(k)}
			if i >= len(fixed.Top.Keys) {
				v.By, v.At = by[k].By, by[k].At
			}
			all = append(all, v)
		}
	})
}

func (a *app) addKey(r *http.Request) (any, error) {
	var n NewKey
	if err := web.ReadBody(r, &n); err != nil {
		return nil, err
	}
	key, err := config.ParseTopKey(n.Key)
	if err != nil {
		return nil, asked(fmt.Errorf("key %q: %w", n.Key, err))
	}
	k := config.AddedKey{By: access.Of(r.Context()).Name, At: time.Now().UTC(), Key: key}
	err = a.changeAdded(r.Context(), func(x config.Added) (config.Added, error) {
		if n := len(a.now.Load().Top.Keys) + len(x.Keys); n >= keys.MaxDefinitions {
			return x, fmt.Errorf("key %q: %d are counted already; remove one", key, n)
		}
		x.Keys = append(x.Keys, k)
		return x, nil
	})
	if err != nil {
		return nil, asked(err)
	}
	a.log.Info().Str("key", string(key)).Str("by", k.By).Msg("key added")
	return KeyView{string(key), k.By, k.At}, nil
}

func (a *app) removeKey(r *http.Request) (any, error) {
	text, gone := r.URL.Query().Get("key"), KeyView{}
	key, err := config.ParseTopKey(text)
	if err != nil {
		return nil, asked(fmt.Errorf("key %q: %w", text, err))
	}
	err = a.changeAdded(r.Context(), func(x config.Added) (config.Added, error) {
		i := slices.IndexFunc(x.Keys, func(k config.AddedKey) bool { return k.Key == key })
		if i < 0 {
			return x, fmt.Errorf("key %q: is none that was added; `weir key list` shows them", key)
		}
		gone = KeyView{string(key), x.Keys[i].By, x.Keys[i].At}
		x.Keys = slices.Delete(x.Keys, i, i+1)
		return x, nil
	})
	if err != nil {
		return nil, asked(err)
	}
	a.log.Info().Str("key", string(key)).Str("by", access.Of(r.Context()).Name).Msg("key removed")
	return gone, nil
}
