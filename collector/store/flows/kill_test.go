package flows

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"weir/collector/record"
)

// kills is how often a process is killed, lanes how many live at once. A life
// takes some 20 ms of a core; on a machine that is busy elsewhere there are not as
// many: killTime bounds them.
const (
	kills    = 1000
	lanes    = 4
	killTime = 50 * time.Second
)

const victimEnv = "WEIR_TEST_KILL"

// victim is a process that keeps rows, each a millisecond after the one before,
// makes segments of them, deletes the oldest, and kills itself at a random place
// of that. It tells what was on disk for certain: lines of one number. A life
// begins with a look at what the one before left.
func victim(arg string) error {
	dir, rest, _ := strings.Cut(arg, "\n")
	var seed, sure uint64
	if _, err := fmt.Sscan(rest, &seed, &sure); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(seed, 1))
	left := r.IntN(40)
	die := func(string) {
		if left--; left < 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	x := record.NewExchange(2)
	w := x.NewWriter()
	// So many octets that the oldest go again and again.
	s, err := Open(Config{Dir: dir, MaxBytes: 1 << 20, MaxAge: forever, Rollups: 100 << 10, RollupsAge: forever, Names: site{}, fault: die}, x)
	if err != nil {
		return err
	}
	next, err := whole(dir, sure)
	if err != nil {
		return err
	}
	for {
		for range 1 + r.IntN(3) {
			n := 1 + r.IntN(1000)
			feed(w, int(next), n)
			next += uint64(n)
			s.add(<-x.Full())
		}
		if err := s.journal.write(true); err != nil {
			return err
		}
		fmt.Println(next)
		die("synced")
		s.opened = time.Time{} // it is due
		s.flush(time.Now())
		s.wait.Wait()
	}
}

// whole returns the number of the next row. Rows that are there must follow each
// other, each once, up to those that were on disk for certain.
func whole(dir string, sure uint64) (next uint64, err error) {
	r, err := Scan(context.Background(), dir, Query{From: epoch, To: epoch.Add(1000 * time.Hour), Add: true, Samples: true})
	if err != nil || r.Broken != "" {
		return 0, fmt.Errorf("%w %s", err, r.Broken)
	}
	if r.Total.Samples == 0 {
		if sure > 0 {
			return 0, fmt.Errorf("nothing is left of %d rows", sure)
		}
		return 0, nil
	}
	first, last := r.Total.First.Sub(epoch).Milliseconds(), r.Total.Last.Sub(epoch).Milliseconds()
	next = uint64(last) + 1
	switch {
	case int64(r.Total.Samples) != last-first+1:
		return 0, fmt.Errorf("%d rows from number %d to %d", r.Total.Samples, first, last)
	case next < sure:
		return 0, fmt.Errorf("rows end with %d, but %d were on disk", next, sure)
	}
	return next, nil
}

func TestVictim(t *testing.T) {
	arg, ok := os.LookupEnv(victimEnv)
	if !ok {
		return // it is for TestKills
	}
	t.Fatal(victim(arg))
}

// inMemory is a directory in memory, where there is such: what a process that is
// killed has written stays with the kernel, whatever it is on, and a disk would
// only make lives longer.
func inMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "weir-kills-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // it is in memory
	return dir
}

// A process that is killed at any moment, again and again, loses nothing that was
// on disk and tells nothing twice.
func TestKills(t *testing.T) {
	t.Parallel()
	var lane sync.WaitGroup
	var lives atomic.Int64
	begun := time.Now()
	for l := range lanes {
		dir := inMemory(t)
		lane.Go(func() {
			sure := uint64(0)
			for i := range kills / lanes {
				if time.Since(begun) > killTime {
					break
				}
				lives.Add(1)
				c := exec.Command(os.Args[0], "-test.run=^TestVictim$", "-test.count=1")
				c.Env = append(os.Environ(), victimEnv+"="+dir+"\n"+strconv.Itoa(l*kills+i)+" "+strconv.FormatUint(sure, 10), "GOMAXPROCS=1")
				var out, errs bytes.Buffer
				c.Stdout, c.Stderr = &out, &errs
				_ = c.Run() // it was killed
				if st, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || st.Signal() != syscall.SIGKILL {
					t.Errorf("lane %d, life %d: %s %s", l, i, out.String(), errs.String())
					return
				}
				for _, line := range strings.Fields(out.String()) {
					if n, err := strconv.ParseUint(line, 10, 64); err == nil {
						sure = n
					}
				}
			}
			if sure == 0 {
				t.Error("nothing was ever on disk")
			}
			bad, err := filepath.Glob(filepath.Join(dir, "*"+badSuffix))
			if err != nil || len(bad) > 0 {
				t.Errorf("set aside: %v %v", bad, err)
			}
		})
	}
	lane.Wait()
	t.Logf("%d lives in %s", lives.Load(), time.Since(begun).Round(time.Second))
	if n := lives.Load(); n < kills && time.Since(begun) < killTime {
		t.Errorf("%d lives, want %d", n, kills)
	}
}
