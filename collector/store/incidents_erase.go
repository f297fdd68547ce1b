package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"

	"weir/detect/site"
)

// erasedText stands in place of a line that told of a project.
const erasedText = "erased"

// takeIncidents removes what is kept of a project's instances from the incidents,
// unless it is only to be found. Call it last: it looks for what the others found.
func (e *Erased) takeIncidents(ctx context.Context, tx *sql.Tx, project string, remove bool) error {
	var changed []incidentRow
	var damaged []string
	var d deflater
	err := eachWritten(ctx, tx, "", nil, func(id string, written time.Time, k *site.KeptIncident) error {
		if k == nil {
			damaged = append(damaged, id) // nobody can search it
			return nil
		}
		if !e.takeFrom(k, project) {
			return nil
		}
		e.Incidents++
		r, err := newIncidentRow(k, written, &d)
		changed = append(changed, r)
		return err
	})
	if err != nil || !remove {
		return err
	}
	for i := range changed {
		if err := changed[i].put(ctx, tx); err != nil {
			return err
		}
	}
	for _, id := range damaged {
		if _, err := tx.ExecContext(ctx, `DELETE FROM incidents WHERE id = ?`, id); err != nil {
			return err
		}
	}
	return nil
}

// takeFrom removes what an incident tells of the project, and adds by what its
// instances were known; it reports whether there was anything.
func (e *Erased) takeFrom(k *site.KeptIncident, project string) bool {
	i := &k.Incident
	words := []string{project}
	object := func(o map[string]any) {
		for _, name := range []string{"uuid", "name", "mac", "address"} {
			if text, _ := o[name].(string); text != "" {
				words = union(words, []string{text})
			}
		}
		if id, _ := o["uuid"].(string); id != "" {
			e.Instances = union(e.Instances, []string{id})
		}
	}
	children, _ := json.Marshal(i.Children) // texts and times always marshal
	mentions(children, project, object)
	root := i.Root != nil && mentions(i.Root, project, object)
	for _, text := range k.Owned[project] {
		words = union(words, []string{text})
		if a, err := netip.ParseAddr(text); err == nil {
			e.Addresses = union(e.Addresses, []netip.Addr{a.Unmap()})
		}
	}
	words = union(words, e.Instances)
	for _, a := range e.Addresses {
		words = union(words, []string{a.String()})
	}
	for _, p := range e.Ports {
		words = union(words, []string{p.Name})
	}
	found := len(k.Owned[project]) > 0 || root
	tells := func(texts ...string) bool {
		for _, t := range texts {
			if slices.ContainsFunc(words, func(w string) bool { return hasWord(t, w) }) {
				found = true
				return true
			}
		}
		return false
	}
	if i.Root != nil && (root || tells(string(i.Root))) {
		found, i.Root = true, nil
	}
	delete(k.Owned, project)
	if tells(i.Line) {
		i.Line = erasedText
	}
	for n, line := range i.Alerts {
		if tells(line) {
			i.Alerts[n] = strings.Join(append(strings.SplitN(line, " ", 3)[:min(2, strings.Count(line, " "))], erasedText), " ")
		}
	}
	i.Addresses = slices.DeleteFunc(i.Addresses, func(a string) bool { return tells(a) })
	i.Children = slices.DeleteFunc(i.Children, func(c site.Child) bool {
		return tells(c.Subject.Project, c.Subject.UUID, c.Subject.Name, c.Subject.MAC, c.Subject.Address, c.Line)
	})
	step := func(s site.Step) bool { return tells(s.Entity, s.What, s.Was, s.Is) }
	i.Steps = slices.DeleteFunc(i.Steps, step)
	k.Parts = slices.DeleteFunc(k.Parts, func(p site.Part) bool {
		found = found || p.Project == project
		return p.Project == project || tells(p.Line)
	})
	return found
}

// hasWord reports that a word stands in a text, and not as a part of another.
func hasWord(text, word string) bool {
	if word == "" {
		return false
	}
	inner := func(b byte) bool {
		return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '-' || b == '_' || b >= 0x80
	}
	for from := 0; ; {
		n := strings.Index(text[from:], word)
		if n < 0 {
			return false
		}
		at, end := from+n, from+n+len(word)
		if (at == 0 || !inner(text[at-1])) && (end == len(text) || !inner(text[end])) {
			return true
		}
		from = at + 1
	}
}
