package influx

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/sink/influx/influxtest"
)

// TestMain is also the process that is killed: with these variables set it
// writes points from a number on until its standard input ends, or erases some.
func TestMain(m *testing.M) {
	if dir := os.Getenv("WEIR_TEST_INFLUX_DIR"); dir != "" {
		from, _ := strconv.Atoi(os.Getenv("WEIR_TEST_INFLUX_FROM"))
		writeUntilKilled(dir, os.Getenv("WEIR_TEST_INFLUX_URL"), from)
		return
	}
	if dir := os.Getenv("WEIR_TEST_INFLUX_ERASE"); dir != "" {
		eraseUntilKilled(dir)
		return
	}
	os.Exit(m.Run())
}

// rate is how many points a second the process writes.
const rate = 10000

func writeUntilKilled(dir, url string, from int) {
	s := New(Config{URL: url, Bucket: "weir", Series: 1000, Dir: dir, Spool: 64 << 20, Timeout: 2 * time.Second, Log: zerolog.New(os.Stderr)})
	fmt.Println("gap", s.Stats().Gap)
	end := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(end)
	}()
	next, late := time.Now(), time.Duration(0) // at most, as the machine was busy elsewhere
	for {
		late = max(late, time.Since(next))
		next = next.Add(10 * time.Millisecond)
		select {
		case <-end:
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			for st := s.Stats(); st.Spool.Points+int64(st.MemoryPoints) > 0 && ctx.Err() == nil; st = s.Stats() {
				time.Sleep(20 * time.Millisecond)
			}
			fmt.Println("closed", s.Close(ctx), s.Stats().Dropped)
			return
		case <-time.After(time.Until(next)):
		}
		var b bytes.Buffer
		for range rate / 100 {
			fmt.Fprintf(&b, "m,i=%d v=%di %d\n", from%100, from, 1795332604000000000+from)
			from++
		}
		s.WriteLines(b.Bytes(), rate/100)
		fmt.Println("accepted", from, late.Milliseconds())
	}
}

// process is one life of the writer.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Scanner
	late  int // ms, that it was behind its time at most
}

// accepted reads what it says of the points that it gave to the sink.
func (p *process) accepted(line string) (n int, ok bool) {
	read, _ := fmt.Sscanf(line, "accepted %d %d", &n, &p.late)
	return n, read == 2
}

func startWriter(t testing.TB, dir, url string, from int) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), "WEIR_TEST_INFLUX_DIR="+dir, "WEIR_TEST_INFLUX_URL="+url, fmt.Sprint("WEIR_TEST_INFLUX_FROM=", from))
	p.stdin, err = p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// read reads a line that begins with the word and returns what follows.
func (p *process) read(word string) string {
	p.t.Helper()
	for p.out.Scan() {
		if rest, ok := strings.CutPrefix(p.out.Text(), word+" "); ok {
			return rest
		}
	}
	p.t.Fatalf("the process ended before it said %q", word)
	return ""
}

// kill kills the process after it has written for a time, and returns the number
// behind the last point the sink accepted.
func (p *process) kill(after time.Duration) int {
	p.t.Helper()
	n := 0
	end := time.Now().Add(after)
	for p.out.Scan() {
		if m, ok := p.accepted(p.out.Text()); ok {
			n = m
		}
		if time.Now().After(end) {
			_ = p.cmd.Process.Kill()
			end = end.Add(time.Hour)
		}
	}
	_ = p.cmd.Wait()
	return n
}

// TestKilledAtAnyMoment kills weir's part and the server, and finds every point
// once that was handed over earlier than a second before weir was killed.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	server := influxtest.Start(t)
	proxy := influxtest.StartProxy(t, server.URL)
	dir := t.TempDir()

	p := startWriter(t, dir, proxy.URL, 0)
	if gap := p.read("gap"); gap != "0" {
		t.Errorf("a gap of %s at the first start", gap)
	}
	time.AfterFunc(500*time.Millisecond, server.Kill)
	first := p.kill(1700 * time.Millisecond) // of a server that is gone
	most1 := rate + rate*p.late/1000

	p = startWriter(t, dir, proxy.URL, first)
	gap1, _ := strconv.Atoi(p.read("gap"))
	time.AfterFunc(300*time.Millisecond, func() { proxy.Set(influxtest.Fault{Hang: true}) })
	server.Restart()
	second := p.kill(1700 * time.Millisecond) // of a server that hangs
	most2 := rate + rate*p.late/1000

	proxy.Set(influxtest.Fault{})
	p = startWriter(t, dir, proxy.URL, second)
	gap2, _ := strconv.Atoi(p.read("gap"))
	last, _ := p.accepted("accepted " + p.read("accepted"))
	p.stdin.Close()
	for p.out.Scan() {
		if n, ok := p.accepted(p.out.Text()); ok {
			last = n
		} else if rest, ok := strings.CutPrefix(p.out.Text(), "closed "); ok && rest != "<nil> 0" {
			t.Errorf("closed with %s", rest)
		}
	}
	_ = p.cmd.Wait()

	got, err := server.Number("weir", "SELECT count(v) FROM m")
	if err != nil {
		t.Fatal(err)
	}
	lost := last - int(got)
	if lost < 0 || lost > gap1+gap2 {
		t.Errorf("%d points of %d are missing, a gap of %d and %d was counted", lost, last, gap1, gap2)
	}
	if gap1 > most1 || gap2 > most2 { // who writes to disk may be as late as who gives the points
		t.Errorf("more than a second was lost: %d and %d of %d points a second; at most %d and %d", gap1, gap2, rate, most1, most2)
	}
	t.Logf("%d points, %d missing, gaps %d and %d", last, lost, gap1, gap2)
}
