package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/collector"
	"weir/collector/archive"
	"weir/collector/config"
	"weir/collector/sink/influx"
	"weir/collector/store"
	"weir/collector/store/series"
	"weir/collector/store/smalldisk"
	"weir/detect"
)

func TestEraseAsksFirstAndNeedsTheDirectoryAlone(t *testing.T) {
	state := t.TempDir()
	conf := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(conf, []byte("state_dir: "+state+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no project", nil, 2, "--project: name the project"},
		{"not sure", []string{"--project", "p"}, 2, "what is erased cannot be brought back: add --yes"},
		{"no address", []string{"--project", "p", "--address", "cn7", "--yes"}, 2, `--address "cn7": write an IP address`},
		{"nothing kept", []string{"--project", "p", "--yes"}, 1, "no state in " + state + " and no history in " + filepath.Join(state, "history") + ": name the configuration"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, text := weir(t, append([]string{"--config", conf, "erase"}, c.args...)...)
			if code != c.code || !strings.Contains(text, c.want) {
				t.Errorf("%d %s %s, want %d %s", code, out, text, c.code, c.want)
			}
		})
	}
	if left, err := os.ReadDir(state); err != nil || len(left) > 0 {
		t.Errorf("made %v, %v", left, err)
	}
	held, err := store.Open(state)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, text := weir(t, "--config", conf, "erase", "--project", "p", "--yes"); code != 1 || !strings.Contains(text, "in use by process") {
		t.Errorf("while weir runs: %d %s", code, text)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _, text := weir(t, "--config", conf, "erase", "--project", "p", "--yes"); code != 0 || !strings.Contains(text, `no alert and no instance of project "p" is known`) {
		t.Errorf("nothing of it: %d %s", code, text)
	}
}

// projectSubject is the subject of a test's alert.
type projectSubject string

func (s projectSubject) AppendCanonical(b []byte) []byte { return append(b, s...) }
func (s projectSubject) Line() string                    { return "vm-1 of " + string(s) }
func (s projectSubject) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"type":"instance","name":"vm-1","uuid":"0e6f7c1a-5a0b-4f0e-9d3c-2b1a09f8e7d6","project":%q,"address":"10.9.9.9"}`, string(s)), nil
}

func putAlert(t *testing.T, state, project string) {
	t.Helper()
	s, err := store.Open(state)
	if err != nil {
		t.Fatal(err)
	}
	l, err := store.OpenAlertLog(state, store.AlertLogConfig{MaxBytes: 1 << 20, MaxAge: 1000 * time.Hour, EvidenceAge: 1000 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	l.Put(&detect.Alert{At: time.Now(), ID: "a-1", Seq: 1, Change: detect.Start, Kind: "instance_unreachable", Subject: projectSubject(project), Evidence: projectSubject("none")})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	l.Run(ctx)
	if err := errors.Join(l.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// spoolPoints leaves points that wait for InfluxDB, and one that it refused.
func spoolPoints(t *testing.T, state string) {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	cfg := config.Default()
	cfg.StateDir = state
	s := influx.New(influx.Config{URL: server.URL, Bucket: "weir", Series: 10, Dir: collector.SpoolDir(&cfg), Spool: 1 << 20, Log: zerolog.Nop()})
	const of = "virt_cpu,agent=192.0.2.1,instance=%s state=1i 5\n"
	refused := fmt.Sprintf(of, "0e6f7c1a-5a0b-4f0e-9d3c-2b1a09f8e7d6")
	lines := refused + `top,definition=src slot=1,key="10.9.9.9" 5` + "\n" + fmt.Sprintf(of, "1e6f7c1a-5a0b-4f0e-9d3c-2b1a09f8e7d6") +
		`alert_events,kind=x id="a-1" 5` + "\n" + `alert_events,kind=x id="a-2",subject="vm-1 of p-1" 5` + "\n"
	s.WriteLines([]byte(lines), strings.Count(lines, "\n"))
	if err := errors.Join(s.Close(t.Context()), os.WriteFile(filepath.Join(collector.SpoolDir(&cfg), "rejected.lp"), []byte(refused), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// pointsLeft sees that those of others are left of them alone.
func pointsLeft(t *testing.T, state string) {
	t.Helper()
	cfg := config.Default()
	cfg.StateDir = state
	var all []byte
	if err := filepath.WalkDir(collector.SpoolDir(&cfg), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all = append(all, b...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]bool{"1e6f7c1a-5a0b": true, "0e6f7c1a-5a0b": false, "10.9.9.9": false, `"a-1"`: false, "p-1": false} {
		if bytes.Contains(all, []byte(word)) != want {
			t.Errorf("points for InfluxDB have %s: %v, want %v", word, !want, want)
		}
	}
}

// Held archives that tell of a project are named, and nothing is erased, until
// they are asked for; those of others stay.
func TestEraseAndHeldArchives(t *testing.T) {
	state := t.TempDir()
	conf := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(conf, []byte("state_dir: "+state+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	putAlert(t, state, "p-1")
	spoolPoints(t, state)
	held := filepath.Join(state, "held")
	if err := os.MkdirAll(held, 0o700); err != nil {
		t.Fatal(err)
	}
	archives := map[string]archive.File{
		"a-1": {Name: "alerts.json", Body: []byte(`[{"subject":{"project":"p-1"}}]`)},
		"a-2": {Name: "flows.csv", Body: []byte("agent,src,dst\n192.0.2.1,10.9.9.9,10.1.1.1\n")},
		"a-3": {Name: "timeline.txt", Body: []byte("10.9.9.99 and p-11\n")},
	}
	for id, f := range archives {
		var b bytes.Buffer
		if _, err := archive.Write(&b, "incident-"+id, []archive.File{f}, time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(held, id+".tar.gz"), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(held, "a-4.tar.gz"), []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	erase := []string{"--config", conf, "erase", "--project", "p-1", "--yes"}
	code, out, text := weir(t, erase...)
	for _, want := range []string{"nothing was erased: 3 held archives", "a-1.tar.gz: alerts.json names an instance of it", "a-2.tar.gz: flows.csv names it", "a-4.tar.gz: cannot be searched"} {
		if code != 1 || !strings.Contains(text, want) || out != "" {
			t.Errorf("%d %s %s, want 1 and %q", code, out, text, want)
		}
	}
	if strings.Contains(text, "a-3") {
		t.Errorf("%s: a-3 tells of others", text)
	}
	code, out, text = weir(t, append(erase, "--held")...)
	for _, want := range []string{"3 held archives: a-1, a-2, a-4", "1 changes of alerts", "0 time series, of 1 instances and 0 of their ports", "4 points that wait for InfluxDB, 1 lines that it refused\n"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%d %s %s, want %q", code, out, text, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(held, "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "a-3.tar.gz" {
		t.Errorf("%v left: %v", left, err)
	}
	if proof, err := store.VerifyAlerts(t.Context(), state, nil); err != nil || proof.Break != nil || proof.Erased != 1 {
		t.Errorf("%+v, %v", proof, err)
	}
	book, err := store.ReadCare(t.Context(), state)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := book.Held("a-1"); ok {
		t.Error("a-1 is still held")
	}
}

// Where the disk is full it fails with a line that says what to do, and ends the work
// once there is room.
func TestEraseOnAFullDisk(t *testing.T) {
	for _, left := range []int64{0, 64 << 10} {
		t.Run(fmt.Sprint("octets left: ", left), func(t *testing.T) {
			disk := smalldisk.Mount(t, 16<<20)
			state := filepath.Join(disk, "state")
			conf := filepath.Join(t.TempDir(), "weir.yaml")
			if err := errors.Join(os.Mkdir(state, 0o700), os.WriteFile(conf, []byte("state_dir: "+state+"\n"), 0o600)); err != nil {
				t.Fatal(err)
			}
			putAlert(t, state, "p-1")
			spoolPoints(t, state)
			erase := []string{"--config", conf, "erase", "--project", "p-1", "--yes"}
			free := smalldisk.Fill(t, disk, left)
			code, out, text := weir(t, erase...)
			if code != 1 || !strings.Contains(text, "full") && !strings.Contains(text, "no space left") || strings.Count(text, "\n") != 1 || strings.Contains(out, "changes of alerts") {
				t.Errorf("full: %d %s %s", code, out, text)
			}
			if err := filepath.WalkDir(state, func(path string, _ os.DirEntry, err error) error {
				if strings.HasSuffix(path, ".new") {
					t.Errorf("%s is left", path)
				}
				return err
			}); err != nil {
				t.Error(err)
			}
			t.Log(text)
			free()
			if code, out, text := weir(t, erase...); code != 0 || !strings.Contains(out, "changes of alerts") {
				t.Errorf("with room: %d %s %s", code, out, text)
			}
			pointsLeft(t, state)
			for _, name := range []string{"state.db", "state.db-wal"} {
				if b, err := os.ReadFile(filepath.Join(state, name)); err == nil && bytes.Contains(b, []byte("0e6f7c1a")) {
					t.Errorf("%s has the instance", name)
				}
			}
			if proof, err := store.VerifyAlerts(t.Context(), state, nil); err != nil || proof.Break != nil || proof.Erased != 1 {
				t.Errorf("%+v, %v", proof, err)
			}
		})
	}
}

// Whoever is killed while erasing is asked again, and what is left goes then.
func TestEraseThatWasKilledIsFinishedByTheNext(t *testing.T) {
	for steps := range 6 {
		t.Run(fmt.Sprintf("after %d steps", steps), func(t *testing.T) {
			state := t.TempDir()
			conf := filepath.Join(t.TempDir(), "weir.yaml")
			if err := os.WriteFile(conf, []byte("state_dir: "+state+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			putAlert(t, state, "p-1")
			spoolPoints(t, state)
			p := &program{configFile: conf, streams: streams{nil, io.Discard, io.Discard}}
			cfg, err := p.loadToAsk()
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if _, err := archive.Write(&b, "incident-a-1", []archive.File{{Name: "timeline.txt", Body: []byte("10.9.9.9\n")}}, time.Now()); err != nil {
				t.Fatal(err)
			}
			held, capture := filepath.Join(state, "held", "a-1.tar.gz"), filepath.Join(cfg.EvidenceDir(), "a-1.pcapng")
			for path, text := range map[string]string{held: b.String(), filepath.Join(state, "held", "archive.new"): "half of one", capture: "packets"} {
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			found, err := store.FindProject(t.Context(), state, "p-1")
			if err != nil {
				t.Fatal(err)
			}
			about := series.About{Instances: found.Instances, Addresses: found.Addresses}
			archives, err := heldToErase(&cfg, &eraseFlags{project: "p-1", held: true}, &about)
			if err != nil || len(archives) != 1 {
				t.Fatal(archives, err)
			}
			for _, step := range p.eraseSteps(t.Context(), &cfg, "p-1", found.Alerts, &about, archives)[:steps] {
				if err := step(); err != nil {
					t.Fatal(err)
				}
			}
			if code, out, text := weir(t, "--config", conf, "erase", "--project", "p-1", "--yes", "--held"); code != 0 {
				t.Fatalf("%d %s %s", code, out, text)
			}
			for _, path := range []string{held, filepath.Join(state, "held", "archive.new"), capture} {
				if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is left: %v", path, err)
				}
			}
			pointsLeft(t, state)
			if left, err := store.FindProject(t.Context(), state, "p-1"); err != nil || left.Changes+len(left.Addresses) > 0 {
				t.Errorf("%+v is left, %v", left, err)
			}
			if proof, err := store.VerifyAlerts(t.Context(), state, nil); err != nil || proof.Break != nil || proof.Erased != 1 || proof.Deeds == 0 {
				t.Errorf("%+v, %v", proof, err)
			}
			if book, err := store.ReadCare(t.Context(), state); err != nil {
				t.Error(err)
			} else if _, ok := book.Held("a-1"); ok {
				t.Error("a-1 is still held")
			}
		})
	}
}
