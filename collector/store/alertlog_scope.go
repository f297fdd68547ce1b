package store

import (
	"encoding/json"
	"slices"
	"strings"

	"weir/detect"
)

// effect is what an alert tells of one that it took along.
type effect struct {
	Kind    string          `json:"kind"`
	Subject json.RawMessage `json:"subject"`
	Line    string          `json:"line"`
}

// Keep leaves what the answer to q tells of the projects that sees wants: of an
// alert that tells of their instances among others, what it tells of them, where
// that is asked for; not how it is called itself, nor what people wrote about it.
func (a *AlertAnswer) Keep(q *AlertQuery, sees func(project string) bool) {
	mine := []AlertChange{}
	for i := range a.Alerts {
		c := &a.Alerts[i]
		var e struct {
			Children []effect `json:"children"`
		}
		readable := c.Evidence == nil || json.Unmarshal(c.Evidence, &e) == nil
		if sees(projectOf(c.Subject)) {
			if !q.means(c, e.Children, sees) { // not for what it took along of others
				continue
			}
			if slices.ContainsFunc(e.Children, func(k effect) bool { return !sees(projectOf(k.Subject)) }) {
				c.Evidence = nil
			}
			mine = append(mine, *c)
			continue
		}
		if sees(detect.RuleProject(c.Kind, c.Subject)) {
			told := detect.TellRule(c.Subject, c.Evidence)
			c.Line, c.Subject, c.Evidence = told.Line, told.Subject, told.Evidence
			if q.means(c, nil, sees) { // not for what it no more says
				mine = append(mine, *c)
			}
			continue
		}
		if !readable {
			continue
		}
		for _, k := range e.Children {
			if !sees(projectOf(k.Subject)) || !k.asked(q) {
				continue
			}
			part := *c
			part.Kind, part.Line, part.Subject, part.Evidence, part.Lost, part.Reason, part.Care = k.Kind, k.Line, k.Subject, nil, 0, "", nil
			mine = append(mine, part)
		}
	}
	a.Alerts, a.Kinds = mine, nil
}

// means reports that a question for kinds and a subject means an alert of the
// projects that sees wants, by what is shown of it.
func (q *AlertQuery) means(c *AlertChange, effects []effect, sees func(project string) bool) bool {
	if (len(q.Kinds) == 0 || slices.Contains(q.Kinds, c.Kind)) && q.tells(c.Line, c.Subject) {
		return true
	}
	return slices.ContainsFunc(effects, func(k effect) bool { return sees(projectOf(k.Subject)) && k.asked(q) })
}

// asked reports that a question for kinds and a subject means the effect, too.
func (k *effect) asked(q *AlertQuery) bool {
	return (len(q.Kinds) == 0 || slices.Contains(q.Kinds, k.Kind)) && q.tells(k.Line, k.Subject)
}

// tells reports that the text asked for stands in a line or a subject.
func (q *AlertQuery) tells(line string, subject []byte) bool {
	text := strings.ToLower(q.Subject)
	return strings.Contains(strings.ToLower(line), text) || strings.Contains(strings.ToLower(string(subject)), text)
}

func projectOf(subject []byte) string {
	var s struct {
		Project string `json:"project"`
	}
	_ = json.Unmarshal(subject, &s) // what cannot be read is nobody's
	return s.Project
}
