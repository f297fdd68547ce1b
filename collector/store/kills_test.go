package store

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Processes write everything that is kept, many kinds at the same time, are killed at
// random moments and begun anew in the same directory. Kills are counted by the kinds
// of write that were under way; each is of the kind that was hit least.
const (
	kills    = 1000
	killHits = 100 // of each kind
	// Where the machine is busy elsewhere, there are fewer: as many as are killed in
	// killTime, or in leastTime leastKills, and leastHits of each kind.
	killTime   = 130 * time.Second
	leastTime  = 8 * time.Minute
	leastKills = 300
	leastHits  = 30
	// lanes is how many processes live at once, laneLives how many live in a directory
	// one after the other.
	lanes     = 4
	laneLives = 25
)

const killsEnv = "WEIR_TEST_VICTIM"

// killPatience is how long a process may take to look at what there is.
const killPatience = 5 * time.Minute

// killsEach is for `make kills`: how many kills there are of each kind.
const killsEach = "WEIR_KILLS"

// How a life ends.
const (
	atRandom = iota // killed by its parent, at a random moment
	atStart         // the same, while it looks at what is there
	atKind          // by SIGKILL at a random moment of a write of some kind
	atCall          // by the kernel, in such a write, at the next of some system calls
	waysToDie
)

// TestVictim is the process that is killed.
func TestVictim(t *testing.T) {
	arg, ok := os.LookupEnv(killsEnv)
	if !ok {
		return // it is for TestKills
	}
	dir, rest, _ := strings.Cut(arg, "\n")
	disk, rest, _ := strings.Cut(rest, "\n")
	var way, groups, kind int
	var seed uint64
	if _, err := fmt.Sscan(rest, &way, &groups, &kind, &seed); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 1))
	v := &victim{running: t.Context(), dir: filepath.Join(dir, "life"), disk: disk, templates: filepath.Join(filepath.Dir(dir), "templates"), page: openPage(t, filepath.Join(dir, "page")), random: random, groups: groups}
	v.fate.kind = kind
	v.fate.skip.Store(random.Int64N(2))
	v.fate.die = func(took time.Duration) error {
		call, after := deadlyCalls[random.IntN(len(deadlyCalls))], time.Duration(random.Int64N(1+int64(took)))
		if way == atCall { // not always the first of the write
			time.AfterFunc(after, func() { v.must(dieAt(call)) })
			return nil
		}
		return dieAfter(after)
	}
	v.live()
}

// killing is what came of the kills.
type killing struct {
	each  int           // kills wanted of each kind; 0: as many as there are by default
	time  time.Duration // then
	least int           // kills, however long they take
	hits  int           // of each kind
	begun time.Time

	mu     sync.Mutex // guards what follows
	lives  int
	ways   [waysToDie]int
	parts  [killParts]int // hits
	kinds  map[string]int // by kind
	failed bool
}

// enough reports whether there were enough.
func (k *killing) enough() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed {
		return true
	}
	if k.each == 0 && time.Since(k.begun) > k.time {
		return k.had(k.least, k.hits) || time.Since(k.begun) > leastTime
	}
	if k.each > 0 {
		return k.had(0, max(k.each, killHits))
	}
	return k.had(kills, killHits)
}

// had reports whether there were so many, and of each kind.
func (k *killing) had(lives, hits int) bool {
	for part := range killed {
		if k.kinds[killed[part].kind] < hits {
			return false
		}
	}
	return k.lives >= lives
}

// died counts a life that ended.
func (k *killing) died(way, writes int, p page) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lives++
	k.ways[way]++
	if way == atStart { // what the page says may be of the life before
		return
	}
	hit := map[string]bool{}
	for part := range k.parts {
		if one := &killed[part]; writes&one.group != 0 && p.under(part) != 0 {
			k.parts[part]++
			hit[one.kind] = true
		}
	}
	for kind := range hit {
		k.kinds[kind]++
	}
}

func (k *killing) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d kills in %s: %d at a random moment, %d at the start, %d within a write, %d at a system call of one; of each kind under way:", k.lives, time.Since(k.begun).Round(time.Second), k.ways[atRandom], k.ways[atStart], k.ways[atKind], k.ways[atCall])
	last := "" // the parts of a kind follow each other
	for part := range killed {
		one := &killed[part]
		if one.kind != last {
			fmt.Fprintf(&b, "\n%6d %s", k.kinds[one.kind], one.kind)
		}
		if last = one.kind; one.name != "" {
			fmt.Fprintf(&b, "\n             %6d %s", k.parts[part], one.name)
		}
	}
	return b.String()
}

// nameOf is what a part is called.
func nameOf(part int) string { return strings.TrimSpace(killed[part].kind + " " + killed[part].name) }

