package collector

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"weir/collector/config"
	"weir/collector/web"
	"weir/collector/web/access"
	"weir/detect"
	"weir/detect/site"
)

// people of the tests, by their names' words; each has the token of tokenOf.
var people = []access.Known{
	{Name: "scoped", Role: access.Viewer, Projects: []string{"p1"}},
	{Name: "viewer", Role: access.Viewer}, {Name: "operator", Role: access.Operator}, {Name: "admin", Role: access.Admin},
}

func tokenOf(name string) string { return "weir_test_token_of_" + name }

// withPeople lets in those and nobody else.
func withPeople(cfg config.Config) config.Config {
	cfg.Access.Local = config.AccessRole{}
	cfg.Access.Rate = 1e6
	cfg.Access.People = nil
	for _, p := range people {
		p.Token = access.HashOf(tokenOf(p.Name))
		cfg.Access.People = append(cfg.Access.People, config.Person{Known: p})
	}
	return cfg
}

// asks sends a request as somebody, "" is nobody, and returns the beginning of
// the answer: of one that goes on, the first event.
func (r *running) asks(who, method, path, body string) (code int, answer []byte) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	var sent io.Reader
	if body != "" {
		sent = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+r.app.http.Addr().String()+path, sent)
	if err != nil {
		r.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+tokenOf(who))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			r.t.Errorf("%s %s: %v", method, path, err)
		}
		return resp.StatusCode, b
	}
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		if data, ok := strings.CutPrefix(s.Text(), "data: "); ok {
			return resp.StatusCode, []byte(data)
		} else if who == "matrix" || strings.HasPrefix(s.Text(), ": ") && !strings.HasSuffix(path, "#wait") {
			return resp.StatusCode, nil
		}
	}
	return resp.StatusCode, nil
}

// least is the least role of each route: whoever adds one says here who may ask.
var least = map[string]access.Role{
	"GET /api/v1/me": access.Scoped, "GET /api/v1/openapi.json": access.Scoped, "GET /api/v1/explain": access.Scoped,
	"GET /api/v1/alerts": access.Scoped, "GET /api/v1/alerts/history": access.Scoped, "GET /api/v1/events": access.Scoped,
	"GET /api/v1/incidents": access.Scoped, "GET /api/v1/incidents/{id}": access.Scoped, "GET /api/v1/incident": access.Scoped,
	"GET /api/v1/audit":        access.Admin,
	"POST /api/v1/alerts/test": access.Operator, "POST /api/v1/alerts/{id}/ack": access.Operator, "POST /api/v1/alerts/{id}/unack": access.Operator,
	"POST /api/v1/alerts/{id}/mute": access.Operator, "POST /api/v1/alerts/{id}/unmute": access.Operator, "POST /api/v1/alerts/{id}/mark": access.Operator,
	"GET /api/v1/evidence/{id}":        access.Operator,
	"POST /api/v1/incidents/{id}/hold": access.Operator, "POST /api/v1/incidents/{id}/release": access.Operator, "GET /api/v1/incidents/{id}/export": access.Operator,
	"POST /api/v1/rules": access.Operator, "DELETE /api/v1/rules/{name}": access.Operator, "POST /api/v1/keys": access.Operator, "DELETE /api/v1/keys": access.Operator,
	"POST /api/v1/windows": access.Operator, "DELETE /api/v1/windows/{id}": access.Operator,
}

// leastOf is least, where a GET that it does not have is for viewers of
// everything, and so are the queries of Prometheus.
func leastOf(t *testing.T, name string) access.Role {
	if r, ok := least[name]; ok {
		return r
	}
	if !strings.HasPrefix(name, "GET ") && !strings.Contains(name, " /prometheus/") {
		t.Errorf("%s: changes something; write its least role into the table", name)
	}
	return access.Viewer
}

