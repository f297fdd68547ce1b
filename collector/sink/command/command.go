// Package command runs a local command for each alert change. The alert is its
// standard input, as JSON; a few of its fields are in variables of the
// environment. No shell sees any of it.
package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"weir/collector/sink"
	"weir/collector/sink/message"
	"weir/detect"
)

// maxOutput bounds what is kept of what the command writes.
const maxOutput = 4 << 10

// Sink runs one command.
type Sink struct {
	argv  []string
	words *message.Writer
}

// New returns a Sink for a program, by its absolute path, and its arguments. In
// these {short}, {kind}, {severity}, {change}, {id}, {key} and {site} stand for
// the alert's; each stays one argument, and none begins with a hyphen or holds
// anything but printable ASCII.
func New(argv []string, w *message.Writer) *Sink { return &Sink{argv, w} }

// Send implements sink.Sink: the command runs once for each change, one after
// the other.
func (s *Sink) Send(ctx context.Context, batch []detect.Alert) error {
	return sink.Each(batch, func(a *detect.Alert) error { return s.run(ctx, a) })
}

// Probe implements sink.Prober: the program is there and can be run.
func (s *Sink) Probe(context.Context) error {
	st, err := os.Stat(s.argv[0])
	switch {
	case err != nil:
		return err
	case st.IsDir() || st.Mode()&0o111 == 0:
		return fmt.Errorf("%s cannot be run; make it executable", s.argv[0])
	}
	return nil
}

func (s *Sink) run(ctx context.Context, a *detect.Alert) error {
	m := s.words.Of(a)
	input, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("alert %s: %w: %w", a.ID, err, sink.ErrPermanent)
	}
	fields := []struct{ name, value string }{
		{"short", m.Short}, {"kind", string(a.Kind)}, {"severity", string(a.Severity)}, {"change", string(a.Change)},
		{"id", a.ID}, {"key", a.Key}, {"site", s.words.Site},
	}
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	var pairs []string
	for _, f := range fields {
		v := message.ASCII(f.value)
		env = append(env, "WEIR_"+strings.ToUpper(f.name)+"="+v)
		pairs = append(pairs, "{"+f.name+"}", strings.TrimLeft(v, "-"))
	}
	fill := strings.NewReplacer(pairs...)
	var args []string
	for _, arg := range s.argv[1:] {
		args = append(args, fill.Replace(arg))
	}
	cmd := exec.CommandContext(ctx, s.argv[0], args...)
	cmd.Env, cmd.Stdin = env, bytes.NewReader(append(input, '\n'))
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	// Its children end with it, and a child that holds the output open does
	// not hold us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	said := sink.Printable(out.String(), 200)
	if err == nil {
		sink.Answered(ctx, "%s ended well%s", s.argv[0], saying(said))
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s took too long and was killed%s", s.argv[0], saying(said))
	}
	sink.Answered(ctx, "%s: %v%s", s.argv[0], err, saying(said))
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // it ended well, and left a child behind
	}
	return fmt.Errorf("%s: %w%s", s.argv[0], err, saying(said))
}

func saying(s string) string {
	if s == "" {
		return ""
	}
	return ", saying: " + s
}

// tail keeps the first octets that are written to it.
type tail struct{ b bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	t.b.Write(p[:min(len(p), max(0, maxOutput-t.b.Len()))])
	return len(p), nil
}

func (t *tail) String() string { return t.b.String() }
