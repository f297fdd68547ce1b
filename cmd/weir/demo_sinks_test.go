package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/collector/sink/sinktest"
)

// inbox is an HTTP service that keeps what it is told.
type inbox struct {
	mu     sync.Mutex
	bodies []string
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	i.mu.Lock()
	i.bodies = append(i.bodies, string(b))
	i.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

// has reports that one body holds all the texts.
func (i *inbox) has(texts ...string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.ContainsFunc(i.bodies, func(b string) bool { return holds(b, texts...) })
}

func holds(s string, texts ...string) bool {
	for _, t := range texts {
		if !strings.Contains(s, t) {
			return false
		}
	}
	return true
}

// An elephant of the demo arrives in every sink, and so does its end: a real
// Alertmanager, rsyslog and SMTP server; and the four whose other side is a
// request or a program.
func TestDemoTellsEverySinkTheBeginningAndTheEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the demo for 20 s")
	}
	am, mail, log := sinktest.NewAlertmanager(t), sinktest.NewMailServer(t, "off", "", ""), sinktest.NewRsyslog(t, "", "")
	var hook, chat, duty, beat inbox
	urls := map[string]string{}
	for name, i := range map[string]*inbox{"hook": &hook, "chat": &chat, "duty": &duty, "beat": &beat} {
		srv := httptest.NewServer(i)
		t.Cleanup(srv.Close)
		urls[name] = srv.URL
	}
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", dir)
	t.Setenv("DUTY_KEY", "r0uting")
	out := filepath.Join(dir, "out")
	page := filepath.Join(dir, "page")
	if err := os.WriteFile(page, []byte("#!/bin/sh\necho \"$1 $2\" >>"+out+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	conf := file(t, "weir.yaml", fmt.Sprintf(`
site: fra1
http: ""
severity: {large_flow: critical}
alerts:
  heartbeat: %q
  sinks:
    - {type: alertmanager, url: %q}
    - {type: webhook, url: %q, detail: full}
    - {type: mail, address: %q, security: off, from: weir@example.net, to: noc@example.net}
    - {type: syslog, url: "tcp://%s"}
    - {type: slack, url: %q}
    - {type: pagerduty, key: "${DUTY_KEY}", url: %q}
    - {type: command, command: [%q, "{change}", "{short}"]}
    - {type: webhook, name: down, url: "http://127.0.0.1:1"}
`, urls["beat"], am.URL, urls["hook"], mail.Address, log.TCP, urls["chat"], urls["duty"], page))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var alerts, stderr output
	done := make(chan int)
	go func() {
		done <- execute(ctx, []string{"demo", "--config", conf, "--json"}, streams{strings.NewReader(""), &alerts, &stderr})
	}()

	const flow = "10.20.1.12:40001"
	subject := func() string { // as in Alertmanager; "" while it holds none
		for _, a := range am.Alerts(t) {
			if a.Labels["kind"] == "large_flow" && strings.Contains(a.Labels["subject"], flow) {
				return a.Labels["severity"] + " " + a.Labels["site"]
			}
		}
		return ""
	}
	commands := func() string { b, _ := os.ReadFile(out); return string(b) }
	sinktest.Await(t, "Alertmanager's alert", func() bool { return subject() == "critical fra1" })
	sinktest.Await(t, "the webhook", func() bool { return hook.has(flow, `"change":"start"`, `"severity":"critical"`) })
	mails := func(subject string) bool {
		return slices.ContainsFunc(mail.Mails(), func(m sinktest.Mail) bool { return holds(m.Data, "\nSubject: "+subject, flow) })
	}
	sinktest.Await(t, "the mail", func() bool { return mails("CRITICAL fra1: Large flow ") })
	lines := func(texts ...string) bool {
		return slices.ContainsFunc(log.Lines(t), func(l sinktest.LogLine) bool { return holds(l.Data, texts...) })
	}
	sinktest.Await(t, "the log", func() bool { return lines(flow, `change="start"`) && lines(flow, `state="confirmed"`) })
	sinktest.Await(t, "the chat", func() bool { return chat.has("CRITICAL fra1: Large flow ") })
	sinktest.Await(t, "the page", func() bool { return duty.has(`"event_action":"trigger"`, `"r0uting"`) })
	sinktest.Await(t, "the command", func() bool { return holds(commands(), "start CRITICAL fra1: Large flow ", flow) })
	for name, i := range map[string]*inbox{"chat": &chat, "page": &duty} {
		if i.has("10.20.") || i.has("leaf") {
			t.Errorf("the %s outside is told addresses or names: %q", name, i.bodies)
		}
	}

	sinktest.Await(t, "the end in Alertmanager", func() bool { return subject() == "" })
	sinktest.Await(t, "the end at the webhook", func() bool { return hook.has(flow, `"change":"end"`) })
	sinktest.Await(t, "the end by mail", func() bool { return mails("RESOLVED critical fra1: Large flow ") })
	sinktest.Await(t, "the end in the log", func() bool { return lines(flow, `change="end"`, `state="resolved"`) })
	sinktest.Await(t, "the end in the chat", func() bool { return chat.has("RESOLVED critical fra1: Large flow ") })
	sinktest.Await(t, "the end of the page", func() bool { return duty.has(`"event_action":"resolve"`) })
	sinktest.Await(t, "the end by command", func() bool { return holds(commands(), "end RESOLVED critical fra1: Large flow ") })
	if !beat.has() {
		t.Error("no heartbeat")
	}
	stop()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(stderr.String(), `"sink":"down"`) {
		t.Error("the log does not name the sink that is down")
	}
	delay(t, alerts.String(), flow)
}

// delay expects that the alert was written as soon as the elephant began.
func delay(t *testing.T, alerts, flow string) {
	t.Helper()
	for line := range strings.Lines(alerts) {
		var a struct {
			Severity string
			Subject  struct{ Src string }
		}
		if err := json.Unmarshal([]byte(line), &a); err == nil && strings.HasPrefix(flow, a.Subject.Src) {
			if a.Severity != "critical" {
				t.Errorf("on standard output its severity is %s", a.Severity)
			}
			return
		}
	}
	t.Errorf("not on standard output:\n%s", alerts)
}

func TestAlertTestPrintsTheAnswers(t *testing.T) {
	am, log := sinktest.NewAlertmanager(t), sinktest.NewRsyslog(t, "", "")
	var duty inbox
	srv := httptest.NewServer(&duty)
	defer srv.Close()
	t.Setenv("DUTY_KEY", "r0uting")
	state := filepath.Join(t.TempDir(), "state")
	conf := file(t, "weir.yaml", fmt.Sprintf(`
listen: ["127.0.0.1:0"]
http: ""
state_dir: %q
log: {format: json}
alerts:
  sinks:
    - {type: alertmanager, url: %q}
    - {type: syslog, url: "udp://%s"}
    - {type: pagerduty, key: "${DUTY_KEY}", url: %q}
    - {type: slack, name: chat, url: "http://127.0.0.1:1/secret"}
`, state, am.URL, log.UDP, srv.URL))
	check := func(t *testing.T, tests int) {
		t.Helper()
		code, out, stderr := weir(t, "alert", "test", "--config", conf)
		if code != 1 || !strings.Contains(stderr, "weir: sink chat: the test did not arrive\n") || strings.Contains(stderr+out, "secret") {
			t.Errorf("code %d, %s", code, stderr)
		}
		for _, want := range []string{
			"alertmanager (alertmanager): arrived, after ", "\n    200 OK\n", "\nsyslog (syslog): arrived, after ",
			"\n    handed over by udp to " + log.UDP + ", which answers nothing\n", "\npagerduty (pagerduty): arrived, after ", "\n    202 Accepted\n    202 Accepted\n",
			"\nchat (slack): FAILED: http://127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused, after ",
		} {
			if !strings.Contains("\n"+out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		if got := am.Alerts(t); len(got) != 1 || got[0].Labels["kind"] != "test" || !strings.Contains(got[0].Annotations["summary"], "this is a test of alerts, nothing is wrong") {
			t.Errorf("%+v", got)
		}
		sinktest.Await(t, "the log", func() bool { return len(log.Lines(t)) == tests })
		if !duty.has("trigger", "this is a test") && !duty.has("trigger", "details in weir") || !duty.has("resolve") {
			t.Errorf("%q", duty.bodies)
		}
		if code, out, stderr := weir(t, "alert", "test", "--config", conf, "--sink", "syslog"); code != 0 || strings.Count(out, "\n") != 2 {
			t.Errorf("code %d\n%s%s", code, out, stderr)
		}
		if code, _, stderr := weir(t, "alert", "test", "--config", conf, "--sink", "fax"); code != 1 ||
			!strings.HasSuffix(stderr, "weir: sink \"fax\": is not configured; name one of alertmanager, syslog, pagerduty, chat\n") {
			t.Errorf("code %d, %s", code, stderr)
		}
	}
	t.Run("without a collector", func(t *testing.T) { check(t, 1) })
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var stderr output
	done := make(chan int)
	go func() {
		done <- execute(ctx, []string{"run", "--config", conf}, streams{strings.NewReader(""), io.Discard, &stderr})
	}()
	await(t, &stderr, `receiving sFlow`)
	time.Sleep(100 * time.Millisecond)
	t.Run("with one", func(t *testing.T) { check(t, 3) })
	stop()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d\n%s", code, stderr.String())
	}
}

func TestAlertTestWithoutSinks(t *testing.T) {
	conf := file(t, "weir.yaml", "state_dir: "+t.TempDir()+"\n")
	code, _, stderr := weir(t, "alert", "test", "--config", conf)
	if code != 1 || !strings.Contains(stderr, "weir: no sink is configured: alerts.sinks is empty; `weir check --sample` shows examples\n") {
		t.Errorf("code %d, %s", code, stderr)
	}
}

func TestCheckSaysWhoIsTold(t *testing.T) {
	t.Setenv("DUTY_KEY", "r0uting")
	conf := file(t, "weir.yaml", `
severity: {flood: critical after 10s}
alerts:
  sinks:
    - {type: pagerduty, key: "${DUTY_KEY}"}
    - {type: mail, address: "127.0.0.1:25", from: weir@example.net, to: noc@example.net}
    - {type: syslog, name: log1, url: "udp://127.0.0.1:514"}
`)
	code, out, stderr := weir(t, "check", "--config", conf, "--sampling", "1:1000")
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{
		"severity        flood is critical after 10s, by default warning\n",
		"sink pagerduty  pagerduty gets confirmed critical alerts after their page delay, and one storm page in place of more than ten an hour, without addresses and names\n",
		"sink mail       mail gets confirmed warnings and critical alerts\n",
		"sink log1       syslog gets every alert\n",
		"heartbeat       none: nobody outside notices when weir stops, unless Alertmanager misses the watchdog\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "r0uting") {
		t.Error("tells a secret")
	}
}
