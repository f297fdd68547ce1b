package web

import (
	"encoding/json"
	"time"

	"weir/collector/web/access"
	"weir/detect"
)

// affected is what is read of an alert to tell whose it is.
type affected struct {
	Subject struct {
		Project string `json:"project"`
	} `json:"subject"`
	Evidence struct {
		Children []child `json:"children"`
	} `json:"evidence"`
}

// child is an effect that an alert tells of.
type child struct {
	Kind    string          `json:"kind"`
	Subject json.RawMessage `json:"subject"`
	Since   time.Time       `json:"since"`
	Line    string          `json:"line"`
}

func (c *child) project() string {
	var s struct {
		Project string `json:"project"`
	}
	_ = json.Unmarshal(c.Subject, &s) // what cannot be read is nobody's
	return s.Project
}

// seen returns what a person may see of alerts. Who sees some projects alone is
// shown alerts about these; of one that tells of their instances among others,
// only what it tells of them, and not what it is about.
func seen(p *access.Person, all []*AlertView) []*AlertView {
	if p.Role >= access.Viewer {
		return all
	}
	var mine []*AlertView
	for _, v := range all {
		var a affected
		if json.Unmarshal(v.Alert, &a) != nil {
			continue
		}
		if p.Sees(a.Subject.Project) {
			mine = append(mine, own(p, v, &a))
			continue
		}
		if part := rule(p, v); part != nil {
			mine = append(mine, part)
			continue
		}
		for i := range a.Evidence.Children {
			c := &a.Evidence.Children[i]
			if !p.Sees(c.project()) {
				continue
			}
			part := *v
			part.Kind, part.Line, part.Started = c.Kind, c.Line, c.Since
			part.Alert, _ = json.Marshal(c) // what was read is written
			// How many others it took, and what people wrote about all of it, is not
			// this project's.
			part.Affected, part.Care = 0, nil
			mine = append(mine, &part)
		}
	}
	return mine
}

// own is an alert about an instance of the person's projects, without what it
// tells of others' instances.
func own(p *access.Person, v *AlertView, a *affected) *AlertView {
	left := a.Evidence.Children[:0]
	for _, c := range a.Evidence.Children {
		if p.Sees(c.project()) {
			left = append(left, c)
		}
	}
	if len(left) == len(a.Evidence.Children) {
		return v
	}
	part := *v
	part.Affected, part.Alert = len(left), nil
	var all, evidence map[string]json.RawMessage
	if json.Unmarshal(v.Alert, &all) == nil && json.Unmarshal(all["evidence"], &evidence) == nil {
		delete(evidence, "affected")
		evidence["children"], _ = json.Marshal(left) // what was read is written
		all["evidence"], _ = json.Marshal(evidence)
		part.Alert, _ = json.Marshal(all)
	}
	return &part
}

// rule is the alert of a rule about an instance of the person's projects, as far as
// it tells of that; nil where it is of none.
func rule(p *access.Person, v *AlertView) *AlertView {
	var all map[string]json.RawMessage
	if json.Unmarshal(v.Alert, &all) != nil || !p.Sees(detect.RuleProject(v.Kind, all["subject"])) {
		return nil
	}
	told := detect.TellRule(all["subject"], all["evidence"])
	part := *v
	part.Line = told.Line
	all["subject"], all["evidence"] = told.Subject, told.Evidence
	part.Alert, _ = json.Marshal(all) // what was read is written
	return &part
}
