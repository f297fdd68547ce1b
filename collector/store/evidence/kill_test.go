package evidence

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"weir/collector/record"
)

const (
	victimEnv = "WEIR_EVIDENCE_TEST_DIR"
	kills     = 100
	few       = 400 << 10 // octets of all files, so that the oldest go
)

// gatherForever gathers headers of one alert after the other, and names each whose
// file is there.
func gatherForever(dir string) error {
	r := record.NewRing(false)
	k, err := Open(Config{Dir: dir, MaxBytes: few, MaxAge: time.Hour, Agent: agentOf, Rings: []*record.Ring{r}})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		for j := range 500 {
			r.Add(sample(epoch.Add(time.Duration(i)*time.Second+time.Duration(j)), 5, 1, frame("10.0.0.1", "10.0.0.2", uint16(j), 80)))
		}
		r.Flush()
		id := fmt.Sprintf("abc-%d-%d", os.Getpid(), i)
		k.Put(started(id, `{"victim":"10.0.0.2/32"}`))
		k.Gather(time.Now())
		k.limit(time.Now())
		fmt.Println(id)
	}
}

// A process that is killed at any moment leaves whole files, the last that it told
// of among them, within the limit, and nothing half written.
func TestKilledProcessLeavesWholeEvidence(t *testing.T) {
	if dir := os.Getenv(victimEnv); dir != "" {
		t.Fatal(gatherForever(dir))
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, random, unfinished := t.TempDir(), rand.New(rand.NewPCG(1, 2)), 0
	for life := range kills {
		cmd := exec.Command(exe, "-test.run=^TestKilledProcessLeavesWholeEvidence$")
		cmd.Env = append(os.Environ(), victimEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last := ""
		for s := bufio.NewScanner(out); s.Scan(); {
			if last == "" {
				time.AfterFunc(time.Duration(random.IntN(int(15*time.Millisecond))), func() { _ = cmd.Process.Kill() })
			}
			last = s.Text()
		}
		_ = cmd.Wait()
		half, err := filepath.Glob(filepath.Join(dir, "*"+newSuffix))
		if err != nil {
			t.Fatal(err)
		}
		unfinished += len(half)
		k, err := Open(Config{Dir: dir, MaxBytes: few, MaxAge: time.Hour, Agent: agentOf})
		if err != nil {
			t.Fatal(err)
		}
		all, err := List(dir)
		if err != nil || last == "" {
			t.Fatal(err, last)
		}
		sum, told := int64(0), false
		for _, f := range all {
			sum, told = sum+f.Size, told || f.ID == last
			if n := len(packets(t, k, f.ID)); n != atOnce {
				t.Errorf("life %d: %s has %d headers, want %d", life, f.ID, n, atOnce)
			}
		}
		left, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(left) != len(all) || !told || sum > few {
			t.Fatalf("life %d: %d files of %d, %d octets, %s told %v, %v", life, len(all), len(left), sum, last, told, err)
		}
	}
	t.Logf("%d kills, %d of them within a file", kills, unfinished)
}
