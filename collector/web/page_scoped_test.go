package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"weir/collector/care"
	"weir/collector/web"
	"weir/collector/web/access"
	"weir/detect"
	"weir/detect/site"
)

// shared is a collector whose alerts are of two projects: what is not of p1 has
// the word secret.
type shared struct{ shown }

func child(name, project string) map[string]any {
	return map[string]any{"kind": "instance_unreachable", "line": "instance " + name + " unreachable", "since": time.Now(), "subject": map[string]any{"type": "instance", "name": name, "project": project}}
}

func raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps and texts always marshal
	}
	return b
}

func (shared) AlertList() []*web.AlertView {
	note := &care.Care{Ack: &care.Deed{Do: care.Ack, At: time.Now(), By: "secret-person", Note: "secret note"}}
	about := func(subject map[string]any, children ...any) json.RawMessage {
		return raw(map[string]any{"subject": subject, "evidence": map[string]any{"children": children}})
	}
	instance := func(name, project string) map[string]any {
		return map[string]any{"type": "instance", "name": name, "project": project}
	}
	now := time.Now()
	return []*web.AlertView{
		{ID: "m-1", Incident: "m-1", At: now, Started: now, Kind: "instance_unreachable", State: "confirmed", Severity: "critical", Line: "instance mine of p1 unreachable", Alert: about(instance("mine", "p1"))},
		{ID: "s-1", Incident: "s-1", At: now, Started: now, Kind: "instance_unreachable", State: "confirmed", Severity: "critical", Line: "instance secret-vm unreachable", Alert: about(instance("secret-vm", "p2"))},
		{ID: "b-1", Incident: "b-1", At: now, Started: now, Kind: "bridge_down", State: "confirmed", Severity: "critical", Line: "bridge br-secret down", Affected: 7654321, Care: note,
			Alert: about(map[string]any{"type": "bridge", "name": "br-secret", "node": "node-secret"}, child("also-mine", "p1"), child("secret-two", "p2"))},
	}
}

func (shared) IncidentsOf(_ context.Context, sees func(string) bool) ([]site.Incident, error) {
	if !sees("p1") || sees("p2") {
		return nil, nil
	}
	return []site.Incident{{ID: "m-1", Line: "instance mine of p1 unreachable", Began: detect.Time(time.Now()), Alerts: []string{"12:00 start instance mine of p1 unreachable"}, Steps: []site.Step{}}}, nil
}

func (shared) Incident(context.Context, string) (site.Incident, error) {
	return site.Incident{ID: "s-1", Line: "secret incident"}, nil
}

func (shared) AlertHistory(ctx context.Context, _ url.Values) (any, error) {
	if !access.Of(ctx).Sees("p1") || access.Of(ctx).Sees("p2") {
		return map[string]any{"alerts": []any{map[string]any{"n": 1, "id": "s-1", "at": time.Now(), "change": "start", "kind": "x", "line": "secret history"}}}, nil
	}
	return map[string]any{"alerts": []any{map[string]any{"n": 2, "id": "m-1", "at": time.Now(), "change": "start", "kind": "instance_unreachable", "severity": "critical", "line": "history of mine", "subject": map[string]any{"name": "mine", "project": "p1"}}}, "older": false}, nil
}

func (shared) Flows(context.Context, url.Values) (any, error) {
	return map[string]any{"rows": []any{map[string]any{"key": []string{"secret-flow"}}}, "total": map[string]any{}}, nil
}

// The document says that an incident has lists: one that tells nothing of nodes has
// an empty one.
func TestIncidentsHaveTheirLists(t *testing.T) {
	srv := listen(t, shared{}, web.Options{Guard: access.New(access.Config{Rate: 1000, People: []access.Known{
		{Name: "tenant", Role: access.Viewer, Projects: []string{"p1"}, Token: access.HashOf(token)},
		{Name: "viewer", Role: access.Viewer, Token: access.HashOf("weir_viewer_viewer_viewer")},
	}})})
	for _, c := range []struct{ who, path string }{{token, "/api/v1/incidents"}, {token, "/api/v1/incidents/m-1"}, {"weir_viewer_viewer_viewer", "/api/v1/incidents/s-1"}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+srv.Addr().String()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+c.who)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK || !bytes.Contains(b, []byte(`"nodes"`)) || bytes.Contains(b, []byte("null")) {
			t.Errorf("%s: %s %s %v", c.path, answer.Status, b, err)
		}
	}
}

// Who sees one project alone is shown its instances and alerts on every view, and
// nothing of others.
func TestScopedViewerInABrowser(t *testing.T) {
	srv := listen(t, shared{}, web.Options{Guard: access.New(access.Config{Rate: 1000, People: []access.Known{
		{Name: "tenant", Role: access.Viewer, Projects: []string{"p1"}, Token: access.HashOf(token)},
	}})})
	at, ctx := "http://"+srv.Addr().String(), browser(t)
	if err := chromedp.Run(ctx, network.Enable(), network.SetExtraHTTPHeaders(network.Headers{"Authorization": "Bearer " + token})); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, view, wait string
		want             []string
	}{
		{"now", "/", "instance mine of p1 unreachable", []string{"instance also-mine unreachable"}},
		{"incident", "/#incident?id=m-1", "instance mine of p1 unreachable", nil},
		{"another's incident", "/#incident?id=s-1", "No incident s-1 is kept", nil},
		{"an alert of which a part is theirs", "/#incident?id=b-1", "also-mine", nil},
		{"history", "/#history?from=-7d", "history of mine", nil},
		{"site", "/#site", "viewer of some projects", nil},
		{"branch", "/#site?node=192.0.2.7", "viewer of some projects", nil},
		{"search", "/#site?search=secret", "viewer of some projects", nil},
		{"explore", "/#explore?by=src", "viewer of some projects", nil},
		{"agents", "/#agents", "viewer of some projects", nil},
		{"agent", "/#agents?agent=192.0.2.7", "viewer of some projects", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dom, title := look(t, ctx, at+c.view, c.wait)
			if c.name == "now" && !strings.HasPrefix(title, "(2) ") {
				t.Errorf("the title %q does not tell of two incidents", title)
			}
			missing := func(w string) bool { return !strings.Contains(dom, w) }
			for end := time.Now().Add(patience); slices.ContainsFunc(c.want, missing) && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
				if err := chromedp.Run(ctx, chromedp.OuterHTML("html", &dom)); err != nil {
					t.Fatal(err)
				}
			}
			if i := slices.IndexFunc(c.want, missing); i >= 0 {
				t.Errorf("%q is not shown in\n%s", c.want[i], dom)
			}
			// The address itself may have the word, as it was typed.
			shownText := strings.ReplaceAll(dom, "search=secret", "")
			for _, word := range []string{"secret-", "secret note", "br-secret", "secret history", "secret incident", "7654321", "7 654 321", "<img", "&lt;img"} {
				if strings.Contains(shownText, word) {
					t.Errorf("%q is shown in\n%s", word, dom)
				}
			}
		})
	}
}
