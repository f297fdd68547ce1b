package store

import "encoding/json"

// Keep leaves what the answer tells of the projects that sees wants: of an alert
// that tells of their instances among others, what it tells of them.
func (a *AlertAnswer) Keep(sees func(project string) bool) {
	mine := []AlertChange{}
	for i := range a.Alerts {
		c := &a.Alerts[i]
		if sees(projectOf(c.Subject)) {
			mine = append(mine, *c)
			continue
		}
		var e struct {
			Children []struct {
				Kind    string          `json:"kind"`
				Subject json.RawMessage `json:"subject"`
				Line    string          `json:"line"`
			} `json:"children"`
		}
		if json.Unmarshal(c.Evidence, &e) != nil {
			continue
		}
		for _, k := range e.Children {
			if !sees(projectOf(k.Subject)) {
				continue
			}
			part := *c
			part.Kind, part.Line, part.Subject, part.Evidence, part.Lost = k.Kind, k.Line, k.Subject, nil, 0
			mine = append(mine, part)
		}
	}
	a.Alerts, a.Kinds = mine, nil
}

func projectOf(subject []byte) string {
	var s struct {
		Project string `json:"project"`
	}
	_ = json.Unmarshal(subject, &s) // what cannot be read is nobody's
	return s.Project
}
