package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/collector/sink"
	"weir/collector/sink/message"
	"weir/collector/sink/sinktest"
	"weir/detect"
)

func script(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "page")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCommandGetsHostileNamesAsOneArgument(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	name := script(t, `for a in "$@"; do printf '[%s]\n' "$a"; done >`+out+`; printf '%s\n' "$WEIR_SHORT" >>`+out+`; cat >>`+out+`; echo thanks`)
	t.Setenv("SECRET_OF_THE_COLLECTOR", "x")
	s := New([]string{name, "-v", "{severity}", "text: {short}", "{key}"}, &message.Writer{Site: "--fra1"})
	a := sinktest.Alert(1, detect.Start, sinktest.Hostile)
	var r sink.Recorder
	if err := s.Send(sink.WithRecorder(t.Context(), &r), []detect.Alert{a}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitN(string(b), "\n", 6)
	short := (&message.Writer{Site: "--fra1"}).Of(&a).Short
	want := []string{"[-v]", "[critical]", "[text: " + short + "]", "[" + a.Key + "]", short}
	for i, w := range want {
		if lines[i] != w {
			t.Errorf("line %d %q, want %q", i, lines[i], w)
		}
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[5]), &got); err != nil || got["id"] != a.ID {
		t.Errorf("%v: %s", err, lines[5])
	}
	if l := r.Lines(); len(l) != 1 || l[0] != name+" ended well, saying: thanks" {
		t.Errorf("answers %q", l)
	}
}

func TestCommandKeepsTheEnvironmentToItself(t *testing.T) {
	t.Setenv("SECRET_OF_THE_COLLECTOR", "s3cret")
	name := script(t, `env | grep -q SECRET && exit 3; exit 0`)
	if err := New([]string{name}, &message.Writer{}).Send(t.Context(), []detect.Alert{sinktest.Alert(1, detect.Start, "x")}); err != nil {
		t.Error(err)
	}
}

func TestCommandThatFails(t *testing.T) {
	name := script(t, `echo "no modem" >&2; exit 4`)
	err := New([]string{name}, &message.Writer{}).Send(t.Context(), []detect.Alert{sinktest.Alert(1, detect.Start, "x")})
	if want := name + ": exit status 4, saying: no modem"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestCommandThatHangsIsKilledWithItsChildren(t *testing.T) {
	dir := t.TempDir()
	name := script(t, `sleep 600 & echo $! >`+dir+`/made; mv `+dir+`/made `+dir+`/child; sleep 600`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sent := make(chan error, 1)
	go func() {
		sent <- New([]string{name}, &message.Writer{}).Send(ctx, []detect.Alert{sinktest.Alert(1, detect.Start, "x")})
	}()
	var child int
	sinktest.Await(t, "its child", func() bool {
		b, err := os.ReadFile(dir + "/child")
		if err == nil {
			_, err = fmt.Sscan(string(b), &child)
		}
		return err == nil
	})
	cancel() // its time is over
	if err := <-sent; err == nil || !strings.Contains(err.Error(), "took too long and was killed") {
		t.Error(err)
	}
	sinktest.Await(t, "the end of its child", func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child)) // PID (NAME) STATE
		return err != nil || bytes.Contains(b, []byte(") Z "))
	})
}

func TestCommandIsProbed(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{"/bin/sh": true, "/no/such": false, "/tmp": false, plain: false} {
		if err := New([]string{name}, &message.Writer{}).Probe(t.Context()); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