// Every route answers those who may ask, and nobody else.
func TestEveryRouteForEveryRole(t *testing.T) {
	t.Parallel()
	r := start(t, withPeople(testConfig(t)))
	roles := map[string]access.Role{"": access.Nobody, "scoped": access.Scoped, "viewer": access.Viewer, "operator": access.Operator, "admin": access.Admin}
	n := 0
	for _, route := range web.Routes(r.app) {
		name := route.Method + " " + route.Path
		path := strings.NewReplacer("{id}", "none-1", "{name}", "none", "{path...}", "none").Replace(route.Path)
		if strings.Contains(path, "{") {
			t.Errorf("%s: say here what to ask for", name)
			continue
		}
		for who, role := range roles {
			n++
			code, body := r.asks(who, route.Method, path, map[bool]string{true: `{"none":1}`}[route.Body != nil])
			want := 0
			switch {
			case role == access.Nobody:
				want = http.StatusUnauthorized
			case role < leastOf(t, name):
				want = http.StatusForbidden
			}
			if refused := code == http.StatusUnauthorized || code == http.StatusForbidden; want != 0 && code != want || want == 0 && refused {
				t.Errorf("%s for %q: %d %s, want %d (0 is any other)", name, who, code, body, want)
			}
		}
	}
	t.Logf("%d answers", n)
	for _, path := range []string{"/", "/page/app.js", "/api/v1/nothing"} {
		if code, _ := r.asks("", "GET", path, ""); code != http.StatusUnauthorized {
			t.Errorf("%s for nobody: %d", path, code)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if code, _ := r.asks("", "GET", path, ""); code != http.StatusOK {
			t.Errorf("%s for nobody: %d", path, code)
		}
	}
}

// queries are what is asked of routes that need something to be asked for.
func queries(incident, alert string) map[string]string {
	flow := "?from=-5m&by=src,dst&top=5"
	return map[string]string{
		"/api/v1/flows": flow, "/api/v1/flows/filter": "?filter=" + url.QueryEscape("dst_port = 443"), "/api/v1/site/branch": "?node=192.0.2.50",
		"/api/v1/site/search": "?text=tap", "/api/v1/explain": "?kind=bridge_down", "/api/v1/incidents/{id}": incident, "/api/v1/incidents/{id}/export": incident,
		"/api/v1/agent": "?agent=192.0.2.50", "/api/v1/alerts/{id}/ack": alert, "/api/v1/top": "?n=5",
	}
}

// Every answer of a collector that has something to tell fits the document.
func TestEveryAnswerFitsTheDocument(t *testing.T) {
	t.Parallel()
	cfg := withPeople(testConfig(t))
	r := start(t, cfg)
	r.bridgeFails("127.0.2.9")
	first := r.bridgeLines("start")[0]
	r.stream(newExporter("192.0.2.11"), r.dial("127.0.0.13"), func() bool { return len(r.alerts.with(`"large_flow"`)) > 0 })
	if _, err := r.care(first.ID, "ack", DeedAsk{Note: "on it"}); err != nil {
		t.Fatal(err)
	}
	if _, err := web.AddWindow(t.Context(), cfg.StateDir, site.Window{Subject: "cn9", Owner: "Ada", Reason: "new kernel", Zone: "UTC", From: time.Now(), To: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	r.eventually("history", func() bool {
		_, b := r.asks("viewer", "GET", "/api/v1/alerts/history", "")
		return bytes.Contains(b, []byte(`"bridge_down"`))
	})

	c := jsonschema.NewCompiler()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPI))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	fits := func(t *testing.T, route *web.Route, status string, body []byte) {
		t.Helper()
		kind := "application/json"
		if route.Type != "" && status == "200" {
			kind = route.Type
		}
		escape := strings.NewReplacer("~", "~0", "/", "~1").Replace
		at := fmt.Sprintf("openapi.json#/paths/%s/%s/responses/%s/content/%s/schema", url.PathEscape(escape(route.Path)), strings.ToLower(route.Method), status, escape(kind))
		s, err := c.Compile(at)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%v\n%.2000s", err, body)
		}
	}
	ask := queries(first.Incident, first.ID)
	for _, route := range web.Routes(r.app) {
		t.Run(route.Method+" "+route.Path, func(t *testing.T) {
			if route.Type == "text/event-stream" && route.Path != "/api/v1/live" || route.Type == "application/x-pcapng" || strings.HasPrefix(route.Path, "/prometheus") {
				return // tested where it is made
			}
			q := ask[route.Path]
			path := strings.Replace(route.Path, "{id}", q, 1)
			if path == route.Path {
				path += q
			}
			if route.Method != http.MethodGet {
				path = strings.NewReplacer("{id}", "none-1", "{name}", "none").Replace(route.Path)
				code, body := r.asks("admin", route.Method, path, map[bool]string{true: `{"none":1}`}[route.Body != nil])
				if code < 400 || code >= 500 {
					t.Fatalf("%d %s for what is wrong", code, body)
				}
				fits(t, &route, "default", body)
				return
			}
			code, body := r.asks("admin", route.Method, path, "")
			if code != http.StatusOK {
				t.Fatalf("%d %s", code, body)
			}
			if route.Type == "" || route.Type == "text/event-stream" {
				fits(t, &route, "200", body)
			}
		})
	}
	ack := web.Route{Method: "POST", Path: "/api/v1/alerts/{id}/ack"}
	code, body := r.asks("operator", "POST", "/api/v1/alerts/"+first.ID+"/ack", `{"note":"mine"}`)
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	fits(t, &ack, "200", body)
}

