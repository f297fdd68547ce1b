package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// run starts `weir run` as a process of its own, sends to it from this one, and
// prints what arrived, what was lost, what it cost and how memory went. Rate 0
// is a flood.
func (l *load) run(rate float64, length time.Duration, influx string, pinned bool) error {
	dir, err := os.MkdirTemp("", "weir-receive-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := start(dir, influx)
	if err != nil {
		return err
	}
	defer w.stop()
	if pinned {
		if err := errors.Join(pin(w.cmd.Process.Pid, 0), pin(os.Getpid(), 1)); err != nil {
			return err
		}
	}
	to := netip.MustParseAddrPort(w.listen)
	out, err := newBlaster(to, rate)
	if err != nil {
		return err
	}
	payloads := l.datagrams(10_000, segments)
	ctx := context.Background()
	for _, p := range l.introduction() {
		if err := out.send(ctx, p); err != nil {
			return err
		}
	}
	busy, err := w.cpu()
	if err != nil {
		return err
	}
	begin, shown := time.Now(), time.Time{}
	for i := 0; time.Since(begin) < length; i++ {
		p := payloads[i%len(payloads)]
		if i >= len(payloads) {
			advance(p, uint32(len(payloads)/agentsSpeaking), l.rate)
		}
		binary.BigEndian.PutUint32(p[uptimeAt:], uint32(time.Since(begin).Milliseconds()))
		if err := out.send(ctx, p); err != nil {
			return err
		}
		if i%1000 == 0 && time.Since(shown) > time.Second {
			shown = time.Now()
			rss, err := w.rss()
			if err != nil {
				return err
			}
			w.samples = append(w.samples, rss)
			fmt.Fprintf(os.Stderr, "\r\033[K%2.0f of %.0f s, %d MB resident", time.Since(begin).Seconds(), length.Seconds(), rss>>20)
		}
	}
	if err := out.close(ctx); err != nil {
		return err
	}
	fmt.Fprint(os.Stderr, "\r\033[K")
	took := time.Since(begin)
	time.Sleep(time.Second)
	got, dropped, err := w.counts()
	if err != nil {
		return err
	}
	spent, err := w.cpu()
	if err != nil {
		return err
	}
	sent := out.sent
	fmt.Printf("%s: %s\n", l.name, l.about)
	fmt.Printf("sent      %d datagrams in %.1f s, %.0f/s, six flow samples each\n", sent, took.Seconds(), float64(sent)/took.Seconds())
	fmt.Printf("received  %d, %.0f/s\n", got, float64(got)/took.Seconds())
	fmt.Printf("lost      %d (%.4f %%), of them dropped by the kernel %d\n", sent-got, 100*float64(sent-got)/float64(sent), dropped)
	fmt.Printf("processor %.0f %% of a core, %.2f µs a datagram\n",
		100*(spent-busy).Seconds()/took.Seconds(), float64((spent-busy).Microseconds())/float64(got))
	fmt.Printf("memory    %d MB resident after 1 s, %d MB at half time, %d MB at the end\n",
		w.samples[0]>>20, w.samples[len(w.samples)/2]>>20, w.samples[len(w.samples)-1]>>20)
	return nil
}

// uptimeAt is where a datagram of an IPv4 agent has its uptime, in milliseconds.
const uptimeAt = 20

// advance makes p, which datagrams made, the one of its agent n datagrams later,
// but for its uptime. The sender has copied what it was given.
func advance(p []byte, n, rate uint32) {
	const head, samples = 28, 6
	add := func(at int, v uint32) { binary.BigEndian.PutUint32(p[at:], binary.BigEndian.Uint32(p[at:])+v) }
	add(16, n) // sequence
	size := (len(p) - head) / samples
	for s := head; s < len(p); s += size {
		add(s+8, n*samples)       // sequence
		add(s+20, n*samples*rate) // sample_pool
	}
}

// child is a running collector.
type child struct {
	cmd          *exec.Cmd
	listen, http string
	samples      []int64 // resident octets, one a second
}

// start builds and starts a collector on ports of the kernel's choice.
func start(dir, influx string) (*child, error) {
	binary := filepath.Join(dir, "weir")
	if out, err := exec.Command("go", "build", "-o", binary, "weir/cmd/weir").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, out)
	}
	conf := filepath.Join(dir, "weir.yaml")
	text := "listen: [\"127.0.0.1:0\"]\nhttp: 127.0.0.1:0\nstate_dir: " + filepath.Join(dir, "state") + "\nlog:\n  format: json\ninflux:\n  url: \"" + influx + "\"\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(binary, "run", "--config", conf)}
	logs, err := c.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(logs)
	for lines.Scan() {
		var l struct {
			Message, HTTP string
			Listen        []string
		}
		if json.Unmarshal(lines.Bytes(), &l) == nil && l.Message == "receiving sFlow" {
			c.listen, c.http = l.Listen[0], l.HTTP
			go func() { _, _ = io.Copy(io.Discard, logs) }()
			return c, nil
		}
		fmt.Fprintln(os.Stderr, lines.Text())
	}
	c.stop()
	return nil, fmt.Errorf("the collector did not start")
}

func (c *child) stop() {
	_ = c.cmd.Process.Signal(os.Interrupt)
	_ = c.cmd.Wait() // it was told to end
}

// cpu reads the processor time used so far, in ticks of 10 ms.
func (c *child) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name in parentheses may hold anything; 11 fields behind it are utime and stime.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", c.cmd.Process.Pid, b)
	}
	user, err := strconv.Atoi(f[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(f[12])
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}

// rss reads the resident set from /proc.
func (c *child) rss() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// counts asks for what arrived and what the kernel dropped.
func (c *child) counts() (received, dropped uint64, err error) {
	v, err := c.metrics("weir_datagrams_total", "weir_socket_dropped_total")
	return uint64(v[0]), uint64(v[1]), err
}

// metrics asks /metrics for the values of some of its lines.
func (c *child) metrics(names ...string) ([]float64, error) {
	values := make([]float64, len(names))
	resp, err := http.Get("http://" + c.http + "/metrics")
	if err != nil {
		return values, err
	}
	defer resp.Body.Close()
	s := bufio.NewScanner(resp.Body)
	for s.Scan() {
		name, text, _ := strings.Cut(s.Text(), " ")
		if i := slices.Index(names, name); i >= 0 {
			if values[i], err = strconv.ParseFloat(text, 64); err != nil {
				return values, err
			}
		}
	}
	return values, s.Err()
}
