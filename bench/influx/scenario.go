package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/collector/sink/influx/influxtest"
)

// result is what one writer made of it.
type result struct {
	handed, arrived  int
	lastSecond       int // of the lost: handed over in the second before the writer was killed
	twice            int
	told             string
	wait             time.Duration // longest that the caller waited
	first, most, end int64         // octets of memory: after a second, at most, before the end
}

// scenario takes a writer through its 25 seconds, and counts what arrived.
func scenario(role string, rate int, kill bool) result {
	t := &runner{}
	defer t.clean()
	server := influxtest.Start(t)
	proxy := influxtest.StartProxy(t, server.URL)
	mustQuery(t, server, "CREATE DATABASE weir")
	dir := t.TempDir()
	var r result
	start := time.Now()
	at := func(d time.Duration) { time.Sleep(time.Until(start.Add(d))) }
	p := startWriter(t, role, proxy.URL, dir, 0, rate)

	at(time.Second)
	r.first = p.memory()
	proxy.Set(influxtest.Fault{Status: 503, Message: "unavailable"})
	at(11 * time.Second)
	r.most = max(r.most, p.memory())
	proxy.Set(influxtest.Fault{Hang: true})
	killed, before := 0, 0
	if kill {
		at(16 * time.Second)
		before = p.handed()
		at(17 * time.Second)
		r.most = max(r.most, p.memory())
		killed = p.kill()
		r.wait = p.longest()
		p = startWriter(t, role, proxy.URL, dir, killed, rate)
	}
	at(23 * time.Second)
	r.most = max(r.most, p.memory())
	server.Kill()
	proxy.Set(influxtest.Fault{})
	at(24 * time.Second)
	server.Restart()
	at(25 * time.Second)
	r.end = p.memory()
	r.most = max(r.most, r.end)
	r.told = p.finish()
	r.wait = max(r.wait, p.longest())
	if role == "sink" {
		r.told = fmt.Sprintf("%s, %d in the kill", r.told, p.gap)
	}
	r.handed = p.handed()
	r.arrived = count(t, server, "SELECT count(v) FROM record")
	distinct := count(t, server, "SELECT count(d) FROM (SELECT distinct(v) AS d FROM record)")
	r.twice = r.arrived - distinct
	if kill {
		r.lastSecond = killed - before - count(t, server, fmt.Sprintf("SELECT count(v) FROM record WHERE v >= %d AND v < %d", before, killed))
	}
	return r
}

func mustQuery(t *runner, s *influxtest.Server, q string) {
	if _, err := s.Query("", q); err != nil {
		t.Fatal(err)
	}
}

func count(t *runner, s *influxtest.Server, q string) int {
	all, err := s.Query("weir", q)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(fmt.Sprint(all[0].Values[0][1].(json.Number)))
	return n
}

// process is a writer that can be killed.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	done  chan struct{}

	mu   sync.Mutex
	next int
	wait time.Duration
	gap  int
	told string
}

func startWriter(t *runner, role, url, dir string, from, rate int) *process {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-write", role, "-url", url, "-dir", dir, "-from", fmt.Sprint(from), "-rate", fmt.Sprint(rate))
	p := &process{cmd: cmd, done: make(chan struct{}), next: from}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	go p.listen(out)
	return p
}

func (p *process) listen(out io.Reader) {
	defer close(p.done)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		p.mu.Lock()
		switch word {
		case "gap":
			p.gap, _ = strconv.Atoi(rest)
		case "told":
			p.told = rest
		case "handed":
			next, wait, _ := strings.Cut(rest, " ")
			p.next, _ = strconv.Atoi(next)
			ns, _ := strconv.ParseInt(wait, 10, 64)
			p.wait = time.Duration(ns)
		}
		p.mu.Unlock()
	}
}

func (p *process) handed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next
}

func (p *process) longest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wait
}

// kill kills the process and returns the number behind its last record.
func (p *process) kill() int {
	_ = p.cmd.Process.Kill()
	<-p.done
	_ = p.cmd.Wait()
	return p.handed()
}

// finish ends the process in good order and returns what it counts as lost.
func (p *process) finish() string {
	p.stdin.Close()
	<-p.done
	_ = p.cmd.Wait()
	return p.told
}

// memory returns the process's resident memory, in octets.
func (p *process) memory() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	f := bytes.Fields(b)
	if err != nil || len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(f[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// runner is what runs servers outside of a test.
type runner struct{ after []func() }

func (r *runner) Helper() {}

func (r *runner) Fatal(args ...any) {
	r.clean()
	fmt.Fprintln(os.Stderr, append([]any{"influx:"}, args...)...)
	os.Exit(1)
}

func (r *runner) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }
func (r *runner) Skip(args ...any)                  { r.Fatal(args...) }
func (r *runner) Skipf(format string, args ...any)  { r.Fatalf(format, args...) }
func (r *runner) Cleanup(f func())                  { r.after = append(r.after, f) }

func (r *runner) TempDir() string {
	dir, err := os.MkdirTemp("", "weir-influx-")
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (r *runner) clean() {
	for len(r.after) > 0 {
		last := r.after[len(r.after)-1]
		r.after = r.after[:len(r.after)-1]
		last()
	}
}
