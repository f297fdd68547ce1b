package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// alertLine is the part of an alert that the tests of commands look at.
type alertLine struct {
	Change  string
	Kind    string
	Subject struct {
		Src, Dst string
		DstPort  int `json:"dst_port"`
	}
	Incident string
	Evidence struct {
		Affected      int
		BitsPerSecond float64 `json:"bits_per_second"`
		Low, High     float64
		Samples       int
	}
}

// TestDemoRaisesItsAlerts runs the demo in real time until the first elephant,
// which starts after five seconds, and the bridge that goes down after twelve are
// reported: the bridge with its instances, and nothing else about them.
func TestDemoRaisesItsAlerts(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if l, err := net.Listen("tcp", "127.0.0.1:8343"); err == nil { // the default is taken, by us or another
		defer l.Close()
	}
	out, w := io.Pipe()
	var log output
	done := make(chan int)
	go func() {
		code := execute(ctx, []string{"demo"}, streams{strings.NewReader(""), w, &log})
		w.Close()
		done <- code
	}()
	var first alertLine
	var got, bridge bool
	for dec := json.NewDecoder(out); !got || !bridge; {
		var a alertLine
		if err := dec.Decode(&a); err != nil {
			t.Errorf("no alert: %v", err)
			break
		}
		// The start may rest on few samples; an update knows more, but for one of a time
		// in which a busy machine sent nothing or what had waited.
		if e := a.Evidence; a.Kind == "large_flow" && a.Change == "update" && !got {
			first, got = a, e.Low <= 1.3*6e9 && e.High >= 0.3*6e9 && e.Samples > 0
		}
		switch a.Kind {
		case "large_flow", "link_saturated", "collector_overloaded": // the last of a busy machine's
		case "bridge_down":
			bridge = true
			if a.Evidence.Affected != 6 || a.Incident == "" {
				t.Errorf("%+v, want six instances under it", a)
			}
		default:
			t.Errorf("an alert that is not of the demo's making: %+v", a)
		}
	}
	ask := await(t, &log, `ask it with: weir status --config (\S+)`)
	go io.Copy(io.Discard, out)
	at := await(t, &log, `open http://(\S+)/ in a browser`)[1]
	if code, health, stderr := weir(t, "healthcheck", "--config", ask[1]); code != 0 || health != at+" is ready\n" {
		t.Errorf("health at %s: code %d, %s%s", at, code, health, stderr)
	}
	rule := file(t, "rule.yaml", "{name: much, key: dst, threshold: 50Gbit/s}")
	if code, said, stderr := weir(t, "rule", "add", rule, "--config", ask[1]); code != 0 || !strings.HasPrefix(said, "much: raises a warning alert") {
		t.Errorf("code %d, %s%s", code, said, stderr)
	}
	if code, said, stderr := weir(t, "rule", "add", rule, "--config", ask[1]); code != 1 || !strings.Contains(stderr, "is the name of another rule") {
		t.Errorf("the same once more: code %d, %s%s", code, said, stderr)
	}
	if code, said, stderr := weir(t, "rule", "remove", "much", "--config", ask[1]); code != 0 || said != "much\n" {
		t.Errorf("code %d, %s%s", code, said, stderr)
	}
	if code, status, stderr := weir(t, "status", "--config", ask[1]); code != 0 || !strings.Contains(status, "alerts") {
		t.Errorf("the demo cannot be asked: code %d, %s%s", code, status, stderr)
	}
	for { // by its instances too, as soon as they are written
		code, flows, stderr := weir(t, "query", "flows", "--config", ask[1], "--filter", "instance = web-1", "--by", "src_instance,dst_instance")
		if code == 0 && strings.Contains(flows, "\nweb-1 ") {
			break
		}
		if ctx.Err() != nil {
			t.Errorf("flows of an instance: code %d, %s%s", code, flows, stderr)
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if !strings.Contains(log.String(), "three switches and three hypervisors") {
		t.Errorf("the log does not greet:\n%s", log.String())
	}
	if !got {
		t.Fatalf("no evidence of 6 Gbit/s, last %+v; log:\n%s", first.Evidence, log.String())
	}
	if s := first.Subject; s.Src != "10.20.1.12" || s.Dst != "10.20.2.13" || s.DstPort != 873 {
		t.Errorf("subject %+v, want the elephant", s)
	}
}

// Demos that begin at once want the same port: one has it, the others another.
func TestDemosBeginAtOnce(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conf := file(t, "weir.yaml", fmt.Sprintf("http: %q\n", l.Addr()))
	l.Close() // where something else takes it, they all have another
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const demos = 4
	var logs [demos]output
	codes := make(chan int, demos)
	for i := range demos {
		go func() {
			codes <- execute(ctx, []string{"demo", "--config", conf}, streams{strings.NewReader(""), io.Discard, &logs[i]})
		}()
	}
	taken := map[string]bool{}
	for i := range logs {
		taken[await(t, &logs[i], `open http://(\S+)/ in a browser`)[1]] = true
	}
	if len(taken) != demos {
		t.Errorf("%d demos have %v", demos, taken)
	}
	cancel()
	for range demos {
		if code := <-codes; code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
	}
}
