package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"weir/collector/config"
	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

// hangUp sends this process SIGHUP.
func hangUp(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

func TestHangUpReadsTheConfigurationAgain(t *testing.T) {
	name := file(t, "weir.yaml", "shards: 1\n")
	var log output
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p := &program{configFile: name}
	next := p.reloads(ctx, func() (config.Config, error) { return p.load("20%") }, zerolog.New(&log))

	if err := os.WriteFile(name, []byte("shards: many\nlog: {level: loud}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hangUp(t)
	await(t, &log, "(?s)loud.*\n")
	want := `{"level":"error","file":"` + name + `","line":1,"key":"shards","value":"many","problem":"not a whole number","fix":"write a whole number from 0 to 256","message":"configuration not reloaded"}
{"level":"error","file":"` + name + `","line":2,"key":"log.level","value":"loud","problem":"not one of the words","fix":"write debug, info, warn, error","message":"configuration not reloaded"}
`
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}

	if err := os.WriteFile(name, []byte("allow: [10.0.0.0/8]\nlarge_flow: {threshold: 1%}\nlog: {level: error}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hangUp(t)
	select {
	case c := <-next:
		if len(c.Allow) != 1 || c.LargeFlow.Threshold.Share != 0.2 || zerolog.GlobalLevel() != zerolog.ErrorLevel {
			t.Errorf("allow %v, threshold %v, level %v; want one, that of the command line, error", c.Allow, c.LargeFlow.Threshold, zerolog.GlobalLevel())
		}
	case <-time.After(time.Minute):
		t.Fatal("no configuration after SIGHUP")
	}
	setLevel(config.Default().Log)
}

// TestRunOutlivesTheReaderOfItsAlerts runs a collector in a process of its own,
// since a broken pipe is a signal only where it is standard output.
func TestRunOutlivesTheReaderOfItsAlerts(t *testing.T) {
	if conf := os.Getenv("WEIR_TEST_RUN"); conf != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		os.Exit(execute(ctx, []string{"run", "--config", conf}, streams{os.Stdin, os.Stdout, os.Stderr}))
	}
	conf := file(t, "weir.yaml", fmt.Sprintf("listen: ['127.0.0.1:0']\nstate_dir: %q\nhttp: ''\nlog: {format: json}\nlarge_flow: {threshold: 10Mbit/s}\n",
		filepath.Join(t.TempDir(), "state")))
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRunOutlivesTheReaderOfItsAlerts$")
	cmd.Env = append(os.Environ(), "WEIR_TEST_RUN="+conf)
	var log output
	cmd.Stderr = &log
	alerts, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = alerts.Close()
	c, err := net.Dial("udp", await(t, &log, `"listen":\["([^"]+)"`)[1])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f := sflow.FlowSample{Source: sflow.DataSource{Index: 1}, SamplingRate: 1000, Input: sflow.Port{Value: 1}}
	packet := &sflow.SampledHeader{Protocol: 1, FrameLength: 1500, Header: sflowtest.Header()}
	var b sflow.Builder
	for i := range 300 { // samples that stand for 12 Mbit each, 5 ms apart
		f.Sequence, f.SamplePool = sflow.Seq(i+1), uint32(i+1)*1000
		b.Reset(nil, &sflow.Datagram{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: sflow.Seq(i + 1), Uptime: uint32(1000 + 5*i)})
		b.FlowSample(&f, false, packet)
		if _, err := c.Write(b.Bytes()); err != nil {
			t.Fatalf("after %d datagrams: %v\n%s", i, err, log.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
	await(t, &log, `broken pipe.*alerts could not be written`)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, log.String())
	}
	if n := strings.Count(log.String(), "could not be written"); n != 1 {
		t.Errorf("said %d times, want once a minute\n%s", n, log.String())
	}
}

// TestRunIsSeenByTheOtherCommands runs a whole collector.
func TestRunIsSeenByTheOtherCommands(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	conf := file(t, "weir.yaml", fmt.Sprintf("listen: ['127.0.0.1:0']\nshards: 1\nstate_dir: %q\nhttp: '127.0.0.1:0'\nlog: {format: json}\n", dir))
	_, log, stop := start(t, "run", "--config", conf)
	await(t, log, `receiving sFlow`)
	var hello struct {
		Listen []string
		HTTP   string
	}
	if err := json.Unmarshal([]byte(strings.SplitAfter(log.String(), "\n")[0]), &hello); err != nil {
		t.Fatalf("%v: %s", err, log)
	}
	c, err := net.Dial("udp", hello.Listen[0])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 10 {
		if _, err := c.Write(payload(uint32(i + 1))); err != nil {
			t.Fatal(err)
		}
	}
	text := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && !strings.HasPrefix(text, "10, "); time.Sleep(20 * time.Millisecond) {
		_, out, stderr := weir(t, "status", "--config", conf)
		_, text, _ = strings.Cut(out, "datagrams")
		text = strings.TrimSpace(text)
		if stderr != "" {
			t.Fatal(stderr)
		}
	}
	if !strings.HasPrefix(text, "10, ") {
		t.Errorf("status: %s", text)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && !strings.Contains(text, "192.0.2.1"); time.Sleep(20 * time.Millisecond) {
		_, text, _ = weir(t, "agents", "--config", conf)
	}
	if !strings.Contains(text, "192.0.2.1  127.0.0.1") {
		t.Errorf("agents: %s", text)
	}
	at := file(t, "health.yaml", fmt.Sprintf("http: %q\n", hello.HTTP))
	if code, out, stderr := weir(t, "healthcheck", "--config", at); code != 0 {
		t.Errorf("healthcheck: code %d, %s%s", code, out, stderr)
	}
	if code, _, stderr := weir(t, "run", "--config", conf); code != 1 || !strings.Contains(stderr, "weir: state_dir "+dir+" is in use by weir with process id ") {
		t.Errorf("a second collector: code %d, errors %q", code, stderr)
	}
	if code := stop(); code != 0 {
		t.Errorf("code %d, log %s", code, log)
	}
	if code, _, _ := weir(t, "status", "--config", conf); code != 1 {
		t.Error("the control socket outlives the collector")
	}
}

func TestRunSaysWhatCannotBeOpened(t *testing.T) {
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	h, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, c := range []struct{ name, listen, http, state, want string }{
		{"UDP port", u.LocalAddr().String(), "127.0.0.1:0", t.TempDir(), "listen " + u.LocalAddr().String() + ": port in use"},
		{"TCP port", "127.0.0.1:0", h.Addr().String(), t.TempDir(), "http: " + h.Addr().String() + " is in use"},
		{"state folder", "127.0.0.1:0", "", "/dev/null/weir", "state_dir /dev/null/weir cannot be made: not a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := file(t, "weir.yaml", fmt.Sprintf("listen: [%q]\nhttp: %q\nstate_dir: %q\nshards: 1\n", c.listen, c.http, c.state))
			_, stderr, stop := start(t, "run", "--config", conf)
			await(t, stderr, `(?m)^weir: .*\n`)
			if code := stop(); code != 1 || !strings.HasPrefix(stderr.String(), "weir: "+c.want) || strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("code %d, errors %q; want one line with %s", code, stderr, c.want)
			}
		})
	}
}
