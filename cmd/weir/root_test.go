package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// output is a standard stream that a test may read while a command writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// weir runs one command line in this process.
func weir(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return weirWith(t, nil, args...)
}

func weirWith(t *testing.T, stdin []byte, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err output
	code = execute(t.Context(), args, streams{bytes.NewReader(stdin), &out, &err})
	return code, out.String(), err.String()
}

// file writes a file in a folder of the test.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMistakesAreOneLine(t *testing.T) {
	bad := file(t, "weir.yaml", "shards: many\n")
	text := file(t, "notes.txt", "hello, world")
	const rate = `write a rate such as 50Mbit/s or 1.5Gbit/s, or a share of the interface's speed such as 10%`
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown command, near another", []string{"relpay"}, 2, `"relpay" is no command; did you mean replay?`},
		{"unknown command", []string{"x"}, 2, "\"x\" is no command; `weir --help` lists them"},
		{"unknown flag", []string{"run", "--colour"}, 2, "unknown flag: --colour; `weir run --help` lists the flags"},
		{"flag without its value", []string{"check", "--config"}, 2, "flag needs an argument: --config; `weir check --help` lists the flags"},
		{"argument where none belongs", []string{"run", "x.pcap"}, 2, "run: unknown command \"x.pcap\" for \"weir run\"; `weir run --help` shows examples"},
		{"no file to replay", []string{"replay"}, 2, "replay: requires at least 1 arg(s), only received 0: write `weir replay FILE…`; `weir replay --help` shows examples"},
		{"a file without an alert", []string{"evidence", "-o", "x"}, 2, "evidence: -o needs the ID of an alert; `weir evidence` lists those that have some"},
		{"bad key to add", []string{"key", "add", "instanze: bytes"}, 2, `key "instanze: bytes": key field "instanze": unknown; did you mean instance?`},
		{"bad key to remove", []string{"key", "remove", "dts"}, 2, `key "dts": key field "dts": unknown; did you mean dst?`},
		{"nothing to decode", []string{"decode"}, 2, "decode: no input; name capture files, \"-\" or --listen ADDR; `weir decode --help` shows examples"},
		{"files and the network", []string{"decode", "--listen", ":1", "x"}, 2, "decode: files and --listen exclude each other; `weir decode --help` shows examples"},
		{"threshold without a unit", []string{"run", "--threshold", "5"}, 2, `--threshold "5": no unit: ` + rate},
		{"no address to send to", []string{"send", "x"}, 2, "send: no address; name the collector with --to ADDRESS:PORT, such as --to 127.0.0.1:6343"},
		{"bad address to send to", []string{"send", "x", "--to", "localhost:6343"}, 2, `--to "localhost:6343": not an IP address and port; write for example 127.0.0.1:6343 or [::1]:6343`},
		{"bad rate", []string{"send", "x", "--to", "127.0.0.1:1", "--rate", "fast"}, 2, `--rate "fast": not a rate; write a number per second such as "100/s"`},
		{"rate and real time", []string{"send", "x", "--to", "127.0.0.1:1", "--rate", "1/s", "--realtime"}, 2, "send: --rate and --realtime exclude each other; leave one out"},
		{"a verdict that is none", []string{"alert", "mark", "x", "noisy"}, 2, `verdict "noisy": write useful or noise`},
		{"a mute without an end", []string{"alert", "mute", "x"}, 2, "--for 0s: write a length of time such as 2h"},
		{"too long a mute", []string{"alert", "mute", "x", "--for", "4000h"}, 2, "--for 4000h0m0s: is more than 31 days away; what is never wanted is a matter of thresholds"},
		{"a note of two lines", []string{"alert", "ack", "x", "--note", "a\nb"}, 2, "--note: has control characters; write one line"},
		{"work without a reason", []string{"window", "add", "cn7"}, 2, "--reason: is missing; say what is done"},
		{"bad configuration", []string{"run", "--config", bad}, 78, bad + `:1: shards: "many": not a whole number; write a whole number from 0 to 256`},
		{"missing configuration", []string{"status", "--config", "/none.yaml"}, 78, "/none.yaml: cannot be read: no such file or directory; name a file this user can read with --config FILE"},
		{"missing capture", []string{"decode", "/none.pcap"}, 1, "open /none.pcap: no such file or directory"},
		{"no capture", []string{"decode", text}, 1, text + ": neither pcap nor pcapng, it begins with 68 65 6c 6c: not a capture file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, stderr := weir(t, c.args...)
			if diff := cmp.Diff("weir: "+c.want+"\n", stderr); diff != "" || code != c.code || out != "" {
				t.Errorf("code %d, want %d; output %q (-want +got)\n%s", code, c.code, out, diff)
			}
		})
	}
}

