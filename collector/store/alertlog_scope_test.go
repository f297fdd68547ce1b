package store

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/detect"
)

// quietJSON is a subject or evidence that is in no line.
type quietJSON string

func (q quietJSON) AppendCanonical(b []byte) []byte { return append(b, q...) }
func (q quietJSON) Line() string                    { return "" }
func (q quietJSON) MarshalJSON() ([]byte, error)    { return []byte(q), nil }

// Who asks for an instance is told of the outage that took it along, as an alert of
// its own or not; a project's people of theirs alone, and nothing by what they ask.
func TestQueryAlertsFindsEffects(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	alert := func(id, kind, subject, evidence string) detect.Alert {
		return detect.Alert{At: now, ID: id, Seq: 1, Change: detect.Start, Kind: detect.Kind(kind), Subject: quietJSON(subject), Evidence: quietJSON(evidence)}
	}
	const web, shop = `{"name":"web-1","project":"shop"}`, `{"name":"Rival-4","project":"rival"}`
	const both = `{"children":[{"kind":"instance_unreachable","subject":` + web + `,"line":"web-1 has lost it"},{"kind":"instance_unreachable","subject":` + shop + `,"line":"rival-4 has lost it"}]}`
	putAll(t, dir,
		alert("bridge", "bridge_down", `{"type":"bridge","node":"cn7"}`, both),
		alert("own", "instance_stopped", `{"name":"web-2","project":"shop"}`, `{"children":[{"kind":"instance_unreachable","subject":`+shop+`,"line":"x"}]}`),
		alert("flow", "large_flow", `{"src":"10.0.0.1"}`, `{"note":"web-1"}`),
	)
	for _, c := range []struct {
		name     string
		q        AlertQuery
		projects []string
		want     []string
	}{
		{"an effect's name", AlertQuery{Subject: "WEB-1"}, nil, []string{"bridge bridge_down"}},
		{"kinds are the alerts' own", AlertQuery{Kinds: []string{"instance_unreachable"}}, nil, nil},
		{"an effect of a project's", AlertQuery{Subject: "web-1"}, []string{"shop"}, []string{"bridge instance_unreachable"}},
		{"its kind", AlertQuery{Kinds: []string{"instance_unreachable"}}, []string{"shop"}, []string{"bridge instance_unreachable"}},
		{"the kind of what it must not see", AlertQuery{Kinds: []string{"bridge_down"}}, []string{"shop"}, nil},
		{"others' name", AlertQuery{Subject: "rival-4"}, []string{"shop"}, nil},
		{"its own alert", AlertQuery{Subject: "web-2"}, []string{"shop"}, []string{"own instance_stopped"}},
		{"all of it", AlertQuery{}, []string{"shop"}, []string{"bridge instance_unreachable", "own instance_stopped"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.q.From, c.q.To, c.q.Projects = now.Add(-time.Hour), now.Add(time.Hour), c.projects
			a, err := QueryAlerts(t.Context(), dir, c.q)
			if err != nil {
				t.Fatal(err)
			}
			if c.projects != nil {
				a.Keep(&c.q, func(p string) bool { return slices.Contains(c.projects, p) })
			}
			var got []string
			for i := range a.Alerts {
				got = append(got, a.Alerts[i].ID+" "+a.Alerts[i].Kind)
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
