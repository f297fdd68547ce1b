package collector

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"weir/collector/config"
	"weir/collector/udp/capture"
	"weir/detect"
)

var replayStart = time.Date(2024, 2, 29, 23, 59, 58, 0, time.UTC)

// recorder writes a capture of one exporter.
type recorder struct {
	t    testing.TB
	e    *exporter
	w    *capture.Writer
	at   time.Time
	port uint16
	name string
	file *os.File
}

func record(t testing.TB) *recorder {
	t.Helper()
	name := filepath.Join(t.TempDir(), "test.pcap")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := capture.NewWriter(f)
	if err != nil {
		t.Fatal(err)
	}
	return &recorder{t: t, e: newExporter("192.0.2.11"), w: w, at: replayStart, port: capture.DefaultPort, name: name, file: f}
}

func (r *recorder) write(payload []byte) {
	r.t.Helper()
	err := r.w.Write(capture.Datagram{
		Payload: payload, At: r.at,
		From: netip.MustParseAddrPort("192.0.2.11:50000"), To: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.100"), r.port),
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// mean of the time between two samples of the elephant: 1.2 Gbit/s.
const mean = 10 * time.Millisecond

// elephant is a flow of random samples for d, among mice.
func (r *recorder) elephant(rng *rand.Rand, port uint16, d time.Duration) {
	r.t.Helper()
	for end := r.at.Add(d); ; {
		next := r.at.Add(time.Duration(rng.ExpFloat64() * float64(mean)))
		if next.After(end) {
			r.at = end
			return
		}
		r.at = next
		r.write(r.e.flows(port, uint16(rng.Uint32())))
	}
}

// mice is what stays below any threshold, for d.
func (r *recorder) mice(rng *rand.Rand, d time.Duration) {
	r.t.Helper()
	for end := r.at.Add(d); r.at.Before(end); r.at = r.at.Add(50 * time.Millisecond) {
		r.write(r.e.flows(uint16(rng.Uint32())))
	}
}

func (r *recorder) done() string {
	r.t.Helper()
	if err := r.file.Close(); err != nil {
		r.t.Fatal(err)
	}
	return r.name
}

func replayConfig() config.Config {
	cfg := config.Default()
	cfg.LargeFlow.Threshold = detect.Threshold{BitsPerSecond: 100e6}
	return cfg
}

// replayed replays files and returns the alert lines and the log.
func replayed(t *testing.T, cfg config.Config, files ...string) (alerts, log *lines, err error) {
	t.Helper()
	alerts, log = new(lines), new(lines)
	err = Replay(t.Context(), cfg, files, IO{Alerts: alerts, AlertsJSON: true, Log: zerolog.New(log)})
	return alerts, log, err
}

// mustReplay also parses the alerts, and expects that all that start end.
func mustReplay(t *testing.T, cfg config.Config, files ...string) ([]alert, *lines) {
	t.Helper()
	out, log, err := replayed(t, cfg, files...)
	if err != nil {
		t.Fatal(err)
	}
	all := parseAlerts(t, out.all())
	open := map[string]string{}
	for _, a := range all {
		open[a.ID] = a.Change
	}
	for id, change := range open {
		if change != "end" {
			t.Errorf("alert %s does not end", id)
		}
	}
	return all, log
}

// ends are the last changes.
func ends(all []alert) (out []alert) {
	for _, a := range all {
		if a.Change == "end" {
			out = append(out, a)
		}
	}
	return out
}

func TestReplayRaisesOneAlertAtTheRightRate(t *testing.T) {
	r, rng := record(t), rand.New(rand.NewPCG(1, 1))
	r.write(r.e.counted("swp9"))
	r.mice(rng, 3*time.Second)
	r.elephant(rng, 40000, 20*time.Second)
	r.mice(rng, 10*time.Second)
	name := r.done()
	all, log := mustReplay(t, replayConfig(), name)
	last := ends(all)
	if len(last) != 1 || all[0].Change != "start" || last[0].Reason != "" {
		t.Fatalf("alerts %+v, want one that ends by itself", all)
	}
	// 2,000 samples are ±4.4 % at 95 %; twice that is what no seed exceeds.
	e, truth := last[0].Evidence, bitsPerSecond(mean)
	if e.BitsPerSecond < 0.91*truth || e.BitsPerSecond > 1.09*truth || e.Low > e.BitsPerSecond || e.High < e.BitsPerSecond || e.InputName != "swp9" {
		t.Errorf("end %+v, want %.0f bit/s", e, truth)
	}
	hold := 0
	for _, a := range all[:len(all)-1] {
		if a.At > "2024-03-01T00:00:21" {
			continue // the flow has ended, which its window has yet to notice
		}
		if hold++; a.Evidence.Low > truth || a.Evidence.High < truth {
			hold--
		}
	}
	if n := len(all) - 1; hold < (n-4)*8/10 {
		t.Errorf("%d of %d intervals hold the truth", hold, n)
	}
	if s := strings.Join(log.all(), ""); !strings.Contains(s, `"agents":1,"clock_jumps":0`) || strings.Contains(s, "warn") {
		t.Errorf("log %s", s)
	}

	first, _, _ := replayed(t, replayConfig(), name)
	second, _, _ := replayed(t, replayConfig(), name)
	if diff := cmp.Diff(first.all(), second.all()); diff != "" {
		t.Errorf("the second replay differs (-first +second)\n%s", diff)
	}
}

// Years between two datagrams, forward and backward, are another clock: what is
// open ends, nothing else comes of it.
func TestReplaySurvivesClockJumps(t *testing.T) {
	r, rng := record(t), rand.New(rand.NewPCG(2, 2))
	r.elephant(rng, 40000, 5*time.Second)
	r.at = r.at.AddDate(7, 0, 0)
	r.mice(rng, time.Second)
	r.elephant(rng, 40000, 5*time.Second)
	r.at = r.at.AddDate(-9, 0, 0)
	r.mice(rng, 2*time.Second)
	for range 20 { // to and fro
		r.at = r.at.AddDate(3, 0, 0)
		r.write(r.e.flows(1))
		r.at = r.at.AddDate(-3, 0, 0)
		r.write(r.e.flows(1))
	}
	r.elephant(rng, 40000, 3*time.Second)
	begin := time.Now()
	all, log := mustReplay(t, replayConfig(), r.done())
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
	var got []string
	for _, a := range ends(all) {
		got = append(got, a.At[:4]+" "+a.Reason)
		if a.Subject.SrcPort != 40000 {
			t.Errorf("alert %+v", a)
		}
	}
	if diff := cmp.Diff([]string{"2024 clock", "2031 clock", "2022 end_of_data"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if s := strings.Join(log.all(), ""); !strings.Contains(s, `"clock_jumps":42`) {
		t.Errorf("log %s", s)
	}
}

// A gap below a minute is idle time, in which an alert ends by itself.
func TestReplayOfIdleTimeIsQuick(t *testing.T) {
	r, rng := record(t), rand.New(rand.NewPCG(3, 3))
	r.elephant(rng, 40000, 3*time.Second)
	for range 100 {
		r.at = r.at.Add(59 * time.Second)
		r.write(r.e.flows(1))
	}
	begin := time.Now()
	all, log := mustReplay(t, replayConfig(), r.done())
	if took := time.Since(begin); took > 30*time.Second { // a tenth of one, where nothing else runs
		t.Errorf("took %v", took)
	}
	if e := ends(all); len(e) != 1 || e[0].Reason != "" || e[0].At > "2024-03-01T00:00:20" {
		t.Errorf("alerts %+v, want one that ends by itself within seconds", all)
	}
	if s := strings.Join(log.all(), ""); !strings.Contains(s, `"clock_jumps":0`) {
		t.Errorf("log %s", s)
	}
}

func TestReplayOfCutAndDamagedFiles(t *testing.T) {
	r, rng := record(t), rand.New(rand.NewPCG(4, 4))
	r.mice(rng, time.Second)
	for range 20 {
		r.write(r.e.damaged())
		r.write(netflow5())
	}
	r.mice(rng, time.Second)
	name := r.done()
	_, log := mustReplay(t, replayConfig(), name)
	for _, text := range []string{`"datagram":21,"from":"192.0.2.11:50000","error":"sflow: sample 0`, `"kind":"netflow_v5"`, `"unreadable_datagrams":20,`, `"bad_samples":20,`} {
		if got := log.with(text); len(got) != 1 {
			t.Errorf("lines with %s: %q, want one; log %s", text, got, log.all())
		}
	}

	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.pcap")
	if err := os.WriteFile(cut, whole[:len(whole)/2+7], 0o600); err != nil {
		t.Fatal(err)
	}
	_, log = mustReplay(t, replayConfig(), cut, name) // the next file is read all the same
	if got := log.with("cut in the middle"); len(got) != 1 || !strings.Contains(got[0], cut) {
		t.Errorf("warnings %q, want one that names the file", got)
	}
	if got := log.with("replayed"); len(got) != 1 {
		t.Errorf("log %q", log.all())
	}
}

func TestReplayTellsOfOtherPorts(t *testing.T) {
	r, rng := record(t), rand.New(rand.NewPCG(8, 8))
	r.port = 9999
	r.mice(rng, time.Second)
	name := r.done()
	_, log := mustReplay(t, replayConfig(), name)
	if got := log.with(`"to_other_udp_ports":20`); len(got) != 1 || !strings.Contains(got[0], name) || !strings.Contains(got[0], "--any-port") {
		t.Errorf("log %q", log.all())
	}
	log = new(lines)
	if err := Replay(t.Context(), replayConfig(), []string{name}, IO{Alerts: io.Discard, Log: zerolog.New(log), AnyPort: true}); err != nil {
		t.Fatal(err)
	}
	if len(log.with("warn")) != 0 || len(log.with(`"flow_samples":20,`)) != 1 {
		t.Errorf("any port: log %q", log.all())
	}
}

func TestReplayRefusesInOneLine(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no capture at all, only some text that is long enough"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{text, empty, filepath.Join(dir, "missing"), dir} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			out, _, err := replayed(t, replayConfig(), name)
			if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\n") || len(out.all()) > 0 {
				t.Errorf("error %q and output %q, want one line that names %s", err, out.all(), name)
			}
			t.Log(err)
		})
	}
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestReplayStopsWhereAlertsCannotBeWritten(t *testing.T) {
	r, rng := record(t), rand.New(rand.NewPCG(5, 5))
	r.elephant(rng, 40000, 3*time.Second)
	err := Replay(t.Context(), replayConfig(), []string{r.done()}, IO{Alerts: fullDisk{}, Log: zerolog.Nop()})
	if !errors.Is(err, errFull) {
		t.Errorf("error %v, want %v", err, errFull)
	}
}

func TestReplayShowsProgressAndCleansUp(t *testing.T) {
	r, rng := record(t), rand.New(rand.NewPCG(6, 6))
	r.mice(rng, time.Second)
	var out bytes.Buffer
	if err := Replay(t.Context(), replayConfig(), []string{r.done()}, IO{Alerts: io.Discard, Log: zerolog.Nop(), Progress: &out}); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !strings.Contains(s, "test.pcap: ") || !strings.HasSuffix(s, "\r\x1b[K") {
		t.Errorf("progress %q, want a line and its removal", s)
	}
}

// Fifty thousand flows, each seen once, need no more memory than the tables
// have.
func TestReplayMemoryIsBounded(t *testing.T) {
	r, rng := record(t), rand.New(rand.NewPCG(7, 7))
	ports := make([]uint16, 50)
	for range 1000 {
		for i := range ports {
			ports[i] = uint16(rng.Uint32())
		}
		r.at = r.at.Add(time.Millisecond)
		r.write(r.e.flows(ports...))
	}
	name := r.done()
	cfg := replayConfig()
	cfg.Limits.Keys = 1024
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	mustReplay(t, cfg, name)
	runtime.ReadMemStats(&after)
	// Everything allocated on the way, garbage too.
	if got := after.TotalAlloc - before.TotalAlloc; got > 12<<20 {
		t.Errorf("allocated %d MB for a capture of 50,000 samples", got>>20)
	}
}
