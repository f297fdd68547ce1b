package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"weir/detect/rules"
)

// AddedFile is what in StateDir holds the rules and keys that were added while
// running.
const AddedFile = "added.json"

// Added is what was added while running.
type Added struct {
	Rules []AddedRule `json:"rules"`
	Keys  []AddedKey  `json:"keys"`
}

// AddedRule is a rule that somebody added: its keys are those of the
// configuration.
type AddedRule struct {
	By   string          `json:"by"`
	At   time.Time       `json:"at"`
	Rule json.RawMessage `json:"rule"`
}

// AddedKey is a key definition that somebody added, as in top.keys.
type AddedKey struct {
	By  string    `json:"by"`
	At  time.Time `json:"at"`
	Key TopKey    `json:"key"`
}

// ReadAdded reads what was added to a collector with a state directory; without a
// file it is nothing.
func ReadAdded(stateDir string) (a Added, err error) {
	name := filepath.Join(stateDir, AddedFile)
	b, err := readFile(name, "")
	if errors.Is(statOf(name), fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return a, Errors{{File: name, Problem: err.Error()}}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return Added{}, Errors{{File: name, Problem: "is not what weir wrote: " + err.Error(), Fix: "mend it, or remove it to begin without what was added"}}
	}
	return a, nil
}

func statOf(name string) error {
	_, err := os.Stat(name)
	return err
}

// Write writes what was added, whole or not at all.
func (a *Added) Write(stateDir string) error {
	name := filepath.Join(stateDir, AddedFile)
	b, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	// Always the same name: one that a kill leaves is used again.
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("%s: cannot be written: %w", name, err)
	}
	_, err = f.Write(append(b, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what is left is of no use
		return fmt.Errorf("%s: cannot be written: %w", name, err)
	}
	return nil
}

// ParseRule reads one rule in YAML or JSON; file names it in errors, which are an
// Errors.
func ParseRule(file string, b []byte) (rules.Rule, error) {
	r := &report{file: file}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		r.syntax(err)
		return rules.Rule{}, r.err()
	}
	if len(doc.Content) == 0 {
		r.add(nil, "rule", &fault{"is empty", "write its keys, such as name, key and threshold"})
		return rules.Rule{}, r.err()
	}
	return CheckRule(file, doc.Content[0])
}

// CheckRule reads a rule of a file; its errors, which are an Errors, have the lines of
// that.
func CheckRule(file string, n *yaml.Node) (rules.Rule, error) {
	r, root := &report{file: file}, resolve(n)
	rd := &ruleReader{r: r, at: "rule", nodes: map[string]*yaml.Node{"": root}}
	spec := rd.rule(root)
	rule, problems := rules.Compile(spec)
	rd.compiled(problems, len(r.errs) == 0)
	return rule, r.err()
}

// With returns the configuration with what was added. What cannot be added to it,
// because the configuration has it now or has no room, is left out, with the
// reason.
func (a *Added) With(c Config) (_ Config, left []error) {
	c.Rules, c.Top.Keys = slices.Clone(c.Rules), slices.Clone(c.Top.Keys)
	for i := range a.Rules {
		r, err := ParseRule(AddedFile, a.Rules[i].Rule)
		if err == nil {
			err = fits(c.Rules, r)
		}
		if err != nil {
			left = append(left, fmt.Errorf("added rule %q: %w", r.Name, err))
			continue
		}
		c.Rules = append(c.Rules, r)
	}
	for _, k := range a.Keys {
		more := c
		more.Top.Keys = append(slices.Clone(c.Top.Keys), k.Key)
		_, err := ParseTopKey(string(k.Key))
		if err == nil && !slices.Contains(c.Top.Keys, k.Key) {
			d := more.Top.Detector()
			err = d.Validate()
		} else if err == nil {
			err = errors.New("is counted already")
		}
		if err != nil {
			left = append(left, fmt.Errorf("added key %q: %w", k.Key, err))
			continue
		}
		c.Top.Keys = more.Top.Keys
	}
	return c, left
}

// fits says why a rule cannot stand beside others.
func fits(all []rules.Rule, r rules.Rule) error {
	if len(all) >= rules.MaxRules {
		return fmt.Errorf("there are %d rules already; remove one", len(all))
	}
	for i := range all {
		if all[i].Name == r.Name {
			return fmt.Errorf("is the name of another rule; alerts are told apart by it: write another name")
		}
	}
	return nil
}

// OneLine is the error's first line, with how many follow.
func OneLine(err error) string {
	first, rest, more := strings.Cut(err.Error(), "\n")
	if n := strings.Count(rest, "\n") + 1; more {
		first += fmt.Sprintf(" (and %d more)", n)
	}
	return first
}