// TestKills kills processes and has the next look at what they left.
func TestKills(t *testing.T) {
	t.Parallel()
	k := &killing{begun: time.Now(), time: killTime, least: leastKills, hits: leastHits, kinds: map[string]int{}}
	if n, err := strconv.Atoi(os.Getenv(killsEach)); err == nil {
		k.each, k.least = n, n
	} else if testing.Short() {
		t.Log("few, since it is -short")
		k.time, k.least, k.hits = 15*time.Second, 10, 0
	}
	base := inMemory(t)
	templates := filepath.Join(base, "templates")
	(&victim{templates: templates, disk: templates, test: t, label: "templates"}).makeTemplates()
	var lane sync.WaitGroup
	for l := range lanes {
		lane.Go(func() {
			for round := 0; !k.enough(); round++ {
				dir := filepath.Join(base, fmt.Sprintf("lane-%d-%d", l, round))
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Error(err)
					return
				}
				if err := k.lane(t, dir, uint64(l)<<32+uint64(round)<<16); err != nil {
					k.mu.Lock()
					k.failed = true
					k.mu.Unlock()
					t.Errorf("%s: %v", filepath.Base(dir), err)
					return
				}
				_ = os.RemoveAll(dir) // the rest goes at the end
			}
		})
	}
	lane.Wait()
	if k.failed {
		return // what failed is said last
	}
	t.Log(k)
	if !k.had(k.least, max(k.each, k.hits)) {
		t.Errorf("want %d kills, %d while each kind was under way", k.least, max(k.each, k.hits))
	}
}

// lane has processes live and die in a directory, one after the other.
func (k *killing) lane(t *testing.T, dir string, seed uint64) error {
	p, disk := openPage(t, filepath.Join(dir, "page")), t.TempDir()
	random := rand.New(rand.NewPCG(seed, 2))
	for i := range laneLives {
		if k.enough() {
			return nil
		}
		way := atKind
		switch n := random.IntN(20); {
		case n < 1 && i > 0:
			way = atStart
		case n < 3:
			way = atRandom
		case n < 8:
			way = atCall
		}
		if err := k.life(dir, disk, p, way, seed+uint64(i), random); err != nil {
			return fmt.Errorf("life %d: %w", i, err)
		}
	}
	return nil
}

// life has a process live and die.
func (k *killing) life(dir, disk string, p page, way int, seed uint64, random *rand.Rand) error {
	rare := k.rarest()
	writes := killed[rare].group | random.IntN(1<<groups)&random.IntN(1<<groups)&random.IntN(1<<groups)
	kind := -1
	if way == atKind || way == atCall {
		kind = rare
	}
	p.set(pageReady, 0)
	c := exec.Command(os.Args[0], "-test.run=^TestVictim$", "-test.count=1")
	c.Env = append(os.Environ(), killsEnv+"="+dir+"\n"+disk+"\n"+fmt.Sprint(way, " ", writes, " ", kind, " ", seed), "GOGC=400")
	var errs bytes.Buffer
	c.Stdout, c.Stderr = &errs, &errs
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Wait() // it was killed
	}()
	switch way {
	case atStart:
		sleep(ended, time.Duration(random.IntN(int(100*time.Millisecond))))
	default:
		for begun := time.Now(); p.get(pageReady) == 0 && time.Since(begun) < killPatience; {
			if sleep(ended, time.Millisecond) {
				break
			}
		}
		if p.get(pageReady) == 0 {
			_ = c.Process.Kill()
			<-ended
			return fmt.Errorf("it did not begin: %s", errs.String())
		}
		wait := 2 * time.Second // it dies before
		if way == atRandom {
			wait = time.Duration(random.IntN(int(100 * time.Millisecond)))
		}
		sleep(ended, wait)
	}
	_ = c.Process.Kill()
	<-ended
	st, ok := c.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || st.Signal() != syscall.SIGKILL && st.Signal() != syscall.SIGSYS {
		return fmt.Errorf("it ended by itself: %s", errs.String())
	}
	k.died(way, writes, p)
	return nil
}

// rarest is the part that was hit least, of the kind that was.
func (k *killing) rarest() (part int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, n := range k.parts {
		mine, least := k.kinds[killed[i].kind], k.kinds[killed[part].kind]
		if mine < least || mine == least && n < k.parts[part] {
			part = i
		}
	}
	return part
}

// sleep waits, or until the process has ended, which it reports.
func sleep(ended chan struct{}, d time.Duration) bool {
	select {
	case <-ended:
		return true
	case <-time.After(d):
		return false
	}
}

// inMemory is a directory in memory, where there is such: what a process that is
// killed has written stays with the kernel, whatever it is on, and a disk would
// only make lives longer.
func inMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "weir-kills-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if t.Failed() && flag.Lookup("test.v").Value.String() == "true" {
			t.Log("left in ", dir)
			return
		}
		_ = os.RemoveAll(dir) // it is in memory
	})
	return dir
}