// A viewer of one project learns nothing of another, wherever it asks.
func TestProjectsDoNotLeak(t *testing.T) {
	t.Parallel()
	r := start(t, withPeople(testConfig(t)))
	instance := func(name, project string) site.Subject {
		return site.Subject{Type: site.TypeInstance, Node: "cn7", Name: name, UUID: "uuid-" + name, Project: project, Address: "address-" + name}
	}
	tell := func(kind detect.Kind, sub detect.Subject, e detect.Evidence) *detect.Alert {
		a := &detect.Alert{At: time.Now(), Seq: 1, Change: detect.Start, Kind: kind, State: detect.Confirmed, Severity: detect.Critical, Incident: "inc-1", Subject: sub, Evidence: e}
		a.Identify(time.Now())
		r.app.emit(a)
		return a
	}
	emit := func(kind detect.Kind, sub site.Subject, e *site.Evidence) *detect.Alert { return tell(kind, &sub, e) }
	at := netip.MustParseAddr("192.0.2.99") // whose it is tells of others
	ruled := func(name, project string) {
		tell(detect.Rule, &detect.RuleSubject{Rule: "secret-rule", Domain: "secret-domain", Agent: &at, DataSource: "secret-source" + name, Instance: &detect.RuleInstance{UUID: "uuid-" + name, Name: name, Project: project}},
			&detect.RuleEvidence{Value: "packets_per_second", Estimate: 54321, Threshold: 20000, Group: "secret-group", Filter: "dst = secret", Agent: &at, AgentName: "secret-node"})
	}
	child := func(name, project string) site.Child {
		return site.Child{Kind: site.InstanceUnreachable, Subject: instance(name, project), Line: "instance " + name + " unreachable"}
	}
	mine := emit(site.InstanceUnreachable, instance("mine", "p1"), &site.Evidence{Summary: "unreachable mine"})
	other := emit(site.InstanceUnreachable, instance("secret", "p2"), &site.Evidence{Summary: "unreachable secret"})
	bridge := emit(site.BridgeDown, site.Subject{Type: site.TypeBridge, Node: "cn7", Name: "br-secret"}, &site.Evidence{Summary: "down secret", Affected: 3,
		Children: []site.Child{child("child1", "p1"), child("secret2", "p2"), child("secret3", "")}})
	ruled("rule-mine", "p1")
	ruled("rule-secret", "p2")
	ruled("rule-of-nobody-secret", "")
	emit(site.NodeDown, site.Subject{Type: site.TypeNode, Node: "node-secret"}, &site.Evidence{Summary: "secret"})
	if _, err := r.care(other.ID, "ack", DeedAsk{Note: "note-secret"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.care(bridge.ID, "ack", DeedAsk{Note: "note-secret about the bridge"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.care(mine.ID, "ack", DeedAsk{Note: "note-mine"}); err != nil {
		t.Fatal(err)
	}
	r.eventually("history", func() bool {
		_, b := r.asks("viewer", "GET", "/api/v1/alerts/history", "")
		return bytes.Contains(b, []byte("node-secret"))
	})

	for _, path := range []string{"/api/v1/alerts", "/api/v1/alerts/history", "/api/v1/alerts/history?kind=none", "/api/v1/alerts/history?subject=secret", "/api/v1/alerts/history?change=ack",
		"/api/v1/alerts/history?kind=rule", "/api/v1/alerts/history?kind=rule&subject=192.0.2.99", "/api/v1/alerts/history?kind=rule&subject=Rule-Mine"} {
		code, body := r.asks("scoped", "GET", path, "")
		if code != http.StatusOK || bytes.Contains(body, []byte("secret")) || bytes.Contains(body, []byte(`"192.0.2.99"`)) {
			t.Errorf("%s: %d %s", path, code, body)
		}
		if plain := !strings.Contains(path, "?"); plain && (!bytes.Contains(body, []byte("uuid-mine")) || !bytes.Contains(body, []byte("uuid-child1"))) {
			t.Errorf("%s does not show its own: %s", path, body)
		}
		// Of a rule's alert what is left is found, and nothing else.
		shown := bytes.Contains(body, []byte(`"name":"rule-mine"`)) && bytes.Contains(body, []byte(`"estimate":54321`)) && bytes.Contains(body, []byte("threshold 20kpps"))
		if want := !strings.Contains(path, "?") || strings.HasSuffix(path, "kind=rule") || strings.HasSuffix(path, "Rule-Mine"); shown != want {
			t.Errorf("%s shows the rule's alert: %v, want %v: %s", path, shown, want, body)
		}
	}
	for _, route := range web.Routes(r.app) {
		if route.Method != http.MethodGet || strings.Contains(route.Path, "{") || route.Type != "" {
			continue
		}
		if _, body := r.asks("scoped", "GET", route.Path, ""); bytes.Contains(body, []byte("secret")) {
			t.Errorf("%s: %s", route.Path, body)
		}
	}

	// What is told as it happens is kept apart too.
	got := make(chan []byte, 1)
	go func() {
		_, b := r.asks("scoped", "GET", "/api/v1/events#wait", "")
		got <- b
	}()
	r.eventually("a listener", func() bool {
		r.app.events.mu.Lock()
		defer r.app.events.mu.Unlock()
		return len(r.app.events.subs) == 1
	})
	emit(site.NodeDown, site.Subject{Type: site.TypeNode, Node: "node-secret2"}, &site.Evidence{Summary: "secret"})
	ruled("rule-secret", "p2")
	emit(site.InstanceUnreachable, instance("mine2", "p1"), &site.Evidence{Summary: "unreachable"})
	select {
	case b := <-got:
		if !bytes.Contains(b, []byte("uuid-mine2")) || bytes.Contains(b, []byte("secret")) {
			t.Errorf("%s", b)
		}
	case <-time.After(time.Minute):
		t.Error("nothing is told")
	}
}

// Everything that somebody asked for is in the audit log, with who it was.
func TestQueriesAndChangesAreWrittenDown(t *testing.T) {
	t.Parallel()
	r := start(t, withPeople(testConfig(t)))
	r.asks("viewer", "GET", "/api/v1/flows?by=dst", "")
	r.asks("viewer", "POST", "/api/v1/windows", `{"subject":"cn7"}`)
	r.asks("operator", "POST", "/api/v1/windows", `{"subject":"cn7","reason":"x","from":"2026-01-01T00:00:00Z","to":"2026-01-01T01:00:00Z"}`)
	r.asks("", "GET", "/api/v1/agents", "")
	code, body := r.asks("admin", "GET", "/api/v1/audit?n=50", "")
	var all []struct{ Person, What, Path, Query string }
	if err := json.Unmarshal(body, &all); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s: %v", code, body, err)
	}
	var got []string
	for _, e := range all {
		got = append(got, e.Person+" "+e.What+" "+e.Path)
	}
	want := []string{"viewer query /api/v1/flows", "viewer refused /api/v1/windows", "operator change /api/v1/windows", " refused /api/v1/agents"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if i := slices.Index(got, want[0]); i >= 0 && all[i].Query != "by=dst" {
		t.Errorf("%+v", all[i])
	}
}