func TestConfigurationHasALineForEachMistake(t *testing.T) {
	bad := file(t, "weir.yaml", "shards: many\nhttpd: x\n")
	code, _, stderr := weir(t, "check", "--config", bad)
	want := "weir: " + bad + `:1: shards: "many": not a whole number; write a whole number from 0 to 256` + "\n" +
		"weir: " + bad + ":2: httpd: unknown key; did you mean http?\n"
	if diff := cmp.Diff(want, stderr); diff != "" || code != 78 {
		t.Errorf("code %d (-want +got)\n%s", code, diff)
	}
}

func TestHelpIsComplete(t *testing.T) {
	root := newRoot(&program{})
	for _, c := range append(root.Commands(), root) {
		if c.Short == "" || c.Long == "" || c.Example == "" {
			t.Errorf("%s: help without a summary, a description or an example", c.Name())
		}
		for line := range strings.Lines(c.Long + "\n" + c.Example) {
			if len([]rune(line)) > 81 {
				t.Errorf("%s: line longer than 80 columns: %s", c.Name(), line)
			}
		}
		if c.RunE == nil {
			t.Errorf("%s does nothing", c.Name())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s: no help", c.Name(), f.Name)
			}
		})
	}
}

func TestHelpExitsWithZero(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"help"}, {"run", "--help"}, {"help", "replay"}} {
		code, out, stderr := weir(t, args...)
		if code != 0 || stderr != "" || !strings.Contains(out, "Examples:") {
			t.Errorf("%v: code %d, output %q, errors %q", args, code, out, stderr)
		}
	}
}

func TestCheckSaysWhichFilesAreGood(t *testing.T) {
	good := file(t, "weir.yaml", "shards: 1\n")
	more := filepath.Join(filepath.Dir(good), "conf.d", "a.yaml")
	if err := os.Mkdir(filepath.Dir(more), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(more, []byte("shards: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ := weir(t, "check", "--config", good)
	if code != 0 || !strings.HasPrefix(out, good+": ok\n"+more+": ok\n\nsampling ") {
		t.Errorf("code %d, output %q", code, out)
	}
	if code, out, _ := weir(t, "check", "--sample"); code != 0 || out != sample {
		t.Errorf("--sample: code %d, %d octets, want the embedded file", code, len(out))
	}
}

func TestVersionIsOneLine(t *testing.T) {
	code, out, _ := weir(t, "version")
	if code != 0 || strings.Count(out, "\n") != 1 || !strings.HasPrefix(out, "weir ") || !strings.Contains(out, " go1.") {
		t.Errorf("code %d, output %q", code, out)
	}
}

// start runs a command until stop is called, which returns its exit code.
func start(t *testing.T, args ...string) (stdout, stderr *output, stop func() int) {
	t.Helper()
	stdout, stderr = &output{}, &output{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() { done <- execute(ctx, args, streams{strings.NewReader(""), stdout, stderr}) }()
	stop = sync.OnceValue(func() int { cancel(); return <-done })
	t.Cleanup(func() { stop() })
	return stdout, stderr, stop
}
