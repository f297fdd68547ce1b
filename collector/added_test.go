package collector

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/collector/config"
	"weir/collector/web"
)

func (r *running) rules() (names []string) {
	r.t.Helper()
	var all []RuleView
	if err := web.Ask(r.t.Context(), r.cfg.StateDir, "api/v1/rules", &all); err != nil {
		r.t.Fatal(err)
	}
	for _, v := range all {
		if (v.By == "") != v.At.IsZero() || v.Says == "" {
			r.t.Errorf("%+v", v)
		}
		names = append(names, strings.TrimSpace(v.Name+" "+v.By))
	}
	return names
}

// A rule that is added is in force at once, alerts, outlives a restart, and ends
// with its alerts when it is removed.
func TestRulesAreAddedWhileRunning(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	fixed, err := config.Parse("f", []byte("rules: [{name: fixed, key: dst, threshold: 1Gbit/s}]"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Rules = fixed.Rules
	cfg.LargeFlow.Off = true
	r := start(t, cfg)
	post := func(body string) error {
		return web.Call(t.Context(), cfg.StateDir, http.MethodPost, "api/v1/rules", json.RawMessage(body), &RuleView{})
	}
	one, c := newExporter("192.0.2.11"), r.dial("127.0.0.14")
	for _, bad := range []struct{ body, want string }{
		{`{"name":"fixed","key":"dst","threshold":"1Mbit/s"}`, `added rule "fixed": is the name of another rule`},
		{`{"name":"a","key":"dst"}`, "the rule has no threshold; write one, such as threshold: 100Mbit/s"},
		{`{"name":"a","key":"dst","threshold":"1Mbit/s","filter":"dst_prt = 1"}`, `filter: "dst_prt = 1": `},
		{`{"name":"a","kye":"dst","threshold":"1Mbit/s"}`, "kye: unknown key; did you mean key?"},
		{`[]`, "needs keys, has a list"},
	} {
		if err := post(bad.body); err == nil || !strings.Contains(err.Error(), bad.want) || strings.Contains(err.Error(), "\n") || strings.HasPrefix(err.Error(), "rule:") {
			t.Errorf("%s: %v, want %s", bad.body, err, bad.want)
		}
	}
	if err, want := post(`{"name":"a","key":"dts","threshold":"x"}`), []string{`key[0]: "dts": `, `threshold: "x": `}; err == nil || len(strings.Split(err.Error(), "\n")) != len(want) ||
		slices.ContainsFunc(want, func(w string) bool { return !strings.Contains("\n"+err.Error(), "\n"+w) }) {
		t.Errorf("%v, want lines with %q", err, want)
	}
	if err := post(`{"name":"to / one","key":"dst","threshold":"1Mbit/s","severity":"critical"}`); err != nil {
		t.Fatal(err)
	}
	r.stream(one, c, func() bool { return len(r.alerts.with(`"to / one"`)) > 0 })
	if got := r.rules(); len(got) != 2 || got[0] != "fixed" || !strings.HasPrefix(got[1], "to / one ") {
		t.Errorf("%q", got)
	}
	r.stop()

	r = start(t, cfg)
	if got := r.rules(); len(got) != 2 {
		t.Errorf("after a restart %q", got)
	}
	r.stream(one, r.dial("127.0.0.14"), func() bool { return len(r.alerts.with(`"to / one"`)) > 0 })
	remove := func(name string) error {
		return web.Call(t.Context(), cfg.StateDir, http.MethodDelete, "api/v1/rules/"+url.PathEscape(name), nil, &RuleView{})
	}
	if err := remove("fixed"); err == nil || !strings.Contains(err.Error(), "stands in the configuration") {
		t.Errorf("%v", err)
	}
	if err := remove("to / one"); err != nil {
		t.Fatal(err)
	}
	r.eventually("the end of its alert", func() bool {
		return slices.ContainsFunc(r.alerts.with(`"to / one"`), func(l string) bool { return strings.Contains(l, `"change":"end"`) })
	})
	if err := remove("to / one"); err == nil {
		t.Error("it was removed twice")
	}
	if got := r.rules(); !slices.Equal(got, []string{"fixed"}) {
		t.Errorf("%q", got)
	}

	// The configuration has its name now: what was added gives way.
	if err := post(`{"name":"later","key":"dst","threshold":"1Mbit/s"}`); err != nil {
		t.Fatal(err)
	}
	r.stop()
	if cfg2, err := config.Parse("f", []byte("rules: [{name: later, key: src, threshold: 1Gbit/s}]")); err != nil {
		t.Fatal(err)
	} else {
		cfg.Rules = cfg2.Rules
	}
	r = start(t, cfg)
	if got := r.rules(); !slices.Equal(got, []string{"later"}) || len(r.log.with("what was added is left out")) == 0 {
		t.Errorf("%q", got)
	}
}

// A key that is added is counted, until it is removed.
func TestKeysAreAddedWhileRunning(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	r := start(t, cfg)
	n := len(cfg.Top.Keys)
	var k KeyView
	call := func(method, path string, body any) error {
		return web.Call(t.Context(), cfg.StateDir, method, path, body, &k)
	}
	for _, bad := range []struct{ key, want string }{
		{"dst: bytes", "is counted already"}, {"nothing: bytes", `key "nothing: bytes": `}, {"dscpp: bytes", `did you mean dscp?`}, {"dst: apples", `key "dst: apples": `}, {"", `key "": `},
	} {
		if err := call(http.MethodPost, "api/v1/keys", NewKey{bad.key}); err == nil || !strings.Contains(err.Error(), bad.want) || strings.Contains(err.Error(), "\n") || strings.HasSuffix(err.Error(), "; ") {
			t.Errorf("%q: %v, want %s", bad.key, err, bad.want)
		}
	}
	if err := call(http.MethodPost, "api/v1/keys", NewKey{"src,dst_port:packets"}); err != nil || k.Key != "src,dst_port: packets" || k.By == "" {
		t.Fatalf("%+v, %v", k, err)
	}
	var all []KeyView
	if err := web.Ask(t.Context(), cfg.StateDir, "api/v1/keys", &all); err != nil || len(all) != n+1 || all[n].Key != k.Key || all[n].By == "" || all[0].By != "" {
		t.Errorf("%+v, %v", all, err)
	}
	one, c := newExporter("192.0.2.11"), r.dial("127.0.0.15")
	var tops []struct {
		Key   string
		Items []any
	}
	r.stream(one, c, func() bool {
		err := web.Ask(t.Context(), cfg.StateDir, "top?key="+url.QueryEscape("src,dst_port"), &tops)
		return err == nil && len(tops) == 1 && len(tops[0].Items) > 0
	})
	r.stop()
	start(t, cfg)
	if err := call(http.MethodDelete, "api/v1/keys?key="+url.QueryEscape(k.Key), nil); err != nil {
		t.Fatal(err)
	}
	if err := web.Ask(t.Context(), cfg.StateDir, "top?key="+url.QueryEscape("src,dst_port"), &tops); err == nil {
		t.Error("it is still counted")
	}
	if err := call(http.MethodDelete, "api/v1/keys?key="+url.QueryEscape("dst: bytes"), nil); err == nil || !strings.Contains(err.Error(), "is none that was added") {
		t.Errorf("%v", err)
	}
}

// A file that cannot be read stops nothing, and is not written over.
func TestAddedFileThatIsDamaged(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	name := filepath.Join(cfg.StateDir, config.AddedFile)
	if err := os.WriteFile(name, []byte(`{"rules":[{"by":`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, cfg)
	if len(r.log.with("rules and keys that were added are ignored")) != 1 {
		t.Errorf("log %q", r.log.all())
	}
	err := web.Call(t.Context(), cfg.StateDir, http.MethodPost, "api/v1/keys", NewKey{"src: packets"}, &KeyView{})
	if err == nil || !strings.Contains(err.Error(), "is not what weir wrote") {
		t.Errorf("%v", err)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != `{"rules":[{"by":` {
		t.Errorf("%s, %v", b, err)
	}
}
